//! One TCP connection: its reader waits, its writers queue within a bound, and a coroutine of its own writes what
//! the kernel did not take at once. A peer that stops reading is cut off when nothing moved for a while.

use super::readiness::Ready;
use super::{SocketOptions, system};
use crate::worker::{Full, Worker};
use bytes::{Buf, Bytes};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What a peer may cost.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Connections alive at once, per listener.
    pub max_streams: usize,
    /// Bytes that may wait for one peer to read.
    pub write_queue_bytes: usize,
    /// How long a peer may take nothing of what waits before the connection is broken off.
    pub write_stall: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        StreamLimits {
            max_streams: 1024,
            write_queue_bytes: 256 * 1024,
            write_stall: Duration::from_secs(10),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkState {
    Open,
    /// We ended it; what is queued is still written.
    Closing,
    /// Nothing moves any more.
    Ended,
}

/// What reader, writer and senders share.
struct Link {
    reader: Ready<TcpStream>,
    /// The same connection under a second descriptor, since may lets one coroutine wait per descriptor.
    writer: Ready<TcpStream>,
    local: SocketAddr,
    peer: SocketAddr,
    limits: StreamLimits,
    queue: RefCell<VecDeque<Bytes>>,
    queued_bytes: Cell<usize>,
    state: Cell<LinkState>,
    alive: Rc<Cell<usize>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.alive.set(self.alive.get() - 1);
    }
}

/// A TCP connection, held by its reader. Dropping it closes it.
pub struct Stream {
    link: Rc<Link>,
}

impl Stream {
    /// Takes a connected socket; `alive` counts it.
    pub(super) fn new(
        worker: &Worker,
        socket: TcpStream,
        limits: StreamLimits,
        alive: Rc<Cell<usize>>,
    ) -> io::Result<Stream> {
        Stream::over(worker, Ready::new(worker, socket)?, limits, alive)
    }

    fn over(
        worker: &Worker,
        reader: Ready<TcpStream>,
        limits: StreamLimits,
        alive: Rc<Cell<usize>>,
    ) -> io::Result<Stream> {
        let socket = reader.file();
        socket.set_nodelay(true)?;
        let (local, peer) = (socket.local_addr()?, socket.peer_addr()?);
        let writer = Ready::new(worker, socket.try_clone()?)?;
        alive.set(alive.get() + 1);
        let link = Rc::new(Link {
            reader,
            writer,
            local,
            peer,
            limits,
            queue: RefCell::default(),
            queued_bytes: Cell::new(0),
            state: Cell::new(LinkState::Open),
            alive,
        });
        let theirs = Rc::clone(&link);
        worker.spawn("stream-writer", move || write_out(&theirs)).map_err(io::Error::other)?;
        Ok(Stream { link })
    }

    /// Connects to `to`, waiting until `deadline` at most (`TimedOut`).
    pub fn connect(
        worker: &Worker,
        to: SocketAddr,
        options: &SocketOptions,
        limits: StreamLimits,
        deadline: Instant,
    ) -> io::Result<Stream> {
        let ready = Ready::new(worker, system::begin_connect(to, options)?)?;
        ready.perform(Some(deadline), |socket| match (socket.take_error()?, socket.peer_addr()) {
            (Some(error), _) => Err(error),
            (None, Ok(_)) => Ok(()),
            (None, Err(_)) => Err(io::ErrorKind::WouldBlock.into()),
        })?;
        // The connection lives on under this very descriptor: had it another one, epoll would go on watching this one
        // after it was closed, and may has freed what it would tell.
        Stream::over(worker, ready, limits, Rc::default())
    }

    /// Waits for bytes, until `deadline` at most (`TimedOut`). 0: the peer has said all it will.
    /// `ConnectionAborted`: we closed it (or the caller unwinds); other errors are the connection's.
    pub fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
        self.link.reader.perform(deadline, |mut socket: &TcpStream| match self.link.state.get() {
            LinkState::Open => socket.read(buffer),
            LinkState::Closing => Err(io::ErrorKind::ConnectionAborted.into()),
            LinkState::Ended => Err(io::ErrorKind::ConnectionReset.into()),
        })
    }

    /// What others send with.
    pub fn sender(&self) -> StreamSender {
        StreamSender { link: Rc::clone(&self.link) }
    }

    /// Our end.
    pub fn local_addr(&self) -> SocketAddr {
        self.link.local
    }

    /// The other end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.link.peer
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.link.close();
    }
}

/// Sends on a connection and ends it.
#[derive(Clone)]
pub struct StreamSender {
    link: Rc<Link>,
}

impl StreamSender {
    /// Writes what the kernel takes and queues the rest; never waits. All of it or nothing: `Full` if it does not
    /// fit into the queue or the connection has ended.
    pub fn send(&self, bytes: Bytes) -> Result<(), Full<Bytes>> {
        self.link.send(bytes)
    }

    /// Bytes that wait for the peer to read.
    pub fn queued_bytes(&self) -> usize {
        self.link.queued_bytes.get()
    }

    /// Ends the connection: the reader at once, the writer when it has written what is queued.
    pub fn close(&self) {
        self.link.close();
    }

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.link.state.get() != LinkState::Open
    }
}

impl Link {
    fn send(&self, mut bytes: Bytes) -> Result<(), Full<Bytes>> {
        let fits = self.queued_bytes.get().saturating_add(bytes.len()) <= self.limits.write_queue_bytes;
        if self.state.get() != LinkState::Open || !fits {
            return Err(Full(bytes));
        }
        if self.queued_bytes.get() == 0 {
            let mut socket = self.writer.file();
            match socket.write(&bytes) {
                Ok(written) => bytes.advance(written),
                Err(error) if is_transient(&error) => {}
                Err(_) => {
                    self.end();
                    return Err(Full(bytes));
                }
            }
        }
        if !bytes.is_empty() {
            self.queued_bytes.set(self.queued_bytes.get() + bytes.len());
            self.queue.borrow_mut().push_back(bytes);
            self.writer.wake();
        }
        Ok(())
    }

    fn close(&self) {
        if self.state.get() == LinkState::Open {
            self.state.set(LinkState::Closing);
            self.reader.wake();
            self.writer.wake();
        }
    }

    /// Gives up both directions and what is queued.
    fn end(&self) {
        self.state.set(LinkState::Ended);
        self.queue.borrow_mut().clear();
        self.queued_bytes.set(0);
        // It may have been reset already; then there is nothing to shut down.
        let _gone_already = self.writer.file().shutdown(Shutdown::Both);
        self.reader.wake();
        self.writer.wake();
    }

    /// Takes `written` bytes off the head of the queue.
    fn take_written(&self, written: usize) {
        self.queued_bytes.set(self.queued_bytes.get() - written);
        let mut queue = self.queue.borrow_mut();
        if let Some(head) = queue.front_mut() {
            head.advance(written);
            if head.is_empty() {
                queue.pop_front();
            }
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The writer's coroutine: ends with the connection.
fn write_out(link: &Rc<Link>) {
    while link.state.get() != LinkState::Ended {
        let head = link.queue.borrow().front().cloned();
        let Some(head) = head else {
            if link.state.get() == LinkState::Closing || link.writer.wait(None).is_err() {
                return link.end();
            }
            continue;
        };
        let stall = Instant::now() + link.limits.write_stall;
        match link.writer.perform(Some(stall), |mut socket: &TcpStream| socket.write(&head)) {
            Ok(written) if link.state.get() != LinkState::Ended => link.take_written(written),
            _ => return link.end(),
        }
    }
}
