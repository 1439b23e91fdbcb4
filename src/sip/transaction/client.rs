//! Non-INVITE client transaction: RFC 3261 Figure 6.
//!
//! Driven by the [`TransactionLayer`](super::TransactionLayer).

use super::step::ClientAction::*;
use super::step::Timer::*;
use super::step::{ClientAction, Step, step};

/// The states of RFC 3261 Figure 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No answer yet.
    Trying,
    /// A 1xx came.
    Proceeding,
    /// The final answer came.
    Completed,
    /// Over.
    Terminated,
}

/// What may happen to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A 1xx came.
    Provisional,
    /// A final response came.
    Final,
    /// Timer E fired.
    TimerE,
    /// Timer F fired.
    TimerF,
    /// Timer K fired.
    TimerK,
    /// The request could not be sent, or its connection has gone.
    TransportFailed,
}

/// What a new transaction does first, in [`State::Trying`].
pub fn begin(reliable: bool) -> &'static [ClientAction] {
    if reliable { &[SendRequest, Start(F)] } else { &[SendRequest, Start(E), Start(F)] }
}

/// The state and actions that follow `event` in `state`.
pub fn next(state: State, event: Event) -> Step<State, ClientAction> {
    use State::*;
    match (state, event) {
        (Trying | Proceeding, Event::Provisional) => step(Proceeding, &[Pass]),
        (Trying | Proceeding, Event::Final) => step(Completed, &[Stop(E), Stop(F), Pass, Start(K)]),
        (Trying | Proceeding, Event::TimerE) => step(state, &[SendRequest, Start(E)]),
        (Trying | Proceeding, Event::TimerF) => step(Terminated, &[TellTimeout]),
        (Trying | Proceeding, Event::TimerK) => step(state, &[]),
        (Trying | Proceeding, Event::TransportFailed) => step(Terminated, &[TellTransportFailed]),

        (Completed, Event::TimerK) => step(Terminated, &[]),
        (
            Completed,
            Event::Provisional | Event::Final | Event::TimerE | Event::TimerF | Event::TransportFailed,
        ) => step(Completed, &[]),

        (
            Terminated,
            Event::Provisional
            | Event::Final
            | Event::TimerE
            | Event::TimerF
            | Event::TimerK
            | Event::TransportFailed,
        ) => step(Terminated, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an event leads and what it makes.
    type Edge = (State, &'static [ClientAction]);

    #[test]
    #[rustfmt::skip]
    fn every_state_and_event_of_figure_6_leads_where_the_rfc_says() {
        use State::*;
        const EVENTS: [Event; 6] = [
            Event::Provisional, Event::Final, Event::TimerE, Event::TimerF, Event::TimerK, Event::TransportFailed,
        ];
        const NOT: &[ClientAction] = &[];
        const FINAL: &[ClientAction] = &[Stop(E), Stop(F), Pass, Start(K)];
        const FIGURE_6: [(State, [Edge; 6]); 4] = [
            (Trying, [
                (Proceeding, &[Pass]), (Completed, FINAL), (Trying, &[SendRequest, Start(E)]),
                (Terminated, &[TellTimeout]), (Trying, NOT), (Terminated, &[TellTransportFailed]),
            ]),
            (Proceeding, [
                (Proceeding, &[Pass]), (Completed, FINAL), (Proceeding, &[SendRequest, Start(E)]),
                (Terminated, &[TellTimeout]), (Proceeding, NOT), (Terminated, &[TellTransportFailed]),
            ]),
            (Completed, [
                (Completed, NOT), (Completed, NOT), (Completed, NOT), (Completed, NOT), (Terminated, NOT),
                (Completed, NOT),
            ]),
            (Terminated, [(Terminated, NOT); 6]),
        ];
        for (state, row) in FIGURE_6 {
            for (event, (next_state, actions)) in EVENTS.into_iter().zip(row) {
                assert_eq!(next(state, event), step(next_state, actions), "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn a_request_is_retransmitted_over_unreliable_transports_alone() {
        assert_eq!(begin(false), [SendRequest, Start(E), Start(F)]);
        assert_eq!(begin(true), [SendRequest, Start(F)]);
    }
}
