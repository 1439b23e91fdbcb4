//! The RTP ports of a worker: pairs (even for RTP, the odd one above for RTCP), taken round-robin.
//!
//! A port rests after a call, so that late packets of the old call never enter a new one.
//! The endpoint drives it; binding the sockets is the worker's business.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a pair rests after its call: longer than any packet is under way.
pub const REST: Duration = Duration::from_secs(5);

/// The even port of a pair that is in use; given back with [`PortPool::give_back`].
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
pub struct PortPair(u16);

impl PortPair {
    /// The even port, for RTP.
    pub fn rtp(self) -> u16 {
        self.0
    }

    /// The odd port above it, for RTCP (RFC 3550 §11).
    pub fn rtcp(self) -> u16 {
        self.0 + 1
    }
}

/// All pairs of a range: free ones in the order of their turn, resting ones in the order of their return.
#[derive(Debug)]
pub struct PortPool {
    free: VecDeque<PortPair>,
    resting: VecDeque<(Instant, PortPair)>,
    pairs: usize,
}

impl PortPool {
    /// All whole pairs between `low` and `high`, both included.
    pub fn new(low: u16, high: u16) -> PortPool {
        let even = low.saturating_add(low % 2);
        let free: VecDeque<_> = (even..high).step_by(2).map(PortPair).collect();
        PortPool { pairs: free.len(), resting: VecDeque::with_capacity(free.len()), free }
    }

    /// The pair whose turn it is, or `None` when all are in use or resting.
    pub fn take(&mut self, now: Instant) -> Option<PortPair> {
        while let Some(&(rested_at, pair)) = self.resting.front() {
            if rested_at > now {
                break;
            }
            self.resting.pop_front();
            self.free.push_back(pair);
        }
        self.free.pop_front()
    }

    /// Lets a pair rest and then take its turn again.
    pub fn give_back(&mut self, now: Instant, pair: PortPair) {
        assert!(self.resting.len() + self.free.len() < self.pairs, "port {} given back twice", pair.0);
        self.resting.push_back((now + REST, pair));
    }

    /// How many pairs calls hold at this moment.
    pub fn in_use(&self) -> usize {
        self.pairs - self.free.len() - self.resting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_gives_whole_pairs_only() {
        let mut pool = PortPool::new(20001, 20006);
        let now = Instant::now();
        assert_eq!(pool.take(now).map(PortPair::rtp), Some(20002));
        assert_eq!(pool.take(now).map(PortPair::rtcp), Some(20005));
        assert_eq!(pool.take(now), None);
    }

    #[test]
    fn a_port_rests_after_its_call_before_it_is_taken_again() {
        let mut pool = PortPool::new(20000, 20001);
        let now = Instant::now();
        let pair = pool.take(now).unwrap();
        pool.give_back(now, pair);
        assert_eq!(pool.take(now + REST - Duration::from_millis(1)), None);
        assert_eq!(pool.take(now + REST), Some(pair));
    }

    #[test]
    fn ports_are_taken_in_turn() {
        let mut pool = PortPool::new(20000, 20005);
        let now = Instant::now();
        let first = pool.take(now).unwrap();
        pool.give_back(now, first);
        let later = now + REST;
        let taken: Vec<_> = std::iter::from_fn(|| pool.take(later)).map(PortPair::rtp).collect();
        assert_eq!(taken, [20002, 20004, 20000]);
        assert_eq!(pool.in_use(), 3);
    }

    #[test]
    fn the_highest_port_of_all_is_no_trap() {
        let mut pool = PortPool::new(65534, 65535);
        assert_eq!(pool.take(Instant::now()).map(PortPair::rtcp), Some(65535));
    }
}
