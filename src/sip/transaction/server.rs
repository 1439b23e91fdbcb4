//! Non-INVITE server transaction: RFC 3261 Figure 8.
//!
//! Driven by the [`TransactionLayer`](super::TransactionLayer). No 100 Trying is made here: RFC 4320 wants none before a request other than
//! INVITE has waited long, and our TU answers at once.

use super::step::ServerAction::*;
use super::step::Timer::*;
use super::step::{ServerAction, Step, step};

/// The states of RFC 3261 Figure 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The request is with the TU.
    Trying,
    /// A 1xx was sent.
    Proceeding,
    /// The final response was sent.
    Completed,
    /// Over.
    Terminated,
}

/// What may happen to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The request came again.
    Request,
    /// The TU gave a 1xx.
    Provisional,
    /// The TU gave a final response.
    Final,
    /// Timer J fired.
    TimerJ,
    /// The response could not be sent, or its connection has gone.
    TransportFailed,
}

/// The state and actions that follow `event` in `state`. Reliability shows in the length of timer J alone.
pub fn next(state: State, event: Event) -> Step<State, ServerAction> {
    use State::*;
    match (state, event) {
        (Trying, Event::Request | Event::TimerJ) => step(Trying, &[]),
        // Nothing was sent yet; the TU learns of it when its response fails.
        (Trying, Event::TransportFailed) => step(Trying, &[]),
        (Trying | Proceeding, Event::Provisional) => step(Proceeding, &[Send]),
        (Trying | Proceeding, Event::Final) => step(Completed, &[Send, Start(J)]),

        (Proceeding, Event::Request) => step(Proceeding, &[SendAgain]),
        (Proceeding, Event::TimerJ) => step(Proceeding, &[]),
        (Proceeding | Completed, Event::TransportFailed) => step(Terminated, &[TellUnreachable]),

        (Completed, Event::Request) => step(Completed, &[SendAgain]),
        (Completed, Event::TimerJ) => step(Terminated, &[]),
        (Completed, Event::Provisional | Event::Final) => step(Completed, &[DropResponse]),

        (Terminated, Event::Provisional | Event::Final) => step(Terminated, &[DropResponse]),
        (Terminated, Event::Request | Event::TimerJ | Event::TransportFailed) => step(Terminated, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an event leads and what it makes.
    type Edge = (State, &'static [ServerAction]);

    #[test]
    #[rustfmt::skip]
    fn every_state_and_event_of_figure_8_leads_where_the_rfc_says() {
        use State::*;
        const EVENTS: [Event; 5] =
            [Event::Request, Event::Provisional, Event::Final, Event::TimerJ, Event::TransportFailed];
        const NOT: &[ServerAction] = &[];
        const FIGURE_8: [(State, [Edge; 5]); 4] = [
            (Trying, [
                (Trying, NOT), (Proceeding, &[Send]), (Completed, &[Send, Start(J)]), (Trying, NOT), (Trying, NOT),
            ]),
            (Proceeding, [
                (Proceeding, &[SendAgain]), (Proceeding, &[Send]), (Completed, &[Send, Start(J)]), (Proceeding, NOT),
                (Terminated, &[TellUnreachable]),
            ]),
            (Completed, [
                (Completed, &[SendAgain]), (Completed, &[DropResponse]), (Completed, &[DropResponse]),
                (Terminated, NOT), (Terminated, &[TellUnreachable]),
            ]),
            (Terminated, [
                (Terminated, NOT), (Terminated, &[DropResponse]), (Terminated, &[DropResponse]), (Terminated, NOT),
                (Terminated, NOT),
            ]),
        ];
        for (state, row) in FIGURE_8 {
            for (event, (next_state, actions)) in EVENTS.into_iter().zip(row) {
                assert_eq!(next(state, event), step(next_state, actions), "{state:?} {event:?}");
            }
        }
    }
}
