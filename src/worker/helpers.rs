//! Threads for what blocks (files, names, other programs): a coroutine hands over a job and waits for its result.

use super::statistics::add;
use super::{Shared, task::TaskState};
use may::io::WaitIoWaker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io, thread};

type Job = Box<dyn FnOnce() + Send>;

/// Why a job has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelperError {
    /// The queue of jobs is full (or the caller unwinds and cannot wait).
    Busy,
    /// The job panicked.
    Panicked,
}

impl fmt::Display for HelperError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            HelperError::Busy => "the helper threads have too much to do",
            HelperError::Panicked => "the job panicked on its helper thread",
        })
    }
}

impl std::error::Error for HelperError {}

/// The threads and their queue, begun before the worker is.
pub(super) struct HelperThreads {
    jobs: SyncSender<Job>,
}

impl HelperThreads {
    pub(super) fn begin(threads: usize, queue: usize) -> io::Result<HelperThreads> {
        let (jobs, receiver) = sync_channel::<Job>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new().name(format!("helper-{number}")).spawn(move || work_off(&receiver))?;
        }
        Ok(HelperThreads { jobs })
    }
}

fn work_off(receiver: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting: the others wait for it instead of for the queue.
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

/// Where a job leaves its result.
struct Slot<R> {
    result: Mutex<Option<thread::Result<R>>>,
}

impl<R> Slot<R> {
    fn lock(&self) -> MutexGuard<'_, Option<thread::Result<R>>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the helper threads.
pub struct Helpers {
    shared: Weak<Shared>,
    threads: HelperThreads,
}

impl Helpers {
    pub(super) fn new(shared: Weak<Shared>, threads: HelperThreads) -> Helpers {
        Helpers { shared, threads }
    }

    /// Runs `job` on a helper thread and waits for its result. A job must come to an end by itself; nobody can
    /// stop it.
    pub fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> Result<R, HelperError> {
        let shared = self.shared.upgrade().expect("the worker outlives its helpers");
        if thread::panicking() {
            return Err(HelperError::Busy);
        }
        let slot = Arc::new(Slot { result: Mutex::new(None) });
        let me: Rc<TaskState> = shared.current_task();
        let waker: WaitIoWaker = me.parker.waker();
        let theirs = Arc::clone(&slot);
        let job = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(job));
            *theirs.lock() = Some(result);
            waker.wakeup();
        });
        if self.threads.jobs.try_send(job).is_err() {
            add(&shared.counters.helper_drops, 1);
            return Err(HelperError::Busy);
        }
        loop {
            if let Some(result) = slot.lock().take() {
                return result.map_err(|_panic| HelperError::Panicked);
            }
            if !shared.park() {
                return Err(HelperError::Busy);
            }
        }
    }

    /// Gives `job` to a helper thread and goes on; what it may say it says through a remote inbox.
    pub fn start(&self, job: impl FnOnce() + Send + 'static) -> Result<(), HelperError> {
        let job = Box::new(move || {
            // The panic was told by the hook; the thread lives on.
            let _told = catch_unwind(AssertUnwindSafe(job));
        });
        self.threads.jobs.try_send(job).map_err(|_full| {
            if let Some(shared) = self.shared.upgrade() {
                add(&shared.counters.helper_drops, 1);
            }
            HelperError::Busy
        })
    }
}
