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

/// Mean power of a frame: 1 is a full-scale square wave. To the precision of an `f32`, in lanes that make a vector.
pub fn mean_power(samples: &[i16]) -> f32 {
    let (chunks, rest) = samples.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for chunk in chunks {
        for (lane, &sample) in lanes.iter_mut().zip(chunk) {
            *lane += f32::from(sample) * f32::from(sample);
        }
    }
    let sum = lanes.iter().sum::<f32>() + sum_of_squares(rest) as f32;
    sum / (samples.len().max(1) as f32 * 32_768.0 * 32_768.0)
}

/// Energy of a frame.
pub(super) fn sum_of_squares(samples: &[i16]) -> u64 {
    samples.iter().map(|&sample| u64::from((i32::from(sample) * i32::from(sample)) as u32)).sum()
}

#[cfg(test)]
mod tests {
    use super::{AudioLevel, dbfs, mean_power};

    #[test]
    fn a_square_wave_at_full_scale_is_overload_and_zeros_are_silence() {
        assert_eq!(AudioLevel::of(&[i16::MIN; 160]).minus_dbov(), 0);
        assert_eq!(AudioLevel::of(&[0; 160]), AudioLevel::SILENCE);
        assert_eq!(AudioLevel::of(&[]), AudioLevel::SILENCE);
        assert_eq!(AudioLevel::of(&[1; 160]).minus_dbov(), 90);
    }

    #[test]
    fn mean_power_is_the_level_without_the_logarithm() {
        for len in [1, 7, 80, 163, 960] {
            let samples: Vec<i16> = (0..len).map(|n: i32| (n * 7919 % 60_001 - 30_000) as i16).collect();
            let difference = 10.0 * mean_power(&samples).log10() - dbfs(&samples);
            assert!(difference.abs() < 1e-3, "{len}: {difference}");
        }
        assert_eq!((mean_power(&[]), mean_power(&[0; 160]), mean_power(&[i16::MIN; 160])), (0.0, 0.0, 1.0));
    }

    #[test]
    fn ten_times_smaller_is_twenty_decibel_less() {
        let difference = dbfs(&[20_000; 80]) - dbfs(&[2_000; 80]);
        assert!((difference - 20.0).abs() < 1e-3, "{difference}");
    }
}
