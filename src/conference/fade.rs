//! The seams of a participant's sound: where it begins and where it ends between two frames.

use crate::audio::SampleRate;

/// How long a sound takes to come or go: short enough not to be noticed, long enough not to click. At most
/// half of the shortest frame, as [`tail`] works in place.
pub(super) const FADE_MS: u32 = 5;

/// Lets a frame begin from nothing.
pub(super) fn fade_in(frame: &mut [i32], rate: SampleRate) {
    let len = rate.samples(FADE_MS);
    for (at, sum) in frame[..len].iter_mut().enumerate() {
        *sum = scale(*sum, at + 1, len);
    }
}

/// Lets a frame end to nothing.
pub(super) fn fade_out(frame: &mut [i32], rate: SampleRate) {
    let len = rate.samples(FADE_MS);
    for (at, sum) in frame[..len].iter_mut().enumerate() {
        *sum = scale(*sum, len - at - 1, len);
    }
    frame[len..].fill(0);
}

/// Turns the last frame of a sound that broke off into what is to follow it: its end, played backwards and
/// fading. It goes on from the last sample without a step, and needs no sample that never came.
pub(super) fn tail(frame: &mut [i32], rate: SampleRate) {
    let len = rate.samples(FADE_MS);
    let (front, back) = frame.split_at_mut(frame.len() - len);
    front[..len].iter_mut().zip(back.iter().rev()).for_each(|(new, &old)| *new = old);
    fade_out(frame, rate);
}

fn scale(sum: i32, part: usize, whole: usize) -> i32 {
    (i64::from(sum) * part as i64 / whole as i64) as i32
}
