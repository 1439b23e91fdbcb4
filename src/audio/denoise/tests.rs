use super::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::f64::consts::TAU;

/// Something like a voice: a glottal pulse with a pitch that wanders, through three formants that change with each
/// syllable, four syllables a second and a pause after each third.
fn voice(rate: SampleRate, len_ms: u32) -> Vec<f64> {
    let hertz = f64::from(rate.hertz());
    let (mut phase, mut memory) = (0.0, [[0.0; 2]; 3]);
    let vowels =
        [[730.0, 1090.0, 2440.0], [270.0, 2290.0, 3010.0], [530.0, 1840.0, 2480.0], [570.0, 840.0, 2410.0]];
    let sample = |at: usize| {
        let time = at as f64 / hertz;
        let syllable = (time * 4.0) as usize;
        let envelope = if syllable % 4 == 3 { 0.0 } else { (TAU / 2.0 * (time * 4.0).fract()).sin() };
        phase = (phase + (120.0 + 20.0 * (TAU * 0.7 * time).sin()) / hertz).fract();
        let mut sound =
            if phase < 0.5 { (TAU * phase).sin().powi(2) } else { 0.0 } * envelope - 0.25 * envelope;
        for (formant, memory) in vowels[syllable % 3].iter().zip(&mut memory) {
            let radius = (-TAU / 2.0 * 90.0 / hertz).exp();
            let next = sound + 2.0 * radius * (TAU * formant / hertz).cos() * memory[0]
                - radius * radius * memory[1];
            *memory = [next, memory[0]];
            sound = next * (1.0 - radius) * 2.0;
        }
        sound
    };
    let samples: Vec<f64> = (0..rate.samples(len_ms)).map(sample).collect();
    let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64;
    samples.iter().map(|sample| sample * 32_768.0 * 0.05 / power.sqrt()).collect()
}

/// Even noise of this RMS.
fn noise(rms: f64, len: usize, seed: u64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..len).map(|_| random.random_range(-1.0..1.0) * rms * 3.0_f64.sqrt()).collect()
}

fn samples(values: impl Iterator<Item = f64>) -> Vec<i16> {
    values.map(|value| value.round() as i16).collect()
}

/// What comes out, without the delay; `denoises` tells for each frame of 20 ms.
fn denoised(rate: SampleRate, said: &[i16], denoises: impl Fn(usize) -> bool) -> Vec<i16> {
    let (mut denoiser, mut heard) = (Denoiser::new(rate), said.to_vec());
    for (at, frame) in heard.chunks_exact_mut(rate.samples(20)).enumerate() {
        denoiser.process(frame, denoises(at));
    }
    heard.split_off(Denoiser::delay_samples(rate))
}

fn power(samples: impl Iterator<Item = f64>) -> f64 {
    let (sum, len) = samples.fold((0.0, 0_usize), |(sum, len), sample| (sum + sample * sample, len + 1));
    sum / len.max(1) as f64
}

fn decibel(ratio: f64) -> f64 {
    10.0 * ratio.log10()
}

/// How much louder the voice is than what is not the voice.
fn snr_db(voice: &[f64], heard: &[i16]) -> f64 {
    let from = voice.len() / 4; // it has to learn the noise first
    let pairs = || voice[from..].iter().zip(&heard[from..]).map(|(&voice, &heard)| (voice, f64::from(heard)));
    let gain = pairs().map(|(voice, heard)| voice * heard).sum::<f64>()
        / pairs().map(|(voice, _)| voice * voice).sum::<f64>();
    let rest = power(pairs().map(|(voice, heard)| heard - gain * voice));
    decibel(power(pairs().map(|(voice, _)| gain * voice)) / rest)
}

/// How much louder it is in the syllables, as far as they are not noise, than at the end of the pauses between them.
fn speech_to_pause_db(rate: SampleRate, heard: &[i16]) -> f64 {
    let part = |from_ms: u32, to_ms: u32| {
        let in_part = move |at: usize| {
            let time_ms = (at * 1000 / rate.hertz() as usize) as u32;
            time_ms >= 2000 && (from_ms..to_ms).contains(&(time_ms % 1000)) // it has to learn the noise first
        };
        let parts = heard.iter().enumerate().filter(move |(at, _)| in_part(*at));
        power(parts.map(|(_, &sample)| f64::from(sample)))
    };
    let (speech, pause) = (part(0, 750), part(900, 980));
    decibel((speech - pause).max(1e-9) / pause.max(1e-9))
}

#[test]
fn a_voice_stands_out_of_the_noise_by_many_decibels_more_at_every_rate() {
    for rate in SampleRate::ALL {
        let voice = voice(rate, 8000);
        let noise = noise(32_768.0 * 0.05 * 0.18, voice.len(), 1);
        let said = samples(voice.iter().zip(&noise).map(|(voice, noise)| voice + noise));
        let heard = denoised(rate, &said, |_| true);
        let [before, after] = [&said, &heard].map(|samples| speech_to_pause_db(rate, samples));
        println!("{rate}: {before:.1} dB, denoised {after:.1} dB");
        assert!(after > before + 6.0, "{rate}: {before} dB, denoised {after} dB");
        let [said, heard] =
            [&said, &heard].map(|samples| power(samples.iter().map(|&sample| f64::from(sample))));
        assert!(decibel(heard / said).abs() < 3.0, "{rate}: the voice by {} dB", decibel(heard / said));
    }
}

