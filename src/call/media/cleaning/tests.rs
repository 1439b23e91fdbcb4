use super::*;
use crate::conference::{Conference, ConferenceSettings, ParticipantId, ParticipantSettings};
use crate::worker::testing::allocations;
use rand::{Rng, SeedableRng, rngs::StdRng};

const RATE: SampleRate = SampleRate::Hz8000;

/// A tone of 400 Hz, of which frame `at` has 160 samples, on an offset.
fn tone(at: usize, peak: f32, offset: f32) -> [i16; 160] {
    let angle = |sample: usize| std::f32::consts::TAU * 400.0 * (at * 160 + sample) as f32 / 8000.0;
    std::array::from_fn(|sample| (peak * angle(sample).sin() + offset) as i16)
}

fn settings(denoise: bool, noise_gate_db: Option<u8>) -> CleaningSettings {
    CleaningSettings { denoise, noise_gate_db }
}

#[test]
fn without_an_offset_and_unless_asked_for_every_frame_stays_as_it_came() {
    let mut random = StdRng::seed_from_u64(1);
    let mut cleaning = Cleaning::new(CleaningSettings::default(), RATE);
    for loudness in (0..4000).map(|at| at % 500 * 60) {
        let said: [i16; 160] = std::array::from_fn(|_| random.random_range(-loudness..=loudness));
        let mut frame = said;
        cleaning.clean(&mut frame, true, true, true);
        assert_eq!(frame, said);
    }
    assert!(cleaning.offset.is_none() && cleaning.denoiser.is_none());
}

#[test]
fn the_low_end_of_a_voice_is_no_offset() {
    let mut cleaning = Cleaning::new(CleaningSettings::default(), RATE);
    for at in 0..500 {
        // Up and down like a breath on the microphone, with a little voice on it.
        let swing = 2000.0 * (std::f32::consts::TAU * at as f32 / 20.0).sin();
        let said = tone(at, 300.0, swing);
        let mut frame = said;
        cleaning.clean(&mut frame, true, true, true);
        assert_eq!(frame, said, "frame {at}");
    }
}

#[test]
fn an_offset_is_gone_within_300_ms_and_silence_stays_silence() {
    let mut cleaning = Cleaning::new(CleaningSettings::default(), RATE);
    for at in 0..50 {
        let mut frame = tone(at, 200.0, 1500.0);
        cleaning.clean(&mut frame, true, true, true);
        assert!(at < 15 || frame.iter().all(|sample| sample.abs() < 350), "frame {at}: {frame:?}");
    }
    let mut silence = [0; 160];
    cleaning.clean(&mut silence, false, true, true);
    assert_eq!(silence, [0; 160]);
}

#[test]
fn an_offset_that_shows_in_a_pause_only_goes_without_a_jump() {
    let mut cleaning = Cleaning::new(CleaningSettings::default(), RATE);
    let mut heard = Vec::new();
    for at in 0..200 {
        let mut frame = tone(at, if at < 100 { 8000.0 } else { 10.0 }, 1500.0);
        cleaning.clean(&mut frame, true, true, true);
        heard.extend(frame);
    }
    let steepest = heard[100 * 160..].windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
    assert!(steepest.is_some_and(|steepest| steepest < 60), "{steepest:?}");
    assert!(heard[120 * 160..].iter().all(|sample| sample.abs() < 20));
}

/// Which of two are heard, if one may be: one that has but an offset, and one that talks quietly.
fn heard_of_one(mut cleans: impl FnMut(&mut [i16; 160])) -> (u32, u32) {
    // Voice activity would tell them apart.
    let settings = ConferenceSettings {
        max_talkers: 1,
        target_dbfs: None,
        voice_activity: false,
        ..ConferenceSettings::default()
    };
    let mut conference = Conference::new(settings);
    let mut join = || conference.join(ParticipantSettings::default()).expect("there is room");
    let [offset, talker, _ear] = [join(), join(), join()];
    let is_heard = |conference: &Conference, who: ParticipantId| {
        u32::from(conference.participants().any(|member| member.id == who && member.sounding))
    };
    let mut heard = (0, 0);
    for at in 0..100 {
        conference.begin();
        let mut frame = [1500; 160];
        cleans(&mut frame);
        conference.add(offset, &frame);
        conference.add(talker, &tone(at, 800.0, 0.0));
        conference.seal();
        heard.0 += is_heard(&conference, offset);
        heard.1 += is_heard(&conference, talker);
    }
    heard
}

#[test]
fn who_has_an_offset_is_not_heard_instead_of_who_talks() {
    let (offset, talker) = heard_of_one(|_| {});
    assert!(offset > 90 && talker < 10, "left as it is: {offset}, {talker}");
    let mut cleaning = Cleaning::new(CleaningSettings::default(), RATE);
    let (offset, talker) = heard_of_one(|frame| cleaning.clean(frame, true, true, true));
    assert!(offset < 15 && talker > 85, "taken off: {offset}, {talker}");
}

#[test]
fn denoising_begins_with_the_first_sound_that_is_heard_and_then_goes_on_without_a_new_allocation() {
    let mut random = StdRng::seed_from_u64(2);
    let mut noise = || -> [i16; 160] { std::array::from_fn(|_| random.random_range(-700..=700)) };
    let mut cleaning = Cleaning::new(settings(true, Some(50)), RATE);
    cleaning.clean(&mut [0; 160], false, true, true);
    cleaning.clean(&mut noise(), true, false, true);
    assert!(cleaning.denoiser.is_none());
    let mut frame = [0; 160];
    for at in 0..300 {
        let before = allocations();
        frame = noise();
        cleaning.clean(&mut frame, true, true, at / 20 % 2 == 0);
        assert!(at < 2 || allocations() == before, "frame {at}");
    }
    for _ in 0..50 {
        frame = noise();
        cleaning.clean(&mut frame, true, true, true);
    }
    assert_eq!(frame, [0; 160], "what is left of the noise does not pass the gate");
}

#[test]
fn a_noise_gate_alone_makes_silence_of_what_is_below_it_and_leaves_what_is_above() {
    let mut cleaning = Cleaning::new(settings(false, Some(40)), RATE);
    let mut quiet = tone(0, 300.0, 0.0);
    cleaning.clean(&mut quiet, true, true, true);
    assert_eq!(quiet, [0; 160]);
    cleaning.clean(&mut tone(0, 3000.0, 0.0), true, true, true);
    let mut loud = tone(1, 3000.0, 0.0);
    cleaning.clean(&mut loud, true, true, true);
    assert_eq!(loud, tone(1, 3000.0, 0.0));
}
