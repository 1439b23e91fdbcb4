//! Seeded networks: what a listener gets through loss, jitter, bursts and clocks that disagree.

use std::time::Duration;

use super::scenario::{MS, Outcome, Scenario, Speech, run, run_changing};
use super::testbench::SETTINGS;
use super::*;
use crate::rtp::sim::{Conditions, Loss};
use crate::rtp::splitmix::SplitMix64;

const HOUR: Duration = Duration::from_secs(3600);

/// How long the simulated calls against clock skew last: an hour with `ANTIPHON_FULL_SIMULATION` set.
fn long_call() -> Duration {
    if std::env::var_os("ANTIPHON_FULL_SIMULATION").is_some() { HOUR } else { HOUR / 6 }
}

/// Passages of thousands of networks.
fn scenarios() -> u64 {
    if std::env::var_os("ANTIPHON_FULL_SIMULATION").is_some() { 10_000 } else { 1_000 }
}

#[test]
fn on_a_loopback_path_a_packet_waits_for_little_more_than_its_frame() {
    let mut all = Outcome::default();
    for seed in 0..200 {
        let conditions = Conditions { jitter: MS / 2, ..Conditions::default() };
        let outcome = run(&Scenario::new(seed, conditions));
        assert_eq!((outcome.counters.lost, outcome.counters.late), (0, 0), "seed {seed}");
        assert!(outcome.concealed_frames <= 1, "seed {seed}: {outcome:?}");
        all.latencies_us.extend(outcome.latencies_us);
    }
    let (half, most) = (all.latency_ms(50), all.latency_ms(99));
    assert!(half < 13.0 && most < 23.0, "p50 {half} ms, p99 {most} ms");
}

#[test]
fn random_loss_costs_the_lost_packets_only() {
    for seed in 0..50 {
        let conditions = Conditions { loss: Loss::Random(0.1), delay: 30 * MS, ..Conditions::default() };
        let outcome = run(&Scenario::new(seed, conditions));
        assert!(outcome.counters.lost.abs_diff(outcome.lost_by_link) <= 2, "seed {seed}: {outcome:?}");
        assert_eq!(outcome.counters.late, 0, "seed {seed}");
        assert!(outcome.concealed_frames <= outcome.lost_by_link + 2, "seed {seed}");
        assert!(outcome.latency_ms(99) < 73.0, "seed {seed}: {}", outcome.latency_ms(99));
    }
}

#[test]
fn rare_random_loss_adds_nothing_to_the_latency_of_a_clean_network() {
    for seed in 0..50 {
        let conditions = Conditions { loss: Loss::Random(0.001), delay: 30 * MS, ..Conditions::default() };
        let outcome = run(&Scenario::new(seed, conditions));
        assert!(outcome.latency_ms(99) < 53.0, "seed {seed}: {}", outcome.latency_ms(99));
    }
}

#[test]
fn where_losses_are_frequent_the_packet_behind_a_gap_is_there_when_it_is_due() {
    for jitter_ms in [0, 5, 30] {
        let (mut lost, mut bridged, mut before_ms, mut after_ms) = (0, 0, 0.0, 0.0);
        for seed in 0..20 {
            let length = 60 * 1000 * MS;
            let clean = Conditions { delay: 20 * MS, jitter: jitter_ms * MS, ..Conditions::default() };
            let lossy = Conditions { loss: Loss::Random(0.05), ..clean };
            before_ms += run(&Scenario { length, ..Scenario::new(seed, clean) }).latency_ms(95) / 20.0;
            let outcome = run(&Scenario { length, ..Scenario::new(seed, lossy) });
            after_ms += outcome.latency_ms(95) / 20.0;
            lost += outcome.lost_by_link;
            bridged += outcome.bridged;
        }
        // One in twenty is lost together with the packet behind it; the first gaps come unexpected.
        assert!(bridged * 100 > lost * 90, "{jitter_ms} ms: {bridged} of {lost}");
        assert!(after_ms < before_ms + 22.0, "{jitter_ms} ms: {after_ms} ms, without loss {before_ms} ms");
    }
}

