//! The decoding half of a leg's receiver: packets of whatever codec the peer uses become frames of one rate.

use super::doze::{Doze, Kept};
use super::effort::Efforts;
use super::reach::Reach;
use crate::audio::comfort_noise::Noise;
use crate::audio::frame::FrameCutter;
use crate::audio::opus::OpusDred;
use crate::audio::resample::Resampler;
use crate::audio::stretch::{self, Urgency as StretchUrgency};
use crate::audio::{DecodeError, Decoder, Effort, Format, SampleRate};
use crate::rtp::jitter_buffer::{Behind, Packet, Stretch, Urgency};
use crate::worker::Worker;
use std::time::{Duration, Instant};

/// The longest packet: 120 ms at 48 kHz.
const PACKET_SAMPLES: usize = 5760;

/// Room for a packet's samples while it is decoded, resampled and stretched. All legs of a worker share one, since
/// no samples in it outlive a switch.
pub struct Scratch {
    /// What concealing may still cost.
    pub(super) efforts: Efforts,
    /// Whether there is time to suppress noise.
    pub(super) may_denoise: bool,
    /// Made when the first packet comes that may have redundancy.
    dred: Option<Box<OpusDred>>,
    decoded: Box<[i16]>,
    changed: Box<[i16]>,
}

impl Scratch {
    /// Room for a packet's samples.
    pub(super) fn samples(&mut self) -> &mut [i16] {
        &mut self.decoded
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        // Twice: lengthening adds, and so does resampling before it.
        let room = || vec![0; 2 * PACKET_SAMPLES].into_boxed_slice();
        Scratch {
            efforts: Efforts::default(),
            may_denoise: true,
            dred: None,
            decoded: room(),
            changed: room(),
        }
    }
}

/// A format that the peer may send, by its payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveFormat {
    /// The payload type in the packets that we receive.
    pub payload_type: u8,
    /// The codec.
    pub format: Format,
}

/// The decoder in use, with what brings its samples to the leg's rate.
pub struct Voice {
    formats: Vec<ReceiveFormat>,
    /// The one of `formats` that is decoded, nearer at hand.
    current: ReceiveFormat,
    decoder: Decoder,
    resampler: Option<Resampler>,
    /// Only where decoding costs enough to be spared.
    doze: Option<Box<Doze>>,
    /// Once the peer has described its pauses.
    noise: Option<Box<Noise>>,
    rate: SampleRate,
    cutter: FrameCutter,
    /// The frame that is due is in the caller's hands already.
    ready: bool,
    undecodable: u64,
    reach: Reach,
}

/// What is missing, and what there is to make up for it.
pub struct Gap<'a> {
    /// When the frame is due in which it is.
    pub due: Instant,
    /// Its length in units of the RTP clock.
    pub units: u32,
    /// The packet right behind it, if that is here.
    pub next: Option<Packet<'a>>,
    /// The first packet behind it, however far.
    pub behind: Option<Behind<'a>>,
}

impl Voice {
    /// Expects the first of `formats`, whose rate is that of the frames; `None` if its decoder cannot be made.
    pub fn new(formats: Vec<ReceiveFormat>, frame_ms: u32) -> Option<Voice> {
        let current = formats.first()?.clone();
        let decoder = Decoder::new(&current.format).ok()?;
        let rate = decoder.rate();
        let cutter = FrameCutter::new(rate.samples(frame_ms), 2 * rate.samples(120));
        let (resampler, noise, doze) = (None, None, doze_for(&decoder));
        Some(Voice {
            formats,
            current,
            decoder,
            resampler,
            doze,
            noise,
            rate,
            cutter,
            ready: false,
            undecodable: 0,
            reach: Reach::default(),
        })
    }

    /// Whether the decoder in use is the one that these formats begin with, at the same rate.
    pub fn goes_on_with(&self, formats: &[ReceiveFormat]) -> bool {
        formats.first().is_some_and(|first| first.format.rate() == self.rate)
            && formats.contains(&self.current)
    }

    /// The peer may send these formats from now on; the one in use is among them.
    pub fn change_formats(&mut self, formats: Vec<ReceiveFormat>) {
        assert!(formats.contains(&self.current), "the format in use stays");
        self.formats = formats;
    }

