//! Coroutines: how one begins, ends and is told of.
//!
//! May wants closures that are `Send`. Those of this worker are not, and need not be (W1–W4 of the module doc of
//! `worker`): they are made, run and dropped on the one worker thread. That is the one unsafe promise here.
#![allow(unsafe_code)]

use super::parker::Parker;
use super::stack_gauge::StackGauge;
use super::statistics::add;
use super::{Shared, Worker, thread};
use may::coroutine::Builder;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::rc::Rc;
use std::sync::Once;
use std::{fmt, io};

/// How a coroutine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its body returned.
    Finished,
    /// Its body panicked; everything it owned was dropped.
    Panicked,
}

/// Why a coroutine could not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// `Options::max_coroutines` are alive.
    TooMany,
    /// The kernel gave no memory for its stack.
    NoStack,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SpawnError::TooMany => "the limit of coroutines is reached",
            SpawnError::NoStack => "no memory for a coroutine's stack",
        })
    }
}

impl std::error::Error for SpawnError {}

type EndCallback = Box<dyn FnOnce(Outcome)>;

/// What the worker keeps of a coroutine.
pub(super) struct TaskState {
    pub(super) name: &'static str,
    pub(super) parker: Parker,
    outcome: Cell<Option<Outcome>>,
    callbacks: RefCell<Vec<EndCallback>>,
    joiners: RefCell<Vec<Rc<TaskState>>>,
}

impl TaskState {
    pub(super) fn new(name: &'static str) -> Rc<TaskState> {
        Rc::new(TaskState {
            name,
            parker: Parker::new(),
            outcome: Cell::new(None),
            callbacks: RefCell::default(),
            joiners: RefCell::default(),
        })
    }
}

/// A handle to a coroutine. Dropping it lets the coroutine run on.
pub struct Task {
    worker: Worker,
    state: Rc<TaskState>,
}

impl Task {
    /// The name given to `spawn`.
    pub fn name(&self) -> &'static str {
        self.state.name
    }

    /// How it ended; `None` while it is alive.
    pub fn outcome(&self) -> Option<Outcome> {
        self.state.outcome.get()
    }

    /// Calls `callback` when the coroutine has ended and dropped what it owned, or at once if it has. It runs on
    /// the ended coroutine's stack and may not wait; a panic in it is caught and counted.
    pub fn on_end(&self, callback: impl FnOnce(Outcome) + 'static) {
        match self.state.outcome.get() {
            Some(outcome) => callback(outcome),
            None => self.state.callbacks.borrow_mut().push(Box::new(callback)),
        }
    }

    /// Waits until the coroutine has ended. While the caller unwinds it does not wait and says `Panicked`.
    pub fn join(&self) -> Outcome {
        loop {
            if let Some(outcome) = self.state.outcome.get() {
                return outcome;
            }
            let me = self.worker.shared.current_task();
            let is_known = self.state.joiners.borrow().iter().any(|joiner| Rc::ptr_eq(joiner, &me));
            if !is_known {
                self.state.joiners.borrow_mut().push(me);
            }
            if !self.worker.shared.park() {
                return Outcome::Panicked;
            }
        }
    }
}

/// A closure that stays on the worker thread though its type may not say so.
struct OnWorker<F>(F);

// SAFETY: the closure is made by `spawn` from a `Worker`, which exists on the worker thread alone (W3); it is run
// by the coroutine it is moved into, which may never moves to another thread (W1, W2; checked by `landed` after
// every switch, with abort); it is dropped there when it has run, and it gives nothing back (W4).
unsafe impl<F> Send for OnWorker<F> {}

impl<F: FnOnce()> OnWorker<F> {
    /// By method, so that a closure captures the whole value and not the field alone, which were not `Send`.
    fn call(self) {
        (self.0)();
    }
}

pub(super) fn spawn(
    worker: &Worker,
    name: &'static str,
    body: Box<dyn FnOnce()>,
) -> Result<Task, SpawnError> {
    let shared = &worker.shared;
    if shared.counters.coroutines_alive.get() >= shared.options.max_coroutines {
        return Err(SpawnError::TooMany);
    }
    let state = TaskState::new(name);
    let task = Task { worker: worker.clone(), state: Rc::clone(&state) };
    let spawner = shared.current_task();
    let entry = {
        let worker = worker.clone();
        OnWorker(move || live(&worker, &state, body))
    };
    let stack_words = shared.options.stack_bytes / size_of::<usize>();
    // may panics if it gets no stack; at that point it has taken nothing over.
    let begun = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: what may asks of its callers: no thread-local is kept across a switch (ours are read in
        // functions that are never inlined), and a stack overflow meets a guard page.
        unsafe { Builder::new().stack_size(stack_words).spawn_local(move || entry.call()) }
    }));
    // `spawn_local` ran the new coroutine up to its first switch, which queues it (see `live`).
    shared.resume_as(spawner);
    match begun {
        Ok(Ok(_detached)) => {
            shared.counters.coroutine_begins();
            Ok(task)
        }
        _ => Err(SpawnError::NoStack),
    }
}

/// Begins the coroutine that assembles the worker; all others are begun by `spawn`.
pub(super) fn spawn_first(boot: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // SAFETY: as in `spawn`.
    unsafe { Builder::new().spawn(boot) }.map(drop)
}

/// A coroutine from its first to its last instruction.
fn live(worker: &Worker, state: &Rc<TaskState>, body: Box<dyn FnOnce()>) {
    // Queues it behind those that are ready: `spawn` must not run foreign code in the middle of its caller, and
    // this costs no eventfd write as may's own queueing from outside would.
    may::coroutine::yield_now();
    let shared = &worker.shared;
    shared.resume_as(Rc::clone(state));
    let gauge = StackGauge::begin(shared.options.stack_bytes, shared.options.measure_stacks);
    let outcome = if shared.survives(body) { Outcome::Finished } else { Outcome::Panicked };
    state.outcome.set(Some(outcome));
    shared.counters.coroutine_ends(state.name, gauge.end());
    for callback in state.callbacks.take() {
        shared.survives(move || callback(outcome));
    }
    for joiner in state.joiners.take() {
        joiner.parker.unpark();
    }
}

impl Shared {
    /// Runs `work` and says whether it came to its end; a panic is counted and goes no further.
    pub(super) fn survives(&self, work: impl FnOnce()) -> bool {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(()) => true,
            Err(payload) => {
                add(&self.counters.panics, 1);
                // A payload may panic when it is dropped.
                if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(second);
                }
                false
            }
        }
    }
}

/// Panics in coroutines are told in one line without a backtrace, which would need more stack than they have.
pub(super) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let name = thread::running_name();
            if name.is_empty() {
                previous(info);
            } else {
                tell_panic(name, info);
            }
        }));
    });
}

fn tell_panic(name: &str, info: &PanicHookInfo<'_>) {
    let message = panic_message(info.payload());
    let (file, line) = info.location().map_or(("?", 0), |at| (at.file(), at.line()));
    if log::log_enabled!(log::Level::Error) {
        log::error!("panic in coroutine {name} at {file}:{line}: {message}");
    } else {
        eprintln!("panic in coroutine {name} at {file}:{line}: {message}");
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}
