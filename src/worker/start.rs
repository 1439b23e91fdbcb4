//! How the worker begins: options, the thread, the first coroutines.

use super::batch::Batch;
use super::clock::{self, Clock};
use super::codec_stack::CodecStack;
use super::helpers::{HelperThreads, Helpers};
use super::metronome::Metronome;
use super::random::Random;
use super::statistics::Counters;
use super::task::{self, Outcome, TaskState};
use super::{MAX_STACK_BYTES, Shared, Worker, thread};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use std::{fmt, io};

/// Stacks that may keeps for the next coroutine, touched pages and all.
const POOLED_STACKS: usize = 256;
const MIN_STACK_BYTES: usize = 16 * 1024;
const STACK_STEP_BYTES: usize = 4096;

/// What a worker is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// The core to run on; any, if none.
    pub core: Option<usize>,
    /// Run with SCHED_FIFO at this priority (1 to 99); needs the right to.
    pub realtime_priority: Option<u8>,
    /// Length of the mixer's frame: 10 or 20 ms.
    pub frame: Duration,
    /// Address space of a coroutine's stack, of which only touched pages exist; 16 KiB to 1 MiB.
    pub stack_bytes: usize,
    /// Size of the stack shared by the codecs.
    pub codec_stack_bytes: usize,
    /// Coroutines alive at once.
    pub max_coroutines: usize,
    /// Threads for what blocks.
    pub helper_threads: usize,
    /// Jobs that may wait for one of them.
    pub helper_queue: usize,
    /// Measure each coroutine's stack exactly; makes every page of every stack exist.
    pub measure_stacks: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            core: None,
            realtime_priority: None,
            frame: Duration::from_millis(20),
            stack_bytes: 128 * 1024,
            codec_stack_bytes: 1 << 20,
            max_coroutines: 16_384,
            helper_threads: 2,
            helper_queue: 256,
            measure_stacks: false,
        }
    }
}

/// Why a worker did not begin, or did not end well.
#[derive(Debug)]
pub enum RunError {
    /// This process has, or had, a worker: may's scheduler is one per process.
    AlreadyRunning,
    /// `Options::frame` is neither 10 nor 20 ms.
    Frame(Duration),
    /// `Options::stack_bytes` is out of range.
    StackSize(usize),
    /// The core does not exist or is not ours.
    Pin(usize, io::Error),
    /// The scheduling class was refused.
    Realtime(io::Error),
    /// A thread, timer, stack or randomness was refused by the system.
    System(io::Error),
    /// The first coroutine panicked.
    Panicked,
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::AlreadyRunning => formatter.write_str("this process already has a worker"),
            RunError::Frame(frame) => write!(formatter, "a frame is 10 or 20 ms long, not {frame:?}"),
            RunError::StackSize(bytes) => {
                write!(formatter, "a stack has {MIN_STACK_BYTES} to {MAX_STACK_BYTES} bytes, not {bytes}")
            }
            RunError::Pin(core, error) => write!(formatter, "cannot run on core {core}: {error}"),
            RunError::Realtime(error) => write!(formatter, "cannot have real-time priority: {error}"),
            RunError::System(error) => write!(formatter, "cannot start the worker: {error}"),
            RunError::Panicked => formatter.write_str("the worker's first coroutine panicked"),
        }
    }
}

impl std::error::Error for RunError {}

