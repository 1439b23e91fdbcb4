//! Waiting for a file descriptor, so that it can be ended from elsewhere, and no longer than a turn at a time.
//!
//! May's event loop is edge-triggered and an operation that need not wait does not give way: a busy socket would
//! keep the thread for itself. So each receiver paces itself: after a turn's worth it sleeps until the next millisecond.

use super::super::clock::Clock;
use super::super::statistics::add;
use super::super::{Shared, Worker};
use may::io::{CoIo, WaitIo, WaitIoWaker};
use std::cell::Cell;
use std::io;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Operations a turn.
const TURN_OPERATIONS: u32 = 64;
/// Time a turn.
const TURN_TIME: Duration = Duration::from_micros(200);

/// What others may do to a wait.
struct Handle {
    closed: Cell<bool>,
    waker: WaitIoWaker,
}

/// A descriptor in may's epoll, for one waiting coroutine.
pub(in crate::worker) struct Ready<F: AsRawFd> {
    worker: Worker,
    file: CoIo<F>,
    handle: Rc<Handle>,
    turn_operations: Cell<u32>,
    turn_began: Cell<Instant>,
}

impl<F: AsRawFd> Ready<F> {
    /// Makes `file` non-blocking and has epoll watch it.
    pub(in crate::worker) fn new(worker: &Worker, file: F) -> io::Result<Ready<F>> {
        let file = CoIo::new(file).map_err(io::Error::from)?;
        let handle = Rc::new(Handle { closed: Cell::new(false), waker: file.waker() });
        let turn_began = Cell::new(Instant::now());
        Ok(Ready { worker: worker.clone(), file, handle, turn_operations: Cell::new(0), turn_began })
    }

    pub(in crate::worker) fn file(&self) -> &F {
        self.file.inner()
    }

    pub(in crate::worker) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Ends the wait under way, or lets the next one return at once.
    pub(in crate::worker) fn wake(&self) {
        self.handle.waker.wakeup();
    }

    pub(in crate::worker) fn closer(&self) -> SocketCloser {
        SocketCloser { handle: Rc::clone(&self.handle) }
    }

    /// Whether a closer closed it.
    pub(in crate::worker) fn is_closed(&self) -> bool {
        self.handle.closed.get()
    }

    /// Does `operation` as soon as it can be done: gives way first if the turn is over, and waits while the kernel
    /// says that it would block. Other errors are the operation's own.
    pub(in crate::worker) fn perform<R>(
        &self,
        deadline: Option<Instant>,
        mut operation: impl FnMut(&F) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            if self.handle.closed.get() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            self.pace();
            match operation(self.file.inner()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(deadline)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    /// Waits until something has happened to the descriptor, or `wake` was called; it may return early.
    pub(in crate::worker) fn wait(&self, deadline: Option<Instant>) -> io::Result<()> {
        let shared: &Shared = &self.worker.shared;
        let (waited, timed_out) = match deadline {
            None => (shared.suspend(&self.file).is_some(), false),
            Some(at) if at <= Instant::now() => return Err(io::ErrorKind::TimedOut.into()),
            Some(at) => shared
                .suspend_until(&self.file, at)
                .map_or((false, false), |(_, timed_out)| (true, timed_out)),
        };
        self.turn_operations.set(0);
        self.turn_began.set(shared.clock.refresh());
        match (waited, timed_out) {
            (false, _) => Err(io::ErrorKind::ConnectionAborted.into()),
            (true, true) => Err(io::ErrorKind::TimedOut.into()),
            (true, false) => Ok(()),
        }
    }

    /// Gives way until the next millisecond if the turn is over or the clock is due.
    fn pace(&self) {
        let clock: &Clock = &self.worker.shared.clock;
        let now = Instant::now();
        let operations = self.turn_operations.get() + 1;
        self.turn_operations.set(operations);
        let is_over = operations > TURN_OPERATIONS || now - self.turn_began.get() > TURN_TIME;
        if !is_over && !clock.is_held_up(now) {
            return;
        }
        add(&self.worker.shared.counters.paced_turns, 1);
        self.worker.sleep_until(clock.next_turn(now));
        self.turn_operations.set(1);
        self.turn_began.set(clock.refresh());
    }
}

/// Ends a socket's waits from elsewhere.
#[derive(Clone)]
pub struct SocketCloser {
    handle: Rc<Handle>,
}

impl SocketCloser {
    /// From now on waiting for the socket fails with `ConnectionAborted`.
    pub fn close(&self) {
        self.handle.closed.set(true);
        self.handle.waker.wakeup();
    }
}
