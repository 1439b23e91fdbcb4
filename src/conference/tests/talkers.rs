//! Who is heard where many talk, and how loud.

use super::super::{Conference, ConferenceSettings, ParticipantId};
use super::{NARROW, ParticipantSettings, exact, settle};
use crate::audio::level::dbfs;

use std::f32::consts::TAU;

/// A conference of some who talk, each with a tone of its own, and one who listens.
struct Room {
    conference: Conference,
    talkers: Vec<ParticipantId>,
    listener: ParticipantId,
    at: usize,
}

impl Room {
    fn new(settings: ConferenceSettings, talkers: usize) -> Room {
        let mut conference = Conference::new(settings);
        let mut join = || conference.join(Default::default()).unwrap();
        let (talkers, listener): (Vec<_>, _) = ((0..talkers).map(|_| join()).collect(), join());
        let all: Vec<_> = talkers.iter().chain([&listener]).map(|&id| (id, NARROW, NARROW)).collect();
        settle(&mut conference, &all, 20);
        Room { conference, talkers, listener, at: 0 }
    }

    fn hertz(talker: usize) -> f32 {
        300.0 + 50.0 * talker as f32
    }

    /// A tick in which they talk at these levels in dBFS; what the listener hears.
    fn tick(&mut self, levels_dbfs: &[(usize, f32)]) -> Vec<i16> {
        self.conference.begin();
        for (talker, id) in self.talkers.iter().enumerate() {
            let level = levels_dbfs.iter().find(|(who, _)| *who == talker);
            let peak = level.map_or(0.0, |(_, dbfs)| 32_768.0 * 2.0_f32.sqrt() * 10.0_f32.powf(dbfs / 20.0));
            let phase =
                |at: usize| TAU * Room::hertz(talker) * (self.at + at) as f32 / 8000.0 + talker as f32;
            let frame: Vec<i16> = (0..160).map(|at| (peak * phase(at).sin()) as i16).collect();
            self.conference.add(*id, &frame);
        }
        self.at += 160;
        self.conference.seal();
        let mut out = vec![1; 160];
        self.conference.mix_minus(self.listener, &mut out);
        out
    }

    /// `ticks` of syllables, with a gap in every sixth tick; the last 200 ms heard.
    fn syllables(&mut self, ticks: usize, levels_dbfs: &[(usize, f32)]) -> Vec<i16> {
        let gaps: Vec<_> = levels_dbfs.iter().map(|&(talker, _)| (talker, -60.0)).collect();
        let heard: Vec<i16> =
            (0..ticks).flat_map(|at| self.tick(if at % 6 == 5 { &gaps } else { levels_dbfs })).collect();
        heard[heard.len() - 1600..].to_vec()
    }

    /// `ticks` of them, the last 200 ms heard.
    fn ticks(&mut self, ticks: usize, levels_dbfs: &[(usize, f32)]) -> Vec<i16> {
        let heard: Vec<i16> = (0..ticks).flat_map(|_| self.tick(levels_dbfs)).collect();
        heard[heard.len().saturating_sub(1600)..].to_vec()
    }
}

/// Level of what was said, without the gaps between syllables.
fn said_dbfs(heard: &[i16]) -> f32 {
    let said: Vec<i16> = heard.chunks(160).filter(|frame| dbfs(frame) > -45.0).flatten().copied().collect();
    dbfs(&said)
}

/// Level of a talker's tone in what was heard, in dBFS.
fn tone_dbfs(heard: &[i16], talker: usize) -> f32 {
    let step = TAU * Room::hertz(talker) / 8000.0;
    let along = |wave: fn(f32) -> f32| -> f32 {
        let product = |(at, &sample): (usize, &i16)| wave(step * at as f32) * f32::from(sample);
        heard.iter().enumerate().map(product).sum::<f32>() * 2.0 / heard.len() as f32
    };
    let amplitude = along(f32::sin).hypot(along(f32::cos));
    20.0 * (amplitude / (32_768.0 * 2.0_f32.sqrt())).log10()
}

fn heard_talkers(heard: &[i16], talkers: usize) -> Vec<usize> {
    (0..talkers).filter(|&talker| tone_dbfs(heard, talker) > -50.0).collect()
}

fn at_most(max_talkers: usize) -> ConferenceSettings {
    ConferenceSettings { max_talkers, ..exact(20) }
}

