//! Drops or inserts a piece of a frame, so that a jitter buffer can follow a sender's clock or change its
//! depth.
//!
//! The piece is as long as the sound's own period and the seam is cross-faded, as in WSOLA. What is done
//! where it is quiet, or where the sound repeats itself, is not heard; the caller says how far it may go.

use super::SampleRate;
use super::level::dbfs;

/// Where a change of length is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Only where next to nothing is to be heard.
    WhenQuiet,
    /// Also where the sound repeats itself so well that the seam is not heard.
    WhenPeriodic,
    /// Wherever the seam is best, even if it may be heard.
    Now,
}

/// Below this a frame is quiet.
const QUIET_DBFS: f32 = -50.0;

/// Likeness, of at most 1, from which on a seam is not heard.
const PERIODIC_LIKENESS: f32 = 0.9;

/// What is dropped or inserted at least and at most, in eighths of a millisecond, the sample of 8 kHz.
const PIECE_MIN: usize = 20;
const PIECE_MAX: usize = 100;

/// Cross-fade at most, in the same unit; a quarter of a short frame.
const SEAM_MAX: usize = 40;

/// What a search looks at, at 48 kHz.
const SEARCHED_MAX: usize = 6 * (PIECE_MAX + SEAM_MAX);

/// True if a frame is so quiet that a change of its length is not heard.
pub fn is_quiet(frame: &[i16]) -> bool {
    dbfs(frame) < QUIET_DBFS
}

/// Copies `frame` to `out` with one piece of at most `most` samples dropped (2.5 to 12.5 ms, any length where it is quiet),
/// if `urgency` allows it. Returns the new
/// length, that of `frame` if nothing was dropped. `out` is at least as long as `frame`.
pub fn shorten(frame: &[i16], rate: SampleRate, urgency: Urgency, most: usize, out: &mut [i16]) -> usize {
    let Some(seam) = Seam::find(frame, rate, urgency, most) else { return copy(frame, out) };
    let (first, later) = (&frame[..seam.len], &frame[seam.piece..]);
    cross_fade(first, later, &mut out[..seam.len]);
    let len = frame.len() - seam.piece;
    out[seam.len..len].copy_from_slice(&later[seam.len..]);
    len
}

/// Copies `frame` to `out` with one piece of at most `most` samples said twice (2.5 to 12.5 ms, any length where it is quiet),
/// if `urgency` allows it. Returns the
/// new length, that of `frame` if nothing was inserted. `out` is longer than `frame` by at least 12.5 ms.
pub fn lengthen(frame: &[i16], rate: SampleRate, urgency: Urgency, most: usize, out: &mut [i16]) -> usize {
    let Some(seam) = Seam::find(frame, rate, urgency, most) else { return copy(frame, out) };
    out[..seam.piece].copy_from_slice(&frame[..seam.piece]);
    let len = frame.len() + seam.piece;
    cross_fade(&frame[seam.piece..], &frame[..seam.len], &mut out[seam.piece..seam.piece + seam.len]);
    out[seam.piece + seam.len..len].copy_from_slice(&frame[seam.len..]);
    len
}

/// The most samples that [`lengthen`] inserts.
pub fn max_piece_samples(rate: SampleRate) -> usize {
    PIECE_MAX * rate.hertz() as usize / 8000
}

fn copy(frame: &[i16], out: &mut [i16]) -> usize {
    out[..frame.len()].copy_from_slice(frame);
    frame.len()
}

/// Where the frame's beginning is most like itself a piece later.
struct Seam {
    piece: usize,
    len: usize,
}

