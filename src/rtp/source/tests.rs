use super::*;
use crate::rtp::testing::fuzz;

const RATE: u32 = 8000;

fn header(sequence: u16, timestamp: u32) -> Header {
    Header {
        sequence: SequenceNumber(sequence),
        timestamp: Timestamp(timestamp),
        ssrc: Ssrc(1),
        marker: false,
        payload_type: 0,
    }
}

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

/// A valid source whose highest sequence number is `sequence`; one packet counted.
fn valid_at(sequence: u16, start: Instant) -> SourceStatistics {
    let first = header(sequence.wrapping_sub(1), 0);
    let mut source = SourceStatistics::new(&first, RATE);
    assert_eq!(source.handle(start, &first), Judgement::Probation);
    assert!(source.handle(start, &header(sequence, 160)).sequence().is_some());
    source
}

#[test]
fn a_source_is_valid_after_two_packets_in_sequence_and_counts_from_the_second() {
    let start = Instant::now();
    let mut source = SourceStatistics::new(&header(7, 0), RATE);
    assert_eq!(source.handle(start, &header(7, 0)), Judgement::Probation);
    assert_eq!(source.handle(start, &header(9, 320)), Judgement::Probation, "a gap begins anew");
    assert_eq!((source.is_valid(), source.expected(), source.lost()), (false, 0, 0));
    let second = source.handle(start, &header(10, 480));
    assert_eq!(second, Judgement::Restarted(ExtendedSequence::first(SequenceNumber(10))));
    assert_eq!((source.received(), source.expected(), source.lost()), (1, 1, 0));
}

/// Every region of RFC 3550 A.1 `update_seq`, at its edges, with the highest sequence number at 1000.
#[test]
fn jumps_are_loss_reordering_or_a_restart_as_the_rfc_draws_the_lines() {
    let start = Instant::now();
    let at = |sequence: u64| Judgement::Valid(ExtendedSequence((1 << 16) + sequence));
    let cases = [
        ("next", 1001, at(1001), 1001),
        ("the same again", 1000, at(1000), 1000),
        ("loss at its limit", 1000 + 2999, at(3999), 3999),
        ("one more is a jump", 1000 + 3000, Judgement::Jumped, 1000),
        ("the farthest point", 1000 + 32768, Judgement::Jumped, 1000),
        ("reordering at its limit", 901, at(901), 1000),
        ("one more is a jump back", 900, Judgement::Jumped, 1000),
    ];
    for (name, sequence, judgement, highest) in cases {
        let mut source = valid_at(1000, start);
        assert_eq!(source.handle(start, &header(sequence, 0)), judgement, "{name}");
        assert_eq!(source.report().highest_sequence, highest, "{name}");
    }
}

#[test]
fn a_restart_needs_two_packets_in_sequence_and_begins_the_counts_anew() {
    let start = Instant::now();
    let mut source = valid_at(1000, start);
    assert_eq!(source.handle(start, &header(30_000, 0)), Judgement::Jumped);
    assert_eq!(source.handle(start, &header(1001, 320)).sequence(), Some(source.highest), "stream goes on");
    assert_eq!(source.handle(start, &header(30_000, 0)), Judgement::Jumped);
    assert_eq!(source.handle(start, &header(30_002, 0)), Judgement::Jumped);
    let restarted = source.handle(start, &header(30_003, 0));
    assert_eq!(restarted, Judgement::Restarted(ExtendedSequence::first(SequenceNumber(30_003))));
    assert_eq!((source.received(), source.lost()), (1, 0));
}

#[test]
fn cycles_are_counted_at_the_wrap_and_a_late_packet_stays_in_its_cycle() {
    let start = Instant::now();
    let mut source = valid_at(65_534, start);
    assert!(source.handle(start, &header(0, 480)).sequence().is_some());
    let late = source.handle(start, &header(65_535, 320)).sequence().unwrap();
    assert_eq!(late.sequence(), SequenceNumber(65_535));
    assert!(late < source.highest);
    let report = source.report();
    assert_eq!((report.highest_sequence, report.cumulative_lost), (1 << 16, 0));
}

