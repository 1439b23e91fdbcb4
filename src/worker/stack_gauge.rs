//! How deep a coroutine's stack went, and giving back what a deep one left behind.
//!
//! may's stacks are mappings of which only touched pages exist; the lowest page holds may's own overflow mark and
//! is never touched here. Without `measure` the depth is read from the kernel's page tables when the coroutine
//! ends (whole pages; a pooled stack keeps up to [`KEPT_BYTES`] of its earlier user's). With it the stack is
//! painted first and the depth is exact, at the price of every page existing.
#![allow(unsafe_code)]

/// What a stack in may's pool may keep of touched pages; deeper ones go back to the kernel.
const KEPT_BYTES: usize = 32 * 1024;
const PAGE_BYTES: usize = 4096;
/// Pages at the low end left alone: may's overflow mark, and one for the uncertainty of where the stack begins.
const UNTOUCHED_PAGES: usize = 2;
/// What lies between a function's frame and the words it may paint: its red zone and its callees.
const PAINT_GAP_BYTES: usize = 1024;
const PAINT: usize = 0x5a3c_96e1_7bd2_480f;
/// Enough for the largest stack that `Options` allows.
const MAX_PAGES: usize = super::MAX_STACK_BYTES / PAGE_BYTES;

/// Measures the stack of the coroutine that made it, which must also end it.
pub(super) struct StackGauge {
    top: usize,
    low: usize,
    painted: bool,
}

/// An address inside the caller's frame, or just below.
#[inline(never)]
fn stack_pointer() -> usize {
    psm::stack_pointer() as usize
}

impl StackGauge {
    /// To be called near the top (within a page) of a coroutine's stack of `stack_bytes`.
    pub(super) fn begin(stack_bytes: usize, measure: bool) -> StackGauge {
        let top = stack_pointer().next_multiple_of(PAGE_BYTES);
        let low = top - stack_bytes + UNTOUCHED_PAGES * PAGE_BYTES;
        if measure {
            // SAFETY: `low` lies two pages above the lowest address this coroutine's stack can have, since the
            // stack's length is a multiple of the page and the gauge begins within a page (or two) of its top.
            unsafe { paint(low) };
        }
        StackGauge { top, low, painted: measure }
    }

    /// The deepest point reached, in bytes from the top.
    pub(super) fn end(self) -> usize {
        if self.painted {
            // SAFETY: the words from `low` up were painted by `begin` and belong to this coroutine's stack.
            return self.top - unsafe { lowest_overwritten(self.low) };
        }
        let touched = self.touched_bytes();
        if touched > KEPT_BYTES {
            let high = self.top - KEPT_BYTES;
            if high > self.low && stack_pointer() > high + PAINT_GAP_BYTES {
                // SAFETY: [low, high) are whole pages of this coroutine's own stack, below its stack pointer and
                // above may's overflow mark: nothing lives there, and reading them later gives zeroes.
                unsafe { libc::madvise(self.low as *mut _, high - self.low, libc::MADV_DONTNEED) };
            }
        }
        touched
    }

    /// Pages from the top down to the first that does not exist.
    fn touched_bytes(&self) -> usize {
        let mut present = [0_u8; MAX_PAGES];
        let pages = (self.top - self.low) / PAGE_BYTES;
        // SAFETY: the range is page-aligned, mapped (this coroutine's stack), and has at most MAX_PAGES pages, for
        // each of which mincore writes one byte.
        let outcome = unsafe {
            libc::mincore(self.low as *mut _, self.top - self.low, present[..pages].as_mut_ptr().cast())
        };
        if outcome != 0 {
            return 0;
        }
        present[..pages].iter().rev().take_while(|&&page| page & 1 == 1).count() * PAGE_BYTES
    }
}

/// Fills the stack from `low` to a little below the caller's frame.
///
/// # Safety
/// `low` must be word-aligned and inside the running stack, below its stack pointer.
#[inline(never)]
unsafe fn paint(low: usize) {
    let high = stack_pointer() - PAINT_GAP_BYTES;
    let mut address = low;
    while address < high {
        // SAFETY: between `low` and the stack pointer (less a gap) nothing lives, and all of it is mapped.
        unsafe { (address as *mut usize).write_volatile(PAINT) };
        address += size_of::<usize>();
    }
}

/// The lowest address whose paint is gone.
///
/// # Safety
/// As [`paint`], which must have been called with the same `low`.
#[inline(never)]
unsafe fn lowest_overwritten(low: usize) -> usize {
    let high = stack_pointer();
    let mut address = low;
    // SAFETY: every word read lies between `low` and the stack pointer of the running stack.
    while address < high && unsafe { (address as *const usize).read_volatile() } == PAINT {
        address += size_of::<usize>();
    }
    address
}
