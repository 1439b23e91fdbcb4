//! The two quadrature mirror filters (§3.1 and §4.4): 24 taps that part the bands and bring them together again.

use super::predictor::saturated;

/// Table 11; the other twelve are the same backwards.
const HALF: [i16; 12] = [3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876];

const TAPS: usize = 2 * HALF.len();

/// The taps for the band below, and those for the band above: every second one with its sign changed.
const LOW: [i16; TAPS] = taps(1);
const HIGH: [i16; TAPS] = taps(-1);
/// The taps that newer and older samples of a pair are made with.
const EVEN: [i16; TAPS / 2] = every_second(0);
const ODD: [i16; TAPS / 2] = every_second(1);

const fn taps(sign_of_even: i16) -> [i16; TAPS] {
    let mut taps = [0; TAPS];
    let mut at = 0;
    while at < TAPS {
        let tap = if at < HALF.len() { HALF[at] } else { HALF[TAPS - 1 - at] };
        taps[at] = if at % 2 == 0 { tap * sign_of_even } else { tap };
        at += 1;
    }
    taps
}

const fn every_second(first: usize) -> [i16; TAPS / 2] {
    let mut taps = [0; TAPS / 2];
    let mut at = 0;
    while at < taps.len() {
        taps[at] = LOW[2 * at + first];
        at += 1;
    }
    taps
}

fn product(samples: &[i16], taps: &[i16]) -> i32 {
    samples.iter().zip(taps).map(|(&sample, &tap)| i32::from(sample) * i32::from(tap)).sum()
}

/// The bands are 15 bits wide (block LIMIT).
pub(super) fn limited(value: i32) -> i16 {
    value.clamp(-16_384, 16_383) as i16
}

/// Parts samples into bands of half the rate.
#[derive(Debug, Clone, Default)]
pub(super) struct Analysis {
    /// Oldest first.
    past: [i16; TAPS],
}

impl Analysis {
    /// What a pair of samples adds to the band below and to the band above.
    pub fn split(&mut self, pair: [i16; 2]) -> (i16, i16) {
        self.past.copy_within(2.., 0);
        self.past[TAPS - 2..].copy_from_slice(&pair);
        (limited(product(&self.past, &LOW) >> 14), limited(product(&self.past, &HIGH) >> 14))
    }
}

/// Joins the bands to samples of twice their rate.
#[derive(Debug, Clone, Default)]
pub(super) struct Synthesis {
    /// Sums and differences of the bands, oldest first.
    sums: [i16; TAPS / 2],
    differences: [i16; TAPS / 2],
}

impl Synthesis {
    /// The pair of samples that the next sample of each band makes.
    pub fn join(&mut self, low: i16, high: i16) -> [i16; 2] {
        let newest = TAPS / 2 - 1;
        self.sums.copy_within(1.., 0);
        self.sums[newest] = low.saturating_add(high);
        self.differences.copy_within(1.., 0);
        self.differences[newest] = low.saturating_sub(high);
        [saturated(product(&self.differences, &ODD) >> 11), saturated(product(&self.sums, &EVEN) >> 11)]
    }
}
