//! The one thread: coroutines, their clock, inboxes, sockets, codec stack and the way to helper threads.
//!
//! A coroutine gives way only where it waits, so what they share needs no lock: plain `Rc`, `Cell`, `RefCell`. That
//! is sound because of four rules. W1: may runs one worker thread. W2: no timed primitive of may is ever used, they
//! resume on may's timer thread; time comes from `clock`. W3: a [`Worker`] is made by [`run`] alone, on that thread,
//! and can be neither sent nor made elsewhere. W4: nothing that is not `Send` leaves the thread. After every wait
//! the thread is checked and a mismatch aborts. Whatever takes a `&Worker` or holds one may wait; nothing waits on
//! the codec stack, in a round's hook, or (it returns at once) while unwinding. Knows no word of telephony.

mod batch;
mod clock;
mod codec_stack;
mod heartbeat;
mod helpers;
mod inbox;
mod memory;
mod metronome;
mod parker;
mod place;
mod prefetch;
mod random;
mod remote_inbox;
mod round;
mod signals;
mod slots;
mod socket;
mod stack_gauge;
mod start;
mod statistics;
mod task;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod thread;
mod timers;

pub use heartbeat::Heartbeat;
pub use helpers::{HelperError, Helpers};
pub use inbox::{Full, Inbox, Received, Sender};
pub use memory::Allocator;
pub use metronome::Metronome;
pub use place::{Closed, Place, PlaceCloser};
pub use prefetch::{Nearby, Piece};
pub use remote_inbox::{RemoteInbox, RemoteSender};
pub use round::{Round, RoundHooks, Tick};
pub use signals::{Signal, Signals};
pub use socket::datagram::DatagramSocket;
pub use socket::media::MediaSocket;
pub use socket::readiness::SocketCloser;
pub use socket::stream::{Stream, StreamLimits, StreamSender};
pub use socket::stream_listener::StreamListener;
pub use socket::{Datagram, SocketCounters, SocketOptions, source_address};
pub use start::{Options, RunError, run};
pub use statistics::{LatenessHistogram, StackPeak, WorkerStatistics};
pub use task::{Outcome, SpawnError, Task};
pub use thread::{raise_file_limit, reserve_files, usable_cores};

use batch::Batch;
use clock::Clock;
use codec_stack::CodecStack;
use may::io::WaitIo;
use random::Random;
use statistics::Counters;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};
use task::TaskState;
use thread::ThreadMark;

/// The largest stack a coroutine may be given.
const MAX_STACK_BYTES: usize = 1 << 20;

/// Proof that its holder runs on the worker thread: it can be neither sent nor made elsewhere.
#[derive(Clone)]
pub struct Worker {
    shared: Rc<Shared>,
}

/// What all coroutines share.
struct Shared {
    home: ThreadMark,
    current: Cell<Option<Rc<TaskState>>>,
    /// How many sections that may not wait are open.
    unsuspendable: Cell<u32>,
    clock: Clock,
    metronome: Metronome,
    helpers: Helpers,
    random: Random,
    codec_stack: CodecStack,
    batch: Batch,
    counters: Counters,
    options: Options,
}

impl Worker {
    /// Begins a coroutine; it runs when its turn comes, not before the caller next waits. A panic ends it alone.
    pub fn spawn(&self, name: &'static str, body: impl FnOnce() + 'static) -> Result<Task, SpawnError> {
        task::spawn(self, name, Box::new(body))
    }

    /// The monotonic clock.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// The wall clock, for NTP timestamps and logs; it may be set at any time.
    pub fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    /// CPU time that the worker's thread has used, in user and kernel mode.
    pub fn cpu_time(&self) -> Duration {
        thread::cpu_time()
    }

    /// Length of the mixer's frame.
    pub fn frame(&self) -> Duration {
        self.shared.options.frame
    }

    /// 32 unguessable bits.
    pub fn random_u32(&self) -> u32 {
        self.shared.random.next_u32()
    }

    /// 64 unguessable bits.
    pub fn random_u64(&self) -> u64 {
        self.shared.random.next_u64()
    }

    /// 80 unguessable bits as 16 lower-case letters and digits.
    pub fn random_token(&self) -> String {
        self.shared.random.token()
    }

