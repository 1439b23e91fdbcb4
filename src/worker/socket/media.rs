//! The socket of a leg's media: not in epoll, drained at the tick, never waited for.

use super::super::Worker;
use super::{Datagram, SocketCounters, SocketOptions, count, count_send, system};
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// A UDP socket of which nothing ever waits.
pub struct MediaSocket {
    worker: Worker,
    socket: UdpSocket,
    local: SocketAddr,
    counters: Cell<SocketCounters>,
}

impl MediaSocket {
    /// Binds to `address`, IPv4 or IPv6 (then IPv6 alone).
    pub fn bind(worker: &Worker, address: SocketAddr, options: &SocketOptions) -> io::Result<MediaSocket> {
        let socket = system::bind_datagram(address, options)?;
        let local = socket.local_addr()?;
        Ok(MediaSocket { worker: worker.clone(), socket, local, counters: Cell::default() })
    }

    /// The next datagram, `None` if there is none (or the kernel told of an error, which is counted).
    pub fn recv(&self, buffer: &mut [u8]) -> Option<Datagram> {
        match system::recv_datagram(&self.socket, buffer) {
            Ok(datagram) => {
                count(&self.counters, |values| {
                    values.received += 1;
                    values.truncated += u64::from(datagram.truncated);
                });
                Some(datagram.stamped(&self.worker))
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    count(&self.counters, |values| values.receive_errors += 1);
                }
                None
            }
        }
    }

    /// Sends a datagram; false if the kernel did not take it, which is counted.
    pub fn send(&self, payload: &[u8], to: SocketAddr) -> bool {
        count_send(&self.counters, &system::send_datagram(&self.socket, payload, to))
    }

    /// The address it is bound to, with the port the kernel chose if none was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What it has done so far.
    pub fn counters(&self) -> SocketCounters {
        self.counters.get()
    }

    #[cfg(test)]
    pub(super) fn as_udp(&self) -> &UdpSocket {
        &self.socket
    }
}

impl system::ReceivedDatagram {
    /// With the time of arrival on the worker's clock.
    pub(super) fn stamped(&self, worker: &Worker) -> Datagram {
        let arrival = self.arrival.map_or_else(|| worker.now(), |at| worker.shared.clock.instant_of(at));
        Datagram { len: self.len, from: self.from, arrival, truncated: self.truncated }
    }
}
