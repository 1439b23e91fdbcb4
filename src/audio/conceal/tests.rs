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
            concealer.conceal(&mut frame, None)
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
fn a_long_gap_fades_to_silence_in_a_hundred_milliseconds_and_the_voice_fades_in_again() {
    for rate in SampleRate::ALL {
        let heard = play(rate, 110.0, 20, &[5, 6, 7, 8, 9, 10, 11, 12]);
        let len = rate.samples(20);
        let levels: Vec<f64> =
            heard[5 * len..13 * len].chunks(len).map(|frame| energy(frame).sqrt()).collect();
        assert!(levels[..6].is_sorted_by(|before, after| before > after), "{levels:?}");
        assert!(levels[5..].iter().all(|&level| level == 0.0), "{levels:?}");
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
                concealer.conceal(&mut frame, None)
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
                concealer.conceal(frame, None)
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
    whole.conceal(&mut expected, None);
    let mut filled = Vec::new();
    for len in [1, 0, 159, 320, 7, 513, 200] {
        let mut piece = vec![0; len];
        pieces.conceal(&mut piece, None);
        filled.extend(piece);
    }
    assert_eq!(filled, expected);
}

/// How far `heard` is from `original`, whose level is 0 dB.
fn snr_db(heard: &[i16], original: &[i16]) -> f64 {
    let difference: Vec<i16> = heard.iter().zip(original).map(|(a, b)| a.saturating_sub(*b)).collect();
    10.0 * (energy(original) / energy(&difference)).log10()
}

/// Loses the frames of 20 ms in `lost`, with what is behind them at hand when the last is concealed.
fn bridge(rate: SampleRate, original: &[i16], lost: std::ops::Range<usize>) -> Vec<i16> {
    let (mut concealer, len) = (Concealer::new(rate), rate.samples(20));
    let mut heard = original.to_vec();
    for (number, frame) in heard.chunks_mut(len).enumerate() {
        let behind = &original[(number + 1) * len..];
        match lost.contains(&number) {
            true => concealer.conceal(frame, (number + 1 == lost.end).then_some(&behind[..len])),
            false => concealer.received(frame),
        }
    }
    heard
}

#[test]
fn a_gap_in_a_steady_voice_is_filled_in_phase_when_what_is_behind_is_at_hand() {
    for rate in SampleRate::ALL {
        for frequency_hz in [71.0, 100.0, 137.0, 190.0, 333.0] {
            let len = rate.samples(20);
            let original = voice(rate, frequency_hz, 0, 10 * len);
            let heard = bridge(rate, &original, 5..6);
            let snr_db = snr_db(&heard[5 * len..6 * len], &original[5 * len..6 * len]);
            assert!(snr_db > 10.0, "{rate}, {frequency_hz} Hz: {snr_db} dB");
            assert_eq!(heard[6 * len..], original[6 * len..], "what is behind stays as it is");
        }
    }
}

#[test]
fn a_gap_in_a_voice_that_glides_is_led_over_into_what_is_behind() {
    for rate in [SampleRate::Hz8000, SampleRate::Hz16000] {
        let (len, mut turn) = (rate.samples(20), 0.0);
        let wave = |n: usize| {
            // By 3 % within the gap: filled from before alone, the gap would end out of phase.
            turn += TAU * (120.0 + 250.0 * n as f64 / f64::from(rate.hertz())) / f64::from(rate.hertz());
            (7_000.0 * f64::sin(turn) + 2_000.0 * f64::sin(3.0 * turn)) as i16
        };
        let original: Vec<i16> = (0..10 * len).map(wave).collect();
        let heard = bridge(rate, &original, 5..6);
        let snr_db = snr_db(&heard[5 * len..6 * len], &original[5 * len..6 * len]);
        assert!(snr_db > 10.0, "{rate}: {snr_db} dB");
        assert!(u32::from(steepest(&heard)) <= u32::from(steepest(&original)) * 5 / 4, "{rate}");
    }
}

#[test]
fn a_long_gap_ends_at_the_level_of_what_is_behind() {
    let rate = SampleRate::Hz8000;
    let original = voice(rate, 137.0, 0, 20 * 160);
    let heard = bridge(rate, &original, 5..11);
    let level = |samples: &[i16]| energy(samples).sqrt();
    assert!(level(&heard[10 * 160..10 * 160 + 80]) < 0.8 * level(&original[1600..1680]), "it had faded");
    assert!(level(&heard[11 * 160 - 40..11 * 160]) > 0.7 * level(&original[11 * 160 - 40..11 * 160]));
    assert_eq!(heard[11 * 160..], original[11 * 160..]);
}

#[test]
fn a_gap_of_several_frames_is_led_over_the_same_whether_asked_for_at_once_or_in_turn() {
    for rate in [SampleRate::Hz8000, SampleRate::Hz16000] {
        let (len, begun) = (rate.samples(20), rate.samples(100));
        let original = voice(rate, 137.0, 0, 10 * len);
        let behind = &original[8 * len..9 * len];
        let fill = |pieces: &[usize]| {
            let mut concealer = Concealer::new(rate);
            let mut heard = original.clone();
            concealer.received(&mut heard[..begun]);
            let mut at = begun;
            for piece in pieces {
                concealer.lead_over(&mut heard[at..at + piece], behind, 8 * len - at);
                at += piece;
            }
            concealer.received(&mut heard[at..]);
            heard
        };
        let whole = fill(&[3 * len]);
        assert_eq!(fill(&[len, len, len]), whole);
        assert_eq!(fill(&[len / 2, 0, len, 3 * len / 2]), whole);
        assert_eq!(whole[8 * len..], original[8 * len..], "what is behind stays as it is");
        // Without, the last frame is filled from both sides alone.
        let mut concealer = Concealer::new(rate);
        let mut late = original.clone();
        concealer.received(&mut late[..begun]);
        concealer.conceal(&mut late[begun..7 * len], None);
        concealer.conceal(&mut late[7 * len..8 * len], Some(behind));
        let gap = begun..8 * len;
        let (early_db, late_db) =
            (snr_db(&whole[gap.clone()], &original[gap.clone()]), snr_db(&late[gap.clone()], &original[gap]));
        assert!(early_db > late_db, "{rate}: {early_db} dB beside {late_db} dB");
    }
}

#[test]
fn if_a_packet_comes_within_a_gap_that_is_being_led_over_it_joins_without_a_click() {
    let rate = SampleRate::Hz8000;
    let original = voice(rate, 110.0, 0, 10 * 160);
    let mut concealer = Concealer::new(rate);
    let mut heard = original.clone();
    concealer.received(&mut heard[..5 * 160]);
    concealer.lead_over(&mut heard[5 * 160..6 * 160], &original[8 * 160..9 * 160], 3 * 160);
    let mut other = voice(rate, 110.0, 6 * 160 + 37, 4 * 160);
    concealer.received(&mut other);
    heard.splice(6 * 160.., other);
    assert!(steepest(&heard) <= steepest(&original) * 3 / 2, "{}", steepest(&heard));
}

#[test]
fn silence_on_both_sides_of_a_gap_stays_silence() {
    for rate in SampleRate::ALL {
        let original = vec![0; rate.samples(200)];
        assert_eq!(bridge(rate, &original, 5..6), original);
    }
}

#[test]
fn a_loud_beginning_behind_a_gap_is_not_heard_much_before_it() {
    for rate in SampleRate::ALL {
        let len = rate.samples(20);
        let mut original = vec![0; 6 * len];
        original.extend(voice(rate, 120.0, 0, 4 * len));
        let heard = bridge(rate, &original, 5..6);
        assert_eq!(heard[..5 * len], original[..5 * len]);
        let (first, behind) =
            (energy(&heard[5 * len..5 * len + len / 4]), energy(&heard[6 * len..6 * len + len / 4]));
        assert!(first < 0.1 * behind, "{rate}: {first} beside {behind}");
        assert!(steepest(&heard) <= steepest(&original) * 5 / 4, "{rate}");
    }
}

#[test]
fn if_something_else_follows_than_what_was_seen_behind_a_gap_it_joins_without_a_click() {
    let rate = SampleRate::Hz8000;
    let original = voice(rate, 110.0, 0, 10 * 160);
    let mut concealer = Concealer::new(rate);
    let mut heard = original[..6 * 160].to_vec();
    concealer.received(&mut heard[..5 * 160]);
    concealer.conceal(&mut heard[5 * 160..], Some(&original[6 * 160..7 * 160]));
    let mut other = voice(rate, 110.0, 6 * 160 + 37, 2 * 160);
    concealer.received(&mut other);
    heard.extend(other);
    assert!(steepest(&heard) <= steepest(&original) * 3 / 2, "{}", steepest(&heard));
}

#[test]
fn noise_full_scale_silence_and_a_first_loss_do_no_harm() {
    for rate in SampleRate::ALL {
        let mut random = StdRng::seed_from_u64(3);
        let mut concealer = Concealer::new(rate);
        let mut frame = vec![5; rate.samples(20)];
        concealer.conceal(&mut frame, None);
        assert!(frame.iter().all(|&sample| sample == 0), "nothing came yet");
        for _ in 0..200 {
            let len = random.random_range(0..rate.samples(70));
            let mut frame: Vec<i16> = match random.random_range(0..3) {
                0 => vec![0; len],
                1 => (0..len).map(|n| if n / 30 % 2 == 0 { i16::MAX } else { i16::MIN }).collect(),
                _ => (0..len).map(|_| random.random()).collect(),
            };
            let mut behind = vec![0; random.random_range(0..rate.samples(30))];
            behind.iter_mut().for_each(|sample| *sample = if random.random() { i16::MAX } else { i16::MIN });
            match random.random_range(0..4) {
                0 => concealer.received(&mut frame),
                1 => concealer.conceal(&mut frame, None),
                2 => concealer.lead_over(&mut frame, &behind, random.random_range(0..rate.samples(90))),
                _ => concealer.conceal(&mut frame, Some(&behind)),
            }
        }
    }
}
