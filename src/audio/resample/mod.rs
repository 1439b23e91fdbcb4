//! Conversion between sample rates by a polyphase FIR in integers.
//!
//! The ratio is a fraction of integers, so input and output stay in phase for ever. All arithmetic is exact
//! up to the one rounding at the end: converting a sum gives the sum of what its parts convert to, which is
//! what lets a conference subtract a leg's own voice to the last bit ([`Resampler::accumulate`]).
//!
//! Flat to 0.41 of the lower rate, images and aliases of that band 70 dB down, delay just under 2 ms where
//! the lower rate is 8 kHz and at most 1.5 ms otherwise. The band above 0.41 rolls off across the Nyquist
//! frequency: a steeper filter would need more delay.

mod kernel;
#[cfg(test)]
mod tests;

use super::SampleRate;
use super::saturate::saturate;
use kernel::{Block, Kernel};
use std::sync::Arc;

/// Input samples converted in one go; longer inputs are converted piece by piece.
const CHUNK_SAMPLES: usize = 480;

/// Converts one stream from one rate to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    kernel: Arc<Kernel>,
    /// Lower 15 bits of the input, signed: the last `taps - 1` samples, then room for a chunk.
    low: Box<[i16]>,
    /// What the lower halves leave over, in units of 2^15; all zero for what is no louder than speech usually
    /// is.
    high: Box<[i16]>,
    /// Where the next output lies behind the next input, in steps of the common multiple of both rates.
    position: usize,
    /// Inputs until the window has forgotten the last non-zero sample.
    sounding: usize,
    /// Inputs until the window has forgotten the last sample with a high part.
    wide: usize,
}

impl Resampler {
    /// Fixed-point bits of what [`Resampler::accumulate`] adds.
    pub const FRACTION_BITS: u32 = kernel::FRACTION_BITS;

    /// A resampler without history. Equal rates are the caller's business: nothing need be converted then.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        assert_ne!(from, to, "equal rates need no resampler");
        Self::with_kernel(kernel::shared(from, to))
    }

    fn with_kernel(kernel: Arc<Kernel>) -> Self {
        let room = kernel.taps - 1 + CHUNK_SAMPLES;
        let empty = || vec![0; room].into_boxed_slice();
        Self { kernel, low: empty(), high: empty(), position: 0, sounding: 0, wide: 0 }
    }

    /// Samples that the next `input_samples` will give: exactly the ratio for every multiple of 10 ms.
    pub fn output_samples(&self, input_samples: usize) -> usize {
        (input_samples * self.kernel.phases).saturating_sub(self.position).div_ceil(self.kernel.advance)
    }

    /// True if nothing but zeros would come for an input of zeros.
    pub fn is_silent(&self) -> bool {
        self.sounding == 0
    }

    /// Converts samples, saturating; returns the number written.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> usize {
        let len = self.output_samples(input.len());
        self.run(input, &mut output[..len], |sample, value| *sample = saturate(round(value)));
        len
    }

    /// Converts sums to sums; returns the number written. Input below 2^29 never overflows.
    pub fn process_sums(&mut self, input: &[i32], output: &mut [i32]) -> usize {
        let len = self.output_samples(input.len());
        self.run(input, &mut output[..len], |sum, value| *sum = round(value));
        len
    }

    /// Converts sums and adds the unrounded result, with [`Resampler::FRACTION_BITS`], to `output`; returns
    /// the number of values touched.
    pub fn accumulate(&mut self, input: &[i32], output: &mut [i64]) -> usize {
        let len = self.output_samples(input.len());
        self.run(input, &mut output[..len], |sum, value| *sum += value);
        len
    }

    fn run<S: Copy + Into<i32>, T>(&mut self, input: &[S], mut output: &mut [T], emit: impl Fn(&mut T, i64)) {
        for chunk in input.chunks(CHUNK_SAMPLES) {
            let len = self.output_samples(chunk.len());
            let (now, later) = output.split_at_mut(len);
            self.run_chunk(chunk, now, &emit);
            output = later;
        }
    }

    fn run_chunk<S: Copy + Into<i32>, T>(
        &mut self,
        input: &[S],
        output: &mut [T],
        emit: impl Fn(&mut T, i64),
    ) {
        let history = self.kernel.taps - 1;
        let (any, any_high) = self.take_in(input);
        match (any || self.sounding > 0, any_high || self.wide > 0, self.kernel.block) {
            (false, ..) => output.iter_mut().for_each(|value| emit(value, 0)),
            (true, false, Block::Of32) => self.filter(output, emit, |low, _, taps| dot::<32>(low, taps)),
            (true, false, Block::Of16) => self.filter(output, emit, |low, _, taps| dot::<16>(low, taps)),
            (true, true, Block::Of32) => {
                self.filter(output, emit, |low, high, taps| {
                    (dot::<32>(high, taps) << 15) + dot::<32>(low, taps)
                });
            }
            (true, true, Block::Of16) => {
                self.filter(output, emit, |low, high, taps| {
                    (dot::<16>(high, taps) << 15) + dot::<16>(low, taps)
                });
            }
        }
        self.position = self.position + output.len() * self.kernel.advance - input.len() * self.kernel.phases;
        self.low.copy_within(input.len()..input.len() + history, 0);
        self.high.copy_within(input.len()..input.len() + history, 0);
        self.sounding = if any { history } else { self.sounding.saturating_sub(input.len()) };
        self.wide = if any_high { history } else { self.wide.saturating_sub(input.len()) };
    }

    /// Splits the input in halves behind the history. Tells whether any of it, and any upper half, is not
    /// zero.
    fn take_in<S: Copy + Into<i32>>(&mut self, input: &[S]) -> (bool, bool) {
        let history = self.kernel.taps - 1;
        let low = &mut self.low[history..history + input.len()];
        let high = &mut self.high[history..history + input.len()];
        let (mut bits, mut high_bits) = (0, 0);
        for ((low, high), &sample) in low.iter_mut().zip(high).zip(input) {
            let sample: i32 = sample.into();
            *low = (sample << 17 >> 17) as i16;
            *high = (sample.wrapping_sub(i32::from(*low)) >> 15) as i16;
            bits |= sample;
            high_bits |= *high;
        }
        (bits != 0, high_bits != 0)
    }

    #[inline(always)]
    fn filter<T>(
        &self,
        output: &mut [T],
        emit: impl Fn(&mut T, i64),
        product: impl Fn(&[i16], &[i16], &[i16]) -> i64,
    ) {
        let Kernel { phases, advance, taps, scale_bits, .. } = *self.kernel;
        let (mut at, mut phase) = (self.position / phases, self.position % phases);
        for value in output {
            let window = at..at + taps;
            let coefficients = &self.kernel.coefficients[phase * taps..(phase + 1) * taps];
            emit(value, product(&self.low[window.clone()], &self.high[window], coefficients) << scale_bits);
            at += advance / phases;
            phase += advance % phases;
            if phase >= phases {
                phase -= phases;
                at += 1;
            }
        }
    }
}

