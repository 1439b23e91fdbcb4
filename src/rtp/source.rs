//! What is known of the source that sends to us: validity, loss and jitter (RFC 3550 A.1, A.3, A.8).
//!
//! [`SourceStatistics`] is one SSRC; [`Sources`] is a leg's view: the source it hears and one that may take
//! its place. Arrival times are the kernel's. Neither decides whom to believe (that is the latch's part) nor
//! when a packet is played.

use std::time::{Duration, Instant};

use super::numbers::{ExtendedSequence, SequenceNumber, Ssrc, Timestamp};
use super::packet::Header;

/// A jump forward of fewer packets is loss (RFC 3550 A.1).
pub const MAX_DROPOUT: u16 = 3000;
/// A jump back of fewer packets is reordering (RFC 3550 A.1).
pub const MAX_MISORDER: u16 = 100;
/// Packets in sequence that make a source valid (RFC 3550 A.1).
pub const MIN_SEQUENTIAL: u8 = 2;
/// A transit time that changes by more is a new timeline (timestamp jump, resumed call), not jitter.
pub const MAX_TRANSIT_STEP: Duration = Duration::from_secs(2);

/// What a packet was to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Part of the stream, also when late or doubled.
    Valid(ExtendedSequence),
    /// First packet of a sequence that restarted, or of a source that took the place of another.
    Restarted(ExtendedSequence),
    /// The source has not sent two packets in sequence yet: not to be played.
    Probation,
    /// A jump too far for loss or reordering; believed if the next packet continues it.
    Jumped,
}

impl Judgement {
    /// The packet's place, if it is to be played.
    pub fn sequence(self) -> Option<ExtendedSequence> {
        match self {
            Judgement::Valid(sequence) | Judgement::Restarted(sequence) => Some(sequence),
            Judgement::Probation | Judgement::Jumped => None,
        }
    }
}

/// One source, as RFC 3550 A.1 keeps it.
#[derive(Debug, Clone)]
pub struct SourceStatistics {
    ssrc: Ssrc,
    probation: u8,
    highest: ExtendedSequence,
    base: ExtendedSequence,
    jump_continues_at: Option<SequenceNumber>,
    received: u64,
    expected_at_report: u64,
    received_at_report: u64,
    jitter: Jitter,
}

/// The loss and jitter part of a reception report block (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reception {
    /// The source that is reported on.
    pub ssrc: Ssrc,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative when packets were doubled. Fits 24 bits with sign.
    pub cumulative_lost: i32,
    /// Cycles and highest sequence number.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
}

impl SourceStatistics {
    /// A source of which `header` is the first packet; that packet is still to be handed to `handle`.
    pub fn new(header: &Header, clock_rate: u32) -> SourceStatistics {
        assert!(clock_rate > 0, "a clock that stands still");
        let first = ExtendedSequence::first(header.sequence);
        SourceStatistics {
            ssrc: header.ssrc,
            probation: MIN_SEQUENTIAL,
            highest: ExtendedSequence(first.0 - 1),
            base: first,
            jump_continues_at: None,
            received: 0,
            expected_at_report: 0,
            received_at_report: 0,
            jitter: Jitter::new(clock_rate),
        }
    }

    /// Takes one packet of this SSRC that arrived at `arrival` (RFC 3550 A.1 `update_seq`).
    pub fn handle(&mut self, arrival: Instant, header: &Header) -> Judgement {
        debug_assert_eq!(header.ssrc, self.ssrc);
        if self.probation > 0 {
            return self.handle_in_probation(arrival, header);
        }
        let ahead = header.sequence.0.wrapping_sub(self.highest.sequence().0);
        let sequence = self.highest.nearest(header.sequence);
        let mut judgement = Judgement::Valid(sequence);
        if ahead < MAX_DROPOUT {
            self.highest = self.highest.max(sequence);
        } else if ahead <= u16::MAX - MAX_MISORDER + 1 {
            if self.jump_continues_at != Some(header.sequence) {
                self.jump_continues_at = Some(header.sequence.next());
                return Judgement::Jumped;
            }
            // Two in a row: the other side restarted without telling us.
            self.restart(header.sequence);
            judgement = Judgement::Restarted(self.highest);
        }
        self.received += 1;
        self.jitter.handle(arrival, header);
        judgement
    }

