//! What heard speech is worth.

use crate::hearing::{self, Concealment};
use crate::judge::*;
use crate::speech::Speech;
use antiphon::audio::wav::Wav;
use antiphon::audio::{Format, SampleRate};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Something like a voice: syllables of noise.
fn speech() -> Speech {
    let mut random = StdRng::seed_from_u64(1);
    let mut sample = |n: usize| {
        let seconds = n as f64 / 8000.0;
        let syllable = (seconds * 9.0).sin().max(0.0) * (0.6 + 0.4 * (seconds * 1.7).sin());
        (6000.0 * syllable * random.random_range(-1.0..1.0)) as i16
    };
    Speech::of(&[(0..48_000).map(&mut sample).collect()], SampleRate::Hz8000, 0)
}

#[test]
fn what_is_lost_costs_quality_and_coding_costs_no_time() {
    let speech = speech();
    let judge = Judge::new(&speech);
    let payloads = hearing::encode(&Format::Pcmu, &speech.samples);
    let hear = |lost: &[bool], concealment| {
        let pieces = hearing::with_losses(&payloads, lost);
        judge.hear(&Format::Pcmu, &pieces, concealment, 0.02, None)
    };
    let whole = hear(&[], Concealment::Repeat);
    assert!(whole.pesq[0] > 4.0, "{:?}", whole.pesq);
    assert!(whole.slices.iter().all(|slice| slice.delay_ms.unwrap().abs() < 0.01), "{:?}", whole.slices);
    let lost: Vec<bool> = (0..payloads.len()).map(|number| number % 10 == 3).collect();
    let repeated = hear(&lost, Concealment::Repeat);
    assert!(repeated.pesq[0] < whole.pesq[0] - 0.3, "{:?}", repeated.pesq);
    let nothing = judge.hear(&Format::Pcmu, &[], Concealment::Repeat, 0.02, None);
    assert_eq!((nothing.pesq, nothing.slices.len()), (vec![1.0], 0));
}

#[test]
fn what_was_said_and_heard_is_kept_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let (said, heard) = (folder.path().join("said.wav"), folder.path().join("heard.wav"));
    let judge = Judge::new(&speech());
    judge.save_said(&said);
    let payloads = hearing::encode(&Format::Pcmu, &speech().samples);
    let pieces = hearing::with_losses(&payloads, &[]);
    judge.hear(&Format::Pcmu, &pieces, Concealment::Codec, 0.02, Some(&heard));
    let samples = |file| Wav::parse(&std::fs::read(file).unwrap()).unwrap().samples.len();
    assert_eq!(samples(&said), samples(&heard));
}
