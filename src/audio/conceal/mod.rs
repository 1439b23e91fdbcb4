//! Concealment of lost frames of waveform codecs: after ITU-T G.711 Appendix I, without its delay, and from
//! both sides where what is behind the gap has come already.
//!
//! A gap is filled with the last pitch period, after 10 ms the last two, after 20 ms the last three. With
//! nothing behind it at hand it fades from 10 ms on, and the first good samples are cross-faded with what would
//! have gone on; else it is led over into them (`bridge`).
//! The appendix delays all audio by 3.75 ms to smooth the first join with samples already played; here the
//! join is smoothed within the gap. It is silent after 60 ms, which is heard as a hole where bursts are lost;
//! here after 100 ms.

mod bridge;
mod cycles;
mod pitch;
#[cfg(test)]
mod tests;

use super::SampleRate;
pub(crate) use bridge::BEHIND_MS;
use bridge::{Bridge, Room};
use cycles::{Cycles, quarter};
use pitch::PITCH_MAX_MS;

/// 3.25 of the longest period are looked at (Appendix I, §I.2).
const HISTORY_MS: u32 = PITCH_MAX_MS * 13 / 4 + 2;

/// Each such stretch of a gap adds a period; after the first it begins to fade (§I.2.7).
const STEP_MS: u32 = 10;

/// From here on a gap is silent: what nothing has come behind of for so long is hardly the loss of a few packets.
const SILENT_MS: u32 = 100;

/// So much of a gap is led over at most; what goes before it is filled from before alone.
const LEAD_OVER_MAX_MS: u32 = 60;

/// The longest cross-fade behind a gap (§I.2.8).
const OVERLAP_MAX_MS: u32 = 10;

/// Conceals losses in one stream of samples.
#[derive(Debug, Clone)]
pub struct Concealer {
    rate: SampleRate,
    /// Place of the oldest sample, which the next one replaces: a packet touches no more than its own length.
    oldest: usize,
    /// The last samples given out, received or made up, as a ring.
    history: Box<[i16]>,
    /// Made for the first gap and kept, so that the next ones allocate nothing.
    gap: Option<Box<Gap>>,
    /// What was given out last fills a gap.
    in_gap: bool,
}

/// A gap being filled.
#[derive(Debug, Clone, Default)]
struct Gap {
    /// The history as it was when the gap began, oldest first.
    frozen: Vec<f32>,
    cycles: Cycles,
    /// What is behind it, if that is at hand.
    behind: Vec<f32>,
    plan: Plan,
    room: Room,
}

/// The rest of a gap, and what is behind it; empty where nothing behind it is at hand.
#[derive(Debug, Clone, Default)]
struct Plan {
    samples: Vec<f32>,
    /// How many of them are the gap's.
    gap_samples: usize,
    /// How many were given out.
    given: usize,
}

impl Plan {
    fn is_made(&self) -> bool {
        !self.samples.is_empty()
    }

    fn left(&self) -> usize {
        self.gap_samples - self.given
    }
}

impl Concealer {
    /// Without history: what is lost before anything came is silence.
    pub fn new(rate: SampleRate) -> Self {
        let history = vec![0; rate.samples(HISTORY_MS)].into_boxed_slice();
        Self { rate, oldest: 0, history, gap: None, in_gap: false }
    }

    /// Rate of the samples.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Takes note of samples that did come. Those right after a gap are cross-faded with what its filling
    /// would have gone on with, in place; all others stay as they are.
    #[inline]
    pub fn received(&mut self, samples: &mut [i16]) {
        if self.in_gap {
            self.leave_gap(samples);
        }
        self.remember(samples);
    }

