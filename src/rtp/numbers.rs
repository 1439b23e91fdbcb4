//! The numbers of an RTP header as types that do not mix (RFC 3550 §5.1).
//!
//! Sequence numbers and timestamps wrap, so they have distances instead of an order; an
//! [`ExtendedSequence`] does not wrap within any call and is ordered.

use std::fmt;

/// A 16-bit sequence number; wraps after 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SequenceNumber(pub u16);

impl SequenceNumber {
    /// The number of the packet after this one.
    pub fn next(self) -> SequenceNumber {
        self.plus(1)
    }

    /// The number `packets` later.
    pub fn plus(self, packets: u16) -> SequenceNumber {
        SequenceNumber(self.0.wrapping_add(packets))
    }

    /// How many packets this one is after `earlier` (negative: before), by the shorter way round.
    pub fn distance_from(self, earlier: SequenceNumber) -> i16 {
        self.0.wrapping_sub(earlier.0) as i16
    }

    /// Whether this one comes after `other` by the shorter way round.
    pub fn is_after(self, other: SequenceNumber) -> bool {
        self.distance_from(other) > 0
    }
}

/// A 32-bit media time in units of the clock rate, never in milliseconds; wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Timestamp(pub u32);

impl Timestamp {
    /// The time `units` later.
    pub fn plus(self, units: u32) -> Timestamp {
        Timestamp(self.0.wrapping_add(units))
    }

    /// The time `units` earlier.
    pub fn minus(self, units: u32) -> Timestamp {
        Timestamp(self.0.wrapping_sub(units))
    }

    /// How many units this one is after `earlier` (negative: before), by the shorter way round.
    pub fn distance_from(self, earlier: Timestamp) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }

    /// Whether this one comes after `other` by the shorter way round.
    pub fn is_after(self, other: Timestamp) -> bool {
        self.distance_from(other) > 0
    }
}

/// A synchronization source identifier: who made the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ssrc(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// A sequence number with its cycles above it, so that it neither wraps nor repeats within a call.
///
/// The first number of a source is put into cycle 1, not 0: a packet that was sent before the first one
/// seen still has a place below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtendedSequence(pub u64);

impl ExtendedSequence {
    /// The extended number of the first packet of a source.
    pub fn first(sequence: SequenceNumber) -> ExtendedSequence {
        ExtendedSequence((1 << 16) | u64::from(sequence.0))
    }

    /// The number on the wire.
    pub fn sequence(self) -> SequenceNumber {
        SequenceNumber(self.0 as u16)
    }

    /// The extended number of `sequence` that is nearest to this one (within ± 32,768).
    pub fn nearest(self, sequence: SequenceNumber) -> ExtendedSequence {
        let distance = i64::from(sequence.distance_from(self.sequence()));
        ExtendedSequence(self.0.saturating_add_signed(distance))
    }

    /// How many packets this one is after `earlier` (negative: before).
    pub fn distance_from(self, earlier: ExtendedSequence) -> i64 {
        self.0.wrapping_sub(earlier.0) as i64
    }

    /// The number `packets` later.
    pub fn plus(self, packets: u64) -> ExtendedSequence {
        ExtendedSequence(self.0.wrapping_add(packets))
    }

    /// The "extended highest sequence number received" of a reception report (RFC 3550 §6.4.1): cycles
    /// counted from 0, 32 bits.
    pub fn reported(self) -> u32 {
        self.0.wrapping_sub(1 << 16) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_go_the_shorter_way_round() {
        assert_eq!(SequenceNumber(2).distance_from(SequenceNumber(65_534)), 4);
        assert_eq!(SequenceNumber(65_534).distance_from(SequenceNumber(2)), -4);
        assert!(SequenceNumber(0).is_after(SequenceNumber(65_535)));
        assert!(!SequenceNumber(7).is_after(SequenceNumber(7)));
        assert_eq!(SequenceNumber(65_535).next(), SequenceNumber(0));
        assert_eq!(Timestamp(100).distance_from(Timestamp(u32::MAX - 59)), 160);
        assert!(Timestamp(0).is_after(Timestamp(u32::MAX)));
        assert_eq!(Timestamp(10).minus(20).plus(10), Timestamp(0));
    }

    #[test]
    fn an_extended_sequence_passes_the_wrap_in_both_directions() {
        let first = ExtendedSequence::first(SequenceNumber(65_535));
        let second = first.nearest(SequenceNumber(0));
        assert_eq!(second.distance_from(first), 1);
        assert_eq!(second.sequence(), SequenceNumber(0));
        assert_eq!(second.reported(), 1 << 16);
        assert_eq!(second.nearest(SequenceNumber(65_535)), first);
        assert_eq!(first.plus(1), second);
    }

    #[test]
    fn a_packet_from_before_the_first_one_has_a_place_below_it() {
        let first = ExtendedSequence::first(SequenceNumber(1));
        let earlier = first.nearest(SequenceNumber(65_533));
        assert!(earlier < first);
        assert_eq!(earlier.distance_from(first), -4);
    }
}
