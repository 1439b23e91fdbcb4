//! Pauses in what is sent: told from speech by level, and described.

use super::super::level::dbfs;
use super::{MAX_DESCRIPTION_OCTETS, SILENT_LEVEL, index_of};

/// Reflection coefficients of a description.
pub(super) const ORDER: usize = 10;

/// A pause is sent as it is for so long.
const HANGOVER_MS: u32 = 200;
/// A description is repeated so often.
const REPEAT_MS: u32 = 400;
/// Another one comes no sooner than this.
const LEAST_MS: u32 = 100;
/// What is quieter is silence, whatever there was before.
const SILENCE_DBFS: f32 = -65.0;
/// What is louder is no noise of a line or a room.
const LOUDEST_NOISE_DBFS: f32 = -45.0;
/// Noise is as even as this.
const EVENNESS_DB: f32 = 6.0;
/// How fast the quietest that was heard of late is forgotten.
const FORGOTTEN_DB_PER_MS: f32 = 0.003;
/// A change of level that is worth telling.
const CHANGE_DB: f32 = 3.0;
/// The share of a frame in what is described.
const NEWNESS: f32 = 0.25;
/// All that is quieter.
const LEAST_DBFS: f32 = -100.0;

/// What is to be sent in place of some audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pausing {
    /// The audio itself.
    Not,
    /// A description of so many octets.
    Describes(usize),
    /// Nothing.
    Silent,
}

/// Looks for pauses in one stream.
#[derive(Debug, Clone)]
pub struct Pauses {
    /// The quietest of late.
    floor_dbfs: f32,
    quiet_ms: u32,
    /// The pause's level and autocorrelation.
    level_dbfs: f32,
    correlation: [f32; ORDER + 1],
    /// The level last described in this pause, and how long ago that was.
    described_dbfs: Option<f32>,
    since_ms: u32,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            floor_dbfs: 0.0,
            quiet_ms: 0,
            level_dbfs: 0.0,
            correlation: [0.0; ORDER + 1],
            described_dbfs: None,
            since_ms: 0,
        }
    }
}

impl Pauses {
    /// Audio is sent again, or nothing at all: the next pause begins anew.
    pub fn end(&mut self) {
        self.quiet_ms = 0;
        self.described_dbfs = None;
    }

    /// Hears the next `duration_ms` of what is to be sent; a description is written to the front of `payload`.
    pub fn hear(&mut self, samples: &[i16], duration_ms: u32, payload: &mut [u8]) -> Pausing {
        let level_dbfs = dbfs(samples).max(LEAST_DBFS);
        self.floor_dbfs = level_dbfs.min(self.floor_dbfs + FORGOTTEN_DB_PER_MS * duration_ms as f32);
        let is_noise = level_dbfs < LOUDEST_NOISE_DBFS && level_dbfs < self.floor_dbfs + EVENNESS_DB;
        if level_dbfs >= SILENCE_DBFS && !is_noise {
            self.end();
            return Pausing::Not;
        }
        self.observe(samples, level_dbfs);
        self.quiet_ms = self.quiet_ms.saturating_add(duration_ms);
        if self.quiet_ms <= HANGOVER_MS {
            return Pausing::Not;
        }
        self.since_ms += duration_ms;
        let is_due = self.described_dbfs.is_none_or(|described_dbfs| {
            let changed = (self.level_dbfs - described_dbfs).abs() >= CHANGE_DB && self.since_ms >= LEAST_MS;
            changed || self.since_ms >= REPEAT_MS
        });
        if !is_due {
            return Pausing::Silent;
        }
        self.described_dbfs = Some(self.level_dbfs);
        self.since_ms = 0;
        Pausing::Describes(self.describe(payload))
    }

    fn observe(&mut self, samples: &[i16], level_dbfs: f32) {
        let newness = if self.quiet_ms == 0 { 1.0 } else { NEWNESS };
        self.level_dbfs += (level_dbfs - self.level_dbfs) * newness;
        for (lag, correlation) in self.correlation.iter_mut().enumerate() {
            let later = samples.get(lag..).unwrap_or_default();
            let sum: i64 =
                samples.iter().zip(later).map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b))).sum();
            *correlation += (sum as f32 - *correlation) * newness;
        }
    }

    fn describe(&self, payload: &mut [u8]) -> usize {
        let level = (-self.level_dbfs).round().clamp(0.0, SILENT_LEVEL.into()) as u8;
        if self.level_dbfs <= LEAST_DBFS + 1.0 || payload.len() < MAX_DESCRIPTION_OCTETS {
            payload[0] = if self.level_dbfs <= LEAST_DBFS + 1.0 { SILENT_LEVEL } else { level };
            return 1;
        }
        payload[0] = level;
        let coefficients = reflection_coefficients(&self.correlation);
        payload[1..MAX_DESCRIPTION_OCTETS]
            .iter_mut()
            .zip(coefficients)
            .for_each(|(index, k)| *index = index_of(k));
        MAX_DESCRIPTION_OCTETS
    }
}

/// Levinson's and Durbin's recursion.
fn reflection_coefficients(correlation: &[f32; ORDER + 1]) -> [f32; ORDER] {
    let (mut reflection, mut predictor) = ([0.0; ORDER], [0.0_f32; ORDER]);
    // As if there were a little more white noise: the recursion does not divide by what is next to nothing.
    let mut error = correlation[0] * 1.001 + 1.0;
    for order in 0..ORDER {
        let foretold: f32 = (0..order).map(|at| predictor[at] * correlation[order - at]).sum();
        let k = (-(correlation[order + 1] + foretold) / error).clamp(-0.99, 0.99);
        let before = predictor;
        for at in 0..order {
            predictor[at] = before[at] + k * before[order - 1 - at];
        }
        predictor[order] = k;
        reflection[order] = k;
        error *= 1.0 - k * k;
    }
    reflection
}
