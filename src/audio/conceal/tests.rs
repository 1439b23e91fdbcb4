use super::Concealer;
use crate::audio::SampleRate;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::f64::consts::TAU;

/// A voice-like wave: a fundamental and its harmonics.
fn voice(rate: SampleRate, frequency_hz: f64, from: usize, len: usize) -> Vec<i16> {
    let wave = |n: usize| {
        let turn = TAU * frequency_hz * n as f64 / f64::from(rate.hertz());
        6_000.0 * turn.sin() + 3_000.0 * (2.0 * turn + 1.0).sin() + 1_500.0 * (5.0 * turn).cos()
    };
    (from..from + len).map(|n| wave(n) as i16).collect()
}

fn steepest(samples: &[i16]) -> u16 {
    samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or(0)
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}

/// Plays `frames` frames of 20 ms of a voice, those of `lost` concealed.
fn play(rate: SampleRate, frequency_hz: f64, frames: usize, lost: &[usize]) -> Vec<i16> {
    let (mut concealer, len) = (Concealer::new(rate), rate.samples(20));
    let mut heard = Vec::new();
    for number in 0..frames {
        let mut frame = voice(rate, frequency_hz, number * len, len);
        if lost.contains(&number) {
            concealer.conceal(&mut frame)
        } else {
            concealer.received(&mut frame)
        }
        heard.extend(frame);
    }
    heard
}

#[test]
fn samples_that_came_are_neither_changed_nor_delayed() {
    for rate in SampleRate::ALL {
        assert_eq!(play(rate, 123.0, 10, &[]), voice(rate, 123.0, 0, rate.samples(200)));
    }
}

#[test]
fn a_steady_voice_goes_on_through_a_lost_frame() {
    for rate in SampleRate::ALL {
        // From 70 Hz to above 200 Hz, where only a multiple of the period is within reach.
        for frequency_hz in [71.0, 100.0, 137.0, 190.0, 333.0] {
            let len = rate.samples(20);
            let (heard, original) =
                (play(rate, frequency_hz, 10, &[5]), voice(rate, frequency_hz, 0, 10 * len));
            // The second half is already fading, and has gone from one to two periods.
            for (half, at_least_db) in [(0, 10.0), (1, 6.0)] {
                let gap = 5 * len + half * len / 2..5 * len + (half + 1) * len / 2;
                let pairs = heard[gap.clone()].iter().zip(&original[gap.clone()]);
                let difference: Vec<i16> = pairs.map(|(a, b)| a - b).collect();
                let snr_db = 10.0 * (energy(&original[gap]) / energy(&difference)).log10();
                assert!(snr_db > at_least_db, "{rate}, {frequency_hz} Hz, half {half}: {snr_db} dB");
            }
            assert!(
                u32::from(steepest(&heard)) <= u32::from(steepest(&original)) * 5 / 4,
                "{rate}, {frequency_hz} Hz: {} beside {}",
                steepest(&heard),
                steepest(&original)
            );
            assert_eq!(
                heard[6 * len + rate.samples(10)..],
                original[6 * len + rate.samples(10)..],
                "recovered"
            );
        }
    }
}

#[test]
fn a_long_gap_fades_to_silence_in_sixty_milliseconds_and_the_voice_fades_in_again() {
    for rate in SampleRate::ALL {
        let heard = play(rate, 110.0, 20, &[5, 6, 7, 8, 9, 10, 11, 12]);
        let len = rate.samples(20);
        let levels: Vec<f64> =
            heard[5 * len..13 * len].chunks(len).map(|frame| energy(frame).sqrt()).collect();
        assert!(levels[0] > levels[1] && levels[1] > levels[2], "{levels:?}");
        assert!(levels[3..].iter().all(|&level| level == 0.0), "{levels:?}");
        assert!(
            levels[0] > 0.7 * energy(&heard[4 * len..5 * len]).sqrt(),
            "the first 10 ms are not attenuated"
        );
        let original = voice(rate, 110.0, 0, 20 * len);
        assert!(u32::from(steepest(&heard)) <= u32::from(steepest(&original)) * 3 / 2, "{rate}");
        assert_eq!(heard[14 * len..], original[14 * len..]);
    }
}

