//! No seam clicks: whatever comes and goes, the step between two samples stays that of the voices and of a
//! fade.

use super::{NARROW, conference, settle, tick};
use crate::audio::{Gain, SampleRate};
use crate::conference::{Command, Conference, ParticipantId, ParticipantSettings};
use std::f64::consts::TAU;

const PEAK: f64 = 12_000.0;

/// A tone whose frames end anywhere but at zero.
struct Voice {
    at: usize,
}

impl Voice {
    fn frame(&mut self) -> Vec<i16> {
        let frame = (self.at..self.at + 160).map(|n| (PEAK * (TAU * 313.0 * n as f64 / 8000.0).cos()) as i16);
        self.at += 160;
        frame.collect()
    }
}

/// The voice's own steepest step, and that of a fade over 5 ms.
fn bound() -> u16 {
    (PEAK * TAU * 313.0 / 8000.0 + PEAK / 40.0) as u16 + 4
}

fn steepest(recorded: &[i16]) -> u16 {
    recorded.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or(0)
}

/// Two members; `events` happen before the tick of their number. Returns 40 frames as the second hears them.
fn record(mut before: impl FnMut(usize, &mut Conference, ParticipantId, ParticipantId) -> bool) -> Vec<i16> {
    let mut conference = conference(20);
    let talker = conference.join(ParticipantSettings::default()).unwrap();
    let listener = conference.join(ParticipantSettings::default()).unwrap();
    let mut voice = Voice { at: 0 };
    let mut recorded = Vec::new();
    for number in 0..40 {
        let speaks = before(number, &mut conference, talker, listener);
        let frame = voice.frame();
        let frames: &[(ParticipantId, &[i16])] = if speaks { &[(talker, &frame)] } else { &[] };
        recorded.extend(tick(&mut conference, frames, listener));
    }
    recorded
}

#[test]
fn joining_in_the_middle_of_a_word_fades_in() {
    let recorded = record(|_, _, _, _| true);
    assert!(recorded[0].unsigned_abs() < 400, "{}", recorded[0]);
    assert!(steepest(&recorded) <= bound(), "{}", steepest(&recorded));
    assert!(steepest(&recorded) > bound() / 2, "something was heard");
}

#[test]
fn leaving_in_the_middle_of_a_word_fades_out_within_a_frame() {
    let recorded = record(|number, conference, talker, _| {
        if number == 20 {
            conference.leave(talker);
        }
        number < 20
    });
    assert!(steepest(&recorded) <= bound(), "{}", steepest(&recorded));
    assert!(recorded[20 * 160..20 * 160 + 10].iter().any(|&sample| sample != 0), "it is heard to the end");
    assert!(recorded[20 * 160 + 40..].iter().all(|&sample| sample == 0));
}

#[test]
fn frames_that_do_not_come_leave_no_click_and_their_owner_does_not_hear_the_fade() {
    let recorded = record(|number, _, _, _| number % 7 != 3 && number != 18);
    assert!(steepest(&recorded) <= bound(), "{}", steepest(&recorded));
    let mut conference = conference(20);
    let talker = conference.join(ParticipantSettings::default()).unwrap();
    let listener = conference.join(ParticipantSettings::default()).unwrap();
    tick(&mut conference, &[(talker, &Voice { at: 0 }.frame())], talker);
    assert_eq!(tick(&mut conference, &[], talker), [0; 160]);
    assert_eq!(tick(&mut conference, &[], listener), [0; 160], "and it ends with the frame");
}

#[test]
fn commands_do_not_click() {
    let commands: [fn(usize) -> (bool, Command); 6] = [
        |number| (true, Command::Mute(number % 4 == 1)),
        |number| (true, Command::Hold(number % 3 == 1)),
        |number| (false, Command::Deaf(number % 2 == 1)),
        |number| (true, Command::GainIn(if number % 2 == 1 { Gain::from_db(-30.0) } else { Gain::UNITY })),
        |number| (false, Command::GainOut(if number % 2 == 1 { Gain::SILENT } else { Gain::UNITY })),
        |number| (false, Command::OutRate(if number == 20 { SampleRate::Hz8000 } else { NARROW })),
    ];
    for (at, command) in commands.into_iter().enumerate() {
        let recorded = record(|number, conference, talker, listener| {
            let (of_talker, command) = command(number);
            conference.command(if of_talker { talker } else { listener }, command).unwrap();
            true
        });
        assert!(steepest(&recorded) <= bound(), "command {at}: {}", steepest(&recorded));
        assert!(recorded.iter().any(|&sample| f64::from(sample) > 0.9 * PEAK), "command {at}");
    }
}

#[test]
fn a_listener_who_joins_late_hears_the_others_fade_in() {
    let mut conference = conference(20);
    let talker = conference.join(ParticipantSettings::default()).unwrap();
    settle(&mut conference, &[(talker, NARROW, NARROW)], 20);
    let late = conference.join(ParticipantSettings::default()).unwrap();
    let heard = tick(&mut conference, &[(talker, &[10_000; 160])], late);
    assert!(heard[0] <= 130 && heard[80..] == [10_000; 80], "{heard:?}");
    assert!(steepest(&heard) <= 130);
}

#[test]
fn a_listener_who_changes_its_rate_hears_the_others_fade_in() {
    let mut conference = conference(20);
    let talker = conference.join(ParticipantSettings::default()).unwrap();
    let listener = conference.join(ParticipantSettings::default()).unwrap();
    settle(&mut conference, &[(talker, NARROW, NARROW), (listener, NARROW, NARROW)], 20);
    conference.command(listener, Command::OutRate(SampleRate::Hz16000)).unwrap();
    tick(&mut conference, &[(talker, &[10_000; 160])], talker);
    conference.command(listener, Command::OutRate(NARROW)).unwrap();
    let heard = tick(&mut conference, &[(talker, &[10_000; 160])], listener);
    assert!(heard[0] <= 130 && heard[80..] == [10_000; 80], "{heard:?}");
}

#[test]
fn the_talkers_of_other_rates_fade_too() {
    let mut conference = conference(20);
    let settings = |rate| ParticipantSettings { in_rate: rate, out_rate: rate, ..Default::default() };
    let talker = conference.join(ParticipantSettings::default()).unwrap();
    let listener = conference.join(settings(SampleRate::Hz48000)).unwrap();
    let (mut recorded, mut voice) = (Vec::new(), Voice { at: 0 });
    for number in 0..30 {
        if number == 17 {
            conference.leave(talker);
        }
        conference.begin();
        conference.add(talker, &voice.frame());
        conference.seal();
        let mut out = [0; 960];
        conference.mix_minus(listener, &mut out);
        recorded.extend(out);
    }
    // Six times as many samples, six times smaller steps; the filter overshoots a little where the fade has
    // its corner.
    assert!(steepest(&recorded) <= bound() / 6 + 150, "{}", steepest(&recorded));
    assert!(recorded[17 * 960 + 480..].iter().all(|&sample| sample == 0));
    assert_eq!(conference.statistics().frames_refused, 13);
}
