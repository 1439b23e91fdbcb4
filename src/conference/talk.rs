//! Whether and how loud a participant talks, and what follows from it: its automatic gain, its place among the talkers.

use crate::audio::Gain;
use crate::audio::auto_gain::{AutoGain, AutoGainSettings};
use crate::audio::level::mean_power;

/// The range of a participant's automatic gain; the mixer's proof that its sums fit counts on the upper end.
const MOST_DB: f32 = 12.0;
/// Who is chosen stays so until another one is so much louder: 3 dB.
const ADVANTAGE: f32 = 2.0;
/// Time constants of the loudness, as it grows and as it falls.
const ATTACK_MS: f32 = 60.0;
const RELEASE_MS: f32 = 400.0;
/// Who pauses for no longer keeps its place.
const HANGOVER_MS: u32 = 500;

/// What the conference asks of those who talk in this tick.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Attention {
    /// Who talks is measured.
    pub(super) measures: bool,
    /// As many talk as may: who begins now has to be chosen first.
    pub(super) is_full: bool,
    /// The rank that a beginner has to beat.
    pub(super) bar: f32,
    /// What all are made louder by, since so many talk.
    pub(super) room_gain: f32,
}

impl Attention {
    /// Of one who speaks beside the room: it takes nobody's place, and is as loud however many talk there.
    pub(super) fn aside(self) -> Self {
        Self { is_full: false, bar: 0.0, room_gain: 1.0, ..self }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Talk {
    /// Last tick in which it was measured; 0 before the first.
    measured_tick: u64,
    /// Mean power of late.
    loudness: f32,
    /// Whether it is among those who may be heard.
    is_chosen: bool,
    /// Weights of a frame in the loudness.
    attack: f32,
    release: f32,
    hangover_ticks: u64,
    commanded_gain: Gain,
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
        let frame_ms_f32 = frame_ms as f32;
        Self {
            measured_tick: 0,
            loudness: 0.0,
            is_chosen: true,
            attack: frame_ms_f32 / ATTACK_MS,
            release: frame_ms_f32 / RELEASE_MS,
            hangover_ticks: u64::from(HANGOVER_MS / frame_ms),
            commanded_gain: Gain::UNITY,
            auto,
            room_gain: 1.0,
        }
    }

    /// Takes a frame that is not silent, in tick `tick`.
    pub(super) fn measure(&mut self, tick: u64, frame: &[i16], attention: Attention) {
        let power = mean_power(frame);
        if self.measured_tick == tick - 1 {
            let weight = if power > self.loudness { self.attack } else { self.release };
            self.loudness += (power - self.loudness) * weight;
        } else {
            self.loudness = power;
        }
        let was_silent = self.measured_tick > 0 && self.measured_tick != tick - 1;
        self.measured_tick = tick;
        self.room_gain = attention.room_gain;
        if let Some(auto) = &mut self.auto {
            if was_silent {
                auto.handle_power(0.0); // silence is not measured, but tells speech from noise
            }
            auto.handle_power(power);
        }
    }

    /// Whether it talked shortly before `tick`.
    pub(super) fn goes_on(&self, tick: u64) -> bool {
        self.measured_tick > 0 && tick - self.measured_tick <= self.hangover_ticks
    }

    pub(super) fn is_chosen(&self) -> bool {
        self.is_chosen
    }

    /// True if that is new.
    pub(super) fn choose(&mut self, is_chosen: bool) -> bool {
        std::mem::replace(&mut self.is_chosen, is_chosen) != is_chosen
    }

    /// Mean power of late.
    pub(super) fn loudness(&self) -> f32 {
        self.loudness
    }

    /// The louder, the higher; who is chosen already is preferred.
    pub(super) fn rank(&self) -> f32 {
        if self.is_chosen { self.loudness * ADVANTAGE } else { self.loudness }
    }

    /// Whether it has automatic gain.
    pub(super) fn levels(&self) -> bool {
        self.auto.is_some()
    }

    /// The factor that brings it to the common loudness.
    pub(super) fn own_gain(&self) -> f32 {
        self.auto.as_ref().map_or(1.0, |auto| auto.gain())
    }

    /// The gain that was commanded for what it adds.
    pub(super) fn command(&mut self, gain: Gain) {
        self.commanded_gain = gain;
    }

    /// All that its frames are multiplied by.
    pub(super) fn gain(&self) -> Gain {
        self.commanded_gain.times(self.own_gain() * self.room_gain)
    }

    /// Where its rarer half lies.
    pub(super) fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        if let Some(auto) = &self.auto {
            see(std::ptr::from_ref(&**auto) as usize, size_of::<AutoGain>());
        }
    }

    /// Its share of what all hear, before the conference makes all of it quieter.
    pub(super) fn power(&self) -> f32 {
        let gain = self.own_gain() * self.commanded_gain.factor();
        self.loudness * gain * gain
    }
}
