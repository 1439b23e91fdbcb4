//! Comfort noise (RFC 3389): a pause is described, by the level and the spectrum of its noise, instead of being sent.
//!
//! A description is an octet of level in −dBov and one of each reflection coefficient, as many as one likes. [`Noise`]
//! makes noise of descriptions that come, [`Pauses`] tells pauses from speech and describes them.

mod noise;
mod pauses;
#[cfg(test)]
mod tests;

pub use noise::Noise;
pub use pauses::{Pauses, Pausing};

/// The most octets of a description that we write: the level and ten coefficients.
pub const MAX_DESCRIPTION_OCTETS: usize = 1 + pauses::ORDER;

/// The greatest index of a coefficient; 255 is reserved (§3.2).
const MAX_INDEX: u8 = 254;
/// The index of 0.
const MIDDLE_INDEX: u8 = 127;
/// A step of a coefficient.
const STEP: f32 = 258.0 / 32_768.0;
/// The level of silence.
const SILENT_LEVEL: u8 = 127;

/// §3.2. Coefficients of 1 and −1 would never fade.
fn coefficient_of(index: u8) -> f32 {
    ((f32::from(index.min(MAX_INDEX)) - f32::from(MIDDLE_INDEX)) * STEP).clamp(-0.99, 0.99)
}

fn index_of(coefficient: f32) -> u8 {
    (coefficient / STEP + f32::from(MIDDLE_INDEX)).round().clamp(0.0, f32::from(MAX_INDEX)) as u8
}
