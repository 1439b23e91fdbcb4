//! The limiter: sums that exceed 16 bits become quieter for a while, instead of being cut.
//!
//! It works within the frame that it is given and adds no delay. The gain runs in straight lines between the ends of
//! blocks of 1 ms: it is down when a loud block begins, and comes back slowly, so that loud speech is heard as loud
//! speech without pumping. Only where a frame itself begins too loud is its first millisecond cut.

use super::SampleRate;
use super::saturate::{Fit, saturate, saturate_all};

/// The gain is chosen anew for each block of so long; no more is looked ahead.
const BLOCK_MS: u32 = 1;
/// Time constant of the way back to unity.
const RELEASE_MS: f32 = 300.0;
/// From here on the gain is unity: 0.001 dB.
const NEARLY_UNITY: f32 = 0.9999;
/// What comes out is no louder.
const CEILING: f32 = i16::MAX as f32;
/// Blocks of the longest frame.
const MAX_BLOCKS: usize = 20;

/// The state of one output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limiter {
    /// At the end of the last frame.
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    /// The gain at the end of the last frame, 1 if nothing is being limited.
    pub fn gain(&self) -> f32 {
        self.gain
    }

    /// Writes a frame of `rate`, of at most 20 ms, with all of its samples within 16 bits.
    pub fn apply(&mut self, rate: SampleRate, sums: &[i32], samples: &mut [i16]) {
        if self.gain != 1.0 || saturate_all(sums, samples) == Fit::Cut {
            self.limit(rate.samples(BLOCK_MS), sums, samples);
        }
    }

    /// A frame of silence passes.
    pub fn rest(&mut self, frame_ms: u32) {
        for _ in 0..frame_ms / BLOCK_MS {
            self.gain = released(self.gain);
        }
    }

    fn limit(&mut self, block: usize, sums: &[i32], samples: &mut [i16]) {
        let mut allowed = [1.0_f32; MAX_BLOCKS + 1];
        let mut blocks = 0;
        for (allowed, sums) in allowed.iter_mut().zip(sums.chunks(block)) {
            *allowed = (CEILING / peak(sums) as f32).min(1.0);
            blocks += 1;
        }
        allowed[blocks] = allowed[blocks - 1]; // of the next frame nothing is known
        let parts = sums.chunks(block).zip(samples.chunks_mut(block));
        for ((sums, samples), allowed) in parts.zip(allowed.windows(2)) {
            let end = released(self.gain).min(allowed[0]).min(allowed[1]);
            let step = (end - self.gain) / sums.len() as f32;
            let mut gain = self.gain;
            for (sample, &sum) in samples.iter_mut().zip(sums) {
                gain += step;
                *sample = saturate((sum as f32 * gain) as i32);
            }
            self.gain = end;
        }
    }
}

fn released(gain: f32) -> f32 {
    let gain = gain + (1.0 - gain) * (BLOCK_MS as f32 / RELEASE_MS);
    if gain > NEARLY_UNITY { 1.0 } else { gain }
}

