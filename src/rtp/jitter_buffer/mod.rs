//! The adaptive jitter buffer of one received audio stream.
//!
//! Pure. The media lap of a leg drives it: each datagram that has come goes to [`JitterBuffer::insert`] with
//! the kernel's arrival time; then, once per mixer frame, [`JitterBuffer::playout`] is asked until the leg
//! holds a frame of samples. Packets are handed over whole, in order, once; the leg's frame cutter keeps what
//! the frame does not need and tells how much that is (`held`), so packets need not fit frames.
//! The depth follows the arrivals of the last 8 s (`transit`), and is a packet more where losses are frequent
//! (`losses`). It is corrected in the sender's pauses and in concealment by the buffer itself, otherwise by the
//! leg at the buffer's wish ([`Stretch`]).
//! It decodes nothing, and telephone-events never enter it.

mod grid;
mod long_gaps;
mod losses;
mod playout;
mod recovery;
mod ring;
mod skew;
mod timeline;
mod transit;
mod types;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod scenario;
#[cfg(test)]
mod testbench;
#[cfg(test)]
mod tests;

pub use recovery::Redundancy;
pub use types::{
    Arrival, Behind, Inserted, JitterCounters, JitterSettings, Packet, Playout, Stretch, Urgency,
};

use std::time::Instant;

use crate::rtp::{ExtendedSequence, SequenceNumber, Ssrc};
use grid::Grid;
use losses::Losses;
use playout::{Cursor, State};
use ring::{CAPACITY, Content, PacketRing, Slot};
use skew::SkewWatch;
use timeline::{Place, Timeline};
use transit::TransitWindow;

/// The largest `max_ms` a buffer can be given.
pub const MAX_DEPTH_MS: u32 = 500;
/// The largest payload that is taken; a larger one is discarded.
pub const MAX_PAYLOAD_BYTES: usize = 2048;

/// The jitter buffer. What every packet touches comes first and close together: between two laps of a leg its
/// memory leaves the cache, and each line of it costs more than all the arithmetic.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct JitterBuffer {
    /// The stream that is believed; none before the first packet.
    timeline: Option<Timeline>,
    ring: PacketRing,
    cursor: Cursor,
    settings: JitterSettings,
    grid: Grid,
    /// Time 0 of all `_us`: the first call's.
    epoch: Option<Instant>,
    depth_us: i64,
    transits: TransitWindow,
    skew: SkewWatch,
    losses: Losses,
    /// How much of what was before them the packets carry.
    reach_us: i64,
    counters: JitterCounters,
    /// The last comfort noise payload of this pause; empty if there was none.
    comfort_noise: Vec<u8>,
}

impl JitterBuffer {
    /// An empty buffer.
    ///
    /// # Panics
    /// If the settings are not as their fields' documentation says.
    pub fn new(settings: JitterSettings) -> JitterBuffer {
        assert!(settings.min_ms <= settings.max_ms && settings.max_ms <= MAX_DEPTH_MS, "jitter bounds");
        assert!(settings.clock_rate >= 1000 && settings.frame_ms > 0 && settings.packet_ms > 0);
        JitterBuffer {
            timeline: None,
            ring: PacketRing::new(),
            cursor: Cursor::new(),
            settings,
            grid: Grid::new(settings.clock_rate, settings.frame_ms, settings.packet_ms),
            epoch: None,
            depth_us: 0,
            transits: TransitWindow::new(),
            skew: SkewWatch::new(),
            losses: Losses::new(),
            reach_us: 0,
            counters: JitterCounters::default(),
            comfort_noise: Vec::new(),
        }
    }

    /// Comfort noise was newly negotiated: its payload type from now on.
    pub fn set_comfort_noise(&mut self, payload_type: Option<u8>) {
        self.settings.comfort_noise = payload_type;
    }

    /// Takes a packet in. It is copied; payloads reuse the buffers of earlier ones.
    pub fn insert(&mut self, arrival: Arrival<'_>) -> Inserted {
        self.counters.received += 1;
        let inserted = self.place(&arrival);
        match inserted {
            Inserted::Taken => {}
            Inserted::Late => self.counters.late += 1,
            Inserted::Duplicate => self.counters.duplicate += 1,
            Inserted::Discarded => self.counters.discarded += 1,
        }
        inserted
    }

