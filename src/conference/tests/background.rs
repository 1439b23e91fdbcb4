//! Quiet noise instead of silence, for everyone.

use super::{NARROW, at_rates, exact};
use crate::audio::SampleRate;
use crate::audio::level::dbfs;
use crate::conference::{Command, Conference, ConferenceSettings, Heard, ParticipantId, ParticipantSettings};
use std::f64::consts::TAU;

const LEVEL_DBFS: i8 = -60;

fn conference() -> Conference {
    Conference::new(ConferenceSettings { background_dbfs: Some(LEVEL_DBFS), ..exact(20) })
}

/// What each of `ears` hears in `ticks` ticks, in which `talker` says a tone of this peak.
fn heard(
    conference: &mut Conference,
    ticks: usize,
    talker: Option<(ParticipantId, f64)>,
    ears: &[(ParticipantId, SampleRate)],
) -> Vec<Vec<i16>> {
    let mut heard = vec![Vec::new(); ears.len()];
    for at in 0..ticks {
        conference.begin();
        if let Some((talker, peak)) = talker {
            let angle = |sample: usize| TAU * 500.0 * (at * 160 + sample) as f64 / 8000.0;
            let frame: Vec<i16> = (0..160).map(|sample| (peak * angle(sample).sin()) as i16).collect();
            conference.add(talker, &frame);
        }
        conference.seal();
        for (&(ear, rate), heard) in ears.iter().zip(&mut heard) {
            let mut frame = vec![0; rate.samples(20)];
            assert_eq!(conference.mix_minus(ear, &mut frame), Heard::Audio);
            heard.extend(frame);
        }
    }
    heard
}

fn is_background(samples: &[i16]) -> bool {
    (dbfs(samples) - f32::from(LEVEL_DBFS)).abs() < 1.0
}

/// What is left of samples at 8 kHz without a tone of 500 Hz, whose period is 16 samples.
fn without_tone(samples: &[i16]) -> Vec<i16> {
    let periods = (samples.len() / 16) as f64;
    let mean = |at: usize| {
        samples.iter().skip(at).step_by(16).map(|&sample| f64::from(sample)).sum::<f64>() / periods
    };
    let tone: Vec<f64> = (0..16).map(mean).collect();
    samples
        .iter()
        .enumerate()
        .map(|(at, &sample)| (f64::from(sample) - tone[at % 16]).round() as i16)
        .collect()
}

#[test]
fn who_is_alone_hears_it_at_every_rate_at_its_level() {
    for rate in SampleRate::ALL {
        let mut conference = conference();
        let ear = conference.join(at_rates(rate, rate)).unwrap();
        let heard = heard(&mut conference, 50, None, &[(ear, rate)]).remove(0);
        assert!(is_background(&heard[rate.samples(100)..]), "{rate}: {}", dbfs(&heard));
    }
}

#[test]
fn it_goes_on_under_speech_and_the_talker_hears_it_too() {
    let mut conference = conference();
    let [talker, ear] = [(); 2].map(|()| conference.join(ParticipantSettings::default()).unwrap());
    let ears = [(ear, NARROW), (talker, NARROW)];
    let heard = heard(&mut conference, 100, Some((talker, 8000.0)), &ears);
    let settled = NARROW.samples(100);
    assert!(
        is_background(&without_tone(&heard[0][settled..])),
        "{}",
        dbfs(&without_tone(&heard[0][settled..]))
    );
    assert!(dbfs(&heard[0][settled..]) > -17.0, "the talker is heard");
    assert!(is_background(&heard[1][settled..]), "the talker itself: {}", dbfs(&heard[1][settled..]));
}

#[test]
fn each_rate_has_its_own_and_none_comes_over_from_another() {
    let mut conference = conference();
    let ears = SampleRate::ALL.map(|rate| (conference.join(at_rates(rate, rate)).unwrap(), rate));
    let crossing = (conference.join(at_rates(NARROW, SampleRate::Hz48000)).unwrap(), SampleRate::Hz48000);
    let ears = [&ears[..], &[crossing]].concat();
    for ((_, rate), heard) in ears.iter().zip(heard(&mut conference, 50, None, &ears)) {
        assert!(is_background(&heard[rate.samples(100)..]), "{rate}: {}", dbfs(&heard));
    }
    assert_eq!(conference.statistics().resamplers, 0);
}

#[test]
fn the_deaf_hear_it_and_nothing_else_and_so_does_who_hears_quietly() {
    let mut conference = conference();
    let talker = conference.join(ParticipantSettings::default()).unwrap();
    let ear = conference.join(ParticipantSettings::default()).unwrap();
    let ears = [(ear, NARROW)];
    heard(&mut conference, 10, Some((talker, 8000.0)), &ears);
    conference.command(ear, Command::Deaf(true)).unwrap();
    let deaf = heard(&mut conference, 50, Some((talker, 8000.0)), &ears).remove(0);
    assert!(is_background(&deaf[NARROW.samples(100)..]), "{}", dbfs(&deaf[NARROW.samples(100)..]));
    conference.command(ear, Command::Deaf(false)).unwrap();
    conference.command(ear, Command::GainOut(crate::audio::Gain::from_db(-30.0))).unwrap();
    let quiet = heard(&mut conference, 100, Some((talker, 8000.0)), &ears).remove(0);
    assert!(is_background(&without_tone(&quiet[NARROW.samples(100)..])));
}

#[test]
fn those_who_listen_hear_the_same_and_are_known_to() {
    let mut conference = conference();
    let ears = [(); 3].map(|()| (conference.join(ParticipantSettings::default()).unwrap(), NARROW));
    let heard = heard(&mut conference, 50, None, &ears);
    let settled = NARROW.samples(100);
    assert!(heard[1..].iter().all(|other| other[settled..] == heard[0][settled..]));
    assert!(ears.iter().all(|&(ear, rate)| conference.hears_all(ear, rate)));
}
