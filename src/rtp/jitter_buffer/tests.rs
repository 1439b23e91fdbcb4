//! Tables: which packets came when, and what each frame then played.

use std::time::{Duration, Instant};

use super::testbench::{CN, Heard, Leg, PCMU, SETTINGS};
use super::*;
use crate::rtp::Timestamp;
use crate::rtp::sim::Sent;

/// A packet of 20 ms: sequence number, timestamp, arrival in ms.
type Came = (u16, u32, u64);

fn sent(ssrc: u32, (sequence, timestamp, at_ms): Came) -> Sent {
    Sent {
        ssrc: Ssrc(ssrc),
        sequence: SequenceNumber(sequence),
        timestamp: Timestamp(timestamp),
        marker: false,
        at: Duration::from_millis(at_ms),
    }
}

/// Plays frames at 5, 25, 45 … ms: sequence numbers, `~` concealed, `.` paused, `_` empty; `+` within one.
fn play_with(settings: JitterSettings, came: &[Came], frames: u64) -> (String, JitterCounters) {
    let mut leg = Leg::new(settings);
    let mut came = came.iter().peekable();
    let mut line = Vec::new();
    for frame in 0..frames {
        let now_ms = 5 + frame * u64::from(settings.frame_ms);
        while let Some(&packet) = came.next_if(|packet| packet.2 <= now_ms) {
            leg.insert(Duration::from_millis(packet.2), sent(1, packet));
        }
        line.push(words(leg.play(Duration::from_millis(now_ms), false)));
    }
    leg.check_books();
    (line.join(" "), *leg.buffer.counters())
}

fn words(heard: &[Heard]) -> String {
    let word = |heard: &Heard| match heard {
        Heard::Packet(sequence, _) => sequence.to_string(),
        Heard::Conceal => "~".into(),
        Heard::Pause => ".".into(),
        Heard::Empty => "_".into(),
    };
    heard.iter().map(word).collect::<Vec<_>>().join("+")
}

fn play(came: &[Came], frames: u64) -> (String, JitterCounters) {
    play_with(SETTINGS, came, frames)
}

#[test]
fn without_jitter_each_packet_plays_in_the_frame_after_its_arrival() {
    let (heard, counters) = play(&[(1, 0, 0), (2, 160, 20), (3, 320, 40), (4, 480, 60)], 4);
    assert_eq!(heard, "1 2 3 4");
    assert_eq!((counters.received, counters.played), (4, 4));
}

#[test]
fn before_the_first_packet_there_is_nothing() {
    assert_eq!(play(&[(1, 0, 30), (2, 160, 50)], 4).0, "_ _ 1 2");
}

#[test]
fn a_packet_that_came_just_now_waits_for_the_next_frame() {
    let late_by_a_little = [(1, 0, 5), (2, 160, 25), (3, 320, 45)];
    assert_eq!(play(&late_by_a_little, 4).0, "_ 1 2 3");
}

#[test]
fn reordered_packets_play_in_order() {
    let settings = JitterSettings { min_ms: 40, ..SETTINGS };
    let came = [(1, 0, 0), (3, 320, 38), (2, 160, 39), (4, 480, 60)];
    assert_eq!(play_with(settings, &came, 6).0, "_ _ 1 2 3 4");
}

#[test]
fn what_overtook_the_first_packet_does_not_shut_it_out() {
    let settings = JitterSettings { min_ms: 40, ..SETTINGS };
    let came = [(2, 160, 20), (1, 0, 22), (3, 320, 40)];
    let (heard, counters) = play_with(settings, &came, 5);
    assert_eq!(heard, "_ _ 1 2 3");
    assert_eq!(counters.lost, 0);
}

#[test]
fn a_lost_packet_is_concealed_and_counted_as_lost() {
    let (heard, counters) = play(&[(1, 0, 0), (2, 160, 20), (4, 480, 60), (5, 640, 80)], 5);
    assert_eq!(heard, "1 2 ~ 4 5");
    assert_eq!((counters.lost, counters.late, counters.concealed_units), (1, 0, 160));
}