/// What comes of a minute through each of twenty such networks.
fn minutes(conditions: Conditions, reach_ms: u32) -> Vec<Outcome> {
    let minute =
        |seed| run(&Scenario { length: 60 * 1000 * MS, reach_ms, ..Scenario::new(seed, conditions) });
    (0..20).map(minute).collect()
}

/// One in ten lost, so many in a row in the mean.
fn in_bursts_of(mean: f64) -> Loss {
    Loss::Burst { to_bad: 0.1 / 0.9 / mean, to_good: 1.0 / mean, loss_good: 0.0, loss_bad: 1.0 }
}

#[test]
fn where_long_gaps_are_frequent_the_packet_behind_them_is_waited_for_if_it_reaches_back() {
    // Of a gap longer than `jitter-max-ms` the rest can be reached alone.
    for (mean, least_percent) in [(5.0, 75), (10.0, 38)] {
        for jitter in [Duration::ZERO, 30 * MS] {
            let conditions =
                Conditions { loss: in_bursts_of(mean), delay: 20 * MS, jitter, ..Conditions::default() };
            let outcomes = minutes(conditions, 300);
            let lost: u64 = outcomes.iter().map(|outcome| outcome.lost_by_link).sum();
            let reached: u64 = outcomes.iter().map(|outcome| outcome.reached).sum();
            let percent = reached * 100 / lost;
            assert!(percent >= least_percent, "{mean} in a row, {jitter:?}: {percent} % of {lost}");
            let slowest_ms = outcomes.iter().map(|outcome| outcome.latency_ms(90)).fold(0.0, f64::max);
            assert!(slowest_ms < 20.0 + 200.0 + 35.0, "{mean} in a row, {jitter:?}: {slowest_ms} ms");
        }
    }
}

#[test]
fn gaps_as_long_as_the_buffer_may_be_deep_are_all_reached_once_they_are_known() {
    let clean = Conditions { delay: 20 * MS, jitter: 10 * MS, ..Conditions::default() };
    let lossy = Conditions { loss: Loss::Random(1.0), ..clean };
    for seed in 0..20 {
        let scenario = Scenario { length: 60 * 1000 * MS, reach_ms: 300, ..Scenario::new(seed, clean) };
        let outcome = run_changing(&scenario, |now| match now.as_millis() % 1600 {
            1000 => Some(lossy),
            1160 => Some(clean),
            _ => None,
        });
        assert!(outcome.reached * 100 >= outcome.lost_by_link * 90, "seed {seed}: {outcome:?}");
    }
}

#[test]
fn redundancy_makes_nothing_wait_where_long_gaps_are_rare_or_are_none() {
    let path = Conditions { delay: 20 * MS, jitter: 10 * MS, ..Conditions::default() };
    let stalls = Conditions { stall_chance: 0.005, stall: 150 * MS, ..path };
    let single = Conditions { loss: Loss::Random(0.03), ..path };
    for (name, conditions) in [("clean", path), ("stalls", stalls), ("single losses", single)] {
        let mean_ms = |reach_ms| {
            let outcomes = minutes(conditions, reach_ms);
            outcomes.iter().map(|outcome| outcome.latency_ms(50)).sum::<f64>() / 20.0
        };
        let (without_ms, with_ms) = (mean_ms(0), mean_ms(300));
        assert!(with_ms < without_ms + 1.0, "{name}: {with_ms} ms beside {without_ms} ms");
    }
}

#[test]
fn where_losses_are_rare_nothing_waits_for_them() {
    let mut longer_ms = 0.0;
    for seed in 0..20 {
        let clean = Conditions { delay: 20 * MS, jitter: 10 * MS, ..Conditions::default() };
        let length = 60 * 1000 * MS;
        let scenario = Scenario { length, ..Scenario::new(seed, clean) };
        let lossy = Conditions { loss: Loss::Random(1.0), ..clean };
        let outcome = run_changing(&scenario, |now| match now.as_millis() % 4000 {
            2000 => Some(lossy),
            2020 => Some(clean),
            _ => None,
        });
        let lost = outcome.lost_by_link;
        assert!((10..20).contains(&lost), "seed {seed}: {lost} lost");
        longer_ms += (outcome.latency_ms(90) - run(&scenario).latency_ms(90)) / 20.0;
    }
    assert!(longer_ms.abs() < 2.0, "{longer_ms} ms longer than without loss");
}

