//! A talker, a network and a leg for a stretch of virtual time, and what came of it.

use std::time::Duration;

use super::testbench::{Heard, Leg, SETTINGS};
use super::{JitterCounters, JitterSettings};
use crate::rtp::sim::{Conditions, Link, SkewedClock, Talker};
use crate::rtp::splitmix::SplitMix64;

pub(super) const MS: Duration = Duration::from_millis(1);

/// How the talker talks, and when the leg finds it quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// Packets without end, never quiet: music.
    Music,
    /// Packets without end, quiet for 0.4 s every 2 s.
    Talk,
    /// Packets for 1.6 s, none for 0.4 s: silence suppression.
    Suppressed,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    pub(super) settings: JitterSettings,
    pub(super) conditions: Conditions,
    pub(super) speech: Speech,
    pub(super) ppm: i64,
    pub(super) length: Duration,
    /// By how much the leg can change a packet's length at once, in timestamp units.
    pub(super) stretch_most: u32,
    /// How many packets before it each one carries copies of.
    pub(super) copies: u16,
    /// How much of what was before them the packets carry.
    pub(super) reach_ms: u32,
}

impl Scenario {
    pub(super) fn new(seed: u64, conditions: Conditions) -> Scenario {
        let length = Duration::from_secs(20);
        Scenario {
            seed,
            settings: SETTINGS,
            conditions,
            speech: Speech::Talk,
            ppm: 0,
            length,
            stretch_most: u32::MAX,
            copies: 0,
            reach_ms: 0,
        }
    }
}

/// What was heard.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) counters: JitterCounters,
    pub(super) sent: u64,
    pub(super) lost_by_link: u64,
    pub(super) frames: u64,
    /// Frames with nothing to play after the first packet was played.
    pub(super) empty_frames: u64,
    pub(super) concealed_frames: u64,
    /// Concealments for which the packet behind the gap was there.
    pub(super) bridged: u64,
    /// Those for which a packet was there that reaches so far back.
    pub(super) reached: u64,
    /// From sending to the frame a packet is played in, of each packet, in µs.
    pub(super) latencies_us: Vec<u32>,
    /// The same, mean by minute.
    pub(super) minutes_us: Vec<u64>,
    pub(super) most_waiting: usize,
}

impl Outcome {
    /// The latency that this share of the packets keeps, in ms.
    pub(super) fn latency_ms(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        f64::from(sorted[(sorted.len() - 1) * percent / 100]) / 1000.0
    }
}

/// A network that can be changed under way: at each frame `change` may say what it is from now on.
pub(super) fn run_changing(
    scenario: &Scenario,
    mut change: impl FnMut(Duration) -> Option<Conditions>,
) -> Outcome {
    let mut random = SplitMix64::new(scenario.seed ^ 0xF00D);
    let settings = scenario.settings;
    let phase = random.up_to(Duration::from_millis(u64::from(settings.frame_ms)));
    let clock = SkewedClock { ppm: scenario.ppm };
    let mut talker = Talker::new(100 * MS + phase, settings.packet_ms, settings.clock_rate, clock);
    let mut link = Link::new(scenario.seed, scenario.conditions);
    let mut leg = Leg::new(settings);
    leg.stretch_most = scenario.stretch_most;
    leg.reach_units = scenario.reach_ms * settings.clock_rate / 1000;
    leg.buffer.bridge_up_to(scenario.reach_ms);
    let mut outcome = Outcome::default();
    let mut minute = (0, 0);
    let mut last = None;
    let mut now = Duration::ZERO;
    while now < scenario.length {
        now += Duration::from_millis(u64::from(settings.frame_ms));
        if let Some(conditions) = change(now) {
            link.change(conditions);
        }
        talk(scenario, &mut talker, &mut link, now, &mut outcome.sent);
        while let Some((at, sent)) = link.receive(now) {
            leg.insert(at, sent);
            (1..=scenario.copies).rev().for_each(|back| leg.recover(at, sent, back));
        }
        outcome.most_waiting = outcome.most_waiting.max(leg.buffer.waiting());
        let quiet = scenario.speech != Speech::Music && now.as_millis() % 2000 < 400;
        hear(leg.play(now, quiet), now, &mut outcome, &mut last, &mut minute);
    }
    leg.check_books();
    outcome.counters = *leg.buffer.counters();
    outcome.lost_by_link = link.lost();
    (outcome.bridged, outcome.reached) = (leg.bridged, leg.reached);
    outcome
}

pub(super) fn run(scenario: &Scenario) -> Outcome {
    run_changing(scenario, |_| None)
}

fn talk(
    scenario: &Scenario,
    talker: &mut Talker,
    link: &mut Link<crate::rtp::sim::Sent>,
    now: Duration,
    sent: &mut u64,
) {
    while talker.next_at() <= now {
        let pauses = scenario.speech == Speech::Suppressed && talker.next_at().as_millis() % 2000 < 400;
        if pauses {
            talker.pause(400 / scenario.settings.packet_ms);
            continue;
        }
        let packet = talker.send();
        link.send(packet.at, packet);
        *sent += 1;
    }
}

fn hear(
    heard: &[Heard],
    now: Duration,
    outcome: &mut Outcome,
    last: &mut Option<u16>,
    minute: &mut (u64, u64),
) {
    outcome.frames += 1;
    outcome.concealed_frames += u64::from(heard.contains(&Heard::Conceal));
    outcome.empty_frames += u64::from(heard.contains(&Heard::Empty) && last.is_some());
    for heard in heard {
        let Heard::Packet(sequence, sent_us) = *heard else { continue };
        let forward = last.map_or(1, |last| sequence.wrapping_sub(last) as i16);
        assert!(forward > 0, "{sequence} after {last:?}");
        *last = Some(sequence);
        let latency_us = now.as_micros() as u64 - sent_us;
        outcome.latencies_us.push(latency_us as u32);
        *minute = (minute.0 + latency_us, minute.1 + 1);
    }
    if now.as_secs() / 60 > outcome.minutes_us.len() as u64 && minute.1 > 0 {
        outcome.minutes_us.push(minute.0 / minute.1);
        *minute = (0, 0);
    }
}
