//! Sender to receiver over a lossy, reordering network, under virtual time.

use std::time::{Duration, Instant};

use super::super::sender::{END_PACKETS, MAX_QUEUED_DIGITS, PAUSE};
use super::*;
use crate::rtp::numbers::{Ssrc, Timestamp};
use crate::rtp::packet::Packet;
use crate::rtp::packet_sender::{PacketSender, StreamStart};
use crate::rtp::splitmix::SplitMix64;
use crate::rtp::testing::fuzz;

const EVENT: u8 = 101;
const AUDIO: u8 = 0;

/// What a network does to each packet.
#[derive(Clone, Copy)]
struct Network {
    loss: f64,
    /// Packets are late by up to so many frames.
    reorder_frames: u64,
    duplicate: f64,
}

/// What the far receiver made of the digits, and which of them could reach it at all: 20 % loss takes all six
/// packets of the shortest press once in 16,000 times.
struct Outcome {
    heard: Vec<DigitEvent>,
    delivered: Vec<bool>,
}

/// Sends `digits` in a stream of this clock.
fn transmit(random: &mut SplitMix64, clock_rate: u32, digits: &[(Digit, u64)], network: Network) -> Outcome {
    let start = Instant::now();
    let mut sender =
        PacketSender::new(StreamStart::from_random(random.next(), random.next() as u32), clock_rate);
    sender.set_telephone_event(Some((EVENT, clock_rate)));
    for (digit, ms) in digits {
        sender.start_digit(*digit, Duration::from_millis(*ms)).unwrap();
    }
    let mut receiver = Receiver::new(clock_rate);
    let mut under_way: Vec<(u64, Vec<u8>)> = Vec::new();
    let (mut heard, mut delivered) = (Vec::new(), Vec::new());
    let mut after_last = 0;
    for frame in 0u64.. {
        let now = start + Duration::from_millis(frame * 20);
        let mut out = [0; 256];
        let len = sender.frame(now, AUDIO, clock_rate / 50, &[0xFF; 160], &mut out);
        let sent = Packet::parse(&out[..len]).unwrap().header;
        if sent.payload_type == EVENT && sent.marker {
            delivered.push(false);
        }
        let copies = 1 + u64::from(random.chance(network.duplicate));
        for _ in 0..copies {
            if !random.chance(network.loss) {
                if let (EVENT, Some(press)) = (sent.payload_type, delivered.last_mut()) {
                    *press = true;
                }
                under_way.push((frame + random.below(network.reorder_frames + 1), out[..len].to_vec()));
            }
        }
        let (arrived, rest) = under_way.into_iter().partition(|(at, _)| *at <= frame);
        under_way = rest;
        let arrived: Vec<(u64, Vec<u8>)> = arrived;
        for (_, octets) in arrived {
            let packet = Packet::parse(&octets).unwrap();
            if packet.header.payload_type == EVENT {
                heard.extend(receiver.handle(now, &packet.header, packet.payload));
            }
        }
        heard.extend(receiver.handle_timeout(now));
        after_last += u64::from(!sender.is_sending_digits());
        if after_last > 30 {
            return Outcome { heard, delivered };
        }
    }
    unreachable!("the digits end")
}

fn random_digits(random: &mut SplitMix64, count: u64) -> Vec<(Digit, u64)> {
    // Few different ones, so that the same digit often follows itself.
    (0..count)
        .map(|_| (Digit::from_event(random.below(3) as u8).unwrap(), 80 + 20 * random.below(10)))
        .collect()
}