impl Seam {
    fn find(frame: &[i16], rate: SampleRate, urgency: Urgency, most: usize) -> Option<Self> {
        let unit = rate.hertz() as usize / 8000;
        let len = (frame.len() / 4).min(SEAM_MAX * unit);
        let (shortest, longest) = (PIECE_MIN * unit, (frame.len() - len).min(PIECE_MAX * unit).min(most));
        let quiet = is_quiet(frame);
        if quiet && (1..shortest).contains(&longest) {
            return Some(Self { piece: longest, len }); // nothing to be heard: no period to keep
        }
        if shortest > longest || (!quiet && urgency == Urgency::WhenQuiet) {
            return None;
        }
        let mut samples = [0.0; SEARCHED_MAX];
        let searched = &mut samples[..longest + len];
        for (sample, &heard) in searched.iter_mut().zip(frame) {
            *sample = f32::from(heard);
        }
        let likeness = Likeness::new(searched, len);
        let best_of = |pieces: &mut dyn Iterator<Item = usize>| {
            pieces.map(|piece| (piece, likeness.at(piece))).max_by(|a, b| a.1.total_cmp(&b.1))
        };
        let (coarse, _) = best_of(&mut (shortest..=longest).step_by(unit))?;
        let near = coarse.saturating_sub(unit).max(shortest)..=(coarse + unit).min(longest);
        let (piece, likeness) = best_of(&mut near.into_iter())?;
        let is_heard = !quiet && likeness < PERIODIC_LIKENESS;
        if is_heard && urgency < Urgency::Now { None } else { Some(Self { piece, len }) }
    }
}

/// How like the beginning of some audio is to what comes a piece later.
struct Likeness<'a> {
    audio: &'a [f32],
    beginning: &'a [f32],
    energy: f32,
}

impl<'a> Likeness<'a> {
    fn new(audio: &'a [f32], len: usize) -> Likeness<'a> {
        let beginning = &audio[..len];
        Likeness { audio, beginning, energy: product(beginning, beginning) }
    }

    /// Normalised cross-correlation, −1 to 1; 1 for two silences.
    fn at(&self, piece: usize) -> f32 {
        let later = &self.audio[piece..piece + self.beginning.len()];
        let energy = product(later, later);
        let scale = (self.energy * energy).sqrt();
        let is_silence = f32::from(u8::from(self.energy == energy));
        if scale > 0.0 { product(self.beginning, later) / scale } else { is_silence }
    }
}

/// The inner product, summed in lanes: a search is 80 of them, at a time when the worker may be late already.
fn product(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; LANES];
    for (a, b) in a_lanes.zip(b_lanes) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    rest + sums.iter().sum::<f32>()
}

