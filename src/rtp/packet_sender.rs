//! What a leg sends: one SSRC, one sequence, one timeline, for audio and for digits between it.
//!
//! Every frame of the mixer is either sent or skipped, so that timestamps follow time; the marker is set on
//! the first packet of a talkspurt (RFC 3551 §4.1). Start values are random and passed in (RFC 3550 §5.1).
//! Writes header and payload into the caller's buffer; allocates nothing but the queue of digits.

use std::time::{Duration, Instant};

use super::contributors::{Contributors, Naming};
use super::numbers::{SequenceNumber, Ssrc, Timestamp};
use super::packet::{HEADER_LEN, Header};
use super::redundancy::Packer;
use super::telephone_event::sender::QueueFull;
use super::telephone_event::{Digit, EventPacket, Sender};

/// Start values of a stream, from a cryptographic generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamStart {
    /// Our SSRC.
    pub ssrc: Ssrc,
    /// Number of the first packet.
    pub sequence: SequenceNumber,
    /// Timestamp of the first frame.
    pub timestamp: Timestamp,
}

impl StreamStart {
    /// Takes the three values from 96 random bits.
    pub fn from_random(first: u64, second: u32) -> StreamStart {
        StreamStart {
            ssrc: Ssrc(first as u32),
            // RFC 3711 §3.3.1: below 2^15, so that SRTP's rollover counter is never in doubt at the start.
            sequence: SequenceNumber((first >> 32) as u16 & 0x7FFF),
            timestamp: Timestamp(second),
        }
    }
}

/// What was sent so far: the sender part of a sender report (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentCounters {
    /// RTP packets of this SSRC.
    pub packets: u32,
    /// Payload octets in them.
    pub octets: u32,
    /// Digits begun.
    pub digits: u64,
}

/// The sending side of one leg's stream.
#[derive(Debug, Clone)]
pub struct PacketSender {
    ssrc: Ssrc,
    sequence: SequenceNumber,
    timestamp: Timestamp,
    clock_rate: u32,
    in_talkspurt: bool,
    /// When which frame was due, for the RTP time of a sender report.
    clock: Option<(Instant, Timestamp)>,
    digits: Option<(u8, Sender)>,
    /// Where packets name those who are heard in them.
    contributors: Option<Box<Contributors>>,
    sent: SentCounters,
}

impl PacketSender {
    /// A stream that has not begun.
    pub fn new(start: StreamStart, clock_rate: u32) -> PacketSender {
        assert!(clock_rate > 0, "a clock that stands still");
        PacketSender {
            ssrc: start.ssrc,
            sequence: start.sequence,
            timestamp: start.timestamp,
            clock_rate,
            in_talkspurt: false,
            clock: None,
            digits: None,
            contributors: None,
            sent: SentCounters::default(),
        }
    }

    /// Digits are sent as this payload type, in this clock; `None`: the peer takes none, those that wait are
    /// dropped. Called after each negotiation; the same again leaves a digit in progress alone.
    pub fn set_telephone_event(&mut self, agreed: Option<(u8, u32)>) {
        self.digits = match (agreed, self.digits.take()) {
            (Some((payload_type, event_rate)), Some((_, sender))) if sender.event_rate() == event_rate => {
                Some((payload_type, sender))
            }
            (Some((payload_type, event_rate)), _) => {
                Some((payload_type, Sender::new(event_rate, self.clock_rate)))
            }
            (None, _) => None,
        };
    }

    /// Packets name those who are heard in them from now on, or not.
    pub fn set_naming(&mut self, naming: Option<Naming>) {
        if self.contributors.as_ref().map(|contributors| contributors.naming()) != naming {
            self.contributors = naming.map(|naming| Box::new(Contributors::new(naming)));
        }
    }

    /// Those who are heard in the next packet, to be set before it, where packets name them.
    pub fn contributors_mut(&mut self) -> Option<&mut Contributors> {
        self.contributors.as_deref_mut()
    }

