use std::time::{Duration, Instant};

use super::receiver::{END_LOST_AFTER, SEGMENT_UNITS};
use super::*;
use crate::rtp::numbers::{SequenceNumber, Ssrc, Timestamp};
use crate::rtp::packet::Header;
use crate::rtp::testing::fuzz;

/// Packets as a peer sends them, into a receiver; what comes out, in words.
struct Line {
    receiver: Receiver,
    start: Instant,
    now_ms: u64,
    heard: Vec<String>,
}

impl Line {
    fn new(clock_rate: u32) -> Line {
        let receiver = Receiver::new(clock_rate);
        Line { receiver, start: Instant::now(), now_ms: 0, heard: Vec::new() }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    fn hear(&mut self, event: DigitEvent) {
        self.heard.push(match event {
            DigitEvent::Started(digit) => format!("{digit}+"),
            DigitEvent::Ended { digit, duration_ms } => format!("{digit}-{duration_ms}"),
        });
    }

    /// One packet: sequence, timestamp, digit, duration; the end after `E`, the marker after `M`.
    fn packet(&mut self, sequence: u16, timestamp: u32, digit: char, duration: u16, flags: &str) {
        let header = Header {
            sequence: SequenceNumber(sequence),
            timestamp: Timestamp(timestamp),
            ssrc: Ssrc(1),
            marker: flags.contains('M'),
            payload_type: 101,
        };
        let event = Digit::from_char(digit).unwrap().event();
        let payload = EventPayload { event, end: flags.contains('E'), volume: 10, duration };
        let events = self.receiver.handle(self.now(), &header, &payload.to_octets());
        events.for_each(|event| self.hear(event));
    }

    fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        if let Some(event) = self.receiver.handle_timeout(self.now()) {
            self.hear(event);
        }
    }

    fn heard(&self) -> String {
        self.heard.join(" ")
    }
}

#[test]
fn digits_have_the_event_codes_of_the_registry() {
    let written: String = (0..=255).filter_map(Digit::from_event).map(Digit::as_char).collect();
    assert_eq!(written, "0123456789*#ABCD!");
    assert_eq!(Digit::from_char('*').map(Digit::event), Some(10));
    assert_eq!(Digit::from_char('d').map(Digit::event), Some(15));
    assert_eq!(Digit::from_char('E'), None);
    assert_eq!(Digit::from_char('é'), None);
}

/// RFC 4733 §2.3, figure 1: event, E, R, volume, duration.
#[test]
fn the_payload_is_laid_out_as_in_the_rfc() {
    let payload = EventPayload { event: 5, end: true, volume: 10, duration: 0x0320 };
    assert_eq!(payload.to_octets(), [5, 0x8A, 0x03, 0x20]);
    assert_eq!(EventPayload::parse(&[5, 0xCA, 0x03, 0x20, 9]), Some(payload), "R and more blocks ignored");
    assert_eq!(EventPayload::parse(&[5, 0x8A, 0x03]), None);
}

#[test]
fn a_press_starts_once_and_ends_once() {
    let mut line = Line::new(8000);
    line.packet(1, 1000, '5', 160, "M");
    assert_eq!(line.receiver.held(), Some((Digit::from_char('5').unwrap(), 20)));
    line.packet(2, 1000, '5', 320, "");
    line.packet(3, 1000, '5', 480, "E");
    line.packet(4, 1000, '5', 480, "E");
    line.packet(5, 1000, '5', 480, "E");
    assert_eq!(line.heard(), "5+ 5-60");
    assert_eq!((line.receiver.held(), line.receiver.next_timeout()), (None, None));
}

#[test]
fn a_single_end_packet_is_a_whole_press() {
    let mut line = Line::new(48_000);
    line.packet(9, 1000, '#', 4800, "E");
    assert_eq!(line.heard(), "#+ #-100");
}

