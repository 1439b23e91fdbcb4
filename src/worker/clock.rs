//! The worker's clock: one timerfd, the deadlines of waiting coroutines, and the coroutine that serves both.
//!
//! May's own timers resume coroutines on another thread, so none of them is ever used. The clock's coroutine makes
//! passes: run the metronome's slot if it is due, wake whom a deadline has come for, set the timer to what is due
//! next, wait. Between two passes epoll is always asked, so however late the clock is, sockets are served.
#![allow(unsafe_code)]

use super::timers::{TimerHeap, TimerKey};
use super::{Shared, Worker};
use may::io::{CoIo, WaitIo, WaitIoWaker};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The grid on which paced sockets continue.
const TURN_GRID: Duration = Duration::from_millis(1);
/// A kernel timestamp further off than this is not believed (the wall clock was set): arrival is then "now".
const MAX_ARRIVAL_AGE: Duration = Duration::from_secs(10);
/// Clocks read longer ago than this are read again before an arrival is mapped.
const MAX_READING_AGE: Duration = Duration::from_millis(5);

struct TimerFile(OwnedFd);

impl AsRawFd for TimerFile {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Wall-clock and monotonic time read together.
#[derive(Clone, Copy)]
struct TimePair {
    monotonic: Instant,
    since_unix: Duration,
}

pub(super) struct Clock {
    timer: CoIo<TimerFile>,
    waker: WaitIoWaker,
    /// `Instant` and CLOCK_MONOTONIC are the same clock; this pair says how one is written as the other.
    base: (Instant, Duration),
    timers: RefCell<TimerHeap<WaitIoWaker>>,
    armed: Cell<Option<Instant>>,
    last_reading: Cell<TimePair>,
}

impl Clock {
    /// Only in a coroutine: may's epoll belongs to the worker.
    pub(super) fn new() -> io::Result<Clock> {
        // SAFETY: timerfd_create takes no pointers; a descriptor it returns is new and nobody else's.
        let file = unsafe {
            let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            TimerFile(OwnedFd::from_raw_fd(fd))
        };
        let timer = CoIo::new(file).map_err(io::Error::from)?;
        let waker = timer.waker();
        Ok(Clock {
            timer,
            waker,
            base: (Instant::now(), monotonic_time()?),
            timers: RefCell::new(TimerHeap::new()),
            armed: Cell::new(None),
            last_reading: Cell::new(read_time_pair()),
        })
    }

    /// The start of the metronome's grid.
    pub(super) fn epoch(&self) -> Instant {
        self.base.0
    }

    /// Has `waker` woken at `at` unless `forget` comes first.
    pub(super) fn remember(&self, at: Instant, waker: WaitIoWaker) -> TimerKey {
        let key = self.timers.borrow_mut().insert(at, waker);
        self.arm_before(at);
        key
    }

    /// Takes a deadline back; says whether it had already come.
    pub(super) fn forget(&self, key: TimerKey) -> bool {
        self.timers.borrow_mut().remove(key).is_none()
    }

    /// Makes sure that a pass begins at `at` or earlier.
    pub(super) fn arm_before(&self, at: Instant) {
        if self.armed.get().is_none_or(|armed| at < armed) {
            self.arm(at);
        }
    }

    /// Arms the timer for `at` if it is not armed at all.
    pub(super) fn arm_if_idle(&self, at: impl FnOnce() -> Instant) {
        if self.armed.get().is_none() {
            self.arm(at());
        }
    }

    /// Whether the clock's coroutine is due to run and cannot, because another one runs.
    pub(super) fn is_held_up(&self, now: Instant) -> bool {
        self.armed.get().is_some_and(|armed| armed <= now)
    }

    /// The next point of the 1 ms grid after `now`.
    pub(super) fn next_turn(&self, now: Instant) -> Instant {
        let passed = now.saturating_duration_since(self.epoch()).as_nanos() / TURN_GRID.as_nanos();
        let turns = u32::try_from(passed + 1);
        turns.map_or(now + TURN_GRID, |turns| self.epoch() + TURN_GRID * turns)
    }

    /// Wakes the clock's coroutine without its timer.
    pub(super) fn wake(&self) {
        self.waker.wakeup();
    }

    /// Waits for the timer or `wake`; true if `wake` was among the reasons. False therefore means that epoll was
    /// asked, which may does only when no coroutine is ready to run.
    pub(super) fn wait(&self, shared: &Shared) -> bool {
        let Some(reasons) = shared.suspend(&self.timer) else { return true };
        if reasons & libc::EPOLLIN as usize != 0 {
            self.armed.set(None);
        }
        reasons & !(libc::EPOLLIN as usize) != 0
    }

    /// The kernel's (wall-clock) time of arrival of a datagram as an `Instant`, by the clocks as read last. Times
    /// that cannot be, because the wall clock was set, count as now.
    pub(super) fn instant_of(&self, since_unix: Duration) -> Instant {
        let mut pair = self.last_reading.get();
        if since_unix > pair.since_unix + MAX_READING_AGE {
            self.refresh();
            pair = self.last_reading.get();
        }
        if since_unix >= pair.since_unix {
            return pair.monotonic + (since_unix - pair.since_unix).min(MAX_READING_AGE);
        }
        let age = pair.since_unix - since_unix;
        let arrival = if age < MAX_ARRIVAL_AGE { pair.monotonic.checked_sub(age) } else { None };
        arrival.unwrap_or(pair.monotonic)
    }

    /// Reads both clocks anew; the wall clock may have been set.
    pub(super) fn refresh(&self) -> Instant {
        let pair = read_time_pair();
        self.last_reading.set(pair);
        pair.monotonic
    }

    fn wake_due(&self, now: Instant) {
        loop {
            let due = self.timers.borrow_mut().pop_due(now);
            match due {
                Some(waker) => waker.wakeup(),
                None => return,
            }
        }
    }

    fn arm(&self, at: Instant) {
        let since_boot = self.base.1 + at.saturating_duration_since(self.base.0);
        let value = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: libc::time_t::try_from(since_boot.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: libc::c_long::from(since_boot.subsec_nanos() as i32),
            },
        };
        // SAFETY: the descriptor is ours and open, `value` lives through the call.
        let outcome = unsafe {
            libc::timerfd_settime(self.timer.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &value, ptr::null_mut())
        };
        assert_eq!(outcome, 0, "the kernel refused a timer: {}", io::Error::last_os_error());
        self.armed.set(Some(at));
    }
}

/// The clock's coroutine. Never ends.
pub(super) fn run(worker: &Worker) {
    let shared = Rc::clone(&worker.shared);
    loop {
        let now = shared.clock.refresh();
        shared.metronome.run_due_slot(&shared, now);
        shared.clock.wake_due(Instant::now());
        let next_deadline = shared.clock.timers.borrow().next();
        let next = [next_deadline, shared.metronome.next_due()].into_iter().flatten().min();
        if let Some(at) = next
            && shared.clock.armed.get() != Some(at)
        {
            shared.clock.arm(at);
        }
        shared.clock.wait(&shared);
    }
}

fn monotonic_time() -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives through the call.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(duration_of(time))
}

fn read_time_pair() -> TimePair {
    let since_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimePair { monotonic: Instant::now(), since_unix }
}

/// A kernel time as a duration; what is negative or out of range counts as zero.
pub(super) fn duration_of(time: libc::timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0).min(999_999_999))
}
