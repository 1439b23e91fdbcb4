//! Noise suppression by RNNoise's neural network (`nnnoiseless`), at 48 kHz in frames of 10 ms.
//!
//! It delays by [`Denoiser::delay_samples`]: 10 ms, and up to 4 ms for a rate that is not its own. What is not denoised is
//! delayed as much, and the two are faded into each other, so that it can be done and left undone without being heard.
//! Silence costs nothing.

use super::SampleRate;
use super::resample::Resampler;
use super::saturate::is_silence;
use nnnoiseless::DenoiseState;

/// The network's own rate, and how much it takes at a time.
const RATE: SampleRate = SampleRate::Hz48000;
const STEP_MS: u32 = 10;
const STEP: usize = DenoiseState::FRAME_SIZE;
/// The longest frame.
const FRAME: usize = 2 * STEP;
/// So long is listened before what comes of it is heard again.
const WARM_UP_MS: u32 = 40;
/// After so much silence all of it has gone through.
const RINGS_MS: u32 = 40;

/// One stream; see the module.
pub struct Denoiser {
    rate: SampleRate,
    network: Box<DenoiseState<'static>>,
    /// To the network's rate and back.
    conversion: Option<(Resampler, Resampler)>,
    /// What came before, as much as the delay, and room for a frame.
    past: Box<[i16]>,
    /// Share of what is denoised in what is heard, at the end of the last frame.
    share: f32,
    /// How long the network has listened without a break, up to [`WARM_UP_MS`].
    warm_ms: u32,
    silent_ms: u32,
}

impl Denoiser {
    /// Begins with silence, and denoises from the first sample on.
    pub fn new(rate: SampleRate) -> Denoiser {
        let conversion = (rate != RATE).then(|| (Resampler::new(rate, RATE), Resampler::new(RATE, rate)));
        let past = vec![0; Denoiser::delay_samples(rate) + FRAME].into_boxed_slice();
        let network = DenoiseState::new();
        Denoiser { rate, network, conversion, past, share: 1.0, warm_ms: WARM_UP_MS, silent_ms: 0 }
    }

    /// How much later a sample comes out, of a stream of `rate`: the network's overlap and the filters' halves.
    pub const fn delay_samples(rate: SampleRate) -> usize {
        rate.samples(STEP_MS)
            + match rate {
                SampleRate::Hz8000 => 32,
                SampleRate::Hz16000 => 50,
                SampleRate::Hz24000 => 48,
                SampleRate::Hz48000 => 0,
            }
    }

    /// Replaces a frame of 10 or 20 ms by the next one of what is heard: denoised, or as it came.
    pub fn process(&mut self, frame: &mut [i16], denoises: bool) {
        let frame_ms = frame.len() as u32 * 1000 / self.rate.hertz();
        self.silent_ms = if is_silence(frame) { self.silent_ms + frame_ms } else { 0 };
        if self.silent_ms > RINGS_MS {
            self.silent_ms = RINGS_MS; // it may last for days
            self.past.fill(0);
            return frame.fill(0);
        }
        let mut plain = [0; FRAME];
        let plain = &mut plain[..frame.len()];
        self.delay(frame, plain);
        if !denoises && self.share == 0.0 {
            self.warm_ms = 0;
            return frame.copy_from_slice(plain);
        }
        self.denoise(frame);
        let end = if denoises && self.warm_ms >= WARM_UP_MS { 1.0 } else { 0.0 };
        self.warm_ms = (self.warm_ms + frame_ms).min(WARM_UP_MS);
        self.fade(frame, plain, end);
    }

    fn delay(&mut self, frame: &[i16], plain: &mut [i16]) {
        let delay = Denoiser::delay_samples(self.rate);
        self.past[delay..delay + frame.len()].copy_from_slice(frame);
        plain.copy_from_slice(&self.past[..frame.len()]);
        self.past.copy_within(frame.len()..frame.len() + delay, 0);
    }

    fn denoise(&mut self, frame: &mut [i16]) {
        let (mut wide, mut noisy, mut clean) = ([0; STEP], [0.0; STEP], [0.0; STEP]);
        for step in frame.chunks_exact_mut(self.rate.samples(STEP_MS)) {
            match &mut self.conversion {
                Some((up, _)) => _ = up.process(step, &mut wide),
                None => wide.copy_from_slice(step),
            }
            noisy.iter_mut().zip(&wide).for_each(|(to, &sample)| *to = f32::from(sample));
            self.network.process_frame(&mut clean, &noisy);
            wide.iter_mut().zip(&clean).for_each(|(to, &value)| *to = value.round_ties_even() as i16); // saturates
            match &mut self.conversion {
                Some((_, down)) => _ = down.process(&wide, step),
                None => step.copy_from_slice(&wide),
            }
        }
    }

    /// Goes to `end` in the course of the frame.
    fn fade(&mut self, frame: &mut [i16], plain: &[i16], end: f32) {
        if self.share == 1.0 && end == 1.0 {
            return;
        }
        let step = (end - self.share) / frame.len() as f32;
        for (sample, &plain) in frame.iter_mut().zip(plain) {
            self.share += step;
            let plain = f32::from(plain);
            *sample = (plain + (f32::from(*sample) - plain) * self.share).round_ties_even() as i16;
        }
        self.share = end;
    }
}

#[cfg(test)]
mod tests;