#[test]
fn a_lost_end_is_made_up_for_by_time_and_is_not_repeated_when_it_comes_after_all() {
    let mut line = Line::new(8000);
    line.packet(1, 1000, '5', 160, "M");
    line.packet(2, 1000, '5', 320, "");
    line.wait(END_LOST_AFTER.as_millis() as u64 - 1);
    assert_eq!(line.heard(), "5+");
    line.wait(1);
    assert_eq!(line.heard(), "5+ 5-40");
    line.packet(5, 1000, '5', 800, "E");
    line.wait(1000);
    assert_eq!(line.heard(), "5+ 5-40");
    assert_eq!(line.receiver.counters().ends_lost, 1);
}

#[test]
fn the_next_digit_ends_one_whose_end_was_lost() {
    let mut line = Line::new(8000);
    line.packet(1, 1000, '5', 320, "M");
    line.packet(9, 2000, '6', 160, "");
    line.packet(10, 3000, '7', 800, "E");
    assert_eq!(line.heard(), "5+ 5-40 6+ 6-20 7+ 7-100");
}

#[test]
fn the_same_digit_twice_is_two_digits_even_without_its_marker() {
    let mut line = Line::new(8000);
    line.packet(1, 1000, '5', 800, "E");
    line.packet(2, 1000, '5', 800, "E");
    line.packet(4, 2200, '5', 320, "");
    line.packet(5, 2200, '5', 800, "E");
    line.packet(9, 3400, '5', 800, "E");
    assert_eq!(line.heard(), "5+ 5-100 5+ 5-100 5+ 5-100");
    assert_eq!(line.receiver.counters().digits, 3);
}

#[test]
fn reordered_and_doubled_packets_are_no_news() {
    let mut line = Line::new(8000);
    line.packet(2, 1000, '1', 320, "");
    line.packet(1, 1000, '1', 160, "M");
    line.packet(4, 1000, '1', 640, "E");
    line.packet(3, 1000, '1', 480, "");
    line.packet(7, 2000, '2', 160, "M");
    line.packet(5, 1000, '1', 640, "E");
    line.packet(6, 1000, '1', 640, "E");
    line.packet(8, 2000, '2', 320, "E");
    line.packet(7, 2000, '2', 160, "M");
    assert_eq!(line.heard(), "1+ 1-80 2+ 2-40");
    assert_eq!(line.receiver.counters().late, 2);
}

/// RFC 4733 §2.5.1.3: segments of 0xFFFF, each with a timestamp of its own and without the end.
#[test]
fn a_long_press_in_segments_is_one_press() {
    let mut line = Line::new(8000);
    let second = 1000u32.wrapping_add(SEGMENT_UNITS);
    line.packet(1, 1000, '*', 0xFF00, "M");
    line.packet(2, 1000, '*', 0xFFFF, "");
    line.packet(3, second, '*', 160, "");
    line.packet(2, 1000, '*', 0xFFFF, "");
    line.packet(5, second, '*', 8000, "E");
    assert_eq!(line.heard(), format!("*+ *-{}", (SEGMENT_UNITS + 8000) / 8));
}

#[test]
fn lost_segments_and_a_time_out_between_them_do_not_double_a_long_press() {
    let mut line = Line::new(48_000);
    line.packet(1, 1000, '*', 960, "M");
    line.wait(500);
    assert_eq!(line.heard(), "*+ *-20");
    line.packet(200, 1000 + 3 * SEGMENT_UNITS, '*', 960, "");
    line.packet(201, 1000 + 3 * SEGMENT_UNITS, '*', 1920, "E");
    assert_eq!(line.heard(), "*+ *-20");
}

#[test]
fn a_full_segment_goes_on_where_the_event_clock_is_not_the_streams() {
    let mut line = Line::new(8000);
    line.packet(1, 1000, '3', 0xFFFF, "");
    line.packet(2, 1000 + 6 * SEGMENT_UNITS, '3', 160, "E");
    assert_eq!(line.heard(), format!("3+ 3-{}", (SEGMENT_UNITS + 160) / 8));
}

#[test]
fn a_marked_press_exactly_one_segment_later_is_a_new_one() {
    let mut line = Line::new(48_000);
    line.packet(1, 1000, '5', 960, "M");
    line.wait(1365);
    line.packet(70, 1000 + SEGMENT_UNITS, '5', 960, "ME");
    assert_eq!(line.heard(), "5+ 5-20 5+ 5-20");
}

