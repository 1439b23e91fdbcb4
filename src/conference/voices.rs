//! Who talks and who is the active speaker, and the events that tell of it.
//!
//! Those who sound are listened to in pieces of 100 ms, a second apart; at most one piece is judged in a tick, whoever
//! waits, and none while the caller has no time for it.

use super::event::{ConferenceEvent, Events, Happening};
use super::participant::Participant;
use super::place::{ParticipantId, Places};
use crate::audio::voice_activity::VoiceDetector;
use std::collections::VecDeque;

/// The active speaker stays so for at least so long, and until another one is so much louder: 3 dB.
const ACTIVE_MS: u32 = 1000;
const ADVANTAGE: f32 = 2.0;

/// See the module.
#[derive(Debug)]
pub(super) struct Voices {
    detector: VoiceDetector,
    /// Places whose piece is whole, in their order.
    waiting: VecDeque<usize>,
    /// Places that talk.
    talking: Vec<usize>,
    /// The active speaker, also when it has fallen silent.
    active: Option<ParticipantId>,
    /// From here on there may be another one.
    change_tick: u64,
    frame_ms: u32,
    has_time: bool,
    events: Events,
}

impl Voices {
    pub(super) fn new(frame_ms: u32) -> Self {
        Self {
            detector: VoiceDetector::default(),
            waiting: VecDeque::new(),
            talking: Vec::new(),
            active: None,
            change_tick: 0,
            frame_ms,
            has_time: true,
            events: Events::default(),
        }
    }

    /// Room for so many who talk at once.
    pub(super) fn reserve(&mut self, participants: usize) {
        self.waiting.reserve(participants.saturating_sub(self.waiting.len()));
        self.talking.reserve(participants.saturating_sub(self.talking.len()));
    }

    /// Whether a piece waits to be judged.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether there is time to judge one.
    pub(super) fn set_time(&mut self, has_time: bool) {
        self.has_time = has_time;
    }

    /// A piece of this one's sound is whole.
    pub(super) fn wait(&mut self, index: usize) {
        self.waiting.push_back(index);
    }

    /// Begins a tick: judges a piece, and tells of what it changed and of whom it was not heard any more.
    pub(super) fn begin(&mut self, tick: u64, places: &mut Places) {
        if self.has_time
            && let Some(index) = self.waiting.pop_front()
        {
            self.judge(tick, index, places);
        }
        let Self { talking, events, frame_ms, .. } = self;
        talking.retain(|&index| {
            let Some(participant) = places.by_index(index) else { return false };
            let goes_on = participant.talk().voice().is_some_and(|voice| voice.talks(tick));
            if !goes_on {
                stop(tick, *frame_ms, (index, places), events);
            }
            goes_on
        });
        if !self.talking.is_empty() && tick >= self.change_tick {
            self.follow_active(tick, places);
        }
    }

    fn judge(&mut self, tick: u64, index: usize, places: &mut Places) {
        let Some(participant) = places.by_index(index) else { return };
        let level = participant.talk().level();
        let Some(voice) = participant.voice_mut() else { return };
        voice.judge(tick, &mut self.detector);
        if voice.talks(tick) && voice.talks_since.is_none() {
            voice.talks_since = Some(tick);
            self.talking.push(index);
            self.events.push(event(index, places, Happening::TalkingStarted(level)));
        }
    }

    fn follow_active(&mut self, tick: u64, places: &mut Places) {
        let (mut loudest, mut power, mut active_power) = (None, 0.0, 0.0);
        for &index in &self.talking {
            let its_power = places.by_index(index).map_or(0.0, |participant| participant.talk().power());
            if self.active == Some(places.id(index)) {
                active_power = its_power;
            }
            if its_power > power {
                (loudest, power) = (Some(index), its_power);
            }
        }
        let Some(index) = loudest else { return };
        if self.active == Some(places.id(index)) || power < active_power * ADVANTAGE {
            return;
        }
        self.active = Some(places.id(index));
        self.change_tick = tick + u64::from(ACTIVE_MS / self.frame_ms);
        let level = places.by_index(index).map(|participant| participant.talk().level());
        level.into_iter().for_each(|level| {
            self.events.push(event(index, places, Happening::ActiveSpeaker(level)));
        });
    }

    /// This one leaves, and its place with it.
    pub(super) fn leave(&mut self, tick: u64, index: usize, places: &mut Places) {
        self.waiting.retain(|&waiting| waiting != index);
        self.talking.retain(|&talking| talking != index);
        if self.active == Some(places.id(index)) {
            self.active = None;
        }
        stop(tick, self.frame_ms, (index, places), &mut self.events);
    }

    pub(super) fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    /// Events that found no room.
    pub(super) fn lost(&self) -> u64 {
        self.events.lost()
    }
}

/// It talks no more.
fn stop(tick: u64, frame_ms: u32, (index, places): (usize, &mut Places), events: &mut Events) {
    let voice = places.by_index(index).and_then(Participant::voice_mut);
    if let Some(since) = voice.and_then(|voice| voice.talks_since.take()) {
        let talked_ms = (tick - since) * u64::from(frame_ms);
        events.push(event(index, places, Happening::TalkingStopped(talked_ms)));
    }
}

fn event(index: usize, places: &mut Places, what: Happening) -> ConferenceEvent {
    let label = places.by_index(index).map_or(0, |participant| participant.rare.wanted.label);
    ConferenceEvent { participant: places.id(index), label, what }
}
