//! The heartbeat: tells a thread outside whether the worker's clock goes on.
//!
//! A coroutine counts as the clock wakes it; a thread of its own looks whether it has. So it stops with whatever holds the worker
//! up, and with nothing else: neither slow files nor busy helper threads are its end.

use super::{SpawnError, Worker};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, io, thread};

/// Why there is no heartbeat.
#[derive(Debug)]
pub enum HeartbeatError {
    /// No thread for it.
    Thread(io::Error),
    /// No coroutine for it.
    Coroutine(SpawnError),
}

impl fmt::Display for HeartbeatError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeartbeatError::Thread(error) => write!(formatter, "no thread for the heartbeat: {error}"),
            HeartbeatError::Coroutine(error) => write!(formatter, "no coroutine for the heartbeat: {error}"),
        }
    }
}

impl std::error::Error for HeartbeatError {}

impl Worker {
    /// Calls `alive` on a thread of its own, each `interval` in which the worker's clock went on, until the process ends.
    pub fn heartbeat(
        &self,
        interval: Duration,
        mut alive: impl FnMut() + Send + 'static,
    ) -> Result<(), HeartbeatError> {
        let beats = Arc::new(AtomicU64::new(1));
        let seen = Arc::clone(&beats);
        let look = move || {
            let mut last = 0;
            loop {
                let now = seen.load(Ordering::Relaxed);
                if now != last {
                    alive();
                }
                last = now;
                thread::sleep(interval);
            }
        };
        let thread = thread::Builder::new().name("heartbeat".to_owned());
        thread.spawn(look).map_err(HeartbeatError::Thread)?;
        let worker = self.clone();
        let beat = move || loop {
            beats.fetch_add(1, Ordering::Relaxed);
            worker.sleep_until(worker.now() + interval / 2);
        };
        self.spawn("heartbeat", beat).map_err(HeartbeatError::Coroutine)?;
        Ok(())
    }
}
