//! The floor: who of those who talk is heard, and how loud all of them are together.
//!
//! The loudest are heard, at most `max_talkers`; who is heard stays so until another one is clearly louder. Where many
//! talk at once, all of them become quieter, so that the sum is not much louder than one. Chosen before each tick by the
//! one before it.

use super::mixer::ConferenceSettings;
use super::place::Places;
use super::talk::Attention;
use crate::audio::auto_gain::{AutoGain, AutoGainSettings};

/// All together may be so much louder than one is meant to be.
const TOGETHER_DB: f32 = 2.0;
/// 4,000 talkers are 36 dB louder than one.
const LEAST_DB: f32 = -36.0;

/// See the module.
#[derive(Debug)]
pub(super) struct Floor {
    max_talkers: usize,
    /// Makes all quieter together.
    leveller: Option<Box<AutoGain>>,
    attention: Attention,
    /// Places that would talk and were not heard in this tick.
    waiting: Vec<usize>,
    ranking: Vec<(f32, usize)>,
}

impl Floor {
    pub(super) fn new(settings: &ConferenceSettings) -> Self {
        let leveller = settings.target_dbfs.map(|target_dbfs| {
            let (target_dbfs, frame_ms) = (f32::from(target_dbfs) + TOGETHER_DB, settings.frame_ms);
            Box::new(AutoGain::new(AutoGainSettings { target_dbfs, min_db: LEAST_DB, max_db: 0.0, frame_ms }))
        });
        Self {
            max_talkers: settings.max_talkers,
            leveller,
            attention: Attention { measures: false, is_full: false, room_gain: 1.0 },
            waiting: Vec::new(),
            ranking: Vec::new(),
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
        self.attention.is_full = self.max_talkers > 0 && talkers >= self.max_talkers;
        self.attention.measures = self.attention.is_full || self.leveller.is_some();
        if let Some(leveller) = &mut self.leveller
            && talkers > 0
        {
            let talks =
                sounding.iter().filter_map(|&index| places.by_index(index).map(|who| who.talk().power()));
            self.attention.room_gain = leveller.handle_power(talks.sum());
        }
        if self.attention.is_full {
            self.choose(places, sounding);
        }
        self.waiting.clear();
    }

    fn choose(&mut self, places: &mut Places, sounding: &[usize]) {
        self.ranking.clear();
        for &index in sounding.iter().chain(&self.waiting) {
            let rank = places.by_index(index).map(|who| who.talk().rank());
            self.ranking.extend(rank.map(|rank| (rank, index)));
        }
        if self.ranking.len() > self.max_talkers {
            self.ranking.select_nth_unstable_by(self.max_talkers - 1, |one, other| other.0.total_cmp(&one.0));
        }
        for (at, &(_, index)) in self.ranking.iter().enumerate() {
            if let Some(participant) = places.by_index(index) {
                participant.choose(at < self.max_talkers);
            }
        }
    }
}
