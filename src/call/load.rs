//! How much of its core the worker uses, as a mean that forgets within a second.
//!
//! Lateness tells that there is too much to do; the load tells before that: a core that is nearly full catches up with a
//! hold-up so slowly that the next one comes first, and the kernel takes 5 % of it away from real-time threads. Pure:
//! the thread's CPU time and `now` in, a share out. What admission control reads.

use std::time::{Duration, Instant};

/// Time constant of the mean. At 200 calls a second some 60 are let in before their load is seen whole.
const MEMORY: Duration = Duration::from_millis(300);

/// See the module.
pub struct Load {
    share: f32,
    seen: (Instant, Duration),
}

impl Load {
    /// Of a thread that has used `cpu_time` by `now`.
    pub fn new(now: Instant, cpu_time: Duration) -> Load {
        Load { share: 0.0, seen: (now, cpu_time) }
    }

    /// Takes the CPU time that the thread has used by `now`; the mean share of the core, 0 to 1.
    pub fn handle_cpu_time(&mut self, now: Instant, cpu_time: Duration) -> f32 {
        let (then, used) = self.seen;
        let passed = now.saturating_duration_since(then);
        if !passed.is_zero() {
            let latest = cpu_time.saturating_sub(used).as_secs_f32() / passed.as_secs_f32();
            let weight = (passed.as_secs_f32() / MEMORY.as_secs_f32()).min(1.0);
            self.share += (latest.min(1.0) - self.share) * weight;
            self.seen = (now, cpu_time);
        }
        self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The load after these stretches of so many ms, of which so many were worked, looked at every 100 ms.
    fn load(story: &[(u64, u64)]) -> f32 {
        let begin = Instant::now();
        let (mut now, mut used) = (Duration::ZERO, Duration::ZERO);
        let mut load = Load::new(begin, used);
        let mut share = 0.0;
        for &(length_ms, worked_percent) in story {
            for _ in 0..length_ms / 100 {
                now += Duration::from_millis(100);
                used += Duration::from_millis(worked_percent);
                share = load.handle_cpu_time(begin + now, used);
            }
        }
        share
    }

    #[test]
    fn a_steady_load_is_told_as_it_is() {
        assert!((load(&[(3000, 80)]) - 0.8).abs() < 0.001);
        assert_eq!(load(&[(3000, 0)]), 0.0);
    }

    #[test]
    fn a_busy_moment_is_no_load() {
        assert!(load(&[(3000, 50), (100, 100)]) < 0.7);
    }

    #[test]
    fn a_change_shows_within_a_second() {
        assert!(load(&[(3000, 20), (1000, 95)]) > 0.9);
        assert!(load(&[(3000, 95), (1000, 20)]) < 0.25);
    }

    #[test]
    fn the_same_moment_twice_changes_nothing() {
        let now = Instant::now();
        let mut load = Load::new(now, Duration::ZERO);
        assert_eq!(load.handle_cpu_time(now, Duration::from_millis(5)), 0.0);
    }
}