    /// The rate of the frames.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The RTP clock of the format in use.
    pub fn clock_rate_hz(&self) -> u32 {
        self.current.format.clock_rate_hz()
    }

    /// The format in use.
    pub fn format(&self) -> &Format {
        &self.current.format
    }

    /// How long a packet of the format in use is, in units of the RTP clock; `None` if it is of another one, or broken.
    pub fn units_of(&self, packet: &Packet<'_>) -> Option<u32> {
        if packet.payload_type != self.current.payload_type {
            return None;
        }
        let samples = self.decoder.payload_samples(packet.payload).ok()? as u64;
        let units = samples * u64::from(self.clock_rate_hz()) / u64::from(self.decoder.rate().hertz());
        u32::try_from(units).ok()
    }

    /// Nothing waits any more.
    pub fn clear(&mut self) {
        self.cutter.clear();
        self.ready = false;
    }

    /// Packets were passed by, these the last of them: it follows from there, and what is left of them is due next.
    pub fn catch_up(&mut self, worker: &Worker, scratch: &mut Scratch, kept: &Kept, left_units: u32) {
        self.clear();
        let Scratch { decoded, changed, .. } = scratch;
        let Voice { decoder, doze, .. } = self;
        let mut len = 0;
        worker.on_codec_stack(|| {
            for passed in doze.iter_mut().flat_map(|doze| doze.wake()) {
                let _ = decoder.decode(passed, decoded);
            }
            for passed in kept.packets() {
                len = decoder.decode(passed, decoded).unwrap_or(0);
            }
        });
        let left = self.samples(left_units).min(len);
        self.push(&decoded[len - left..len], changed);
    }

    /// Whether a payload type is one of the formats.
    pub fn takes(&self, payload_type: u8) -> bool {
        payload_type == self.current.payload_type || self.find(payload_type).is_some()
    }

    /// Whether a payload type is a format of another RTP clock than the one in use.
    pub fn changes_clock(&self, payload_type: u8) -> bool {
        payload_type != self.current.payload_type
            && self
                .find(payload_type)
                .is_some_and(|found| found.format.clock_rate_hz() != self.clock_rate_hz())
    }

    /// Decodes another format from now on; `false` if it is none of ours.
    pub fn switch_to(&mut self, payload_type: u8) -> bool {
        let Some(found) = self.find(payload_type).cloned() else { return false };
        let Ok(decoder) = Decoder::new(&found.format) else { return false };
        self.resampler = (decoder.rate() != self.rate).then(|| Resampler::new(decoder.rate(), self.rate));
        self.doze = doze_for(&decoder);
        self.decoder = decoder;
        self.current = found;
        self.reach = Reach::default();
        true
    }

    /// The decoder is to begin with this packet, which is not heard, when the next one is played.
    pub fn foresee(&mut self, payload_type: u8, payload: &[u8]) {
        if let Some(doze) = self.doze.as_mut().filter(|_| payload_type == self.current.payload_type) {
            doze.keep(payload);
        }
    }

    /// Audio that is decoded and waits, in units of the RTP clock.
    pub fn held_units(&self) -> u32 {
        let ready = if self.ready { self.cutter.frame_samples() } else { 0 };
        let held = (self.cutter.len_samples() + ready) as u64 * u64::from(self.clock_rate_hz());
        (held / u64::from(self.rate.hertz())) as u32
    }