#[test]
fn a_packet_that_comes_after_its_concealment_is_late_not_lost() {
    let came = [(1, 0, 0), (2, 160, 20), (4, 480, 60), (3, 320, 62), (5, 640, 80)];
    let (heard, counters) = play(&came, 5);
    assert_eq!(heard, "1 2 ~ 4 5");
    assert_eq!((counters.lost, counters.late), (0, 1));
}

#[test]
fn a_duplicate_is_dropped_whether_it_waits_or_was_played() {
    let came = [(1, 0, 0), (1, 0, 1), (2, 160, 20), (1, 0, 22), (3, 320, 40)];
    let (heard, counters) = play(&came, 3);
    assert_eq!(heard, "1 2 3");
    assert_eq!((counters.duplicate, counters.late, counters.played), (2, 0, 3));
}

#[test]
fn when_the_peer_stops_concealment_ends_and_what_comes_later_plays() {
    let came = [(1, 0, 0), (2, 160, 20), (3, 160 * 49, 980), (4, 160 * 50, 1000)];
    let (heard, counters) = play(&came, 52);
    let silence = " _".repeat(42);
    assert_eq!(heard, format!("1 2 ~ ~ ~ ~ ~{silence} 3 4 ~"));
    assert_eq!((counters.lost, counters.late), (0, 0), "the pause lost nothing");
}

#[test]
fn a_pause_known_in_time_is_silence_and_not_loss() {
    let settings = JitterSettings { min_ms: 60, ..SETTINGS };
    let came = [(1, 0, 0), (2, 160, 20), (3, 640, 80), (4, 800, 100)];
    let (heard, counters) = play_with(settings, &came, 9);
    assert_eq!(heard, "_ _ _ 1 2 . . 3 4");
    assert_eq!((counters.lost, counters.concealed_units), (0, 0));
}

#[test]
fn sequence_and_timestamp_wrap_without_a_trace() {
    let came = [(65_534, u32::MAX - 319, 0), (65_535, u32::MAX - 159, 20), (0, 0, 40), (1, 160, 60)];
    let (heard, counters) = play(&came, 4);
    assert_eq!(heard, "65534 65535 0 1");
    assert_eq!(counters.restarts, 0);
}

#[test]
fn a_timestamp_jump_does_not_stop_the_audio() {
    for jump in [1_000_000_u32, 1 << 31, u32::MAX - 50_000] {
        let came: Vec<Came> = (0..8)
            .map(|n| (n, u32::from(n) * 160 + if n > 3 { jump } else { 0 }, u64::from(n) * 20))
            .collect();
        assert_eq!(play(&came, 8).0, "0 1 2 3 4 5 6 7", "jump {jump}");
    }
}

#[test]
fn a_sequence_restart_is_believed_with_its_second_packet() {
    let came = [(1, 0, 0), (2, 160, 20), (9000, 320, 40), (9001, 480, 60), (9002, 640, 80)];
    let (heard, counters) = play(&came, 5);
    assert_eq!(heard, "1 2 ~ 9001 9002");
    assert_eq!((counters.restarts, counters.discarded, counters.lost), (1, 1, 0));
}

#[test]
fn a_stray_packet_of_another_source_changes_nothing() {
    let mut leg = Leg::new(SETTINGS);
    for n in 0..10 {
        let at_ms = u64::from(n) * 20;
        leg.insert(Duration::from_millis(at_ms), sent(1, (n, u32::from(n) * 160, at_ms)));
        let stray = leg.insert(Duration::from_millis(at_ms + 1), sent(2, (n, 99, at_ms)));
        assert_eq!(stray, Inserted::Discarded);
        assert_eq!(words(leg.play(Duration::from_millis(at_ms + 5), false)), n.to_string());
    }
}

#[test]
fn another_ssrc_takes_over_at_its_second_packet_or_at_once_after_a_silence() {
    for (gap_ms, expected) in [(20, ["~", "51", "52"]), (500, ["50", "51", "52"])] {
        let mut leg = Leg::new(SETTINGS);
        leg.insert(Duration::ZERO, sent(1, (1, 0, 0)));
        leg.play(Duration::from_millis(5), false);
        for (n, expected) in expected.iter().enumerate() {
            let at_ms = gap_ms + n as u64 * 20;
            let came = (50 + n as u16, 777_777 + n as u32 * 160, at_ms);
            leg.insert(Duration::from_millis(at_ms), sent(2, came));
            assert_eq!(words(leg.play(Duration::from_millis(at_ms + 5), false)), *expected, "{gap_ms}");
        }
        assert_eq!(leg.buffer.counters().restarts, 1);
        leg.check_books();
    }
}

