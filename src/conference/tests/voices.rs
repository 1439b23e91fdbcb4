//! Who speaks, among all that sounds; and the events that tell of it.

use super::super::{
    Command, Conference, ConferenceEvent, ConferenceSettings, Happening, MAX_EVENTS, ParticipantId,
};
use super::{NARROW, exact, settle};
use crate::audio::SampleRate;
use crate::audio::level::dbfs;
use crate::audio::voice_activity::synthetic::{noise, scaled, speech};
use crate::rtp::Ssrc;

/// What one participant says from some tick on.
struct Line {
    sound: Vec<i16>,
    from: usize,
}

fn speech_at(level_dbfs: f32, from: usize) -> Line {
    Line { sound: scaled(&speech(NARROW, 10_000), level_dbfs), from }
}

/// As of a keyboard or a cough: of another loudness every 100 ms, so that it is not taken for what is always there.
fn bursts_at(level_dbfs: f32, from: usize) -> Line {
    let mut sound = scaled(&noise(NARROW, 10_000, 0.5), level_dbfs);
    sound.chunks_mut(1600).for_each(|second| second[..800].iter_mut().for_each(|sample| *sample /= 16));
    Line { sound, from }
}

/// A conference of those who say these lines, label 100 and up, and one who listens.
struct Room {
    conference: Conference,
    lines: Vec<(ParticipantId, Line)>,
    listener: ParticipantId,
    tick: usize,
    events: Vec<(usize, ConferenceEvent)>,
}

impl Room {
    fn new(max_talkers: usize, lines: Vec<Line>) -> Room {
        let settings = ConferenceSettings { max_talkers, voice_activity: true, ..exact(20) };
        let mut conference = Conference::new(settings);
        let lines: Vec<_> = lines
            .into_iter()
            .zip(100..)
            .map(|(line, label)| {
                let settings = super::super::ParticipantSettings { label, ..Default::default() };
                (conference.join(settings).unwrap(), line)
            })
            .collect();
        let listener = conference.join(Default::default()).unwrap();
        let all: Vec<_> = lines.iter().map(|(id, _)| *id).chain([listener]).collect();
        settle(&mut conference, &all.iter().map(|&id| (id, NARROW, NARROW)).collect::<Vec<_>>(), 20);
        Room { conference, lines, listener, tick: 0, events: Vec::new() }
    }

    /// What the listener hears in so many ticks.
    fn ticks(&mut self, ticks: usize) -> Vec<i16> {
        let mut heard = Vec::new();
        for _ in 0..ticks {
            self.conference.begin();
            for (id, line) in &self.lines {
                let at = self.tick.checked_sub(line.from).map(|at| at * 160 % line.sound.len());
                let frame = at.map_or(&[0; 160][..], |at| &line.sound[at..at + 160]);
                self.conference.add(*id, frame);
            }
            self.conference.seal();
            let mut out = [0; 160];
            self.conference.mix_minus(self.listener, &mut out);
            heard.extend(out);
            self.tick += 1;
            while let Some(event) = self.conference.take_event() {
                self.events.push((self.tick, event));
            }
        }
        heard
    }

    fn who(&self, what: fn(&Happening) -> bool) -> Vec<u64> {
        self.events.iter().filter(|(_, event)| what(&event.what)).map(|(_, event)| event.label).collect()
    }

    fn started(&self) -> Vec<u64> {
        self.who(|what| matches!(what, Happening::TalkingStarted(_)))
    }

    fn active(&self) -> Vec<u64> {
        self.who(|what| matches!(what, Happening::ActiveSpeaker(_)))
    }

    fn talking(&self) -> Vec<bool> {
        let mut views: Vec<_> = self.conference.participants().map(|view| (view.id, view.talking)).collect();
        views.retain(|(id, _)| *id != self.listener);
        views.into_iter().map(|(_, talking)| talking).collect()
    }
}

#[test]
fn who_speaks_is_told_soon_and_told_to_have_stopped_after_the_hangover() {
    let mut room = Room::new(0, vec![speech_at(-26.0, 10)]);
    room.ticks(110);
    assert_eq!((room.started(), room.active(), room.talking()), (vec![100], vec![100], vec![true]));
    let (began, event) = room.events[0];
    assert!((12..=30).contains(&began), "{began}");
    let Happening::TalkingStarted(level) = event.what else { panic!("{event:?}") };
    assert!((15..40).contains(&level.minus_dbov()), "{level:?}");
    assert_eq!(room.events.len(), 2, "{:?}", room.events);
    room.lines[0].1.from = usize::MAX;
    room.ticks(60);
    assert_eq!(room.talking(), [false]);
    let &(ended, event) = room.events.last().unwrap();
    assert!((130..=140).contains(&ended), "{ended}");
    let Happening::TalkingStopped(talked_ms) = event.what else { panic!("{event:?}") };
    assert_eq!(talked_ms as usize, (ended - began) * 20);
    assert_eq!(event.label, 100);
}