    /// Decodes a packet; returns by how many units it was made longer (or shorter) than it is. One that is just the frame
    /// that is due goes straight to `frame`. What nobody is to hear may be passed over.
    pub fn play(
        &mut self,
        worker: &Worker,
        scratch: &mut Scratch,
        packet: &Packet<'_>,
        is_heard: bool,
        frame: &mut [i16],
    ) -> i32 {
        if packet.payload_type != self.current.payload_type && !self.switch_to(packet.payload_type) {
            self.undecodable += 1;
            return 0;
        }
        if self.reach.is_due() && OpusDred::may_be_in(packet.payload) {
            self.look_for_redundancy(worker, scratch, packet.payload);
        }
        let Scratch { decoded, changed, .. } = scratch;
        let is_frame = self.is_frame(packet);
        let target = if is_frame { frame } else { &mut decoded[..] };
        let Voice { decoder, doze, .. } = self;
        let result = match doze {
            Some(doze) => {
                worker.on_codec_stack(|| decode_or_doze(decoder, doze, packet.payload, is_heard, target))
            }
            None => decoder.decode(packet.payload, target),
        };
        let Ok(len) = result else {
            self.undecodable += 1;
            return 0;
        };
        if is_frame {
            self.ready = true;
            return 0;
        }
        let skipped = self.samples(packet.skip).min(len);
        if packet.stretch == Stretch::None {
            self.push(&decoded[skipped..len], changed);
            return 0;
        }
        let (len, by) = self.stretch(&decoded[skipped..len], packet.stretch, changed);
        self.push(&changed[..len], decoded);
        by
    }

    /// Whether a packet is, as it stands, the whole of the next frame.
    fn is_frame(&self, packet: &Packet<'_>) -> bool {
        let as_it_stands = packet.skip == 0 && packet.stretch == Stretch::None && self.resampler.is_none();
        as_it_stands
            && !self.ready
            && self.decoder.payload_samples(packet.payload).is_ok_and(|len| self.cutter.is_next_frame(len))
    }

    /// Makes up for what did not come.
    pub fn conceal(&mut self, worker: &Worker, scratch: &mut Scratch, gap: &Gap<'_>) {
        let len = self.samples(gap.units).min(PACKET_SAMPLES);
        let Scratch { decoded, changed, efforts, dred, .. } = scratch;
        let missing = &mut decoded[..len];
        let is_ours = |packet: &Packet<'_>| packet.payload_type == self.current.payload_type;
        let next = gap.next.filter(is_ours).map(|next| next.payload);
        let behind = gap.behind.filter(|behind| is_ours(&behind.packet));
        let ahead = behind.map_or(0, |behind| self.samples(behind.ahead_units));
        // Who pauses by DTX leaves gaps that nothing is behind.
        let is_last = next.is_none() && behind.is_none();
        let doze = self.doze.as_deref();
        let is_silent = doze.is_some_and(|doze| doze.is_dozing() || is_last && doze.was_silent());
        let is_quiet = is_silent || is_last && doze.is_some_and(Doze::was_quiet);
        let effort = match !is_quiet && self.decoder.gains_by_effort(next) {
            true => {
                let micros = len as u64 * 1_000_000 / u64::from(self.decoder.rate().hertz());
                efforts.spend(gap.due, Duration::from_micros(micros))
            }
            false => Effort::Cheap,
        };
        match &mut self.decoder {
            _ if is_silent => missing.fill(0), // what goes on is silence, or not to be heard
            Decoder::Opus(opus) => worker.on_codec_stack(|| {
                let recovered = effort == Effort::Thorough
                    && dred.as_mut().zip(behind).is_some_and(|(dred, behind)| {
                        opus.recover(dred, behind.packet.payload, ahead, missing)
                    });
                if !recovered {
                    opus.conceal(missing, next, effort);
                }
            }),
            decoder => {
                let led_over =
                    behind.is_some_and(|behind| decoder.lead_over(missing, behind.packet.payload, ahead));
                if !led_over {
                    decoder.conceal(missing, next, effort);
                }
            }
        }
        let (missing, _) = decoded.split_at(len);
        self.push(missing, changed);
    }

    /// How much of what was before them its packets carry, as far as was seen.
    pub fn reach_ms(&self) -> u32 {
        self.reach.ms()
    }

    fn look_for_redundancy(&mut self, worker: &Worker, scratch: &mut Scratch, payload: &[u8]) {
        if !matches!(self.decoder, Decoder::Opus(_)) {
            return;
        }
        if scratch.dred.is_none() {
            scratch.dred = OpusDred::new().ok().map(Box::new);
        }
        if let Some(dred) = &mut scratch.dred {
            self.reach.note(worker.on_codec_stack(|| dred.reach_ms(payload)));
        }
    }

