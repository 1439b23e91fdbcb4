//! Whether and how loud a participant talks, and what follows from it: its automatic gain, its place among the talkers.

use super::mixer::ConferenceSettings;
use super::voice::{Finding, Voice};
use crate::audio::auto_gain::{AutoGain, AutoGainSettings};
use crate::audio::level::{AudioLevel, mean_power};
use crate::audio::{Gain, SampleRate};

/// The range of a participant's automatic gain; the mixer's proof that its sums fit counts on the upper end.
const MOST_DB: f32 = 12.0;
/// Who is chosen stays so until another one is so much louder: 3 dB.
const ADVANTAGE: f32 = 2.0;
/// Time constants of the loudness, as it grows and as it falls.
const ATTACK_MS: f32 = 60.0;
const RELEASE_MS: f32 = 400.0;
/// Who pauses for no longer keeps its place.
const HANGOVER_MS: u32 = 500;

/// Mean power that is next to nothing: -50 dBFS.
const QUIET: f32 = 1e-5;

/// Speech comes before all that is not known to be speech, however loud: factor of its rank.
const SPEECH_RANK: f32 = 1e16;

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
    /// Where speech is told from noise.
    voice: Option<Box<Voice>>,
    /// A piece of its sound became whole.
    has_whole_piece: bool,
    room_gain: f32,
}

impl Talk {
    pub(super) fn new(target_dbfs: Option<i8>, settings: &ConferenceSettings) -> Self {
        let frame_ms = settings.frame_ms;
        let auto = target_dbfs.map(|target_dbfs| {
            let target_dbfs = f32::from(target_dbfs);
            Box::new(AutoGain::new(AutoGainSettings {
                target_dbfs,
                min_db: -MOST_DB,
                max_db: MOST_DB,
                frame_ms,
            }))
        });
        let voice = settings.voice_activity.then(|| Box::new(Voice::new(frame_ms, HANGOVER_MS)));
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
            voice,
            has_whole_piece: false,
            room_gain: 1.0,
        }
    }

    /// Takes a frame that is not silent, in tick `tick`.
    pub(super) fn measure(&mut self, tick: u64, (frame, rate): (&[i16], SampleRate), attention: Attention) {
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
        if let Some(voice) = &mut self.voice {
            if was_silent {
                voice.was_silent();
            }
            self.has_whole_piece |= voice.hear(tick, power, frame, rate);
        }
    }

    /// True once for each piece of its sound that became whole and is to be judged.
    #[inline]
    pub(super) fn has_whole_piece(&mut self) -> bool {
        std::mem::take(&mut self.has_whole_piece)
    }

    pub(super) fn voice(&self) -> Option<&Voice> {
        self.voice.as_deref()
    }

    pub(super) fn voice_mut(&mut self) -> Option<&mut Voice> {
        self.voice.as_deref_mut()
    }

    /// How loud it was of late.
    pub(super) fn level(&self) -> AudioLevel {
        AudioLevel::from_dbfs(10.0 * self.loudness.log10())
    }

    /// Whether it was of late so quiet for all who hear it that it is not missed.
    pub(super) fn is_quiet(&self) -> bool {
        self.power() < QUIET
    }

    /// Nothing of it is mixed for a while: it will begin as who has just joined. False if that is so already.
    pub(super) fn rest(&mut self) -> bool {
        let had_begun = std::mem::take(&mut self.measured_tick) > 0 || !self.is_chosen;
        if had_begun {
            (self.room_gain, self.is_chosen) = (1.0, true);
            self.auto.iter_mut().for_each(|auto| auto.restart());
        }
        had_begun
    }

    /// Whether no gain was commanded for it.
    pub(super) fn is_plain(&self) -> bool {
        self.commanded_gain == Gain::UNITY
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

    /// Its rank as if it were not chosen: the louder, the higher, and speech above noise.
    pub(super) fn bid(&self) -> f32 {
        match self.voice.as_ref().map_or(Finding::Speech, |voice| voice.finding()) {
            Finding::Speech => self.loudness * SPEECH_RANK,
            Finding::Unknown | Finding::Noise => self.loudness,
        }
    }

    /// How it stands among those who talk; who is chosen already is preferred.
    pub(super) fn rank(&self) -> f32 {
        if self.is_chosen { self.bid() * ADVANTAGE } else { self.bid() }
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
        if let Some(voice) = &self.voice {
            see(std::ptr::from_ref(&**voice) as usize, size_of::<Voice>());
        }
    }

    /// Its share of what all hear, before the conference makes all of it quieter.
    pub(super) fn power(&self) -> f32 {
        let gain = self.own_gain() * self.commanded_gain.factor();
        self.loudness * gain * gain
    }
}