#[test]
fn noise_alone_nearly_vanishes() {
    for rate in SampleRate::ALL {
        let said = samples(noise(500.0, rate.samples(4000), 2).into_iter());
        let heard = denoised(rate, &said, |_| true);
        let second_half = heard.len() / 2;
        let left = power(heard[second_half..].iter().map(|&sample| f64::from(sample)));
        let less_db = decibel(left / (500.0 * 500.0));
        println!("{rate}: noise by {less_db:.1} dB");
        assert!(less_db < -15.0, "{rate}: {less_db} dB");
    }
}

#[test]
fn a_clean_voice_comes_out_as_it_went_in_and_as_late_as_is_said() {
    for rate in SampleRate::ALL {
        let voice = voice(rate, 3000);
        let heard = denoised(rate, &samples(voice.iter().copied()), |_| true);
        // It also filters what is below speech, which moves the lowest tones a little.
        let (middle, bound) = (rate.samples(1), rate.samples(1) / 4);
        let likeness = |shift: usize| -> f64 {
            let pairs = voice[middle..].iter().zip(&heard[shift..]);
            pairs.map(|(&voice, &heard)| voice * f64::from(heard)).sum()
        };
        let best = (0..2 * middle).max_by(|&one, &other| likeness(one).total_cmp(&likeness(other)));
        assert!(
            best.is_some_and(|shift| shift.abs_diff(middle) <= bound),
            "{rate}: {best:?} instead of {middle}"
        );
        let snr_db = snr_db(&voice, &heard);
        println!("{rate}: {best:?} of {middle}, {snr_db:.1} dB");
        assert!(snr_db > 10.0, "{rate}: {snr_db} dB");
    }
}

#[test]
fn left_undone_it_only_delays() {
    for rate in SampleRate::ALL {
        let said = samples(voice(rate, 1000).into_iter());
        let heard = denoised(rate, &said, |_| false);
        let settled = rate.samples(20); // it fades from what was denoised, in the first frame
        assert_eq!(heard[settled..], said[settled..heard.len()], "{rate}");
    }
}

#[test]
fn it_is_done_and_left_undone_without_a_click_and_at_the_same_delay() {
    for rate in [SampleRate::Hz8000, SampleRate::Hz48000] {
        let voice = voice(rate, 6000);
        let noise = noise(100.0, voice.len(), 3);
        let said = samples(voice.iter().zip(&noise).map(|(voice, noise)| voice + noise));
        let steepest =
            |samples: &[i16]| samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or(0);
        let heard = denoised(rate, &said, |at| at / 16 % 2 == 0);
        assert!(steepest(&heard) <= steepest(&said), "{rate}: {} {}", steepest(&heard), steepest(&said));
        let (before, after) = (snr_db(&voice, &said), snr_db(&voice, &heard));
        assert!(before > 20.0 && after > 10.0, "{rate}: {before} dB, in turns {after} dB");
    }
}

#[test]
fn silence_stays_silence_and_what_was_said_before_is_heard_to_its_end() {
    let rate = SampleRate::Hz8000;
    let mut said = samples(voice(rate, 500).into_iter());
    said.resize(rate.samples(1000), 0);
    let mut denoiser = Denoiser::new(rate);
    for frame in said.chunks_exact_mut(160) {
        denoiser.process(frame, true);
    }
    assert!(said[rate.samples(500)..rate.samples(510)].iter().any(|&sample| sample != 0));
    assert!(said[rate.samples(560)..].iter().all(|&sample| sample == 0));
    assert_eq!(denoiser.silent_ms, RINGS_MS, "it rests");
}

#[test]
fn frames_of_10_ms_are_denoised_as_those_of_20_are() {
    let rate = SampleRate::Hz16000;
    let said = samples(voice(rate, 500).into_iter());
    let (mut denoiser, mut heard) = (Denoiser::new(rate), said.clone());
    heard.chunks_exact_mut(rate.samples(10)).for_each(|frame| denoiser.process(frame, true));
    assert_eq!(heard[Denoiser::delay_samples(rate)..], denoised(rate, &said, |_| true));
}

#[test]
fn a_stream_takes_less_than_64_kib() {
    let own = size_of::<Denoiser>() + size_of::<DenoiseState<'static>>();
    // Two spectra of 481 bins, the search for the pitch, three states of the network, resampling, and the delay.
    let beside = 2 * 481 * 8
        + (864 + 769 + 240 + 294) * 4
        + (24 + 48 + 96) * 4
        + 2 * 2 * 2 * (480 + 192)
        + 2 * (480 + FRAME);
    println!("{own} + {beside} bytes");
    assert!(own + beside < 64 << 10);
}
