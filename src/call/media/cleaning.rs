//! What is done to a peer's audio before anybody hears it: an offset is taken off, noise is suppressed, the gate closes.
//!
//! All of it in this order, after decoding and concealment. Offsets are looked for in every leg, now and then; the rest is
//! done where it is asked for, and only to frames that are heard and in which there is something.

use crate::audio::SampleRate;
use crate::audio::denoise::Denoiser;
use crate::audio::gate::NoiseGate;
use crate::audio::offset::{OffsetRemover, offset_of};

/// Each of the first frames is looked at, so that an offset is gone before it is heard; later one in so many.
const FIRST_LOOKS: u32 = 25;
const FRAMES_PER_LOOK: u32 = 8;
/// For so long frames in a row have to show the same offset, within a fourth of it: the low end of a voice does so for 50 ms.
const SUSPICIOUS_MS: u32 = 160;

/// What is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CleaningSettings {
    /// Whether noise is suppressed.
    pub denoise: bool,
    /// What is quieter becomes silence, in dB below full scale.
    pub noise_gate_db: Option<u8>,
}

/// See the module.
pub struct Cleaning {
    settings: CleaningSettings,
    rate: SampleRate,
    /// Frames with something in them, so far.
    frames: u32,
    /// What the last frames looked at had, and for how many ms.
    suspected: (f32, u32),
    offset: Option<Box<OffsetRemover>>,
    /// From the first frame on that there is something in.
    denoiser: Option<Box<Denoiser>>,
    gate: Option<Box<NoiseGate>>,
}

impl Cleaning {
    /// For a stream of this rate.
    pub fn new(settings: CleaningSettings, rate: SampleRate) -> Cleaning {
        let gate = settings.noise_gate_db.map(|db| Box::new(NoiseGate::new(-f32::from(db))));
        Cleaning { settings, rate, frames: 0, suspected: (0.0, 0), offset: None, denoiser: None, gate }
    }

    /// The same for a stream of another rate.
    pub fn afresh(&self, rate: SampleRate) -> Cleaning {
        Cleaning::new(self.settings, rate)
    }

    /// Whether its samples are needed: without that nothing is changed in them.
    pub fn is_needed(&self) -> bool {
        self.settings.denoise || self.gate.is_some() || self.offset.is_some()
    }

    /// Cleans the next frame, in which there is something of the peer (`has_sound`) or silence. Where it is not heard, or
    /// there is no time for it, it is not denoised.
    pub fn clean(&mut self, frame: &mut [i16], has_sound: bool, is_heard: bool, may_denoise: bool) {
        if has_sound && is_heard {
            self.look_for_offset(frame);
            if self.settings.denoise && self.denoiser.is_none() {
                self.denoiser = Some(Box::new(Denoiser::new(self.rate)));
            }
        }
        if let Some(offset) = &mut self.offset {
            offset.apply(frame);
        }
        if let Some(denoiser) = &mut self.denoiser {
            denoiser.process(frame, is_heard && may_denoise);
        }
        if let Some(gate) = &mut self.gate {
            gate.apply(self.rate, frame);
        }
    }

    fn look_for_offset(&mut self, frame: &[i16]) {
        self.frames = self.frames.wrapping_add(1);
        let (before, since_ms) = self.suspected;
        let frame_ms = frame.len() as u32 * 1000 / self.rate.hertz();
        let looks = self.frames <= FIRST_LOOKS || self.frames.is_multiple_of(FRAMES_PER_LOOK) || since_ms > 0;
        if !looks || self.offset.is_some() {
            return;
        }
        self.suspected = match offset_of(frame) {
            None => (0.0, 0),
            Some(offset) if (offset - before).abs() < before.abs() / 4.0 => (before, since_ms + frame_ms),
            Some(offset) => (offset, frame_ms),
        };
        if self.suspected.1 >= SUSPICIOUS_MS {
            self.offset = Some(Box::new(OffsetRemover::new(self.rate)));
        }
    }
}

#[cfg(test)]
mod tests;