#[test]
fn a_voice_that_changes_its_pitch_joins_without_a_click_at_both_ends() {
    let rate = SampleRate::Hz8000;
    for lost in 5..12 {
        let mut concealer = Concealer::new(rate);
        let (mut heard, mut original, mut turn) = (Vec::new(), Vec::new(), 0.0);
        for number in 0..20 {
            let mut frame: Vec<i16> = (0..160)
                .map(|n| {
                    turn += TAU * (100.0 + f64::from(number * 160 + n) / 40.0) / 8000.0;
                    (7_000.0 * turn.sin() + 2_000.0 * (3.0 * turn).sin()) as i16
                })
                .collect();
            original.extend_from_slice(&frame);
            if number == lost {
                concealer.conceal(&mut frame)
            } else {
                concealer.received(&mut frame)
            }
            heard.extend(frame);
        }
        assert!(steepest(&heard) <= steepest(&original) * 3 / 2, "{lost}: {}", steepest(&heard));
    }
}

#[test]
fn a_sound_without_any_period_joins_everywhere_without_a_click() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        // Noise through two means over 24 samples: it hardly ever does what it did a while ago, but never in
        // a hurry.
        let noise: Vec<f64> = (0..3_200).map(|_| random.random_range(-60_000.0..60_000.0)).collect();
        let mean = |noise: &[f64]| -> Vec<f64> {
            noise.windows(24).map(|part| part.iter().sum::<f64>() / 24.0).collect()
        };
        let original: Vec<i16> = mean(&mean(&noise)).iter().map(|&sample| sample as i16).collect();
        let mut concealer = Concealer::new(SampleRate::Hz8000);
        let mut heard = original[..3_040].to_vec();
        for (number, frame) in heard.chunks_mut(160).enumerate() {
            // 20, 40 and 60 ms, over every change of what is repeated.
            if [6, 9, 10, 13, 14, 15].contains(&number) {
                concealer.conceal(frame)
            } else {
                concealer.received(frame)
            }
        }
        let peak = original.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        let (mine, bound) = (steepest(&heard), steepest(&original) + peak / 8);
        assert!(mine <= bound, "seed {seed}: {mine} beside {bound}");
    }
}

#[test]
fn how_a_gap_is_cut_makes_no_difference() {
    let rate = SampleRate::Hz16000;
    let start = |concealer: &mut Concealer| {
        (0..10).for_each(|n| concealer.received(&mut voice(rate, 140.0, n * 320, 320)))
    };
    let (mut whole, mut pieces) = (Concealer::new(rate), Concealer::new(rate));
    start(&mut whole);
    start(&mut pieces);
    let mut expected = vec![0; 1_200];
    whole.conceal(&mut expected);
    let mut filled = Vec::new();
    for len in [1, 0, 159, 320, 7, 513, 200] {
        let mut piece = vec![0; len];
        pieces.conceal(&mut piece);
        filled.extend(piece);
    }
    assert_eq!(filled, expected);
}

#[test]
fn noise_full_scale_silence_and_a_first_loss_do_no_harm() {
    for rate in SampleRate::ALL {
        let mut random = StdRng::seed_from_u64(3);
        let mut concealer = Concealer::new(rate);
        let mut frame = vec![5; rate.samples(20)];
        concealer.conceal(&mut frame);
        assert!(frame.iter().all(|&sample| sample == 0), "nothing came yet");
        for _ in 0..200 {
            let len = random.random_range(0..rate.samples(70));
            let mut frame: Vec<i16> = match random.random_range(0..3) {
                0 => vec![0; len],
                1 => (0..len).map(|n| if n / 30 % 2 == 0 { i16::MAX } else { i16::MIN }).collect(),
                _ => (0..len).map(|_| random.random()).collect(),
            };
            if random.random() { concealer.received(&mut frame) } else { concealer.conceal(&mut frame) }
        }
    }
}
