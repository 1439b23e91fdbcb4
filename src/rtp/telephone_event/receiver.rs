//! Event packets in, digits out (RFC 4733 §2.5.2): each press once, whatever the network loses, doubles or
//! reorders.
//!
//! What makes an event is its RTP timestamp, so the marker may be lost, the end may be lost, and the same
//! digit twice is two digits. The media lap drives it with packets of the negotiated payload type.

use std::time::{Duration, Instant};

use super::{Digit, EventPayload};
use crate::rtp::numbers::{SequenceNumber, Ssrc, Timestamp};
use crate::rtp::packet::Header;

/// Without a packet for so long an event has ended, its end packets lost (RFC 4733 §2.5.2.3 leaves it open).
pub const END_LOST_AFTER: Duration = Duration::from_millis(200);
/// Packets of an earlier event come late within this time …
const LATE_WITHIN: Duration = Duration::from_secs(5);
/// … and so many packets; farther back the sequence has restarted.
const LATE_PACKETS: i16 = 100;
/// Length of a full segment of a long event (RFC 4733 §2.5.1.3).
pub(super) const SEGMENT_UNITS: u32 = 0xFFFF;
/// Segments that may be lost in one go: 16 are 131 s at 8 kHz, 21 s at 48 kHz.
const MAX_SEGMENTS_LOST: u32 = 16;

/// What happened to a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitEvent {
    /// It is being pressed.
    Started(Digit),
    /// It was let go after so long.
    Ended {
        /// Which one.
        digit: Digit,
        /// As far as packets told.
        duration_ms: u32,
    },
}

/// What one packet led to, in order: at most the end of a digit, a start and an end.
#[derive(Debug, Clone, Default)]
pub struct DigitEvents {
    events: [Option<DigitEvent>; 3],
    next: usize,
}

impl DigitEvents {
    fn push(&mut self, event: DigitEvent) {
        let free = self.events.iter_mut().find(|slot| slot.is_none());
        *free.expect("a packet ends, starts and ends at most one digit each") = Some(event);
    }
}

impl Iterator for DigitEvents {
    type Item = DigitEvent;

    fn next(&mut self) -> Option<DigitEvent> {
        let event = *self.events.get(self.next)?;
        self.next += 1;
        event
    }
}

/// What came that was no news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiverCounters {
    /// Digits reported.
    pub digits: u64,
    /// Events that are no digits.
    pub other_events: u64,
    /// Payloads without a whole event, or another event under the timestamp of one.
    pub malformed: u64,
    /// Packets of an event before the present one.
    pub late: u64,
    /// Digits whose end packets were all lost.
    pub ends_lost: u64,
}

/// The receiving machine of one leg.
#[derive(Debug, Clone)]
pub struct Receiver {
    clock_rate: u32,
    last: Option<Press>,
    counters: ReceiverCounters,
}

/// The newest event, also after its end: its timestamp tells that more of its packets are no news.
#[derive(Debug, Clone, Copy)]
struct Press {
    digit: Digit,
    ssrc: Ssrc,
    sequence: SequenceNumber,
    segment_start: Timestamp,
    earlier_segments: u32,
    segment_units: u16,
    state: PressState,
    heard_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PressState {
    Held,
    /// An end packet came.
    Ended,
    /// Taken for ended because nothing came.
    TimedOut,
}

impl Receiver {
    /// A receiver for events of this clock rate (the one in `a=rtpmap`).
    pub fn new(clock_rate: u32) -> Receiver {
        assert!(clock_rate > 0, "a clock that stands still");
        Receiver { clock_rate, last: None, counters: ReceiverCounters::default() }
    }

    /// Takes one packet of the event payload type.
    pub fn handle(&mut self, now: Instant, header: &Header, payload: &[u8]) -> DigitEvents {
        let mut events = DigitEvents::default();
        let Some(payload) = EventPayload::parse(payload) else {
            self.counters.malformed += 1;
            return events;
        };
        let Some(digit) = Digit::from_event(payload.event) else {
            self.counters.other_events += 1;
            return events;
        };
        match self.last.as_mut().map(|press| press.relation(now, header, digit)) {
            Some(Relation::Same) => self.update(now, header, payload, &mut events),
            Some(Relation::NextSegment(segments)) => {
                let press = self.last.as_mut().expect("related to it");
                press.segment_start = header.timestamp;
                press.earlier_segments = press.earlier_segments.saturating_add(segments);
                press.segment_units = 0;
                self.update(now, header, payload, &mut events);
            }
            Some(Relation::Late) => self.counters.late += 1,
            Some(Relation::Contradiction) => self.counters.malformed += 1,
            Some(Relation::New) | None => self.start(now, header, digit, payload, &mut events),
        }
        events
    }

