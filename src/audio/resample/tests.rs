use super::{Resampler, convert};
use crate::audio::SampleRate;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::f64::consts::TAU;

fn pairs() -> impl Iterator<Item = (SampleRate, SampleRate)> {
    SampleRate::ALL
        .into_iter()
        .flat_map(|from| SampleRate::ALL.into_iter().map(move |to| (from, to)))
        .filter(|(from, to)| from != to)
}

fn tone(rate_hz: u32, frequency_hz: f64, len_samples: usize) -> Vec<i16> {
    let step = TAU * frequency_hz / f64::from(rate_hz);
    (0..len_samples).map(|n| (16_000.0 * (step * n as f64).sin()).round() as i16).collect()
}

fn converted(from: SampleRate, to: SampleRate, input: &[i16]) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to);
    let mut output = vec![0; resampler.output_samples(input.len())];
    assert_eq!(resampler.process(input, &mut output), output.len());
    output
}

/// Splits `samples` into the sine of `frequency_hz` and the rest: amplitude, phase, and the rest's RMS.
fn analyse(samples: &[i16], rate_hz: u32, frequency_hz: f64) -> (f64, f64, f64) {
    let step = TAU * frequency_hz / f64::from(rate_hz);
    let half = samples.len() as f64 / 2.0;
    let sum = |part: fn(f64) -> f64| {
        samples.iter().enumerate().map(|(n, &s)| f64::from(s) * part(step * n as f64)).sum::<f64>() / half
    };
    let (sine, cosine) = (sum(f64::sin), sum(f64::cos));
    let residue = samples.iter().enumerate().map(|(n, &sample)| {
        let angle = step * n as f64;
        f64::from(sample) - sine * angle.sin() - cosine * angle.cos()
    });
    let power = residue.map(|difference| difference * difference).sum::<f64>() / samples.len() as f64;
    (sine.hypot(cosine), cosine.atan2(sine), power.sqrt())
}

fn decibel(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

#[test]
fn tones_of_the_pass_band_keep_their_level_and_get_no_company() {
    for (from, to) in pairs() {
        let low = f64::from(from.hertz().min(to.hertz()));
        for part in [0.0125, 0.05, 0.125, 0.25, 0.35, 0.4125] {
            let frequency_hz = (low * part / 10.0).round() * 10.0;
            let output = converted(from, to, &tone(from.hertz(), frequency_hz, from.samples(400)));
            // 300 ms are whole periods of every multiple of 10 Hz.
            let steady = &output[to.samples(50)..to.samples(350)];
            let (amplitude, _, rest) = analyse(steady, to.hertz(), frequency_hz);
            let level_db = decibel(amplitude / 16_000.0);
            assert!(level_db.abs() < 0.2, "{from} to {to}: {frequency_hz} Hz {level_db} dB");
            // Images and aliases of the tone, and rounding to 16 bits (about −91 dB) with them.
            let rest_db = decibel(rest * 2.0_f64.sqrt() / 16_000.0);
            assert!(rest_db < -70.0, "{from} to {to}: {frequency_hz} Hz has a rest of {rest_db} dB");
        }
    }
}

#[test]
fn tones_above_the_lower_rate_do_not_fold_into_its_pass_band() {
    for (from, to) in pairs().filter(|(from, to)| from > to) {
        let (high, low) = (f64::from(from.hertz()), f64::from(to.hertz()));
        let mut frequency_hz = (low * 0.5875 / 10.0).round() * 10.0;
        while frequency_hz < high / 2.0 {
            let output = converted(from, to, &tone(from.hertz(), frequency_hz, from.samples(400)));
            let steady = &output[to.samples(50)..to.samples(350)];
            let mean = steady.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / steady.len() as f64;
            let alias_db = decibel((mean * 2.0).sqrt() / 16_000.0);
            assert!(alias_db < -70.0, "{from} to {to}: {frequency_hz} Hz leaves {alias_db} dB");
            frequency_hz += low * 0.05;
        }
    }
}

#[test]
fn the_delay_is_under_two_milliseconds() {
    for (from, to) in pairs() {
        let mut impulse = vec![0; from.samples(20)];
        impulse[0] = 30_000;
        let output = converted(from, to, &impulse);
        let peak = (0..output.len()).max_by_key(|&at| output[at].unsigned_abs()).unwrap();
        let delay_ms = peak as f64 * 1000.0 / f64::from(to.hertz());
        assert!((0.4..=2.0).contains(&delay_ms), "{from} to {to}: {delay_ms} ms");
    }
}

#[test]
fn frames_of_ten_milliseconds_stay_in_phase_for_hours() {
    for (from, to) in pairs() {
        let mut resampler = Resampler::new(from, to);
        let silence = vec![0; from.samples(10)];
        let mut output = vec![0; to.samples(10)];
        for _ in 0..2 * 3600 * 100 {
            assert_eq!(resampler.process(&silence, &mut output), to.samples(10));
        }
        // 1 kHz has whole periods in a frame: after two hours the phase is that of a fresh resampler, bit for
        // bit.
        let input = tone(from.hertz(), 1000.0, from.samples(10));
        let mut fresh = Resampler::new(from, to);
        let mut expected = vec![0; to.samples(10)];
        for _ in 0..3 {
            resampler.process(&input, &mut output);
            fresh.process(&input, &mut expected);
            assert_eq!(output, expected);
        }
    }
}

#[test]
fn any_cut_of_the_input_gives_the_same_output() {
    let mut random = StdRng::seed_from_u64(4);
    for (from, to) in pairs() {
        let input: Vec<i16> = (0..5_000).map(|_| random.random()).collect();
        let whole = converted(from, to, &input);
        let mut resampler = Resampler::new(from, to);
        let mut pieces = Vec::new();
        let mut rest = &input[..];
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(random.random_range(0..=rest.len().min(700)));
            let mut output = vec![0; resampler.output_samples(piece.len())];
            resampler.process(piece, &mut output);
            pieces.extend(output);
            rest = later;
        }
        assert_eq!(pieces, whole, "{from} to {to}");
    }
}

