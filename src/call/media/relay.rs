//! Relay: where two are alone in a conference and are sent the same coding, what one's peer sends goes to the other's as it
//! is, with our own numbers: neither decoded nor encoded.
//!
//! It goes through the jitter buffer as ever, so that it can be mixed again with the next frame: at *hear* a leg lays what
//! is due into the other's [`Line`], which sends it at *speak*. Lost packets stay lost numbers, for the other's own
//! concealment and FEC, and the timeline is the peer's. It begins in a quiet moment, since codecs that lean on the past, and
//! automatic gain, take a step there; and ends in a pause, if those who join say nothing until then.

use super::doze::Kept;
use super::outgoing::SendFormat;
use crate::audio::level::mean_power;
use crate::audio::{Decoder, Encoder, Format};
use crate::conference::ParticipantId;
use crate::rtp::Timestamp;
use crate::worker::Worker;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Below this power a frame is quiet: -50 dBFS.
const QUIET: f32 = 1e-5;
/// So is one of so much less power than the loudest, 15 dB, once it was listened to for a while.
const QUIETER: f32 = 1.0 / 30.0;
const GETS_TO_KNOW: Duration = Duration::from_secs(1);
/// A mix is later than what was relayed, by what an encoder looks ahead: that is not heard where so much is quiet.
const PAUSE: Duration = Duration::from_millis(200);
/// Who never pauses is relayed, and mixed again, all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a peer takes of another's packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takes {
    format: Format,
    packet_ms: u32,
    /// Payload type of comfort noise.
    pub comfort_noise: Option<u8>,
}

impl Takes {
    /// What is sent this way anyhow, and comfort noise.
    pub fn of(send: &SendFormat, comfort_noise: Option<u8>) -> Takes {
        let mut format = send.format.clone();
        if let Format::Opus(settings) = &mut format {
            settings.expected_loss_percent = 0; // how it was prepared for loss is its sender's affair
        }
        Takes { format, packet_ms: send.packet_ms, comfort_noise }
    }

    /// Whether packets of `received` fit that come from a peer that takes `own`, pauses described or not.
    pub fn fits(&self, own: &Takes, received: &Format, has_noise: bool) -> bool {
        let is_same_codec = match (received, &self.format) {
            (Format::Opus(_), Format::Opus(_)) => true,
            (received, format) => received == format,
        };
        is_same_codec
            && self.format == own.format
            && self.packet_ms == own.packet_ms
            && (self.comfort_noise.is_some() || !has_noise)
    }
}

/// What happens in a frame of a relayed stream, in units of the RTP clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A packet, `missing` lost ones behind the one before.
    Packet { timestamp: Timestamp, units: u32, missing: u16, octets: usize },
    /// A description of the pause that begins or goes on.
    Noise { units: u32, octets: usize },
    /// The sender pauses.
    Pause { units: u32 },
    /// A part of what was lost.
    Gap { units: u32 },
}

/// What is due in one frame, in its order.
#[derive(Debug, Default)]
pub struct Parcel {
    items: Vec<Item>,
    payloads: Vec<u8>,
    missing: u16,
}

impl Parcel {
    fn clear(&mut self) {
        self.items.clear();
        self.payloads.clear();
    }

    /// So many packets will never come; the next one tells.
    pub fn miss(&mut self, packets: u64) {
        self.missing = self.missing.saturating_add(u16::try_from(packets).unwrap_or(u16::MAX));
    }

    /// A packet is due.
    pub fn packet(&mut self, timestamp: Timestamp, units: u32, payload: &[u8]) {
        self.payloads.extend_from_slice(payload);
        self.items.push(Item::Packet { timestamp, units, missing: 0, octets: payload.len() });
    }

    /// What was missed was missed before the packet that was laid last.
    pub fn tell_missing(&mut self) {
        if let Some(Item::Packet { missing, .. }) = self.items.last_mut() {
            *missing += std::mem::take(&mut self.missing);
        }
    }

    /// A pause is described.
    pub fn noise(&mut self, units: u32, description: &[u8]) {
        self.payloads.extend_from_slice(description);
        self.items.push(Item::Noise { units, octets: description.len() });
    }

