//! Constant offsets of a stream, as badly aligned gateways add them to what they send: found, and taken off.
//!
//! An offset is not heard, but it counts as loudness where talkers are chosen, keeps a silent leg from being silent, and
//! pops where the leg is faded in or out. It is followed by a low-pass of the first order and subtracted: a high-pass.

use super::SampleRate;
use super::level::mean_power;

/// A smaller offset does no harm: -54 dBFS.
const LEAST: f32 = 64.0;
/// The high-pass: -3 dB here, less than 0.2 dB at 100 Hz.
const CUT_HERTZ: f32 = 20.0;

/// The offset of a frame that consists of little else.
pub fn offset_of(frame: &[i16]) -> Option<f32> {
    let sum: i32 = frame.iter().map(|&sample| i32::from(sample)).sum();
    let mean = sum as f32 / frame.len().max(1) as f32;
    let is_most = || mean * mean / (32_768.0 * 32_768.0) > mean_power(frame) / 2.0;
    (mean.abs() > LEAST && is_most()).then_some(mean)
}

/// Follows the offset of one stream.
#[derive(Debug, Clone)]
pub struct OffsetRemover {
    offset: f32,
    share: f32,
}

impl OffsetRemover {
    /// For a stream that is heard with its offset so far: it does not jump.
    pub fn new(rate: SampleRate) -> OffsetRemover {
        let share = 1.0 - (-std::f32::consts::TAU * CUT_HERTZ / rate.hertz() as f32).exp();
        OffsetRemover { offset: 0.0, share }
    }

    /// Takes it off a frame. Digital silence has none: it stays what it is, and tells nothing of what comes after it.
    pub fn apply(&mut self, frame: &mut [i16]) {
        if frame.iter().all(|&sample| sample == 0) {
            return;
        }
        for sample in frame {
            let value = f32::from(*sample);
            self.offset += (value - self.offset) * self.share;
            *sample = (value - self.offset).round_ties_even() as i16; // saturates
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    const RATE: SampleRate = SampleRate::Hz8000;

    fn sine(hertz: f32, peak: f32, offset: f32, len: usize) -> Vec<i16> {
        let value = |at: usize| peak * (TAU * hertz * at as f32 / 8000.0).sin() + offset;
        (0..len).map(|at| value(at) as i16).collect()
    }

    fn mean(frame: &[i16]) -> f32 {
        frame.iter().map(|&sample| f32::from(sample)).sum::<f32>() / frame.len() as f32
    }

    #[test]
    fn a_frame_with_little_but_an_offset_is_found_and_speech_or_silence_is_not() {
        assert!(offset_of(&sine(400.0, 300.0, 900.0, 160)).is_some_and(|mean| (mean - 900.0).abs() < 2.0));
        assert!(offset_of(&sine(400.0, 300.0, -900.0, 160)).is_some());
        for (hertz, peak, offset) in
            [(400.0, 3000.0, 900.0), (70.0, 9000.0, 0.0), (400.0, 0.0, 8.0), (50.0, 0.0, 0.0)]
        {
            assert_eq!(offset_of(&sine(hertz, peak, offset, 160)), None, "{hertz} Hz, {peak}, {offset}");
        }
        assert_eq!(offset_of(&[]), None);
    }

    #[test]
    fn the_offset_goes_within_50_ms_and_what_is_heard_stays() {
        let mut remover = OffsetRemover::new(RATE);
        let mut samples = sine(300.0, 5000.0, 1500.0, 1600);
        let before = samples[0];
        samples.chunks_mut(160).for_each(|frame| remover.apply(frame));
        assert!((samples[0] - before).abs() < 50, "it does not jump: {} from {before}", samples[0]);
        assert!(mean(&samples[400..]).abs() < 5.0, "{}", mean(&samples[400..]));
        let expected = sine(300.0, 5000.0, 0.0, 1600);
        let worst = samples[400..].iter().zip(&expected[400..]).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(
            worst.is_some_and(|worst| worst < 400),
            "{worst:?}: 20 Hz turn the phase of 300 Hz by 4 degrees"
        );
    }

    #[test]
    fn silence_between_two_words_stays_silence_and_forgets_nothing() {
        let mut remover = OffsetRemover::new(RATE);
        (0..100).for_each(|_| remover.apply(&mut [1200; 160]));
        let mut silence = [0; 160];
        remover.apply(&mut silence);
        assert_eq!(silence, [0; 160]);
        let mut frame = [1200; 160];
        remover.apply(&mut frame);
        assert_eq!(frame, [0; 160]);
    }

    #[test]
    fn what_goes_beyond_a_sample_is_cut() {
        let mut remover = OffsetRemover::new(RATE);
        (0..100).for_each(|_| remover.apply(&mut [-3000; 160]));
        let mut frame = [i16::MAX; 4];
        remover.apply(&mut frame);
        assert_eq!(frame, [i16::MAX; 4]);
    }
}
