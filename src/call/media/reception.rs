//! What a peer says, from packet to frame: the jitter buffer in front of the [`Voice`] that decodes.

use super::cleaning::{Cleaning, CleaningSettings};
use super::doze::Kept;
use super::relay::{Handover, Line, Parcel, successor};
use super::voice::{Gap, ReceiveFormat, Scratch, Voice};
use crate::audio::{Format, SampleRate};
use crate::rtp::jitter_buffer::{
    Arrival, Inserted, JitterBuffer, JitterCounters, JitterSettings, Packet as Due, Playout, Redundancy,
    Stretch,
};
use crate::rtp::packet::Packet;
use crate::rtp::redundancy::{Copies, Redundant};
use crate::rtp::{Header, PayloadTypes, SequenceNumber, Ssrc};
use crate::worker::Worker;
use std::time::{Duration, Instant};

/// The receiving side of a leg's audio.
pub struct Reception {
    settings: JitterSettings,
    jitter_buffer: JitterBuffer,
    voice: Voice,
    cleaning: Cleaning,
    /// The newest packet that was taken describes a pause (RFC 3389).
    peer_pauses: bool,
    /// Of redundant audio (RFC 2198).
    redundancy: PayloadTypes,
    malformed: u64,
    /// Of jitter buffers that were given up.
    former: JitterCounters,
    /// From when on packets may be passed on again after a digit in their place, for which the other is sent silence.
    passes_from: Option<Instant>,
    /// So long losses are thought to go on, which are concealed better here than by most phones.
    has_lost_until: Option<Instant>,
    /// When the last audio came.
    heard_at: Option<Instant>,
    /// While its packets are passed on.
    passing: Option<Box<Passing>>,
}

/// Opus sends a packet at least every 400 ms while it pauses (RFC 7587 §3.1.3). Of a peer that sends nothing for longer, and
/// has not said that it pauses, the other is sent silence.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// A digit lasts on for so long behind its last packet.
const DIGIT_REST: Duration = Duration::from_millis(200);

/// As long as losses count as frequent, see the jitter buffer.
const LOSS_REST: Duration = Duration::from_secs(8);

/// Where a stream is whose packets are passed on instead of decoded.
#[derive(Default)]
struct Passing {
    /// What was passed on before it was due, in units of the RTP clock.
    ahead_units: u32,
    kept: Kept,
    /// They are decoded too.
    is_tapped: bool,
}

/// What a stream has next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Packet,
    Gap,
    Pause,
}

/// What a new negotiation makes of a receiver; made first, applied when all else can follow too.
pub enum Change {
    /// The decoder in use and all that waits stay; other formats may be sent, and comfort noise by another payload type.
    Formats(Vec<ReceiveFormat>, Option<u8>),
    /// Another decoder, an empty jitter buffer.
    Anew(Box<Reception>),
}

impl Change {
    /// Applies it.
    pub fn apply(self, reception: &mut Reception) {
        match self {
            Change::Formats(formats, comfort_noise) => {
                reception.voice.change_formats(formats);
                reception.settings.comfort_noise = comfort_noise;
                reception.jitter_buffer.set_comfort_noise(comfort_noise);
            }
            Change::Anew(anew) => {
                let former = total(&reception.former, reception.jitter_buffer.counters());
                let malformed = reception.malformed;
                let cleaning = reception.cleaning.afresh(anew.rate());
                *reception = Reception { former, malformed, cleaning, ..*anew };
            }
        }
    }
}

impl Reception {
    /// A fresh receiver of these formats, the first one expected; `None` if it cannot be made.
    pub fn new(formats: Vec<ReceiveFormat>, settings: JitterSettings) -> Option<Reception> {
        let voice = Voice::new(formats, settings.frame_ms)?;
        let settings = JitterSettings { clock_rate: voice.clock_rate_hz(), ..settings };
        let jitter_buffer = JitterBuffer::new(settings);
        Some(Reception {
            settings,
            jitter_buffer,
            cleaning: Cleaning::new(CleaningSettings::default(), voice.rate()),
            voice,
            peer_pauses: false,
            redundancy: PayloadTypes::default(),
            malformed: 0,
            former: JitterCounters::default(),
            passes_from: None,
            has_lost_until: None,
            heard_at: None,
            passing: None,
        })
    }

