//! Whose offer waits for whose answer, and in which message it must come (RFC 3264, RFC 6337 §2, Tables 1 and 2).

use crate::sip::Request;
use crate::sip::transaction::ServerKey;

/// At most one offer waits at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Exchange {
    /// None does.
    #[default]
    Idle,
    /// The peer's offer waits for the leg's answer.
    Theirs(Theirs),
    /// Our offer waits for the peer's answer.
    Ours(Ours),
    /// The leg was asked for an offer.
    Wanted(Wanted),
}

/// Where the peer's offer came, which is where its answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Theirs {
    /// In the pending INVITE.
    Invite,
    /// In an UPDATE, whose transaction waits.
    Update(Box<Waiting>),
    /// In a PRACK, whose transaction waits.
    Prack(Box<Waiting>),
}

/// A request that waits for the leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) key: ServerKey,
    /// Without its body.
    pub(super) head: Request,
}

/// Where the answer to our offer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ours {
    /// In the ACK to our 2xx.
    Ack,
    /// In the PRACK of our reliable provisional response.
    Prack,
    /// In the response to our re-INVITE or UPDATE.
    Response,
}

/// What the leg's offer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The peer's re-INVITE, which had none.
    Invite,
    /// A re-INVITE of ours: a refresh, or one more try after 491.
    OwnRequest,
}

/// How an offer of the peer's is to be met (RFC 3261 §14.2, RFC 3311 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glare {
    /// It can be taken.
    None,
    /// Ours is under way: 491.
    Pending,
    /// Its own former one is not answered yet: 500 with Retry-After.
    Overlapping,
}

impl Exchange {
    /// Whether no offer waits.
    pub(super) fn is_idle(&self) -> bool {
        *self == Exchange::Idle
    }

    /// How a new offer from the peer, or a re-INVITE without one, is to be met.
    pub(super) fn glare(&self) -> Glare {
        match self {
            // What we only think of offering gives way.
            Exchange::Idle | Exchange::Wanted(Wanted::OwnRequest) => Glare::None,
            Exchange::Ours(_) => Glare::Pending,
            Exchange::Theirs(_) | Exchange::Wanted(Wanted::Invite) => Glare::Overlapping,
        }
    }
}