#[test]
fn a_while_after_the_last_losses_nothing_waits_for_them_any_more() {
    let clean = Conditions { delay: 20 * MS, jitter: 10 * MS, ..Conditions::default() };
    let lossy = Conditions { loss: Loss::Random(0.1), ..clean };
    let mut back = 0;
    for seed in 0..20 {
        let scenario = Scenario { length: 40 * 1000 * MS, ..Scenario::new(seed, clean) };
        let outcome = run_changing(&scenario, |now| match now.as_millis() {
            10_000 => Some(lossy),
            20_000 => Some(clean),
            _ => None,
        });
        let mean_ms = |latencies: &[u32]| {
            latencies.iter().map(|&us| f64::from(us)).sum::<f64>() / latencies.len() as f64 / 1000.0
        };
        let latencies = &outcome.latencies_us;
        let calm_ms = mean_ms(&latencies[200..450]);
        let lossy_ms = mean_ms(&latencies[650..850]);
        let after_ms = mean_ms(&latencies[latencies.len() - 400..]);
        assert!(lossy_ms > calm_ms + 12.0, "seed {seed}: {calm_ms} ms, then {lossy_ms} ms");
        back += usize::from(after_ms < calm_ms + 1.0);
    }
    // What is within an eighth of a packet of needing the depth keeps it, lest it swing.
    assert!(back >= 13, "{back} of 20");
}

#[test]
fn steady_jitter_is_learned_in_a_second_and_then_costs_few_packets() {
    for jitter_ms in [10, 30, 60, 100] {
        for in_order in [true, false] {
            let (mut played, mut late) = (0, 0);
            for seed in 0..20 {
                let conditions = Conditions { jitter: jitter_ms * MS, in_order, ..Conditions::default() };
                let outcome = run(&Scenario::new(seed, conditions));
                played += outcome.counters.played;
                late += outcome.counters.late;
                let most = outcome.latency_ms(95);
                assert!(most < jitter_ms as f64 + 27.0, "seed {seed}, {jitter_ms} ms: {most}");
                assert!(outcome.empty_frames <= 3, "seed {seed}, {jitter_ms} ms");
            }
            assert!(late * 100 < played, "{jitter_ms} ms, in order {in_order}: {late} late of {played}");
        }
    }
}

/// The median of the latencies of the packets sent in these seconds of `outcome`, in ms.
fn median_ms(outcome: &Outcome, seconds: std::ops::Range<usize>) -> f64 {
    let mut latencies_us = outcome.latencies_us[50 * seconds.start..50 * seconds.end].to_vec();
    latencies_us.sort_unstable();
    f64::from(latencies_us[latencies_us.len() / 2]) / 1000.0
}

#[test]
fn jitter_of_60_ms_costs_65_ms_and_a_frame_in_a_hundred_and_is_forgotten_in_ten_seconds() {
    let calm = Conditions { delay: 10 * MS, jitter: MS / 2, ..Conditions::default() };
    let jittery = Conditions { jitter: 60 * MS, ..calm };
    for seed in 0..50 {
        let scenario = Scenario { length: 80 * 1000 * MS, ..Scenario::new(seed, calm) };
        let outcome = run_changing(&scenario, |now| match now.as_millis() {
            20_000 => Some(jittery),
            60_000 => Some(calm),
            _ => None,
        });
        let [before_ms, during_ms, after_ms] =
            [5..19, 20..59, 70..78].map(|seconds| median_ms(&outcome, seconds));
        assert!(during_ms < before_ms + 65.0, "seed {seed}: {before_ms} ms, then {during_ms} ms");
        assert!(outcome.concealed_frames <= 20, "seed {seed}: {} of 2000", outcome.concealed_frames);
        assert!(after_ms < before_ms + 20.0, "seed {seed}: {before_ms} ms, at last {after_ms} ms");
    }
}

