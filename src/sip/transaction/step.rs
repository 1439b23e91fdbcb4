//! What the four machines have in common: timers as values, and a step as the next state plus what to do.
//!
//! A machine is a function `(state, event, reliable) -> Step`. It keeps nothing, sends nothing, starts nothing: the
//! [`TransactionLayer`](super::TransactionLayer) carries the actions out.

use std::time::Duration;

/// A transaction's timer, by its letter in RFC 3261 Table 4 and RFC 6026 §8.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The 200 ms after which an INVITE without an answer is told 100 Trying (RFC 3261 §17.2.1).
    Trying,
    /// Retransmission of an INVITE.
    A,
    /// The whole wait for a first answer to an INVITE.
    B,
    /// The whole wait for a final answer after a provisional one (RFC 3261 §16.6 item 11, here for the UAC too, so
    /// that a peer that only ever rings holds no transaction for good).
    C,
    /// Wait for retransmitted failure responses to an INVITE.
    D,
    /// Retransmission of a request other than INVITE.
    E,
    /// The whole wait for a final answer to a request other than INVITE.
    F,
    /// Retransmission of a failure response to an INVITE.
    G,
    /// The whole wait for the ACK to a failure response.
    H,
    /// Wait for retransmitted ACKs.
    I,
    /// Wait for retransmitted requests other than INVITE.
    J,
    /// Wait for retransmitted responses to a request other than INVITE.
    K,
    /// Wait for retransmitted INVITEs after a 2xx (RFC 6026).
    L,
    /// Wait for retransmitted 2xx, and 2xx of other branches of a fork (RFC 6026).
    M,
}

/// The times everything is reckoned from (RFC 3261 Table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round trip.
    pub t1: Duration,
    /// Longest interval between retransmissions of anything but an INVITE or a 2xx.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
    /// Silence of the TU after which an INVITE is answered 100 Trying; zero answers at once.
    pub trying: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            trying: Duration::from_millis(200),
        }
    }
}

impl Timers {
    /// How long a request is waited for altogether: `64 * T1` (timers B, F, H, L, M, and J when unreliable).
    pub fn whole_wait(&self) -> Duration {
        self.t1 * 64
    }

    /// How long `timer` runs. `firings` counts how often it has already fired in this state, for those that double;
    /// `reliable` is whether the transport is (RFC 3261 Table 4: D, I, J and K are then zero).
    pub fn duration(&self, timer: Timer, reliable: bool, firings: u32) -> Duration {
        let doubled = self.t1.saturating_mul(1u32 << firings.min(16));
        match timer {
            Timer::Trying => self.trying,
            Timer::A => doubled,
            Timer::E | Timer::G => doubled.min(self.t2),
            Timer::B | Timer::F | Timer::H | Timer::L | Timer::M => self.whole_wait(),
            Timer::C => Duration::from_secs(181),
            Timer::D | Timer::I | Timer::J | Timer::K if reliable => Duration::ZERO,
            Timer::D => self.whole_wait().max(Duration::from_secs(32)),
            Timer::J => self.whole_wait(),
            Timer::I | Timer::K => self.t4,
        }
    }
}

/// What a server transaction does on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerAction {
    /// Send the response the TU has just given, and keep it for retransmission.
    Send,
    /// Send the kept response again; nothing if there is none.
    SendAgain,
    /// Send 100 Trying.
    SendTrying,
    /// Hand the ACK to the TU (it may carry an answer).
    PassAck,
    /// Count a response of the TU that comes too late to be sent.
    DropResponse,
    /// Tell the TU that the response could not be delivered.
    TellUnreachable,
    /// Tell the TU that no ACK came.
    TellNoAck,
    /// Tell the TU that the transaction is over.
    TellEnded,
    /// Start the timer (anew).
    Start(Timer),
    /// Stop the timer if it runs.
    Stop(Timer),
}

/// What a client transaction does on a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAction {
    /// Send the request (again).
    SendRequest,
    /// Send the ACK to a failure response (RFC 3261 §17.1.1.3).
    SendAck,
    /// Hand the response to the TU.
    Pass,
    /// Tell the TU that no answer came in time.
    TellTimeout,
    /// Tell the TU that the transport failed.
    TellTransportFailed,
    /// Start the timer (anew).
    Start(Timer),
    /// Stop the timer if it runs.
    Stop(Timer),
}

/// The outcome of one event: the state from now on, and what to do, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<State: 'static, Action: 'static> {
    /// The state after the event.
    pub state: State,
    /// What to do, in this order.
    pub actions: &'static [Action],
}

/// Shortens the machines' tables.
pub(super) fn step<State, Action>(state: State, actions: &'static [Action]) -> Step<State, Action> {
    Step { state, actions }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_last_what_table_4_says() {
        let timers = Timers::default();
        let ms = |timer, reliable, firings| timers.duration(timer, reliable, firings).as_millis();
        assert_eq!((0..5).map(|n| ms(Timer::A, false, n)).collect::<Vec<_>>(), [500, 1000, 2000, 4000, 8000]);
        for timer in [Timer::E, Timer::G] {
            assert_eq!(
                (0..5).map(|n| ms(timer, false, n)).collect::<Vec<_>>(),
                [500, 1000, 2000, 4000, 4000]
            );
        }
        for timer in [Timer::B, Timer::F, Timer::H, Timer::L, Timer::M] {
            assert_eq!((ms(timer, false, 0), ms(timer, true, 0)), (32_000, 32_000), "{timer:?}");
        }
        assert_eq!((ms(Timer::D, false, 0), ms(Timer::D, true, 0)), (32_000, 0));
        assert_eq!((ms(Timer::J, false, 0), ms(Timer::J, true, 0)), (32_000, 0));
        assert_eq!((ms(Timer::I, false, 0), ms(Timer::I, true, 0)), (5_000, 0));
        assert_eq!((ms(Timer::K, false, 0), ms(Timer::K, true, 0)), (5_000, 0));
        assert!(ms(Timer::C, false, 0) > 180_000, "RFC 3261 §16.6: larger than 3 minutes");
        assert_eq!(ms(Timer::G, false, u32::MAX), 4000, "doubling does not overflow");
    }
}
