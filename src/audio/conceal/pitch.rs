//! The pitch period of an end of some audio, by normalised cross-correlation (G.711 Appendix I, §I.2.2).

use crate::audio::SampleRate;
use std::ops::RangeInclusive;

/// Shortest and longest period looked for: 200 and 66 Hz. Higher voices are found by a multiple of their
/// period.
pub(super) const PITCH_MIN_MS: u32 = 5;
pub(super) const PITCH_MAX_MS: u32 = 15;

/// What is compared with what was a period before it, where there is so much.
const WINDOW_MS: u32 = 20;

/// Samples at 8 kHz that one search looks at.
const COARSE_SAMPLES: usize = 8 * (WINDOW_MS + PITCH_MAX_MS) as usize;

/// All periods that are looked for, in samples.
pub(super) fn all(rate: SampleRate) -> RangeInclusive<usize> {
    rate.samples(PITCH_MIN_MS)..=rate.samples(PITCH_MAX_MS)
}

/// Period of the end of `past`, one of `lags`, in samples. Searched at 8 kHz, then refined.
pub(super) fn period(past: &[f32], rate: SampleRate, lags: RangeInclusive<usize>) -> usize {
    let factor = rate.hertz() as usize / 8000;
    let newest = &past[past.len() - past.len().min(COARSE_SAMPLES * factor) / factor * factor..];
    let mut coarse = [0.0; COARSE_SAMPLES];
    let coarse = coarser(newest, factor, &mut coarse);
    let found = best_lag(coarse, 8 * WINDOW_MS as usize, lags.start().div_ceil(factor)..=lags.end() / factor);
    if factor == 1 {
        return found;
    }
    let near = (found * factor - factor).max(*lags.start())..=(found * factor + factor).min(*lags.end());
    best_lag(newest, rate.samples(WINDOW_MS), near)
}

/// `fine` by sums of `factor` samples, in the front of `room`.
pub(super) fn coarser<'a>(fine: &[f32], factor: usize, room: &'a mut [f32]) -> &'a [f32] {
    let len = (fine.len() / factor).min(room.len());
    for (sample, part) in room[..len].iter_mut().zip(fine.chunks_exact(factor)) {
        *sample = part.iter().sum();
    }
    &room[..len]
}

/// The lag at which the newest samples are most like those before; the longest if all is silent.
fn best_lag(samples: &[f32], window: usize, lags: RangeInclusive<usize>) -> usize {
    let (len, longest) = (samples.len(), *lags.end());
    let mut best = (longest, 0.0);
    for lag in lags {
        let window = window.min(len - lag);
        let found = likeness(&samples[len - window..], &samples[len - window - lag..len - lag]);
        if found > best.1 {
            best = (lag, found);
        }
    }
    best.0
}

/// 1 for what differs in nothing but its level, 0 for what has nothing in common or is silent.
pub(super) fn likeness(one: &[f32], other: &[f32]) -> f32 {
    let product = dot(one, other);
    if product > 0.0 { product / (dot(one, one) * dot(other, other)).sqrt() } else { 0.0 }
}

/// Summed in eight lanes, for vectors.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut lanes = [0.0; 8];
    let (one, other) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest: f32 = one.remainder().iter().zip(other.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in one.zip(other) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest
}
