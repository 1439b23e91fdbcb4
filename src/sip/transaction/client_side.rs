//! The layer's client transactions: requests out, responses in.

use std::time::Instant;

use bytes::Bytes;

use super::alarms::{Owner, Running};
use super::event::{ClientFailure, ClientKey, TransactionEvent, Transmit};
use super::hop::{FlowId, Hop};
use super::key::MAGIC_COOKIE;
use super::layer::TransactionLayer;
use super::step::{ClientAction, Timer};
use super::{client, invite_client};
use crate::sip::{HeaderName, Headers, Method, Request, Response, Uri};

/// So many firings bring timer E to T2 whatever T1 is: its value in Proceeding (RFC 3261 §17.1.2.2).
const FIRINGS_TO_T2: u32 = 16;

/// One client transaction. Its identity is the random number in its branch.
#[derive(Debug)]
pub(super) struct ClientTransaction {
    pub(super) hop: Hop,
    machine: Machine,
    method: Method,
    bytes: Bytes,
    /// What an ACK to a failure repeats of the INVITE; absent for other methods.
    ack_source: Option<Box<AckSource>>,
    running: Running,
    firings: u32,
}

#[derive(Debug)]
struct AckSource {
    uri: Uri,
    headers: Headers,
}

#[derive(Clone, Copy, Debug)]
enum Machine {
    Invite(invite_client::State),
    Other(client::State),
}

impl Machine {
    fn is_terminated(self) -> bool {
        matches!(
            self,
            Machine::Invite(invite_client::State::Terminated) | Machine::Other(client::State::Terminated)
        )
    }
}

impl TransactionLayer {
    /// Sends a request that has no Via yet in a transaction of its own. `branch_random` makes the branch.
    pub fn request(&mut self, now: Instant, hop: Hop, mut request: Request, branch_random: u64) -> ClientKey {
        assert!(request.method != Method::Ack, "an ACK has no transaction of its own");
        let mut id = branch_random;
        while self.clients.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        self.counters.requests_sent += 1;
        request.headers.push_front(HeaderName::Via, via_value(&hop, id));
        let is_invite = request.method == Method::Invite;
        let machine = match is_invite {
            true => Machine::Invite(invite_client::State::Calling),
            false => Machine::Other(client::State::Trying),
        };
        let bytes = request.to_bytes();
        let method = request.method.clone();
        let ack_source =
            is_invite.then(|| Box::new(AckSource { uri: request.uri, headers: request.headers }));
        let client = ClientTransaction {
            hop,
            machine,
            method,
            bytes,
            ack_source,
            running: Running::default(),
            firings: 0,
        };
        self.clients.insert(id, Box::new(client));
        let actions = match is_invite {
            true => invite_client::begin(hop.is_reliable()),
            false => client::begin(hop.is_reliable()),
        };
        self.take_client_step(now, id, machine, actions, None);
        ClientKey(id)
    }

    /// Sends the ACK to a 2xx, which has no transaction (RFC 3261 §13.2.2.4) and no Via yet.
    pub fn send_ack(&mut self, hop: Hop, mut ack: Request, branch_random: u64) {
        assert!(ack.method == Method::Ack, "only an ACK is sent without a transaction");
        ack.headers.push_front(HeaderName::Via, via_value(&hop, branch_random));
        self.transmits.push_back(Transmit { hop, bytes: ack.to_bytes() });
    }

    /// A connection has ended. Requests that were sent over it and have not been answered at all are sent once more, for
    /// the owner of the sockets to open another connection: the peer may never have got them, and else absorbs them as
    /// retransmissions. Server transactions stay: their responses find another connection too (RFC 3261 §18.2.2).
    pub fn handle_connection_ended(&mut self, flow: FlowId) {
        let unanswered = |client: &ClientTransaction| match client.machine {
            Machine::Invite(state) => state == invite_client::State::Calling,
            Machine::Other(state) => state == client::State::Trying,
        };
        let of_flow = self.clients.iter().filter(|(_, client)| client.hop.flow == flow && unanswered(client));
        let mut ids: Vec<u64> = of_flow.map(|(id, _)| *id).collect();
        // In the order of their numbers, whatever the hash: the same input gives the same transmits.
        ids.sort_unstable();
        for id in ids {
            let client = &self.clients[&id];
            self.counters.retransmissions += 1;
            self.transmits.push_back(Transmit { hop: client.hop, bytes: client.bytes.clone() });
        }
    }

    /// RFC 3261 §17.1.3: by the branch we made and the method of CSeq.
    pub(super) fn handle_response(&mut self, now: Instant, response: Response) {
        let id = response.headers.top_via().ok().and_then(|via| via.branch().and_then(branch_id));
        let method = response.headers.cseq().ok().map(|cseq| cseq.method);
        let matched = id.and_then(|id| self.clients.get(&id).map(|client| (id, client)));
        let Some((id, client)) = matched.filter(|(_, client)| Some(&client.method) == method.as_ref()) else {
            self.counters.responses_stray += 1;
            return;
        };
        let status = response.status;
        match client.machine {
            Machine::Invite(state) => {
                let event = if status.is_provisional() {
                    invite_client::Event::Provisional
                } else if status.is_success() {
                    invite_client::Event::Success
                } else {
                    invite_client::Event::Failure
                };
                let step = invite_client::next(state, event);
                self.take_client_step(now, id, Machine::Invite(step.state), step.actions, Some(response));
            }
            Machine::Other(state) => {
                let event = match status.is_provisional() {
                    true => client::Event::Provisional,
                    false => client::Event::Final,
                };
                let step = client::next(state, event);
                self.take_client_step(now, id, Machine::Other(step.state), step.actions, Some(response));
            }
        }
    }