#[test]
fn fraction_lost_is_of_the_interval_and_cumulative_lost_of_the_whole() {
    let start = Instant::now();
    let mut source = valid_at(0, start);
    for sequence in (1..100).filter(|sequence| sequence % 4 != 0) {
        source.handle(start, &header(sequence, 0));
    }
    let first = source.report();
    // 24 of 100 lost: 24 * 256 / 100 = 61.
    assert_eq!((first.fraction_lost, first.cumulative_lost), (61, 24));
    for sequence in 100..200 {
        source.handle(start, &header(sequence, 0));
    }
    let second = source.report();
    assert_eq!((second.fraction_lost, second.cumulative_lost), (0, 24));
    assert_eq!(source.report().fraction_lost, 0, "nothing expected since");
    source.handle(start, &header(199 + 2900, 0));
    let third = source.report();
    assert_eq!((third.fraction_lost, third.cumulative_lost), ((2899u64 * 256 / 2900) as u8, 24 + 2899));
}

#[test]
fn doubled_packets_make_the_cumulative_loss_negative_and_the_fraction_zero() {
    let start = Instant::now();
    let mut source = valid_at(10, start);
    for _ in 0..5 {
        source.handle(start, &header(11, 0));
    }
    let report = source.report();
    assert_eq!((report.fraction_lost, report.cumulative_lost), (0, -4));
}

#[test]
fn cumulative_loss_stays_within_its_24_bits() {
    let start = Instant::now();
    let mut source = valid_at(0, start);
    let mut sequence = 0u16;
    for _ in 0..3000 {
        sequence = sequence.wrapping_add(2999);
        source.handle(start, &header(sequence, 0));
    }
    assert!(source.lost() > 0x7F_FFFF);
    assert_eq!(source.report().cumulative_lost, 0x7F_FFFF);
}

/// The estimator of RFC 3550 A.8 by its text: J += (|D| - J) / 16, without the integer scaling.
#[test]
fn jitter_follows_the_formula_of_the_rfc() {
    let start = Instant::now();
    let mut source = valid_at(0, start);
    let arrivals_ms = [20, 45, 60, 81, 140, 141, 142, 160, 180, 205, 220];
    let mut expected = 0.0f64;
    let mut transit = -160.0;
    for (index, arrival_ms) in arrivals_ms.into_iter().enumerate() {
        let timestamp = 320 + 160 * index as u32;
        source.handle(after(start, arrival_ms), &header(1 + index as u16, timestamp));
        let now = arrival_ms as f64 * 8.0 - f64::from(timestamp);
        expected += ((now - transit).abs() - expected) / 16.0;
        transit = now;
        assert!((f64::from(source.jitter()) - expected).abs() <= 1.5, "{} {expected}", source.jitter());
    }
    assert!(source.jitter() > 30, "the vector is not trivial");
    assert!((source.jitter_ms() - expected / 8.0).abs() < 0.2);
}

/// A.8 in integers, counted by hand: D = 80, 0, 160, scaled by 16.
#[test]
fn jitter_matches_the_integers_of_the_rfc_code() {
    let start = Instant::now();
    let mut source = valid_at(0, start);
    let mut at = |sequence: u16, timestamp: u32, ms: u64| {
        source.handle(after(start, ms), &header(sequence, timestamp));
        (source.jitter.scaled, source.jitter())
    };
    assert_eq!(at(1, 320, 30), (80, 5));
    assert_eq!(at(2, 480, 50), (80 - 5, 4));
    assert_eq!(at(3, 640, 90), (75 + 160 - 5, 14));
}