#[test]
fn a_leg_that_begins_late_begins_with_what_is_due() {
    let mut leg = Leg::new(SETTINGS);
    for n in 0..10 {
        let at_ms = u64::from(n) * 20;
        leg.insert(Duration::from_millis(at_ms), sent(1, (n, u32::from(n) * 160, at_ms)));
    }
    assert_eq!(words(leg.play(Duration::from_millis(185), false)), "9");
    let counters = leg.buffer.counters();
    assert_eq!((counters.discarded, counters.late, counters.lost), (9, 0, 0));
}

#[test]
fn what_queued_behind_an_audible_gap_is_late_but_for_what_is_due() {
    let mut leg = Leg::new(SETTINGS);
    let mut line = Vec::new();
    for frame in 0..75_u16 {
        let now_ms = u64::from(frame) * 20;
        let came = match frame {
            60..70 => 0..0,
            70 => 60..71,
            _ => frame..frame + 1,
        };
        for n in came {
            leg.insert(Duration::from_millis(now_ms), sent(1, (n, u32::from(n) * 160, now_ms)));
        }
        line.push(words(leg.play(Duration::from_millis(now_ms + 5), false)));
    }
    assert_eq!(line[58..].join(" "), "58 59 ~ ~ ~ ~ ~ _ _ _ _ _ 70 71 72 73 74");
    assert_eq!((leg.buffer.counters().late, leg.buffer.counters().lost), (10, 0));
}

#[test]
fn after_a_standstill_with_another_timestamp_audio_goes_on_at_once() {
    for jump in [0, 5_000_000_u32, u32::MAX - 5_000_000] {
        let mut leg = Leg::new(SETTINGS);
        for n in 0..100_u16 {
            let (after, jump) = if n < 50 { (0, 0) } else { (3000, jump) };
            let at_ms = u64::from(n) * 20 + after;
            let came = (n, (u32::from(n) * 160).wrapping_add(jump), at_ms);
            leg.insert(Duration::from_millis(at_ms), sent(1, came));
            assert_eq!(words(leg.play(Duration::from_millis(at_ms + 5), false)), n.to_string(), "{jump}");
            if n == 49 {
                (1..150).for_each(|frame| _ = leg.play(Duration::from_millis(at_ms + 5 + 20 * frame), false));
            }
        }
        assert!(leg.buffer.depth_ms() < 10);
    }
}

