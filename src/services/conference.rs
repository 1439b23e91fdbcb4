//! Joins a conference and stays in it until the caller hangs up; a key sequence mutes and unmutes.

use super::Greeting;
use super::keys::KeySequence;
use super::recorder::WavFile;
use crate::audio::Gain;
use crate::audio::tone::Tone;
use crate::call::Leg;
use crate::call::conferences::{Full, Room, Tones};
use crate::call::leg::{Gone, LegEvent};
use crate::call::media::{Participant, Programme, Seat};
use crate::call::recorder::Recorder;
use crate::conference::{Audience, Command, ParticipantSettings, Sound, SpeaksTo, Tag};
use crate::config::Role;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

/// A place in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinConference {
    /// The conference's name.
    pub name: String,
    /// As many may be in it.
    pub max_participants: usize,
    /// What is heard of coming and going.
    pub tones: Tones,
    /// Whether it joins muted.
    pub muted: bool,
    /// Keys that mute and unmute.
    pub mute_key: Option<String>,
    /// Who hears it.
    pub speaks_to: SpeaksTo,
    /// What it carries, so that coaches can speak to it alone.
    pub tag: Option<Tag>,
    /// The loudness that automatic gain brings the caller to, or none, where the route differs from the others.
    pub target_dbfs: Option<Option<i8>>,
    /// Keys that begin and end a recording.
    pub record_key: Option<String>,
    /// Where it is written.
    pub record_directory: PathBuf,
    /// Whether a participant that holds us is heard all the same.
    pub mix_when_held: bool,
}

impl JoinConference {
    /// As the leg's route and the configuration say.
    pub fn of(leg: &Leg) -> JoinConference {
        let (route, config) = (&leg.found.route, &leg.endpoint.config);
        JoinConference {
            name: leg.found.conference_name().unwrap_or_default().to_owned(),
            max_participants: route.max_participants.unwrap_or(config.limit.max_participants),
            tones: Tones {
                enter: route.tones.enter.unwrap_or(config.conference.enter_tone),
                leave: route.tones.leave.unwrap_or(config.conference.leave_tone),
                waiting: route.tones.waiting.unwrap_or(config.conference.waiting_tone),
            },
            muted: route.role == Role::Listener,
            mute_key: config
                .conference
                .mute_key
                .clone()
                .filter(|_| !matches!(route.role, Role::Listener | Role::Monitor)),
            speaks_to: leg.found.speaks_to(),
            tag: leg.found.tag(),
            target_dbfs: route
                .automatic_gain
                .map(|levels| levels.then_some(-(config.conference.loudness as i8))),
            record_key: config.conference.record_key.clone(),
            record_directory: config.conference.record_directory.clone(),
            mix_when_held: !config.conference.hold_mutes,
        }
    }

    /// Takes the call, joins, and stays.
    pub fn run(&self, leg: &mut Leg, greeting: &Greeting) -> Result<(), Gone> {
        let room = self.enter(leg)?;
        greeting.run(leg, |leg| {
            // Before the answer nobody is heard: the caller waits at the door.
            leg.play(|_, out_rate| Programme::tone(Tone::waiting(), out_rate));
            Ok(())
        })?;
        let participant = self.join(leg, &room)?;
        let id = participant.id();
        leg.sit(Seat::Conference(participant));
        let mut mute = KeySequence::new(self.mute_key.as_deref());
        let mut record = KeySequence::new(self.record_key.as_deref());
        let mut muted = self.muted;
        loop {
            let LegEvent::Digit(digit) = leg.wait(None)? else { continue };
            if record.press(digit) {
                self.switch_recorder(leg, &room);
            }
            if mute.press(digit) {
                muted = !muted;
                let mut mixer = room.mixer.borrow_mut();
                let _ = mixer.command(id, Command::Mute(muted));
                let _ = mixer.play(Sound::Tone(mute_tone(muted)), Audience::Only(id));
                log::info!(leg = leg.id.0, call_id = leg.call_id(); "{} by key", if muted { "muted" } else { "unmuted" });
            }
        }
    }

    /// Finds or makes the conference before the call is answered.
    fn enter(&self, leg: &mut Leg) -> Result<Rc<Room>, Gone> {
        let endpoint = Rc::clone(&leg.endpoint);
        endpoint.conferences.enter(&self.name, self.max_participants, endpoint.worker.metronome()).map_err(
            |full| {
                leg.reject(match full {
                    Full::Participants => 486,
                    Full::Conferences => 503,
                })
            },
        )
    }

    fn switch_recorder(&self, leg: &Leg, room: &Room) {
        let (worker, counters) = (&leg.endpoint.worker, &leg.endpoint.counters);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_+".contains(c);
        let name: String = room.name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        let since_1970 = worker.wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = self.record_directory.join(format!("{name}-{}.wav", since_1970.as_millis()));
        let shown = path.display().to_string();
        let begins =
            room.switch_tap(|| Box::new(Recorder::begin(worker, counters, Box::new(WavFile::new(path)))));
        let what = if begins { format!("is recorded to {shown}") } else { "is recorded no more".to_owned() };
        log::info!(leg = leg.id.0, call_id = leg.call_id(); "conference {} {what}, by key", room.name);
    }

    fn join(&self, leg: &mut Leg, room: &Rc<Room>) -> Result<Participant, Gone> {
        let (in_rate, out_rate) = leg.rates();
        let settings = ParticipantSettings {
            in_rate,
            out_rate,
            muted: self.muted,
            deaf: false,
            gain_in: Gain::UNITY,
            gain_out: Gain::UNITY,
            target_dbfs: self.target_dbfs,
            mix_when_held: self.mix_when_held,
            speaks_to: self.speaks_to,
            tag: self.tag,
            name: leg.name.clone(),
            label: leg.id.0,
        };
        // Others may have come while it rang.
        let is_full = room.mixer.borrow().len() >= self.max_participants;
        let joined = Participant::join(Rc::clone(room), settings, self.tones);
        let participant =
            joined.ok().filter(|_| !is_full).ok_or_else(|| leg.hang_up(486, "the conference is full"))?;
        log::info!(leg = leg.id.0, call_id = leg.call_id(); "{} joined conference {}", leg.name, room.name);
        Ok(participant)
    }
}

/// Low: others no longer hear you; high: they do.
fn mute_tone(muted: bool) -> Tone {
    Tone::beep(if muted { 400.0 } else { 800.0 }, 150, -16.0)
}
