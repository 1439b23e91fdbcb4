//! The socket that TCP connections come in at, no more of them than a bound.

use super::readiness::{Ready, SocketCloser};
use super::stream::{Stream, StreamLimits};
use super::{SocketOptions, system};
use crate::worker::Worker;
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

/// Connections the kernel may complete before they are accepted.
const BACKLOG: i32 = 256;
/// How long to wait when the process has no descriptor left for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Accepts TCP connections.
pub struct StreamListener {
    ready: Ready<TcpListener>,
    local: SocketAddr,
    limits: StreamLimits,
    alive: Rc<Cell<usize>>,
    refused: Cell<u64>,
}

impl StreamListener {
    /// Binds to `address`, IPv4 or IPv6 (then IPv6 alone), and listens.
    pub fn bind(
        worker: &Worker,
        address: SocketAddr,
        options: &SocketOptions,
        limits: StreamLimits,
    ) -> io::Result<StreamListener> {
        let listener = system::bind_listener(address, options, BACKLOG)?;
        let local = listener.local_addr()?;
        let ready = Ready::new(worker, listener)?;
        Ok(StreamListener { ready, local, limits, alive: Rc::default(), refused: Cell::new(0) })
    }

    /// Waits for a connection. Those beyond `StreamLimits::max_streams` are closed at once and counted. The error
    /// is `ConnectionAborted`: the listener was closed, or the caller unwinds.
    pub fn accept(&self) -> io::Result<Stream> {
        let worker = self.ready.worker();
        loop {
            match self.ready.perform(None, TcpListener::accept) {
                Ok((socket, _)) if self.alive.get() < self.limits.max_streams => {
                    match Stream::new(worker, socket, self.limits, Rc::clone(&self.alive)) {
                        Ok(stream) => return Ok(stream),
                        Err(_) => self.refuse(),
                    }
                }
                Ok(_) => self.refuse(),
                // accept(2) reports a connection that broke before it was taken with the same code as a closed
                // listener; only the latter stays closed.
                Err(error) if self.ready.is_closed() || std::thread::panicking() => return Err(error),
                Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                    worker.sleep_until(worker.now() + EXHAUSTED_PAUSE);
                }
                Err(_) => self.refuse(),
            }
        }
    }

    fn refuse(&self) {
        self.refused.set(self.refused.get() + 1);
    }

    /// The address it is bound to, with the port the kernel chose if none was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Connections that were closed at once, or broke before they were accepted.
    pub fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Connections alive.
    pub fn alive(&self) -> usize {
        self.alive.get()
    }

    /// Something that ends `accept` from elsewhere.
    pub fn closer(&self) -> SocketCloser {
        self.ready.closer()
    }
}
