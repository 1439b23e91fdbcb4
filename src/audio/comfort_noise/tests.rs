use super::{MAX_DESCRIPTION_OCTETS, Noise, Pauses, Pausing, coefficient_of, index_of};
use crate::audio::level::dbfs;
use rand::{Rng, SeedableRng, rngs::StdRng};

fn noise_of(payload: &[u8], samples: usize) -> Vec<i16> {
    let (mut noise, mut out) = (Noise::new(7), vec![0; 1_000 + samples]);
    noise.describe(payload);
    noise.fill(&mut out);
    out.split_off(1_000)
}

/// How alike neighbours are, −1 to 1.
fn likeness(samples: &[i16], lag: usize) -> f64 {
    let dot = |one: &[i16], other: &[i16]| -> f64 {
        one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(samples, &samples[lag..]) / dot(samples, samples)
}

/// Frames of 20 ms at 8 kHz: what is sent for each.
fn sent(pauses: &mut Pauses, frames: usize, mut frame: impl FnMut(usize) -> Vec<i16>) -> Vec<Pausing> {
    let mut payload = [0; 100];
    (0..frames).map(|number| pauses.hear(&frame(number), 20, &mut payload)).collect()
}

fn white(random: &mut StdRng, peak: i16) -> Vec<i16> {
    (0..160).map(|_| random.random_range(-peak..=peak)).collect()
}

#[test]
fn indices_are_read_and_written_as_the_rfc_says() {
    assert_eq!((coefficient_of(127), index_of(0.0)), (0.0, 127));
    assert!((coefficient_of(200) - 73.0 * 258.0 / 32_768.0).abs() < 1e-6);
    assert!((0..=255).all(|index| coefficient_of(index).abs() < 1.0));
    assert!((10..=244).all(|index| index_of(coefficient_of(index)) == index));
    assert_eq!((index_of(-2.0), index_of(2.0)), (0, 254));
}

#[test]
fn noise_has_the_level_that_is_described_whatever_its_spectrum() {
    for level in [30, 45, 60] {
        for spectrum in [&[][..], &[20], &[127, 200], &[20, 190, 127, 100], &[120; 31]] {
            let payload = [&[level], spectrum].concat();
            let heard = dbfs(&noise_of(&payload, 80_000));
            assert!((heard + f32::from(level)).abs() < 1.0, "{payload:?}: {heard} dBov");
        }
    }
    assert!(noise_of(&[127], 100).iter().all(|sample| *sample == 0), "127 is silence");
    assert!(noise_of(&[], 100).iter().all(|sample| *sample == 0), "nothing is described");
    assert_eq!(noise_of(&[128 + 45], 100), noise_of(&[45], 100), "the upper bit says nothing");
    assert!(noise_of(&[0, 0, 255, 255, 0], 8_000).iter().any(|sample| *sample != 0), "nothing overflows");
}

/// The first coefficient is minus the likeness of neighbours: low noise has a negative one.
#[test]
fn noise_has_the_spectrum_that_is_described() {
    for wanted in [-0.8_f32, -0.3, 0.5] {
        let likeness = likeness(&noise_of(&[30, index_of(wanted)], 80_000), 1);
        assert!((likeness + f64::from(wanted)).abs() < 0.03, "{wanted}: {likeness}");
    }
    assert!(likeness(&noise_of(&[30], 80_000), 1).abs() < 0.03, "without coefficients it is white");
}

#[test]
fn another_level_is_reached_without_a_step() {
    let (mut noise, mut out) = (Noise::new(1), vec![0; 800]);
    noise.describe(&[20]);
    noise.fill(&mut out[..400]);
    noise.describe(&[127]);
    noise.fill(&mut out[400..]);
    assert!(dbfs(&out[..10]) < -26.0 && dbfs(&out[400..410]) > -30.0, "it comes and goes by and by");
    assert!(out[790..].iter().all(|sample| sample.abs() <= 20));
}

#[test]
fn a_pause_is_described_after_its_hangover_and_then_at_most_every_400_ms() {
    let mut random = StdRng::seed_from_u64(5);
    let verdicts = sent(&mut Pauses::default(), 100, |_| white(&mut random, 60));
    assert!(verdicts[..10].iter().all(|verdict| *verdict == Pausing::Not), "{verdicts:?}");
    for (number, verdict) in verdicts[10..].iter().enumerate() {
        let is_due = number % 20 == 0;
        let expected = if is_due { Pausing::Describes(MAX_DESCRIPTION_OCTETS) } else { Pausing::Silent };
        assert_eq!(*verdict, expected, "frame {number} of the pause");
    }
}

#[test]
fn another_level_of_noise_is_told_at_once() {
    let mut random = StdRng::seed_from_u64(5);
    let mut pauses = Pauses::default();
    sent(&mut pauses, 16, |_| white(&mut random, 100));
    let verdicts = sent(&mut pauses, 10, |_| white(&mut random, 30));
    assert!(verdicts.iter().any(|verdict| matches!(verdict, Pausing::Describes(_))), "{verdicts:?}");
}

#[test]
fn speech_is_sent_from_its_first_frame_on_and_its_pauses_between_words_too() {
    let mut random = StdRng::seed_from_u64(5);
    let mut pauses = Pauses::default();
    sent(&mut pauses, 50, |_| white(&mut random, 40));
    let verdicts = sent(&mut pauses, 200, |number| {
        let peak = if number % 20 < 12 { 3_000 } else { 40 };
        white(&mut random, peak)
    });
    assert!(verdicts.iter().all(|verdict| *verdict == Pausing::Not), "{verdicts:?}");
    let loud = sent(&mut Pauses::default(), 500, |_| white(&mut random, 1_000));
    assert!(loud.iter().all(|verdict| *verdict == Pausing::Not), "even noise that loud is no pause");
}

#[test]
fn digital_silence_is_described_by_its_level_alone() {
    let (mut pauses, mut payload) = (Pauses::default(), [0; 20]);
    let described = (0..30).find_map(|_| match pauses.hear(&[0; 160], 20, &mut payload) {
        Pausing::Describes(len) => Some(payload[..len].to_vec()),
        _ => None,
    });
    assert_eq!(described, Some(vec![127]));
}

#[test]
fn noise_made_of_a_description_sounds_like_what_was_described() {
    let mut random = StdRng::seed_from_u64(8);
    let (mut pauses, mut payload, mut last) = (Pauses::default(), [0; 20], 0.0);
    let mut room = Vec::new();
    let mut described = None;
    for _ in 0..60 {
        let frame: Vec<i16> = (0..160)
            .map(|_| {
                last = 0.7 * last + random.random_range(-60.0..60.0);
                last as i16
            })
            .collect();
        if let Pausing::Describes(len) = pauses.hear(&frame, 20, &mut payload) {
            described = Some(payload[..len].to_vec());
        }
        room.extend(frame);
    }
    let heard = noise_of(&described.expect("a description"), 80_000);
    assert!((dbfs(&heard) - dbfs(&room)).abs() < 1.5, "{} and {}", dbfs(&heard), dbfs(&room));
    for lag in 1..4 {
        assert!((likeness(&heard, lag) - likeness(&room, lag)).abs() < 0.1, "lag {lag}");
    }
}
