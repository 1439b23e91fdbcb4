//! Whether and how loud a participant talks, and what follows from it: its automatic gain, its place among the talkers.

use crate::audio::auto_gain::{AutoGain, AutoGainSettings};
use crate::audio::level::mean_power;

/// The range of a participant's automatic gain; the mixer's proof that its sums fit counts on the upper end.
const MOST_DB: f32 = 12.0;
/// Who is chosen stays so until another one is so much louder: 3 dB.
const ADVANTAGE: f32 = 2.0;
/// Weights of a frame in the loudness, as it grows and as it falls.
const ATTACK: f32 = 0.3;
const RELEASE: f32 = 0.05;

/// What the conference asks of those who talk in this tick.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Attention {
    /// Who talks is measured.
    pub(super) measures: bool,
    /// As many talk as may: who begins now has to be chosen first.
    pub(super) is_full: bool,
    /// What all are made louder by, since so many talk.
    pub(super) room_gain: f32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Talk {
    /// Last tick in which it was measured.
    measured_tick: u64,
    /// Mean power of late.
    loudness: f32,
    /// Whether it is among those who may be heard.
    is_chosen: bool,
    auto: Option<Box<AutoGain>>,
    room_gain: f32,
}

impl Talk {
    pub(super) fn new(target_dbfs: Option<i8>, frame_ms: u32) -> Self {
        let auto = target_dbfs.map(|target_dbfs| {
            let target_dbfs = f32::from(target_dbfs);
            Box::new(AutoGain::new(AutoGainSettings {
                target_dbfs,
                min_db: -MOST_DB,
                max_db: MOST_DB,
                frame_ms,
            }))
        });
        Self { measured_tick: 0, loudness: 0.0, is_chosen: true, auto, room_gain: 1.0 }
    }

    /// Takes a frame that is not silent, in tick `tick`.
    pub(super) fn measure(&mut self, tick: u64, frame: &[i16], attention: Attention) {
        let power = mean_power(frame);
        if self.measured_tick == tick - 1 {
            let weight = if power > self.loudness { ATTACK } else { RELEASE };
            self.loudness += (power - self.loudness) * weight;
        } else {
            self.loudness = power;
        }
        self.measured_tick = tick;
        self.room_gain = attention.room_gain;
        if let Some(auto) = &mut self.auto {
            auto.handle_power(power);
        }
    }

    pub(super) fn was_measured(&self, tick: u64) -> bool {
        self.measured_tick == tick
    }

    pub(super) fn is_chosen(&self) -> bool {
        self.is_chosen
    }

    /// True if that is new.
    pub(super) fn choose(&mut self, is_chosen: bool) -> bool {
        std::mem::replace(&mut self.is_chosen, is_chosen) != is_chosen
    }

    /// The louder, the higher; who is chosen already is preferred.
    pub(super) fn rank(&self) -> f32 {
        if self.is_chosen { self.loudness * ADVANTAGE } else { self.loudness }
    }

    /// The factor that brings it to the common loudness.
    pub(super) fn own_gain(&self) -> f32 {
        self.auto.as_ref().map_or(1.0, |auto| auto.gain())
    }

    /// All that its frames are multiplied by, the gain that was commanded apart.
    pub(super) fn gain(&self) -> f32 {
        self.own_gain() * self.room_gain
    }

    /// Its share of what all hear, before the conference makes all of it quieter.
    pub(super) fn power(&self) -> f32 {
        let gain = self.own_gain();
        self.loudness * gain * gain
    }
}