#[test]
fn an_event_a_timestamp_jump_and_another_clock_are_not_jitter() {
    let start = Instant::now();
    let mut source = valid_at(0, start);
    let mut sequence = 0;
    let mut send = |source: &mut SourceStatistics, timestamp: u32, payload_type: u8, ms: u64| {
        sequence += 1;
        source.handle(after(start, ms), &Header { payload_type, ..header(sequence, timestamp) });
    };
    send(&mut source, 320, 0, 20);
    for packet in 0..10u64 {
        send(&mut source, 480, 101, 40 + packet * 20);
    }
    send(&mut source, 480 + 10 * 160, 0, 240);
    send(&mut source, 480 + 11 * 160, 0, 260);
    assert_eq!(source.jitter(), 0, "event");
    send(&mut source, 9_999, 101, 280);
    send(&mut source, 480 + 12 * 160, 0, 280);
    send(&mut source, 480 + 13 * 160, 0, 300);
    assert_eq!(source.jitter(), 0, "event of another clock");
    send(&mut source, 0x9000_0000, 0, 280);
    send(&mut source, 0x9000_0000 + 160, 0, 300);
    assert_eq!(source.jitter(), 0, "jump");
    source.set_clock_rate(48_000);
    send(&mut source, 5000, 111, 320);
    send(&mut source, 5960, 111, 340);
    assert_eq!(source.jitter(), 0, "clock");
}

#[test]
fn arrivals_that_step_back_are_harmless() {
    let start = after(Instant::now(), 60_000);
    let mut source = valid_at(0, start);
    source.handle(start - Duration::from_millis(20), &header(1, 320));
    assert_eq!(source.jitter.scaled, 320);
}

#[test]
fn another_ssrc_takes_over_after_its_own_probation() {
    let start = Instant::now();
    let mut sources = Sources::new(RATE);
    let other = |sequence| Header { ssrc: Ssrc(2), ..header(sequence, 0) };
    assert_eq!(sources.handle(start, &header(1, 0)), Judgement::Probation);
    assert!(matches!(sources.handle(start, &header(2, 160)), Judgement::Restarted(_)));
    assert_eq!(sources.handle(start, &other(500)), Judgement::Probation);
    assert!(matches!(sources.handle(start, &header(3, 320)), Judgement::Valid(_)), "the old one goes on");
    assert!(matches!(sources.handle(start, &other(501)), Judgement::Restarted(_)));
    assert_eq!(sources.current().map(SourceStatistics::ssrc), Some(Ssrc(2)));
    assert_eq!(sources.handle(start, &header(4, 480)), Judgement::Probation, "and is a stranger now");
    let totals = sources.totals();
    assert_eq!((totals.received, totals.expected, totals.ssrc_changes, totals.unproven), (3, 3, 1, 3));
}

#[test]
fn totals_survive_a_restart() {
    let start = Instant::now();
    let mut sources = Sources::new(RATE);
    for sequence in [1, 2, 3, 5, 40_000, 40_001, 40_002] {
        sources.handle(start, &header(sequence, 0));
    }
    let totals = sources.totals();
    assert_eq!((totals.received, totals.expected, totals.restarts, totals.unproven), (5, 6, 1, 2));
}

#[test]
fn random_headers_never_break_the_counts() {
    let start = Instant::now();
    fuzz(5_000, |random| {
        let mut sources = Sources::new([8000, 48_000, 1, u32::MAX][random.below(4) as usize]);
        let mut sequence = random.next() as u16;
        let mut handled = 0;
        for _ in 0..200 {
            sequence = match random.below(8) {
                0 => random.next() as u16,
                1 => sequence.wrapping_sub(random.below(120) as u16),
                step => sequence.wrapping_add(step as u16 - 1),
            };
            let header = Header {
                sequence: SequenceNumber(sequence),
                timestamp: Timestamp(random.next() as u32),
                ssrc: Ssrc(random.below(2) as u32),
                marker: random.chance(0.1),
                payload_type: random.below(3) as u8,
            };
            let arrival = after(start, random.below(1 << 30));
            handled += u64::from(sources.handle(arrival, &header).sequence().is_some());
            if random.chance(0.05) {
                let reception = sources.current_mut().map(SourceStatistics::report).unwrap_or_default();
                assert!((-0x80_0000..=0x7F_FFFF).contains(&reception.cumulative_lost));
            }
        }
        let totals = sources.totals();
        assert_eq!((totals.received, totals.received + totals.unproven), (handled, 200));
    });
}