    /// Where the work of the next lap lies, as address and bytes, for the worker to have it fetched ahead.
    pub fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        see(std::ptr::from_ref(self) as usize, size_of::<Self>());
        see(self.history.as_ptr() as usize, size_of_val(&*self.history));
    }

    /// Fills `samples`, of any length, in place of lost ones; `behind` is what follows right after them, if
    /// that is at hand.
    pub fn conceal(&mut self, samples: &mut [i16], behind: Option<&[i16]>) {
        match behind {
            Some(behind) => self.lead_over(samples, behind, samples.len()),
            None => self.go_on(samples),
        }
    }

    /// Fills `samples` in place of lost ones, and what follows `ahead` samples after the first of them is at
    /// hand: when the rest of the gap is asked for in turn, it goes on as it was begun.
    pub fn lead_over(&mut self, samples: &mut [i16], behind: &[i16], ahead: usize) {
        let ahead = ahead.max(samples.len());
        let is_near = ahead <= samples.len().max(self.rate.samples(LEAD_OVER_MAX_MS));
        if samples.is_empty() {
            return;
        }
        if !is_near || !bridge::is_enough(behind, self.rate) {
            return self.go_on(samples);
        }
        let mut gap = self.gap.take().unwrap_or_default();
        if !self.in_gap || (gap.plan.is_made() && gap.plan.left() != ahead) {
            self.begin(&mut gap);
        }
        if !gap.plan.is_made() {
            self.plan(&mut gap, behind, ahead);
        }
        let plan = &mut gap.plan;
        let given = plan.given + samples.len();
        for (sample, planned) in samples.iter_mut().zip(&plan.samples[plan.given..given]) {
            *sample = round(*planned);
        }
        plan.given = given;
        self.gap = Some(gap);
        self.in_gap = true;
        self.remember(samples);
    }

    /// Fills `samples` from what was before them alone.
    fn go_on(&mut self, samples: &mut [i16]) {
        let mut gap = self.gap.take().unwrap_or_default();
        if !self.in_gap || gap.plan.is_made() {
            self.begin(&mut gap);
        }
        samples.iter_mut().for_each(|sample| *sample = round(self.next(&mut gap)));
        self.gap = Some(gap);
        self.in_gap = true;
        self.remember(samples);
    }

    /// The sender pauses: a gap before it is over, and what comes after it has nothing to be led over from.
    pub fn pause(&mut self) {
        self.in_gap = false;
    }

    fn begin(&self, gap: &mut Gap) {
        let (newer, older) = self.history.split_at(self.oldest);
        let Gap { frozen, cycles, plan, .. } = gap;
        frozen.clear();
        frozen.extend(older.iter().chain(newer).map(|&sample| f32::from(sample)));
        let period = pitch::period(frozen, self.rate, pitch::all(self.rate));
        *cycles = Cycles::new(frozen, period, self.rate.samples(STEP_MS), 3);
        plan.samples.clear();
    }

    fn plan(&self, gap: &mut Gap, behind: &[i16], len: usize) {
        let looked_at = &behind[..behind.len().min(self.rate.samples(BEHIND_MS))];
        let Gap { frozen, cycles, behind, plan, room } = gap;
        behind.clear();
        behind.extend(looked_at.iter().map(|&sample| f32::from(sample)));
        let level = |at| self.level(at);
        let bridge = Bridge::new(room, frozen, cycles, level, behind, len, self.rate);
        plan.samples.extend((0..len).map(|at| bridge.sample(at)));
        plan.samples.extend_from_slice(behind);
        (plan.gap_samples, plan.given) = (len, 0);
    }

    fn leave_gap(&mut self, samples: &mut [i16]) {
        self.in_gap = false;
        if let Some(mut gap) = self.gap.take() {
            self.recover(&mut gap, samples);
            self.gap = Some(gap);
        }
    }

    /// The overlap grows by 4 ms for each 10 ms of gap, up to 10 ms (§I.2.8). What follows a gap that was led
    /// over into it stays as it is.
    fn recover(&self, gap: &mut Gap, samples: &mut [i16]) {
        let steps = gap.cycles.made() / self.rate.samples(STEP_MS);
        let overlap = (quarter(gap.cycles.period()) + steps * self.rate.samples(4))
            .min(self.rate.samples(OVERLAP_MAX_MS))
            .min(samples.len());
        for (at, sample) in samples[..overlap].iter_mut().enumerate() {
            let share = (at + 1) as f32 / (overlap + 1) as f32;
            let planned = gap.plan.samples.get(gap.plan.given + at).copied();
            let gone_on = match gap.plan.is_made() {
                true => planned.unwrap_or(f32::from(*sample)),
                false => self.next(gap),
            };
            *sample = round(gone_on * (1.0 - share) + f32::from(*sample) * share);
        }
    }

    /// The next sample of the filling.
    fn next(&self, gap: &mut Gap) -> f32 {
        let level = self.level(gap.cycles.made());
        level * gap.cycles.next(&gap.frozen)
    }

    /// How loud the sample `at` of a gap is.
    fn level(&self, at: usize) -> f32 {
        let (full, silent) = (self.rate.samples(STEP_MS), self.rate.samples(SILENT_MS));
        (silent - at.clamp(full, silent)) as f32 / (silent - full) as f32
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

fn round(value: f32) -> i16 {
    (value + 0.5_f32.copysign(value)) as i16
}
