//! The noise that a sound stands out from, as the powers of its frames tell it.

/// Below this power nobody speaks: -55 dBFS.
const SILENCE: f32 = 3.162e-6;
/// Speech has so many times the power of the noise: 9 dB.
const ABOVE_NOISE: f32 = 7.943;
/// How fast what is steady becomes noise.
const NOISE_RISES_DB_PER_S: f32 = 5.0;

/// Follows what is steady in a sound.
#[derive(Debug, Clone)]
pub struct NoiseFloor {
    noise: f32,
    rise: f32,
}

impl NoiseFloor {
    /// For frames of this length. Until one has come, all may be noise.
    pub fn new(frame_ms: u32) -> Self {
        let rise_db = NOISE_RISES_DB_PER_S * frame_ms as f32 / 1000.0;
        Self { noise: f32::INFINITY, rise: 10.0_f32.powf(rise_db / 10.0) }
    }

    /// Begins anew.
    pub fn restart(&mut self) {
        self.noise = f32::INFINITY;
    }

    /// Takes the mean power of the next frame (1 is a full-scale square wave); whether it is well above the noise, as
    /// speech is.
    pub fn is_exceeded(&mut self, power: f32) -> bool {
        let threshold = self.noise * ABOVE_NOISE;
        self.noise = (self.noise * self.rise).min(power.max(SILENCE / ABOVE_NOISE));
        power > threshold
    }
}
