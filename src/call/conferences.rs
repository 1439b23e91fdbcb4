//! The conferences of a worker, by name: made when the first participant comes, gone with the last.

use crate::audio::SampleRate;
use crate::audio::tone::Tone;
use crate::call::counters::Counters;
use crate::call::happenings;
use crate::call::media::{Classes, Lines};
use crate::conference::{Audience, Conference, ConferenceSettings, ParticipantId, Sound, SoundId, SpeaksTo};
use crate::config::Config;
use crate::worker::{Metronome, Round, RoundHooks, Tick};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

/// Of all conferences together: at some 40 µs each 2 % of the core.
const LISTENED_TO_PER_PERIOD: u32 = 10;
const LISTENING_PERIOD: Duration = Duration::from_millis(20);

/// Why a conference cannot be entered.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Full {
    /// As many conferences as may be (`max-conferences`).
    Conferences,
    /// As many participants as this one may have (`max-participants`).
    Participants,
}

/// What is heard of coming and going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tones {
    /// When someone enters.
    pub enter: bool,
    /// When someone leaves.
    pub leave: bool,
    /// By someone who is alone, now and then.
    pub waiting: bool,
}

/// The rate of what a tap takes: enough for speech.
pub const TAP_RATE: SampleRate = SampleRate::Hz16000;

/// Takes what all of a conference hear together.
pub trait Tap {
    /// The next frame.
    fn put(&mut self, frame: &[i16]);
}

/// A conference that goes on: its mixer, and the round in which its legs make their laps.
pub struct Room {
    /// Its name, as the route made it from what was dialled.
    pub name: Rc<str>,
    /// Who hears whom.
    pub mixer: Rc<RefCell<Conference>>,
    /// The laps of its legs.
    pub round: Rc<Round>,
    /// Those of its legs that are sent the same, where they share what is encoded.
    pub classes: Option<Classes>,
    /// The ways between two of them that are alone.
    pub lines: Lines,
    /// Whether packets go these ways.
    pub relays: bool,
    tap: Rc<RefCell<Option<Box<dyn Tap>>>>,
    table: Weak<Conferences>,
    waiting: Cell<Option<SoundId>>,
}

impl Room {
    /// Someone has joined. Of those who are no company, monitors and coaches, nothing is heard.
    pub fn entered(&self, id: ParticipantId, tones: Tones) {
        let mut mixer = self.mixer.borrow_mut();
        if !mixer.is_company(id) {
            return;
        }
        if let Some(waiting) = self.waiting.take() {
            mixer.stop(waiting);
        }
        if mixer.company() == 1 {
            if tones.waiting {
                self.waiting.set(mixer.play(Sound::Tone(Tone::waiting()), Audience::Only(id)).ok());
            }
        } else if tones.enter {
            // One tone more than may play at a time is no loss.
            let _ = mixer.play(Sound::Tone(Tone::enter()), Audience::All);
        }
    }

    /// Puts the mix into a tap from the next tick on, or no more; whether it does now.
    pub fn switch_tap(&self, open: impl FnOnce() -> Box<dyn Tap>) -> bool {
        let (mut mixer, mut tap) = (self.mixer.borrow_mut(), self.tap.borrow_mut());
        match tap.take() {
            Some(_closed) => mixer.untap(TAP_RATE),
            None => {
                mixer.tap(TAP_RATE);
                *tap = Some(open());
            }
        }
        tap.is_some()
    }

