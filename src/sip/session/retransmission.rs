//! The retransmission of a response that the TU itself repeats: a 2xx until its ACK (RFC 3261 §13.3.1.4), a reliable
//! provisional response until its PRACK (RFC 3262 §3).

use std::time::{Duration, Instant};

use crate::sip::transaction::Timers;

/// When a response is sent again, and when that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retransmission {
    due: Instant,
    wait: Duration,
    /// The wait doubles up to here.
    longest_wait: Duration,
    give_up: Instant,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    SendAgain,
    GiveUp,
}

impl Retransmission {
    /// Of a 2xx sent `now`: T1, doubling to T2, for 64 * T1.
    pub(super) fn of_success(now: Instant, timers: &Timers) -> Retransmission {
        Retransmission::begin(now, timers, timers.t2)
    }

    /// Of a reliable provisional response sent `now`: T1, doubling without bound, for 64 * T1.
    pub(super) fn of_provisional(now: Instant, timers: &Timers) -> Retransmission {
        Retransmission::begin(now, timers, timers.whole_wait())
    }

    fn begin(now: Instant, timers: &Timers, longest_wait: Duration) -> Retransmission {
        Retransmission {
            due: now + timers.t1,
            wait: timers.t1,
            longest_wait,
            give_up: now + timers.whole_wait(),
        }
    }

    /// When [`Retransmission::take_due`] is to be asked.
    pub(super) fn next_due(&self) -> Instant {
        self.due.min(self.give_up)
    }

    /// What is due at `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Due {
        if now >= self.give_up {
            return Due::GiveUp;
        }
        if now < self.due {
            return Due::Nothing;
        }
        self.wait = (self.wait * 2).min(self.longest_wait);
        self.due = now + self.wait;
        Due::SendAgain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(mut retransmission: Retransmission, begin: Instant) -> (Vec<u128>, u128) {
        let mut sent = Vec::new();
        loop {
            let now = retransmission.next_due();
            let at = (now - begin).as_millis();
            match retransmission.take_due(now) {
                Due::SendAgain => sent.push(at),
                Due::GiveUp => return (sent, at),
                Due::Nothing => panic!("nothing was due at {at} ms"),
            }
        }
    }

    #[test]
    fn a_success_is_repeated_at_t1_doubling_to_t2_for_64_t1() {
        let now = Instant::now();
        let (sent, gave_up) = schedule(Retransmission::of_success(now, &Timers::default()), now);
        assert_eq!(sent, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert_eq!(gave_up, 32_000);
    }

    #[test]
    fn a_reliable_provisional_is_repeated_at_t1_doubling_for_64_t1() {
        let now = Instant::now();
        let (sent, gave_up) = schedule(Retransmission::of_provisional(now, &Timers::default()), now);
        assert_eq!(sent, [500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!(gave_up, 32_000);
    }
}
