//! Two who are alone: when one can be given the other's packets, and what is heard when they are mixed again.

use super::{NARROW, conference, tick};
use crate::audio::tone::Tone;
use crate::audio::{Gain, SampleRate};
use crate::conference::{
    Audience, Command, Conference, ConferenceSettings, ParticipantId, ParticipantSettings, Sound,
};

const STEADY: [i16; 160] = [1000; 160];

fn joined(conference: &mut Conference) -> ParticipantId {
    conference.join(ParticipantSettings::default()).unwrap()
}

/// Two who are there, and have come to hear as loud as it is.
fn pair(settings: ConferenceSettings) -> (Conference, [ParticipantId; 2]) {
    let mut conference = Conference::new(settings);
    let ids = [joined(&mut conference), joined(&mut conference)];
    for _ in 0..2 {
        tick(&mut conference, &[], ids[0]);
        tick(&mut conference, &[], ids[1]);
    }
    (conference, ids)
}

/// To whom each of them relays in the next tick.
fn ways(conference: &mut Conference, [one, other]: [ParticipantId; 2]) -> [bool; 2] {
    conference.begin();
    let ways = [(one, other), (other, one)].map(|(from, to)| match conference.relays_to(from) {
        None => false,
        found => found == Some(to),
    });
    conference.seal();
    for id in [one, other] {
        conference.mix_minus(id, &mut [0; 160]);
    }
    ways
}

#[test]
fn two_who_are_alone_relay_to_each_other_until_a_third_comes_and_again_when_it_has_left() {
    let (mut conference, ids) = pair(ConferenceSettings::default());
    assert_eq!(ways(&mut conference, ids), [true, true]);
    let third = joined(&mut conference);
    assert_eq!(ways(&mut conference, ids), [false, false]);
    assert!(!conference.is_of_two(ids[0]) && conference.relays_to(third).is_none());
    conference.leave(third);
    assert_eq!(ways(&mut conference, ids), [true, true]);
    assert!(conference.is_of_two(ids[0]) && conference.relays_to(third).is_none());
    conference.leave(ids[1]);
    conference.begin();
    assert_eq!(conference.relays_to(ids[0]), None);
}

#[test]
fn who_is_relayed_stays_so_while_those_who_come_say_nothing() {
    let settings = ConferenceSettings { target_dbfs: Some(-26), ..ConferenceSettings::default() };
    let (mut conference, ids) = pair(settings);
    let third = joined(&mut conference);
    let stays = |conference: &mut Conference, says: &[i16]| {
        tick(conference, &[(third, says)], ids[0]);
        conference.begin();
        let stays = [(0, 1), (1, 0)].map(|(from, to)| conference.still_relays_to(ids[from], ids[to]));
        conference.seal();
        assert_eq!(stays[0], stays[1]);
        stays[0]
    };
    assert!(stays(&mut conference, &[0; 160]));
    assert!(stays(&mut conference, &[20; 160]), "next to nothing");
    assert!(!stays(&mut conference, &STEADY));
    assert!((0..200).any(|_| stays(&mut conference, &[0; 160])), "it has stopped");
    conference.play(Sound::Tone(Tone::beep(400.0, 40, -16.0)), Audience::All).unwrap();
    assert!(!stays(&mut conference, &[0; 160]), "a tone");
    (0..5).for_each(|_| _ = stays(&mut conference, &[0; 160]));
    conference.command(ids[0], Command::Mute(true)).unwrap();
    conference.begin();
    assert!(!conference.still_relays_to(ids[0], ids[1]), "muted");
    conference.seal();
    conference.leave(ids[1]);
    conference.begin();
    assert!(!conference.still_relays_to(ids[0], ids[1]), "nobody hears it");
}