    /// What these formats and this payload type of comfort noise would make of it; `None` if a decoder cannot be made.
    pub fn changed(&self, formats: &[ReceiveFormat], comfort_noise: Option<u8>) -> Option<Change> {
        if self.voice.goes_on_with(formats) {
            return Some(Change::Formats(formats.to_vec(), comfort_noise));
        }
        let settings = JitterSettings { comfort_noise, ..self.settings };
        Some(Change::Anew(Box::new(Reception::new(formats.to_vec(), settings)?)))
    }

    /// The RTP clock of the format in use.
    pub fn clock_rate_hz(&self) -> u32 {
        self.voice.clock_rate_hz()
    }

    /// The rate of its frames, which stays whatever codec the peer uses.
    pub fn rate(&self) -> SampleRate {
        self.voice.rate()
    }

    /// Whether packets of this type are audio of ours.
    pub fn takes(&self, payload_type: u8) -> bool {
        self.voice.takes(payload_type) || self.settings.comfort_noise == Some(payload_type)
    }

    /// Whether the peer has said that it pauses, and has said nothing since.
    pub fn peer_pauses(&self) -> bool {
        self.peer_pauses
    }

    /// From now on what is heard is cleaned like this.
    pub fn set_cleaning(&mut self, settings: CleaningSettings) {
        self.cleaning = Cleaning::new(settings, self.rate());
    }

    /// From now on packets of these types are redundant audio.
    pub fn set_redundancy(&mut self, payload_types: &[u8]) {
        self.redundancy = payload_types.iter().copied().collect();
    }

