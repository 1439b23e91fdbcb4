//! Gains, and their change over a few milliseconds instead of at once, which would click.

/// A linear factor between silence and [`Gain::MAX_DB`].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Gain(f32);

impl Gain {
    /// Nothing gets through.
    pub const SILENT: Self = Self(0.0);
    /// Samples pass unchanged.
    pub const UNITY: Self = Self(1.0);
    /// The most a gain can be: four times. The mixer's proof that its sums fit 32 bits counts on it.
    pub const MAX_DB: f32 = 12.0;
    /// [`Gain::MAX_DB`] as a factor, rounded up.
    pub const MAX_FACTOR: i32 = 4;

    /// A gain in decibel, cut at [`Gain::MAX_DB`]; below −90 dB, or not a number, it is [`Gain::SILENT`].
    pub fn from_db(gain_db: f32) -> Self {
        if gain_db > -90.0 { Self(10.0_f32.powf(gain_db.min(Self::MAX_DB) / 20.0)) } else { Self::SILENT }
    }

    /// This gain and another factor, together within the same bounds.
    pub fn times(self, factor: f32) -> Self {
        Self((self.0 * factor).clamp(0.0, Self::MAX_FACTOR as f32))
    }

    /// The gain in decibel, `-inf` for silence.
    pub fn db(self) -> f32 {
        20.0 * self.0.log10()
    }

    /// The linear factor.
    pub const fn factor(self) -> f32 {
        self.0
    }
}

impl Default for Gain {
    fn default() -> Self {
        Self::UNITY
    }
}

/// A gain on its way to another: linear in the factor over [`GainRamp::RAMP_MS`].
#[derive(Debug, Clone)]
pub struct GainRamp {
    current: f32,
    target: f32,
    step: f32,
    remaining_samples: u32,
}

impl GainRamp {
    /// How long a change takes.
    pub const RAMP_MS: u32 = 10;

    /// A ramp at rest.
    pub const fn new(gain: Gain) -> Self {
        Self { current: gain.0, target: gain.0, step: 0.0, remaining_samples: 0 }
    }

    /// Begins to go to `gain`, from wherever it is, in [`GainRamp::RAMP_MS`] of `rate`.
    pub fn go_to(&mut self, gain: Gain, rate: super::SampleRate) {
        if gain.0 == self.target && self.remaining_samples == 0 {
            return;
        }
        let len_samples = rate.samples(Self::RAMP_MS) as u32;
        self.target = gain.0;
        self.step = (self.target - self.current) / len_samples as f32;
        self.remaining_samples = len_samples;
    }

    /// Forgets the way gone and is at `gain` at once.
    pub fn jump_to(&mut self, gain: Gain) {
        *self = Self::new(gain);
    }

    /// At rest at unity: nothing need be multiplied.
    pub fn is_unity(&self) -> bool {
        self.remaining_samples == 0 && self.current == 1.0
    }

    /// At rest at zero: nothing need be added.
    pub fn is_silent(&self) -> bool {
        self.remaining_samples == 0 && self.current == 0.0
    }

    /// Multiplies the sums in place, nearest integer.
    pub fn apply(&mut self, sums: &mut [i32]) {
        let ramp_len = sums.len().min(self.remaining_samples as usize);
        let (ramp, rest) = sums.split_at_mut(ramp_len);
        for sum in ramp {
            self.current += self.step;
            *sum = scale(*sum, self.current);
        }
        self.remaining_samples -= ramp_len as u32;
        if self.remaining_samples == 0 {
            self.current = self.target;
            if self.current != 1.0 {
                rest.iter_mut().for_each(|sum| *sum = scale(*sum, self.current));
            }
        }
    }
}

#[inline]
fn scale(sum: i32, factor: f32) -> i32 {
    let product = sum as f32 * factor;
    // Half away from zero; `round` would be a library call per sample on plain x86-64. `as` saturates.
    (product + 0.5_f32.copysign(product)) as i32
}

#[cfg(test)]
mod tests {
    use super::{Gain, GainRamp};
    use crate::audio::SampleRate;

    #[test]
    fn decibels_become_factors_within_their_bounds() {
        assert!((Gain::from_db(-20.0).factor() - 0.1).abs() < 1e-6);
        assert!((Gain::from_db(6.0).db() - 6.0).abs() < 1e-4);
        assert_eq!(Gain::from_db(40.0), Gain::from_db(Gain::MAX_DB));
        assert!(Gain::from_db(40.0).factor() <= Gain::MAX_FACTOR as f32);
        assert_eq!(Gain::from_db(f32::NAN), Gain::SILENT);
        assert_eq!(Gain::from_db(f32::NEG_INFINITY), Gain::SILENT);
    }

    #[test]
    fn a_ramp_goes_evenly_and_stays_at_its_target_over_any_cut_of_frames() {
        let mut ramp = GainRamp::new(Gain::UNITY);
        ramp.go_to(Gain::SILENT, SampleRate::Hz8000);
        let mut heard = Vec::new();
        for len in [1, 30, 7, 80, 80] {
            let mut sums = vec![8_000; len];
            ramp.apply(&mut sums);
            heard.extend(sums);
        }
        assert!(heard.windows(2).all(|pair| (0..=101).contains(&(pair[0] - pair[1]))), "{heard:?}");
        assert_eq!((heard[39], heard[79], heard[197]), (4_000, 0, 0));
        assert!(ramp.is_silent());
    }

    #[test]
    fn unity_changes_nothing_not_even_large_sums() {
        let mut sums = [i32::MAX, i32::MIN, 123_456_789];
        GainRamp::new(Gain::UNITY).apply(&mut sums);
        assert_eq!(sums, [i32::MAX, i32::MIN, 123_456_789]);
    }

    #[test]
    fn a_ramp_that_is_turned_round_goes_on_from_where_it_is() {
        let mut ramp = GainRamp::new(Gain::UNITY);
        ramp.go_to(Gain::SILENT, SampleRate::Hz8000);
        let mut sums = vec![8_000; 40];
        ramp.apply(&mut sums);
        ramp.go_to(Gain::UNITY, SampleRate::Hz8000);
        let mut back = vec![8_000; 80];
        ramp.apply(&mut back);
        assert!((back[0] - sums[39]).abs() <= 51, "{} {}", sums[39], back[0]);
        assert_eq!(back[79], 8_000);
        assert!(ramp.is_unity());
    }
}
