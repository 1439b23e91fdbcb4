//! What all listeners of one condition make together.

use crate::statistics;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// One for each prompt, listener and seed.
    pub pesq: Vec<f64>,
    /// One for each second of speech, as far as it was found.
    pub delays_ms: Vec<f64>,
    pub unmatched: usize,
    /// By how much the delay grows in a minute, the mean over the listeners.
    pub drift_ms: Option<f64>,
    /// Mean PESQ of two codings without a loss: the most that a mixer can give.
    pub best: f64,
    /// Mean PESQ of the simplest concealment of the same losses: repetition, for Opus FEC and its own guess.
    pub bound: Option<f64>,
    /// What two codings alone delay.
    pub codec_ms: f64,
}

impl Outcome {
    pub fn pesq_mean(&self) -> f64 {
        mean(&self.pesq).unwrap_or(1.0)
    }

    pub fn pesq_min(&self) -> f64 {
        self.pesq.iter().copied().reduce(f64::min).unwrap_or(1.0)
    }

    pub fn delay_ms(&self, percent: usize) -> Option<f64> {
        statistics::percentile(self.delays_ms.iter().copied(), percent)
    }
}

pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
