//! What a network needs of randomness beyond the generator: spans of time.

use std::time::Duration;

use crate::rtp::splitmix::SplitMix64;

impl SplitMix64 {
    /// A span from zero to `max`, each alike.
    pub(crate) fn up_to(&mut self, max: Duration) -> Duration {
        max.mul_f64(self.fraction())
    }

    /// A span of an exponential distribution with this mean.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.fraction()).ln())
    }
}
