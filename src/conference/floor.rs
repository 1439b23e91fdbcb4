//! The floor: who of those who talk is heard, and how loud all of them are together.
//!
//! The loudest are heard, at most `max_talkers`, and nobody who makes noise before one who speaks; who is heard stays so until another one is clearly louder. Where many
//! talk at once, all of them become quieter, so that the sum is not much louder than one. Chosen before each tick by the
//! one before it.

use super::mixer::ConferenceSettings;
use super::place::Places;
use super::talk::Attention;
use super::voices::Voices;

/// All together are brought to so many times the power of the loudest: 2 dB.
const TOGETHER: f32 = 1.585;
/// Their gain rests as long as it is wrong by no more than this factor, 4.5 dB: four talk as loud as they are.
const NEARLY_RIGHT: f32 = 1.679;
/// How fast the gain of all goes down and comes back, as factors per ms: 12 and 4 dB a second.
const DOWN_PER_MS: f32 = 0.998_619;
const UP_PER_MS: f32 = 1.000_461;

/// See the module.
#[derive(Debug)]
pub(super) struct Floor {
    /// 0 is without limit.
    max_talkers: usize,
    /// As the conference was made.
    settled_max_talkers: usize,
    /// Makes all quieter together.
    levels: bool,
    /// Tells speech from noise.
    heeds_voices: bool,
    /// Who talks; made when the first one comes.
    pub(super) voices: Option<Box<Voices>>,
    down: f32,
    up: f32,
    is_moving: bool,
    attention: Attention,
    /// Places that would talk and were not heard in this tick.
    waiting: Vec<usize>,
    ranking: Vec<(f32, usize)>,
}

impl Floor {
    pub(super) fn new(settings: &ConferenceSettings) -> Self {
        let frame_ms = settings.frame_ms as i32;
        Self {
            max_talkers: settings.max_talkers,
            settled_max_talkers: settings.max_talkers,
            levels: settings.target_dbfs.is_some(),
            heeds_voices: settings.voice_activity,
            voices: None,
            down: DOWN_PER_MS.powi(frame_ms),
            up: UP_PER_MS.powi(frame_ms),
            is_moving: false,
            attention: Attention {
                measures: settings.voice_activity,
                is_full: false,
                bar: 0.0,
                room_gain: 1.0,
            },
            waiting: Vec::new(),
            ranking: Vec::new(),
        }
    }

    /// No more than so many talk from now on, or as many as before; room for so many participants.
    pub(super) fn cap(&mut self, cap: Option<usize>, participants: usize) {
        self.max_talkers = match (cap, self.settled_max_talkers) {
            (Some(cap), 0) => cap,
            (Some(cap), settled) => cap.min(settled),
            (None, settled) => settled,
        };
        self.reserve(participants);
    }

    /// Someone comes.
    pub(super) fn expect_voices(&mut self, settings: &ConferenceSettings) {
        if self.heeds_voices {
            self.voices.get_or_insert_with(|| Box::new(Voices::new(settings.frame_ms)));
        }
    }

    /// Room for so many who talk at once.
    pub(super) fn reserve(&mut self, participants: usize) {
        if self.max_talkers > 0 {
            self.waiting.reserve(participants.saturating_sub(self.waiting.len()));
            self.ranking.reserve(participants.saturating_sub(self.ranking.len()));
        }
    }

    /// One that talks in this tick was not heard.
    pub(super) fn wait(&mut self, index: usize) {
        self.waiting.push(index);
    }

    pub(super) fn attention(&self) -> Attention {
        self.attention
    }

    /// Begins a tick after one in which `sounding` were heard.
    pub(super) fn begin(&mut self, places: &mut Places, sounding: &[usize]) {
        let talkers = sounding.len() + self.waiting.len();
        let was_measured = self.attention.measures;
        self.attention.is_full = self.max_talkers > 0 && talkers >= self.max_talkers;
        self.attention.measures = self.attention.is_full || self.levels || self.heeds_voices;
        if self.levels {
            self.level(places, sounding);
        }
        self.attention.bar = 0.0;
        if self.attention.is_full && was_measured {
            self.choose(places, sounding);
        }
        self.waiting.clear();
    }

    /// Follows the number of those who talk at once, as their powers tell it.
    fn level(&mut self, places: &mut Places, sounding: &[usize]) {
        let (mut sum, mut loudest) = (0.0, 0.0_f32);
        for &index in sounding {
            let power = places.by_index(index).map_or(0.0, |who| who.talk().power());
            (sum, loudest) = (sum + power, loudest.max(power));
        }
        if loudest == 0.0 {
            return;
        }
        let wanted = (TOGETHER * loudest / sum).sqrt().min(1.0);
        let gain = &mut self.attention.room_gain;
        let comes_to_rest = wanted == 1.0 && *gain != 1.0;
        let wrong = if wanted > *gain { wanted / *gain } else { *gain / wanted };
        self.is_moving |= wrong > NEARLY_RIGHT || comes_to_rest;
        if self.is_moving {
            *gain = wanted.clamp(*gain * self.down, *gain * self.up);
            self.is_moving = *gain != wanted;
        }
    }

    fn choose(&mut self, places: &mut Places, sounding: &[usize]) {
        self.ranking.clear();
        for &index in sounding.iter().chain(&self.waiting) {
            let rank = places.by_index(index).map(|who| who.talk().rank());
            self.ranking.extend(rank.map(|rank| (rank, index)));
        }
        if self.ranking.len() >= self.max_talkers {
            self.ranking.select_nth_unstable_by(self.max_talkers - 1, |one, other| other.0.total_cmp(&one.0));
        }
        for (at, &(rank, index)) in self.ranking.iter().enumerate() {
            if let Some(participant) = places.by_index(index) {
                participant.choose(at < self.max_talkers);
            }
            if at == self.max_talkers - 1 {
                self.attention.bar = rank; // the lowest of those who are heard stands last
            }
        }
    }
}
