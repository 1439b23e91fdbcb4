//! One large stack that all coroutines run their codecs on, one after another.
//!
//! libopus wants up to 70 KiB; a codec never waits, so one hot stack serves all and the coroutines' own stay
//! small. A panic on it unwinds to its edge, is carried across and goes on in the coroutine it belongs to.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

const PAGE_BYTES: usize = 4096;

/// A mapping with a guard page at its low end.
pub(super) struct CodecStack {
    base: *mut u8,
    mapped_bytes: usize,
    in_use: Cell<bool>,
}

impl CodecStack {
    pub(super) fn new(stack_bytes: usize) -> io::Result<CodecStack> {
        let mapped_bytes = stack_bytes.next_multiple_of(PAGE_BYTES) + PAGE_BYTES;
        // SAFETY: a fresh anonymous mapping, and its own first page made inaccessible.
        unsafe {
            let base = libc::mmap(
                ptr::null_mut(),
                mapped_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK,
                -1,
                0,
            );
            if base == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let stack = CodecStack { base: base.cast(), mapped_bytes, in_use: Cell::new(false) };
            if libc::mprotect(base, PAGE_BYTES, libc::PROT_NONE) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(stack)
        }
    }

    /// Runs `work` on this stack, or where it is called if that is on this stack already. The caller makes sure
    /// that nothing waits meanwhile.
    pub(super) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        if self.in_use.get() {
            return work();
        }
        let guarded = || catch_unwind(AssertUnwindSafe(work));
        self.in_use.set(true);
        // SAFETY: the mapping is page-aligned, its size a multiple of the page, has a guard page at its low end,
        // and is not in use: no coroutine is switched to while one runs on it. `guarded` returns normally
        // whatever `work` does.
        let outcome = unsafe { psm::on_stack(self.base, self.mapped_bytes, guarded) };
        self.in_use.set(false);
        match outcome {
            Ok(result) => result,
            Err(payload) => resume_unwind(payload),
        }
    }
}

impl Drop for CodecStack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own and nobody runs on it, else `self` were borrowed.
        unsafe { libc::munmap(self.base.cast(), self.mapped_bytes) };
    }
}
