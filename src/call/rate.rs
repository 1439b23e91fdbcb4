//! A token bucket: how many events a second are let in (calls, answers to unknown numbers).
//!
//! Pure: the endpoint passes `now`.

use std::time::Instant;

/// Lets `per_second` events pass on average, and as many at once.
#[derive(Debug, Clone)]
pub struct RateLimit {
    per_second: u32,
    tokens: f64,
    filled_at: Instant,
    refused: u64,
}

impl RateLimit {
    /// A full bucket; `per_second` 0 means without limit.
    pub fn new(per_second: u32, now: Instant) -> RateLimit {
        RateLimit { per_second, tokens: f64::from(per_second), filled_at: now, refused: 0 }
    }

    /// Whether one more event may pass; a refused one is counted.
    pub fn admits(&mut self, now: Instant) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let full = f64::from(self.per_second);
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * full).min(full);
        self.filled_at = now;
        if self.tokens < 1.0 {
            self.refused += 1;
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// How many events were refused so far.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_up_to_the_limit_and_then_at_its_pace() {
        let start = Instant::now();
        let mut limit = RateLimit::new(10, start);
        let passed = (0..100).filter(|_| limit.admits(start)).count();
        assert_eq!((passed, limit.refused()), (10, 90));
        assert!(limit.admits(start + Duration::from_millis(100)));
        assert!(!limit.admits(start + Duration::from_millis(110)));
    }

    #[test]
    fn zero_means_without_limit() {
        let start = Instant::now();
        let mut limit = RateLimit::new(0, start);
        assert!((0..1000).all(|_| limit.admits(start)));
    }
}
