//! The arithmetic of listening: levels, tones, likeness.

/// 8 kHz samples, full scale ±1.
pub type Samples = Vec<f32>;

/// Sample rate of all that is compared here.
pub const RATE: usize = 8000;
/// The piece of a speech that is looked for.
const PIECE: usize = RATE;

/// Where in what was heard the beginning of a looped speech fits best.
pub fn lag(heard: &[f32], speech: &[f32]) -> usize {
    assert!(heard.len() > PIECE, "{} samples heard", heard.len());
    let piece = &speech[..PIECE];
    let last = (heard.len() - PIECE).min(speech.len());
    let likeness = |lag: &usize| dot(piece, &heard[*lag..lag + PIECE]);
    (0..last).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).expect("more heard than a piece")
}

/// The sum of products.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for n in 0..8 {
            sums[n] += a[n] * b[n];
        }
    }
    sums.iter().sum()
}

/// The factors with which `columns` add up best to `target`: the normal equations, by Gaussian elimination.
pub fn fit(columns: &[Vec<f32>], target: &[f32]) -> Vec<f32> {
    let size = columns.len();
    let mut rows: Vec<Vec<f32>> = (0..size)
        .map(|row| {
            let mut line: Vec<f32> = columns.iter().map(|column| dot(&columns[row], column)).collect();
            line.push(dot(&columns[row], target));
            line
        })
        .collect();
    for pivot in 0..size {
        let lead = rows[pivot].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            if index != pivot {
                let factor = row[pivot] / lead[pivot];
                row.iter_mut().zip(&lead).for_each(|(value, lead)| *value -= factor * lead);
            }
        }
    }
    (0..size).map(|row| rows[row][size] / rows[row][row]).collect()
}

/// Level in dB of full scale; of silence −200.
pub fn level_db(samples: &[f32]) -> f32 {
    let power = dot_exact(samples, samples) / samples.len().max(1) as f32;
    10.0 * power.max(1e-20).log10()
}

fn dot_exact(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Level in dB of full scale of the sine of `hertz` in it: 0 is one whose peak is full scale (Goertzel's sum).
pub fn tone_db(samples: &[f32], hertz: f32) -> f32 {
    let step = std::f32::consts::TAU * hertz / RATE as f32;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let phase = (f64::from(step) * n as f64) as f32;
        sine += sample * phase.sin();
        cosine += sample * phase.cos();
    }
    let peak = 2.0 * (sine * sine + cosine * cosine).sqrt() / samples.len().max(1) as f32;
    20.0 * peak.max(1e-10).log10()
}

#[test]
fn a_tone_has_the_level_of_its_peak() {
    use std::f32::consts::FRAC_PI_4;
    let tone: Samples = (0..RATE).map(|n| 0.5 * (FRAC_PI_4 * n as f32).sin()).collect();
    assert!((tone_db(&tone, 1000.0) + 6.02).abs() < 0.05 && tone_db(&tone, 1500.0) < -40.0);
    assert!((level_db(&tone) + 9.03).abs() < 0.05 && level_db(&[]) < -100.0);
}