#[test]
fn timestamps_and_sequence_numbers_wrap() {
    let mut line = Line::new(8000);
    line.packet(65_535, u32::MAX - 100, '8', 160, "M");
    line.packet(0, u32::MAX - 100, '8', 320, "E");
    line.packet(1, 700, '9', 160, "M");
    line.packet(2, 700, '9', 320, "E");
    assert_eq!(line.heard(), "8+ 8-40 9+ 9-40");
}

#[test]
fn a_digit_long_after_the_last_one_is_never_taken_for_late() {
    let mut line = Line::new(8000);
    line.packet(100, 5_000_000, '1', 800, "E");
    line.wait(6000);
    line.packet(99, 4_000_000, '2', 800, "E");
    line.wait(6000);
    line.packet(40_000, 4_100_000, '3', 800, "E");
    line.packet(20, 9, '4', 800, "E");
    assert_eq!(line.heard(), "1+ 1-100 2+ 2-100 3+ 3-100 4+ 4-100", "also when the sequence restarts");
}

#[test]
fn another_ssrc_begins_anew() {
    let mut line = Line::new(8000);
    line.packet(10, 1000, '1', 160, "M");
    let header = Header {
        sequence: SequenceNumber(3),
        timestamp: Timestamp(1000),
        ssrc: Ssrc(2),
        marker: false,
        payload_type: 101,
    };
    let events = line.receiver.handle(line.now(), &header, &[1, 0x80, 0, 160]);
    events.for_each(|event| line.hear(event));
    assert_eq!(line.heard(), "1+ 1-20 1+ 1-20");
}

#[test]
fn what_is_no_digit_is_counted() {
    let mut line = Line::new(8000);
    line.packet(1, 1000, '1', 160, "");
    line.packet(2, 1000, '2', 320, "");
    let header = Header {
        sequence: SequenceNumber(3),
        timestamp: Timestamp(2000),
        ssrc: Ssrc(1),
        marker: true,
        payload_type: 101,
    };
    // 36: CED, the answer tone of a fax.
    assert_eq!(line.receiver.handle(line.now(), &header, &[36, 10, 0, 160]).count(), 0);
    assert_eq!(line.receiver.handle(line.now(), &header, &[1, 10, 0]).count(), 0);
    let counters = line.receiver.counters();
    assert_eq!((counters.malformed, counters.other_events, counters.digits), (2, 1, 1));
    assert_eq!(line.heard(), "1+");
}

#[test]
fn random_payloads_never_panic_and_every_start_has_one_end() {
    fuzz(5_000, |random| {
        let mut receiver = Receiver::new([8000, 48_000, 1][random.below(3) as usize]);
        let start = Instant::now();
        let mut now = start;
        let (mut started, mut ended) = (0, 0);
        let mut count = |event: DigitEvent| match event {
            DigitEvent::Started(_) => started += 1,
            DigitEvent::Ended { .. } => ended += 1,
        };
        for _ in 0..200 {
            now += Duration::from_millis(random.below(120));
            let header = Header {
                sequence: SequenceNumber(random.next() as u16),
                timestamp: Timestamp(random.below(4) as u32 * SEGMENT_UNITS),
                ssrc: Ssrc(random.below(2) as u32),
                marker: random.chance(0.2),
                payload_type: 101,
            };
            let payload = [random.below(18) as u8, random.next() as u8, random.next() as u8, 0xFF];
            let len = if random.chance(0.05) { random.below(4) as usize } else { 4 };
            receiver.handle(now, &header, &payload[..len]).for_each(&mut count);
            receiver.handle_timeout(now).into_iter().for_each(&mut count);
        }
        receiver.handle_timeout(now + END_LOST_AFTER).into_iter().for_each(&mut count);
        assert_eq!(started, ended);
        assert_eq!(receiver.counters().digits, started);
    });
}

#[path = "simulation_tests.rs"]
mod simulation;
