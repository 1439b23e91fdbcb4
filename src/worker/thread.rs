//! The worker's thread itself: who is on it, which core and scheduling class it has, how many files it may open.
//!
//! Everything in `worker` that is not `Send` is sound only while every coroutine stays on one thread. That is
//! checked after every wait, in release builds too; a coroutine that woke elsewhere ends the process at once.
#![allow(unsafe_code)]

use super::clock::duration_of;
use std::cell::Cell;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

thread_local! {
    /// Name of the coroutine that runs on this thread; its address is also the thread's mark.
    static RUNNING: Cell<&'static str> = const { Cell::new("") };
}

/// Tells threads apart for as long as they live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ThreadMark(usize);

/// The mark of the calling thread. Never inlined: the address of a thread-local may be cached across a switch.
#[inline(never)]
pub(super) fn mark() -> ThreadMark {
    RUNNING.with(|running| ThreadMark(std::ptr::from_ref(running) as usize))
}

/// Called whenever a coroutine has been switched to: it must be on `home`, and is the running one from now on.
#[inline(never)]
pub(super) fn landed(home: ThreadMark, name: &'static str) {
    check(home);
    RUNNING.with(|running| running.set(name));
}

/// Ends the process if the calling thread is not `home`.
pub(super) fn check(home: ThreadMark) {
    if mark() != home {
        wrong_thread();
    }
}

/// Name of the coroutine that runs on the calling thread, empty outside the worker.
#[inline(never)]
pub(super) fn running_name() -> &'static str {
    RUNNING.with(Cell::get)
}

#[cold]
fn wrong_thread() -> ! {
    eprintln!("a coroutine runs on another thread than its own: a timed primitive of may was used");
    std::process::abort()
}

/// Binds the calling thread to one core.
pub(super) fn pin_to_core(core: usize) -> io::Result<()> {
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: a zeroed cpu_set_t is the empty set; CPU_SET writes inside it because core < CPU_SETSIZE; the call
    // reads `size_of` bytes of it and thread 0 is the calling one.
    let outcome = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &set)
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The cores that the calling thread may be bound to, in order; none where the kernel does not say.
pub fn usable_cores() -> Vec<usize> {
    // SAFETY: a zeroed cpu_set_t is the empty set; the call writes `size_of` bytes of it, thread 0 is the calling one,
    // and CPU_ISSET reads inside it because every number asked is below CPU_SETSIZE.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &mut set) != 0 {
            return Vec::new();
        }
        (0..libc::CPU_SETSIZE as usize).filter(|core| libc::CPU_ISSET(*core, &set)).collect()
    }
}

/// Gives the calling thread the real-time class SCHED_FIFO; threads it starts do not inherit it.
pub(super) fn make_realtime(priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: i32::from(priority) };
    // SAFETY: `parameters` lives through the call, thread 0 is the calling one.
    let outcome =
        unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &parameters) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// CPU time that the calling thread has used, in user and kernel mode.
pub(super) fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives through the call.
    let outcome = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    if outcome == 0 { duration_of(time) } else { Duration::ZERO }
}

/// Raises the soft limit of open files to the hard one and returns it.
pub fn raise_file_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a live rlimit of the right type.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &limit) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

/// Makes the process's table of descriptors large enough for `count` of them, now. Where it grows later, under load, the
/// kernel lets the opener wait for a grace period of all cores: 10 to 30 ms in which no lap is made.
pub fn reserve_files(count: u64) -> io::Result<()> {
    let highest = libc::c_int::try_from(count.max(1) - 1).unwrap_or(libc::c_int::MAX);
    // SAFETY: duplicates a descriptor that every process has, to a free number; no pointer is passed.
    let copy = unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_DUPFD_CLOEXEC, highest) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was made above and nobody else knows it.
    drop(unsafe { OwnedFd::from_raw_fd(copy) });
    Ok(())
}
