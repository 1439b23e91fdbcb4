//! How loud a frame is: dBFS for people, −dBov of RFC 6464 for the header extension and the floor.

/// Audio level as RFC 6464 §3 carries it: 0 is overload, 127 silence, in steps of −1 dBov.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AudioLevel(u8);

impl AudioLevel {
    /// Digital silence, or anything below −127 dBov.
    pub const SILENCE: Self = Self(127);

    /// Level of a frame.
    pub fn of(samples: &[i16]) -> Self {
        Self::from_dbfs(dbfs(samples))
    }

    /// The nearest step to a level in dBFS (dBov, as 0 dBov is here the power of a full-scale square wave).
    pub fn from_dbfs(dbfs: f32) -> Self {
        Self((-dbfs).round().clamp(0.0, 127.0) as u8)
    }

    /// The seven bits of the header extension.
    pub const fn minus_dbov(self) -> u8 {
        self.0
    }
}

/// Mean power in dB relative to a full-scale square wave (a full-scale sine is −3.01); silence is `-inf`.
pub fn dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return f32::NEG_INFINITY;
    }
    let mean = sum_of_squares(samples) as f64 / samples.len() as f64;
    (10.0 * (mean / (32_768.0 * 32_768.0)).log10()) as f32
}

/// Mean power of a frame: 1 is a full-scale square wave.
pub fn mean_power(samples: &[i16]) -> f32 {
    sum_of_squares(samples) as f32 / (samples.len().max(1) as f32 * 32_768.0 * 32_768.0)
}

/// Energy of a frame.
pub(super) fn sum_of_squares(samples: &[i16]) -> u64 {
    samples.iter().map(|&sample| u64::from((i32::from(sample) * i32::from(sample)) as u32)).sum()
}

#[cfg(test)]
mod tests {
    use super::{AudioLevel, dbfs};

    #[test]
    fn a_square_wave_at_full_scale_is_overload_and_zeros_are_silence() {
        assert_eq!(AudioLevel::of(&[i16::MIN; 160]).minus_dbov(), 0);
        assert_eq!(AudioLevel::of(&[0; 160]), AudioLevel::SILENCE);
        assert_eq!(AudioLevel::of(&[]), AudioLevel::SILENCE);
        assert_eq!(AudioLevel::of(&[1; 160]).minus_dbov(), 90);
    }

    #[test]
    fn ten_times_smaller_is_twenty_decibel_less() {
        let difference = dbfs(&[20_000; 80]) - dbfs(&[2_000; 80]);
        assert!((difference - 20.0).abs() < 1e-3, "{difference}");
    }
}