#[test]
fn a_lost_burst_leaves_no_delay_behind() {
    let calm = Conditions { delay: 10 * MS, jitter: MS, ..Conditions::default() };
    let lost = Conditions { loss: Loss::Random(1.0), ..calm };
    for (burst_ms, seed) in [60, 100, 200, 400, 1000].into_iter().flat_map(|ms| (0..10).map(move |s| (ms, s)))
    {
        let scenario =
            Scenario { speech: Speech::Music, length: 20 * 1000 * MS, ..Scenario::new(seed, calm) };
        let outcome = run_changing(&scenario, |now| match now.as_millis() {
            8_000 => Some(lost),
            passed if passed == 8_000 + burst_ms => Some(calm),
            _ => None,
        });
        let (before_ms, after_ms) = (median_ms(&outcome, 3..7), median_ms(&outcome, 14..18));
        assert!(after_ms < before_ms + 1.5, "{burst_ms} ms, seed {seed}: {before_ms} ms, then {after_ms} ms");
    }
}

#[test]
fn a_network_that_does_not_change_is_left_alone_once_known() {
    for jitter_ms in [0, 3, 11, 25] {
        for seed in 0..20 {
            let conditions = Conditions { jitter: jitter_ms * MS, ..Conditions::default() };
            let counters =
                run(&Scenario { length: 60 * 1000 * MS, ..Scenario::new(seed, conditions) }).counters;
            let changed = counters.shortened_units + counters.lengthened_units;
            assert!(changed <= 5 * 160, "seed {seed}, {jitter_ms} ms: {counters:?}");
        }
    }
}

#[test]
fn reordering_is_waited_for_once_known_even_in_music() {
    for seed in 0..20 {
        let reorder =
            Conditions { reorder_chance: 0.1, reorder: 35 * MS, in_order: false, ..Conditions::default() };
        let scenario = Scenario { speech: Speech::Music, ..Scenario::new(seed, reorder) };
        let counters = run(&scenario).counters;
        assert!(counters.late <= 6 && counters.lost == 0, "seed {seed}: {counters:?}");
    }
}

#[test]
fn one_stall_of_the_network_leaves_no_delay_behind() {
    let calm = Conditions { delay: 10 * MS, jitter: MS, ..Conditions::default() };
    let stall = Conditions { stall_chance: 1.0, stall: 300 * MS, ..calm };
    for seed in 0..50 {
        let outcome = run_changing(&Scenario::new(seed, calm), |now| match now.as_millis() {
            10_000 => Some(stall),
            10_020 => Some(calm),
            _ => None,
        });
        let after_us = &outcome.latencies_us[outcome.latencies_us.len() - 400..];
        assert!(after_us.iter().all(|&latency_us| latency_us < 40_000), "seed {seed}");
        assert!(outcome.counters.late <= 16, "seed {seed}: {outcome:?}");
    }
}

#[test]
fn after_a_bad_passage_the_depth_falls_back_within_ten_seconds_or_the_next_quiet_moment() {
    let calm = Conditions { jitter: MS, ..Conditions::default() };
    let bad = Conditions { jitter: 120 * MS, in_order: false, ..Conditions::default() };
    for (speech, wait_s) in [(Speech::Talk, 10), (Speech::Suppressed, 10), (Speech::Music, 14)] {
        for seed in 0..20 {
            let scenario = Scenario { speech, length: 40 * 1000 * MS, ..Scenario::new(seed, calm) };
            let outcome = run_changing(&scenario, |now| match now.as_millis() {
                10_000 => Some(bad),
                20_000 => Some(calm),
                _ => None,
            });
            let packets_per_s = outcome.latencies_us.len() / 40;
            let (from, until) = (12 * packets_per_s, 20 * packets_per_s);
            let deep = outcome.latencies_us[from..until].iter().filter(|&&us| us > 90_000).count();
            assert!(deep > (until - from) / 2, "seed {seed}: it became deep enough");
            let after_us = &outcome.latencies_us[(21 + wait_s) * packets_per_s..];
            assert!(after_us.iter().all(|&us| us < 30_000), "seed {seed}, {speech:?}");
        }
    }
}

