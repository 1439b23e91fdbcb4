//! Whether a sound is speech: a small neural network (`earshot`) listens to pieces of it.
//!
//! It costs some 7 µs per 16 ms, too much for every frame of everyone. So it is asked now and then about 100 ms, from a
//! fresh start, which was measured to do: 92 to 98 % of the pieces of speech are known, also in noise 10 dB below it, and
//! at most 3 % of those of noise, wind, breath, keyboards and tones are taken for it. Hum, music and many voices are.

use super::SampleRate;
use super::level::mean_power;
use super::saturate::is_silence;
use earshot::Detector;
use std::fmt;

/// Samples of a piece.
const PIECE_SAMPLES: usize = SampleRate::Hz8000.samples(PIECE_MS);
/// Length of a piece: a whole number of frames.
pub const PIECE_MS: u32 = 100;
/// What the network takes at a time, of 16 kHz, and what becomes that.
const STEP_SAMPLES: usize = 256;
const HALF_STEP_SAMPLES: usize = STEP_SAMPLES / 2;
/// It tells speech from noise best near this level: -32 dBFS. Louder noise is taken for speech, quieter speech for noise.
const LEVEL: f32 = 6.31e-4;
/// From this score on, of 0 to 1, it hears a voice.
const IS_VOICE: f32 = 0.5;

/// A piece of sound, frame after frame. It is kept at 8 kHz, whatever it came at: the network takes the noise of a wide band
/// for speech. It is resampled more cheaply than well, which the network does not mind.
pub struct Piece {
    samples: Box<[i16]>,
    len: usize,
}

impl Default for Piece {
    fn default() -> Self {
        Self { samples: vec![0; PIECE_SAMPLES].into_boxed_slice(), len: 0 }
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} of {PIECE_SAMPLES} samples)", self.len)
    }
}

impl Piece {
    /// Begins anew.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it can be judged.
    pub fn is_whole(&self) -> bool {
        self.len == PIECE_SAMPLES
    }

    /// Takes a frame; what is too much is left out.
    pub fn push(&mut self, frame: &[i16], rate: SampleRate) {
        let together = (rate.hertz() / SampleRate::Hz8000.hertz()) as usize;
        let room = &mut self.samples[self.len..];
        let mean = |some: &[i16]| {
            (some.iter().map(|&sample| i32::from(sample)).sum::<i32>() / together as i32) as i16
        };
        let taken = room.iter_mut().zip(frame.chunks_exact(together)).map(|(out, some)| *out = mean(some));
        self.len += taken.count();
    }

    /// Its steps at 16 kHz, as loud as the network wants them.
    fn steps(&self) -> impl Iterator<Item = [i16; STEP_SAMPLES]> {
        let gain = (LEVEL / mean_power(&self.samples)).sqrt();
        let mut last = 0;
        self.samples.as_chunks::<HALF_STEP_SAMPLES>().0.iter().map(move |half| {
            let mut step = [0; STEP_SAMPLES];
            for (pair, &sample) in step.as_chunks_mut::<2>().0.iter_mut().zip(half) {
                let levelled = (f32::from(sample) * gain) as i16; // what is too loud is cut
                *pair = [((i32::from(last) + i32::from(levelled)) / 2) as i16, levelled];
                last = levelled;
            }
            step
        })
    }
}

/// Listens to pieces of any number of sounds, one after the other.
pub struct VoiceDetector {
    network: Box<Detector>,
}

impl Default for VoiceDetector {
    fn default() -> Self {
        Self { network: Detector::default_boxed() }
    }
}

impl fmt::Debug for VoiceDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoiceDetector")
    }
}

impl VoiceDetector {
    /// Whether somebody speaks in the piece; one that is silent, or not whole, is no speech.
    pub fn hears_voice(&mut self, piece: &Piece) -> bool {
        if !piece.is_whole() || is_silence(&piece.samples) {
            return false;
        }
        self.network.reset();
        piece.steps().enumerate().any(|(number, step)| {
            let score = self.network.predict_i16(&step);
            number > 0 && score > IS_VOICE // of the first alone it cannot tell
        })
    }
}

#[cfg(test)]
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;