#[test]
fn whatever_needs_samples_is_mixed_in_the_direction_that_it_concerns() {
    type Change = fn(&mut Conference, ParticipantId);
    let cases: [(Change, Change, [bool; 2]); 6] = [
        (
            |conference, id| conference.command(id, Command::Mute(true)).unwrap(),
            |conference, id| conference.command(id, Command::Mute(false)).unwrap(),
            [false, true],
        ),
        (
            |conference, id| conference.command(id, Command::Hold(true)).unwrap(),
            |conference, id| conference.command(id, Command::Hold(false)).unwrap(),
            [false, true],
        ),
        (
            |conference, id| conference.command(id, Command::Deaf(true)).unwrap(),
            |conference, id| conference.command(id, Command::Deaf(false)).unwrap(),
            [true, false],
        ),
        (
            |conference, id| conference.command(id, Command::GainIn(Gain::from_db(3.0))).unwrap(),
            |conference, id| conference.command(id, Command::GainIn(Gain::UNITY)).unwrap(),
            [false, true],
        ),
        (
            |conference, id| conference.command(id, Command::GainOut(Gain::from_db(3.0))).unwrap(),
            |conference, id| conference.command(id, Command::GainOut(Gain::UNITY)).unwrap(),
            [true, false],
        ),
        (
            |conference, id| {
                let tone = Sound::Tone(Tone::beep(400.0, 40, -16.0));
                conference.play(tone, Audience::Only(id)).unwrap();
            },
            |_, _| {}, // it ends by itself
            [true, false],
        ),
    ];
    for (number, (change, back, expected)) in cases.into_iter().enumerate() {
        let (mut conference, ids) = pair(ConferenceSettings::default());
        change(&mut conference, ids[0]);
        ways(&mut conference, ids);
        assert_eq!(ways(&mut conference, ids), expected, "case {number}");
        back(&mut conference, ids[0]);
        (0..5).for_each(|_| _ = ways(&mut conference, ids));
        assert_eq!(ways(&mut conference, ids), [true, true], "case {number}, taken back");
    }
}

#[test]
fn a_sound_for_all_is_mixed_for_both() {
    let (mut conference, ids) = pair(ConferenceSettings::default());
    conference.play(Sound::Tone(Tone::beep(400.0, 40, -16.0)), Audience::All).unwrap();
    assert_eq!(ways(&mut conference, ids), [false, false]);
    (0..5).for_each(|_| _ = ways(&mut conference, ids));
    assert_eq!(ways(&mut conference, ids), [true, true]);
}

#[test]
fn a_voice_that_was_relayed_goes_on_in_the_mix_without_a_fade() {
    for target_dbfs in [None, Some(-26)] {
        let (mut conference, [talker, listener]) =
            pair(ConferenceSettings { target_dbfs, ..ConferenceSettings::default() });
        // Loud for long: automatic gain makes it quieter.
        for _ in 0..200 {
            tick(&mut conference, &[(talker, &[20_000; 160])], listener);
        }
        for _ in 0..5 {
            conference.begin();
            conference.pass_by(talker);
            conference.seal();
            assert_eq!(conference.mix_minus(listener, &mut [0; 160]), crate::conference::Heard::Silence);
        }
        assert_eq!(tick(&mut conference, &[(talker, &STEADY)], listener), STEADY, "{target_dbfs:?}");
    }
}

#[test]
fn who_listens_in_hears_all_and_leaves_no_trace() {
    let mut conference = conference(20);
    let talker = joined(&mut conference);
    tick(&mut conference, &[(talker, &[0; 160])], talker);
    conference.tap(SampleRate::Hz16000);
    assert!(conference.is_tapped());
    tick(&mut conference, &[(talker, &STEADY)], talker);
    tick(&mut conference, &[(talker, &STEADY)], talker);
    let mut mix = [0; 320];
    conference.mix_for_all(SampleRate::Hz16000, &mut mix);
    assert!(mix[100..].iter().all(|sample| (900..1100).contains(sample)), "{mix:?}");
    conference.untap(SampleRate::Hz16000);
    assert!(!conference.is_tapped());
    assert_eq!(conference.statistics().resamplers, 0, "of {NARROW:?}");
}