#[test]
fn the_loudest_are_heard_and_no_more_than_may_be() {
    let mut room = Room::new(at_most(3), 6);
    let levels = [(0, -30.0), (1, -20.0), (2, -35.0), (3, -22.0), (4, -40.0), (5, -24.0)];
    assert_eq!(heard_talkers(&room.ticks(30, &levels), 6), [1, 3, 5]);
    let mut room = Room::new(at_most(0), 6);
    assert_eq!(heard_talkers(&room.ticks(30, &levels), 6), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_participant_may_be_levelled_where_the_others_are_not_and_left_as_it_is_where_they_are() {
    for (room_dbfs, own_dbfs) in [(None, Some(-23)), (Some(-23), None)] {
        let mut conference = Conference::new(ConferenceSettings { target_dbfs: room_dbfs, ..exact(20) });
        let settings = ParticipantSettings { target_dbfs: Some(own_dbfs), ..Default::default() };
        let talkers = vec![conference.join(settings).unwrap(), conference.join(Default::default()).unwrap()];
        let listener = conference.join(Default::default()).unwrap();
        let mut room = Room { conference, talkers, listener, at: 0 };
        for (talker, target) in [(0, own_dbfs), (1, room_dbfs)] {
            let level = said_dbfs(&room.syllables(400, &[(talker, -33.0)]));
            match target {
                Some(_) => assert!((level + 23.0).abs() < 3.5, "{level}"),
                None => assert!((level + 33.0).abs() < 1.0, "{level}"),
            }
        }
    }
}

#[test]
fn fewer_are_heard_while_that_is_commanded_and_who_comes_and_goes_by_it_fades() {
    for max_talkers in [0, 5, 2] {
        let mut room = Room::new(at_most(max_talkers), 6);
        let levels = [(0, -30.0), (1, -24.0), (2, -31.0), (3, -25.0), (4, -32.0), (5, -26.0)];
        let before = heard_talkers(&room.ticks(30, &levels), 6);
        let mut heard = room.ticks(10, &levels);
        room.conference.cap_talkers(Some(3));
        heard.extend(room.ticks(10, &levels));
        let fewer: &[usize] = if max_talkers == 2 { &[1, 3] } else { &[1, 3, 5] };
        assert_eq!(heard_talkers(&room.ticks(30, &levels), 6), fewer);
        heard.extend(room.ticks(10, &levels));
        room.conference.cap_talkers(None);
        heard.extend(room.ticks(10, &levels));
        assert_eq!(heard_talkers(&room.ticks(30, &levels), 6), before);
        for part in heard.chunks(3200) {
            let steepest = part.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
            // All of their steepest slopes at once, and what a fade over 10 ms adds.
            let slope = |&(who, dbfs): &(usize, f32)| {
                let peak = 32_768.0 * 2.0_f32.sqrt() * 10.0_f32.powf(dbfs / 20.0);
                peak * (TAU * Room::hertz(who) / 8000.0 + 1.0 / 80.0)
            };
            let bound: f32 = levels.iter().map(slope).sum();
            assert!(f32::from(steepest) < bound, "{max_talkers}: {steepest}, {bound}");
        }
    }
}

#[test]
fn who_is_heard_stays_so_until_another_one_is_clearly_louder() {
    let mut room = Room::new(at_most(1), 2);
    assert_eq!(heard_talkers(&room.ticks(20, &[(0, -24.0)]), 2), [0]);
    assert_eq!(heard_talkers(&room.ticks(50, &[(0, -24.0), (1, -22.0)]), 2), [0]);
    assert_eq!(heard_talkers(&room.ticks(50, &[(0, -24.0), (1, -20.0)]), 2), [1]);
    assert_eq!(heard_talkers(&room.ticks(50, &[(0, -22.0), (1, -20.0)]), 2), [1]);
}

#[test]
fn a_place_that_falls_free_is_taken_at_once() {
    let mut room = Room::new(at_most(1), 2);
    room.ticks(20, &[(0, -20.0), (1, -30.0)]);
    room.tick(&[(1, -30.0)]);
    assert!(dbfs(&room.tick(&[(1, -30.0)])[80..]) > -31.0);
}

#[test]
fn a_pause_between_two_words_costs_no_place() {
    let mut room = Room::new(at_most(1), 2);
    room.ticks(20, &[(0, -20.0), (1, -30.0)]);
    for _ in 0..5 {
        room.tick(&[(1, -30.0)]);
        let word = room.tick(&[(0, -20.0), (1, -30.0)]);
        assert!(dbfs(&word[80..]) > -22.0, "{}", dbfs(&word[80..]));
    }
}

#[test]
fn one_who_begins_clearly_louder_is_heard_from_its_first_frame() {
    let mut room = Room::new(at_most(1), 2);
    room.ticks(60, &[(0, -40.0)]);
    assert!(tone_dbfs(&room.tick(&[(0, -40.0), (1, -20.0)])[80..], 1) > -24.0);
    assert_eq!(heard_talkers(&room.ticks(20, &[(0, -40.0), (1, -20.0)]), 2), [1]);
}

#[test]
fn one_who_is_muted_takes_nobodys_place() {
    let mut room = Room::new(at_most(1), 3);
    room.ticks(20, &[(0, -20.0), (1, -30.0)]);
    room.conference.command(room.talkers[1], super::super::Command::Mute(true)).unwrap();
    let heard = room.ticks(40, &[(0, -20.0), (1, -6.0)]);
    assert_eq!(heard_talkers(&heard, 3), [0]);
    assert!(heard.chunks(160).all(|frame| dbfs(frame) > -21.0), "not a frame of it");
}

#[test]
fn talkers_come_and_go_without_a_click() {
    let mut room = Room::new(at_most(1), 2);
    let mut heard = room.ticks(11, &[(0, -24.0)]);
    // Who is heard already goes on as loud: the other one, not heard yet, is louder.
    for levels in [[(0, -24.0), (1, -22.0)], [(0, -24.0), (1, -12.0)], [(0, -5.0), (1, -12.0)]] {
        (0..20).for_each(|_| heard.extend(room.tick(&levels)));
    }
    assert_eq!(heard_talkers(&heard[heard.len() - 1600..], 2), [0]);
    // The steepest of the loudest tone; the other one's is half of it. More would be a step.
    let steepest = 32_768.0 * 2.0_f32.sqrt() * 10.0_f32.powf(-5.0 / 20.0) * TAU * Room::hertz(0) / 8000.0;
    let steps = heard.windows(2).map(|pair| (f32::from(pair[1]) - f32::from(pair[0])).abs());
    assert!(steps.fold(0.0, f32::max) < 1.6 * steepest);
}

#[test]
fn automatic_gain_brings_talkers_to_one_loudness() {
    let mut room = Room::new(ConferenceSettings { target_dbfs: Some(-23), ..exact(20) }, 3);
    for (talker, level_dbfs) in [(0, -33.0), (1, -14.0), (2, -23.0)] {
        let level = said_dbfs(&room.syllables(400, &[(talker, level_dbfs)]));
        assert!((level + 23.0).abs() < 3.5, "talker {talker}: {level}");
    }
}

#[test]
fn four_who_talk_at_once_are_as_loud_as_they_are() {
    let settings = ConferenceSettings { target_dbfs: Some(-20), ..exact(20) };
    let mut room = Room::new(settings, 4);
    let all: Vec<_> = (0..4).map(|talker| (talker, -20.0)).collect();
    let heard = room.ticks(200, &all);
    for talker in 0..4 {
        assert!((tone_dbfs(&heard, talker) + 20.0).abs() < 0.2, "{talker}: {}", tone_dbfs(&heard, talker));
    }
}

#[test]
fn fifty_talkers_are_hardly_louder_than_one_and_never_wrap() {
    for max_talkers in [0, 8] {
        let settings = ConferenceSettings { max_talkers, ..ConferenceSettings::default() };
        let mut room = Room::new(settings, 50);
        let alone = said_dbfs(&room.syllables(200, &[(0, -20.0)]));
        let all: Vec<_> = (0..50).map(|talker| (talker, -20.0)).collect();
        let heard = room.syllables(300, &all);
        let together = said_dbfs(&heard);
        println!("max_talkers {max_talkers}: one {alone:.1} dBFS, fifty {together:.1} dBFS");
        assert!((together - alone).abs() < 4.0, "one {alone}, fifty {together}");
        assert!(heard.windows(2).all(|pair| pair[0].abs_diff(pair[1]) < 50_000), "wrapped");
    }
}