    fn handle_in_probation(&mut self, arrival: Instant, header: &Header) -> Judgement {
        if header.sequence != self.highest.sequence().next() {
            self.probation = MIN_SEQUENTIAL - 1;
            self.highest = ExtendedSequence::first(header.sequence);
            return Judgement::Probation;
        }
        self.probation -= 1;
        self.highest = self.highest.plus(1);
        if self.probation > 0 {
            return Judgement::Probation;
        }
        self.restart(header.sequence);
        self.received = 1;
        self.jitter.handle(arrival, header);
        Judgement::Restarted(self.highest)
    }

    /// RFC 3550 A.1 `init_seq`.
    fn restart(&mut self, sequence: SequenceNumber) {
        self.base = ExtendedSequence::first(sequence);
        self.highest = self.base;
        self.jump_continues_at = None;
        self.received = 0;
        self.expected_at_report = 0;
        self.received_at_report = 0;
        self.jitter.forget_transit();
    }

    /// Whose statistics these are.
    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// Whether the source has passed its probation.
    pub fn is_valid(&self) -> bool {
        self.probation == 0
    }

    /// Packets received since the source became valid or restarted, late and doubled ones included.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that were to be received up to the highest sequence number.
    pub fn expected(&self) -> u64 {
        if self.is_valid() { self.highest.distance_from(self.base).max(0) as u64 + 1 } else { 0 }
    }

    /// Expected less received (RFC 3550 A.3); negative when packets were doubled.
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// Interarrival jitter in timestamp units (RFC 3550 A.8).
    pub fn jitter(&self) -> u32 {
        self.jitter.estimate()
    }

    /// Interarrival jitter as a time.
    pub fn jitter_ms(&self) -> f64 {
        self.jitter.scaled as f64 / 16.0 * 1000.0 / f64::from(self.jitter.clock_rate)
    }

    /// The figures for a report that is sent now; the next fraction lost counts from here (RFC 3550 A.3).
    pub fn report(&mut self) -> Reception {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_at_report);
        let received_interval = self.received.saturating_sub(self.received_at_report);
        self.expected_at_report = expected;
        self.received_at_report = self.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval << 8).checked_div(expected_interval).unwrap_or(0);
        Reception {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_sequence: self.highest.reported(),
            jitter: self.jitter(),
        }
    }

    /// Another codec was negotiated: the jitter goes on in its units.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        self.jitter.set_clock_rate(clock_rate);
    }
}

/// Interarrival jitter (RFC 3550 A.8), scaled by 16 as the RFC does against rounding.
#[derive(Debug, Clone)]
struct Jitter {
    clock_rate: u32,
    scaled: u64,
    epoch: Option<Instant>,
    last: Option<LastPacket>,
}

#[derive(Debug, Clone, Copy)]
struct LastPacket {
    transit: u32,
    timestamp: Timestamp,
    payload_type: u8,
}

impl Jitter {
    fn new(clock_rate: u32) -> Jitter {
        Jitter { clock_rate, scaled: 0, epoch: None, last: None }
    }

    fn handle(&mut self, arrival: Instant, header: &Header) {
        let transit = self.in_units(arrival).wrapping_sub(header.timestamp.0);
        let here = LastPacket { transit, timestamp: header.timestamp, payload_type: header.payload_type };
        let Some(last) = self.last else {
            self.last = Some(here);
            return;
        };
        // All packets of an event carry its start (RFC 4733 §2.2.1): their spacing is not jitter, and
        // neither is what a format with another clock leaves behind.
        if last.payload_type != here.payload_type {
            self.last = Some(here);
        } else if last.timestamp != here.timestamp {
            self.last = Some(here);
            let step = u64::from((transit.wrapping_sub(last.transit) as i32).unsigned_abs());
            if step <= MAX_TRANSIT_STEP.as_secs() * u64::from(self.clock_rate) {
                self.scaled = self.scaled + step - ((self.scaled + 8) >> 4);
            }
        }
    }

