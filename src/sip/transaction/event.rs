//! What the transaction layer tells the TU, and what it asks the transport to send.

use bytes::Bytes;

use super::hop::Hop;
use crate::sip::{Request, Response};

/// Names a server transaction of one [`TransactionLayer`](super::TransactionLayer) for as long as it lives and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey(pub(super) u64);

/// Names a client transaction of one [`TransactionLayer`](super::TransactionLayer) for as long as it lives and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub(super) u64);

#[cfg(test)]
impl ServerKey {
    pub(crate) fn numbered(number: u64) -> ServerKey {
        ServerKey(number)
    }
}

#[cfg(test)]
impl ClientKey {
    pub(crate) fn numbered(number: u64) -> ClientKey {
        ClientKey(number)
    }
}

/// Why a server transaction is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It took its course.
    Normal,
    /// A failure response to an INVITE was never acknowledged (timer H).
    NoAck,
    /// The transport failed.
    Transport,
}

/// Why a client transaction got no final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFailure {
    /// None came in time (timers B, C, F): to be treated as a 408 (RFC 3261 §8.1.3.1).
    Timeout,
    /// The transport failed: to be treated as a 503.
    Transport,
}

/// What the TU is told.
#[derive(Clone, Debug)]
pub enum TransactionEvent {
    /// A new request, never a retransmission, CANCEL or ACK. It must be answered with
    /// [`respond`](super::TransactionLayer::respond).
    Request {
        /// The transaction to answer.
        key: ServerKey,
        /// What it came over.
        hop: Hop,
        /// The request, its topmost Via stamped.
        request: Request,
    },
    /// An ACK that belongs to a 2xx, or to nothing.
    Ack {
        /// What it came over.
        hop: Hop,
        /// The ACK.
        request: Request,
    },
    /// A CANCEL came for an INVITE that has no final response yet. The CANCEL is answered; the INVITE is to be with 487.
    Cancelled {
        /// The INVITE's transaction.
        invite: ServerKey,
        /// The CANCEL.
        cancel: Request,
    },
    /// A response to a request of ours; every 2xx to an INVITE, retransmitted ones too.
    Response {
        /// The request's transaction.
        key: ClientKey,
        /// The response.
        response: Response,
    },
    /// A response could not be delivered, or its connection has gone. An INVITE's transaction stays (RFC 6026 §7.1) and
    /// is to be given a final response if it has none; any other has ended.
    Unreachable {
        /// The transaction.
        key: ServerKey,
    },
    /// An INVITE's server transaction is over.
    ServerEnded {
        /// The transaction.
        key: ServerKey,
        /// Why.
        cause: Ended,
    },
    /// A client transaction is over without a final response.
    ClientFailed {
        /// The transaction.
        key: ClientKey,
        /// Why.
        cause: ClientFailure,
    },
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Over what and to whom.
    pub hop: Hop,
    /// The message.
    pub bytes: Bytes,
}

/// How often what happened; all only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounters {
    /// Server transactions begun.
    pub requests: u64,
    /// Client transactions begun.
    pub requests_sent: u64,
    /// Retransmitted requests absorbed.
    pub requests_absorbed: u64,
    /// Requests and responses sent again by a timer or for a retransmitted request.
    pub retransmissions: u64,
    /// Requests answered 503 without a transaction, for the limit.
    pub requests_refused: u64,
    /// Requests that cannot be read or lack what a transaction needs: answered without one where that is possible.
    pub requests_unusable: u64,
    /// CANCELs without an INVITE, answered 481.
    pub cancels_unmatched: u64,
    /// Responses that match no transaction, dropped.
    pub responses_stray: u64,
    /// Responses of the TU that came too late to be sent.
    pub responses_late: u64,
    /// INVITEs whose failure response was never acknowledged.
    pub acks_missing: u64,
    /// Client transactions without a final response.
    pub requests_failed: u64,
}
