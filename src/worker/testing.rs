//! One worker for all tests of this process, since may's scheduler is one per process.

use super::{Options, RemoteSender, Worker, run};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

type Body = Box<dyn FnOnce(&Worker) + Send>;

/// Runs `body` in a coroutine of the tests' worker and returns its result; a panic goes on in the caller. Bodies
/// run one after another, so a test may look at the worker's counters.
pub fn on_worker<T: Send + 'static>(body: impl FnOnce(&Worker) -> T + Send + 'static) -> T {
    let (result, outcome) = mpsc::channel();
    let job: Body = Box::new(move |worker| {
        let caught = catch_unwind(AssertUnwindSafe(|| body(worker)));
        result.send(caught).expect("the test waits for its result");
    });
    let jobs = jobs().lock().unwrap_or_else(PoisonError::into_inner);
    jobs.send(job).expect("the tests' worker takes one body at a time");
    match outcome.recv() {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            drop(jobs);
            resume_unwind(panic)
        }
        Err(_) => panic!("the tests' worker is gone"),
    }
}

fn jobs() -> &'static Mutex<RemoteSender<Body>> {
    static JOBS: OnceLock<Mutex<RemoteSender<Body>>> = OnceLock::new();
    JOBS.get_or_init(|| {
        let (ready, sender) = mpsc::channel();
        let options = Options { measure_stacks: true, helper_queue: 4, ..Options::default() };
        let serve = move |worker: &Worker| {
            let (jobs, inbox) = worker.remote_inbox::<Body>(1);
            ready.send(jobs).expect("the first test waits for the worker");
            while let Some(body) = inbox.recv() {
                let inside = worker.clone();
                worker.spawn("test", move || body(&inside)).expect("room for a test").join();
            }
        };
        thread::spawn(move || run(options, serve).expect("the tests' worker runs"));
        Mutex::new(sender.recv().expect("the tests' worker begins"))
    })
}

/// Octets of stack that `work` uses, of the smallest that `codec-stack` can be; `work` waits for nothing.
#[allow(unsafe_code)]
pub fn stack_of(work: impl FnOnce()) -> usize {
    const PAGE_BYTES: usize = 4096;
    const PAINT: u8 = 0xa7;
    let mut room = vec![PAINT; (256 << 10) + PAGE_BYTES];
    let first = room.as_ptr().align_offset(PAGE_BYTES);
    let stack = &mut room[first..first + (256 << 10)];
    let guarded = || catch_unwind(AssertUnwindSafe(work));
    // SAFETY: whole pages that nobody else uses, and `guarded` returns normally whatever `work` does. Below there is no
    // guard page, but other pages of the same mapping; what comes near is refused.
    let outcome = unsafe { psm::on_stack(stack.as_mut_ptr(), stack.len(), guarded) };
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
    let untouched = stack.iter().take_while(|octet| **octet == PAINT).count();
    assert!(untouched >= PAGE_BYTES, "all of the stack was used");
    stack.len() - untouched
}

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Allocations made so far by the calling thread.
pub fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// The system's allocator, counting for each thread.
struct CountingAllocator;

fn count_allocation() {
    // Not while the thread's locals are being dropped.
    let _counted = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: hands everything to the system's allocator unchanged; counting touches a thread-local without a destructor.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_allocation();
        // SAFETY: the caller's promise is the one that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count_allocation();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
