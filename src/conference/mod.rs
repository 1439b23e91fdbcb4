//! Who hears whom at this tick: participants, buses, mix-minus (RFC 4353's mixer).
//!
//! Driven once per tick by the laps of its legs: [`Conference::begin`], every leg [`Conference::add`]s what
//! it heard, [`Conference::seal`], every leg takes its [`Conference::mix_minus`]. Whatever changes in between
//! waits for the next `begin`. A steady tick allocates nothing; an empty conference does nothing. It knows no
//! codec, packet or clock.

mod aside;
mod background;
mod bus;
mod company;
mod event;
mod fade;
mod floor;
mod mixer;
mod output;
mod own;
mod participant;
mod place;
mod sound;
mod tag;
mod talk;
#[cfg(test)]
mod tests;
mod voice;
mod voices;
mod whisper;

pub use event::{ConferenceEvent, Happening, MAX_EVENTS};
pub use mixer::{
    Conference, ConferenceError, ConferenceSettings, ConferenceStatistics, Heard, MAX_PARTICIPANTS,
};
pub use participant::{Command, ParticipantSettings, ParticipantView};
pub use place::ParticipantId;
pub use sound::{Audience, MAX_SOUNDS_FOR_ALL, MAX_SOUNDS_FOR_ONE, Sound, SoundId};
pub use tag::{MAX_TAG_LEN, SpeaksTo, Tag};