    /// A moment in timestamp units from the first arrival; the kernel's times may step back.
    fn in_units(&mut self, arrival: Instant) -> u32 {
        let epoch = *self.epoch.get_or_insert(arrival);
        let units =
            |elapsed: Duration| (elapsed.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000) as u32;
        match arrival.checked_duration_since(epoch) {
            Some(elapsed) => units(elapsed),
            None => units(epoch.duration_since(arrival)).wrapping_neg(),
        }
    }

    fn estimate(&self) -> u32 {
        (self.scaled >> 4) as u32
    }

    fn forget_transit(&mut self) {
        self.last = None;
    }

    fn set_clock_rate(&mut self, clock_rate: u32) {
        assert!(clock_rate > 0, "a clock that stands still");
        if clock_rate != self.clock_rate {
            self.scaled = self.scaled * u64::from(clock_rate) / u64::from(self.clock_rate);
            self.clock_rate = clock_rate;
            self.last = None;
        }
    }
}

/// The source a leg hears, and the one that may follow it when the SSRC changes.
#[derive(Debug, Clone)]
#[repr(C)] // a packet of the current source touches nothing but the end
pub struct Sources {
    candidate: Option<SourceStatistics>,
    past: Totals,
    clock_rate: u32,
    current: Option<SourceStatistics>,
}

/// Figures over a whole call, all its sources and restarts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Packets received, late and doubled ones included.
    pub received: u64,
    /// Packets that were to be received.
    pub expected: u64,
    /// How often a source took the place of another.
    pub ssrc_changes: u64,
    /// How often a sequence restarted within a source.
    pub restarts: u64,
    /// Packets dropped in probation or because they jumped.
    pub unproven: u64,
}

impl Sources {
    /// Nobody has been heard yet.
    pub fn new(clock_rate: u32) -> Sources {
        assert!(clock_rate > 0, "a clock that stands still");
        Sources { clock_rate, current: None, candidate: None, past: Totals::default() }
    }

    /// Takes one packet. Another SSRC takes over when it has passed its own probation.
    pub fn handle(&mut self, arrival: Instant, header: &Header) -> Judgement {
        let judgement = match &mut self.current {
            Some(current) if current.ssrc == header.ssrc => {
                let before = (current.received, current.expected(), current.is_valid());
                let judgement = current.handle(arrival, header);
                if let (Judgement::Restarted(_), (received, expected, true)) = (judgement, before) {
                    self.past.received += received;
                    self.past.expected += expected;
                    self.past.restarts += 1;
                }
                judgement
            }
            _ => self.handle_candidate(arrival, header),
        };
        if judgement.sequence().is_none() {
            self.past.unproven += 1;
        }
        judgement
    }

    fn handle_candidate(&mut self, arrival: Instant, header: &Header) -> Judgement {
        let mut candidate = match self.candidate.take() {
            Some(candidate) if candidate.ssrc == header.ssrc => candidate,
            _ => SourceStatistics::new(header, self.clock_rate),
        };
        let judgement = candidate.handle(arrival, header);
        if candidate.is_valid() {
            if let Some(left) = self.current.replace(candidate) {
                self.past.received += left.received;
                self.past.expected += left.expected();
                self.past.ssrc_changes += 1;
            }
        } else {
            self.candidate = Some(candidate);
        }
        judgement
    }

    /// The valid source, for reports.
    pub fn current(&self) -> Option<&SourceStatistics> {
        self.current.as_ref()
    }

    /// The valid source, for a report that is sent now.
    pub fn current_mut(&mut self) -> Option<&mut SourceStatistics> {
        self.current.as_mut()
    }

    /// Figures since the leg began.
    pub fn totals(&self) -> Totals {
        let mut totals = self.past;
        if let Some(current) = &self.current {
            totals.received += current.received;
            totals.expected += current.expected();
        }
        totals
    }

    /// Another codec was negotiated.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        assert!(clock_rate > 0, "a clock that stands still");
        self.clock_rate = clock_rate;
        self.candidate = None;
        if let Some(current) = &mut self.current {
            current.set_clock_rate(clock_rate);
        }
    }
}

#[cfg(test)]
mod tests;