impl Outcome {
    /// Every digit that reached the receiver started once and ended once, in order.
    fn assert_each_once(&self, digits: &[(Digit, u64)]) {
        assert_eq!(self.delivered.len(), digits.len());
        let reached = digits.iter().zip(&self.delivered).filter(|(_, delivered)| **delivered);
        let expected: Vec<Digit> = reached.map(|((digit, _), _)| *digit).collect();
        let in_pairs = self.heard.chunks(2).map(|pair| match pair {
            [DigitEvent::Started(started), DigitEvent::Ended { digit, .. }] if started == digit => *started,
            other => panic!("not a start and its end: {other:?}"),
        });
        assert_eq!(in_pairs.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn without_loss_every_digit_arrives_with_its_exact_length() {
    for clock_rate in [8000, 16_000, 48_000] {
        let mut random = SplitMix64::new(1);
        let mut digits = random_digits(&mut random, 40);
        digits.push((Digit::from_char('7').unwrap(), 10_000));
        let perfect = Network { loss: 0.0, reorder_frames: 0, duplicate: 0.0 };
        let heard = transmit(&mut random, clock_rate, &digits, perfect).heard;
        let expected: Vec<DigitEvent> = digits
            .iter()
            .flat_map(|(digit, ms)| {
                let ended = DigitEvent::Ended { digit: *digit, duration_ms: *ms as u32 };
                [DigitEvent::Started(*digit), ended]
            })
            .collect();
        assert_eq!(heard, expected, "{clock_rate} Hz");
    }
}

#[test]
fn no_digit_is_lost_or_doubled_under_20_percent_loss() {
    fuzz(1_000, |random| {
        let clock_rate = [8000, 48_000][random.below(2) as usize];
        let digits = random_digits(random, 30);
        let lossy = Network { loss: 0.2, reorder_frames: 0, duplicate: 0.0 };
        transmit(random, clock_rate, &digits, lossy).assert_each_once(&digits);
    });
}

/// Presses of 160 ms and more, as phones send them: all ten packets are lost once in ten million times.
#[test]
fn under_20_percent_loss_a_hundred_strings_of_thirty_digits_arrive_whole() {
    for seed in 0..100 {
        let mut random = SplitMix64::new(seed);
        let mut digits = random_digits(&mut random, 30);
        digits.iter_mut().for_each(|(_, ms)| *ms = 160.max(*ms));
        let lossy = Network { loss: 0.2, reorder_frames: 0, duplicate: 0.0 };
        let outcome = transmit(&mut random, 8000, &digits, lossy);
        assert!(outcome.delivered.iter().all(|delivered| *delivered), "seed {seed}");
        outcome.assert_each_once(&digits);
    }
}

#[test]
fn no_digit_is_lost_or_doubled_under_loss_reordering_and_duplicates() {
    fuzz(1_000, |random| {
        let digits = random_digits(random, 30);
        let rough = Network { loss: 0.2, reorder_frames: 2, duplicate: 0.1 };
        transmit(random, 8000, &digits, rough).assert_each_once(&digits);
    });
}

#[test]
fn a_digit_of_ten_seconds_is_one_digit_in_every_clock() {
    fuzz(100, |random| {
        let clock_rate = [8000, 48_000][random.below(2) as usize];
        let digits = [(Digit::from_char('7').unwrap(), 10_000), (Digit::from_char('7').unwrap(), 100)];
        let lossy = Network { loss: 0.2, reorder_frames: 1, duplicate: 0.05 };
        let outcome = transmit(random, clock_rate, &digits, lossy);
        outcome.assert_each_once(&digits);
        let heard = &outcome.heard;
        let Some(DigitEvent::Ended { duration_ms, .. }) = heard.get(1) else { panic!("{heard:?}") };
        assert!(
            *duration_ms <= 10_000,
            "{duration_ms}: shorter when ten packets in a row are lost, never longer"
        );
    });
}

/// The packets of one press, as RFC 4733 §2.5.1 wants them.
fn press(event_rate: u32, stream_rate: u32, ms: u64, frame_units: u32) -> Vec<(EventPacket, EventPayload)> {
    let mut sender = Sender::new(event_rate, stream_rate);
    sender.start(Digit::from_char('4').unwrap(), Duration::from_millis(ms)).unwrap();
    let mut timestamp = Timestamp(u32::MAX - 5);
    let mut packets = Vec::new();
    while let Some(packet) = sender.poll(timestamp, frame_units) {
        packets.push((packet, EventPayload::parse(&packet.payload).unwrap()));
        timestamp = timestamp.plus(frame_units);
    }
    packets
}

#[test]
fn the_first_packet_is_marked_durations_grow_and_the_end_is_sent_three_times() {
    for (event_rate, stream_rate, frame_units) in
        [(8000, 8000, 160), (48_000, 48_000, 960), (8000, 48_000, 960)]
    {
        let packets = press(event_rate, stream_rate, 100, frame_units);
        assert_eq!(packets.len(), 5 + usize::from(END_PACKETS) - 1);
        assert!(packets.iter().all(|(packet, _)| packet.timestamp == Timestamp(u32::MAX - 5)));
        let markers: Vec<usize> = (0..packets.len()).filter(|index| packets[*index].0.marker).collect();
        assert_eq!(markers, [0]);
        let frame = event_rate / 50;
        let durations: Vec<u32> = packets.iter().map(|(_, payload)| payload.duration.into()).collect();
        assert_eq!(durations, [1, 2, 3, 4, 5, 5, 5].map(|frames| frames * frame));
        let ends: Vec<bool> = packets.iter().map(|(_, payload)| payload.end).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
    }
}

#[test]
fn a_press_longer_than_a_segment_goes_on_under_a_new_timestamp() {
    let packets = press(48_000, 48_000, 2000, 960);
    let full = packets.iter().position(|(_, payload)| u32::from(payload.duration) == 0xFFFF).unwrap();
    assert!(!packets[full].1.end);
    let (next, last) = (&packets[full + 1], packets.last().unwrap());
    assert_eq!(next.0.timestamp, packets[0].0.timestamp.plus(0xFFFF));
    assert!(!next.0.marker);
    assert!(last.1.end);
    assert_eq!(u32::from(last.1.duration) + 0xFFFF, 96_000);
    assert_eq!(packets.len(), 100 + usize::from(END_PACKETS) - 1, "as many frames as it lasts");
}

#[test]
fn digits_are_apart_by_a_pause_in_which_audio_is_sent() {
    let mut sender = Sender::new(8000, 8000);
    let digit = Digit::from_char('1').unwrap();
    sender.start(digit, Duration::from_millis(40)).unwrap();
    sender.start(digit, Duration::from_millis(40)).unwrap();
    let sent: String = (0..20)
        .map(|frame| if sender.poll(Timestamp(frame * 160), 160).is_some() { 'e' } else { 'a' })
        .collect();
    assert_eq!(PAUSE, Duration::from_millis(40));
    assert_eq!(sent, "eeeeaaeeeeaaaaaaaaaa");
    assert!(!sender.is_busy());
}

#[test]
fn waiting_digits_are_bounded() {
    let mut sender = Sender::new(8000, 8000);
    let digit = Digit::from_char('1').unwrap();
    for _ in 0..MAX_QUEUED_DIGITS {
        sender.start(digit, Duration::ZERO).unwrap();
    }
    assert!(sender.start(digit, Duration::ZERO).is_err());
}

#[test]
fn events_and_audio_share_one_sequence_and_the_timeline_goes_on_underneath() {
    let start = StreamStart::from_random(7, 1000);
    let mut sender = PacketSender::new(start, 8000);
    sender.set_telephone_event(Some((EVENT, 8000)));
    let now = Instant::now();
    let mut frames = Vec::new();
    for frame in 0..10 {
        if frame == 2 {
            sender.start_digit(Digit::from_char('9').unwrap(), Duration::from_millis(40)).unwrap();
        }
        let mut out = [0; 200];
        let len = sender.frame(now, AUDIO, 160, &[0; 160], &mut out);
        let header = Packet::parse(&out[..len]).unwrap().header;
        assert_eq!(header.ssrc, Ssrc(7));
        assert_eq!(header.sequence, start.sequence.plus(frame));
        frames.push((header.payload_type, header.timestamp.0, header.marker));
    }
    assert_eq!(frames[..2], [(AUDIO, 1000, true), (AUDIO, 1160, false)]);
    assert_eq!(frames[2..4], [(EVENT, 1320, true), (EVENT, 1320, false)]);
    assert_eq!(frames[4..6], [(EVENT, 1320, false); 2], "the end again");
    assert_eq!(frames[6..8], [(AUDIO, 1000 + 6 * 160, true), (AUDIO, 1000 + 7 * 160, false)]);
}
