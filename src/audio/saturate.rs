//! Sums back to samples: the one place where a value is cut to 16 bits.

/// The nearest sample.
#[inline]
pub const fn saturate(value: i32) -> i16 {
    if value > i16::MAX as i32 {
        i16::MAX
    } else if value < i16::MIN as i32 {
        i16::MIN
    } else {
        value as i16
    }
}

/// Whether sums fitted 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// All of them did.
    Whole,
    /// Some were cut.
    Cut,
}

/// Cuts each sum to a sample; the slices are of equal length.
pub fn saturate_all(sums: &[i32], samples: &mut [i16]) -> Fit {
    assert_eq!(sums.len(), samples.len(), "one sample per sum");
    let mut difference = 0;
    for (sample, &sum) in samples.iter_mut().zip(sums) {
        *sample = saturate(sum);
        difference |= sum ^ i32::from(*sample);
    }
    if difference == 0 { Fit::Whole } else { Fit::Cut }
}

/// What codecs make of digital silence, G.722 the most: at -78 dB of full scale nobody hears it, but it would be coded again with
/// each talker. The smallest samples of
/// G.711 are above it.
pub const SILENCE_PEAK: i16 = 4;

/// True if no sample is above [`SILENCE_PEAK`]. Looks at the whole frame without a branch per sample.
#[inline]
pub fn is_silence(samples: &[i16]) -> bool {
    let (chunks, rest) = samples.as_chunks::<32>();
    let is_audible = |sample: &i16| sample.wrapping_add(SILENCE_PEAK) as u16 > 2 * SILENCE_PEAK as u16;
    let any = |part: &[i16]| part.iter().fold(false, |any, sample| any | is_audible(sample));
    !chunks.iter().any(|chunk| any(chunk)) && !any(rest)
}

#[cfg(test)]
mod tests {
    use super::{Fit, SILENCE_PEAK, is_silence, saturate, saturate_all};

    #[test]
    fn sums_beyond_a_sample_are_cut_and_never_wrap() {
        let mut samples = [0; 5];
        assert_eq!(saturate_all(&[32_768, -32_769, i32::MAX, i32::MIN, -7], &mut samples), Fit::Cut);
        assert_eq!(samples, [i16::MAX, i16::MIN, i16::MAX, i16::MIN, -7]);
        assert_eq!(saturate(32_767), 32_767);
        assert_eq!(saturate_all(&[32_767, -32_768, 0, 1, -7], &mut samples), Fit::Whole);
    }

    #[test]
    fn one_audible_sample_anywhere_is_no_silence() {
        for len in [0, 1, 31, 32, 80, 160] {
            let mut samples: Vec<i16> =
                (0..SILENCE_PEAK + 1).chain(-SILENCE_PEAK..0).cycle().take(len).collect();
            assert!(is_silence(&samples));
            for at in 0..len {
                for audible in [-SILENCE_PEAK - 1, SILENCE_PEAK + 1, i16::MIN, i16::MAX] {
                    let before = std::mem::replace(&mut samples[at], audible);
                    assert!(!is_silence(&samples), "{audible} at {at} of {len}");
                    samples[at] = before;
                }
            }
        }
    }
}
