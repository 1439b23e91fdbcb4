//! Copies of earlier packets (RFC 2198): which of them are heard, and what they are counted as.

use std::time::Duration;

use super::scenario::{MS, Outcome, Scenario, Speech, run};
use super::testbench::{Heard, Leg, SETTINGS};
use super::*;
use crate::rtp::Timestamp;
use crate::rtp::sim::{Conditions, Loss, Sent};

/// A packet of 20 ms: sequence number, timestamp, arrival in ms, and of how many before it there are copies.
type Came = (u16, u32, u64, u16);

/// Waits a packet, so that a copy is in time.
const DEEP: JitterSettings = JitterSettings { min_ms: 40, ..SETTINGS };

/// Plays frames at 5, 25, 45 … ms: sequence numbers, `~` concealed, `.` paused, `_` empty.
fn play(settings: JitterSettings, came: &[Came], frames: u64) -> (String, JitterCounters) {
    let mut leg = Leg::new(settings);
    let mut came = came.iter().peekable();
    let mut line = Vec::new();
    for frame in 0..frames {
        let now = Duration::from_millis(5 + frame * 20);
        while let Some(&(sequence, timestamp, at_ms, copies)) =
            came.next_if(|came| Duration::from_millis(came.2) <= now)
        {
            let (sequence, timestamp) = (SequenceNumber(sequence), Timestamp(timestamp));
            let at = Duration::from_millis(at_ms);
            let sent = Sent { ssrc: Ssrc(1), sequence, timestamp, marker: false, at };
            leg.insert(at, sent);
            (1..=copies).rev().for_each(|back| leg.recover(at, sent, back));
        }
        line.extend(leg.play(now, false).iter().map(|heard| match heard {
            Heard::Packet(sequence, _) => sequence.to_string(),
            Heard::Conceal => "~".into(),
            Heard::Pause => ".".into(),
            Heard::Empty => "_".into(),
        }));
    }
    leg.check_books();
    (line.join(" "), *leg.buffer.counters())
}

/// Six packets, each with a copy of the one before; some are lost.
fn without(lost: &[u16], copies: u16) -> Vec<Came> {
    let came = (0..8_u16).map(|n| (n, u32::from(n) * 160, u64::from(n) * 20, copies));
    came.filter(|packet| !lost.contains(&packet.0)).collect()
}

#[test]
fn a_copy_is_played_for_what_did_not_come() {
    let (heard, counters) = play(DEEP, &without(&[3], 1), 9);
    assert_eq!(heard, "_ _ 0 1 2 3 4 5 6");
    assert_eq!((counters.received, counters.recovered, counters.lost), (7, 1, 0));
    assert_eq!((counters.duplicate, counters.late, counters.concealed_units), (0, 0, 0));
}

#[test]
fn two_copies_bridge_two_losses_in_a_row() {
    let settings = JitterSettings { min_ms: 60, ..SETTINGS };
    let (heard, counters) = play(settings, &without(&[3, 4], 2), 10);
    assert_eq!(heard, "_ _ _ 0 1 2 3 4 5 6");
    assert_eq!((counters.recovered, counters.lost), (2, 0));
    let (heard, counters) = play(settings, &without(&[3, 4], 1), 10);
    assert_eq!(heard, "_ _ _ 0 1 2 ~ 4 5 6");
    assert_eq!((counters.recovered, counters.lost), (1, 1));
}

#[test]
fn where_nothing_is_missing_copies_are_not_even_counted() {
    let (heard, counters) = play(DEEP, &without(&[], 2), 9);
    assert_eq!(heard, "_ _ 0 1 2 3 4 5 6");
    let books = JitterCounters { received: 8, played: 7, ..JitterCounters::default() };
    assert_eq!(counters, books);
}

#[test]
fn a_copy_that_comes_after_the_concealment_is_not_heard() {
    let (heard, counters) = play(SETTINGS, &without(&[3], 1), 8);
    assert_eq!(heard, "0 1 2 ~ 4 5 6 7");
    assert_eq!((counters.recovered, counters.lost, counters.late), (0, 1, 0));
}

#[test]
fn a_packet_that_was_overtaken_by_its_copy_takes_its_place_again() {
    let mut came = without(&[3], 1);
    came.insert(4, (3, 480, 81, 0));
    let (heard, counters) = play(DEEP, &came, 9);
    assert_eq!(heard, "_ _ 0 1 2 3 4 5 6");
    assert_eq!((counters.received, counters.recovered, counters.duplicate, counters.lost), (8, 0, 0, 0));
}

#[test]
fn a_packet_that_comes_after_its_copy_was_played_is_late_and_was_never_lost() {
    let mut came = without(&[3], 1);
    came.insert(6, (3, 480, 126, 0));
    let lost_before = play(DEEP, &without(&[1, 3], 0), 9).1.lost;
    let (heard, counters) = play(DEEP, &came, 9);
    assert_eq!(heard, "_ _ 0 1 2 3 4 5 6");
    assert_eq!((counters.recovered, counters.late, counters.lost, lost_before), (1, 1, 0, 2));
}

#[test]
fn a_copy_of_what_was_sent_before_a_pause_takes_no_other_number() {
    // Packet 3 is 400 ms after packet 2, and says that its copy is of the packet 20 packets before it.
    let came = [(0, 0, 0, 0), (1, 160, 20, 0), (2, 320, 40, 0), (24, 3840, 480, 20), (25, 4000, 500, 1)];
    let (_, counters) = play(DEEP, &came[..3], 5);
    assert_eq!(counters.recovered, 0);
    let after_pause = [came[0], came[1], came[2], (3, 3520, 440, 20), (4, 3680, 460, 1)];
    let (_, counters) = play(DEEP, &after_pause, 26);
    assert_eq!((counters.recovered, counters.lost), (0, 0));
}

/// Twenty networks of a minute each.
fn all(loss: Loss, copies: u16) -> Outcome {
    let mut all = Outcome::default();
    for seed in 0..20 {
        let conditions = Conditions { loss, delay: 20 * MS, jitter: 5 * MS, ..Conditions::default() };
        let scenario = Scenario::new(seed, conditions);
        let length = 60 * 1000 * MS;
        let outcome = run(&Scenario { length, copies, speech: Speech::Talk, ..scenario });
        assert!(
            (outcome.counters.lost + outcome.counters.recovered).abs_diff(outcome.lost_by_link) <= 3,
            "seed {seed}: {outcome:?}"
        );
        all.lost_by_link += outcome.lost_by_link;
        all.concealed_frames += outcome.concealed_frames;
        all.counters.recovered += outcome.counters.recovered;
        all.latencies_us.extend(outcome.latencies_us);
    }
    all
}

#[test]
fn of_a_fifth_that_is_lost_copies_leave_a_twentieth_and_two_copies_a_hundredth() {
    let (none, one, two) = (all(Loss::Random(0.2), 0), all(Loss::Random(0.2), 1), all(Loss::Random(0.2), 2));
    let tell = |outcome: &Outcome| {
        let concealed = outcome.concealed_frames * 1000 / outcome.lost_by_link;
        (concealed, outcome.latency_ms(50))
    };
    let ((none, _), (one, one_ms), (two, two_ms)) = (tell(&none), tell(&one), tell(&two));
    assert!(none > 950, "without copies {none} ‰ of the lost are concealed");
    assert!(one < 230 && two < 70, "with one copy {one} ‰, with two {two} ‰");
    assert!(two_ms - one_ms < 25.0, "{one_ms} ms with one copy, {two_ms} ms with two");
}
