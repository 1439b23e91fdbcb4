//! What goes into a session and what comes out.

use bytes::Bytes;

use crate::sip::transaction::{Hop, ServerKey, Timers};
use crate::sip::{ReasonValue, Refresher, Request, Response, StatusCode, Uri};

/// The shortest Min-SE and Session-Expires there may be, in seconds (RFC 4028 §5).
pub const SHORTEST_SESSION_SECONDS: u32 = 90;

/// Who we are in one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalIdentity {
    /// Our tag: random, unlike any other.
    pub tag: String,
    /// Where the peer is to send its requests.
    pub contact: Uri,
    /// The value of Server and User-Agent.
    pub user_agent: Option<String>,
}

/// When provisional responses above 100 are sent reliably (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReliableProvisionals {
    /// Only where the INVITE requires it.
    WhenRequired,
    /// Also where the INVITE supports it and the response has a body.
    WhenSupported,
}

/// How a session behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// T1 and T2 of retransmissions.
    pub timers: Timers,
    /// The session interval we ask for where the peer asks for none, and the longest we take; `None`: no timer of our
    /// own wish, the peer's as it is.
    pub session_expires_seconds: Option<u32>,
    /// The shortest interval we take, at least [`SHORTEST_SESSION_SECONDS`].
    pub min_se_seconds: u32,
    /// Who refreshes where the peer leaves it to us: [`Refresher::Uac`] is the peer, [`Refresher::Uas`] we.
    pub refresher: Refresher,
    /// When provisional responses are reliable.
    pub reliable_provisionals: ReliableProvisionals,
    /// Largest body of a request in the dialog, beyond it 413.
    pub max_body_bytes: usize,
    /// The media types of INFO that are handed up; others get 415.
    pub info_types: &'static [&'static str],
}

impl Default for SessionSettings {
    fn default() -> Self {
        SessionSettings {
            timers: Timers::default(),
            session_expires_seconds: Some(1800),
            min_se_seconds: SHORTEST_SESSION_SECONDS,
            refresher: Refresher::Uac,
            reliable_provisionals: ReliableProvisionals::WhenSupported,
            max_body_bytes: 32 * 1024,
            info_types: &["application/dtmf-relay", "application/dtmf"],
        }
    }
}

/// Names a request of ours until the transaction layer has given it a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub(super) u32);

/// What a session wants done.
#[derive(Clone, Debug)]
pub enum SessionOutput {
    /// Hand this to [`TransactionLayer::respond`](crate::sip::transaction::TransactionLayer::respond).
    Respond {
        /// The request's transaction.
        key: ServerKey,
        /// The response.
        response: Response,
    },
    /// Hand this to [`TransactionLayer::request`](crate::sip::transaction::TransactionLayer::request), and the key it
    /// returns to [`Session::request_sent`](super::Session::request_sent).
    Request {
        /// Over what and to whom.
        hop: Hop,
        /// The request, without Via.
        request: Request,
        /// What `request_sent` is to be told with the key.
        token: RequestToken,
    },
    /// Hand this to [`TransactionLayer::send_ack`](crate::sip::transaction::TransactionLayer::send_ack).
    Ack {
        /// Over what and to whom.
        hop: Hop,
        /// The ACK, without Via.
        request: Request,
    },
    /// Something the leg is to know.
    Event(SessionEvent),
}

/// What a session tells the leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The peer offers (re-INVITE, UPDATE, PRACK): answer with `accept_offer` or `refuse_offer`.
    Offer {
        /// The session description.
        body: Bytes,
    },
    /// The peer's offer is no longer to be answered (its re-INVITE was cancelled or the dialog ended).
    OfferWithdrawn,
    /// An offer of ours is needed: give it with `give_offer`, or decline with `refuse_offer`.
    OfferNeeded {
        /// Whether it is for a re-INVITE of our own (a session refresh, or one more try after 491), which need not change
        /// anything; else the peer's re-INVITE came without one and wants all that we can do (RFC 3261 §14.2).
        refresh: bool,
    },
    /// The peer has answered our offer.
    Answer {
        /// The session description.
        body: Bytes,
    },
    /// Our offer was refused or got no answer: the session is as it was.
    OfferRefused {
        /// The peer's status; 408 if none came.
        status: StatusCode,
    },
    /// The ACK to the first 2xx has come: the dialog is confirmed.
    Acknowledged,
    /// An INFO of one of the accepted media types; it is answered.
    Info {
        /// Content-Type as written.
        content_type: Box<str>,
        /// The body.
        body: Bytes,
    },
    /// The session is over. Always the last event, and always one.
    Ended(SessionEnd),
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The peer hung up.
    Bye {
        /// Its Reason, if it gave one.
        reason: Option<ReasonValue>,
    },
    /// The peer gave up before we answered.
    Cancelled {
        /// Its Reason, if it gave one.
        reason: Option<ReasonValue>,
    },
    /// The INVITE's Expires ran out before we answered.
    Expired,
    /// We refused the call.
    Rejected(StatusCode),
    /// We hung up.
    HungUp,
    /// No ACK to our 2xx came.
    NoAck,
    /// No PRACK to our reliable provisional response came.
    NoPrack,
    /// The ACK, PRACK or 2xx that had to carry the answer to our offer did not.
    NoAnswer,
    /// The session interval ran out without a refresh.
    SessionExpired,
    /// The peer knows no such dialog (481) or is silent (408).
    PeerGone(StatusCode),
    /// The connection to the peer failed before we answered, or on a request of ours.
    TransportFailed,
}
