//! What a peer is sent, from frame to packet: joining, encoding, numbering.

use super::Workbench;
use super::listeners::{Classes, Coding};
use super::relay::{Handover, Item, Line, Takes};
use super::summary::Coded;
use crate::audio::comfort_noise::{Pauses, Pausing};
use crate::audio::frame::FrameJoiner;
use crate::audio::{EncodeError, Encoder, Format, SampleRate};
use crate::rtp::Timestamp;
use crate::rtp::contributors::{self, Contributors, Naming};
use crate::rtp::packet::HEADER_LEN;
use crate::rtp::packet_sender::{DigitError, PacketSender, StreamStart};
use crate::rtp::redundancy::{self, Packer, Packing};
use crate::rtp::telephone_event::Digit;
use crate::worker::{Tick, Worker};
use std::time::{Duration, Instant};

/// How a leg's audio is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendFormat {
    /// The payload type that the peer expects.
    pub payload_type: u8,
    /// The codec.
    pub format: Format,
    /// Audio per packet; a multiple of the frame.
    pub packet_ms: u32,
    /// Payload type and clock rate of telephone-event, where the peer takes it.
    pub telephone_event: Option<(u8, u32)>,
    /// Payload type of comfort noise, where pauses are described instead of sent.
    pub comfort_noise: Option<u8>,
    /// How packets carry copies of those before them, where they do.
    pub redundancy: Option<Packing>,
    /// How packets name those who are heard in them, where they do.
    pub contributors: Option<Naming>,
}

/// The sending side of a leg's audio.
pub struct Outgoing {
    send: SendFormat,
    coding: Coding,
    /// Where a packet is longer than a frame.
    joiner: Option<FrameJoiner>,
    packets: PacketSender,
    /// Where pauses are described instead of sent.
    pauses: Option<Box<Pauses>>,
    /// Where packets carry copies of those before them.
    packer: Option<Box<Packer>>,
    frame_ms: u32,
    /// As configured, and as the peer reports: the higher one counts.
    least_loss_percent: u8,
    told_loss_percent: u8,
    encoded: u64,
    unencodable: u64,
    relayed: Relayed,
}

/// What the peer was sent that another's peer had coded.
#[derive(Debug, Default)]
struct Relayed {
    packets: u64,
    /// While it goes on: by how much our timestamps are before theirs, and the end of the last packet.
    timeline: Option<(u32, Timestamp)>,
    /// The peer's decoder has followed another encoder than ours.
    is_fresh: bool,
    /// What it was sent of the frames to come.
    ahead: Duration,
}

impl Outgoing {
    /// A fresh sender; `None` if its encoder cannot be made.
    pub fn new(send: SendFormat, frame_ms: u32, start: StreamStart) -> Option<Outgoing> {
        let encoder = Encoder::new(&send.format).ok()?;
        let mut packets = PacketSender::new(start, send.format.clock_rate_hz());
        packets.set_telephone_event(send.telephone_event);
        packets.set_naming(send.contributors);
        let joiner = joiner_for(&send, frame_ms);
        let coding = Coding::own(encoder);
        let pauses = send.comfort_noise.map(|_| Box::default());
        let least_loss_percent = send.format.expected_loss_percent();
        let packer = packer_for(&send);
        let (told_loss_percent, encoded, unencodable) = (0, 0, 0);
        Some(Outgoing {
            send,
            coding,
            joiner,
            packets,
            pauses,
            packer,
            frame_ms,
            least_loss_percent,
            told_loss_percent,
            encoded,
            unencodable,
            relayed: Relayed::default(),
        })
    }

