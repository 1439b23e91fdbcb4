//! A gap between what came before and what is already there behind it.
//!
//! What came before goes on by its last periods and fades out; what is behind goes on backwards by its first
//! period and fades in. Where the two are alike, both are read a little faster or slower, so that they are in
//! phase all the way: the frequency moves evenly from the one's to the other's.

use super::cycles::Cycles;
use super::pitch::{self, coarser, likeness};
use crate::audio::SampleRate;

/// How much of what is behind is looked at.
pub(crate) const BEHIND_MS: u32 = 20;

/// Less than this behind a gap says nothing about a period.
const BEHIND_LEAST_MS: u32 = 5;

/// The most by which the filling is made longer or shorter: beyond, it is another sound rather than another
/// pitch.
const WARP_MAX: f32 = 0.06;

/// As alike as this are two pieces of one voice.
const ALIKE: f32 = 0.5;

/// Whether `behind` is enough of what follows a gap to fill it from there too.
pub(super) fn is_enough(behind: &[i16], rate: SampleRate) -> bool {
    behind.len() >= rate.samples(BEHIND_LEAST_MS)
}

/// Room for the work, kept from one gap to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    forward: Vec<f32>,
    backward: Vec<f32>,
    reversed: Vec<f32>,
    coarse: Vec<f32>,
}

/// Gives the samples of a gap from the first to the last.
pub(super) struct Bridge<'a> {
    forward: &'a [f32],
    backward: &'a [f32],
    course: Course,
    len: usize,
}

impl<'a> Bridge<'a> {
    /// Between `past`, which went on by `cycles` so far, and `behind`, over `len` samples. `level` is that of
    /// the samples which the cycles give from now on.
    pub(super) fn new(
        room: &'a mut Room,
        past: &[f32],
        cycles: &mut Cycles,
        level: impl Fn(usize) -> f32,
        behind: &[f32],
        len: usize,
        rate: SampleRate,
    ) -> Self {
        let slack = (len as f32 * WARP_MAX) as usize + rate.samples(1);
        let Room { forward, backward, reversed, coarse } = room;
        let mut next = || level(cycles.made()) * cycles.next(past);
        refill(forward, (0..len + slack + behind.len()).map(|_| next()));
        refill(reversed, behind.iter().rev().copied());
        let before = cycles.period();
        let longest = (before * 5 / 4).min(behind.len() * 3 / 4);
        let period = pitch::period(reversed, rate, (before * 3 / 4).min(longest)..=longest);
        let course = Course::find(forward, before, behind, period, len, (rate, coarse));
        let reach = course.back(0.0).ceil() as usize + 2;
        let mut cycles = Cycles::new(reversed, period, usize::MAX, 1);
        refill(backward, (0..reach).map(|_| cycles.next(reversed)));
        Self { forward, backward, course, len }
    }

    /// The sample `at` from the gap's beginning.
    pub(super) fn sample(&self, at: usize) -> f32 {
        let fading_in = (at + 1) as f32 / (self.len + 1) as f32;
        let fading_out = 1.0 - fading_in;
        let forward = between(self.forward, self.course.forth(at as f32));
        let backward = between(self.backward, self.course.back(at as f32) - 1.0);
        // As loud as the two are, however alike.
        let both = 2.0 * self.course.likeness * fading_in * fading_out;
        let level = (fading_in * fading_in + fading_out * fading_out + both).sqrt();
        (forward * fading_out + backward * fading_in) / level
    }
}

/// How the voice goes through a gap, in cycles.
struct Course {
    /// Samples of a cycle in what goes forth and in what goes back.
    before: f32,
    behind: f32,
    /// Cycles per sample at the beginning, and by how much more this gets with each sample.
    frequency: f32,
    bend: f32,
    cycles: f32,
    likeness: f32,
}

impl Course {
    /// The gap ends where the forward filling is most like what is behind, near where it would if the pitch
    /// moved evenly.
    fn find(
        forward: &[f32],
        before: usize,
        behind: &[f32],
        period: usize,
        len: usize,
        (rate, room): (SampleRate, &mut Vec<f32>),
    ) -> Self {
        let (len, before, period) = (len as f32, before as f32, period as f32);
        let straight = Self {
            before,
            behind: before,
            frequency: 1.0 / before,
            bend: 0.0,
            cycles: len / before,
            likeness: 0.0,
        };
        let expected = len * (1.0 + before / period) / 2.0;
        let nearest = (expected - before / 2.0).max(len * (1.0 - WARP_MAX));
        let farthest = (expected + before / 2.0).min(len * (1.0 + WARP_MAX));
        if nearest > farthest {
            return straight;
        }
        let (end, likeness) = most_alike(forward, behind, nearest..farthest, rate, room);
        if likeness < ALIKE {
            return straight;
        }
        let (cycles, bend) = (end / before, (1.0 / period - 1.0 / before) / len);
        Self {
            behind: period,
            frequency: cycles / len - bend * len / 2.0,
            bend,
            cycles,
            likeness,
            ..straight
        }
    }

    fn phase(&self, at: f32) -> f32 {
        (self.frequency + self.bend * at / 2.0) * at
    }

    /// How far the forward filling is to be read at `at`.
    fn forth(&self, at: f32) -> f32 {
        self.before * self.phase(at)
    }

    /// How far, counted from the gap's end, the backward filling is.
    fn back(&self, at: f32) -> f32 {
        self.behind * (self.cycles - self.phase(at))
    }
}

/// The place in `forward` that is most like `behind`, and how alike they are there. Searched at 8 kHz.
fn most_alike(
    forward: &[f32],
    behind: &[f32],
    places: std::ops::Range<f32>,
    rate: SampleRate,
    room: &mut Vec<f32>,
) -> (f32, f32) {
    let factor = rate.hertz() as usize / 8000;
    let mut room_behind = [0.0; 8 * BEHIND_MS as usize];
    let behind = coarser(behind, factor, &mut room_behind);
    let start = places.start as usize;
    room.resize(forward.len() / factor, 0.0);
    let forward = coarser(&forward[start..], factor, room);
    let last = (((places.end - places.start) as usize) / factor).min(forward.len() - behind.len());
    let at = |place: usize| likeness(&forward[place..place + behind.len()], behind);
    let best = (0..=last).map(|place| (place, at(place))).max_by(|a, b| a.1.total_cmp(&b.1));
    let (place, likeness) = best.unwrap_or((0, 0.0));
    let mut exact = place as f32;
    if (1..last).contains(&place) {
        // The top of the parabola through the three.
        let (left, right) = (at(place - 1), at(place + 1));
        let curve = left - 2.0 * likeness + right;
        exact += if curve < 0.0 { 0.5 * (left - right) / curve } else { 0.0 };
    }
    (start as f32 + exact * factor as f32, likeness)
}

fn refill(room: &mut Vec<f32>, samples: impl Iterator<Item = f32>) {
    room.clear();
    room.extend(samples);
}

/// The value of `samples` at a place between two of them, by the cubic through four (Catmull and Rom).
fn between(samples: &[f32], place: f32) -> f32 {
    let (whole, part) = (place.max(0.0) as usize, place.max(0.0).fract());
    let last = samples.len() - 1;
    let [a, b, c, d] = [whole.saturating_sub(1), whole, whole + 1, whole + 2].map(|at| samples[at.min(last)]);
    b + 0.5 * part * (c - a + part * (2.0 * a - 5.0 * b + 4.0 * c - d + part * (3.0 * (b - c) + d - a)))
}
