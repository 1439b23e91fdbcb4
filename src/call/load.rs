//! How much of its core the worker uses, as a mean that forgets within a second, and how much it is about to use.
//!
//! Lateness tells that there is too much to do; the load tells before that: a core that is nearly full catches up with a
//! hold-up so slowly that the next one comes first, and the kernel takes 5 % of it away from real-time threads. A call
//! that was just let in is expected to cost what the others do until the mean has seen it. Pure: the thread's CPU time and
//! `now` in, a share out. What admission control reads.

use std::time::{Duration, Instant};

/// Time constant of the mean.
const MEMORY: Duration = Duration::from_millis(300);
/// So many calls have to be there for one of them to have a price.
const CALLS_FOR_A_PRICE: f32 = 16.0;

/// See the module.
pub struct Load {
    share: f32,
    seen: (Instant, Duration),
    /// Calls that the mean has not seen; each counts less as it is seen more.
    unseen_calls: f32,
    share_per_call: f32,
}

impl Load {
    /// Of a thread that has used `cpu_time` by `now`.
    pub fn new(now: Instant, cpu_time: Duration) -> Load {
        Load { share: 0.0, seen: (now, cpu_time), unseen_calls: 0.0, share_per_call: 0.0 }
    }

    /// Takes the CPU time that the thread has used by `now`, and how many calls there are.
    pub fn handle_cpu_time(&mut self, now: Instant, cpu_time: Duration, calls: usize) {
        let (then, used) = self.seen;
        let passed = now.saturating_duration_since(then);
        if passed.is_zero() {
            return;
        }
        let latest = cpu_time.saturating_sub(used).as_secs_f32() / passed.as_secs_f32();
        let weight = (passed.as_secs_f32() / MEMORY.as_secs_f32()).min(1.0);
        self.share += (latest.min(1.0) - self.share) * weight;
        self.unseen_calls *= 1.0 - weight;
        self.seen = (now, cpu_time);
        let seen_calls = calls as f32 - self.unseen_calls;
        self.share_per_call = if seen_calls >= CALLS_FOR_A_PRICE { self.share / seen_calls } else { 0.0 };
    }

    /// A call was let in.
    pub fn handle_call(&mut self) {
        self.unseen_calls += 1.0;
    }

    /// The share of the core, 0 to 1 or more, that all calls take once the latest are there.
    pub fn expected(&self) -> f32 {
        self.share + self.unseen_calls * self.share_per_call
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The load after these stretches of so many ms, of which so many percent were worked, looked at every 100 ms.
    fn load(story: &[(u64, u64)], calls: usize) -> Load {
        let begin = Instant::now();
        let (mut now, mut used) = (Duration::ZERO, Duration::ZERO);
        let mut load = Load::new(begin, used);
        for &(length_ms, worked_percent) in story {
            for _ in 0..length_ms / 100 {
                now += Duration::from_millis(100);
                used += Duration::from_millis(worked_percent);
                load.handle_cpu_time(begin + now, used, calls);
            }
        }
        load
    }

    #[test]
    fn a_steady_load_is_told_as_it_is() {
        assert!((load(&[(3000, 80)], 100).expected() - 0.8).abs() < 0.001);
        assert_eq!(load(&[(3000, 0)], 100).expected(), 0.0);
    }

    #[test]
    fn a_busy_moment_is_no_load() {
        assert!(load(&[(3000, 50), (100, 100)], 0).expected() < 0.7);
    }

    #[test]
    fn a_change_shows_within_a_second() {
        assert!(load(&[(3000, 20), (1000, 95)], 0).expected() > 0.9);
        assert!(load(&[(3000, 95), (1000, 20)], 0).expected() < 0.25);
    }

    #[test]
    fn the_same_moment_twice_changes_nothing() {
        let now = Instant::now();
        let mut load = Load::new(now, Duration::ZERO);
        load.handle_cpu_time(now, Duration::from_millis(5), 0);
        assert_eq!(load.expected(), 0.0);
    }

    #[test]
    fn calls_just_let_in_cost_what_the_others_do_before_it_shows() {
        let mut load = load(&[(3000, 50)], 100);
        (0..40).for_each(|_| load.handle_call());
        assert!((load.expected() - 0.7).abs() < 0.001, "{}", load.expected());
    }

    #[test]
    fn a_call_is_not_counted_twice_once_it_shows() {
        let mut load = load(&[(3000, 50)], 100);
        (0..40).for_each(|_| load.handle_call());
        let (then, used) = load.seen;
        for look in 1..=20 {
            let (now, used) =
                (then + look * Duration::from_millis(100), used + look * Duration::from_millis(70));
            load.handle_cpu_time(now, used, 140);
            assert!((load.expected() - 0.7).abs() < 0.01, "look {look}: {}", load.expected());
        }
        assert!(load.unseen_calls < 0.1);
    }

    #[test]
    fn the_first_calls_have_no_price() {
        let mut load = load(&[(3000, 50)], 3);
        load.handle_call();
        assert!((load.expected() - 0.5).abs() < 0.001);
    }
}