    /// Sends otherwise from now on; the stream goes on. `None` and nothing changed if the encoder cannot be made.
    pub fn change(&mut self, mut send: SendFormat) -> Option<()> {
        let least_loss_percent = send.format.expected_loss_percent();
        send.format.expect_loss(least_loss_percent.max(self.told_loss_percent));
        let goes_on = self.send.format.becomes(&send.format);
        if !goes_on {
            self.coding = Coding::own(Encoder::new(&send.format).ok()?);
            self.packets.set_clock_rate(send.format.clock_rate_hz());
        } else if send.format != self.send.format {
            self.coding.change(&send.format);
        }
        self.least_loss_percent = least_loss_percent;
        if !goes_on || send.packet_ms != self.send.packet_ms {
            self.joiner = joiner_for(&send, self.frame_ms);
        }
        if !goes_on || send.comfort_noise != self.send.comfort_noise {
            self.pauses = send.comfort_noise.map(|_| Box::default());
        }
        if send.redundancy != self.send.redundancy || send.payload_type != self.send.payload_type {
            self.packer = packer_for(&send);
        }
        self.packets.set_telephone_event(send.telephone_event);
        self.packets.set_naming(send.contributors);
        self.send = send;
        Some(())
    }

    /// The peer loses about so much of what it is sent: from now on the encoder prepares for it, if it can.
    pub fn expect_loss(&mut self, percent: u8) {
        self.told_loss_percent = percent;
        if self.send.format.expect_loss(percent.max(self.least_loss_percent)) {
            self.coding.change(&self.send.format);
        }
    }

    /// The rate of the frames it takes.
    pub fn rate(&self) -> SampleRate {
        self.send.format.rate()
    }

    /// Samples of a frame.
    pub fn frame_samples(&self) -> usize {
        self.rate().samples(self.frame_ms)
    }

    /// Queues a digit, which takes the place of audio.
    pub fn start_digit(&mut self, digit: Digit, duration: Duration) -> Result<(), DigitError> {
        self.packets.start_digit(digit, duration)
    }

    /// The numbers of the stream, for reports.
    pub fn packets(&self) -> &PacketSender {
        &self.packets
    }

    /// Those who are heard in the next packet, where packets name them.
    pub fn contributors_mut(&mut self) -> Option<&mut Contributors> {
        self.packets.contributors_mut()
    }

    /// Goes on under another SSRC (RFC 3550 §8.2).
    pub fn change_stream(&mut self, start: StreamStart) {
        self.packets.change_stream(start);
    }

    /// By whom what was sent was encoded; where it listens among others, another's packets were for it too.
    pub fn coded(&self) -> Coded {
        Coded { encoded: self.encoded, relayed: self.relayed.packets, unencodable: self.unencodable }
    }

    /// Whether it is sent the same packets as others.
    pub fn is_shared(&self) -> bool {
        self.coding.is_shared()
    }

    /// Its frames are not what all hear.
    pub fn speaks(&mut self) {
        self.coding.speaks();
    }

    /// The same as late as in this tick itself, when the packet of those who share may be encoded already.
    pub fn leaves(&mut self, tick: Tick) {
        self.coding.leaves(tick.number);
    }

    /// Its frame of this tick is what all hear at its rate; whether it is sent the same packet as others then.
    pub fn listens(&mut self, classes: &Classes, tick: Tick) -> bool {
        if self.joiner.is_some() || self.pauses.is_some() || self.packets.is_sending_digits() {
            self.coding.leaves(tick.number); // its packets begin where no one else's do, or there are gaps between them
            return false;
        }
        self.coding.listens(classes, &self.send.format, tick.number, self.frame_samples())
    }

    /// Writes the packet that all who listen are sent to `bench.datagram` and returns its length, if there is one; `mix`
    /// fills the frame that they hear.
    pub fn send_shared(
        &mut self,
        worker: &Worker,
        tick: Tick,
        bench: &mut Workbench,
        mix: impl FnOnce(&mut [i16]),
    ) -> Option<usize> {
        let frame_samples = self.frame_samples();
        let Workbench { frame, payload, datagram, relief, encoded: all, .. } = bench;
        let room = (&mut frame[..frame_samples], &mut payload[..]);
        self.relayed.is_fresh = false;
        let (encoded, is_first) = self.coding.encode_shared(worker, *relief, tick.number, room, mix)?;
        self.encoded += u64::from(is_first);
        *all += u64::from(is_first);
        let units = self.units(self.send.packet_ms);
        self.packet(tick.due, encoded, units, payload, datagram)
    }

