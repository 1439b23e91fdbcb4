//! Where a message came from and where one goes: RFC 3261 §18.2 with RFC 3581.

use std::net::SocketAddr;

use crate::sip::{HeaderError, Headers, Transport, Via};

/// The port of a sent-by without one (RFC 3261 §18.2.2).
pub const DEFAULT_PORT: u16 = 5060;

/// Names a UDP listener or a TCP connection of the shell that moves the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// One hop: what a message came over or is to go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hop {
    /// The transport.
    pub transport: Transport,
    /// Our address as the peer is to see it: it is written into Via. Never the unspecified address.
    pub local: SocketAddr,
    /// The peer's address: the source of what was received, the destination of what is sent.
    pub remote: SocketAddr,
    /// The listener or connection.
    pub flow: FlowId,
}

impl Hop {
    /// Whether the transport retransmits itself, so that we need not.
    pub fn is_reliable(&self) -> bool {
        self.transport.is_reliable()
    }
}

/// Writes `received` and `rport` into the topmost Via of what came over `hop` (RFC 3261 §18.2.1,
/// RFC 3581 §4), and returns that Via.
pub(super) fn stamp_top_via(headers: &mut Headers, hop: &Hop) -> Result<Via, HeaderError> {
    let mut via = headers.top_via()?;
    let source = hop.remote;
    let wants_rport = via.wants_rport();
    if wants_rport {
        via.set_rport(source.port());
    }
    if wants_rport || via.host.ip() != Some(source.ip()) {
        via.set_received(source.ip());
        headers.replace_top_via(&via);
    }
    Ok(via)
}

/// Where the response to a request that came over `hop` goes (RFC 3261 §18.2.2, RFC 3581 §4).
///
/// A reliable transport answers on its own connection. `maddr` is not followed: it would let any sender aim our
/// responses at a third party.
pub(super) fn response_hop(hop: &Hop, via: &Via) -> Hop {
    if hop.is_reliable() || via.wants_rport() {
        return *hop;
    }
    let port = via.port.unwrap_or(DEFAULT_PORT);
    Hop { remote: SocketAddr::new(hop.remote.ip(), port), ..*hop }
}
