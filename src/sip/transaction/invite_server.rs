//! INVITE server transaction: RFC 3261 Figure 7 as corrected by RFC 6026 Figure 5.
//!
//! Driven by the [`TransactionLayer`](super::TransactionLayer). The states are the RFC's; `Accepted` exists so that INVITEs retransmitted
//! after a 2xx are absorbed and ACKs reach the TU, which itself retransmits the 2xx.

use super::step::ServerAction::*;
use super::step::Timer::*;
use super::step::{ServerAction, Step, step};

/// The states of RFC 6026 Figure 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No final response yet.
    Proceeding,
    /// A 2xx was sent.
    Accepted,
    /// A failure response was sent and its ACK is awaited.
    Completed,
    /// The ACK came.
    Confirmed,
    /// Over.
    Terminated,
}

/// What may happen to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The INVITE came again.
    Invite,
    /// An ACK matched the transaction.
    Ack,
    /// The TU gave a 1xx.
    Provisional,
    /// The TU gave a 2xx.
    Success,
    /// The TU gave a 300 to 699.
    Failure,
    /// The TU has been silent for 200 ms.
    TimerTrying,
    /// Timer G fired.
    TimerG,
    /// Timer H fired.
    TimerH,
    /// Timer I fired.
    TimerI,
    /// Timer L fired.
    TimerL,
    /// The response could not be sent, or its connection has gone.
    TransportFailed,
}

/// What a new transaction does first, in [`State::Proceeding`].
pub const BEGIN: &[ServerAction] = &[Start(Trying)];

/// The state and actions that follow `event` in `state`.
pub fn next(state: State, event: Event, reliable: bool) -> Step<State, ServerAction> {
    match state {
        State::Proceeding => proceeding(event, reliable),
        State::Accepted => accepted(event),
        State::Completed => completed(event),
        State::Confirmed => confirmed(event),
        State::Terminated => terminated(event),
    }
}

fn proceeding(event: Event, reliable: bool) -> Step<State, ServerAction> {
    use State::*;
    match event {
        Event::Invite => step(Proceeding, &[SendAgain]),
        Event::TimerTrying => step(Proceeding, &[SendTrying]),
        Event::Provisional => step(Proceeding, &[Stop(Trying), Send]),
        Event::Success => step(Accepted, &[Stop(Trying), Send, Start(L)]),
        Event::Failure if reliable => step(Completed, &[Stop(Trying), Send, Start(H)]),
        Event::Failure => step(Completed, &[Stop(Trying), Send, Start(G), Start(H)]),
        // RFC 6026 §7.1: state is kept, so that retransmitted INVITEs do not look new.
        Event::TransportFailed => step(Proceeding, &[TellUnreachable]),
        Event::Ack | Event::TimerG | Event::TimerH | Event::TimerI | Event::TimerL => step(Proceeding, &[]),
    }
}

fn accepted(event: Event) -> Step<State, ServerAction> {
    use State::*;
    match event {
        Event::Ack => step(Accepted, &[PassAck]),
        Event::Success => step(Accepted, &[Send]),
        Event::Provisional | Event::Failure => step(Accepted, &[DropResponse]),
        Event::TimerL => step(Terminated, &[TellEnded]),
        Event::TransportFailed => step(Accepted, &[TellUnreachable]),
        Event::Invite | Event::TimerTrying | Event::TimerG | Event::TimerH | Event::TimerI => {
            step(Accepted, &[])
        }
    }
}

fn completed(event: Event) -> Step<State, ServerAction> {
    use State::*;
    match event {
        Event::Invite => step(Completed, &[SendAgain]),
        Event::Ack => step(Confirmed, &[Stop(G), Stop(H), Start(I)]),
        Event::Provisional | Event::Success | Event::Failure => step(Completed, &[DropResponse]),
        Event::TimerG => step(Completed, &[SendAgain, Start(G)]),
        Event::TimerH => step(Terminated, &[TellNoAck]),
        Event::TransportFailed => step(Completed, &[TellUnreachable]),
        Event::TimerTrying | Event::TimerI | Event::TimerL => step(Completed, &[]),
    }
}