    /// What is taken of another's packets; `comfort_noise` is the payload type of that.
    pub fn takes(&self, comfort_noise: Option<u8>) -> Option<Takes> {
        self.send.comfort_noise.is_none().then(|| Takes::of(&self.send, comfort_noise))
    }

    /// Whether what the peer was sent last was another's.
    pub fn was_relayed(&self) -> bool {
        self.relayed.is_fresh
    }

    /// Sends what lies in the line for this tick, a packet at a time; `false` and nothing done if there is none, or if a digit
    /// takes its place.
    pub fn relay(
        &mut self,
        tick: Tick,
        line: &Line,
        datagram: &mut [u8],
        mut send: impl FnMut(&[u8]),
    ) -> bool {
        let Some(parcel) = line.parcel(tick.number).filter(|_| !self.packets.is_sending_digits()) else {
            return false;
        };
        self.coding.speaks();
        if let Some(pauses) = &mut self.pauses {
            pauses.end(); // the peer hears something else than we would say
        }
        let noise_type = line.takes().and_then(|takes| takes.comfort_noise);
        for (item, payload) in parcel.items() {
            match item {
                Item::Packet { timestamp, units, missing, .. } => {
                    self.follow(timestamp, units);
                    self.packets.miss(missing);
                    if let Some(len) = self.packet(tick.due, Ok(payload.len()), units, payload, datagram) {
                        self.relayed.packets += 1;
                        send(&datagram[..len]);
                    }
                }
                Item::Noise { units, .. } if let Some(noise_type) = noise_type => {
                    let len = self.packets.comfort_noise(tick.due, noise_type, units, payload, datagram);
                    self.relayed.packets += 1;
                    send(&datagram[..len]);
                }
                Item::Noise { units, .. } | Item::Pause { units } => self.packets.skip(tick.due, units),
                Item::Gap { units } => self.packets.follow(self.packets.next_timestamp().plus(units)),
            }
        }
        self.relayed.is_fresh = true;
        true
    }

    /// The next packet is the one of this time of its sender.
    fn follow(&mut self, timestamp: Timestamp, units: u32) {
        let next = self.packets.next_timestamp();
        let (shift, end) = self.relayed.timeline.unwrap_or((next.0.wrapping_sub(timestamp.0), next));
        let wished = timestamp.plus(shift);
        let farthest = i64::from(self.packets.clock_rate());
        let is_sane =
            wished.distance_from(end) >= 0 && i64::from(wished.distance_from(next)).abs() < farthest;
        let begin = if is_sane { wished } else { next };
        self.relayed.timeline = Some((begin.0.wrapping_sub(timestamp.0), begin.plus(units)));
        self.packets.follow(begin);
    }

    /// What it hears is mixed again.
    pub fn take_over(&mut self, handover: Handover) {
        self.relayed.ahead = handover.ahead;
        if let Some(mut encoder) = handover.encoder {
            // What it refuses leaves it as it was: the peer can follow all the same.
            let _ = encoder.reconfigure(&self.send.format);
            self.coding = Coding::own(encoder);
        }
    }

    /// Nothing is sent in this frame; time goes on.
    pub fn skip(&mut self, due: Instant) {
        self.relayed.timeline = None;
        self.coding.speaks();
        if let Some(joiner) = &mut self.joiner {
            joiner.clear();
        }
        if let Some(pauses) = &mut self.pauses {
            pauses.end();
        }
        let units = self.units(self.frame_ms);
        self.packets.skip(due, units);
    }

