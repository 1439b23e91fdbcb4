//! Random stories: whatever legs do, the mixer neither panics nor grows, and no one hears itself.

use super::{at_rates, conference, random_frame};
use crate::audio::tone::Tone;
use crate::audio::{Gain, SampleRate};
use crate::conference::{
    Audience, Command, Conference, ParticipantId, ParticipantSettings, Sound, SpeaksTo, Tag,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::Arc;

fn rate(random: &mut StdRng) -> SampleRate {
    SampleRate::ALL[random.random_range(0..4)]
}

fn tag(random: &mut StdRng) -> Option<Tag> {
    Tag::new(["", "agent", "customer"][random.random_range(0..3)])
}

fn speaks_to(random: &mut StdRng) -> SpeaksTo {
    match tag(random) {
        Some(tag) => SpeaksTo::Tagged(tag),
        None if random.random_bool(0.7) => SpeaksTo::Everyone,
        None => SpeaksTo::Nobody,
    }
}

fn command(random: &mut StdRng) -> Command {
    match random.random_range(0..11) {
        0 => Command::Mute(random.random()),
        1 => Command::Deaf(random.random()),
        2 => Command::GainIn(Gain::from_db(random.random_range(-100.0..20.0))),
        3 => Command::GainOut(Gain::from_db(random.random_range(-100.0..20.0))),
        4 => Command::Hold(random.random()),
        5 => Command::InRate(rate(random)),
        6 | 7 => Command::SpeakTo(speaks_to(random)),
        8 | 9 => Command::Tag(tag(random)),
        _ => Command::OutRate(rate(random)),
    }
}

fn act(random: &mut StdRng, conference: &mut Conference, ids: &mut Vec<ParticipantId>, len: &mut usize) {
    let someone = (!ids.is_empty()).then(|| ids[random.random_range(0..ids.len())]);
    match (random.random_range(0..6), someone) {
        (0, _) if *len < 12 => {
            let settings = at_rates(rate(random), rate(random));
            let settings = match random.random() {
                true => ParticipantSettings { speaks_to: speaks_to(random), tag: tag(random), ..settings },
                false => settings,
            };
            ids.push(conference.join(settings).unwrap());
            *len += 1;
        }
        // Those that left stay in the list: strangers from then on.
        (1, Some(id)) => {
            conference.leave(id);
            *len = conference.len();
        }
        (2 | 3, Some(id)) => _ = conference.command(id, command(random)),
        (4, Some(id)) => {
            let audience = if random.random() { Audience::All } else { Audience::Only(id) };
            let samples = Arc::from(random_frame(random, 333));
            let sound = Sound::Samples { samples, rate: rate(random) };
            if let Ok(sound) =
                conference.play(if random.random() { sound } else { Sound::Tone(Tone::waiting()) }, audience)
                && random.random()
            {
                conference.stop(sound);
            }
        }
        _ => {}
    }
    ids.truncate(64);
}

#[test]
fn random_stories_neither_panic_nor_grow() {
    let iterations =
        std::env::var("ANTIPHON_FUZZ_ITERATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(60_u64);
    for seed in 0..iterations {
        let mut random = StdRng::seed_from_u64(seed);
        let frame_ms = if random.random() { 10 } else { 20 };
        let mut conference = conference(frame_ms);
        let (mut ids, mut len) = (Vec::new(), 0);
        for _ in 0..60 {
            for _ in 0..random.random_range(0..4) {
                act(&mut random, &mut conference, &mut ids, &mut len);
            }
            conference.begin();
            for id in &ids {
                let frame_len = rate(&mut random).samples(frame_ms);
                conference.add(*id, &random_frame(&mut random, frame_len));
            }
            if random.random_bool(0.2) {
                act(&mut random, &mut conference, &mut ids, &mut len);
            }
            conference.seal();
            for id in &ids {
                let rate = rate(&mut random);
                let mut out = vec![0; rate.samples(frame_ms)];
                let hears_all = conference.hears_all(*id, rate);
                conference.mix_minus(*id, &mut out);
                if hears_all {
                    let mut all = vec![1; rate.samples(frame_ms)];
                    conference.mix_for_all(rate, &mut all);
                    assert!(out == all, "seed {seed}: {id:?} does not hear what all hear");
                }
            }
            assert_eq!(conference.participants().count(), conference.len(), "seed {seed}");
            assert!(conference.statistics().resamplers <= 12, "seed {seed}");
            assert!(conference.statistics().whisper_resamplers <= 2 * 12, "seed {seed}");
            let company =
                conference.participants().filter(|view| view.speaks_to == SpeaksTo::Everyone).count();
            assert_eq!(company, conference.company(), "seed {seed}");
        }
        ids.iter().for_each(|&id| conference.leave(id));
        conference.begin();
        assert!(conference.is_empty(), "seed {seed}");
        let statistics = conference.statistics();
        assert_eq!((statistics.resamplers, statistics.whisper_resamplers), (0, 0), "seed {seed}");
        assert_eq!(conference.company(), 0, "seed {seed}");
    }
}
