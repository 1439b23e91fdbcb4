//! Sockets: RTP's, drained at the tick; SIP's, waited for; and what both have in common.
//!
//! None of them waits for room to send: what the kernel does not take is dropped and counted, or queued within a
//! bound. Whoever receives does so much a turn and then gives way to the clock.

pub(super) mod datagram;
pub(super) mod media;
pub(super) mod readiness;
pub(super) mod stream;
pub(super) mod stream_listener;
mod system;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Instant;

/// The longest datagram that is received ahead of a lap or kept until it is over: 60 ms of L16 at 48 kHz and headers,
/// and no power of two, so that neighbours do not meet in one place of the cache.
pub(super) const MAX_DATAGRAM_BYTES: usize = 97 * 64;

/// How a socket is set up before it is bound.
#[derive(Clone, Debug, Default)]
pub struct SocketOptions {
    /// Differentiated services code point of what is sent, 0 to 63 (RFC 2474).
    pub dscp: u8,
    /// Bytes the kernel may hold for us; the system's default, if none.
    pub recv_buffer_bytes: Option<usize>,
    /// Bytes the kernel may hold of ours; the system's default, if none.
    pub send_buffer_bytes: Option<usize>,
    /// Share the address with other processes of this user (SO_REUSEPORT).
    pub reuse_port: bool,
}

/// A datagram that was received.
#[derive(Clone, Copy, Debug)]
pub struct Datagram {
    /// Bytes written to the buffer.
    pub len: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// When the kernel got it.
    pub arrival: Instant,
    /// It was longer than the buffer and its end is lost.
    pub truncated: bool,
}

/// What a datagram socket has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketCounters {
    /// Datagrams received.
    pub received: u64,
    /// Of these, longer than the buffer.
    pub truncated: u64,
    /// Errors met in receiving, ICMP's among them; they end nothing.
    pub receive_errors: u64,
    /// Datagrams the kernel took.
    pub sent: u64,
    /// Datagrams dropped because the kernel had no room (EAGAIN, ENOBUFS).
    pub send_drops: u64,
    /// Datagrams refused for another reason (no route, not permitted …).
    pub send_errors: u64,
}

/// The address of this machine that a datagram to `peer` would come from. Asks the routing table; sends nothing.
pub fn source_address(peer: SocketAddr) -> io::Result<IpAddr> {
    let any =
        if peer.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

/// Counts what one call did.
fn count(counters: &Cell<SocketCounters>, change: impl FnOnce(&mut SocketCounters)) {
    let mut values = counters.get();
    change(&mut values);
    counters.set(values);
}

/// Counts the outcome of a send; true if the kernel took it.
fn count_send(counters: &Cell<SocketCounters>, outcome: &io::Result<usize>) -> bool {
    count(counters, |values| match outcome {
        Ok(_) => values.sent += 1,
        Err(error) if has_no_room(error) => values.send_drops += 1,
        Err(_) => values.send_errors += 1,
    });
    outcome.is_ok()
}

fn has_no_room(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}
