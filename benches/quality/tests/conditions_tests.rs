//! What is wanted, and whether it is so.

use crate::codec::Codec;
use crate::conditions::*;
use crate::network::Network;
use crate::outcome::Outcome;

fn outcome(pesq: f64, delay_ms: f64, drift_ms: f64) -> Outcome {
    Outcome {
        pesq: vec![pesq; 3],
        delays_ms: vec![delay_ms; 5],
        drift_ms: Some(drift_ms),
        best: 4.1,
        bound: Some(3.0),
        ..Outcome::default()
    }
}

fn failed(index: usize, codec: Codec, outcome: &Outcome, clean: &Outcome) -> Vec<String> {
    let wishes = Condition::standard(false)[index].wishes(codec, outcome, Some(clean));
    wishes.into_iter().filter(|wish| !wish.holds).map(|wish| wish.text).collect()
}

#[test]
fn a_condition_is_called_by_what_it_does() {
    let names: Vec<String> = Condition::standard(false).iter().map(ToString::to_string).collect();
    let expected = [
        "clean",
        "5 % loss, 30 ms jitter",
        "10 % loss in bursts of 3, 30 ms jitter",
        "60 ms jitter",
        "+500 ppm",
        "-500 ppm",
        "10 % loss in bursts of 10",
        "10 % loss in bursts of 10, DRED",
    ];
    assert_eq!(names, expected);
    assert_eq!(Condition::standard(true).len(), 3);
    let network = Network { reorder_percent: 1.0, duplicate_percent: 2.0, ..Network::default() };
    let own = Condition { kind: Kind::Own, network, least_seconds: 0 };
    assert_eq!(own.to_string(), "1 % reordered, 2 % twice");
    assert!(own.wishes(Codec::Opus, &outcome(1.0, 1e3, 1e3), None).is_empty());
}

#[test]
fn wishes_are_measured_against_bounds_and_the_clean_call() {
    let clean = outcome(4.06, 12.0, 0.0);
    assert!(failed(0, Codec::Pcmu, &clean, &clean).is_empty());
    let poor = outcome(2.9, 100.0, 3.0);
    assert_eq!(failed(0, Codec::Pcmu, &poor, &clean), ["PESQ ≥ 4.05", "p50 ≤ 15 ms", "p99 ≤ 25 ms"]);
    assert_eq!(failed(1, Codec::Pcma, &poor, &clean), ["PESQ ≥ 3.15", "p95 ≤ 92 ms"]);
    assert_eq!(failed(1, Codec::Opus, &poor, &clean), ["PESQ ≥ 3.00", "p95 ≤ 92 ms"]);
    assert_eq!(failed(2, Codec::Pcmu, &poor, &clean), ["p95 ≤ 92 ms"]);
    assert_eq!(failed(2, Codec::Opus, &outcome(2.5, 10.0, 0.0), &clean), ["PESQ ≥ 3.00"]);
    let unlucky = Outcome { bound: Some(2.3), ..outcome(2.5, 10.0, 0.0) };
    assert_eq!(failed(1, Codec::Opus, &unlucky, &clean), ["PESQ ≥ 3.00"]);
    assert_eq!(failed(2, Codec::Opus, &unlucky, &clean), ["PESQ ≥ 2.53"]);
    assert_eq!(failed(3, Codec::Pcmu, &poor, &clean), ["p50 ≤ 77 ms"]);
    assert_eq!(failed(4, Codec::Pcmu, &poor, &clean), ["drift ≤ 2 ms/min"]);
    assert!(failed(5, Codec::Opus, &outcome(1.0, 1.0, -2.0), &clean).is_empty());
}

#[test]
fn deep_redundancy_has_to_bring_something_beside_in_band_copies_and_is_opus_alone() {
    let clean = outcome(4.06, 12.0, 0.0);
    assert!(
        failed(6, Codec::Opus, &outcome(1.0, 500.0, 0.0), &clean).is_empty(),
        "it is what the next is beside"
    );
    assert_eq!(failed(7, Codec::Opus, &outcome(3.29, 500.0, 0.0), &clean), ["PESQ ≥ 3.30"]);
    assert!(failed(7, Codec::Opus, &outcome(3.31, 500.0, 0.0), &clean).is_empty());
    let for_g711: Vec<bool> =
        Condition::standard(false).iter().map(|condition| condition.kind.is_for(Codec::Pcmu)).collect();
    assert_eq!(for_g711, [true, true, true, true, true, true, false, false]);
    assert!(Condition::long_bursts().iter().all(|condition| condition.kind.is_for(Codec::Opus)));
}
