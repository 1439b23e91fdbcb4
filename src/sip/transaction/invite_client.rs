//! INVITE client transaction: RFC 3261 Figure 5 as corrected by RFC 6026 Figure 4.
//!
//! Driven by the [`TransactionLayer`](super::TransactionLayer). `Accepted` exists so that every retransmitted 2xx reaches the TU, which
//! answers each with its ACK.

use super::step::ClientAction::*;
use super::step::Timer::*;
use super::step::{ClientAction, Step, step};

/// The states of RFC 6026 Figure 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No answer yet.
    Calling,
    /// A 1xx came.
    Proceeding,
    /// A failure response came and was acknowledged.
    Completed,
    /// A 2xx came.
    Accepted,
    /// Over.
    Terminated,
}

/// What may happen to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A 1xx came.
    Provisional,
    /// A 2xx came.
    Success,
    /// A 300 to 699 came.
    Failure,
    /// Timer A fired.
    TimerA,
    /// Timer B fired.
    TimerB,
    /// Timer C fired.
    TimerC,
    /// Timer D fired.
    TimerD,
    /// Timer M fired.
    TimerM,
    /// The request or ACK could not be sent, or its connection has gone.
    TransportFailed,
}

/// What a new transaction does first, in [`State::Calling`].
pub fn begin(reliable: bool) -> &'static [ClientAction] {
    if reliable { &[SendRequest, Start(B)] } else { &[SendRequest, Start(A), Start(B)] }
}

/// The state and actions that follow `event` in `state`.
pub fn next(state: State, event: Event) -> Step<State, ClientAction> {
    match state {
        State::Calling => calling(event),
        State::Proceeding => proceeding(event),
        State::Completed => completed(event),
        State::Accepted => accepted(event),
        State::Terminated => step(State::Terminated, &[]),
    }
}

fn calling(event: Event) -> Step<State, ClientAction> {
    use State::*;
    match event {
        Event::Provisional => step(Proceeding, &[Stop(A), Stop(B), Pass, Start(C)]),
        Event::Success => step(Accepted, &[Stop(A), Stop(B), Pass, Start(M)]),
        Event::Failure => step(Completed, &[Stop(A), Stop(B), SendAck, Pass, Start(D)]),
        Event::TimerA => step(Calling, &[SendRequest, Start(A)]),
        Event::TimerB => step(Terminated, &[TellTimeout]),
        Event::TransportFailed => step(Terminated, &[TellTransportFailed]),
        Event::TimerC | Event::TimerD | Event::TimerM => step(Calling, &[]),
    }
}

fn proceeding(event: Event) -> Step<State, ClientAction> {
    use State::*;
    match event {
        Event::Provisional => step(Proceeding, &[Pass]),
        Event::Success => step(Accepted, &[Stop(C), Pass, Start(M)]),
        Event::Failure => step(Completed, &[Stop(C), SendAck, Pass, Start(D)]),
        Event::TimerC => step(Terminated, &[TellTimeout]),
        // Figure 5 has no such edge, but over a lost connection no answer can come (RFC 3261 §18.4).
        Event::TransportFailed => step(Terminated, &[TellTransportFailed]),
        Event::TimerA | Event::TimerB | Event::TimerD | Event::TimerM => step(Proceeding, &[]),
    }
}

fn completed(event: Event) -> Step<State, ClientAction> {
    use State::*;
    match event {
        Event::Failure => step(Completed, &[SendAck]),
        Event::TimerD => step(Terminated, &[]),
        Event::TransportFailed => step(Terminated, &[TellTransportFailed]),
        Event::Provisional
        | Event::Success
        | Event::TimerA
        | Event::TimerB
        | Event::TimerC
        | Event::TimerM => step(Completed, &[]),
    }
}

fn accepted(event: Event) -> Step<State, ClientAction> {
    use State::*;
    match event {
        Event::Success => step(Accepted, &[Pass]),
        Event::TimerM => step(Terminated, &[]),
        Event::Provisional
        | Event::Failure
        | Event::TimerA
        | Event::TimerB
        | Event::TimerC
        | Event::TimerD
        | Event::TransportFailed => step(Accepted, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an event leads and what it makes.
    type Edge = (State, &'static [ClientAction]);

    #[test]
    #[rustfmt::skip]
    fn every_state_and_event_of_figure_5_leads_where_the_rfc_says() {
        use State::*;
        const EVENTS: [Event; 9] = [
            Event::Provisional, Event::Success, Event::Failure, Event::TimerA, Event::TimerB, Event::TimerC,
            Event::TimerD, Event::TimerM, Event::TransportFailed,
        ];
        const NOT: &[ClientAction] = &[];
        const FIGURE_5: [(State, [Edge; 9]); 5] = [
            (Calling, [
                (Proceeding, &[Stop(A), Stop(B), Pass, Start(C)]), (Accepted, &[Stop(A), Stop(B), Pass, Start(M)]),
                (Completed, &[Stop(A), Stop(B), SendAck, Pass, Start(D)]), (Calling, &[SendRequest, Start(A)]),
                (Terminated, &[TellTimeout]), (Calling, NOT), (Calling, NOT), (Calling, NOT),
                (Terminated, &[TellTransportFailed]),
            ]),
            (Proceeding, [
                (Proceeding, &[Pass]), (Accepted, &[Stop(C), Pass, Start(M)]),
                (Completed, &[Stop(C), SendAck, Pass, Start(D)]), (Proceeding, NOT), (Proceeding, NOT),
                (Terminated, &[TellTimeout]), (Proceeding, NOT), (Proceeding, NOT),
                (Terminated, &[TellTransportFailed]),
            ]),
            (Completed, [
                (Completed, NOT), (Completed, NOT), (Completed, &[SendAck]), (Completed, NOT), (Completed, NOT),
                (Completed, NOT), (Terminated, NOT), (Completed, NOT), (Terminated, &[TellTransportFailed]),
            ]),
            (Accepted, [
                (Accepted, NOT), (Accepted, &[Pass]), (Accepted, NOT), (Accepted, NOT), (Accepted, NOT),
                (Accepted, NOT), (Accepted, NOT), (Terminated, NOT), (Accepted, NOT),
            ]),
            (Terminated, [(Terminated, NOT); 9]),
        ];
        for (state, row) in FIGURE_5 {
            for (event, (next_state, actions)) in EVENTS.into_iter().zip(row) {
                assert_eq!(next(state, event), step(next_state, actions), "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn an_invite_is_retransmitted_over_unreliable_transports_alone() {
        assert_eq!(begin(false), [SendRequest, Start(A), Start(B)]);
        assert_eq!(begin(true), [SendRequest, Start(B)]);
    }
}
