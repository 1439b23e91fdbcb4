//! Delays are measured as they are.

use crate::alignment::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

const RATE_HZ: usize = 8000;

/// 8 s of noise that gets louder and softer, with a second of silence first.
fn speech() -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(1);
    let mut last = 0.0;
    let mut sample = |n: usize| {
        last = 0.7 * last + random.random_range(-3000.0..3000.0);
        last * (n as f64 / 900.0).sin()
    };
    let noise = (0..7 * RATE_HZ).map(&mut sample);
    std::iter::repeat_n(0.0, RATE_HZ).chain(noise).collect()
}

fn said(samples: &[f64]) -> Said<'_> {
    Said { samples, step_seconds: 1.0 / RATE_HZ as f64 }
}

/// As if each packet of 20 ms came `late` seconds after its first sample was said.
fn heard(samples: Vec<f64>, late: impl Fn(usize) -> f64) -> Heard {
    let places = (0..samples.len()).step_by(160).map(|place| (place, place as f64 / 8000.0 + late(place)));
    Heard { places: places.collect(), samples, rate_hz: 8000.0 }
}

#[test]
fn a_delay_is_measured_to_the_sample() {
    let speech = speech();
    let prompt = RATE_HZ..7 * RATE_HZ;
    // 100 samples later in the stream, and packets 3 ms after their time: 12.5 and 3 ms.
    let later = std::iter::repeat_n(0.0, 100).chain(speech.iter().map(|sample| sample * 0.5)).collect();
    let heard = heard(later, |_| 0.003);
    let place = heard.find(said(&speech), &prompt).unwrap();
    assert_eq!(place, prompt.start + 100);
    let slices = heard.slices(said(&speech), &prompt, place);
    assert_eq!(slices.len(), 6);
    for slice in &slices {
        assert!((slice.delay_ms.unwrap() - 15.5).abs() < 0.01, "{slice:?}");
    }
    assert_eq!(drift_ms(&slices), None, "six slices are too few");
}

#[test]
fn a_single_late_packet_is_not_the_delay_of_its_second() {
    let speech = speech();
    let prompt = RATE_HZ..7 * RATE_HZ;
    let heard = heard(speech.clone(), |place| if place % 8000 == 1600 { 0.2 } else { 0.004 });
    let slices = heard.slices(said(&speech), &prompt, prompt.start);
    assert!(slices.iter().all(|slice| (slice.delay_ms.unwrap() - 4.0).abs() < 0.01), "{slices:?}");
}

#[test]
fn what_was_not_heard_is_not_found() {
    let speech = speech();
    let prompt = RATE_HZ..7 * RATE_HZ;
    let silence = heard(vec![0.0; speech.len()], |_| 0.0);
    let slices = silence.slices(said(&speech), &prompt, prompt.start);
    assert!(slices.iter().all(|slice| slice.delay_ms.is_none()), "{slices:?}");
    assert!(silence.slices(said(&speech), &(0..RATE_HZ), 0).is_empty(), "a pause is not looked for");
    let nothing = Heard { samples: Vec::new(), rate_hz: 8000.0, places: Vec::new() };
    assert_eq!(nothing.find(said(&speech), &prompt), None);
    let short = heard(speech[..2 * RATE_HZ].to_vec(), |_| 0.0);
    assert_eq!(short.find(said(&speech), &prompt), None);
}

#[test]
fn a_queue_that_grows_shows_as_drift() {
    let slice = |n: u32| Slice { at_seconds: f64::from(n), delay_ms: Some(20.0 + 0.5 * f64::from(n)) };
    let slices: Vec<Slice> = (0..60).map(slice).collect();
    assert!((drift_ms(&slices).unwrap() - 30.0).abs() < 1e-9);
}
