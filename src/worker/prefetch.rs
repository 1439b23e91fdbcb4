//! Asks the processor to fetch a sleeping coroutine's stack before it is switched to.
//!
//! Between two laps everything of a member has left the nearest caches. Waking all members of a lap first and running
//! them then gives time to fetch, side by side, what each switch would otherwise wait for line by line.
#![allow(unsafe_code)]

const LINE_BYTES: usize = 64;
/// From the stack pointer up: the frames of the wait.
const FRAME_LINES: usize = 6;
/// From the stack's top down: registers and links of the coroutine, which the generator keeps there.
const CONTEXT_LINES: usize = 8;
const PAGE_BYTES: usize = 4096;

/// Pieces of memory that a member may name.
pub const MAX_PIECES: usize = 12;

/// A piece of memory.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    address: usize,
    bytes: usize,
}

impl Piece {
    /// Where `value` itself lies; not what it points to.
    pub fn of<T: ?Sized>(value: &T) -> Piece {
        Piece::at(std::ptr::from_ref(value).cast::<u8>() as usize, size_of_val(value))
    }

    /// So many bytes from an address on. Nothing is read there but by the processor's own prefetch, which never faults.
    pub fn at(address: usize, bytes: usize) -> Piece {
        Piece { address, bytes }
    }
}

/// Memory that a coroutine will touch when it wakes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nearby {
    pieces: [(usize, u32); MAX_PIECES],
    count: usize,
}

impl Nearby {
    /// Adds a piece; what is more than there is room for is left to the caches' own devices.
    pub fn add(&mut self, piece: Piece) {
        if let Some(place) = self.pieces.get_mut(self.count) {
            *place = (piece.address, piece.bytes as u32);
            self.count += 1;
        }
    }

    /// Has all of it fetched.
    pub(super) fn prefetch(&self) {
        for &(address, bytes) in &self.pieces[..self.count] {
            prefetch_range(address, bytes as usize);
        }
    }
}

/// Has the lines of a range fetched.
pub(super) fn prefetch_range(address: usize, bytes: usize) {
    let first = address / LINE_BYTES * LINE_BYTES;
    (first..address + bytes).step_by(LINE_BYTES).for_each(fetch);
}

/// Where a coroutine sleeps on its stack.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bed {
    stack_pointer: usize,
}

impl Bed {
    /// That of the caller, about to wait.
    pub(super) fn here() -> Bed {
        let local = 0_u8;
        Bed { stack_pointer: std::ptr::from_ref(&local) as usize }
    }

    /// Has what a switch to the coroutine touches first fetched.
    pub(super) fn prefetch(self) {
        let top = self.stack_pointer.next_multiple_of(PAGE_BYTES);
        (0..FRAME_LINES)
            .for_each(|line| fetch(self.stack_pointer.wrapping_sub(128).wrapping_add(line * LINE_BYTES)));
        (1..=CONTEXT_LINES).for_each(|line| fetch(top.wrapping_sub(line * LINE_BYTES)));
    }
}

#[cfg(target_arch = "x86_64")]
fn fetch(address: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch is a hint; it reads nothing and faults on no address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address as *const i8) };
}

#[cfg(not(target_arch = "x86_64"))]
fn fetch(_address: usize) {}
