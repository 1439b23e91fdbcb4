//! Sounds for tests: what the detector takes for speech, and noise.

use crate::audio::SampleRate;
use crate::audio::level::dbfs;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::f64::consts::TAU;

/// First and second formant of some vowels.
const VOWELS: [[f64; 2]; 5] =
    [[730.0, 1090.0], [270.0, 2290.0], [300.0, 870.0], [530.0, 1840.0], [570.0, 840.0]];

/// Resonates at one frequency.
#[derive(Default)]
struct Formant([f64; 2]);

impl Formant {
    fn resonate(&mut self, input: f64, hertz: f64, width_hertz: f64, rate_hertz: f64) -> f64 {
        let radius = (-std::f64::consts::PI * width_hertz / rate_hertz).exp();
        let turn = 2.0 * radius * (TAU * hertz / rate_hertz).cos();
        let output = (1.0 - radius) * input + turn * self.0[0] - radius * radius * self.0[1];
        self.0 = [output, self.0[0]];
        output
    }
}

/// Vowels one after the other, four a second, of a voice of 120 Hz, with breath between.
pub(crate) fn speech(rate: SampleRate, duration_ms: u32) -> Vec<i16> {
    let mut random = StdRng::seed_from_u64(3);
    let rate_hertz = f64::from(rate.hertz());
    let mut formants: [Formant; 4] = Default::default();
    let (mut phase, mut hertz) = (0.0, [500.0, 1500.0]);
    let mut sample = |n: usize| {
        let seconds = n as f64 / rate_hertz;
        let vowel = VOWELS[(seconds * 4.0) as usize * 7 % 5];
        (0..2).for_each(|at| hertz[at] += (vowel[at] - hertz[at]) * 60.0 / rate_hertz);
        phase += (120.0 + 20.0 * (TAU * seconds * 0.9).sin()) / rate_hertz;
        let pulse = if phase >= 1.0 { 40.0 } else { 0.0 };
        phase %= 1.0;
        let envelope = (TAU * seconds * 2.0).sin().abs().powf(0.5).max(0.03);
        let source = pulse * envelope + random.random_range(-1.0..1.0) * 0.4;
        let places = [(hertz[0], 80.0), (hertz[1], 100.0), (2600.0, 150.0), (3400.0, 200.0)];
        let voice = formants.iter_mut().zip(places).fold(0.0, |sum, (formant, (hertz, width))| {
            sum + formant.resonate(source, hertz, width, rate_hertz)
        });
        voice * 2000.0
    };
    let samples: Vec<f64> = (0..rate.samples(duration_ms)).map(&mut sample).collect();
    samples.into_iter().map(|sample| sample as i16).collect()
}

/// White with `colour` 1, the darker the smaller it is (at 16 kHz).
pub(crate) fn noise(rate: SampleRate, duration_ms: u32, colour: f64) -> Vec<i16> {
    let mut random = StdRng::seed_from_u64(4);
    let mut sum = 0.0;
    let sample = |_| {
        sum += colour * (random.random_range(-16_000.0..16_000.0) - sum);
        sum as i16
    };
    (0..rate.samples(duration_ms)).map(sample).collect()
}

/// At this level.
pub(crate) fn scaled(sound: &[i16], level_dbfs: f32) -> Vec<i16> {
    let gain = 10.0_f32.powf((level_dbfs - dbfs(sound)) / 20.0);
    sound.iter().map(|&sample| (f32::from(sample) * gain) as i16).collect()
}
