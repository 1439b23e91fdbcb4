//! Networks are as bad as was asked for.

use crate::network::*;
use std::time::Duration;

const PACKETS: usize = 100_000;

fn runs(lost: &[bool]) -> Vec<usize> {
    lost.split(|is_lost| !is_lost).map(<[bool]>::len).filter(|len| *len > 0).collect()
}

#[test]
fn as_much_is_lost_as_was_asked_for_in_bursts_of_that_length() {
    for (loss_percent, burst, mean) in [(5.0, 0.0, 1.05), (5.0, 1.0, 1.05), (10.0, 3.0, 3.0)] {
        let lost = Network { loss_percent, burst, ..Network::default() }.lost(PACKETS, 7);
        let count = lost.iter().filter(|lost| **lost).count() as f64;
        assert!((count * 100.0 / PACKETS as f64 - loss_percent).abs() < 0.5, "{count}");
        assert!((count / runs(&lost).len() as f64 - mean).abs() < 0.1, "{burst}");
    }
    assert!(!Network::default().lost(PACKETS, 7).contains(&true));
}

#[test]
fn a_seed_loses_the_same_whatever_else_happens() {
    let network = Network { loss_percent: 10.0, burst: 3.0, ..Network::default() };
    let shaken = Network { jitter_ms: 30.0, duplicate_percent: 5.0, ..network };
    assert_eq!(network.lost(1000, 3), shaken.lost(1000, 3));
    assert_ne!(network.lost(1000, 3), network.lost(1000, 4));
    let lost = shaken.lost(1000, 3);
    assert_eq!(shaken.departures(&lost, 3), shaken.departures(&lost, 3));
    assert!(shaken.departures(&lost, 3).iter().all(|(_, number)| !lost[*number]));
}

#[test]
fn jitter_delays_by_as_much_as_was_asked_for_and_keeps_the_order() {
    let network = Network { jitter_ms: 60.0, ..Network::default() };
    let departures = network.departures(&vec![false; PACKETS], 1);
    assert!(departures.iter().map(|(_, number)| *number).eq(0..PACKETS));
    let late = |(at, number): &(Duration, usize)| at.as_secs_f64() - *number as f64 * 0.02;
    assert!(departures.iter().map(late).all(|late| (-1e-6..0.060_001).contains(&late)));
    assert!(
        departures.iter().map(late).sum::<f64>() / PACKETS as f64 > 0.03,
        "a queue is later than its jitter"
    );
}

#[test]
fn a_fast_clock_sends_sooner() {
    let network = Network { skew_ppm: 500.0, ..Network::default() };
    let (last, _) = network.departures(&[false; 3001], 1)[3000];
    assert!((last.as_secs_f64() - 60.0 / 1.0005).abs() < 1e-6, "{last:?}");
}

#[test]
fn some_are_overtaken_and_some_come_twice() {
    let network = Network { reorder_percent: 10.0, duplicate_percent: 5.0, ..Network::default() };
    let departures = network.departures(&[false; 10_000], 1);
    assert!((10_400..10_600).contains(&departures.len()), "{}", departures.len());
    let overtaken = departures.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
    assert!((700..1100).contains(&overtaken), "{overtaken}");
}