fn cross_fade(from: &[i16], to: &[i16], out: &mut [i16]) {
    let len = out.len() as i32;
    for (at, ((sample, &from), &to)) in out.iter_mut().zip(from).zip(to).enumerate() {
        let share = at as i32 + 1;
        *sample = ((i32::from(from) * (len + 1 - share) + i32::from(to) * share) / (len + 1)) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::{Urgency, is_quiet, lengthen, max_piece_samples, shorten};
    use crate::audio::SampleRate;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use std::f64::consts::TAU;

    fn tone(rate: SampleRate, frequency_hz: f64, peak: f64, from: usize, len: usize) -> Vec<i16> {
        let step = TAU * frequency_hz / f64::from(rate.hertz());
        (from..from + len).map(|n| (peak * (step * n as f64).sin()) as i16).collect()
    }

    type Change = fn(&[i16], SampleRate, Urgency, usize, &mut [i16]) -> usize;

    fn changed(change: Change, frame: &[i16], rate: SampleRate, urgency: Urgency) -> Vec<i16> {
        let mut out = vec![99; frame.len() + max_piece_samples(rate)];
        let len = change(frame, rate, urgency, usize::MAX, &mut out);
        out.truncate(len);
        out
    }

    #[test]
    fn a_tone_gets_shorter_or_longer_by_whole_periods_and_joins_both_its_neighbours() {
        for rate in SampleRate::ALL {
            for (ms, frequency_hz) in [(10, 220.0), (20, 131.0), (20, 440.0), (60, 90.0)] {
                let len = rate.samples(ms);
                let before = tone(rate, frequency_hz, 9_000.0, 0, len);
                let frame = tone(rate, frequency_hz, 9_000.0, len, len);
                let after = tone(rate, frequency_hz, 9_000.0, 2 * len, len);
                for change in [shorten as Change, lengthen] {
                    let out = changed(change, &frame, rate, Urgency::WhenPeriodic);
                    let difference = out.len().abs_diff(len);
                    assert!(
                        (rate.samples(5) / 2..=rate.samples(25) / 2).contains(&difference),
                        "{rate} {difference}"
                    );
                    let periods = difference as f64 * frequency_hz / f64::from(rate.hertz());
                    assert!(
                        (periods - periods.round()).abs() < 0.05,
                        "{rate}, {frequency_hz} Hz: {periods} periods"
                    );
                    let heard = [&before[..], &out, &after].concat();
                    let steepest = heard.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
                    let own = 9_000.0 * TAU * frequency_hz / f64::from(rate.hertz());
                    assert!(
                        f64::from(steepest) < own * 1.1 + 4.0,
                        "{rate}, {frequency_hz} Hz: {steepest} beside {own}"
                    );
                }
            }
        }
    }

    #[test]
    fn noise_is_left_alone_unless_it_is_quiet_or_must_be() {
        let mut random = StdRng::seed_from_u64(8);
        let rate = SampleRate::Hz8000;
        let loud: Vec<i16> = (0..160).map(|_| random.random_range(-9_000..9_000)).collect();
        let quiet: Vec<i16> = (0..160).map(|_| random.random_range(-60..60)).collect();
        assert!(is_quiet(&quiet) && !is_quiet(&loud));
        for change in [shorten as Change, lengthen] {
            for urgency in [Urgency::WhenQuiet, Urgency::WhenPeriodic] {
                assert_eq!(changed(change, &loud, rate, urgency), loud);
            }
            assert_ne!(changed(change, &loud, rate, Urgency::Now).len(), 160);
            for urgency in [Urgency::WhenQuiet, Urgency::WhenPeriodic, Urgency::Now] {
                assert_ne!(changed(change, &quiet, rate, urgency).len(), 160);
                assert_ne!(changed(change, &[0; 160], rate, urgency).len(), 160, "digital silence");
            }
        }
    }

    #[test]
    fn where_nothing_repeats_the_seam_is_a_cross_fade_and_no_step() {
        for seed in 0..40 {
            let mut random = StdRng::seed_from_u64(seed);
            let noise: Vec<i32> = (0..200).map(|_| random.random_range(-30_000..30_000)).collect();
            let frame: Vec<i16> =
                noise.windows(16).map(|part| (part.iter().sum::<i32>() / 16) as i16).take(160).collect();
            let steepest = |samples: &[i16]| samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
            let peak = frame.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            for change in [shorten as Change, lengthen] {
                let out = changed(change, &frame, SampleRate::Hz8000, Urgency::Now);
                assert_eq!(out.last(), frame.last());
                // Two slopes and the fade between two values at most twice the peak apart, over 40 samples.
                let bound = steepest(&frame).unwrap() + 2 * peak / 40 + 2;
                assert!(out[0].abs_diff(frame[0]) <= bound, "it joins the frame before");
                assert!(steepest(&out).unwrap() <= bound, "seed {seed}: {:?} beside {bound}", steepest(&out));
            }
        }
    }

    #[test]
    fn frames_of_any_length_and_content_are_safe() {
        let mut random = StdRng::seed_from_u64(9);
        for _ in 0..300 {
            let rate = SampleRate::ALL[random.random_range(0..4)];
            let frame: Vec<i16> =
                (0..random.random_range(0..rate.samples(60))).map(|_| random.random()).collect();
            let shorter = changed(shorten, &frame, rate, Urgency::Now);
            let longer = changed(lengthen, &frame, rate, Urgency::Now);
            assert!(shorter.len() <= frame.len() && longer.len() >= frame.len());
            assert_eq!(shorter.len() + longer.len(), 2 * frame.len(), "the same piece both ways");
        }
    }
}
