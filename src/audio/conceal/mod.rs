//! Concealment of lost frames of waveform codecs after ITU-T G.711 Appendix I, without its delay.
//!
//! A gap is filled with the last pitch period, after 10 ms the last two, after 20 ms the last three, fading
//! from 10 ms on to nothing at 60 ms; the first good samples are cross-faded with what would have gone on.
//! The appendix delays all audio by 3.75 ms to smooth the first join with samples already played; here the
//! join is smoothed within the gap.

mod pitch;
#[cfg(test)]
mod tests;

use super::SampleRate;
use pitch::PITCH_MAX_MS;

/// 3.25 of the longest period are looked at (Appendix I, §I.2).
const HISTORY_MS: u32 = PITCH_MAX_MS * 13 / 4 + 2;

/// Each such stretch of a gap adds a period and, later, takes a fifth of the level (§I.2.7).
const STEP_MS: u32 = 10;

/// From here on a gap is silent.
const SILENT_MS: u32 = 60;

/// Conceals losses in one stream of samples.
#[derive(Debug, Clone)]
pub struct Concealer {
    rate: SampleRate,
    /// Place of the oldest sample, which the next one replaces: a packet touches no more than its own length.
    oldest: usize,
    /// The last samples given out, received or made up, as a ring.
    history: Box<[i16]>,
    gap: Option<Box<Gap>>,
}

/// A gap being filled.
#[derive(Debug, Clone)]
struct Gap {
    /// The history as it was when the gap began, oldest first.
    frozen: Box<[i16]>,
    period: usize,
    current: Cycle,
    /// What is faded out after a change of cycle, and how much of the fade is left.
    previous: Cycle,
    fade_left: usize,
    /// What the first sample would be off by, fading over the same time.
    offset: f32,
    filled: usize,
}

/// Where in the repeated periods the filling is.
#[derive(Debug, Clone, Copy)]
struct Cycle {
    periods: usize,
    at: usize,
}

impl Concealer {
    /// Without history: what is lost before anything came is silence.
    pub fn new(rate: SampleRate) -> Self {
        let history = vec![0; rate.samples(HISTORY_MS)].into_boxed_slice();
        Self { rate, oldest: 0, history, gap: None }
    }

    /// Rate of the samples.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Takes note of samples that did come. Those right after a gap are cross-faded with its filling, in
    /// place; all others stay as they are.
    #[inline]
    pub fn received(&mut self, samples: &mut [i16]) {
        if let Some(mut gap) = self.gap.take() {
            self.recover(&mut gap, samples);
        }
        self.remember(samples);
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        see(std::ptr::from_ref(self) as usize, size_of::<Self>());
        see(self.history.as_ptr() as usize, size_of_val(&*self.history));
    }

    /// Fills `samples`, of any length, in place of lost ones.
    pub fn conceal(&mut self, samples: &mut [i16]) {
        let mut gap = self.gap.take().unwrap_or_else(|| Box::new(self.begin_gap()));
        for sample in samples.iter_mut() {
            *sample = round(self.next(&mut gap));
        }
        self.gap = Some(gap);
        self.remember(samples);
    }

    fn begin_gap(&mut self) -> Gap {
        let (newer, older) = self.history.split_at(self.oldest);
        let frozen = [older, newer].concat().into_boxed_slice();
        let period = pitch::period(&frozen, self.rate);
        let newest = frozen.len() - 1;
        let first = Cycle { periods: 1, at: 0 };
        Gap {
            period,
            current: first,
            previous: first,
            fade_left: 0,
            offset: f32::from(frozen[newest]) - f32::from(frozen[newest - period]),
            filled: 0,
            frozen,
        }
    }

    /// The overlap grows by 4 ms for each 10 ms of gap, up to 10 ms (§I.2.8).
    fn recover(&self, gap: &mut Gap, samples: &mut [i16]) {
        let steps = gap.filled / self.rate.samples(STEP_MS);
        let overlap = (quarter(gap.period) + steps * self.rate.samples(4))
            .min(self.rate.samples(10))
            .min(samples.len());
        for (at, sample) in samples[..overlap].iter_mut().enumerate() {
            let share = (at + 1) as f32 / (overlap + 1) as f32;
            *sample = round(self.next(gap) * (1.0 - share) + f32::from(*sample) * share);
        }
    }

    /// The next sample of the filling.
    fn next(&self, gap: &mut Gap) -> f32 {
        let step = self.rate.samples(STEP_MS);
        if gap.filled >= self.rate.samples(SILENT_MS) {
            gap.filled += 1;
            return 0.0;
        }
        if gap.filled > 0 && gap.filled.is_multiple_of(step) && gap.current.periods < 3 {
            gap.previous = gap.current;
            gap.fade_left = quarter(gap.period);
            gap.current = Cycle { periods: gap.current.periods + 1, at: gap.current.at % gap.period };
        }
        let mut value = step_through(&gap.frozen, gap.period, &mut gap.current);
        if gap.fade_left > 0 {
            let share = gap.fade_left as f32 / (quarter(gap.period) + 1) as f32;
            value += (step_through(&gap.frozen, gap.period, &mut gap.previous) - value) * share;
            gap.fade_left -= 1;
        }
        let smoothing = quarter(gap.period);
        if gap.filled < smoothing {
            value += gap.offset * (smoothing - gap.filled) as f32 / (smoothing + 1) as f32;
        }
        let fading = gap.filled.saturating_sub(step) as f32 / (self.rate.samples(SILENT_MS) - step) as f32;
        gap.filled += 1;
        value * (1.0 - fading)
    }

    fn remember(&mut self, samples: &[i16]) {
        let newest = &samples[samples.len().saturating_sub(self.history.len())..];
        let (front, back) = newest.split_at(newest.len().min(self.history.len() - self.oldest));
        self.history[self.oldest..self.oldest + front.len()].copy_from_slice(front);
        self.history[..back.len()].copy_from_slice(back);
        let end = self.oldest + newest.len();
        self.oldest = if end >= self.history.len() { end - self.history.len() } else { end };
    }
}

/// The next sample of the last periods before the gap, played round and round. The last quarter of a
/// period blends into what came before the first, so that the end joins the beginning.
fn step_through(frozen: &[i16], period: usize, cycle: &mut Cycle) -> f32 {
    let (newest, len, blend) = (frozen.len(), cycle.periods * period, quarter(period));
    let until_end = len - cycle.at;
    let value = f32::from(frozen[newest - until_end]);
    cycle.at = if until_end == 1 { 0 } else { cycle.at + 1 };
    if until_end > blend {
        return value;
    }
    let share = (blend - until_end + 1) as f32 / (blend + 1) as f32;
    value + (f32::from(frozen[newest - len - until_end]) - value) * share
}

fn quarter(period: usize) -> usize {
    period / 4
}

fn round(value: f32) -> i16 {
    (value + 0.5_f32.copysign(value)) as i16
}
