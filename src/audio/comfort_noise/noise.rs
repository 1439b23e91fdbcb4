//! Noise by description.

use super::{SILENT_LEVEL, coefficient_of};

/// Coefficients of higher order are taken for 0, as §3.2 allows.
const MAX_ORDER: usize = 16;
/// The share of the way to another level that the noise goes with each sample: no step is heard.
const GLIDE: f32 = 1.0 / 64.0;

/// Noise as last described; before anything was, silence.
#[derive(Debug, Clone)]
pub struct Noise {
    random: u32,
    coefficients: [f32; MAX_ORDER],
    order: usize,
    /// The filter's memory: what each stage gave backwards.
    backward: [f32; MAX_ORDER + 1],
    /// How loud the filter's input is, and is to be.
    input_peak: f32,
    wanted_peak: f32,
}

impl Noise {
    /// Noise that differs from others by its seed.
    pub fn new(seed: u32) -> Self {
        Self {
            random: seed,
            coefficients: [0.0; MAX_ORDER],
            order: 0,
            backward: [0.0; MAX_ORDER + 1],
            input_peak: 0.0,
            wanted_peak: 0.0,
        }
    }

    /// Sounds as described from now on.
    pub fn describe(&mut self, payload: &[u8]) {
        let Some((level, indices)) = payload.split_first() else { return };
        self.order = indices.len().min(MAX_ORDER);
        for (coefficient, index) in self.coefficients.iter_mut().zip(indices) {
            *coefficient = coefficient_of(*index);
        }
        let level = level & 0x7f; // §3.1: the upper bit is to be ignored
        self.wanted_peak = if level == SILENT_LEVEL { 0.0 } else { self.peak(f32::from(level)) };
    }

    /// Fills `samples` with what comes next.
    pub fn fill(&mut self, samples: &mut [i16]) {
        if self.is_unheard() {
            // Going on would end in numbers so small that each costs many times as much.
            self.input_peak = 0.0;
            self.backward = [0.0; MAX_ORDER + 1];
            samples.fill(0);
            return;
        }
        for sample in samples {
            self.input_peak += (self.wanted_peak - self.input_peak) * GLIDE;
            *sample = self.next().round() as i16; // saturates
        }
    }

    /// Whether it is to be silent and rounds to silence.
    fn is_unheard(&self) -> bool {
        let rings = self.backward[..=self.order].iter().any(|value| value.abs() >= 0.5);
        self.wanted_peak == 0.0 && self.input_peak < 0.5 && !rings
    }

    /// The peak of even noise that leaves the filter at −`level` dBov. 0 dBov is a square wave of full scale; the power of
    /// even noise is a third of its peak's; each stage of the filter raises it.
    fn peak(&self, level: f32) -> f32 {
        let lessening: f32 = self.coefficients[..self.order].iter().map(|k| 1.0 - k * k).product();
        32_768.0 * 10_f32.powf(-level / 20.0) * (3.0 * lessening).sqrt()
    }

    /// Even noise through the lattice of the all-pole filter.
    fn next(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut forward = (self.random >> 8) as f32 / f32::from(1_u16 << 15) / 256.0 - 1.0;
        forward *= self.input_peak;
        for stage in (0..self.order).rev() {
            let coefficient = self.coefficients[stage];
            forward -= coefficient * self.backward[stage];
            self.backward[stage + 1] = self.backward[stage] + coefficient * forward;
        }
        self.backward[0] = forward;
        forward
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_that_has_become_silent_computes_nothing_any_more_and_comes_again_when_described() {
        let (mut noise, mut out) = (Noise::new(1), [0; 960]);
        noise.describe(&[30, 20, 200, 120]);
        noise.fill(&mut out);
        noise.describe(&[SILENT_LEVEL, 20, 200, 120]);
        for _ in 0..20 {
            noise.fill(&mut out);
        }
        assert!(noise.input_peak == 0.0 && noise.backward == [0.0; MAX_ORDER + 1], "{noise:?}");
        assert_eq!(out, [0; 960]);
        noise.describe(&[30]);
        noise.fill(&mut out);
        assert!(out.iter().any(|sample| sample.abs() > 300));
    }
}
