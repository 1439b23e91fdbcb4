//! The packets that wait, by sequence number, and the bytes they hold.
//!
//! What waits lies at the front of one list and its payloads at the front of one arena, so a leg touches, lap
//! by lap, the same few cache lines, as many as its depth needs, and allocates none once it has been that
//! deep.

use super::MAX_PAYLOAD_BYTES;
use crate::rtp::{ExtendedSequence, Timestamp};

/// How many sequence numbers may wait, from the first to the last.
pub(super) const CAPACITY: u64 = 128;

/// Lengths of the arena's buffers are multiples of this: a cache line.
const BUFFER_STEP_BYTES: usize = 64;

/// What is known of one sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Audio,
    ComfortNoise,
    /// Arrived, carries no audio.
    Other,
}

/// One sequence number that has arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) sequence: ExtendedSequence,
    /// Media time in timestamp units, extended and continuous over the sender's jumps.
    pub(super) media_units: i64,
    pub(super) timestamp: Timestamp,
    pub(super) payload_type: u8,
    pub(super) content: Content,
    /// Which buffer has the payload, if there is one.
    buffer: u8,
    payload_bytes: u16,
}

const NO_BUFFER: u8 = u8::MAX;

#[derive(Debug, Clone)]
pub(super) struct PacketRing {
    /// In order of their sequence numbers; at most `CAPACITY`.
    slots: Vec<Slot>,
    /// Buffers of `buffer_bytes` each.
    arena: Vec<u8>,
    buffer_bytes: usize,
    /// Bit n: buffer n has the payload of a slot.
    used: u128,
}

impl PacketRing {
    pub(super) fn new() -> PacketRing {
        PacketRing { slots: Vec::with_capacity(4), arena: Vec::new(), buffer_bytes: 0, used: 0 }
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub(super) fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        see(self.slots.as_ptr() as usize, 2 * size_of::<Slot>());
        see(self.arena.as_ptr() as usize, self.buffer_bytes);
    }

    /// How many packets wait.
    pub(super) fn waiting(&self) -> usize {
        self.used.count_ones() as usize
    }

    pub(super) fn at(&self, sequence: ExtendedSequence) -> Option<&Slot> {
        self.slots.get(self.find(sequence).ok()?)
    }

    /// The first packet with a payload from `from` to `last`.
    pub(super) fn first_waiting(&self, from: ExtendedSequence, last: ExtendedSequence) -> Option<&Slot> {
        if self.used == 0 {
            return None;
        }
        let first = self.find(from).unwrap_or_else(|place| place);
        let mut within = self.slots[first..].iter().take_while(|slot| slot.sequence <= last);
        within.find(|slot| slot.buffer != NO_BUFFER)
    }

    /// The last packet with a payload before `sequence`.
    pub(super) fn last_waiting_before(&self, sequence: ExtendedSequence) -> Option<&Slot> {
        let end = self.find(sequence).unwrap_or_else(|place| place);
        self.slots[..end].iter().rfind(|slot| slot.buffer != NO_BUFFER)
    }

    /// Keeps a packet, replacing what is known of its number.
    ///
    /// # Panics
    /// If the slots it keeps would span more than `CAPACITY` numbers.
    pub(super) fn put(&mut self, mut slot: Slot, payload: &[u8]) {
        assert!(payload.len() <= MAX_PAYLOAD_BYTES);
        self.remove(slot.sequence);
        if payload.len() > self.buffer_bytes {
            self.widen(payload.len().next_multiple_of(BUFFER_STEP_BYTES));
        }
        let buffer = self.used.trailing_ones() as usize;
        let start = buffer * self.buffer_bytes;
        let end = start + self.buffer_bytes;
        if end > self.arena.len() {
            self.arena.resize(end, 0);
        }
        self.arena[start..start + payload.len()].copy_from_slice(payload);
        self.used |= 1 << buffer;
        (slot.buffer, slot.payload_bytes) = (buffer as u8, payload.len() as u16);
        self.insert(slot);
    }

    /// Remembers that a sequence number has arrived that there is nothing to play of.
    pub(super) fn mark_other(&mut self, sequence: ExtendedSequence) {
        self.remove(sequence);
        let content = Content::Other;
        self.insert(Slot { content, ..Slot::audio(sequence, 0, Timestamp(0), 0) });
    }

    /// Forgets `sequence`. Its payload stays readable until the next packet comes in.
    pub(super) fn remove(&mut self, sequence: ExtendedSequence) {
        let Ok(place) = self.find(sequence) else { return };
        let slot = self.slots.remove(place);
        if slot.buffer != NO_BUFFER {
            self.used &= !(1 << slot.buffer);
        }
    }

    /// Forgets everything; says how many packets were waiting.
    pub(super) fn clear(&mut self) -> usize {
        let waited = self.waiting();
        self.slots.clear();
        self.used = 0;
        waited
    }

    /// The payload of a slot, also just after its removal.
    pub(super) fn payload(&self, slot: &Slot) -> &[u8] {
        if slot.buffer == NO_BUFFER {
            return &[];
        }
        let start = usize::from(slot.buffer) * self.buffer_bytes;
        &self.arena[start..start + usize::from(slot.payload_bytes)]
    }

    fn insert(&mut self, slot: Slot) {
        let place = self.find(slot.sequence).unwrap_or_else(|place| place);
        self.slots.insert(place, slot);
        let span = self.slots[self.slots.len() - 1].sequence.distance_from(self.slots[0].sequence);
        assert!(span < CAPACITY as i64, "room was made before");
    }

    fn find(&self, sequence: ExtendedSequence) -> Result<usize, usize> {
        self.slots.binary_search_by_key(&sequence, |slot| slot.sequence)
    }

    /// Makes all buffers longer, at most some 30 times in the life of a leg.
    fn widen(&mut self, buffer_bytes: usize) {
        let buffers = self.arena.len().checked_div(self.buffer_bytes).unwrap_or(0);
        let mut arena = vec![0; buffers * buffer_bytes];
        if buffers > 0 {
            let pairs = arena.chunks_exact_mut(buffer_bytes).zip(self.arena.chunks_exact(self.buffer_bytes));
            pairs.for_each(|(new, old)| new[..old.len()].copy_from_slice(old));
        }
        (self.arena, self.buffer_bytes) = (arena, buffer_bytes);
    }
}

impl Slot {
    pub(super) fn audio(
        sequence: ExtendedSequence,
        media_units: i64,
        timestamp: Timestamp,
        payload_type: u8,
    ) -> Slot {
        let content = Content::Audio;
        Slot { sequence, media_units, timestamp, payload_type, content, buffer: NO_BUFFER, payload_bytes: 0 }
    }
}

#[cfg(test)]
impl PacketRing {
    /// How many byte buffers were ever made.
    pub(super) fn buffers_made(&self) -> usize {
        self.arena.len().checked_div(self.buffer_bytes).unwrap_or(0)
    }
}
