//! Digits in, event packets out (RFC 4733 §2.5.1): one packet a frame while a digit lasts, the end three
//! times, a pause before the next.
//!
//! While it sends, its packets take the place of audio; [`PacketSender`](crate::rtp::PacketSender) gives them
//! sequence numbers and keeps the timestamps running underneath.

use std::collections::VecDeque;
use std::time::Duration;

use super::receiver::SEGMENT_UNITS;
use super::{Digit, EventPayload, PAYLOAD_LEN};
use crate::rtp::numbers::Timestamp;

/// Digits that may wait for their turn.
pub const MAX_QUEUED_DIGITS: usize = 64;
/// The last packet is sent so many times in all (RFC 4733 §2.5.1.4).
pub const END_PACKETS: u8 = 3;
/// Shortest tone that every receiver must recognise (ITU-T Q.24).
pub const MIN_DURATION: Duration = Duration::from_millis(40);
/// Longest tone we send.
pub const MAX_DURATION: Duration = Duration::from_secs(60);
/// Shortest pause between two digits (ITU-T Q.24: 40 ms).
pub const PAUSE: Duration = Duration::from_millis(40);
/// Level of the tones the packets stand for, in dBm0 below zero.
const VOLUME: u8 = 10;

/// One packet to send in place of a frame of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// The event.
    pub payload: [u8; PAYLOAD_LEN],
    /// Set on the first packet of the event.
    pub marker: bool,
    /// Start of the event or segment: the same in all its packets.
    pub timestamp: Timestamp,
}

/// No more digits can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

impl std::fmt::Display for QueueFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{MAX_QUEUED_DIGITS} digits are waiting already")
    }
}

impl std::error::Error for QueueFull {}

/// The sending machine of one leg. Durations on the wire are in the event's clock rate, timestamps in that of
/// the stream they are part of; the two are the same unless a peer insists otherwise.
#[derive(Debug, Clone)]
pub struct Sender {
    event_rate: u32,
    stream_rate: u32,
    queue: VecDeque<(Digit, Duration)>,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    Tone(Tone),
    /// The end is still to be sent so many times; then a pause.
    Ending(Tone, u8),
    /// Until so many units of the stream have passed.
    Pause(u32),
}

#[derive(Debug, Clone, Copy)]
struct Tone {
    digit: Digit,
    /// Length of all of it, in units of the event's clock.
    total: u32,
    /// Told so far in earlier segments.
    earlier_segments: u32,
    /// Passed so far, this frame included.
    elapsed: u32,
    segment_start: Timestamp,
    started: bool,
}

impl Sender {
    /// A sender with nothing to send.
    pub fn new(event_rate: u32, stream_rate: u32) -> Sender {
        assert!(event_rate > 0 && stream_rate > 0, "a clock that stands still");
        Sender { event_rate, stream_rate, queue: VecDeque::new(), state: State::Idle }
    }

    /// Adds a digit; its length is kept within [`MIN_DURATION`] and [`MAX_DURATION`].
    pub fn start(&mut self, digit: Digit, duration: Duration) -> Result<(), QueueFull> {
        if self.queue.len() == MAX_QUEUED_DIGITS {
            return Err(QueueFull);
        }
        self.queue.push_back((digit, duration.clamp(MIN_DURATION, MAX_DURATION)));
        Ok(())
    }

    /// Clock rate of the durations.
    pub fn event_rate(&self) -> u32 {
        self.event_rate
    }

    /// Whether digits are being sent or waiting.
    pub fn is_busy(&self) -> bool {
        !matches!(self.state, State::Idle) || !self.queue.is_empty()
    }

    /// The packet to send in place of this frame, which begins at `timestamp` and is `frame_units` long in
    /// the stream's clock; `None`: send audio.
    pub fn poll(&mut self, timestamp: Timestamp, frame_units: u32) -> Option<EventPacket> {
        if let State::Idle = self.state {
            let (digit, duration) = self.queue.pop_front()?;
            let total = (duration.as_millis() as u64 * u64::from(self.event_rate) / 1000) as u32;
            let segment_start = timestamp;
            let (earlier_segments, elapsed, started) = (0, 0, false);
            self.state =
                State::Tone(Tone { digit, total, earlier_segments, elapsed, segment_start, started });
        }
        match self.state {
            State::Idle => None,
            State::Tone(tone) => Some(self.poll_tone(tone, frame_units)),
            State::Ending(tone, left) => {
                self.state = match left {
                    1 => State::Pause(self.pause_units()),
                    _ => State::Ending(tone, left - 1),
                };
                Some(tone.packet(tone.total, true, false))
            }
            State::Pause(left) => {
                let left = left.saturating_sub(frame_units);
                self.state = if left == 0 { State::Idle } else { State::Pause(left) };
                None
            }
        }
    }

    fn poll_tone(&mut self, mut tone: Tone, frame_units: u32) -> EventPacket {
        let marker = !tone.started;
        tone.started = true;
        let frame = u64::from(frame_units) * u64::from(self.event_rate) / u64::from(self.stream_rate);
        tone.elapsed = tone.elapsed.saturating_add((frame as u32).max(1)).min(tone.total);
        let full_at = tone.earlier_segments + SEGMENT_UNITS;
        if tone.elapsed > full_at {
            // RFC 4733 §2.5.1.3: the full segment is reported without the end, the next one follows it.
            let full = tone.packet(full_at, false, marker);
            tone.earlier_segments = full_at;
            let segment = u64::from(SEGMENT_UNITS) * u64::from(self.stream_rate) / u64::from(self.event_rate);
            tone.segment_start = tone.segment_start.plus(segment as u32);
            self.state = State::Tone(tone);
            return full;
        }
        let end = tone.elapsed == tone.total;
        self.state = if end { State::Ending(tone, END_PACKETS - 1) } else { State::Tone(tone) };
        tone.packet(tone.elapsed, end, marker)
    }

    fn pause_units(&self) -> u32 {
        (PAUSE.as_millis() as u64 * u64::from(self.stream_rate) / 1000) as u32
    }
}

impl Tone {
    fn packet(&self, elapsed: u32, end: bool, marker: bool) -> EventPacket {
        let duration = (elapsed - self.earlier_segments).min(SEGMENT_UNITS) as u16;
        let payload = EventPayload { event: self.digit.event(), end, volume: VOLUME, duration }.to_octets();
        EventPacket { payload, marker, timestamp: self.segment_start }
    }
}
