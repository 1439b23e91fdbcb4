//! Arbitrary headers, times and questions: nothing panics, hangs or grows, and a clean stream plays after.

use std::time::Duration;

use super::scenario::MS;
use super::testbench::{CN, Heard, Leg, SETTINGS};
use super::*;
use crate::rtp::Timestamp;
use crate::rtp::sim::{Sent, SkewedClock, Talker};
use crate::rtp::splitmix::SplitMix64;
use crate::rtp::testing::fuzz;

/// Streams to try by default: about a second's worth.
const ITERATIONS: u64 = 300;

/// Headers that are nearly right, now and then wholly wrong.
struct Forger {
    random: SplitMix64,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Forger {
    fn forge(&mut self, now: Duration) -> (Sent, u8) {
        let random = &mut self.random;
        match random.below(40) {
            0 => self.ssrc = random.below(3) as u32,
            1 => self.sequence = random.next() as u16,
            2 => self.timestamp = random.next() as u32,
            3 => self.timestamp = self.timestamp.wrapping_add(random.below(8000) as u32),
            4 => self.sequence = self.sequence.wrapping_sub(random.below(130) as u16),
            5 => self.sequence = self.sequence.wrapping_add(random.below(200) as u16),
            6 => self.timestamp = self.timestamp.wrapping_sub(random.below(8000) as u32),
            _ => {}
        }
        self.sequence = self.sequence.wrapping_add(random.below(12).min(1) as u16);
        self.timestamp = self.timestamp.wrapping_add([160, 160, 160, 0, 80, 480][random.below(6) as usize]);
        let sent = Sent {
            ssrc: Ssrc(self.ssrc),
            sequence: SequenceNumber(self.sequence),
            timestamp: Timestamp(self.timestamp),
            marker: random.chance(0.1),
            at: now,
        };
        (sent, if random.chance(0.1) { CN } else { 0 })
    }
}

fn any_settings(random: &mut SplitMix64) -> JitterSettings {
    let max_ms = random.below(u64::from(MAX_DEPTH_MS) + 1) as u32;
    JitterSettings {
        min_ms: random.below(u64::from(max_ms) + 1) as u32,
        max_ms,
        frame_ms: [10, 20][random.below(2) as usize],
        clock_rate: [8000, 11_025, 48_000, 1000, 192_000][random.below(5) as usize],
        packet_ms: [1, 20, 30, 60, 5000][random.below(5) as usize],
        comfort_noise: random.chance(0.5).then_some(CN),
    }
}

/// Asks as a leg would that cannot decode everything; the answers come to an end.
fn ask_until_filled(buffer: &mut JitterBuffer, now: Instant, random: &mut SplitMix64) {
    buffer.bridge_up_to([0, 20, 300][random.below(3) as usize]);
    let mut held = if random.chance(0.1) { random.next() as u32 } else { random.below(200) as u32 };
    for _ in 0..2000 {
        match buffer.playout(now, held) {
            Playout::Packet(packet) => {
                assert!(packet.payload.len() <= MAX_PAYLOAD_BYTES && !packet.payload.is_empty());
                held = held.saturating_add(random.below(300) as u32);
            }
            Playout::Conceal { units } | Playout::Pause { units, .. } => {
                assert!(units > 0);
                held = held.saturating_add(units);
                buffer.peek_next();
                buffer.peek_behind();
            }
            Playout::Empty | Playout::Enough => return,
        }
    }
    panic!("a frame that does not end");
}

fn attack(leg: &mut Leg, random: &mut SplitMix64, now: &mut Duration) {
    let mut forger = Forger { random: *random, ssrc: 1, sequence: 0, timestamp: 0 };
    for _ in 0..600 {
        *now += Duration::from_micros(random.below(40_000));
        let burst = if random.chance(0.02) { 300 } else { 1 + random.below(3) };
        for _ in 0..burst {
            let (sent, payload_type) = forger.forge(*now);
            let before = random.up_to(60 * MS).min(*now);
            if random.chance(0.05) {
                leg.buffer.insert_other(leg.start + *now, sent.ssrc, sent.sequence);
            } else {
                leg.insert_as(*now - before, sent, payload_type);
            }
            (0..random.below(3)).for_each(|_| leg.recover(*now, sent, random.below(140) as u16));
        }
        assert!(leg.buffer.waiting() <= 128);
        let at = leg.start + *now;
        ask_until_filled(&mut leg.buffer, at, random);
        assert!(leg.buffer.target_ms() <= MAX_DEPTH_MS);
    }
    leg.check_books();
}

#[test]
fn arbitrary_streams_neither_panic_nor_hang_nor_grow() {
    fuzz(ITERATIONS, |random| {
        let mut leg = Leg::new(any_settings(random));
        let mut now = Duration::from_secs(1);
        attack(&mut leg, random, &mut now);
    });
}

#[test]
fn after_any_attack_a_clean_stream_plays_cleanly() {
    fuzz(ITERATIONS, |random| {
        let mut leg = Leg::new(SETTINGS);
        let mut now = Duration::from_secs(1);
        attack(&mut leg, random, &mut now);
        let mut talker = Talker::new(now + 7 * MS, 20, 8000, SkewedClock { ppm: 0 });
        talker.ssrc = Ssrc(random.below(4) as u32);
        for frame in 0..800 {
            now += 20 * MS;
            while talker.next_at() <= now {
                let sent = talker.send();
                leg.insert(sent.at, sent);
            }
            let heard = leg.play(now, true);
            if frame >= 700 {
                let [Heard::Packet(_, sent_us)] = heard else { panic!("{heard:?}") };
                let latency_us = now.as_micros() as u64 - sent_us;
                assert!(latency_us < 40_000, "{latency_us} µs");
            }
        }
        leg.check_books();
    });
}
