//! The socket of SIP over UDP: receiving waits, sending never does.

use super::readiness::{Ready, SocketCloser};
use super::{Datagram, SocketCounters, SocketOptions, count, count_send, system};
use crate::worker::Worker;
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// A UDP socket that one coroutine receives from and any sends with.
pub struct DatagramSocket {
    ready: Ready<UdpSocket>,
    local: SocketAddr,
    counters: Cell<SocketCounters>,
}

impl DatagramSocket {
    /// Binds to `address`, IPv4 or IPv6 (then IPv6 alone).
    pub fn bind(worker: &Worker, address: SocketAddr, options: &SocketOptions) -> io::Result<DatagramSocket> {
        let socket = system::bind_datagram(address, options)?;
        let local = socket.local_addr()?;
        Ok(DatagramSocket { ready: Ready::new(worker, socket)?, local, counters: Cell::default() })
    }

    /// Waits for a datagram. At most 64 or 200 µs worth are given out a turn; then the caller is held until the
    /// next millisecond, so a flood does not stop the clock. Errors of the network are counted and waited over; what
    /// comes back as an error is `ConnectionAborted`: the socket was closed, or the caller unwinds.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        loop {
            match self.ready.perform(None, |socket| system::recv_datagram(socket, None, buffer)) {
                Ok(datagram) => {
                    count(&self.counters, |values| {
                        values.received += 1;
                        values.truncated += u64::from(datagram.truncated);
                    });
                    return Ok(datagram.stamped(self.ready.worker()));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => return Err(error),
                Err(_) => count(&self.counters, |values| values.receive_errors += 1),
            }
        }
    }

    /// Sends a datagram; never waits. False if the kernel did not take it, which is counted.
    pub fn send_to(&self, payload: &[u8], to: SocketAddr) -> bool {
        count_send(&self.counters, &self.ready.file().send_to(payload, to))
    }

    /// The address it is bound to, with the port the kernel chose if none was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Something that ends `recv` from elsewhere.
    pub fn closer(&self) -> SocketCloser {
        self.ready.closer()
    }

    /// What it has done so far.
    pub fn counters(&self) -> SocketCounters {
        self.counters.get()
    }
}