    /// A packet as it would be without redundancy, and the copies that came with it; `None` if it cannot be read.
    pub fn open<'a>(&mut self, packet: &Packet<'a>) -> Option<(Packet<'a>, Copies<'a>)> {
        if !self.redundancy.contains(packet.header.payload_type) {
            return Some((*packet, Copies::default()));
        }
        let Ok(opened) = Redundant::parse(packet.payload) else {
            self.malformed += 1;
            return None;
        };
        let mut primary = *packet;
        primary.header.payload_type = opened.payload_type;
        primary.payload = opened.primary;
        Some((primary, opened.copies()))
    }

    /// A packet has come whose source is not proven yet (RFC 3550 §6.2.1): if it begins the stream, the decoder starts with it,
    /// though it is not heard. Without the first packet of Opus a steady tone was decoded ten times too loud for a moment.
    pub fn foresee(&mut self, packet: &Packet<'_>) {
        if self.counters().received == 0 {
            self.voice.foresee(packet.header.payload_type, packet.payload);
        }
    }

    /// Takes the copies that came with a packet, which was taken before. Those of formats that were not agreed, or of
    /// another clock, are ignored, and so are those of telephone-events, which repeat themselves (RFC 4733 §2.5.1.4).
    pub fn recover(&mut self, at: Instant, header: &Header, copies: Copies<'_>) {
        for copy in copies {
            if self.takes(copy.payload_type) && !self.voice.changes_clock(copy.payload_type) {
                self.jitter_buffer.recover(&Redundancy {
                    at,
                    ssrc: header.ssrc,
                    sequence: header.sequence,
                    timestamp: header.timestamp,
                    offset_units: copy.offset_units,
                    payload_type: copy.payload_type,
                    payload: copy.payload,
                });
            }
        }
    }

    /// Packets of redundant audio that could not be read.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// A packet has come.
    pub fn insert(&mut self, arrival: Arrival<'_>) -> Inserted {
        if self.voice.changes_clock(arrival.payload_type) && self.voice.switch_to(arrival.payload_type) {
            // Timestamps of two clocks do not compare: what waited is given up, the new format begins.
            self.settings.clock_rate = self.voice.clock_rate_hz();
            self.former = total(&self.former, self.jitter_buffer.counters());
            self.jitter_buffer = JitterBuffer::new(self.settings);
        }
        self.heard_at = Some(arrival.at);
        let inserted = self.jitter_buffer.insert(arrival);
        if inserted == Inserted::Taken && self.jitter_buffer.is_newest(arrival.sequence) {
            self.peer_pauses = self.settings.comfort_noise == Some(arrival.payload_type);
        }
        inserted
    }

    /// A packet has come that carries no audio, but a number of the same sequence.
    pub fn insert_other(&mut self, at: Instant, ssrc: Ssrc, sequence: SequenceNumber) {
        self.jitter_buffer.insert_other(at, ssrc, sequence);
        self.passes_from = self.passes_from.max(Some(at + DIGIT_REST));
    }

    /// The frame that is due at `due`: fills `frame` whole; whether any sound of the peer is in it. Of a peer that is not
    /// heard, it may be silence.
    pub fn playout(
        &mut self,
        worker: &Worker,
        scratch: &mut Scratch,
        due: Instant,
        is_heard: bool,
        frame: &mut [i16],
    ) -> bool {
        let mut stretched = 0;
        let missed_before = missed(self.jitter_buffer.counters());
        loop {
            match self.jitter_buffer.playout(due, self.voice.held_units()) {
                Playout::Packet(packet) => {
                    stretched += self.voice.play(worker, scratch, &packet, is_heard, frame);
                }
                Playout::Conceal { units } => {
                    let (next, behind) = (self.jitter_buffer.peek_next(), self.jitter_buffer.peek_behind());
                    self.voice.conceal(worker, scratch, &Gap { due, units, next, behind });
                }
                Playout::Pause { units, comfort_noise } => {
                    self.voice.pause(worker, scratch, units, comfort_noise);
                }
                Playout::Enough | Playout::Empty => break,
            }
        }
        self.jitter_buffer.bridge_up_to(self.voice.reach_ms());
        if stretched != 0 {
            self.jitter_buffer.stretched(stretched);
        }
        if missed(self.jitter_buffer.counters()) > missed_before && !scratch.efforts.are_withdrawn() {
            self.has_lost_until = Some(due + LOSS_REST);
        }
        let has_sound = self.voice.take_frame(frame);
        self.cleaning.clean(frame, has_sound, is_heard, scratch.may_denoise);
        has_sound
    }

    /// Whether packets are what is to be heard, as they are; also of who loses some, unless that is better concealed here.
    pub fn may_pass(&self, due: Instant, conceals_better: bool) -> bool {
        let goes_on = self.peer_pauses || self.heard_at.is_some_and(|at| due < at + LONGEST_PAUSE);
        let is_over = |until: Option<Instant>| until.is_none_or(|until| due >= until);
        goes_on
            && !self.cleaning.is_needed()
            && is_over(self.passes_from)
            && (!conceals_better || is_over(self.has_lost_until))
    }

    /// The format in use, and whether pauses may be described.
    pub fn format(&self) -> (&Format, bool) {
        (self.voice.format(), self.settings.comfort_noise.is_some())
    }

    /// Whether packets are passed on.
    pub fn is_passing(&self) -> bool {
        self.passing.is_some()
    }

    /// In the place of [`Reception::playout`]: what is due at `due` goes to `parcel` as it came. To become less deep, a packet
    /// goes out before its time. If it `is_tapped`, `frame` is filled beside.
    pub fn pass_on(
        &mut self,
        worker: &Worker,
        scratch: &mut Scratch,
        due: Instant,
        parcel: &mut Parcel,
        (is_tapped, frame): (bool, &mut [i16]),
    ) {
        let mut passing = self.passing.take().unwrap_or_else(|| {
            self.voice.clear(); // less than a frame, and quiet
            Box::default()
        });
        if is_tapped && !passing.is_tapped {
            self.voice.catch_up(worker, scratch, &passing.kept, passing.ahead_units);
        } else if passing.is_tapped && !is_tapped {
            self.voice.clear();
        }
        passing.is_tapped = is_tapped;
        while let Some(units) = self.pass_next((worker, scratch), due, parcel, (&mut passing, frame)) {
            passing.ahead_units += units;
        }
        if is_tapped {
            self.voice.take_frame(frame);
        }
        let frame_units = self.settings.clock_rate / 1000 * self.settings.frame_ms;
        passing.ahead_units = passing.ahead_units.saturating_sub(frame_units);
        self.passing = Some(passing);
    }

    /// Passes on what comes next; how much of the time it fills, `None` once the frame is full or nothing is there.
    fn pass_next(
        &mut self,
        (worker, scratch): (&Worker, &mut Scratch),
        due: Instant,
        parcel: &mut Parcel,
        (passing, frame): (&mut Passing, &mut [i16]),
    ) -> Option<u32> {
        let before = *self.jitter_buffer.counters();
        let is_tapped = passing.is_tapped;
        let mut shortened = 0;
        let (units, what) = match self.jitter_buffer.playout(due, passing.ahead_units) {
            Playout::Packet(packet) => {
                let Some(units) = self.voice.units_of(&packet) else {
                    // Broken, or of another format, which the next lap finds not to fit.
                    self.voice.switch_to(packet.payload_type);
                    parcel.miss(1);
                    return Some(0);
                };
                parcel.packet(packet.timestamp, units, packet.payload);
                passing.kept.keep(packet.payload);
                if let Stretch::Shorten { units, .. } = packet.stretch {
                    shortened = units;
                }
                let skip = packet.skip + shortened;
                if is_tapped {
                    let packet = Due { skip, stretch: Stretch::None, ..packet };
                    self.voice.play(worker, scratch, &packet, true, frame);
                }
                (units.saturating_sub(skip), What::Packet)
            }
            Playout::Conceal { units } => (units, What::Gap),
            Playout::Pause { units, comfort_noise } => {
                if is_tapped {
                    self.voice.pause(worker, scratch, units, comfort_noise);
                }
                parcel.noise(units, comfort_noise.unwrap_or_default());
                (units, What::Pause)
            }
            Playout::Enough | Playout::Empty => return None,
        };
        if is_tapped && what == What::Gap {
            let (next, behind) = (self.jitter_buffer.peek_next(), self.jitter_buffer.peek_behind());
            self.voice.conceal(worker, scratch, &Gap { due, units, next, behind });
        }
        if shortened > 0 {
            self.jitter_buffer.stretched(-(shortened as i32));
        }
        let now = self.jitter_buffer.counters();
        let (lost, is_played) = (missed(now) - missed(&before), now.played > before.played);
        parcel.miss(lost);
        if lost > 0 && !scratch.efforts.are_withdrawn() {
            self.has_lost_until = Some(due + LOSS_REST);
        }
        match what {
            What::Packet => parcel.tell_missing(),
            What::Gap if lost > 0 => parcel.gap(units),
            What::Gap => {} // it is waited for: the peer's time stands still
            What::Pause if is_played => {}
            What::Pause => parcel.goes_on_pausing(),
        }
        Some(units)
    }

    /// Packets are decoded again from the next one on. `line` is where they were passed on to.
    pub fn pass_on_no_more(&mut self, worker: &Worker, scratch: &mut Scratch, line: Option<&mut Line>) {
        let Some(passing) = self.passing.take() else { return };
        if let Some((line, takes)) = line.and_then(|line| line.takes().cloned().map(|takes| (line, takes))) {
            let encoder = successor(worker, &takes, &passing.kept, scratch.samples());
            let ahead = u64::from(passing.ahead_units) * 1_000_000 / u64::from(self.settings.clock_rate);
            line.hand_over(Handover { encoder, ahead: Duration::from_micros(ahead) });
        }
        if !passing.is_tapped {
            self.voice.catch_up(worker, scratch, &passing.kept, passing.ahead_units);
        }
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        self.jitter_buffer.hot_memory(see);
        self.voice.hot_memory(see);
    }

    /// What has happened to packets and audio so far.
    pub fn counters(&self) -> JitterCounters {
        total(&self.former, self.jitter_buffer.counters())
    }

    /// Packets that no decoder could read.
    pub fn undecodable(&self) -> u64 {
        self.voice.undecodable()
    }

    /// How long a packet waits at this moment.
    pub fn depth_ms(&self) -> u32 {
        self.jitter_buffer.depth_ms()
    }
}

/// Packets that were not there when they were due.
fn missed(counters: &JitterCounters) -> u64 {
    counters.lost + counters.late + counters.discarded
}

fn total(one: &JitterCounters, other: &JitterCounters) -> JitterCounters {
    JitterCounters {
        received: one.received + other.received,
        played: one.played + other.played,
        late: one.late + other.late,
        lost: one.lost + other.lost,
        recovered: one.recovered + other.recovered,
        duplicate: one.duplicate + other.duplicate,
        discarded: one.discarded + other.discarded,
        concealed_units: one.concealed_units + other.concealed_units,
        shortened_units: one.shortened_units + other.shortened_units,
        lengthened_units: one.lengthened_units + other.lengthened_units,
        restarts: one.restarts + other.restarts,
    }
}

#[cfg(test)]
mod skew_tests;
#[cfg(test)]
mod tests;
