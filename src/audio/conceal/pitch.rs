//! The pitch period of what was heard last, by normalised cross-correlation (G.711 Appendix I, §I.2.2).

use crate::audio::SampleRate;

/// Shortest and longest period looked for: 200 and 66 Hz. Higher voices are found by a multiple of their
/// period.
pub(super) const PITCH_MIN_MS: u32 = 5;
pub(super) const PITCH_MAX_MS: u32 = 15;

/// What is compared with what was a period before it.
const WINDOW_MS: u32 = 20;

/// Samples at 8 kHz that one search looks at.
const COARSE_SAMPLES: usize = 8 * (WINDOW_MS + PITCH_MAX_MS) as usize;

/// Period of the end of `history`, in samples. Searched at 8 kHz, then refined.
pub(super) fn period(history: &[i16], rate: SampleRate) -> usize {
    let factor = rate.hertz() as usize / 8000;
    let newest = &history[history.len() - COARSE_SAMPLES * factor..];
    let mut coarse = [0.0_f32; COARSE_SAMPLES];
    for (sample, part) in coarse.iter_mut().zip(newest.chunks_exact(factor)) {
        *sample = part.iter().map(|&sample| f32::from(sample)).sum();
    }
    let (shortest, longest) = (8 * PITCH_MIN_MS as usize, 8 * PITCH_MAX_MS as usize);
    let found = best_lag(|at| coarse[at], COARSE_SAMPLES, 8 * WINDOW_MS as usize, shortest..=longest);
    if factor == 1 {
        return found;
    }
    let near = (found * factor).saturating_sub(factor).max(shortest * factor)
        ..=(found * factor + factor).min(longest * factor);
    best_lag(|at| f32::from(newest[at]), newest.len(), rate.samples(WINDOW_MS), near)
}

/// The lag at which the newest `window` samples are most like those before; the longest if all is silent.
fn best_lag(
    sample: impl Fn(usize) -> f32,
    len: usize,
    window: usize,
    lags: std::ops::RangeInclusive<usize>,
) -> usize {
    let start = len - window;
    let (mut best, mut best_likeness) = (*lags.end(), 0.0);
    for lag in lags {
        let (mut product, mut energy) = (0.0, 0.0);
        for at in start..len {
            let before = sample(at - lag);
            product += sample(at) * before;
            energy += before * before;
        }
        let likeness = if product > 0.0 { product / energy.sqrt() } else { 0.0 };
        if likeness > best_likeness {
            (best, best_likeness) = (lag, likeness);
        }
    }
    best
}
