//! Tones and recordings in a conference.

use super::{NARROW, conference, settle, tick};
use crate::audio::SampleRate;
use crate::audio::tone::{Tone, ToneGenerator};
use crate::conference::{
    Audience, Command, ConferenceError, MAX_SOUNDS_FOR_ALL, MAX_SOUNDS_FOR_ONE, ParticipantSettings, Sound,
};
use std::sync::Arc;

fn recording(value: i16, len: usize) -> Sound {
    Sound::Samples { samples: Arc::from(vec![value; len]), rate: NARROW }
}

#[test]
fn a_sound_for_all_is_heard_by_all_from_the_next_tick_to_its_end() {
    let mut conference = conference(20);
    let (a, b) = (conference.join(Default::default()).unwrap(), conference.join(Default::default()).unwrap());
    settle(&mut conference, &[(a, NARROW, NARROW), (b, NARROW, NARROW)], 20);
    conference.begin();
    conference.play(Sound::Tone(Tone::enter()), Audience::All).unwrap();
    conference.seal();
    let mut out = [1; 160];
    conference.mix_minus(a, &mut out);
    assert_eq!(out, [0; 160], "not in the tick it was asked in");
    let mut generator = ToneGenerator::new(Tone::enter(), NARROW);
    let mut expected = [0; 160];
    for number in 0..17 {
        generator.fill(&mut expected);
        let heard = tick(&mut conference, &[(a, &[7; 160])], a);
        assert_eq!(heard, expected, "tick {number}: the tone, not itself");
        conference.mix_minus(b, &mut out);
        assert_eq!(out[80..], expected.map(|sample| sample + 7)[80..]);
    }
}

#[test]
fn a_sound_for_one_is_heard_by_that_one_even_if_it_is_deaf() {
    let mut conference = conference(20);
    let (a, b) = (conference.join(Default::default()).unwrap(), conference.join(Default::default()).unwrap());
    conference.command(a, Command::Deaf(true)).unwrap();
    settle(&mut conference, &[(a, NARROW, NARROW), (b, NARROW, NARROW)], 20);
    conference.play(recording(500, 240), Audience::Only(a)).unwrap();
    let mut other = [1; 160];
    assert_eq!(tick(&mut conference, &[(b, &[30; 160])], a), [500; 160]);
    conference.mix_minus(b, &mut other);
    assert_eq!(other, [0; 160]);
    let rest = tick(&mut conference, &[], a);
    assert_eq!((&rest[..80], &rest[80..]), (&[500; 80][..], &[0; 80][..]));
    conference.leave(a);
    conference.begin();
    assert_eq!(conference.play(recording(1, 1), Audience::Only(a)), Err(ConferenceError::NoSuchParticipant));
}

#[test]
fn sounds_reach_listeners_of_every_rate() {
    for rate in SampleRate::ALL {
        let mut conference = conference(20);
        let settings = ParticipantSettings { in_rate: rate, out_rate: rate, ..Default::default() };
        let listener = conference.join(settings).unwrap();
        settle(&mut conference, &[(listener, rate, rate)], 20);
        conference.play(recording(500, 480), Audience::All).unwrap();
        conference.play(recording(70, 480), Audience::Only(listener)).unwrap();
        let mut heard = Vec::new();
        for _ in 0..6 {
            conference.begin();
            conference.seal();
            let mut out = vec![0; rate.samples(20)];
            conference.mix_minus(listener, &mut out);
            heard.extend(out);
        }
        assert!(heard[rate.samples(5)..rate.samples(58)].iter().all(|&sample| sample == 570), "{rate}");
        assert!(heard[rate.samples(65)..].iter().all(|&sample| sample == 0), "{rate}");
    }
}

#[test]
fn a_stopped_sound_fades_and_one_stopped_before_it_began_is_not_heard() {
    let mut conference = conference(20);
    let a = conference.join(Default::default()).unwrap();
    settle(&mut conference, &[(a, NARROW, NARROW)], 20);
    for audience in [Audience::All, Audience::Only(a)] {
        let sound = conference.play(recording(4_000, 80_000), audience).unwrap();
        tick(&mut conference, &[], a);
        assert_eq!(tick(&mut conference, &[], a), [4_000; 160]);
        conference.stop(sound);
        let last = tick(&mut conference, &[], a);
        assert!(last.windows(2).all(|pair| pair[0].abs_diff(pair[1]) <= 101), "{last:?}");
        assert!(last[0] > 3_800 && last[40..].iter().all(|&sample| sample == 0), "{last:?}");
        conference.stop(sound);
        assert_eq!(tick(&mut conference, &[], a), [0; 160]);
    }
    let sound = conference.play(recording(4_000, 800), Audience::All).unwrap();
    conference.stop(sound);
    assert_eq!(tick(&mut conference, &[], a), [0; 160]);
}

#[test]
fn as_many_sounds_play_as_may_and_the_rest_is_refused_and_counted() {
    let mut conference = conference(20);
    let a = conference.join(Default::default()).unwrap();
    for (audience, most) in [(Audience::All, MAX_SOUNDS_FOR_ALL), (Audience::Only(a), MAX_SOUNDS_FOR_ONE)] {
        for _ in 0..most {
            conference.play(recording(1, 160), audience).unwrap();
        }
        assert_eq!(conference.play(recording(1, 160), audience), Err(ConferenceError::TooManySounds));
    }
    assert_eq!(conference.statistics().sounds_refused, 2);
    for _ in 0..3 {
        tick(&mut conference, &[], a);
    }
    assert!(conference.play(recording(1, 160), Audience::All).is_ok(), "those that ended made room");
    assert!(conference.play(recording(1, 160), Audience::Only(a)).is_ok());
}
