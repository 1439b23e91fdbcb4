//! Whose turn it is: the playout side of the buffer.
//!
//! *Lead* is by how much the next audio is past its due time: due is media time plus the slow packets'
//! transit time. Frames and packets meet on a grid, so a packet may be needed up to a frame before its first
//! sample is heard (the *reserve*), and shortening changes when packets are needed only by whole *grains*
//! (the greatest common divisor of packet and frame).

use std::time::Instant;

use super::grid::Grid;
use super::ring::{CAPACITY, Content, Slot};
use super::skew::Skew;
use super::timeline::Timeline;
use super::{JitterBuffer, Packet, Playout, Stretch, Urgency};
use crate::rtp::ExtendedSequence;

/// Comfort noise payloads are cut to this (RFC 3389 §3: level and up to 10-odd coefficients in practice).
pub(super) const MAX_COMFORT_NOISE_BYTES: usize = 32;

/// Concealment in a row; longer gaps are silence, unless the packet behind them reaches back (`conceal_at_most_us`). G.711
/// Appendix I has faded out by 60 ms.
const MAX_CONCEAL_US: i64 = 100_000;
/// Kept on top of the slowest transit: timers and kernels are not finer than this.
const MARGIN_US: i64 = 1_000;
/// The shortest, a usual and the longest period of a voice that is left out or repeated.
const PERIOD_LEAST_US: i64 = 2_500;
const PERIOD_USUAL_US: i64 = 8_000;
const PERIOD_MOST_US: i64 = 12_500;
/// Of a grain, so much delay is kept where the sender's packets slide by our frames: with none of it the delay would swing by a
/// grain, with all of it not at all, but be as long as the longest always.
const STEADY_PERCENT: i64 = 90;
/// A buffer too deep for this long no longer waits for a quiet moment.
const PATIENCE_US: i64 = 4_000_000;

/// Where in the sender's story the playout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing has begun, or the peer has stopped.
    Stopped,
    /// The sender pauses.
    Pausing,
    Playing,
}

/// The next audio to play.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    pub(super) state: State,
    pub(super) sequence: ExtendedSequence,
    /// Media time up to which audio was handed over; means nothing but when `Playing`.
    pub(super) position_units: i64,
    /// Whether anything of this stream was played: until then earlier packets may still come first.
    pub(super) has_played: bool,
    /// Concealed since the last packet.
    concealed_units: i64,
    /// Of that, what was asked for last, if it stands for audio of the sender's.
    pub(super) gap_units: Option<i64>,
    /// What came last was no audio (telephone-event): silence is to be expected, not loss.
    expects_pause: bool,
    /// Since when the buffer has been too deep.
    excess_since_us: Option<i64>,
}

impl Cursor {
    pub(super) fn new() -> Cursor {
        Cursor::at(ExtendedSequence(0))
    }

    pub(super) fn at(sequence: ExtendedSequence) -> Cursor {
        Cursor {
            state: State::Stopped,
            sequence,
            position_units: 0,
            has_played: false,
            concealed_units: 0,
            gap_units: None,
            expects_pause: false,
            excess_since_us: None,
        }
    }

    fn pass(&mut self) {
        self.sequence = self.sequence.plus(1);
    }
}

/// A [`Playout`] that borrows nothing.
#[derive(Debug, Clone, Copy)]
enum Step {
    Packet { slot: Slot, skip: u32, stretch: Stretch },
    Conceal { units: i64 },
    Pause { units: i64 },
    Empty,
}

/// The frame that is being filled.
#[derive(Debug, Clone, Copy)]
struct Frame {
    now_us: i64,
    held_units: i64,
    needed_units: i64,
}

