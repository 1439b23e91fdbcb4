//! The noise gate: what stays below a level becomes silence.
//!
//! It works in blocks of 5 ms within the frame that it is given and adds no delay: the gate is open when a loud block
//! begins, since the frame was looked through before; only where the frame itself begins loud it opens in 2 ms. It stays
//! open for a while after the last loud block, then closes gently.

use super::SampleRate;
use super::level::mean_power;

/// How finely loudness is looked at.
const BLOCK_MS: u32 = 5;
/// Blocks of the longest frame.
const MAX_BLOCKS: usize = 4;
/// How long it takes to open where nothing was seen to come.
const ATTACK_MS: u32 = 2;
/// It stays open for so long after the last loud block: pauses within a word are shorter.
const HOLD_BLOCKS: u32 = 250 / BLOCK_MS;
/// How long it takes to close.
const RELEASE_MS: u32 = 100;
/// Open, it takes a block for loud that is so much below the level, as a power: 6 dB.
const HYSTERESIS: f32 = 0.251;

/// See the module.
#[derive(Debug, Clone)]
pub struct NoiseGate {
    /// Powers.
    opens: f32,
    closes: f32,
    /// At the end of the last frame.
    gain: f32,
    /// Blocks for which it stays open.
    held: u32,
}

impl NoiseGate {
    /// Closed; speech is what is above `level_dbfs`.
    pub fn new(level_dbfs: f32) -> NoiseGate {
        let opens = 10.0_f32.powf(level_dbfs / 10.0);
        NoiseGate { opens, closes: opens * HYSTERESIS, gain: 0.0, held: 0 }
    }

    /// Applies it to a frame of at most 20 ms.
    pub fn apply(&mut self, rate: SampleRate, frame: &mut [i16]) {
        let block_samples = rate.samples(BLOCK_MS);
        let mut is_open = [false; MAX_BLOCKS + 1];
        let mut is_loud = [false; MAX_BLOCKS];
        for (at, block) in frame.chunks(block_samples).enumerate() {
            (is_loud[at], is_open[at]) = self.listen(mean_power(block));
        }
        for (at, block) in frame.chunks_mut(block_samples).enumerate() {
            let attack_ms = if is_loud[at] { ATTACK_MS } else { BLOCK_MS };
            match is_open[at] || is_open[at + 1] {
                true => self.ramp(block, 1.0, 1.0 / rate.samples(attack_ms) as f32),
                false => self.ramp(block, 0.0, -1.0 / rate.samples(RELEASE_MS) as f32),
            }
        }
    }

    /// Takes the power of the next block; whether it is loud, and whether the gate is to be open.
    fn listen(&mut self, power: f32) -> (bool, bool) {
        let level = if self.held > 0 { self.closes } else { self.opens };
        let is_loud = power > level;
        self.held = if is_loud { HOLD_BLOCKS } else { self.held.saturating_sub(1) };
        (is_loud, self.held > 0)
    }

    /// Goes to `end`, by `step` with each sample.
    fn ramp(&mut self, block: &mut [i16], end: f32, step: f32) {
        if self.gain == end {
            if end == 0.0 {
                block.fill(0);
            }
            return;
        }
        for sample in block {
            self.gain = (self.gain + step).clamp(0.0, 1.0);
            *sample = (f32::from(*sample) * self.gain).round_ties_even() as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::Hz8000;
    const LEVEL_DBFS: f32 = -45.0;

    /// Something of this level in dBFS, in which no sample is 0.
    fn sound(level_dbfs: f32, len_ms: u32) -> Vec<i16> {
        let peak = 32_768.0 * 10.0_f32.powf(level_dbfs / 20.0);
        (0..RATE.samples(len_ms)).map(|at| if at % 7 < 4 { peak as i16 } else { -peak as i16 }).collect()
    }

    fn gated(samples: &[i16], frame_ms: u32) -> Vec<i16> {
        let (mut gate, mut samples) = (NoiseGate::new(LEVEL_DBFS), samples.to_vec());
        samples.chunks_mut(RATE.samples(frame_ms)).for_each(|frame| gate.apply(RATE, frame));
        samples
    }

    #[test]
    fn what_is_below_the_level_becomes_silence_and_what_is_above_stays_as_it_is() {
        assert!(gated(&sound(-47.0, 400), 20).iter().all(|&sample| sample == 0));
        let said = sound(-43.0, 400);
        let settled = RATE.samples(2);
        assert_eq!(gated(&said, 20)[settled..], said[settled..]);
    }

    #[test]
    fn no_more_than_2_ms_of_a_word_are_faded_wherever_in_a_frame_it_begins() {
        for frame_ms in [10, 20] {
            for begin_ms in (100..120).step_by(5) {
                let said = [sound(-60.0, begin_ms), sound(-20.0, 100)].concat();
                let heard = gated(&said, frame_ms);
                let from = RATE.samples(begin_ms);
                let settled = from + RATE.samples(2);
                assert_eq!(heard[settled..], said[settled..], "{begin_ms} ms, frames of {frame_ms} ms");
                let seen_before = begin_ms % frame_ms != 0;
                assert_eq!(heard[from] == said[from], seen_before, "{begin_ms} ms, frames of {frame_ms} ms");
            }
        }
    }

    #[test]
    fn it_opens_and_closes_without_a_click() {
        let said = [sound(-60.0, 113), sound(-46.0, 1), sound(-30.0, 100), sound(-52.0, 600)].concat();
        let heard = gated(&said, 20);
        let gains: Vec<f32> =
            heard.iter().zip(&said).map(|(&after, &before)| f32::from(after) / f32::from(before)).collect();
        let steepest = gains.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.08, "{steepest}: 1/16 in each sample of 2 ms");
        assert_eq!((gains[0], gains[RATE.samples(200)], gains[gains.len() - 1]), (0.0, 1.0, 0.0));
    }

    #[test]
    fn a_pause_within_a_word_is_left_and_a_longer_one_becomes_silence() {
        let said = [sound(-30.0, 100), sound(-60.0, 200), sound(-30.0, 100), sound(-60.0, 500)].concat();
        let heard = gated(&said, 20);
        let (settled, pause) = (RATE.samples(5), RATE.samples(400));
        assert_eq!(heard[settled..pause], said[settled..pause]);
        assert!(heard[pause + RATE.samples(380)..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn what_is_just_below_the_level_goes_on_to_be_heard_but_is_no_beginning() {
        let said = [sound(-43.0, 100), sound(-49.0, 600)].concat();
        assert_eq!(gated(&said, 20)[RATE.samples(400)..], said[RATE.samples(400)..]);
        assert!(gated(&sound(-49.0, 600), 20).iter().all(|&sample| sample == 0));
    }
}