#[test]
fn a_sum_converts_to_the_sum_of_its_parts_exactly() {
    let mut random = StdRng::seed_from_u64(5);
    for (from, to) in pairs() {
        let mut all = Resampler::new(from, to);
        let mut alone = [Resampler::new(from, to), Resampler::new(from, to), Resampler::new(from, to)];
        for round in 0..20 {
            let frame = |random: &mut StdRng, bound: i32| -> Vec<i32> {
                (0..from.samples(20)).map(|_| random.random_range(-bound..=bound)).collect()
            };
            // Loud and far beyond 16 bits first, small or silent later.
            let bounds = if round < 8 { [200_000_000, 100_000, 32_767] } else { [0, 3, 32_767] };
            let parts = bounds.map(|bound| frame(&mut random, bound));
            let sum: Vec<i32> =
                (0..from.samples(20)).map(|n| parts.iter().map(|part| part[n]).sum()).collect();
            let mut expected = vec![0_i64; to.samples(20)];
            for (resampler, part) in alone.iter_mut().zip(&parts) {
                resampler.accumulate(part, &mut expected);
            }
            let mut converted = vec![0_i64; to.samples(20)];
            all.accumulate(&sum, &mut converted);
            assert_eq!(converted, expected, "{from} to {to}");
        }
    }
}

#[test]
fn constants_pass_unchanged_and_overload_saturates() {
    for (from, to) in pairs() {
        for value in [1, -777, i16::MAX, i16::MIN] {
            let output = converted(from, to, &vec![value; from.samples(20)]);
            assert!(output[to.samples(5)..].iter().all(|&sample| sample == value), "{from} to {to}: {value}");
        }
        let mut resampler = Resampler::new(from, to);
        let mut output = vec![0; to.samples(20)];
        resampler.process_sums(&vec![100_000_000; from.samples(20)], &mut output);
        assert_eq!(output[to.samples(10)], 100_000_000);
        // A full-scale square wave overshoots in any such filter; it must be cut, not wrap.
        let square: Vec<i16> =
            (0..from.samples(20)).map(|n| if n / 20 % 2 == 0 { 32_767 } else { -32_768 }).collect();
        let output = converted(from, to, &square);
        assert!(output.windows(2).all(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs() <= 65_535));
        assert!(output.contains(&i16::MAX));
    }
}

#[test]
fn silence_is_known_as_such_only_when_the_last_sound_has_gone_through() {
    let mut resampler = Resampler::new(SampleRate::Hz48000, SampleRate::Hz8000);
    assert!(resampler.is_silent());
    let mut output = [0; 80];
    resampler.process(&[1000; 480], &mut output);
    assert!(!resampler.is_silent());
    resampler.process(&[0; 480], &mut output);
    assert!(resampler.is_silent());
    assert!(output[..10].iter().any(|&sample| sample != 0), "the tail is heard");
}

#[test]
fn recordings_of_other_rates_are_converted_in_place_and_length() {
    for from_hz in [11_025, 12_000, 22_050, 32_000, 44_100, 44_101, 96_000, 192_000] {
        for to in [SampleRate::Hz8000, SampleRate::Hz48000] {
            let output = convert(&tone(from_hz, 1000.0, from_hz as usize / 2), from_hz, to);
            assert!(output.len().abs_diff(to.samples(500)) <= 5, "{from_hz} to {to}: {}", output.len());
            let (amplitude, phase, _) =
                analyse(&output[to.samples(100)..to.samples(400)], to.hertz(), 1000.0);
            assert!(decibel(amplitude / 16_000.0).abs() < 0.2, "{from_hz} to {to}: {amplitude}");
            // One sample of 8 kHz is 0.79 rad of 1 kHz.
            assert!(phase.abs() < 0.8, "{from_hz} to {to}: {phase} rad");
        }
    }
}