/// Converts a whole recording, also from rates a leg cannot have, and takes the filter's delay off. Long
/// work: not for the worker.
pub fn convert(samples: &[i16], from_hz: u32, to: SampleRate) -> Vec<i16> {
    if from_hz == to.hertz() {
        return samples.to_vec();
    }
    let mut resampler = Resampler::with_kernel(Arc::new(Kernel::design(from_hz, to.hertz())));
    let flush = vec![0; resampler.kernel.taps];
    let mut converted = vec![0; resampler.output_samples(samples.len() + flush.len())];
    let len = resampler.process(samples, &mut converted);
    resampler.process(&flush, &mut converted[len..]);
    let delay = resampler.kernel.taps * resampler.kernel.phases / (2 * resampler.kernel.advance);
    let wanted = (samples.len() as u64 * u64::from(to.hertz()) / u64::from(from_hz)) as usize;
    converted.drain(..delay.min(converted.len()));
    converted.truncate(wanted);
    converted
}

/// Takes the fraction off a fixed-point value, nearest integer, saturating.
#[inline]
pub fn round(value: i64) -> i32 {
    let rounded = (value + (1 << (Resampler::FRACTION_BITS - 1))) >> Resampler::FRACTION_BITS;
    rounded.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// Sum of products, block by block. No block can overflow: samples are of 15 bits, or at most 2^14 in their
/// high part, and the kernel's design bounds the sum of each block's magnitudes. Written so that it becomes
/// the multiply-add instructions on eight pairs.
#[inline(always)]
fn dot<const BLOCK: usize>(samples: &[i16], coefficients: &[i16]) -> i64 {
    let blocks = samples.as_chunks::<BLOCK>().0.iter().zip(coefficients.as_chunks::<BLOCK>().0);
    let sums = blocks.map(|(samples, coefficients)| {
        let products = (0..BLOCK).map(|tap| i32::from(samples[tap]) * i32::from(coefficients[tap]));
        i64::from(products.fold(0, i32::wrapping_add))
    });
    sums.sum()
}
