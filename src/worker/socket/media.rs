//! The socket of a leg's media: not in epoll, drained at the tick, never waited for.

use super::super::Worker;
use super::super::batch::Ahead;
use super::super::statistics::add;
use super::{Datagram, SocketCounters, SocketOptions, count, count_send, system};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;

/// A UDP socket of which nothing ever waits.
///
/// It may have a favoured peer. Then a second socket shares its port, connected to that peer: the kernel looks up
/// neither route nor receiver for each packet, and a flood of strangers fills a queue of its own.
pub struct MediaSocket {
    worker: Worker,
    socket: UdpSocket,
    local: SocketAddr,
    counters: Cell<SocketCounters>,
    ahead: Cell<Ahead>,
    favoured: RefCell<Option<Favoured>>,
    options: SocketOptions,
}

/// The way to and from one peer.
struct Favoured {
    socket: UdpSocket,
    peer: SocketAddr,
}

impl MediaSocket {
    /// Binds to `address`, IPv4 or IPv6 (then IPv6 alone).
    pub fn bind(worker: &Worker, address: SocketAddr, options: &SocketOptions) -> io::Result<MediaSocket> {
        let socket = system::bind_datagram(address, options)?;
        let local = socket.local_addr()?;
        Ok(MediaSocket {
            worker: worker.clone(),
            socket,
            local,
            counters: Cell::default(),
            ahead: Cell::default(),
            favoured: RefCell::default(),
            options: options.clone(),
        })
    }

    /// From now on most datagrams are expected from and sent to `peer`. Nothing else changes: those of others are
    /// still received, after the peer's. On failure all goes on without.
    pub fn favour(&self, peer: SocketAddr) -> io::Result<()> {
        let mut favoured = self.favoured.borrow_mut();
        match &mut *favoured {
            Some(favoured) if favoured.peer == peer => {}
            Some(favoured) => {
                favoured.socket.connect(peer)?;
                favoured.peer = peer;
            }
            None => {
                let socket = system::share_port(&self.socket, &self.options)?;
                socket.connect(peer)?;
                *favoured = Some(Favoured { socket, peer });
            }
        }
        Ok(())
    }

    /// The next datagram, `None` if there is none (or the kernel told of an error, which is counted).
    pub fn recv(&self, buffer: &mut [u8]) -> Option<Datagram> {
        let favoured = self.favoured.borrow();
        let shared = &self.worker.shared;
        match (self.ahead.take(), &*favoured) {
            (Ahead::Gathered { gathering, number }, _) => {
                let gathered = shared.batch.take(shared, gathering, number, buffer);
                return gathered.or_else(|| self.recv(buffer));
            }
            (Ahead::Nothing, None) => return None,
            (Ahead::Unasked, Some(favoured)) => {
                let from_peer = self.recv_on(&favoured.socket, Some(favoured.peer), buffer);
                if from_peer.is_some() {
                    return from_peer;
                }
            }
            (Ahead::Nothing, Some(_)) | (Ahead::Unasked, None) => {}
        }
        self.recv_on(&self.socket, None, buffer)
    }

    /// The next datagram of the favoured peer, or of anybody if there is none, before its lap.
    pub(in crate::worker) fn recv_ahead(&self, buffer: &mut [u8]) -> Option<Datagram> {
        match &*self.favoured.borrow() {
            Some(favoured) => self.recv_on(&favoured.socket, Some(favoured.peer), buffer),
            None => self.recv_on(&self.socket, None, buffer),
        }
    }

    /// What [`MediaSocket::recv_ahead`] gave, for the lap to find.
    pub(in crate::worker) fn set_ahead(&self, ahead: Ahead) {
        if let Ahead::Gathered { .. } = self.ahead.replace(ahead) {
            add(&self.worker.shared.counters.gathered_lost, 1);
        }
    }

    fn recv_on(&self, socket: &UdpSocket, peer: Option<SocketAddr>, buffer: &mut [u8]) -> Option<Datagram> {
        match system::recv_datagram(socket, peer, buffer) {
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

    /// Sends a datagram, at once or with those of the other members of the lap under way. What the kernel does not
    /// take is counted.
    pub fn send(self: &Rc<Self>, payload: &[u8], to: SocketAddr) {
        if !self.worker.shared.batch.post(self, payload, to) {
            self.send_now(payload, to);
        }
    }

    pub(in crate::worker) fn send_now(&self, payload: &[u8], to: SocketAddr) {
        let outcome = match &*self.favoured.borrow() {
            Some(favoured) if favoured.peer == to => system::send_datagram(&favoured.socket, payload, None),
            _ => system::send_datagram(&self.socket, payload, Some(to)),
        };
        count_send(&self.counters, &outcome);
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