#[test]
fn a_longer_way_is_followed_and_a_shorter_one_too() {
    let near = Conditions { delay: 20 * MS, jitter: 2 * MS, ..Conditions::default() };
    for far_ms in [30, 80, 150, 400, 1500] {
        let far = Conditions { delay: far_ms * MS, ..near };
        let scenario = Scenario { length: 60 * 1000 * MS, ..Scenario::new(u64::from(far_ms), near) };
        let outcome = run_changing(&scenario, |now| match now.as_millis() {
            15_000 => Some(far),
            35_000 => Some(near),
            _ => None,
        });
        let worst_ms = |from: usize, until: usize| {
            let packets_per_s = outcome.latencies_us.len() / 60;
            let span = &outcome.latencies_us[from * packets_per_s..until * packets_per_s];
            f64::from(*span.iter().max().unwrap()) / 1000.0
        };
        assert!(worst_ms(27, 32) < f64::from(far_ms) + 30.0, "{far_ms}: {}", worst_ms(27, 32));
        assert!(worst_ms(50, 59) < 50.0, "{far_ms}: {}", worst_ms(50, 59));
        assert!(outcome.counters.late < 60, "{far_ms}: {:?}", outcome.counters);
    }
}

#[test]
fn for_an_hour_a_clock_300_ppm_off_neither_fills_the_buffer_nor_runs_it_dry() {
    for seed in 0..10 {
        let mut random = SplitMix64::new(seed);
        let ppm = random.below(601) as i64 - 300;
        check_skewed(Scenario { ppm, speech: Speech::Talk, length: HOUR, ..any_jitter(seed) });
        let ppm = if seed % 2 == 0 { 300 } else { -300 };
        check_skewed(Scenario { ppm, speech: Speech::Music, length: HOUR, ..any_jitter(seed) });
    }
}

#[test]
fn nor_does_one_1000_ppm_off() {
    for seed in 10..20 {
        for ppm in [-1000, 1000] {
            for speech in [Speech::Music, Speech::Talk] {
                check_skewed(Scenario { ppm, speech, length: long_call(), ..any_jitter(seed) });
            }
        }
    }
}

#[test]
fn a_leg_that_stretches_a_little_at_a_time_gets_there_too() {
    for seed in 20..30 {
        for ppm in [-300, 300] {
            for stretch_most in [1, 37, 80] {
                let scenario = Scenario { ppm, length: long_call(), stretch_most, ..any_jitter(seed) };
                check_skewed(scenario);
            }
        }
    }
}

#[test]
fn a_leg_that_cannot_stretch_at_all_stays_within_the_largest_depth() {
    for packet_ms in [10, 20, 60] {
        for ppm in [-1000, 1000] {
            let settings = JitterSettings { packet_ms, max_ms: 60, ..SETTINGS };
            let new = Scenario::new(1, Conditions { jitter: 10 * MS, ..Conditions::default() });
            let outcome = run(&Scenario { ppm, settings, stretch_most: 0, length: HOUR / 6, ..new });
            let worst = outcome.latency_ms(100);
            assert!(
                worst < 60.0 + 10.0 + f64::from(packet_ms) * 1.25 + 30.0,
                "{packet_ms}, {ppm}: {worst} ms"
            );
            assert_eq!((outcome.empty_frames, outcome.counters.lost), (0, 0));
            let useless = outcome.counters.late + outcome.counters.discarded;
            assert!(useless * 100 < outcome.sent, "{packet_ms}, {ppm}: {:?}", outcome.counters);
        }
    }
}

fn any_jitter(seed: u64) -> Scenario {
    let jitter = SplitMix64::new(seed).up_to(40 * MS);
    Scenario::new(seed, Conditions { delay: 20 * MS, jitter, ..Conditions::default() })
}

fn check_skewed(scenario: Scenario) {
    let Scenario { seed, ppm, speech, stretch_most, .. } = scenario;
    let drift = Duration::from_micros(12 * ppm.unsigned_abs());
    let which = format!("seed {seed}, {ppm} ppm, {speech:?}, {stretch_most} at most");
    check_long_call(&run(&scenario), scenario.conditions.jitter + drift, &which);
}

