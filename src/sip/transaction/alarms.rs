//! When which timer of which transaction fires: ordered, O(log n) to start and stop, nothing left when all are stopped.

use std::collections::BTreeSet;
use std::time::Instant;

use super::step::Timer;

/// Most timers a transaction has running at a time (G with H, A with B, E with F).
const MAX_RUNNING: usize = 2;

/// Names a transaction of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Server(u64),
    Client(u64),
}

/// All running timers, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    due: BTreeSet<(Instant, Owner, Timer)>,
}

/// The timers one transaction has running, so that they can be found in [`Alarms`].
#[derive(Debug, Default)]
pub(super) struct Running {
    slots: [Option<(Timer, Instant)>; MAX_RUNNING],
}

impl Running {
    /// Notes that `timer` has fired.
    pub(super) fn forget(&mut self, timer: Timer) {
        for slot in &mut self.slots {
            slot.take_if(|(running, _)| *running == timer);
        }
    }
}

impl Alarms {
    /// When the earliest timer fires.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// How many timers run.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// Takes the earliest timer out if it is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Owner, Timer)> {
        let first = self.due.first()?;
        if first.0 > now {
            return None;
        }
        self.due.pop_first().map(|(_, owner, timer)| (owner, timer))
    }

    /// Starts `timer`, anew if it runs.
    pub(super) fn start(&mut self, running: &mut Running, owner: Owner, timer: Timer, at: Instant) {
        self.stop(running, owner, timer);
        let free = running.slots.iter_mut().find(|slot| slot.is_none());
        *free.expect("no state runs more timers than there are slots") = Some((timer, at));
        self.due.insert((at, owner, timer));
    }

    /// Stops `timer` if it runs.
    pub(super) fn stop(&mut self, running: &mut Running, owner: Owner, timer: Timer) {
        for slot in &mut running.slots {
            if let Some((_, at)) = slot.take_if(|(running, _)| *running == timer) {
                self.due.remove(&(at, owner, timer));
            }
        }
    }

    /// Stops whatever runs.
    pub(super) fn stop_all(&mut self, running: &mut Running, owner: Owner) {
        for slot in &mut running.slots {
            if let Some((timer, at)) = slot.take() {
                self.due.remove(&(at, owner, timer));
            }
        }
    }
}
