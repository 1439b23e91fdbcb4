//! What happens in a conference that others may want to know: kept until the caller takes it.

use super::place::ParticipantId;
use crate::audio::level::AudioLevel;
use std::collections::VecDeque;

/// At most so many events wait to be taken; what is more is lost, and counted.
pub const MAX_EVENTS: usize = 256;

/// Something that happened to a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConferenceEvent {
    /// Whom.
    pub participant: ParticipantId,
    /// What its [`ParticipantSettings`](super::ParticipantSettings) called it.
    pub label: u64,
    /// What.
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It speaks, as loud as this.
    TalkingStarted(AudioLevel),
    /// It has been silent for a while, or only noise came, or it left; it had talked for so many ms.
    TalkingStopped(u64),
    /// It is the loudest of those who talk, and was not before.
    ActiveSpeaker(AudioLevel),
}

/// Events that wait, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: VecDeque<ConferenceEvent>,
    lost: u64,
}

impl Events {
    pub(super) fn push(&mut self, event: ConferenceEvent) {
        if self.waiting.len() < MAX_EVENTS {
            self.waiting.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    pub(super) fn take(&mut self) -> Option<ConferenceEvent> {
        self.waiting.pop_front()
    }

    /// How many found no room.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}