    /// Whether no packet of the stream that came has a higher number.
    pub fn is_newest(&self, sequence: SequenceNumber) -> bool {
        self.timeline.as_ref().is_some_and(|timeline| timeline.highest().sequence() == sequence)
    }

    /// Tells that `sequence` arrived but carried no audio (telephone-event), so that it is neither missed
    /// nor concealed.
    pub fn insert_other(&mut self, at: Instant, ssrc: Ssrc, sequence: SequenceNumber) {
        let at_us = self.since_epoch_us(at);
        let Some(timeline) = &mut self.timeline else { return };
        if let Some(sequence) = timeline.place_other(ssrc, sequence, at_us) {
            self.keep_other(sequence);
        }
    }

    /// After [`Playout::Conceal`]: the packet right behind the gap, if it is here (for in-band FEC).
    pub fn peek_next(&self) -> Option<Packet<'_>> {
        let slot = self.ring.at(self.cursor.sequence).filter(|slot| slot.content == Content::Audio)?;
        let adjoins = (slot.media_units - self.cursor.position_units).abs() < self.grid.packet_units;
        (self.cursor.state == State::Playing && adjoins).then(|| self.packet(slot, 0, Stretch::None))
    }

    /// After [`Playout::Conceal`]: the first packet behind the gap, however much of the gap is between, if it is here (for
    /// redundancy that reaches further than to the packet before).
    pub fn peek_behind(&self) -> Option<Behind<'_>> {
        let highest = self.timeline.as_ref()?.highest();
        let slot = self.ring.first_waiting(self.cursor.sequence, highest)?;
        let gap_units = self.cursor.gap_units.filter(|_| slot.content == Content::Audio)?;
        let ahead_units =
            slot.media_units.saturating_sub(self.cursor.position_units).saturating_add(gap_units);
        let ahead_units = u32::try_from(ahead_units).ok()?;
        let packet = self.packet(slot, 0, Stretch::None);
        (self.cursor.state == State::Playing).then_some(Behind { packet, ahead_units })
    }

    /// The sender's packets carry so much of what was before them: where gaps of several packets are frequent, it is worth
    /// the wait for the packet behind them. 0 if no more than the packet before.
    pub fn bridge_up_to(&mut self, reach_ms: u32) {
        self.reach_us = i64::from(reach_ms) * 1000;
    }

    /// The leg reports that it has changed the length of a packet's audio by `units` (negative: shorter).
    pub fn stretched(&mut self, units: i32) {
        let changed =
            if units < 0 { &mut self.counters.shortened_units } else { &mut self.counters.lengthened_units };
        *changed += u64::from(units.unsigned_abs());
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        self.ring.hot_memory(see);
    }

    /// What has happened so far.
    pub fn counters(&self) -> &JitterCounters {
        &self.counters
    }

    /// How long the packet played last had waited beyond the fastest way through the network.
    pub fn depth_ms(&self) -> u32 {
        (self.depth_us.max(0) / 1000).min(i64::from(u32::MAX)) as u32
    }

    /// How long packets are meant to wait beyond the fastest way through the network.
    pub fn target_ms(&self) -> u32 {
        ((self.due_transit_us() - self.transits.fastest_us()) / 1000) as u32
    }

    /// How many packets wait.
    pub fn waiting(&self) -> usize {
        self.ring.waiting()
    }

    fn place(&mut self, arrival: &Arrival<'_>) -> Inserted {
        let at_us = self.since_epoch_us(arrival.at);
        let numbers = (arrival.ssrc, arrival.sequence, arrival.timestamp);
        let place = match &mut self.timeline {
            Some(timeline) => timeline.place(numbers, arrival.marker, at_us, &self.transits, &mut self.grid),
            None => Place::Restart,
        };
        let (sequence, media_units) = match place {
            Place::At { sequence, media_units } => (sequence, media_units),
            Place::Duplicate => return Inserted::Duplicate,
            Place::Stranger => return Inserted::Discarded,
            Place::Restart => self.restart(arrival, at_us),
        };
        self.learn_transit(at_us, media_units);
        if arrival.payload.is_empty() || arrival.payload.len() > MAX_PAYLOAD_BYTES {
            self.keep_other(sequence);
            return Inserted::Discarded;
        }
        self.keep(sequence, media_units, arrival)
    }

    fn restart(&mut self, arrival: &Arrival<'_>, at_us: i64) -> (ExtendedSequence, i64) {
        if self.timeline.is_some() {
            self.counters.restarts += 1;
        }
        self.counters.discarded += self.ring.clear() as u64;
        let numbers = (arrival.ssrc, arrival.sequence, arrival.timestamp);
        let timeline = Timeline::begin(numbers, at_us, &self.transits, &self.grid);
        let (sequence, media_units) = timeline.anchor();
        self.timeline = Some(timeline);
        self.skew.clear();
        self.cursor = Cursor::at(sequence);
        (sequence, media_units)
    }

    fn learn_transit(&mut self, at_us: i64, media_units: i64) {
        let transit_us = at_us.saturating_sub(self.grid.clock.us(media_units));
        self.skew.record(at_us, transit_us);
        self.transits.record(at_us, transit_us, self.grid.packet_us, &self.skew);
    }

    fn keep(&mut self, sequence: ExtendedSequence, media_units: i64, arrival: &Arrival<'_>) -> Inserted {
        if self.has_passed(sequence) {
            return Inserted::Late;
        }
        self.displace_copy(sequence);
        self.make_room(sequence);
        let mut slot = Slot::audio(sequence, media_units, arrival.timestamp, arrival.payload_type);
        if self.settings.comfort_noise == Some(arrival.payload_type) {
            slot.content = Content::ComfortNoise;
        }
        self.ring.put(slot, arrival.payload);
        Inserted::Taken
    }

    /// Whether the turn of `sequence` is over; if it was counted as lost it no longer is.
    fn has_passed(&mut self, sequence: ExtendedSequence) -> bool {
        let behind = self.cursor.sequence.distance_from(sequence);
        if behind <= 0 {
            return false;
        }
        let Some(timeline) = &self.timeline else { return true };
        if !self.cursor.has_played && timeline.highest().distance_from(sequence) < CAPACITY as i64 {
            self.cursor.sequence = sequence;
            return false;
        }
        if timeline.has_begun_by(sequence) {
            if !timeline.was_recovered(sequence) {
                self.counters.lost = self.counters.lost.saturating_sub(1);
            }
            self.losses.take_back(sequence);
        }
        true
    }

    fn keep_other(&mut self, sequence: ExtendedSequence) {
        if !self.has_passed(sequence) {
            self.displace_copy(sequence);
            self.make_room(sequence);
            self.ring.mark_other(sequence);
        }
    }

    /// Lets go of the oldest sequence numbers if the ring does not span up to `sequence`.
    fn make_room(&mut self, sequence: ExtendedSequence) {
        let newest = self.timeline.as_ref().map_or(sequence, |timeline| timeline.highest().max(sequence));
        let over = newest.distance_from(self.cursor.sequence) - (CAPACITY as i64 - 1);
        if over > CAPACITY as i64 {
            self.counters.discarded += self.ring.clear() as u64;
            self.counters.lost += over as u64 - CAPACITY;
            self.cursor.sequence = self.cursor.sequence.plus(over as u64 - CAPACITY);
        }
        for _ in 0..over.clamp(0, CAPACITY as i64) {
            match self.ring.at(self.cursor.sequence).map(|slot| slot.content) {
                Some(Content::Audio | Content::ComfortNoise) => self.counters.discarded += 1,
                Some(Content::Other) => {}
                None => self.counters.lost += 1,
            }
            self.ring.remove(self.cursor.sequence);
            self.cursor.sequence = self.cursor.sequence.plus(1);
        }
    }

    fn since_epoch_us(&mut self, at: Instant) -> i64 {
        let epoch = *self.epoch.get_or_insert(at);
        let micros = |span: std::time::Duration| {
            (span.as_secs() as i64).saturating_mul(1_000_000) + i64::from(span.subsec_micros())
        };
        match at.checked_duration_since(epoch) {
            Some(span) => micros(span),
            None => -micros(epoch.duration_since(at)),
        }
    }
}