    /// Queues a digit; it takes the place of audio when its turn comes.
    pub fn start_digit(&mut self, digit: Digit, duration: Duration) -> Result<(), DigitError> {
        let (_, sender) = self.digits.as_mut().ok_or(DigitError::NotNegotiated)?;
        sender.start(digit, duration)?;
        self.sent.digits += 1;
        Ok(())
    }

    /// Whether digits are being sent or wait; in the pauses between them frames are audio's, see
    /// [`PacketSender::digit_frame`].
    pub fn is_sending_digits(&self) -> bool {
        self.digits.as_ref().is_some_and(|(_, sender)| sender.is_busy())
    }

    /// Writes the packet of one frame and returns its length: `payload`, or in its place a digit's event.
    ///
    /// `now` is when the frame is due, `frame_units` its length in the clock rate. Panics when `out` is
    /// shorter than [`HEADER_LEN`] and the payload together.
    pub fn frame(
        &mut self,
        now: Instant,
        payload_type: u8,
        frame_units: u32,
        payload: &[u8],
        out: &mut [u8],
    ) -> usize {
        if let Some(written) = self.digit_frame(now, frame_units, out) {
            return written;
        }
        let header = self.audio_header(now, payload_type, frame_units);
        self.write(header, payload, out)
    }

    /// The same with copies of the payloads before it (RFC 2198), where there are any that fit. `out` has room for
    /// [`MAX_PAYLOAD_BYTES`](super::redundancy::MAX_PAYLOAD_BYTES) behind the header.
    pub fn redundant_frame(
        &mut self,
        now: Instant,
        packer: &mut Packer,
        (payload_type, frame_units): (u8, u32),
        payload: &[u8],
        out: &mut [u8],
    ) -> usize {
        if let Some(written) = self.digit_frame(now, frame_units, out) {
            return written;
        }
        let when = (self.timestamp, frame_units);
        let packed = packer.pack(when, payload_type, payload, &mut out[self.header_len()..]);
        let payload_type = if packed.is_some() { packer.payload_type() } else { payload_type };
        let header = self.audio_header(now, payload_type, frame_units);
        match packed {
            Some(len) => self.finish(header, len, out),
            None => self.write(header, payload, out),
        }
    }

    fn audio_header(&mut self, now: Instant, payload_type: u8, frame_units: u32) -> Header {
        let marker = !self.in_talkspurt;
        self.in_talkspurt = true;
        let timestamp = self.advance(now, frame_units);
        Header { sequence: self.sequence, timestamp, ssrc: self.ssrc, marker, payload_type }
    }

    /// Writes the packet of a digit if one is being sent; `None`: this frame is audio's. For legs that would
    /// otherwise encode in vain.
    pub fn digit_frame(&mut self, now: Instant, frame_units: u32, out: &mut [u8]) -> Option<usize> {
        let (payload_type, sender) = self.digits.as_mut()?;
        let payload_type = *payload_type;
        let EventPacket { payload, marker, timestamp } = sender.poll(self.timestamp, frame_units)?;
        self.in_talkspurt = false;
        self.advance(now, frame_units);
        let header = Header { sequence: self.sequence, timestamp, ssrc: self.ssrc, marker, payload_type };
        Some(self.write(header, &payload, out))
    }

    /// Writes the packet that describes the noise of a pause from this frame on (RFC 3389 §4); the next packet of audio
    /// begins a talkspurt.
    pub fn comfort_noise(
        &mut self,
        now: Instant,
        payload_type: u8,
        frame_units: u32,
        payload: &[u8],
        out: &mut [u8],
    ) -> usize {
        self.in_talkspurt = false;
        let timestamp = self.advance(now, frame_units);
        let (sequence, ssrc) = (self.sequence, self.ssrc);
        self.write(Header { sequence, timestamp, ssrc, marker: false, payload_type }, payload, out)
    }