/// Runs `body` as the first coroutine of the process's one worker thread and returns what it returns.
///
/// Called once per process, from a thread that has nothing else to do. The soundness of all that is not `Send` in
/// coroutines rests on the rules W1–W4 of this module: nobody but `worker` uses may, so no other may thread exists
/// and none of its timed primitives runs. `body` sees to it that the coroutines it began end before it returns:
/// those that still wait then are left where they are until the process ends.
pub fn run<T: Send + 'static>(
    options: Options,
    body: impl FnOnce(&Worker) -> T + Send + 'static,
) -> Result<T, RunError> {
    static RUNNING: AtomicBool = AtomicBool::new(false);
    let options = checked(options)?;
    if RUNNING.swap(true, Ordering::SeqCst) {
        return Err(RunError::AlreadyRunning);
    }
    may::config()
        .set_workers(1)
        .set_pool_capacity(POOLED_STACKS)
        .set_stack_size(options.stack_bytes / size_of::<usize>())
        .set_worker_pin(false);
    task::install_panic_hook();
    // Begun here, so that they inherit neither the worker's core nor its scheduling class.
    let threads =
        HelperThreads::begin(options.helper_threads, options.helper_queue).map_err(RunError::System)?;
    let (ended, end) = mpsc::channel();
    let boot = move || match Worker::assemble(options, threads) {
        Ok(worker) => begin(&worker, body, ended),
        Err(error) => report(&ended, Err(error)),
    };
    task::spawn_first(boot).map_err(RunError::System)?;
    end.recv().unwrap_or(Err(RunError::Panicked))
}

fn checked(mut options: Options) -> Result<Options, RunError> {
    if options.frame != Duration::from_millis(10) && options.frame != Duration::from_millis(20) {
        return Err(RunError::Frame(options.frame));
    }
    if !(MIN_STACK_BYTES..=MAX_STACK_BYTES).contains(&options.stack_bytes) {
        return Err(RunError::StackSize(options.stack_bytes));
    }
    options.stack_bytes = options.stack_bytes.next_multiple_of(STACK_STEP_BYTES);
    Ok(options)
}

/// Begins the clock and the first coroutine.
fn begin<T: Send + 'static>(
    worker: &Worker,
    body: impl FnOnce(&Worker) -> T + 'static,
    ended: mpsc::Sender<Result<T, RunError>>,
) {
    let clock_worker = worker.clone();
    let clock = worker.spawn("clock", move || clock::run(&clock_worker));
    let result = Rc::new(RefCell::new(None));
    let main = {
        let (worker, result) = (worker.clone(), Rc::clone(&result));
        worker.clone().spawn("main", move || {
            let value = body(&worker);
            *result.borrow_mut() = Some(value);
        })
    };
    let (Ok(clock), Ok(main)) = (clock, main) else {
        return report(&ended, Err(RunError::System(io::ErrorKind::OutOfMemory.into())));
    };
    clock.on_end(|_| {
        eprintln!("the worker's clock ended; nothing can go on without it");
        std::process::abort();
    });
    main.on_end(move |outcome| {
        let value = if outcome == Outcome::Finished { result.take() } else { None };
        report(&ended, value.ok_or(RunError::Panicked));
    });
}

/// Nobody listens any more only if the thread that called `run` is gone, and then nobody misses it.
fn report<T>(ended: &mpsc::Sender<Result<T, RunError>>, result: Result<T, RunError>) {
    let _nobody_listens = ended.send(result);
}

impl Worker {
    /// On the worker thread, in its first coroutine.
    fn assemble(options: Options, threads: HelperThreads) -> Result<Worker, RunError> {
        assert_eq!(may::config().get_workers(), 1, "may has one worker thread");
        if let Some(core) = options.core {
            thread::pin_to_core(core).map_err(|error| RunError::Pin(core, error))?;
        }
        if let Some(priority) = options.realtime_priority {
            thread::make_realtime(priority).map_err(RunError::Realtime)?;
        }
        let clock = Clock::new().map_err(RunError::System)?;
        let random = Random::from_kernel().map_err(RunError::System)?;
        let codec_stack = CodecStack::new(options.codec_stack_bytes).map_err(RunError::System)?;
        let shared = Rc::new_cyclic(|shared| Shared {
            home: thread::mark(),
            current: Cell::new(Some(TaskState::new("boot"))),
            unsuspendable: Cell::new(0),
            metronome: Metronome::new(shared.clone(), options.frame, clock.epoch()),
            helpers: Helpers::new(shared.clone(), threads),
            clock,
            random,
            codec_stack,
            batch: Batch::new(),
            counters: Counters::default(),
            options,
        });
        Ok(Worker { shared })
    }
}