#[test]
fn noise_does_not_talk_however_loud() {
    let mut room = Room::new(0, vec![bursts_at(-15.0, 0)]);
    assert!(dbfs(&room.ticks(200)) > -25.0, "it is heard all the same");
    assert_eq!((room.events.len(), room.talking()), (0, vec![false]));
}

#[test]
fn noise_takes_nobodys_place_however_loud() {
    let mut room = Room::new(1, vec![speech_at(-30.0, 0), bursts_at(-12.0, 60)]);
    room.ticks(60);
    let heard = room.ticks(200);
    let loudest = heard.chunks(160).map(dbfs).fold(f32::NEG_INFINITY, f32::max);
    assert!(loudest < -18.0, "{loudest} dBFS");
}

#[test]
fn one_who_speaks_takes_the_place_of_noise() {
    let mut room = Room::new(1, vec![bursts_at(-12.0, 0), speech_at(-30.0, 60)]);
    room.ticks(60);
    room.ticks(30);
    let heard = room.ticks(100);
    let loudest = heard.chunks(160).map(dbfs).fold(f32::NEG_INFINITY, f32::max);
    assert!(loudest < -18.0, "{loudest} dBFS");
    assert!(dbfs(&heard) > -36.0, "the voice is heard");
}

#[test]
fn the_active_speaker_changes_at_most_every_second_and_not_for_a_little() {
    let mut room = Room::new(0, vec![speech_at(-26.0, 0), speech_at(-25.0, 100), speech_at(-15.0, 200)]);
    room.ticks(190);
    assert_eq!(room.active(), [100], "the second one is hardly louder");
    room.ticks(150);
    assert_eq!(room.active(), [100, 102]);
    for from in (0..20).map(|turn| 400 + 15 * turn) {
        // They take turns, faster than a second.
        room.lines.iter_mut().for_each(|(_, line)| line.from = usize::MAX);
        room.lines[from / 15 % 2].1.from = from - 50;
        room.ticks(15);
    }
    let ticks: Vec<usize> = room
        .events
        .iter()
        .filter(|(_, event)| matches!(event.what, Happening::ActiveSpeaker(_)))
        .map(|it| it.0)
        .collect();
    assert!(ticks.windows(2).all(|pair| pair[1] - pair[0] >= 50), "{ticks:?}");
}

#[test]
fn who_leaves_while_talking_is_told_to_have_stopped() {
    let mut room = Room::new(0, vec![speech_at(-26.0, 0)]);
    room.ticks(50);
    let id = room.lines.remove(0).0;
    room.conference.leave(id);
    room.ticks(2);
    let (_, event) = *room.events.last().unwrap();
    assert!(matches!(event.what, Happening::TalkingStopped(ms) if ms > 500), "{event:?}");
    assert_eq!((event.participant, event.label), (id, 100));
}

#[test]
fn events_that_nobody_takes_are_counted_beyond_their_bound() {
    let settings = ConferenceSettings { voice_activity: true, ..exact(20) };
    let mut conference = Conference::new(settings);
    let sound = scaled(&speech(NARROW, 10_000), -26.0);
    for _ in 0..MAX_EVENTS {
        let id = conference.join(Default::default()).unwrap();
        for frame in sound.chunks_exact(160).take(30) {
            conference.begin();
            conference.add(id, frame);
            conference.seal();
        }
        conference.leave(id);
    }
    conference.begin();
    let lost = conference.statistics().events_lost;
    let taken = std::iter::from_fn(|| conference.take_event()).count();
    assert_eq!(taken, MAX_EVENTS);
    assert!(lost > 0);
}

#[test]
fn without_voice_activity_nobody_is_said_to_talk() {
    let mut conference = Conference::new(exact(20));
    let id = conference.join(Default::default()).unwrap();
    for frame in scaled(&speech(SampleRate::Hz8000, 3_000), -26.0).chunks_exact(160) {
        conference.begin();
        conference.add(id, frame);
        conference.seal();
    }
    assert_eq!(conference.take_event(), None);
    assert!(conference.participants().all(|view| !view.talking));
}

#[test]
fn a_participant_is_told_the_sources_and_levels_of_the_others_it_hears() {
    let mut room = Room::new(0, vec![speech_at(-26.0, 0), bursts_at(-20.0, 0), speech_at(-30.0, usize::MAX)]);
    let ids: Vec<_> = room.lines.iter().map(|(id, _)| *id).collect();
    for (id, source) in ids.iter().zip([7, 8, 9]) {
        room.conference.set_source(*id, Ssrc(source));
    }
    room.ticks(100);
    let told = |room: &Room, id| room.conference.contributors(id).collect::<Vec<_>>();
    let sources = |room: &Room, id| told(room, id).iter().map(|(source, _)| source.0).collect::<Vec<_>>();
    assert_eq!(sources(&room, room.listener), [7, 8]);
    assert_eq!(sources(&room, ids[0]), [8]);
    assert_eq!(sources(&room, ids[2]), [7, 8]);
    let listener = room.listener;
    room.conference.command(listener, Command::Deaf(true)).unwrap();
    assert!(sources(&room, listener).is_empty());
    assert!(told(&room, ids[2]).iter().all(|(_, level)| (15..45).contains(&level.minus_dbov())));
}
