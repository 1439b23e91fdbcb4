//! Quantisers of the two bands, their scale factors, and what coding and decoding do with them (§3.2 to §3.5, §4).

use super::filter::limited;
use super::predictor::{Predictor, product};

/// Table 14: decision levels of the band below, as multiples of the scale factor's 4096th part.
const LOW_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219,
    1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Table 17: codes of the intervals between them, of negative and of other differences.
const LOW_NEGATIVE: [u8; 30] = [
    63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
    6, 5, 4,
];
const LOW_POSITIVE: [u8; 30] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
    35, 34, 33, 32,
];
/// Table 18: what a code of six bits stands for.
const LOW_FINE: [i16; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// Table 16: what its upper four bits stand for, by which both sides adapt.
const LOW_COARSE: [i16; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Tables 12 and 13: how these bits change the logarithm of the scale factor.
const LOW_GROWTH: [i16; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];

/// Table 15: what a code of the band above stands for, and how it changes the scale factor.
const HIGH_VALUES: [i16; 4] = [-7408, -1616, 7408, 1616];
const HIGH_GROWTH: [i16; 4] = [798, -214, 798, -214];
/// The only decision level of the band above.
const HIGH_LEVEL: i32 = 564;

/// Table 11: a 2048th part is 2 to the power of a 32nd.
const POWERS: [i16; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// The scale factor of a band's quantiser.
#[derive(Debug, Clone)]
struct Scale {
    logarithm: i16,
    factor: i16,
}

impl Scale {
    /// LOGSCL or LOGSCH, then SCALEL or SCALEH: bounded by `max`, and of `octaves` below the greatest.
    fn grow(&mut self, growth: i16, max: i16, octaves: i16) {
        self.logarithm = (product(self.logarithm, 32_512) + growth).clamp(0, max);
        let power = POWERS[usize::from(self.logarithm as u16 >> 6 & 31)];
        let shift = octaves - (self.logarithm >> 11);
        self.factor = if shift < 0 { power << -shift } else { power >> shift } << 2;
    }

    /// How large `level` is at this scale.
    fn level(&self, level: i32) -> i32 {
        (level * i32::from(self.factor)) >> 12
    }
}

/// How far a difference is from zero; −1 is as far as 0.
fn magnitude(difference: i16) -> i32 {
    i32::from(if difference < 0 { !difference } else { difference })
}

/// One side's state of the band below 4 kHz.
#[derive(Debug, Clone)]
pub(super) struct LowBand {
    predictor: Predictor,
    scale: Scale,
}

impl Default for LowBand {
    fn default() -> Self {
        Self { predictor: Predictor::default(), scale: Scale { logarithm: 0, factor: 32 } }
    }
}

impl LowBand {
    /// The code of the next sample, of six bits.
    pub fn encode(&mut self, sample: i16) -> u8 {
        let difference = sample.saturating_sub(self.predictor.estimate());
        let magnitude = magnitude(difference);
        let interval = LOW_LEVELS.partition_point(|level| self.scale.level(*level) <= magnitude);
        let code = if difference < 0 { LOW_NEGATIVE[interval] } else { LOW_POSITIVE[interval] };
        self.adapt(code);
        code
    }

    /// The sample that a code of six bits stands for.
    pub fn decode(&mut self, code: u8) -> i16 {
        let difference = product(self.scale.factor, LOW_FINE[usize::from(code)]);
        let sample = limited(i32::from(self.predictor.estimate()) + i32::from(difference));
        self.adapt(code);
        sample
    }

    fn adapt(&mut self, code: u8) {
        let coarse = usize::from(code >> 2);
        let difference = product(self.scale.factor, LOW_COARSE[coarse]);
        self.scale.grow(LOW_GROWTH[coarse], 18_432, 8);
        self.predictor.learn(difference);
    }
}

/// One side's state of the band above 4 kHz.
#[derive(Debug, Clone)]
pub(super) struct HighBand {
    predictor: Predictor,
    scale: Scale,
}

impl Default for HighBand {
    fn default() -> Self {
        Self { predictor: Predictor::default(), scale: Scale { logarithm: 0, factor: 8 } }
    }
}

impl HighBand {
    /// The code of the next sample, of two bits.
    pub fn encode(&mut self, sample: i16) -> u8 {
        let difference = sample.saturating_sub(self.predictor.estimate());
        let is_far = magnitude(difference) >= self.scale.level(HIGH_LEVEL);
        let code = u8::from(!is_far) | u8::from(difference >= 0) << 1;
        self.decode(code);
        code
    }

    /// The sample that a code of two bits stands for.
    pub fn decode(&mut self, code: u8) -> i16 {
        let difference = product(self.scale.factor, HIGH_VALUES[usize::from(code)]);
        let sample = limited(i32::from(self.predictor.estimate()) + i32::from(difference));
        self.scale.grow(HIGH_GROWTH[usize::from(code)], 22_528, 10);
        self.predictor.learn(difference);
        sample
    }
}
