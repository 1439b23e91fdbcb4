//! Which leg a message is for: by dialog, by the INVITE that made it, by a request of its own.
//!
//! A leg holds a [`Registration`]; its Drop takes the leg out of all three tables.

use crate::call::leg::LegMessage;
use crate::sip::dialog::DialogId;
use crate::sip::transaction::{ClientKey, FlowId, ServerKey};
use crate::worker::Sender;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Requests of a leg's whose responses it still gets; a leg has two under way at most.
const CLIENTS_KEPT: usize = 8;

/// All legs of a worker.
#[derive(Default)]
pub struct Registry {
    legs: RefCell<HashMap<u64, (Sender<LegMessage>, FlowId)>>,
    dialogs: RefCell<HashMap<DialogId, u64>>,
    invites: RefCell<HashMap<ServerKey, u64>>,
    clients: RefCell<HashMap<ClientKey, u64>>,
}

/// A leg's entries; gone when dropped.
pub struct Registration {
    registry: Rc<Registry>,
    leg: u64,
    dialog: DialogId,
    invite: ServerKey,
    clients: Vec<ClientKey>,
}

impl Registry {
    /// Enters a leg, to be found by its dialog and by its INVITE.
    pub fn enter(
        self: &Rc<Self>,
        leg: u64,
        (inbox, flow): (Sender<LegMessage>, FlowId),
        dialog: DialogId,
        invite: ServerKey,
    ) -> Registration {
        self.legs.borrow_mut().insert(leg, (inbox, flow));
        self.dialogs.borrow_mut().insert(dialog.clone(), leg);
        self.invites.borrow_mut().insert(invite, leg);
        Registration { registry: Rc::clone(self), leg, dialog, invite, clients: Vec::new() }
    }

    /// The leg of a request within a dialog.
    pub fn by_dialog(&self, dialog: &DialogId) -> Option<Sender<LegMessage>> {
        let leg = *self.dialogs.borrow().get(dialog)?;
        self.inbox_of(leg)
    }

    /// The leg that an INVITE made.
    pub fn by_invite(&self, invite: &ServerKey) -> Option<Sender<LegMessage>> {
        let leg = *self.invites.borrow().get(invite)?;
        self.inbox_of(leg)
    }

    /// The leg that sent a request.
    pub fn by_client(&self, client: &ClientKey) -> Option<Sender<LegMessage>> {
        let leg = *self.clients.borrow().get(client)?;
        self.inbox_of(leg)
    }

    fn inbox_of(&self, leg: u64) -> Option<Sender<LegMessage>> {
        self.legs.borrow().get(&leg).map(|(inbox, _)| inbox.clone())
    }

    /// Whether a leg's INVITE came by this flow.
    pub fn has_legs_on(&self, flow: FlowId) -> bool {
        self.legs.borrow().values().any(|(_, on)| *on == flow)
    }

    /// Every leg.
    pub fn all(&self) -> Vec<Sender<LegMessage>> {
        self.legs.borrow().values().map(|(inbox, _)| inbox.clone()).collect()
    }

    /// How many legs there are.
    pub fn len(&self) -> usize {
        self.legs.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Registration {
    /// Responses to this request of the leg's go to the leg.
    pub fn sent(&mut self, client: ClientKey) {
        if self.clients.len() == CLIENTS_KEPT {
            let oldest = self.clients.remove(0);
            self.registry.clients.borrow_mut().remove(&oldest);
        }
        self.registry.clients.borrow_mut().insert(client, self.leg);
        self.clients.push(client);
    }

    /// The request has had its final response.
    pub fn completed(&mut self, client: &ClientKey) {
        self.registry.clients.borrow_mut().remove(client);
        self.clients.retain(|key| key != client);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.legs.borrow_mut().remove(&self.leg);
        self.registry.dialogs.borrow_mut().remove(&self.dialog);
        self.registry.invites.borrow_mut().remove(&self.invite);
        for client in &self.clients {
            self.registry.clients.borrow_mut().remove(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::testing::on_worker;
    use crate::worker::{Inbox, Worker};

    fn dialog(call_id: &str) -> DialogId {
        DialogId { call_id: call_id.into(), local_tag: "ours".into(), remote_tag: "theirs".into() }
    }

    fn enter(
        worker: &Worker,
        registry: &Rc<Registry>,
        leg: u64,
        call_id: &str,
    ) -> (Registration, Inbox<LegMessage>) {
        let (sender, inbox) = worker.inbox(4);
        let invite = ServerKey::numbered(leg);
        (registry.enter(leg, (sender, FlowId(leg)), dialog(call_id), invite), inbox)
    }

    /// Whether this is the way to that inbox.
    fn leads(found: Option<Sender<LegMessage>>, inbox: &Inbox<LegMessage>) -> bool {
        found.is_some_and(|found| {
            assert!(found.send(LegMessage::Shutdown).is_ok());
            inbox.try_recv().is_some()
        })
    }

    #[test]
    fn a_leg_is_found_by_dialog_invite_and_own_request_until_it_ends() {
        on_worker(|worker| {
            let registry = Rc::<Registry>::default();
            let (mut first, first_inbox) = enter(worker, &registry, 1, "a");
            let (second, second_inbox) = enter(worker, &registry, 2, "b");
            first.sent(ClientKey::numbered(10));
            assert!(leads(registry.by_dialog(&dialog("a")), &first_inbox));
            assert!(leads(registry.by_invite(&ServerKey::numbered(1)), &first_inbox));
            assert!(leads(registry.by_client(&ClientKey::numbered(10)), &first_inbox));
            assert!(leads(registry.by_dialog(&dialog("b")), &second_inbox));
            assert!(registry.by_dialog(&dialog("c")).is_none());
            assert!(registry.has_legs_on(FlowId(1)) && !registry.has_legs_on(FlowId(3)));
            assert_eq!((registry.len(), registry.all().len()), (2, 2));
            drop(first);
            assert!(registry.by_dialog(&dialog("a")).is_none());
            assert!(registry.by_invite(&ServerKey::numbered(1)).is_none());
            assert!(registry.by_client(&ClientKey::numbered(10)).is_none());
            assert!(!registry.has_legs_on(FlowId(1)));
            drop(second);
            assert!(registry.is_empty());
        });
    }

    #[test]
    fn a_request_is_forgotten_when_answered_and_the_oldest_when_there_are_too_many() {
        on_worker(|worker| {
            let registry = Rc::<Registry>::default();
            let (mut leg, _inbox) = enter(worker, &registry, 1, "a");
            for number in 0..=CLIENTS_KEPT as u64 {
                leg.sent(ClientKey::numbered(number));
            }
            assert!(registry.by_client(&ClientKey::numbered(0)).is_none());
            assert!(registry.by_client(&ClientKey::numbered(1)).is_some());
            leg.completed(&ClientKey::numbered(1));
            assert!(registry.by_client(&ClientKey::numbered(1)).is_none());
            assert_eq!(registry.clients.borrow().len(), CLIENTS_KEPT - 1);
            drop(leg);
            assert!(registry.clients.borrow().is_empty());
        });
    }
}
