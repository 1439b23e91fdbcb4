//! One direction of a network path.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::rtp::splitmix::SplitMix64;

/// Which packets are lost.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    None,
    /// Each alike, with this probability.
    Random(f64),
    /// Gilbert–Elliott: a good and a bad state, left with a probability per packet; loss in each.
    Burst {
        to_bad: f64,
        to_good: f64,
        loss_good: f64,
        loss_bad: f64,
    },
}

/// How a path treats packets. The default loses and delays nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions {
    pub(crate) loss: Loss,
    /// The shortest way.
    pub(crate) delay: Duration,
    /// Added to each packet, evenly distributed from zero to this.
    pub(crate) jitter: Duration,
    /// Added to each packet, exponentially distributed with this mean.
    pub(crate) tail: Duration,
    /// Probability per packet that the path stalls: everything sent during the next `stall` comes at its end.
    pub(crate) stall_chance: f64,
    pub(crate) stall: Duration,
    /// Probability that a packet takes this much longer, so that others overtake it.
    pub(crate) reorder_chance: f64,
    pub(crate) reorder: Duration,
    pub(crate) duplicate_chance: f64,
    /// Whether packets but for `reorder` keep their order (a queue), or jitter alone may swap them.
    pub(crate) in_order: bool,
}

impl Default for Conditions {
    fn default() -> Conditions {
        Conditions {
            loss: Loss::None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            tail: Duration::ZERO,
            stall_chance: 0.0,
            stall: Duration::ZERO,
            reorder_chance: 0.0,
            reorder: Duration::ZERO,
            duplicate_chance: 0.0,
            in_order: true,
        }
    }
}

/// A one-way path that carries `T`.
#[derive(Debug)]
pub(crate) struct Link<T> {
    conditions: Conditions,
    random: SplitMix64,
    is_bad: bool,
    stalled_until: Duration,
    last_arrival: Duration,
    /// Arrival, order of sending, and place of the item in `items`.
    in_flight: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    items: Vec<Option<T>>,
    free: Vec<usize>,
    sent: u64,
    lost: u64,
}

impl<T: Clone> Link<T> {
    pub(crate) fn new(seed: u64, conditions: Conditions) -> Link<T> {
        Link {
            conditions,
            random: SplitMix64::new(seed),
            is_bad: false,
            stalled_until: Duration::ZERO,
            last_arrival: Duration::ZERO,
            in_flight: BinaryHeap::new(),
            items: Vec::new(),
            free: Vec::new(),
            sent: 0,
            lost: 0,
        }
    }

    /// From now on the path is another.
    pub(crate) fn change(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// How many items the path has lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Sends an item at `now`; calls come in order of time.
    pub(crate) fn send(&mut self, now: Duration, item: T) {
        let random = &mut self.random;
        if random.chance(self.conditions.stall_chance) {
            self.stalled_until = now + self.conditions.stall;
        }
        if self.is_lost() {
            self.lost += 1;
            return;
        }
        let arrival = self.arrival(now);
        if self.random.chance(self.conditions.duplicate_chance) {
            let again = arrival + self.random.up_to(Duration::from_millis(30));
            self.put(again, item.clone());
        }
        self.put(arrival, item);
    }

    /// The next item that arrives up to `now`, with the time it arrived at.
    pub(crate) fn receive(&mut self, now: Duration) -> Option<(Duration, T)> {
        let Reverse((arrival, _, place)) = *self.in_flight.peek()?;
        if arrival > now {
            return None;
        }
        self.in_flight.pop();
        self.free.push(place);
        self.items[place].take().map(|item| (arrival, item))
    }

    fn is_lost(&mut self) -> bool {
        match self.conditions.loss {
            Loss::None => false,
            Loss::Random(probability) => self.random.chance(probability),
            Loss::Burst { to_bad, to_good, loss_good, loss_bad } => {
                let turn = if self.is_bad { to_good } else { to_bad };
                self.is_bad ^= self.random.chance(turn);
                self.random.chance(if self.is_bad { loss_bad } else { loss_good })
            }
        }
    }

    fn arrival(&mut self, now: Duration) -> Duration {
        let conditions = &self.conditions;
        let queued = self.random.up_to(conditions.jitter) + self.random.exponential(conditions.tail);
        let mut arrival = now.max(self.stalled_until) + conditions.delay + queued;
        if conditions.in_order {
            arrival = arrival.max(self.last_arrival);
        }
        self.last_arrival = arrival;
        if self.random.chance(conditions.reorder_chance) { arrival + conditions.reorder } else { arrival }
    }

    fn put(&mut self, arrival: Duration, item: T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.items.push(None);
            self.items.len() - 1
        });
        self.items[place] = Some(item);
        self.sent += 1;
        self.in_flight.push(Reverse((arrival, self.sent, place)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn received(seed: u64, conditions: Conditions, packets: u32) -> Vec<(Duration, u32)> {
        let mut link = Link::new(seed, conditions);
        (0..packets).for_each(|n| link.send(n * Duration::from_millis(20), n));
        std::iter::from_fn(|| link.receive(SECOND * 1_000_000)).collect()
    }

    #[test]
    fn a_perfect_path_delivers_all_at_once_and_in_order() {
        let came = received(1, Conditions::default(), 100);
        assert!(
            came.iter()
                .enumerate()
                .all(|(n, &(at, item))| { item == n as u32 && at == Duration::from_millis(20) * item })
        );
        assert_eq!(came.len(), 100);
    }

    #[test]
    fn the_same_seed_is_the_same_network_and_another_is_another() {
        let conditions = Conditions { loss: Loss::Random(0.1), jitter: SECOND / 10, ..Conditions::default() };
        assert_eq!(received(7, conditions, 500), received(7, conditions, 500));
        assert_ne!(received(7, conditions, 500), received(8, conditions, 500));
    }

    #[test]
    fn bursts_lose_as_much_as_their_states_say_and_in_runs() {
        let burst = Loss::Burst { to_bad: 0.01, to_good: 0.2, loss_good: 0.0, loss_bad: 0.8 };
        let came = received(3, Conditions { loss: burst, ..Conditions::default() }, 50_000);
        let lost = 50_000 - came.len() as i64;
        let runs = came.windows(2).filter(|pair| pair[1].1 - pair[0].1 > 1).count() as i64;
        assert!((1_400..2_500).contains(&lost), "{lost}");
        assert!(lost > 2 * runs, "{lost} lost in {runs} runs");
    }

    #[test]
    fn reorder_and_duplicates_do_what_they_are_called() {
        let conditions = Conditions {
            reorder_chance: 0.1,
            reorder: Duration::from_millis(50),
            duplicate_chance: 0.1,
            ..Conditions::default()
        };
        let came = received(5, conditions, 1_000);
        assert!((1_050..1_150).contains(&came.len()));
        assert!(came.windows(2).filter(|pair| pair[1].1 < pair[0].1).count() > 50);
    }

    #[test]
    fn after_a_stall_everything_comes_together() {
        let mut link = Link::new(1, Conditions { stall_chance: 1.0, stall: SECOND, ..Conditions::default() });
        link.send(Duration::ZERO, 0);
        link.change(Conditions::default());
        (1..10).for_each(|n| link.send(n * SECOND / 50, n));
        assert!(link.receive(SECOND - Duration::from_millis(1)).is_none());
        assert_eq!(std::iter::from_fn(|| link.receive(SECOND)).count(), 10);
        assert_eq!(link.lost(), 0);
    }
}