/// `jitter` and how far the clocks drift apart until that is seen are the price; on top come the network's
/// 20 ms, and up to a frame and a quarter between arrival and playout.
fn check_long_call(outcome: &Outcome, jitter: Duration, which: &str) {
    let bound_us = 20_000 + jitter.as_micros() as u64 + 25_000;
    for (minute, &mean_us) in outcome.minutes_us.iter().enumerate() {
        assert!(mean_us < bound_us, "{which}: {mean_us} µs in minute {minute}, allowed {bound_us}");
    }
    let worst_us = u64::from(*outcome.latencies_us.iter().max().unwrap());
    assert!(worst_us < bound_us + 30_000, "{which}: {worst_us} µs at worst");
    assert_eq!(outcome.empty_frames, 0, "{which}");
    assert!(outcome.counters.late * 100 < outcome.sent, "{which}: {:?}", outcome.counters);
    assert_eq!(outcome.counters.lost, 0, "{which}");
    let concealed = outcome.concealed_frames;
    assert!(concealed * 80 < outcome.frames, "{which}: {concealed} frames concealed");
    assert!(outcome.most_waiting <= 8, "{which}: {}", outcome.most_waiting);
}

fn any_conditions(random: &mut SplitMix64) -> Conditions {
    let loss = match random.below(3) {
        0 => Loss::None,
        1 => Loss::Random(0.3 * random.fraction()),
        _ => Loss::Burst {
            to_bad: 0.05 * random.fraction(),
            to_good: 0.1 + 0.5 * random.fraction(),
            loss_good: 0.01 * random.fraction(),
            loss_bad: random.fraction(),
        },
    };
    let rarely = |random: &mut SplitMix64, probability| if random.chance(0.3) { probability } else { 0.0 };
    Conditions {
        loss,
        delay: random.up_to(200 * MS),
        jitter: random.up_to(80 * MS),
        tail: random.up_to(20 * MS),
        stall_chance: rarely(random, 0.003),
        stall: random.up_to(500 * MS),
        reorder_chance: rarely(random, 0.05),
        reorder: random.up_to(60 * MS),
        duplicate_chance: rarely(random, 0.05),
        in_order: random.chance(0.5),
    }
}

fn any_scenario(seed: u64) -> Scenario {
    let mut random = SplitMix64::new(seed);
    let packet_ms = [10, 20, 30, 40, 60][random.below(5) as usize];
    let frame_ms = [10, 20][random.below(2) as usize];
    let clock_rate = [8000, 48_000][random.below(2) as usize];
    let min_ms = [0, 0, 20, 60][random.below(4) as usize];
    let settings = JitterSettings { packet_ms, frame_ms, clock_rate, min_ms, ..SETTINGS };
    let speech = [Speech::Music, Speech::Talk, Speech::Suppressed][random.below(3) as usize];
    let ppm = random.below(2001) as i64 - 1000;
    let conditions = any_conditions(&mut random);
    let length = (5000 + random.below(10_000) as u32) * MS;
    Scenario { settings, speech, ppm, length, ..Scenario::new(seed, conditions) }
}

#[test]
fn whatever_the_network_does_packets_play_once_in_order_in_time_and_are_accounted_for() {
    for seed in 0..scenarios() {
        let scenario = any_scenario(seed);
        let outcome = run(&scenario);
        let conditions = &scenario.conditions;
        let counters = &outcome.counters;
        let settings = &scenario.settings;
        let may_last = conditions.delay
            + conditions.stall
            + (settings.max_ms + 2 * settings.packet_ms + 2 * settings.frame_ms) * MS
            + 100 * MS;
        let worst = Duration::from_micros(u64::from(*outcome.latencies_us.iter().max().unwrap_or(&0)));
        assert!(worst <= may_last, "seed {seed}: {worst:?} > {may_last:?} in {scenario:?}: {counters:?}");
        assert_eq!(counters.restarts, 0, "seed {seed}: {scenario:?}");
        assert!(counters.lost <= outcome.lost_by_link + 64, "seed {seed}: {scenario:?} {counters:?}");
        let came = outcome.sent - outcome.lost_by_link;
        assert!(counters.played * 10 >= came * 7, "seed {seed}: {scenario:?} {counters:?}");
    }
}