    /// Nothing is sent in this frame (on hold, DTX, nobody to hear): time goes on, the next packet begins a
    /// talkspurt.
    pub fn skip(&mut self, now: Instant, frame_units: u32) {
        self.in_talkspurt = false;
        self.advance(now, frame_units);
    }

    /// The media time of the next frame.
    pub fn next_timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The next frame is of this media time: another's timeline is followed (RFC 3550 §7.1: a translator may renumber), whose
    /// clock is not ours.
    pub fn follow(&mut self, timestamp: Timestamp) {
        self.timestamp = timestamp;
    }

    /// So many packets of what is passed on were lost on their way to us: the peer sees them missing.
    pub fn miss(&mut self, packets: u16) {
        self.sequence = SequenceNumber(self.sequence.0.wrapping_add(packets));
    }

    /// Another codec was negotiated. The timeline goes on from where it is, counted in new units; what was to
    /// be sent as digits is dropped until [`PacketSender::set_telephone_event`] is called again.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        assert!(clock_rate > 0, "a clock that stands still");
        if clock_rate != self.clock_rate {
            self.clock_rate = clock_rate;
            self.clock = None;
            self.in_talkspurt = false;
            self.digits = None;
        }
    }

    /// Our SSRC was taken by someone else (RFC 3550 §8.2): goes on as a new stream.
    pub fn change_stream(&mut self, start: StreamStart) {
        let (digits, contributors) = (self.digits.take(), self.contributors.take());
        *self = PacketSender { digits, contributors, ..PacketSender::new(start, self.clock_rate) };
    }

    /// Our SSRC.
    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// Units of a timestamp in a second.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// What was sent so far.
    pub fn sent(&self) -> SentCounters {
        self.sent
    }

    /// The timestamp that belongs to `now` (RFC 3550 §6.4.1: not that of the last packet); before the first
    /// frame, the one it will have.
    pub fn timestamp_at(&self, now: Instant) -> Timestamp {
        let Some((due, timestamp)) = self.clock else { return self.timestamp };
        let elapsed = now.saturating_duration_since(due);
        timestamp.plus((elapsed.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000) as u32)
    }

    fn advance(&mut self, now: Instant, frame_units: u32) -> Timestamp {
        let timestamp = self.timestamp;
        self.clock = Some((now, timestamp));
        self.timestamp = timestamp.plus(frame_units);
        timestamp
    }

    fn write(&mut self, header: Header, payload: &[u8], out: &mut [u8]) -> usize {
        let start = self.header_len();
        out[start..start + payload.len()].copy_from_slice(payload);
        self.finish(header, payload.len(), out)
    }

    /// Puts the header before a payload that is in its place already.
    fn finish(&mut self, header: Header, payload_len: usize, out: &mut [u8]) -> usize {
        header.write(out);
        if let Some(contributors) = &self.contributors {
            contributors.write(out);
        }
        self.sequence = self.sequence.next();
        self.sent.packets = self.sent.packets.wrapping_add(1);
        self.sent.octets = self.sent.octets.wrapping_add(payload_len as u32);
        self.header_len() + payload_len
    }

    fn header_len(&self) -> usize {
        HEADER_LEN + self.contributors.as_ref().map_or(0, |contributors| contributors.extra_len())
    }
}

/// Why a digit cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitError {
    /// The peer takes no telephone-event.
    NotNegotiated,
    /// Too many are waiting.
    QueueFull,
}

impl From<QueueFull> for DigitError {
    fn from(_: QueueFull) -> DigitError {
        DigitError::QueueFull
    }
}

impl std::fmt::Display for DigitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DigitError::NotNegotiated => f.write_str("telephone-event is not negotiated"),
            DigitError::QueueFull => QueueFull.fmt(f),
        }
    }
}

impl std::error::Error for DigitError {}

#[cfg(test)]
mod tests;