/// The largest magnitude; without a branch per sample.
fn peak(sums: &[i32]) -> u32 {
    sums.iter().fold(0, |peak, sum| peak.max(sum.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    const RATES: [SampleRate; 4] = SampleRate::ALL;

    /// A sum of sines, `len_ms` long, each with a phase of its own.
    fn sines(rate: SampleRate, len_ms: u32, sines: &[(f32, f32)]) -> Vec<i32> {
        let value = |at: usize| -> f32 {
            let time = at as f32 / rate.hertz() as f32;
            sines.iter().map(|(hertz, peak)| peak * (TAU * hertz * time + hertz).sin()).sum()
        };
        (0..rate.samples(len_ms)).map(|at| value(at) as i32).collect()
    }

    fn limited(rate: SampleRate, sums: &[i32]) -> Vec<i16> {
        let (mut limiter, mut samples) = (Limiter::default(), vec![0; sums.len()]);
        let frame = rate.samples(20);
        for (sums, samples) in sums.chunks(frame).zip(samples.chunks_mut(frame)) {
            limiter.apply(rate, sums, samples);
        }
        samples
    }

    /// What is left of `samples` beside a constant times `sums`, below it in dB.
    fn distortion_db(sums: &[i32], samples: &[i16]) -> f64 {
        let pairs = || sums.iter().zip(samples).map(|(&sum, &sample)| (f64::from(sum), f64::from(sample)));
        let energy: f64 = pairs().map(|(sum, _)| sum * sum).sum();
        let gain = pairs().map(|(sum, sample)| sum * sample).sum::<f64>() / energy;
        let rest: f64 = pairs().map(|(sum, sample)| (sample - gain * sum).powi(2)).sum();
        10.0 * (rest / (gain * gain * energy)).log10()
    }

    #[test]
    fn what_fits_sixteen_bits_is_not_touched() {
        for rate in RATES {
            let sums = sines(rate, 200, &[(440.0, 20_000.0), (700.0, 12_000.0)]);
            assert!(limited(rate, &sums).iter().zip(&sums).all(|(&sample, &sum)| i32::from(sample) == sum));
        }
    }

    #[test]
    fn what_is_too_loud_keeps_its_shape() {
        for rate in RATES {
            let sums = sines(rate, 2000, &[(440.0, 60_000.0), (700.0, 40_000.0)]);
            let samples = limited(rate, &sums);
            let settled = rate.samples(200);
            let distortion = distortion_db(&sums[settled..], &samples[settled..]);
            assert!(distortion < -30.0, "{rate:?}: {distortion}");
            let peak = samples[settled..].iter().map(|sample| sample.unsigned_abs()).max();
            assert!(peak.is_some_and(|peak| (28_000..=32_767).contains(&peak)), "{peak:?}");
        }
    }

    #[test]
    fn fifty_talkers_at_minus_twenty_dbfs_are_distorted_less_than_by_cutting() {
        let rate = SampleRate::Hz16000;
        let peak = 32_768.0 * 0.1 * std::f32::consts::SQRT_2;
        let talkers: Vec<_> = (0..50).map(|n| (311.0 + 37.3 * n as f32, peak)).collect();
        let sums = sines(rate, 3000, &talkers);
        let mut cut = vec![0; sums.len()];
        saturate_all(&sums, &mut cut);
        let (cutting, limiting) = (distortion_db(&sums, &cut), distortion_db(&sums, &limited(rate, &sums)));
        println!("fifty talkers: cut {cutting:.1} dB, limited {limiting:.1} dB");
        assert!(limiting < cutting - 6.0 && limiting < -20.0, "cut {cutting} dB, limited {limiting} dB");
    }

    #[test]
    fn after_a_loud_moment_the_gain_comes_back_within_a_second() {
        let rate = SampleRate::Hz8000;
        let mut limiter = Limiter::default();
        let mut samples = [0; 160];
        limiter.apply(rate, &[200_000; 160], &mut samples);
        let low = limiter.gain();
        assert!((low - 32_767.0 / 200_000.0).abs() < 1e-4, "{low}");
        let mut gains = vec![low];
        for _ in 0..150 {
            limiter.apply(rate, &[1000; 160], &mut samples);
            gains.push(limiter.gain());
        }
        assert!(gains.is_sorted() && gains[50] > 0.9 && gains[150] == 1.0, "{gains:?}");
        limiter = Limiter { gain: low };
        (0..150).for_each(|_| limiter.rest(20));
        assert_eq!(limiter.gain(), 1.0);
    }

    #[test]
    fn the_loudest_sums_there_are_never_wrap() {
        let sums: Vec<i32> = (0..160).map(|at| if at % 7 < 3 { 1 << 29 } else { -(1 << 29) }).collect();
        let samples = limited(SampleRate::Hz8000, &sums);
        assert!(samples.iter().zip(&sums).all(|(&sample, &sum)| sample == 0 || (sample > 0) == (sum > 0)));
        assert!(samples[8..].iter().all(|sample| sample.unsigned_abs() > 30_000));
    }
}
