//! The place a coroutine is parked in: the one way of waiting that this worker uses besides readiness of a file.
//!
//! may keeps a coroutine that waits for a file in that file's `IoData`. An `IoData` that epoll was never told of
//! is the cheapest parking place may has: one atomic exchange to enter, one to leave, no allocation. `may::park`
//! takes three times as many and twice the time. A wake-up that comes early is kept and ends the next wait at
//! once, so every waiter loops on its own condition.

use super::prefetch::Piece;
use may::io::{AsIoData, IoData, WaitIo, WaitIoWaker};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;

/// A descriptor that is never open: epoll answers EBADF when `IoData` takes its leave of it.
struct NoFile;

impl AsRawFd for NoFile {
    fn as_raw_fd(&self) -> RawFd {
        RawFd::MAX
    }
}

/// Where one coroutine waits to be woken by others.
pub(super) struct Parker {
    io: IoData,
}

impl AsIoData for Parker {
    fn as_io_data(&self) -> &IoData {
        &self.io
    }
}

impl Parker {
    pub(super) fn new() -> Parker {
        Parker { io: IoData::new(&NoFile) }
    }

    /// The memory that a wake-up looks at.
    pub(super) fn piece(&self) -> Piece {
        Piece::of(&**self.io)
    }

    /// Wakes the coroutine parked here, or lets its next wait return at once. Never switches.
    pub(super) fn unpark(&self) {
        self.io.io_flag.store(1, Ordering::Release);
        self.io.schedule();
    }

    /// The same from timers and other threads.
    pub(super) fn waker(&self) -> WaitIoWaker {
        WaitIo::waker(self)
    }
}
