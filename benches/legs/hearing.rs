//! What a leg should hear, and whether it does: tones in whole periods, looked for by Goertzel's algorithm.

use std::f64::consts::TAU;
use std::fmt;

use antiphon::audio::g711::Law;

/// Samples of a frame of 20 ms at 8 kHz, the rate that everything is listened to at.
pub const FRAME_SAMPLES: usize = 160;
/// Samples that one judgement is about: 400 ms.
pub const WINDOW_SAMPLES: usize = 20 * FRAME_SAMPLES;
/// How far a tone may be off its level in a right mix.
const LEVEL_DB: f64 = 4.0;
/// How far below the others one's own voice has to be.
const OWN_BELOW_DB: f64 = 25.0;
const AMPLITUDE: f64 = 2000.0;
/// Tones, 50 Hz apart from 400 Hz: whole periods fit in 20 ms, so a loop of one frame has no seam.
const TONES: usize = 32;
/// Which of the tones each member of a room has. No tone of the first eight is in the middle between two others, in
/// whichever room: there a codec that bends a sum of tones makes a line of its own, which would be taken for a voice.
const PLACES: [usize; TONES] = [
    0, 5, 9, 12, 16, 21, 25, 28, 2, 7, 14, 19, 23, 30, 1, 3, 4, 6, 8, 10, 11, 13, 15, 17, 18, 20, 22, 24, 26,
    27, 29, 31,
];
/// What is louder than this is no longer silence.
const AUDIBLE: u16 = 300;

/// The pitch of a talker, a different one for each of the first 32 of a room.
pub fn pitch_hertz(room: usize, member: usize) -> f64 {
    (400 + 50 * ((PLACES[member % TONES] + room) % TONES)) as f64
}

/// So many samples of a tone.
pub fn tone(hertz: f64, rate_hertz: u32, len_samples: usize) -> Vec<i16> {
    let step = TAU * hertz / f64::from(rate_hertz);
    (0..len_samples).map(|n| (AMPLITUDE * (step * n as f64).sin()) as i16).collect()
}

/// What one window sounded like.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// Everyone who should be there is, at the right level, and the listener itself is not.
    pub is_right: bool,
    /// The level of the wanted tone that is most wrong, to what it should be.
    pub worst_db: f64,
    /// Of one's own voice, to what others hear it at.
    pub own_db: f64,
    /// Wanted tones to all else, in dB.
    pub snr_db: f64,
}

impl fmt::Display for Judgement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judgement { worst_db, own_db, snr_db, .. } = self;
        write!(out, "a tone off by {worst_db:.1} dB, own voice at {own_db:.1} dB, SNR {snr_db:.1} dB")
    }
}

/// Judges a window that should hold the tones of `wanted` and not that of the listener's `own` voice, in hertz.
pub fn judge(heard: &[i16], wanted: &[f64], own: Option<f64>) -> Judgement {
    let samples: Vec<f64> = heard.iter().map(|sample| f64::from(*sample)).collect();
    let total = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64;
    let wanted: Vec<f64> = wanted.iter().map(|hertz| tone_power(&samples, *hertz)).collect();
    let nominal = AMPLITUDE * AMPLITUDE / 2.0;
    let levels_db = wanted.iter().map(|power| decibels(power / nominal));
    let worst_db = levels_db.max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
    let own_db = decibels(own.map_or(0.0, |own| tone_power(&samples, own)) / nominal);
    let signal: f64 = wanted.iter().sum();
    Judgement {
        is_right: worst_db.abs() <= LEVEL_DB && own_db <= -OWN_BELOW_DB,
        worst_db,
        own_db,
        snr_db: decibels(signal / (total - signal).max(1e-9)),
    }
}

/// The same window as a perfect mixer would give it with G.711: the sum of what the talkers' octets mean, coded once. How
/// coarse a sum of tones is coded depends on their phases, so on when each talker began: `alignment` is one such chance.
pub fn perfect(wanted: &[f64], alignment: usize) -> Judgement {
    let mut sums = [0; FRAME_SAMPLES];
    for (talker, hertz) in wanted.iter().enumerate() {
        let mut spoken = through_mu_law(&tone(*hertz, 8000, FRAME_SAMPLES));
        spoken.rotate_left(alignment * (13 + 34 * talker) % FRAME_SAMPLES);
        sums.iter_mut().zip(spoken).for_each(|(sum, sample)| *sum += i32::from(sample));
    }
    let mix = sums.map(|sum| sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16);
    judge(&through_mu_law(&mix).repeat(WINDOW_SAMPLES / FRAME_SAMPLES), wanted, None)
}

/// Where in a frame it stops being silent.
pub fn onset(frame: &[i16]) -> Option<usize> {
    frame.iter().position(|sample| sample.unsigned_abs() > AUDIBLE)
}

fn through_mu_law(samples: &[i16]) -> Vec<i16> {
    let (mut octets, mut back) = (vec![0; samples.len()], vec![0; samples.len()]);
    Law::Mu.encode(samples, &mut octets);
    Law::Mu.decode(&octets, &mut back);
    back
}

fn decibels(ratio: f64) -> f64 {
    10.0 * ratio.max(1e-12).log10()
}

/// Mean power of one tone, of which whole periods fit in the samples.
fn tone_power(samples: &[f64], hertz: f64) -> f64 {
    let step = 2.0 * (TAU * hertz / 8000.0).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in samples {
        (before, last) = (last, sample + step * last - before);
    }
    let square = before * before + last * last - step * before * last;
    2.0 * square / (samples.len() as f64 * samples.len() as f64)
}