fn confirmed(event: Event) -> Step<State, ServerAction> {
    use State::*;
    match event {
        Event::Provisional | Event::Success | Event::Failure => step(Confirmed, &[DropResponse]),
        Event::TimerI => step(Terminated, &[TellEnded]),
        Event::Invite
        | Event::Ack
        | Event::TimerTrying
        | Event::TimerG
        | Event::TimerH
        | Event::TimerL
        | Event::TransportFailed => step(Confirmed, &[]),
    }
}

fn terminated(event: Event) -> Step<State, ServerAction> {
    match event {
        Event::Provisional | Event::Success | Event::Failure => step(State::Terminated, &[DropResponse]),
        Event::Invite
        | Event::Ack
        | Event::TimerTrying
        | Event::TimerG
        | Event::TimerH
        | Event::TimerI
        | Event::TimerL
        | Event::TransportFailed => step(State::Terminated, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an event leads and what it makes.
    type Edge = (State, &'static [ServerAction]);

    const EVENTS: [Event; 11] = [
        Event::Invite,
        Event::Ack,
        Event::Provisional,
        Event::Success,
        Event::Failure,
        Event::TimerTrying,
        Event::TimerG,
        Event::TimerH,
        Event::TimerI,
        Event::TimerL,
        Event::TransportFailed,
    ];

    /// One row a state, one column an event, in the order of `EVENTS`.
    #[rustfmt::skip]
    const FIGURE_7: [(State, [Edge; 11]); 5] = {
        use State::*;
        const NOT: &[ServerAction] = &[];
        [
            (Proceeding, [
                (Proceeding, &[SendAgain]), (Proceeding, NOT), (Proceeding, &[Stop(Trying), Send]),
                (Accepted, &[Stop(Trying), Send, Start(L)]), (Completed, &[Stop(Trying), Send, Start(G), Start(H)]),
                (Proceeding, &[SendTrying]), (Proceeding, NOT), (Proceeding, NOT), (Proceeding, NOT), (Proceeding, NOT),
                (Proceeding, &[TellUnreachable]),
            ]),
            (Accepted, [
                (Accepted, NOT), (Accepted, &[PassAck]), (Accepted, &[DropResponse]), (Accepted, &[Send]),
                (Accepted, &[DropResponse]), (Accepted, NOT), (Accepted, NOT), (Accepted, NOT), (Accepted, NOT),
                (Terminated, &[TellEnded]), (Accepted, &[TellUnreachable]),
            ]),
            (Completed, [
                (Completed, &[SendAgain]), (Confirmed, &[Stop(G), Stop(H), Start(I)]), (Completed, &[DropResponse]),
                (Completed, &[DropResponse]), (Completed, &[DropResponse]), (Completed, NOT),
                (Completed, &[SendAgain, Start(G)]), (Terminated, &[TellNoAck]), (Completed, NOT), (Completed, NOT),
                (Completed, &[TellUnreachable]),
            ]),
            (Confirmed, [
                (Confirmed, NOT), (Confirmed, NOT), (Confirmed, &[DropResponse]), (Confirmed, &[DropResponse]),
                (Confirmed, &[DropResponse]), (Confirmed, NOT), (Confirmed, NOT), (Confirmed, NOT),
                (Terminated, &[TellEnded]), (Confirmed, NOT), (Confirmed, NOT),
            ]),
            (Terminated, [
                (Terminated, NOT), (Terminated, NOT), (Terminated, &[DropResponse]), (Terminated, &[DropResponse]),
                (Terminated, &[DropResponse]), (Terminated, NOT), (Terminated, NOT), (Terminated, NOT),
                (Terminated, NOT), (Terminated, NOT), (Terminated, NOT),
            ]),
        ]
    };

    #[test]
    fn every_state_and_event_of_figure_7_leads_where_the_rfc_says() {
        for (state, row) in FIGURE_7 {
            for (event, (next_state, actions)) in EVENTS.into_iter().zip(row) {
                assert_eq!(next(state, event, false), step(next_state, actions), "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn over_a_reliable_transport_only_the_retransmission_of_the_failure_falls_away() {
        for (state, row) in FIGURE_7 {
            for (event, (next_state, actions)) in EVENTS.into_iter().zip(row) {
                let expected = match (state, event) {
                    (State::Proceeding, Event::Failure) => &[Stop(Trying), Send, Start(H)],
                    _ => actions,
                };
                assert_eq!(next(state, event, true), step(next_state, expected), "{state:?} {event:?}");
            }
        }
    }
}