    /// Waits until `at`; returns at once if it has passed, or while unwinding.
    pub fn sleep_until(&self, at: Instant) {
        while Instant::now() < at {
            if self.shared.park_until(at) == ParkEnd::Refused {
                return;
            }
        }
    }

    /// A queue between coroutines that holds at most `bound` items.
    pub fn inbox<T>(&self, bound: usize) -> (Sender<T>, Inbox<T>) {
        inbox::inbox(self, bound)
    }

    /// A queue from other threads to a coroutine that holds at most `bound` items.
    pub fn remote_inbox<T: Send>(&self, bound: usize) -> (RemoteSender<T>, RemoteInbox<T>) {
        remote_inbox::remote_inbox(self, bound)
    }

    /// Runs `work` on the shared codec stack. It may not wait (it panics if it tries); a panic in it goes on in
    /// the caller.
    pub fn on_codec_stack<R>(&self, work: impl FnOnce() -> R) -> R {
        let _unsuspendable = self.shared.forbid_waiting();
        self.shared.codec_stack.run(work)
    }

    /// The clock of laps.
    pub fn metronome(&self) -> &Metronome {
        &self.shared.metronome
    }

    /// The threads for what blocks: files, names, programs.
    pub fn helpers(&self) -> &Helpers {
        &self.shared.helpers
    }

    /// A picture of all counters.
    pub fn statistics(&self) -> WorkerStatistics {
        self.shared.counters.picture(self.shared.metronome.slot_work_us())
    }
}

/// How a wait with a deadline ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParkEnd {
    /// Somebody woke the coroutine.
    Woken,
    /// The deadline came.
    TimedOut,
    /// It did not wait: it is unwinding.
    Refused,
}

/// Open as long as it lives: no coroutine may wait.
struct UnsuspendableSection<'a>(&'a Cell<u32>);

impl Drop for UnsuspendableSection<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Shared {
    /// The coroutine that runs.
    fn current_task(&self) -> Rc<TaskState> {
        let current = self.current.take().expect("a worker is used by its coroutines alone");
        self.current.set(Some(Rc::clone(&current)));
        current
    }

    /// To be called by a coroutine whenever it has been switched to.
    fn resume_as(&self, task: Rc<TaskState>) {
        thread::landed(self.home, task.name);
        self.current.set(Some(task));
    }

    /// Gives way until `place` is woken and says why it was. `None`, without waiting, while unwinding: the count of
    /// panics is the thread's, and other coroutines would seem to panic.
    fn suspend(&self, place: &impl WaitIo) -> Option<usize> {
        assert_eq!(self.unsuspendable.get(), 0, "nothing waits on the codec stack or in a round's hook");
        if std::thread::panicking() {
            return None;
        }
        // Before the wait too: whoever used a timed primitive of may since the last one runs elsewhere.
        thread::check(self.home);
        let me = self.current_task();
        let reasons = place.wait_io();
        self.resume_as(me);
        Some(reasons)
    }

    /// Gives way until somebody unparks this coroutine; it may return early. False, without waiting, while unwinding.
    fn park(&self) -> bool {
        let me = self.current_task();
        self.suspend(&me.parker).is_some()
    }

    /// As `park`, until `at` at most.
    fn park_until(&self, at: Instant) -> ParkEnd {
        let me = self.current_task();
        self.suspend_until(&me.parker, at).map_or(ParkEnd::Refused, |(_, timed_out)| {
            if timed_out { ParkEnd::TimedOut } else { ParkEnd::Woken }
        })
    }

    /// As `suspend`, until `at` at most; the second value says that the deadline came.
    fn suspend_until(&self, place: &impl WaitIo, at: Instant) -> Option<(usize, bool)> {
        let deadline = self.clock.remember(at, place.waker());
        let reasons = self.suspend(place);
        let timed_out = self.clock.forget(deadline);
        reasons.map(|reasons| (reasons, timed_out))
    }

    /// Until the returned value is dropped, waiting panics.
    fn forbid_waiting(&self) -> UnsuspendableSection<'_> {
        self.unsuspendable.set(self.unsuspendable.get() + 1);
        UnsuspendableSection(&self.unsuspendable)
    }
}