    /// Someone leaves.
    pub fn leave(&self, id: ParticipantId, tones: Tones) {
        let mut mixer = self.mixer.borrow_mut();
        let was_company = mixer.is_company(id);
        mixer.leave(id);
        if !was_company {
            return;
        }
        if tones.leave && !mixer.is_empty() {
            let _ = mixer.play(Sound::Tone(Tone::leave()), Audience::All);
        }
        if mixer.company() == 1 && tones.waiting {
            let alone = mixer.participants().find(|view| view.speaks_to == SpeaksTo::Everyone);
            if let Some(alone) = alone.map(|view| view.id) {
                self.waiting.set(mixer.play(Sound::Tone(Tone::waiting()), Audience::Only(alone)).ok());
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade() {
            table.by_name.borrow_mut().remove(&self.name);
            table.counters.conferences.events_lost.add(self.mixer.borrow().statistics().events_lost);
        }
    }
}

/// All conferences by name.
pub struct Conferences {
    by_name: RefCell<HashMap<Rc<str>, Weak<Room>>>,
    max_conferences: usize,
    share_encodes: bool,
    counters: Rc<Counters>,
    listening: Rc<RefCell<Listening>>,
    relays: bool,
    settings: ConferenceSettings,
    /// How many may talk at once for now, whatever the settings say.
    talkers_cap: Cell<Option<usize>>,
}

/// How much the worker's conferences may still listen for voices: with many who sound it would else be a tenth of the core.
#[derive(Debug, Default)]
struct Listening {
    renewed_at: Option<Instant>,
    spent: u32,
}

impl Listening {
    /// Whether one more may listen in the tick that is due at `due`.
    fn spend(&mut self, due: Instant) -> bool {
        if self.renewed_at.is_none_or(|at| due >= at) {
            (self.renewed_at, self.spent) = (Some(due + LISTENING_PERIOD), 0);
        }
        self.spent += 1;
        self.spent <= LISTENED_TO_PER_PERIOD
    }
}

/// Begins and seals the mixer with its round, and takes what has happened in it.
struct MixerHooks {
    name: Rc<str>,
    mixer: Rc<RefCell<Conference>>,
    counters: Rc<Counters>,
    listening: Rc<RefCell<Listening>>,
    tap: Rc<RefCell<Option<Box<dyn Tap>>>>,
    frame_ms: u32,
}

impl RoundHooks for MixerHooks {
    fn begin(&mut self, tick: Tick) {
        let mut mixer = self.mixer.borrow_mut();
        if mixer.wants_to_listen() {
            mixer.may_listen(self.listening.borrow_mut().spend(tick.due));
        }
        mixer.begin();
        happenings::tell(&self.name, &mut mixer, &self.counters);
    }

    fn seal(&mut self, _tick: Tick) {
        self.mixer.borrow_mut().seal();
        if let Some(tap) = &mut *self.tap.borrow_mut() {
            let mut frame = [0; TAP_RATE.samples(20)];
            let frame = &mut frame[..TAP_RATE.samples(self.frame_ms)];
            self.mixer.borrow().mix_for_all(TAP_RATE, frame);
            tap.put(frame);
        }
    }
}

impl Conferences {
    /// None yet; as many as the configuration allows.
    pub fn new(config: &Config, counters: Rc<Counters>) -> Rc<Conferences> {
        let levels = &config.conference;
        let settings = ConferenceSettings {
            frame_ms: config.codec.frame_ms.into(),
            limiter: levels.limiter,
            max_talkers: levels.max_talkers,
            voice_activity: levels.voice_activity,
            target_dbfs: levels.automatic_gain.then_some(-(levels.loudness as i8)),
            background_dbfs: levels.background_db.map(|db| -(db as i8)),
            ..ConferenceSettings::default()
        };
        Rc::new(Conferences {
            by_name: RefCell::default(),
            max_conferences: config.limit.max_conferences,
            share_encodes: levels.share_encodes,
            counters,
            listening: Rc::default(),
            relays: levels.relay,
            settings,
            talkers_cap: Cell::new(None),
        })
    }

    /// From now on no more than so many talk at once in each of them, or again as many as the settings say.
    pub fn cap_talkers(&self, cap: Option<usize>) {
        self.talkers_cap.set(cap);
        for room in self.by_name.borrow().values().filter_map(Weak::upgrade) {
            room.mixer.borrow_mut().cap_talkers(cap);
        }
    }

    /// The conference of this name, made if there is none; it stays as long as somebody holds it.
    pub fn enter(
        self: &Rc<Self>,
        name: &str,
        max_participants: usize,
        metronome: &Metronome,
    ) -> Result<Rc<Room>, Full> {
        if let Some(room) = self.by_name.borrow().get(name).and_then(Weak::upgrade) {
            let full = room.mixer.borrow().len() >= max_participants;
            return if full { Err(Full::Participants) } else { Ok(room) };
        }
        if self.len() >= self.max_conferences {
            return Err(Full::Conferences);
        }
        let mut mixer = Conference::new(self.settings.clone());
        mixer.cap_talkers(self.talkers_cap.get());
        let mixer = Rc::new(RefCell::new(mixer));
        let name: Rc<str> = name.into();
        let tap = Rc::default();
        let hooks = MixerHooks {
            name: Rc::clone(&name),
            mixer: Rc::clone(&mixer),
            counters: Rc::clone(&self.counters),
            listening: Rc::clone(&self.listening),
            tap: Rc::clone(&tap),
            frame_ms: self.settings.frame_ms,
        };
        let round = metronome.round(hooks);
        let room = Rc::new(Room {
            name,
            mixer,
            round,
            classes: self.share_encodes.then(Classes::default),
            lines: Lines::default(),
            relays: self.relays,
            tap,
            table: Rc::downgrade(self),
            waiting: Cell::new(None),
        });
        self.by_name.borrow_mut().insert(Rc::clone(&room.name), Rc::downgrade(&room));
        Ok(room)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_conferences_together_listen_to_ten_in_20_ms() {
        let (mut listening, begin) = (Listening::default(), Instant::now());
        for frame in 0..3 {
            let due = begin + frame * LISTENING_PERIOD;
            assert_eq!((0..50).filter(|_| listening.spend(due)).count(), 10, "frame {frame}");
        }
    }
}