impl JitterBuffer {
    /// What to play next at `now` (the frame's due time, not the time the lap happens to run), when the leg
    /// still holds `held` units (of the timestamp clock) of decoded audio. To be asked until it answers
    /// [`Playout::Enough`] or [`Playout::Empty`]; each other answer adds audio to what the leg holds. (A leg
    /// that cannot decode a packet just asks again.) What `Empty` leaves of the frame is silence, and nothing
    /// is held after it.
    pub fn playout(&mut self, now: Instant, held: u32) -> Playout<'_> {
        let held_units = i64::from(held);
        let needed_units = self.grid.frame_units - held_units;
        if needed_units <= 0 {
            return Playout::Enough;
        }
        let frame = Frame { now_us: self.since_epoch_us(now), held_units, needed_units };
        self.losses.look(frame.now_us);
        match self.step(frame) {
            Step::Packet { slot, skip, stretch } => Playout::Packet(self.packet(&slot, skip, stretch)),
            Step::Conceal { units } => Playout::Conceal { units: units as u32 },
            Step::Pause { units } => {
                let described = !self.comfort_noise.is_empty();
                let comfort_noise = described.then_some(self.comfort_noise.as_slice());
                Playout::Pause { units: units as u32, comfort_noise }
            }
            Step::Empty => Playout::Empty,
        }
    }

    pub(super) fn packet(&self, slot: &Slot, skip: u32, stretch: Stretch) -> Packet<'_> {
        let payload = self.ring.payload(slot);
        Packet { payload_type: slot.payload_type, payload, timestamp: slot.timestamp, skip, stretch }
    }

    /// The transit time of a packet that is played in time; earlier ones wait for it.
    pub(super) fn due_transit_us(&self) -> i64 {
        let bound = |ms: u32| self.transits.fastest_us().saturating_add(i64::from(ms) * 1000);
        let least_us = bound(self.settings.min_ms);
        let look_ahead_us = self.look_ahead() * self.grid.packet_us;
        let wanted_us = self.transits.slow_us().saturating_add(MARGIN_US + look_ahead_us);
        wanted_us.clamp(least_us, bound(self.settings.max_ms))
    }

    /// How many packets are waited for, so that the one behind a gap is there when the gap begins.
    fn look_ahead(&self) -> i64 {
        self.losses.worth_waiting_for(self.reach_us / self.grid.packet_us.max(1))
    }

    /// How long concealment in a row may be where so much is missing before the next packet (`None`: it is not here yet). Where
    /// that is being waited for, what it has of the gap is not to be missed because the gap's beginning is longer.
    fn conceal_at_most_us(&self, gap_units: Option<i64>) -> i64 {
        let reaches = gap_units.is_some_and(|units| self.grid.clock.us(units) <= self.reach_us);
        match reaches {
            true => i64::MAX,
            false if self.look_ahead() > 1 => self.reach_us.max(MAX_CONCEAL_US),
            false => MAX_CONCEAL_US,
        }
    }

    fn step(&mut self, frame: Frame) -> Step {
        // Every turn without a step passes a sequence number or is followed by one that does.
        for _ in 0..=2 * CAPACITY {
            if self.cursor.state != State::Playing && !self.resume(frame) {
                let pausing = self.cursor.state == State::Pausing;
                return if pausing { Step::Pause { units: frame.needed_units } } else { Step::Empty };
            }
            let step = match self.ring.at(self.cursor.sequence).copied() {
                None => self.step_over_missing(frame),
                Some(slot) => self.step_to(slot, frame),
            };
            if let Some(step) = step {
                return step;
            }
        }
        Step::Empty
    }

    /// Begins to play with the first packet that waits, if that has waited long enough. What has waited
    /// for too long (it queued behind a gap that was heard as such) is left out.
    fn resume(&mut self, frame: Frame) -> bool {
        let Some(highest) = self.timeline.as_ref().map(Timeline::highest) else { return false };
        let has_played = self.cursor.has_played;
        loop {
            let Some(slot) = self.ring.first_waiting(self.cursor.sequence, highest).copied() else {
                return false;
            };
            let lead_us = self.lead_us(slot.media_units, frame);
            if lead_us < 0 {
                return false;
            }
            self.pass_missing(slot.sequence, frame.now_us);
            if !self.next_is_due(frame) {
                if lead_us >= i64::from(self.settings.max_ms) * 1000 {
                    // All that comes is later than anything learned allows: the way has become longer.
                    self.transits.clear();
                }
                self.cursor.state = State::Playing;
                self.cursor.position_units = slot.media_units;
                self.cursor.concealed_units = 0;
                return true;
            }
            let useless = if has_played { &mut self.counters.late } else { &mut self.counters.discarded };
            *useless += 1;
            self.pass_slot(slot.sequence);
        }
    }

    /// Moves on to `sequence`; what did not come until now is lost.
    fn pass_missing(&mut self, sequence: ExtendedSequence, now_us: i64) {
        while self.cursor.sequence < sequence {
            if self.ring.at(self.cursor.sequence).is_none() {
                self.lose(self.cursor.sequence, now_us);
            }
            self.pass_slot(self.cursor.sequence);
        }
    }

    fn lose(&mut self, sequence: ExtendedSequence, now_us: i64) {
        self.counters.lost += 1;
        self.losses.record(now_us, sequence);
    }

    fn pass_slot(&mut self, sequence: ExtendedSequence) {
        self.ring.remove(sequence);
        self.cursor.pass();
        self.cursor.has_played = true;
    }

    fn step_to(&mut self, slot: Slot, frame: Frame) -> Option<Step> {
        match slot.content {
            Content::Audio => self.step_to_audio(slot, frame),
            Content::ComfortNoise => {
                let payload = self.ring.payload(&slot);
                self.comfort_noise.clear();
                self.comfort_noise.extend_from_slice(&payload[..payload.len().min(MAX_COMFORT_NOISE_BYTES)]);
                self.counters.played += 1;
                self.pass_slot(slot.sequence);
                self.cursor.state = State::Pausing;
                Some(Step::Pause { units: frame.needed_units })
            }
            Content::Other => {
                self.cursor.expects_pause = true;
                self.pass_slot(slot.sequence);
                None
            }
        }
    }

    fn step_to_audio(&mut self, slot: Slot, frame: Frame) -> Option<Step> {
        let packet_units = self.grid.packet_units;
        let gap_units = slot.media_units - self.cursor.position_units;
        if gap_units >= packet_units {
            // RFC 3551 §4.1: timestamps go on in a pause, sequence numbers do not.
            self.pause();
            return None;
        }
        let skip_units = (-gap_units).max(0);
        if skip_units >= packet_units {
            self.counters.late += 1;
            self.pass_slot(slot.sequence);
            return None;
        }
        let lead_us = self.lead_us(slot.media_units + skip_units, frame);
        if lead_us >= i64::from(self.settings.max_ms) * 1000 + self.excess_us() && self.next_is_due(frame) {
            self.counters.discarded += 1;
            self.counters.shortened_units += packet_units as u64;
            self.pass_slot(slot.sequence);
            self.cursor.position_units = slot.media_units + packet_units;
            return None;
        }
        let stretch = self.wish(&slot, lead_us, packet_units - skip_units, frame);
        self.depth_us = lead_us.saturating_add(self.due_transit_us() - self.transits.fastest_us());
        self.counters.played += 1;
        self.pass_slot(slot.sequence);
        self.cursor.position_units = slot.media_units + packet_units;
        self.cursor.concealed_units = 0;
        self.cursor.expects_pause = false;
        Some(Step::Packet { slot, skip: skip_units as u32, stretch })
    }

    fn step_over_missing(&mut self, frame: Frame) -> Option<Step> {
        let highest = self.timeline.as_ref().map_or(self.cursor.sequence, Timeline::highest);
        let next = self.ring.first_waiting(self.cursor.sequence, highest).copied();
        let may_wait = self.lead_us(self.cursor.position_units, frame) < 0;
        let Some(next) = next else {
            if self.cursor.expects_pause {
                self.pause();
                return None;
            }
            return self.conceal(frame.needed_units, may_wait, self.conceal_at_most_us(None));
        };
        let gap_units = next.media_units - self.cursor.position_units;
        if gap_units > 0 && may_wait {
            return self.conceal(frame.needed_units, true, self.conceal_at_most_us(None));
        }
        // Of those behind this one; what was concealed before they were known to be missing is theirs no more.
        let others_units = (next.sequence.distance_from(self.cursor.sequence) - 1) * self.grid.packet_units;
        self.lose(self.cursor.sequence, frame.now_us);
        self.cursor.pass();
        let is_covered = gap_units <= others_units.max(0);
        if is_covered {
            return None;
        }
        let most_us = self.conceal_at_most_us(Some(gap_units));
        self.conceal(gap_units.min(self.grid.packet_units), false, most_us)
    }

    /// Concealment, up to `most_us` in a row; if `holding`, the missing packet keeps its turn: the buffer becomes deeper.
    fn conceal(&mut self, units: i64, holding: bool, most_us: i64) -> Option<Step> {
        self.cursor.gap_units = (!holding).then_some(units);
        if self.grid.clock.us(self.cursor.concealed_units + units) > most_us {
            self.cursor.state = State::Stopped;
            return None;
        }
        self.cursor.concealed_units += units;
        self.counters.concealed_units += units as u64;
        if holding {
            self.counters.lengthened_units += units as u64;
        } else {
            self.cursor.position_units += units;
        }
        Some(Step::Conceal { units })
    }

    fn pause(&mut self) {
        self.cursor.state = State::Pausing;
        self.comfort_noise.clear();
    }

    /// What the leg should do to the length of `slot`'s audio, of which it will hear `usable_units`.
    fn wish(&mut self, slot: &Slot, lead_us: i64, usable_units: i64, frame: Frame) -> Stretch {
        if let Some(skew) = self.skew.known()
            && lead_us >= 0
        {
            return self.wish_under_skew(skew, slot, lead_us, usable_units, frame);
        }
        let Grid { grain_units, grain_us, .. } = self.grid;
        let loose_units = self.grid.loose_units(frame.held_units);
        if lead_us >= self.excess_us() {
            let grains = (lead_us - (self.excess_us() - grain_us)) / grain_us;
            let units = grains.saturating_mul(grain_units).saturating_add(loose_units);
            let here_units = self.newest_units() - slot.media_units;
            return self.wish_shorter(units.min(here_units).min(usable_units), true, frame);
        }
        self.cursor.excess_since_us = None;
        if lead_us < 0 {
            // A frame at a time: so much any leg has room for, and the wish is repeated. A voice is lengthened by whole
            // periods: what is left of a grain has to have room for one, else it would never be done. Not more than a grain,
            // else it would be too deep then, and be shortened again.
            let most = self.grid.frame_units / grain_units;
            let grains = (lead_us.saturating_neg() / grain_us + 1).min(most);
            let period_units = self.grid.clock.units(PERIOD_MOST_US).min(grain_units);
            let units = (grains * grain_units - loose_units).max(period_units);
            return Stretch::Lengthen { units: units as u32, urgency: Urgency::WhenQuiet };
        }
        if loose_units > 0 {
            // What is left of a change done in part: it delays, and lets no packet come later.
            let units = loose_units.min(usable_units) as u32;
            return Stretch::Shorten { units, urgency: Urgency::WhenQuiet };
        }
        Stretch::None
    }

    /// The same where the sender's packets slide by our frames. Each would wait a little longer, or less long, than the one
    /// before, until that makes a grain: so audio is kept behind the packets, and its delay with it, and is changed by the
    /// voice's periods as they slide.
    fn wish_under_skew(
        &mut self,
        skew: Skew,
        slot: &Slot,
        lead_us: i64,
        usable_units: i64,
        frame: Frame,
    ) -> Stretch {
        let Grid { clock, grain_units, grain_us, .. } = self.grid;
        let loose_units = self.grid.loose_units(frame.held_units);
        let loose_us = clock.us(loose_units);
        let steady_us = grain_us * STEADY_PERCENT / 100;
        let off_us = lead_us + loose_us - steady_us;
        // One of the two is done now and then, and overshoots by half a period; the other is to get there only.
        let (shorten_from_us, shorten_to_us, lengthen_from_us, lengthen_to_us) = match skew {
            Skew::Fast => (PERIOD_LEAST_US, -PERIOD_USUAL_US / 2, -PERIOD_USUAL_US, PERIOD_USUAL_US / 2),
            Skew::Slow => (PERIOD_USUAL_US, 0, -PERIOD_LEAST_US, PERIOD_USUAL_US / 2),
        };
        if off_us >= shorten_from_us {
            let grains = if lead_us >= self.excess_us() { lead_us / grain_us } else { 0 };
            // The rest of the lead is how the packets lie to our frames.
            let most_units = loose_units + grains * grain_units;
            let here_units = self.newest_units() - slot.media_units + loose_units;
            let units = clock.units(off_us - shorten_to_us);
            let units = units.min(most_units).min(here_units).min(usable_units);
            return self.wish_shorter(units, off_us > PERIOD_MOST_US, frame);
        }
        self.cursor.excess_since_us = None;
        // No packet is to be missed because a voice has no period that fits.
        let is_close = skew == Skew::Slow && lead_us < MARGIN_US;
        let most_us = match off_us <= lengthen_from_us {
            _ if is_close => (grain_us - loose_us).max(PERIOD_USUAL_US),
            true => lengthen_to_us - off_us,
            false => return Stretch::None,
        };
        let units = clock.units(most_us).min(self.grid.frame_units);
        Stretch::Lengthen { units: units as u32, urgency: Urgency::WhenQuiet }
    }

    /// Shorter by `units`; at any cost once it `is_excess` for long.
    fn wish_shorter(&mut self, units: i64, is_excess: bool, frame: Frame) -> Stretch {
        if !is_excess {
            self.cursor.excess_since_us = None;
        } else if self.cursor.excess_since_us.is_none() {
            self.cursor.excess_since_us = Some(frame.now_us);
        }
        let is_patient = |since_us| frame.now_us.saturating_sub(since_us) < PATIENCE_US;
        let urgency = match self.cursor.excess_since_us.is_none_or(is_patient) {
            true => Urgency::WhenQuiet,
            false => Urgency::Now,
        };
        if units > 0 { Stretch::Shorten { units: units as u32, urgency } } else { Stretch::None }
    }

    /// The media time of the newest packet.
    fn newest_units(&self) -> i64 {
        self.timeline.as_ref().map_or(0, |timeline| timeline.anchor().1)
    }

    fn next_is_due(&self, frame: Frame) -> bool {
        let Some(timeline) = &self.timeline else { return false };
        let next = self.ring.first_waiting(self.cursor.sequence.plus(1), timeline.highest());
        next.is_some_and(|next| self.lead_us(next.media_units, frame) >= 0)
    }

    /// By how much audio that is handed over now, behind what the leg holds, is past its due time.
    fn lead_us(&self, media_units: i64, frame: Frame) -> i64 {
        let loose_units = self.grid.loose_units(frame.held_units);
        let reserve_units = self.grid.frame_units - self.grid.grain_units + loose_units;
        let needed_units = media_units.saturating_sub(frame.held_units).saturating_add(reserve_units);
        let due_us = self.grid.clock.us(needed_units).saturating_add(self.due_transit_us());
        frame.now_us.saturating_sub(due_us)
    }

    /// The lead from which on shortening by a grain leaves enough. What is left over keeps it from swinging: the more, the
    /// less the transit times of the last seconds agree, an eighth of a grain at most.
    fn excess_us(&self) -> i64 {
        let spread_us = self.transits.slow_us() - self.transits.fastest_us();
        self.grid.grain_us + (MARGIN_US + spread_us / 8).min(self.grid.grain_us / 8)
    }
}
