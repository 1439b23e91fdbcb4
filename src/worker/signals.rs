//! Signals that ask the process to end, to read its configuration again or to tell its figures, as something a coroutine waits
//! for.
#![allow(unsafe_code)]

use super::Worker;
use super::socket::readiness::Ready;
use std::fs::File;
use std::io::{self, Read};
use std::mem::zeroed;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

/// Where the handler writes; never closed once set.
static PIPE_END: AtomicI32 = AtomicI32::new(-1);

const WATCHED: [(libc::c_int, Signal); 4] = [
    (libc::SIGTERM, Signal::Terminate),
    (libc::SIGINT, Signal::Interrupt),
    (libc::SIGHUP, Signal::Reload),
    (libc::SIGUSR1, Signal::Report),
];

/// A signal the process got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    Report,
}

/// The signals of the process, in order.
pub struct Signals {
    pipe: Ready<File>,
}

impl Signals {
    /// Takes these signals over from their default action, for the rest of the process's life. Once a process;
    /// then `AlreadyExists`.
    pub fn listen(worker: &Worker) -> io::Result<Signals> {
        let (read_end, write_end) = nonblocking_pipe()?;
        let pipe = Ready::new(worker, File::from(read_end))?;
        let fd = write_end.into_raw_fd();
        if PIPE_END.compare_exchange(-1, fd, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            // SAFETY: `fd` came from `into_raw_fd` just above and was given to nobody.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        for (number, _) in WATCHED {
            handle(number)?;
        }
        Ok(Signals { pipe })
    }

    /// Waits for the next signal. While unwinding it says `Terminate` at once.
    pub fn recv(&self) -> Signal {
        loop {
            let mut number = [0_u8];
            match self.pipe.perform(None, |mut pipe: &File| pipe.read(&mut number)) {
                Ok(0) | Err(_) => return Signal::Terminate,
                Ok(_) => {}
            }
            let known = WATCHED.iter().find(|(watched, _)| *watched == libc::c_int::from(number[0]));
            if let Some((_, signal)) = known {
                return *signal;
            }
        }
    }
}

fn nonblocking_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: `ends` has room for the two descriptors, which are new and nobody else's if the call succeeds.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

fn handle(number: libc::c_int) -> io::Result<()> {
    // SAFETY: zeroes are a valid sigaction (empty mask); the handler does only what signal handlers may (a load, a
    // write, errno kept) and runs on the thread's alternative stack, not on a coroutine's small one.
    let outcome = unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigaction(number, &action, ptr::null_mut())
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn on_signal(number: libc::c_int) {
    let byte = number as u8;
    // SAFETY: writes one byte from this frame to a pipe that is never closed; a full pipe refuses it, and then there
    // are signals enough to read. errno is put back for the code that was interrupted.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        libc::write(PIPE_END.load(Ordering::SeqCst), ptr::from_ref(&byte).cast(), 1);
        *errno = before;
    }
}
