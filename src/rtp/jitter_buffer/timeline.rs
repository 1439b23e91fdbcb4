//! Where an arrival belongs: its extended sequence number and its place on one continuous media time.
//!
//! RFC 3550 §A.1 says which numbers to believe. A source that starts anew (SSRC change, sequence restart) is
//! believed with its second packet in order, or at once when the old one has gone quiet; a timestamp that
//! jumps while sequence and arrivals go on is mapped so that media time goes on too.

use super::grid::Grid;
use super::transit::TransitWindow;
use crate::rtp::{ExtendedSequence, SequenceNumber, Ssrc, Timestamp};

/// RFC 3550 §A.1: a sequence number this far ahead or behind is a restart.
const MAX_DROPOUT: i64 = 3000;
const MAX_MISORDER: i64 = 100;
/// A stream silent for this long does not stand in the way of another.
const QUIET_US: i64 = 200_000;
/// An odd timestamp that would change the transit time by this much is a jump, not a pause.
const JUMP_US: i64 = 500_000;

/// The verdict on an arrival's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    At {
        sequence: ExtendedSequence,
        media_units: i64,
    },
    Duplicate,
    /// Not believed yet.
    Stranger,
    /// Another stream begins with this packet.
    Restart,
}

/// The numbers of a stream. Everything is measured from its newest audio packet, the anchor.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    ssrc: Ssrc,
    first: ExtendedSequence,
    highest: ExtendedSequence,
    /// Bit n: `highest` − n has arrived.
    arrived: u128,
    /// Bit n: a copy was taken for `highest` − n.
    recovered: u128,
    anchor: ExtendedSequence,
    anchor_timestamp: Timestamp,
    anchor_media_units: i64,
    last_arrival_us: i64,
    /// The stranger that would be believed next.
    rival: Option<(Ssrc, SequenceNumber)>,
}

impl Timeline {
    /// A stream that begins with this packet, whose media time is chosen so that it was as fast as the
    /// fastest of `transits`.
    pub(super) fn begin(
        arrival: (Ssrc, SequenceNumber, Timestamp),
        at_us: i64,
        transits: &TransitWindow,
        grid: &Grid,
    ) -> Timeline {
        let (ssrc, sequence, timestamp) = arrival;
        let first = ExtendedSequence::first(sequence);
        Timeline {
            ssrc,
            first,
            highest: first,
            arrived: 1,
            recovered: 0,
            anchor: first,
            anchor_timestamp: timestamp,
            anchor_media_units: grid.clock.units(at_us.saturating_sub(transits.fastest_us())),
            last_arrival_us: at_us,
            rival: None,
        }
    }

    pub(super) fn highest(&self) -> ExtendedSequence {
        self.highest
    }

    /// Sequence and media time of the newest audio packet.
    pub(super) fn anchor(&self) -> (ExtendedSequence, i64) {
        (self.anchor, self.anchor_media_units)
    }

    /// Whether `sequence` belongs to what was sent since the stream began, as far as we know.
    pub(super) fn has_begun_by(&self, sequence: ExtendedSequence) -> bool {
        sequence >= self.first
    }

    /// The place of a number, if it can be of this stream and is none that is yet to come.
    pub(super) fn known(&self, ssrc: Ssrc, number: SequenceNumber) -> Option<ExtendedSequence> {
        self.distance(ssrc, number).filter(|distance| *distance <= 0)?;
        Some(self.highest.nearest(number))
    }

    /// The media time of a timestamp near the newest one.
    pub(super) fn media_units(&self, timestamp: Timestamp) -> i64 {
        let step_units = i64::from(timestamp.distance_from(self.anchor_timestamp));
        self.anchor_media_units.saturating_add(step_units)
    }

    /// Whether the packet itself has come, as far as is remembered.
    pub(super) fn has_arrived(&self, sequence: ExtendedSequence) -> bool {
        self.arrived & self.bit(sequence) != 0
    }

    /// A copy was taken for this one.
    pub(super) fn mark_recovered(&mut self, sequence: ExtendedSequence) {
        self.recovered |= self.bit(sequence);
    }

