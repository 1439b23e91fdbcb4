//! Design of the polyphase filters: a sinc under a Kaiser window, in integers.

use crate::audio::SampleRate;
use std::sync::{Arc, OnceLock};

/// Fraction bits of a product of the filter, after [`Kernel::scale_bits`].
pub(super) const FRACTION_BITS: u32 = 17;

/// Products that are summed up in 32 bits, before the sum goes on in 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Of16,
    Of32,
}

impl Block {
    const fn taps(self) -> usize {
        match self {
            Self::Of16 => 16,
            Self::Of32 => 32,
        }
    }
}

/// Kaiser's β for about 74 dB.
const KAISER_BETA: f64 = 7.2;

/// The cut (−6 dB) lies a little below half the lower rate, which keeps the largest coefficient below 2^15.
const CUT: f64 = 0.985;

/// One filter, cut in as many phases as there are outputs before the pattern repeats.
#[derive(Debug)]
pub(super) struct Kernel {
    /// Common multiple of both rates over the input rate.
    pub(super) phases: usize,
    /// Common multiple of both rates over the output rate.
    pub(super) advance: usize,
    /// Coefficients per phase, whole blocks.
    pub(super) taps: usize,
    pub(super) block: Block,
    /// What the coefficients lack to [`FRACTION_BITS`]: those of a filter to a lower rate are smaller and get
    /// more bits.
    pub(super) scale_bits: u32,
    /// Phase after phase, each in the order of the samples: the last belongs to the newest.
    pub(super) coefficients: Box<[i16]>,
}

/// The filter between two rates of legs, designed at its first use and then shared.
pub(super) fn shared(from: SampleRate, to: SampleRate) -> Arc<Kernel> {
    static KERNELS: [OnceLock<Arc<Kernel>>; 16] = [const { OnceLock::new() }; 16];
    KERNELS[from.index() * 4 + to.index()]
        .get_or_init(|| Arc::new(Kernel::design(from.hertz(), to.hertz())))
        .clone()
}

impl Kernel {
    pub(super) fn design(from_hz: u32, to_hz: u32) -> Self {
        let (from, to) = (from_hz as usize, to_hz as usize);
        let divisor = greatest_common_divisor(from, to);
        let (phases, advance) = (to / divisor, from / divisor);
        let low = from.min(to);
        // Periods of the lower rate under the window: 32 at 8 kHz are 2 ms of delay; above that 48 are less.
        let periods = if low > 12_000 { 48 } else { 32 };
        let wanted_taps = (periods * from).div_ceil(low);
        // 48 taps are the one length where whole blocks of 32 would be much wasted.
        let block = if wanted_taps == 48 { Block::Of16 } else { Block::Of32 };
        let taps = wanted_taps.next_multiple_of(block.taps());
        let len = taps * phases;
        let cut = CUT * low as f64 / (from * phases) as f64;
        let ideal = |index: usize| {
            let offset = index as f64 - (len - 1) as f64 / 2.0;
            sinc(cut * offset) * cut * phases as f64 * kaiser(2.0 * offset / len as f64)
        };
        // The oldest sample of the window meets the end of the impulse response.
        let exact = |phase: usize| (0..taps).rev().map(move |tap| phase + tap * phases).map(ideal);
        let quantised = |scale_bits: u32| -> Option<Box<[i16]>> {
            let one = 1 << (FRACTION_BITS - scale_bits);
            let phases: Option<Vec<_>> =
                (0..phases).map(|phase| quantise(&exact(phase).collect::<Vec<_>>(), one, block)).collect();
            phases.map(|phases| phases.concat().into_boxed_slice())
        };
        let (scale_bits, coefficients) = (0..FRACTION_BITS)
            .find_map(|scale_bits| Some((scale_bits, quantised(scale_bits)?)))
            .expect("small coefficients fit");
        Self { phases, advance, taps, block, scale_bits, coefficients }
    }
}

/// Integers whose sum is exactly `one`, so that each phase passes a constant unchanged: the largest
/// coefficient takes what rounding left over.
fn quantise(exact: &[f64], one: i32, block: Block) -> Option<Vec<i16>> {
    let scale = f64::from(one) / exact.iter().sum::<f64>();
    let mut quantised: Vec<i32> =
        exact.iter().map(|coefficient| (coefficient * scale).round() as i32).collect();
    let residue = one - quantised.iter().sum::<i32>();
    let largest = (0..quantised.len()).max_by_key(|&tap| quantised[tap]).unwrap_or(0);
    quantised[largest] += residue;
    let fits = |part: &[i32]| part.iter().map(|coefficient| coefficient.abs()).sum::<i32>() < 1 << 17;
    if !quantised.chunks(block.taps()).all(fits) {
        return None;
    }
    quantised.into_iter().map(|coefficient| i16::try_from(coefficient).ok()).collect()
}

fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle }
}

/// Kaiser window at `x` in −1..1.
fn kaiser(x: f64) -> f64 {
    bessel_i0(KAISER_BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel_i0(KAISER_BETA)
}

/// Modified Bessel function of the first kind, order zero, by its series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let mut term = 1.0;
    (1..40).fold(1.0, |sum, k| {
        term *= quarter / f64::from(k * k);
        sum + term
    })
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