    pub(super) fn client_timer_fired(&mut self, now: Instant, id: u64, timer: Timer) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.running.forget(timer);
        client.firings = client.firings.saturating_add(1);
        match client.machine {
            Machine::Invite(state) => {
                let event = match timer {
                    Timer::A => invite_client::Event::TimerA,
                    Timer::B => invite_client::Event::TimerB,
                    Timer::C => invite_client::Event::TimerC,
                    Timer::D => invite_client::Event::TimerD,
                    _ => invite_client::Event::TimerM,
                };
                let step = invite_client::next(state, event);
                self.take_client_step(now, id, Machine::Invite(step.state), step.actions, None);
            }
            Machine::Other(state) => {
                if state == client::State::Proceeding {
                    client.firings = FIRINGS_TO_T2;
                }
                let event = match timer {
                    Timer::E => client::Event::TimerE,
                    Timer::F => client::Event::TimerF,
                    _ => client::Event::TimerK,
                };
                let step = client::next(state, event);
                self.take_client_step(now, id, Machine::Other(step.state), step.actions, None);
            }
        }
    }

    pub(super) fn client_transport_failed(&mut self, now: Instant, id: u64) {
        let Some(client) = self.clients.get(&id) else { return };
        match client.machine {
            Machine::Invite(state) => {
                let step = invite_client::next(state, invite_client::Event::TransportFailed);
                self.take_client_step(now, id, Machine::Invite(step.state), step.actions, None);
            }
            Machine::Other(state) => {
                let step = client::next(state, client::Event::TransportFailed);
                self.take_client_step(now, id, Machine::Other(step.state), step.actions, None);
            }
        }
    }

    fn take_client_step(
        &mut self,
        now: Instant,
        id: u64,
        machine: Machine,
        actions: &[ClientAction],
        response: Option<Response>,
    ) {
        let client = self.clients.get_mut(&id).expect("a step is taken by a living transaction");
        client.machine = machine;
        for action in actions {
            self.perform_for_client(now, id, *action, response.as_ref());
        }
        if machine.is_terminated()
            && let Some(mut client) = self.clients.remove(&id)
        {
            self.alarms.stop_all(&mut client.running, Owner::Client(id));
        }
    }

    fn perform_for_client(
        &mut self,
        now: Instant,
        id: u64,
        action: ClientAction,
        response: Option<&Response>,
    ) {
        let client = self.clients.get_mut(&id).expect("actions are performed for a living transaction");
        let key = ClientKey(id);
        let owner = Owner::Client(id);
        let hop = client.hop;
        match action {
            ClientAction::SendRequest => {
                self.counters.retransmissions += u64::from(client.firings > 0);
                self.transmits.push_back(Transmit { hop, bytes: client.bytes.clone() });
            }
            ClientAction::SendAck => {
                let response = response.expect("only a response leads to an ACK");
                let source = client.ack_source.as_ref().expect("only an INVITE is acknowledged");
                if let Some(ack) = source.ack(response) {
                    self.transmits.push_back(Transmit { hop, bytes: ack.to_bytes() });
                }
            }
            ClientAction::Pass => {
                let response = response.expect("only a response is passed").clone();
                self.events.push_back(TransactionEvent::Response { key, response });
            }
            ClientAction::TellTimeout | ClientAction::TellTransportFailed => {
                self.counters.requests_failed += 1;
                let cause = match action {
                    ClientAction::TellTimeout => ClientFailure::Timeout,
                    _ => ClientFailure::Transport,
                };
                self.events.push_back(TransactionEvent::ClientFailed { key, cause });
            }
            ClientAction::Start(timer) => {
                let wait = self.timers.duration(timer, hop.is_reliable(), client.firings);
                self.alarms.start(&mut client.running, owner, timer, now + wait);
            }
            ClientAction::Stop(timer) => self.alarms.stop(&mut client.running, owner, timer),
        }
    }
}

impl AckSource {
    /// The ACK to a failure response (RFC 3261 §17.1.1.3); `None` if the response has no readable To.
    fn ack(&self, response: &Response) -> Option<Request> {
        let mut headers = Headers::new();
        headers.copy_from(&self.headers, HeaderName::Via);
        headers.push(HeaderName::MaxForwards, "70");
        headers.copy_from(&self.headers, HeaderName::Route);
        headers.copy_from(&self.headers, HeaderName::From);
        headers.push(HeaderName::To, response.headers.get(HeaderName::To)?);
        headers.copy_from(&self.headers, HeaderName::CallId);
        let number = self.headers.cseq().ok()?.number;
        headers.push(HeaderName::CSeq, format!("{number} ACK"));
        Some(Request { method: Method::Ack, uri: self.uri.clone(), headers, body: Bytes::new() })
    }
}

fn via_value(hop: &Hop, id: u64) -> String {
    format!("SIP/2.0/{} {};rport;branch={MAGIC_COOKIE}{id:016x}", hop.transport, hop.local)
}

fn branch_id(branch: &str) -> Option<u64> {
    let digits = branch.get(..MAGIC_COOKIE.len())?.eq_ignore_ascii_case(MAGIC_COOKIE);
    let digits = digits.then(|| &branch[MAGIC_COOKIE.len()..])?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}
