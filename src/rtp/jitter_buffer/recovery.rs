//! Copies of earlier packets that come with later ones (RFC 2198): they fill what is missing and not passed yet.
//!
//! A copy has a timestamp and no sequence number; by how many packets it is behind the one that carries it tells its
//! place, and its neighbours tell whether that can be. It never takes the place of a packet that came itself, which may
//! still come and then takes the copy's.

use std::time::Instant;

use super::ring::{Content, Slot};
use super::{JitterBuffer, MAX_PAYLOAD_BYTES, State};
use crate::rtp::{ExtendedSequence, SequenceNumber, Ssrc, Timestamp};

/// A copy of an earlier packet, and the numbers of the packet that it came with, which was inserted before.
#[derive(Debug, Clone, Copy)]
pub struct Redundancy<'a> {
    /// When the kernel received it.
    pub at: Instant,
    /// Who made it.
    pub ssrc: Ssrc,
    /// The number of the packet it came with.
    pub sequence: SequenceNumber,
    /// The timestamp of the packet it came with.
    pub timestamp: Timestamp,
    /// By how much its own timestamp is before that.
    pub offset_units: u32,
    /// What is in the payload.
    pub payload_type: u8,
    /// The payload.
    pub payload: &'a [u8],
}

impl JitterBuffer {
    /// Takes a copy in if what it is a copy of is missing and may still be played; whether it does.
    pub fn recover(&mut self, copy: &Redundancy<'_>) -> bool {
        if copy.payload.is_empty() || copy.payload.len() > MAX_PAYLOAD_BYTES {
            return false;
        }
        let at_us = self.since_epoch_us(copy.at);
        let Some((sequence, media_units)) = self.place_of_missing(copy) else { return false };
        let timestamp = copy.timestamp.minus(copy.offset_units);
        let mut slot = Slot::audio(sequence, media_units, timestamp, copy.payload_type);
        if self.settings.comfort_noise == Some(copy.payload_type) {
            slot.content = Content::ComfortNoise;
        }
        self.ring.put(slot, copy.payload);
        self.counters.recovered += 1;
        // The network has lost it: where it does so often the packet with the copy is worth waiting for.
        self.losses.record(at_us, sequence);
        if let Some(timeline) = &mut self.timeline {
            timeline.mark_recovered(sequence);
        }
        true
    }

    /// Where a copy belongs, if nothing is there and its turn has not passed.
    fn place_of_missing(&mut self, copy: &Redundancy<'_>) -> Option<(ExtendedSequence, i64)> {
        let timeline = self.timeline.as_ref()?;
        let carrier = timeline.known(copy.ssrc, copy.sequence)?;
        let media_units = timeline.media_units(copy.timestamp) - i64::from(copy.offset_units);
        let packet_units = self.grid.packet_units;
        let packets = (i64::from(copy.offset_units) + packet_units / 2) / packet_units;
        self.losses.reach(packets);
        let to_go = carrier.distance_from(self.cursor.sequence);
        if !(1..=to_go).contains(&packets) {
            return None;
        }
        let sequence = self.cursor.sequence.plus((to_go - packets) as u64);
        let was_concealed =
            self.cursor.state == State::Playing && media_units + packet_units <= self.cursor.position_units;
        let is_missing = self.ring.at(sequence).is_none() && !timeline.has_arrived(sequence);
        (is_missing && !was_concealed && self.fits_between(sequence, media_units))
            .then_some((sequence, media_units))
    }

    /// Whether the packets that wait before and behind leave this one its time: in a pause timestamps go on and sequence
    /// numbers do not, so that a copy from before it may seem to be of another packet.
    fn fits_between(&self, sequence: ExtendedSequence, media_units: i64) -> bool {
        let is_before = |earlier: i64, later: i64| later - earlier > self.grid.packet_units / 2;
        let Some(highest) = self.timeline.as_ref().map(|timeline| timeline.highest()) else { return false };
        let behind = self.ring.first_waiting(sequence.plus(1), highest);
        let before = self.ring.last_waiting_before(sequence);
        behind.is_none_or(|behind| is_before(media_units, behind.media_units))
            && before.is_none_or(|before| is_before(before.media_units, media_units))
    }

    /// A packet has come itself: a copy that was taken for it is of no use any more.
    pub(super) fn displace_copy(&mut self, sequence: ExtendedSequence) {
        if self.ring.at(sequence).is_some() {
            self.ring.remove(sequence);
            self.counters.recovered -= 1;
            self.losses.take_back(sequence);
        }
    }
}