/// What the buffer wishes for the next packet, with so much held.
fn wish(leg: &mut Leg, now_ms: u64, held: u32) -> Stretch {
    match leg.buffer.playout(leg.start + Duration::from_millis(now_ms), held) {
        Playout::Packet(packet) => packet.stretch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn too_deep_a_buffer_wishes_to_shorten_and_after_seconds_insists() {
    let mut leg = Leg::new(SETTINGS);
    let mut came = (0..900_u16).map(|n| {
        // From the sixth on 60 ms sooner: the way has become shorter.
        (n, u32::from(n) * 160, 100 + u64::from(n) * 20 - if n < 5 { 0 } else { 60 })
    });
    let mut wishes = Vec::new();
    for frame in 0..880 {
        let now_ms = 105 + frame * 20;
        came.by_ref().take(if frame == 0 { 4 } else { 1 }).for_each(|came| {
            leg.insert(Duration::from_millis(came.2), sent(1, came));
        });
        wishes.push(wish(&mut leg, now_ms, 0));
    }
    let shorten = |urgency| Stretch::Shorten { units: 160, urgency };
    let first = wishes.iter().position(|&wish| wish != Stretch::None).unwrap();
    assert!((370..=400).contains(&first), "the slow ones are forgotten: {first}");
    assert!(wishes[first..first + 200].iter().all(|&wish| wish == shorten(Urgency::WhenQuiet)));
    assert!(wishes[first + 201..].iter().all(|&wish| wish == shorten(Urgency::Now)));
}

#[test]
fn what_is_left_of_a_change_done_in_part_is_taken_out_when_quiet() {
    let mut leg = Leg::new(SETTINGS);
    leg.insert(Duration::ZERO, sent(1, (0, 0, 0)));
    assert_eq!(wish(&mut leg, 5, 0), Stretch::None);
    leg.insert(Duration::from_millis(20), sent(1, (1, 160, 20)));
    assert_eq!(wish(&mut leg, 30, 40), Stretch::Shorten { units: 40, urgency: Urgency::WhenQuiet });
}

#[test]
fn a_wish_brings_the_length_back_to_whole_grains() {
    let mut leg = Leg::new(JitterSettings { packet_ms: 60, ..SETTINGS });
    for n in 0..3 {
        let at_ms = u64::from(n) * 60;
        leg.insert(Duration::from_millis(at_ms), sent(1, (n, u32::from(n) * 480, at_ms)));
    }
    assert_eq!(wish(&mut leg, 65, 0), Stretch::None, "the second, as the first is past");
    let shorten = Stretch::Shorten { units: 160 + 40, urgency: Urgency::WhenQuiet };
    leg.insert(Duration::from_millis(180), sent(1, (3, 3 * 480, 180)));
    assert_eq!(wish(&mut leg, 155, 40), shorten, "one grain too deep");
    leg.insert(Duration::from_millis(300), sent(1, (4, 4 * 480, 300)));
    let lengthen = Stretch::Lengthen { units: 160 - 40, urgency: Urgency::WhenQuiet };
    assert_eq!(wish(&mut leg, 185, 40), lengthen, "not deep enough since the last arrival");
}

#[test]
fn what_an_outage_has_swallowed_is_counted_whole() {
    let came: Vec<Came> = [0, 1, 2, 13, 14].map(|n| (n, u32::from(n) * 160, u64::from(n) * 20)).to_vec();
    let (heard, counters) = play(&came, 15);
    assert_eq!(heard, "0 1 2 ~ ~ ~ ~ ~ _ _ _ _ _ 13 14");
    assert_eq!((counters.lost, counters.late), (10, 0));
}

#[test]
fn nothing_is_shortened_into_a_gap() {
    let mut leg = Leg::new(SETTINGS);
    for n in 0..60_u16 {
        let at_ms = u64::from(n) * 20;
        leg.insert(Duration::from_millis(at_ms), sent(1, (n, u32::from(n) * 160, at_ms)));
        leg.play(Duration::from_millis(at_ms + 5), false);
    }
    (60..69).for_each(|frame| _ = leg.play(Duration::from_millis(frame * 20 + 5), false));
    leg.insert(Duration::from_millis(1380), sent(1, (60, 60 * 160, 1380)));
    assert_eq!(wish(&mut leg, 1385, 0), Stretch::None);
}

#[test]
fn any_packet_length_fills_any_frame_length_without_a_gap() {
    for frame_ms in [10, 20] {
        for packet_ms in [10_u32, 20, 30, 40, 60] {
            let settings = JitterSettings { frame_ms, packet_ms, ..SETTINGS };
            let came: Vec<Came> = (0..60)
                .map(|n| (n, u32::from(n) * packet_ms * 8, u64::from(n) * u64::from(packet_ms)))
                .collect();
            let frames = u64::from(59 * packet_ms / frame_ms);
            let (heard, counters) = play_with(settings, &came, frames);
            assert_eq!(heard.matches(['~', '.']).count(), 0, "{packet_ms} on {frame_ms}: {heard}");
            assert!(heard.matches('_').count() <= 1, "{packet_ms} on {frame_ms}: {heard}");
            assert_eq!((counters.late, counters.lost), (0, 0), "{packet_ms} on {frame_ms}");
        }
    }
}

#[test]
fn a_packet_length_nobody_negotiated_is_learned() {
    let settings = JitterSettings { packet_ms: 20, ..SETTINGS };
    let mut leg = Leg::new(settings);
    leg.packet_units = 480;
    let mut gaps = 0;
    for frame in 0..150_u64 {
        if frame % 3 == 0 {
            let n = (frame / 3) as u16;
            leg.insert(Duration::from_millis(frame * 20), sent(1, (n, u32::from(n) * 480, frame * 20)));
        }
        let heard = leg.play(Duration::from_millis(frame * 20 + 5), true);
        gaps += usize::from(frame > 15 && heard.iter().any(|heard| !matches!(heard, Heard::Packet(..))));
    }
    assert_eq!(gaps, 0);
}

#[test]
fn comfort_noise_lasts_until_speech_returns() {
    let mut leg = Leg::new(SETTINGS);
    let mut line = Vec::new();
    for frame in 0..20_u64 {
        let (at, n) = (Duration::from_millis(frame * 20), frame as u32);
        match frame {
            0 | 1 => _ = leg.insert(at, sent(1, (n as u16, n * 160, 0))),
            2 => _ = leg.insert_as(at, sent(1, (2, 320, 0)), CN),
            10 => _ = leg.insert_as(at, sent(1, (3, 1600, 0)), CN),
            17.. => _ = leg.insert(at, sent(1, (4 + n as u16 - 17, n * 160, 0))),
            _ => {}
        }
        line.push(words(leg.play(at + Duration::from_millis(5), false)));
    }
    assert_eq!(line.join(" "), "0 1 . . . . . . . . . . . . . . . 4 5 6");
    let counters = leg.buffer.counters();
    assert_eq!((counters.lost, counters.concealed_units, counters.played), (0, 0, 7));
}

#[test]
fn the_comfort_noise_of_a_pause_is_handed_over_with_it() {
    let mut buffer = JitterBuffer::new(SETTINGS);
    let start = Instant::now();
    let mut arrival = Arrival {
        at: start,
        ssrc: Ssrc(1),
        sequence: SequenceNumber(1),
        timestamp: Timestamp(0),
        marker: false,
        payload_type: CN,
        payload: &[70; 99],
    };
    buffer.insert(arrival);
    let pause = buffer.playout(start + Duration::from_millis(5), 0);
    assert_eq!(pause, Playout::Pause { units: 160, comfort_noise: Some(&[70; 32]) });
    arrival = Arrival { sequence: SequenceNumber(2), timestamp: Timestamp(160), ..arrival };
    arrival = Arrival { at: start + Duration::from_millis(20), payload_type: PCMU, ..arrival };
    buffer.insert(arrival);
    assert!(matches!(buffer.playout(start + Duration::from_millis(25), 0), Playout::Packet(_)));
}

#[test]
fn sequence_numbers_of_telephone_events_are_not_missed() {
    let mut leg = Leg::new(SETTINGS);
    let mut line = Vec::new();
    for frame in 0..12_u64 {
        let (at, n) = (Duration::from_millis(frame * 20), frame as u16);
        if (3..8).contains(&frame) {
            leg.buffer.insert_other(leg.start + at, Ssrc(1), SequenceNumber(n));
        } else {
            leg.insert(at, sent(1, (n, u32::from(n) * 160, 0)));
        }
        line.push(words(leg.play(at + Duration::from_millis(5), false)));
    }
    assert_eq!(line.join(" "), "0 1 2 . . . . . 8 9 10 11");
    assert_eq!(leg.buffer.counters().lost, 0);
}

#[test]
fn the_packet_behind_a_lost_one_can_be_peeked_at_for_its_redundancy() {
    let settings = JitterSettings { min_ms: 40, ..SETTINGS };
    let mut leg = Leg::new(settings);
    for came in [(1, 0, 0), (3, 320, 40), (4, 480, 60)] {
        leg.insert(Duration::from_millis(came.2), sent(1, came));
    }
    assert_eq!(words(leg.play(Duration::from_millis(45), false)), "1");
    assert!(leg.buffer.peek_next().is_none(), "2 did not come");
    let start = leg.start;
    let now = start + Duration::from_millis(65);
    assert_eq!(leg.buffer.playout(now, 0), Playout::Conceal { units: 160 });
    let behind = leg.buffer.peek_next().expect("3 is here");
    assert_eq!((behind.timestamp, &behind.payload[..2]), (Timestamp(320), &[0, 3][..]));
    assert_eq!(leg.buffer.peek_behind().map(|behind| behind.ahead_units), Some(160));
}

#[test]
fn of_a_long_gap_the_packet_behind_it_is_seen_from_its_beginning_on() {
    let settings = JitterSettings { min_ms: 100, ..SETTINGS };
    let mut leg = Leg::new(settings);
    for came in [(1, 0, 0), (5, 640, 80), (6, 800, 100)] {
        leg.insert(Duration::from_millis(came.2), sent(1, came));
    }
    assert_eq!(words(leg.play(Duration::from_millis(105), false)), "1");
    for (now_ms, ahead_units) in [(125, 480), (145, 320), (165, 160)] {
        let now = leg.start + Duration::from_millis(now_ms);
        assert_eq!(leg.buffer.playout(now, 0), Playout::Conceal { units: 160 });
        let behind = leg.buffer.peek_behind().expect("5 is here");
        assert_eq!((behind.packet.timestamp, behind.ahead_units), (Timestamp(640), ahead_units));
    }
}

#[test]
fn a_packet_partly_covered_by_concealment_is_played_from_there_on() {
    let settings = JitterSettings { frame_ms: 10, packet_ms: 30, ..SETTINGS };
    let mut buffer = JitterBuffer::new(settings);
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let arrival = |n: u16, ms| Arrival {
        at: at(ms),
        ssrc: Ssrc(1),
        sequence: SequenceNumber(n),
        timestamp: Timestamp(u32::from(n) * 240),
        marker: false,
        payload_type: PCMU,
        payload: &[0; 240],
    };
    buffer.insert(arrival(0, 0));
    assert!(matches!(buffer.playout(at(5), 0), Playout::Packet(Packet { skip: 0, .. })));
    assert_eq!(buffer.playout(at(35), 0), Playout::Conceal { units: 80 });
    buffer.insert(arrival(1, 41));
    assert!(matches!(buffer.playout(at(45), 0), Playout::Packet(Packet { skip: 80, .. })));
}

#[test]
fn useless_payloads_are_discarded_and_their_numbers_not_missed() {
    let mut leg = Leg::new(SETTINGS);
    leg.insert(Duration::ZERO, sent(1, (1, 0, 0)));
    let mut line = vec![words(leg.play(Duration::from_millis(5), false))];
    for (n, length) in [(2, 0), (3, MAX_PAYLOAD_BYTES + 1)] {
        let at = Duration::from_millis(20 * (n - 1));
        let arrival = Arrival {
            at: leg.start + at,
            ssrc: Ssrc(1),
            sequence: SequenceNumber(n as u16),
            timestamp: Timestamp(160 * (n as u32 - 1)),
            marker: false,
            payload_type: PCMU,
            payload: &vec![0; length],
        };
        assert_eq!(leg.buffer.insert(arrival), Inserted::Discarded);
        line.push(words(leg.play(at + Duration::from_millis(5), false)));
    }
    assert_eq!(line.join(" "), "1 . .");
    assert_eq!((leg.buffer.counters().discarded, leg.buffer.counters().lost), (2, 0));
}

#[test]
fn more_packets_than_can_ever_play_push_out_the_oldest() {
    let mut leg = Leg::new(SETTINGS);
    for n in 0..1000_u16 {
        leg.insert(Duration::from_micros(u64::from(n)), sent(1, (n, u32::from(n) * 160, 0)));
        assert!(leg.buffer.waiting() <= 128);
    }
    leg.insert(Duration::from_millis(2), sent(1, (3900, 3900 * 160, 0)));
    assert_eq!(leg.buffer.waiting(), 1);
    leg.check_books();
}

#[test]
fn payload_buffers_are_reused() {
    let mut leg = Leg::new(SETTINGS);
    for n in 0..10_000_u64 {
        let came = (n as u16, (n * 160) as u32, n * 20);
        leg.insert(Duration::from_millis(came.2), sent(1, came));
        leg.play(Duration::from_millis(came.2 + 5), false);
    }
    assert_eq!(leg.buffer.ring.buffers_made(), 1);
}

#[test]
#[should_panic(expected = "jitter bounds")]
fn bounds_that_contradict_are_a_programmers_error() {
    JitterBuffer::new(JitterSettings { min_ms: 100, max_ms: 50, ..SETTINGS });
}