    /// Whether a copy was taken for this one, as far as is remembered.
    pub(super) fn was_recovered(&self, sequence: ExtendedSequence) -> bool {
        self.recovered & self.bit(sequence) != 0
    }

    fn bit(&self, sequence: ExtendedSequence) -> u128 {
        let behind = self.highest.distance_from(sequence);
        if (0..128).contains(&behind) { 1 << behind } else { 0 }
    }

    /// Says where a packet belongs and remembers its numbers.
    pub(super) fn place(
        &mut self,
        (ssrc, number, timestamp): (Ssrc, SequenceNumber, Timestamp),
        marker: bool,
        at_us: i64,
        transits: &TransitWindow,
        grid: &mut Grid,
    ) -> Place {
        let sequence = match self.number(ssrc, number, at_us) {
            Ok(sequence) => sequence,
            Err(verdict) => return verdict,
        };
        let distance = sequence.distance_from(self.anchor);
        let step_units = i64::from(timestamp.distance_from(self.anchor_timestamp));
        let expected_units = distance * grid.packet_units;
        let mut media_units = self.anchor_media_units.saturating_add(step_units);
        let odd = (step_units - expected_units).abs() >= grid.packet_units;
        if odd && is_jump(media_units, at_us, transits, grid) {
            if distance <= 0 {
                return Place::Stranger;
            }
            media_units = self.anchor_media_units.saturating_add(expected_units);
        } else if distance == 1 && !marker {
            grid.learn(step_units);
        }
        if distance > 0 {
            (self.anchor, self.anchor_timestamp) = (sequence, timestamp);
            self.anchor_media_units = media_units;
        }
        self.last_arrival_us = self.last_arrival_us.max(at_us);
        Place::At { sequence, media_units }
    }

    /// Remembers the number of a packet without audio; `None` if it is known or not of this stream.
    pub(super) fn place_other(
        &mut self,
        ssrc: Ssrc,
        number: SequenceNumber,
        at_us: i64,
    ) -> Option<ExtendedSequence> {
        let distance = self.distance(ssrc, number)?;
        self.last_arrival_us = self.last_arrival_us.max(at_us);
        self.mark_arrived(distance).then(|| self.highest.nearest(number))
    }

    fn number(&mut self, ssrc: Ssrc, number: SequenceNumber, at_us: i64) -> Result<ExtendedSequence, Place> {
        let Some(distance) = self.distance(ssrc, number) else {
            let quiet = at_us.saturating_sub(self.last_arrival_us) >= QUIET_US;
            if quiet || self.rival == Some((ssrc, number)) {
                return Err(Place::Restart);
            }
            self.rival = Some((ssrc, number.next()));
            return Err(Place::Stranger);
        };
        self.rival = None;
        let sequence = self.highest.nearest(number);
        if self.mark_arrived(distance) { Ok(sequence) } else { Err(Place::Duplicate) }
    }

    /// How far ahead of the highest number this one is, if it can be of this stream.
    fn distance(&self, ssrc: Ssrc, number: SequenceNumber) -> Option<i64> {
        let distance = i64::from(number.distance_from(self.highest.sequence()));
        (ssrc == self.ssrc && (-MAX_MISORDER..MAX_DROPOUT).contains(&distance)).then_some(distance)
    }

    /// Whether the number `distance` ahead of the highest is new.
    fn mark_arrived(&mut self, distance: i64) -> bool {
        if distance <= 0 {
            let bit = 1_u128 << -distance;
            let new = self.arrived & bit == 0;
            self.arrived |= bit;
            return new;
        }
        self.arrived = if distance < 128 { self.arrived << distance | 1 } else { 1 };
        self.recovered = if distance < 128 { self.recovered << distance } else { 0 };
        self.highest = self.highest.plus(distance as u64);
        true
    }
}

fn is_jump(media_units: i64, at_us: i64, transits: &TransitWindow, grid: &Grid) -> bool {
    let transit_us = at_us.saturating_sub(grid.clock.us(media_units));
    transit_us < transits.fastest_us().saturating_sub(JUMP_US)
        || transit_us > transits.slow_us().saturating_add(JUMP_US)
}