    /// What describes the pause, laid last, has been sent already.
    pub fn goes_on_pausing(&mut self) {
        if let Some(Item::Noise { units, octets }) = self.items.pop() {
            self.payloads.truncate(self.payloads.len() - octets);
            self.items.push(Item::Pause { units });
        }
    }

    /// A part of what was lost is due.
    pub fn gap(&mut self, units: u32) {
        self.items.push(Item::Gap { units });
    }

    /// All items with their payloads.
    pub fn items(&self) -> impl Iterator<Item = (Item, &[u8])> {
        let mut rest = &self.payloads[..];
        self.items.iter().map(move |item| {
            let octets = match item {
                Item::Packet { octets, .. } | Item::Noise { octets, .. } => *octets,
                Item::Pause { .. } | Item::Gap { .. } => 0,
            };
            let (payload, behind) = rest.split_at(octets);
            rest = behind;
            (*item, payload)
        })
    }
}

/// How mixing goes on from what was relayed.
pub struct Handover {
    /// Has coded the end of what was relayed, where the codec leans on the past.
    pub encoder: Option<Encoder>,
    /// What was relayed is so much of the next frames' already.
    pub ahead: Duration,
}

/// The way to one participant for what another's peer has coded.
#[derive(Default)]
pub struct Line {
    takes: Option<Takes>,
    /// Whether it is sent audio now.
    is_open: bool,
    /// Of what is in the parcel.
    tick: u64,
    parcel: Parcel,
    handover: Option<Handover>,
}

impl Line {
    /// From now on the participant takes this; none where its pauses have to be found by us, to be described.
    pub fn set_takes(&mut self, takes: Option<Takes>) {
        self.takes = takes;
        self.handover = None;
    }

    /// What the participant takes.
    pub fn takes(&self) -> Option<&Takes> {
        self.takes.as_ref()
    }

    /// Whether the participant is sent audio.
    pub fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    /// Whether it can be used now, for packets of `received` from the peer of `own`.
    fn fits(&self, own: &Line, received: &Format, has_noise: bool) -> bool {
        let takes = self.takes.as_ref().zip(own.takes.as_ref());
        self.is_open && takes.is_some_and(|(takes, own)| takes.fits(own, received, has_noise))
    }

    /// The parcel of this tick, to be filled.
    pub fn fill(&mut self, tick: u64) -> &mut Parcel {
        self.tick = tick;
        self.handover = None;
        self.parcel.clear();
        &mut self.parcel
    }

    /// The parcel of this tick, if there is one.
    pub fn parcel(&self, tick: u64) -> Option<&Parcel> {
        (self.tick == tick).then_some(&self.parcel)
    }

    /// It is mixed again.
    pub fn hand_over(&mut self, handover: Handover) {
        self.parcel.missing = 0;
        self.handover = Some(handover);
    }

    /// How to go on after a relay, once.
    pub fn take_handover(&mut self) -> Option<Handover> {
        self.handover.take()
    }
}

/// The lines of a conference.
#[derive(Default)]
pub struct Lines(RefCell<Vec<(ParticipantId, Rc<RefCell<Line>>)>>);

impl Lines {
    /// The line of one who has just joined.
    pub fn open(&self, id: ParticipantId) -> Rc<RefCell<Line>> {
        let line = Rc::default();
        self.0.borrow_mut().push((id, Rc::clone(&line)));
        line
    }

    /// One has left.
    pub fn close(&self, id: ParticipantId) {
        self.0.borrow_mut().retain(|(of, _)| *of != id);
    }

    fn find(&self, id: ParticipantId) -> Option<Rc<RefCell<Line>>> {
        self.0.borrow().iter().find(|(of, _)| *of == id).map(|(_, line)| Rc::clone(line))
    }
}

/// One participant's side of it: to whom it relays, or could.
#[derive(Default)]
pub struct Relaying {
    to: Option<(ParticipantId, Rc<RefCell<Line>>)>,
    /// The line that was used until now.
    left: Option<Rc<RefCell<Line>>>,
    is_on: bool,
    /// Since it could be, and the loudest frame since.
    waited: Duration,
    loudest: f32,
    /// How long it went on while others were here.
    lingered: Duration,
    /// How long it has been quiet meanwhile.
    paused: Duration,
}