    /// Takes the frame in `bench.frame`; writes the packet to `bench.datagram` and returns its length once one is full.
    pub fn send(&mut self, worker: &Worker, due: Instant, bench: &mut Workbench) -> Option<usize> {
        self.relayed.timeline = None;
        if let Some(ahead) = self.relayed.ahead.checked_sub(Duration::from_millis(self.frame_ms.into())) {
            self.relayed.ahead = ahead;
            return None; // the peer has this one
        }
        let frame_samples = self.frame_samples();
        let Workbench { frame, packet, payload, datagram, relief, encoded: all, .. } = bench;
        let samples: &[i16] = match &mut self.joiner {
            None => &frame[..frame_samples],
            Some(joiner) => {
                let packet = &mut packet[..self.send.format.rate().samples(self.send.packet_ms)];
                if !joiner.push(&frame[..frame_samples]) || !joiner.pop(packet) {
                    return None;
                }
                packet
            }
        };
        let units = self.units(self.send.packet_ms);
        if let Some(len) = self.packets.digit_frame(due, units, datagram) {
            if let Some(pauses) = &mut self.pauses {
                pauses.end(); // the peer has heard something else since
            }
            return Some(len);
        }
        if let (Some(pauses), Some(payload_type)) = (&mut self.pauses, self.send.comfort_noise) {
            match pauses.hear(samples, self.send.packet_ms, payload) {
                Pausing::Not => {}
                Pausing::Describes(len) => {
                    return Some(self.packets.comfort_noise(
                        due,
                        payload_type,
                        units,
                        &payload[..len],
                        datagram,
                    ));
                }
                Pausing::Silent => {
                    self.packets.skip(due, units);
                    return None;
                }
            }
        }
        let is_entry = std::mem::take(&mut self.relayed.is_fresh);
        let encoded = self.coding.encode_alone(worker, *relief, is_entry, samples, payload);
        self.encoded += 1;
        *all += 1;
        self.packet(due, encoded, units, payload, datagram)
    }

    /// Numbers what was encoded.
    fn packet(
        &mut self,
        due: Instant,
        encoded: Result<usize, EncodeError>,
        units: u32,
        payload: &[u8],
        datagram: &mut [u8],
    ) -> Option<usize> {
        match encoded {
            Ok(0) => {
                self.packets.skip(due, units); // discontinuous transmission
                None
            }
            Ok(len) => {
                let payload_type = self.send.payload_type;
                let payload = &payload[..len];
                Some(match &mut self.packer {
                    None => self.packets.frame(due, payload_type, units, payload, datagram),
                    Some(packer) => {
                        let what = (payload_type, units);
                        self.packets.redundant_frame(due, packer, what, payload, datagram)
                    }
                })
            }
            Err(_) => {
                self.unencodable += 1;
                self.packets.skip(due, units);
                None
            }
        }
    }

    fn units(&self, duration_ms: u32) -> u32 {
        self.packets.clock_rate() / 1000 * duration_ms
    }
}

/// The largest datagram that we write: header with all contributors and the longest payload, L16 of 60 ms at 48 kHz.
pub const MAX_DATAGRAM: usize = HEADER_LEN + contributors::MAX_LEN + 2 * super::PACKET_SAMPLES;

const _: () = assert!(MAX_DATAGRAM >= HEADER_LEN + contributors::MAX_LEN + redundancy::MAX_PAYLOAD_BYTES);

fn packer_for(send: &SendFormat) -> Option<Box<Packer>> {
    send.redundancy.clone().map(|packing| Box::new(Packer::new(packing)))
}

fn joiner_for(send: &SendFormat, frame_ms: u32) -> Option<FrameJoiner> {
    let rate = send.format.rate();
    (send.packet_ms != frame_ms)
        .then(|| FrameJoiner::new(rate.samples(send.packet_ms), rate.samples(frame_ms)))
}

#[cfg(test)]
mod tests;
