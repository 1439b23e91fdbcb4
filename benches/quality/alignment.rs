//! Where something that was said is found in what was heard, and how late it came.

use std::ops::Range;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::statistics;

/// Length of what is looked for at a time: long enough to be found with certainty, short enough to follow a change.
const SLICE_SECONDS: f64 = 1.0;
/// How far from its prompt's place a slice is looked for.
const REACH_SECONDS: f64 = 0.3;
/// What is less like it than this is something else.
const LEAST_LIKENESS: f64 = 0.5;
/// Moments of a slice whose median is its delay: a single late packet is not the delay of a second.
const MOMENTS: usize = 10;
/// Slices below this level (RMS) are pauses.
const PAUSE_LEVEL: f64 = 250.0;
/// How much earlier than it was said, and how much later, a prompt is looked for.
const EARLY_SECONDS: f64 = 0.1;
const LATE_SECONDS: f64 = 3.0;

/// Samples that were heard, and when each packet of them came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub samples: Vec<f64>,
    pub rate_hz: f64,
    /// The place of each packet's first sample, and its arrival in seconds after the talker's beginning.
    pub places: Vec<(usize, f64)>,
}

/// What was said: samples at the same rate, and the seconds between two of them on an exact clock.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    pub samples: &'a [f64],
    pub step_seconds: f64,
}

/// A second of speech as it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    /// When it was said.
    pub at_seconds: f64,
    /// Nothing if it was not found.
    pub delay_ms: Option<f64>,
}

impl Heard {
    /// When the packet with this sample came, and what is left of it had it come sample by sample.
    fn arrival(&self, sample: usize) -> f64 {
        let packet = self.places.partition_point(|(place, _)| *place <= sample).saturating_sub(1);
        let (place, at) = self.places[packet];
        at + (sample as f64 - place as f64) / self.rate_hz
    }

    /// The place of what came at a moment.
    fn place_at(&self, seconds: f64) -> usize {
        let packet = self.places.partition_point(|(_, at)| *at < seconds);
        self.places[packet.min(self.places.len() - 1)].0
    }

    /// Where a prompt begins in it; `None` if it ended before that.
    pub fn find(&self, said: Said, prompt: &Range<usize>) -> Option<usize> {
        let (start, end) = (prompt.start as f64 * said.step_seconds, prompt.end as f64 * said.step_seconds);
        if self.places.is_empty() {
            return None;
        }
        let from = self.place_at(start - EARLY_SECONDS);
        let until = self.place_at(end + LATE_SECONDS).max(from);
        let (best, _) = best_place(&said.samples[prompt.clone()], self.samples.get(from..until)?)?;
        Some(from + best)
    }

    /// How late each second of a prompt came that was found at `place`; pauses are left out.
    pub fn slices(&self, said: Said, prompt: &Range<usize>, place: usize) -> Vec<Slice> {
        let len = (SLICE_SECONDS * self.rate_hz) as usize;
        let starts = (prompt.start..prompt.end).step_by(len).filter(|start| start + len <= prompt.end);
        let spoken = starts.filter(|start| level(&said.samples[*start..start + len]) >= PAUSE_LEVEL);
        spoken.filter_map(|start| self.slice(said, start, place + start - prompt.start)).collect()
    }

    fn slice(&self, said: Said, start: usize, place: usize) -> Option<Slice> {
        let len = (SLICE_SECONDS * self.rate_hz) as usize;
        let reach = (REACH_SECONDS * self.rate_hz) as usize;
        let from = place.saturating_sub(reach);
        let until = (place + len + reach).min(self.samples.len());
        let (offset, likeness) =
            best_place(&said.samples[start..start + len], self.samples.get(from..until)?)?;
        let late = |moment: usize| {
            let step = moment * len / MOMENTS;
            self.arrival(from + offset + step) - (start + step) as f64 * said.step_seconds
        };
        let median = || statistics::percentile((0..MOMENTS).map(late), 50);
        Some(Slice {
            at_seconds: start as f64 * said.step_seconds,
            delay_ms: (likeness >= LEAST_LIKENESS).then(median).flatten().map(|seconds| seconds * 1e3),
        })
    }
}

/// The slope of delay over time, in ms a minute; `None` of fewer than 10 slices.
pub fn drift_ms(slices: &[Slice]) -> Option<f64> {
    let points: Vec<(f64, f64)> =
        slices.iter().filter_map(|slice| Some((slice.at_seconds / 60.0, slice.delay_ms?))).collect();
    if points.len() < 10 {
        return None;
    }
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sums, point| (sums.0 + point.0, sums.1 + point.1));
    let (x, y) = (x / count, y / count);
    let products = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>();
    Some(products / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>())
}

fn level(samples: &[f64]) -> f64 {
    (energy(samples) / samples.len() as f64).sqrt()
}

fn energy(samples: &[f64]) -> f64 {
    samples.iter().map(|sample| sample * sample).sum()
}

/// Where `piece` fits best in `whole`, and how well: 1 is the same but for its level. `None` if it is longer.
fn best_place(piece: &[f64], whole: &[f64]) -> Option<(usize, f64)> {
    let places = (whole.len() + 1).checked_sub(piece.len()).filter(|places| *places > 0)?;
    let products = products(piece, whole);
    let piece_energy = energy(piece);
    // What is next to silent is like nothing.
    let floor = 1.0 + 1e-6 * piece_energy;
    let mut window = energy(&whole[..piece.len()]);
    let mut best = (0, f64::MIN);
    for place in 0..places {
        let likeness = products[place] / ((window.max(0.0) + floor) * piece_energy.max(1.0)).sqrt();
        if likeness > best.1 {
            best = (place, likeness);
        }
        if place + 1 < places {
            window += whole[place + piece.len()].powi(2) - whole[place].powi(2);
        }
    }
    Some(best)
}

/// The sums of products of `piece` with `whole` from each place on, by way of their spectra.
fn products(piece: &[f64], whole: &[f64]) -> Vec<f64> {
    let size = whole.len().next_power_of_two();
    let mut planner = FftPlanner::new();
    let forward = planner.plan_fft_forward(size);
    let spectrum = |samples: &[f64]| {
        let mut values: Vec<Complex<f64>> = samples.iter().map(|sample| Complex::from(*sample)).collect();
        values.resize(size, Complex::default());
        forward.process(&mut values);
        values
    };
    let (piece, mut values) = (spectrum(piece), spectrum(whole));
    values.iter_mut().zip(piece).for_each(|(value, piece)| *value *= piece.conj());
    planner.plan_fft_inverse(size).process(&mut values);
    values.iter().map(|value| value.re / size as f64).collect()
}
