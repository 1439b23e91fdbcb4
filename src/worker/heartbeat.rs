//! The heartbeat: tells a thread outside whether the worker's clock goes on.
//!
//! A coroutine counts as the clock wakes it; a thread of its own, with neither the worker's core nor its scheduling class, looks
//! whether it has. So it stops with whatever holds the worker up, and with nothing else: neither slow files nor busy helper
//! threads are its end.

use super::{SpawnError, Worker};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{io, thread};

/// More often nobody needs to know.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// A thread that looks whether a worker lives.
pub struct Heartbeat {
    beats: Arc<AtomicU64>,
    interval: Duration,
}

impl Heartbeat {
    /// Begins the thread, before the worker has a core and a class that it would inherit. It calls `alive` each `interval` in
    /// which the clock of the worker went on that is followed, until the process ends.
    pub fn begin(interval: Duration, mut alive: impl FnMut() + Send + 'static) -> io::Result<Heartbeat> {
        let interval = interval.max(LEAST_INTERVAL);
        let beats = Arc::new(AtomicU64::new(0));
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
        thread::Builder::new().name("heartbeat".to_owned()).spawn(look)?;
        Ok(Heartbeat { beats, interval })
    }

    /// It is this worker's from now on.
    pub fn follow(self, worker: &Worker) -> Result<(), SpawnError> {
        let clock = worker.clone();
        let beat = move || loop {
            self.beats.fetch_add(1, Ordering::Relaxed);
            clock.sleep_until(clock.now() + self.interval / 2);
        };
        worker.spawn("heartbeat", beat).map(|_| ())
    }
}
