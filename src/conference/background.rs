//! The quiet noise that all hear all the time, where it is wished: nobody takes silence for a lost line, and it does not come
//! and go with those who talk.
//!
//! It falls by 6 dB an octave from 500 Hz on, as the noise of a room does. Each rate has its own, made once a tick: who
//! listens at one rate hears the same. The deaf hear it too, and at its level whatever the gain of what they hear.

use crate::audio::SampleRate;
use crate::audio::comfort_noise::Noise;

/// The noise of one rate.
#[derive(Debug)]
pub(super) struct Background {
    noise: Noise,
    frame: Box<[i16]>,
}

impl Background {
    pub(super) fn new(level_dbfs: i8, rate: SampleRate, frame_ms: u32) -> Self {
        // One reflection coefficient (RFC 3389 §3.2): -exp(-2π 500 Hz / rate).
        let coefficient = match rate {
            SampleRate::Hz8000 => 41,
            SampleRate::Hz16000 => 23,
            SampleRate::Hz24000 => 16,
            SampleRate::Hz48000 => 8,
        };
        let mut noise = Noise::new(rate.hertz());
        noise.describe(&[level_dbfs.unsigned_abs(), coefficient]);
        Self { noise, frame: vec![0; rate.samples(frame_ms)].into_boxed_slice() }
    }

    /// Makes that of the next tick.
    pub(super) fn advance(&mut self) -> &[i16] {
        self.noise.fill(&mut self.frame);
        &self.frame
    }

    /// That of this tick, since the seal.
    pub(super) fn frame(&self) -> &[i16] {
        &self.frame
    }
}