impl Relaying {
    /// The line to use in this tick. `listener` is who could be relayed to now, `own` the line to this one.
    pub fn line(
        &mut self,
        lines: &Lines,
        listener: Option<ParticipantId>,
        own: &Line,
        (received, has_noise): (&Format, bool),
    ) -> Option<Rc<RefCell<Line>>> {
        let is_same = self.to.as_ref().map(|(id, _)| *id) == listener;
        if !is_same {
            self.end();
            self.to = listener.and_then(|id| Some((id, lines.find(id)?)));
        }
        let (_, line) = self.to.as_ref()?;
        if !line.borrow().fits(own, received, has_noise) {
            self.end();
        }
        self.to.as_ref().filter(|_| self.is_on).map(|(_, line)| Rc::clone(line))
    }

    /// To whom it relays.
    pub fn listener(&self) -> Option<ParticipantId> {
        self.to.as_ref().filter(|_| self.is_on).map(|(id, _)| *id)
    }

    /// Whether there is nobody to relay to, nor was.
    pub fn is_idle(&self) -> bool {
        self.to.is_none()
    }

    fn end(&mut self) {
        if let Some((_, line)) = self.to.take().filter(|_| self.is_on) {
            self.left = Some(line);
        }
        (self.is_on, self.waited, self.loudest) = (false, Duration::ZERO, 0.0);
        (self.lingered, self.paused) = (Duration::ZERO, Duration::ZERO);
    }

    /// The line that was used until the last tick, once.
    pub fn take_left(&mut self) -> Option<Rc<RefCell<Line>>> {
        self.left.take()
    }

    /// A frame was mixed: from the next one on it is relayed if this is the moment. A worker with too much to do waits for none.
    pub fn mixed(&mut self, frame: &[i16], duration: Duration, is_hurried: bool) {
        if self.to.is_none() {
            return;
        }
        let power = mean_power(frame);
        self.waited += duration;
        self.loudest = self.loudest.max(power);
        self.is_on = is_hurried || self.is_quiet(power) || self.waited >= PATIENCE;
    }

    /// A frame was relayed although others are here: from the next one on it is mixed if this is the moment.
    pub fn lingered(&mut self, frame: &[i16], duration: Duration) {
        let power = mean_power(frame);
        if self.lingered.is_zero() {
            (self.waited, self.loudest) = (Duration::ZERO, 0.0); // how loud it is now counts, not when it was last mixed
        }
        self.lingered += duration;
        self.waited += duration;
        self.loudest = self.loudest.max(power);
        self.paused = if self.is_quiet(power) { self.paused + duration } else { Duration::ZERO };
        if self.paused >= PAUSE || self.lingered >= PATIENCE {
            self.end();
        }
    }

    /// Nobody else is here, or no longer.
    pub fn is_alone(&mut self) {
        (self.lingered, self.paused) = (Duration::ZERO, Duration::ZERO);
    }

    fn is_quiet(&self, power: f32) -> bool {
        power < QUIET || self.waited >= GETS_TO_KNOW && power < self.loudest * QUIETER
    }
}

/// An encoder for what comes behind these packets, which were relayed: it has coded what they say, so that what is still in
/// it of the past is right. `None` where the codec has no memory.
pub fn successor(worker: &Worker, takes: &Takes, kept: &Kept, samples: &mut [i16]) -> Option<Encoder> {
    let mut encoder = Encoder::new(&takes.format).ok().filter(|encoder| encoder.leans_on_the_past())?;
    let mut decoder = Decoder::new(&takes.format).ok()?;
    let mut coded = [0; crate::audio::opus::MAX_PACKET_OCTETS];
    worker.on_codec_stack(|| {
        for packet in kept.packets() {
            if let Ok(len) = decoder.decode(packet, samples) {
                // What it makes of them was sent already, by another.
                let _ = encoder.encode(&samples[..len], &mut coded);
            }
        }
    });
    encoder.follow(&decoder);
    Some(encoder)
}

#[cfg(test)]
mod tests;