    /// The sender pauses; `described` is how its pause sounds, if it says (RFC 3389).
    pub fn pause(&mut self, worker: &Worker, scratch: &mut Scratch, units: u32, described: Option<&[u8]>) {
        let len = self.samples(units).min(PACKET_SAMPLES);
        self.decoder.pause();
        match described {
            Some(description) => {
                let noise = self.noise.get_or_insert_with(|| Box::new(Noise::new(worker.random_u32())));
                noise.describe(description);
                noise.fill(&mut scratch.decoded[..len]);
            }
            None => scratch.decoded[..len].fill(0),
        }
        self.push(&scratch.decoded[..len], &mut scratch.changed);
    }

    /// Fills `frame`, with silence where nothing has come; whether anything has.
    pub fn take_frame(&mut self, frame: &mut [i16]) -> bool {
        if std::mem::take(&mut self.ready) || self.cutter.pop(frame) {
            return true;
        }
        let held = self.cutter.len_samples();
        frame.fill(0);
        // The rest of a talkspurt that has ended: completed with silence.
        held > 0 && self.cutter.push(&frame[held..]) && self.cutter.pop(frame)
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        self.decoder.hot_memory(see);
    }

    /// Packets that no decoder could read.
    pub fn undecodable(&self) -> u64 {
        self.undecodable
    }

    fn find(&self, payload_type: u8) -> Option<&ReceiveFormat> {
        self.formats.iter().find(|format| format.payload_type == payload_type)
    }

    /// Units of the RTP clock as samples of the decoder.
    fn samples(&self, units: u32) -> usize {
        let samples = u64::from(units) * u64::from(self.decoder.rate().hertz());
        (samples / u64::from(self.clock_rate_hz())) as usize
    }

    /// Copies `audio` to `out`, longer or shorter as wished; returns its length and the change in units.
    fn stretch(&self, audio: &[i16], wish: Stretch, out: &mut [i16]) -> (usize, i32) {
        let rate = self.decoder.rate();
        let len = match wish {
            Stretch::None => unreachable!("asked only for a change"),
            Stretch::Shorten { units, urgency } => {
                stretch::shorten(audio, rate, urgency_of(urgency), self.samples(units), out)
            }
            Stretch::Lengthen { units, urgency } => {
                stretch::lengthen(audio, rate, urgency_of(urgency), self.samples(units), out)
            }
        };
        let change = len as i64 - audio.len() as i64;
        (len, (change * i64::from(self.clock_rate_hz()) / i64::from(rate.hertz())) as i32)
    }

    /// Takes samples of the decoder's rate; `room` is for what resampling makes of them.
    fn push(&mut self, samples: &[i16], room: &mut [i16]) {
        let pushed = match &mut self.resampler {
            None => self.cutter.push(samples),
            Some(resampler) => {
                let len = resampler.process(samples, room);
                self.cutter.push(&room[..len])
            }
        };
        debug_assert!(pushed, "the jitter buffer gives no more than a frame needs");
    }
}

/// Opus alone costs more than it is to look whether it need be decoded.
fn doze_for(decoder: &Decoder) -> Option<Box<Doze>> {
    matches!(decoder, Decoder::Opus(_)).then(Box::default)
}

fn decode_or_doze(
    decoder: &mut Decoder,
    doze: &mut Doze,
    payload: &[u8],
    is_heard: bool,
    target: &mut [i16],
) -> Result<usize, DecodeError> {
    let len = decoder.payload_samples(payload)?;
    if doze.passes(payload, is_heard) {
        target.get_mut(..len).ok_or(DecodeError::TooLong { samples: len })?.fill(0);
        return Ok(len);
    }
    for passed in doze.wake() {
        // It follows as far as it can; what it makes of them was not to be heard.
        let _ = decoder.decode(passed, target);
    }
    let len = decoder.decode(payload, target)?;
    doze.note(payload, &target[..len]);
    Ok(len)
}

fn urgency_of(urgency: Urgency) -> StretchUrgency {
    match urgency {
        Urgency::WhenQuiet => StretchUrgency::WhenPeriodic, // its seam is not heard either
        Urgency::Now => StretchUrgency::Now,
    }
}

#[cfg(test)]
mod tests;