    fn start(
        &mut self,
        now: Instant,
        header: &Header,
        digit: Digit,
        payload: EventPayload,
        events: &mut DigitEvents,
    ) {
        if let Some(ended) = self.end_lost() {
            events.push(ended);
        }
        self.last = Some(Press {
            digit,
            ssrc: header.ssrc,
            sequence: header.sequence,
            segment_start: header.timestamp,
            earlier_segments: 0,
            segment_units: 0,
            state: PressState::Held,
            heard_at: now,
        });
        self.counters.digits += 1;
        events.push(DigitEvent::Started(digit));
        self.update(now, header, payload, events);
    }

    fn update(&mut self, now: Instant, header: &Header, payload: EventPayload, events: &mut DigitEvents) {
        let clock_rate = self.clock_rate;
        let press = self.last.as_mut().expect("an update needs what it updates");
        press.segment_units = press.segment_units.max(payload.duration);
        press.heard_at = press.heard_at.max(now);
        if header.sequence.is_after(press.sequence) {
            press.sequence = header.sequence;
        }
        if payload.end && press.state == PressState::Held {
            press.state = PressState::Ended;
            events.push(press.ended(clock_rate));
        }
    }

    /// Ends a digit whose end packets were lost.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<DigitEvent> {
        self.next_timeout().filter(|at| *at <= now).and_then(|_| self.end_lost())
    }

    /// When a held digit ends unless another packet of it comes.
    pub fn next_timeout(&self) -> Option<Instant> {
        let held = self.last.filter(|press| press.state == PressState::Held)?;
        Some(held.heard_at + END_LOST_AFTER)
    }

    /// The digit that is held at this moment, and for how long as far as packets told.
    pub fn held(&self) -> Option<(Digit, u32)> {
        let held = self.last.filter(|press| press.state == PressState::Held)?;
        Some((held.digit, held.duration_ms(self.clock_rate)))
    }

    /// What came so far.
    pub fn counters(&self) -> ReceiverCounters {
        self.counters
    }

    fn end_lost(&mut self) -> Option<DigitEvent> {
        let held = self.last.as_mut().filter(|press| press.state == PressState::Held)?;
        held.state = PressState::TimedOut;
        self.counters.ends_lost += 1;
        Some(held.ended(self.clock_rate))
    }
}

/// How a packet relates to the newest event.
enum Relation {
    Same,
    /// Of the same long event, so many segments on.
    NextSegment(u32),
    Late,
    New,
    /// The timestamp of the event, but another digit.
    Contradiction,
}

impl Press {
    fn relation(&self, now: Instant, header: &Header, digit: Digit) -> Relation {
        if header.ssrc != self.ssrc {
            return Relation::New;
        }
        if header.timestamp == self.segment_start {
            return if digit == self.digit { Relation::Same } else { Relation::Contradiction };
        }
        let is_recent = now.saturating_duration_since(self.heard_at) < LATE_WITHIN;
        let is_behind = (-LATE_PACKETS..=0).contains(&header.sequence.distance_from(self.sequence));
        if is_recent && is_behind {
            return Relation::Late;
        }
        match self.segments_until(header, digit) {
            Some(segments) => Relation::NextSegment(segments),
            None => Relation::New,
        }
    }

    /// RFC 4733 §2.5.1.3: the next segment begins where the full one ended, and is not marked.
    fn segments_until(&self, header: &Header, digit: Digit) -> Option<u32> {
        if digit != self.digit || header.marker || self.state == PressState::Ended {
            return None;
        }
        // A peer whose event clock is not the stream's: the timestamps say nothing, a full segment does.
        if u32::from(self.segment_units) == SEGMENT_UNITS {
            return Some(1);
        }
        let units = u32::try_from(header.timestamp.distance_from(self.segment_start)).ok()?;
        let segments = units / SEGMENT_UNITS;
        (units % SEGMENT_UNITS == 0 && (1..=MAX_SEGMENTS_LOST).contains(&segments)).then_some(segments)
    }

    fn duration_ms(&self, clock_rate: u32) -> u32 {
        let units =
            u64::from(self.earlier_segments) * u64::from(SEGMENT_UNITS) + u64::from(self.segment_units);
        u32::try_from(units * 1000 / u64::from(clock_rate)).unwrap_or(u32::MAX)
    }

    fn ended(&self, clock_rate: u32) -> DigitEvent {
        DigitEvent::Ended { digit: self.digit, duration_ms: self.duration_ms(clock_rate) }
    }
}
