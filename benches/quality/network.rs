//! A bad network, as a talker's packets meet it: losses, alone or in bursts, jitter, reordering, duplicates, another clock.
//!
//! All of it comes from a seed, and each kind draws from a source of its own: jitter does not change what is lost.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How long a packet stands for on the talker's clock.
const FRAME_SECONDS: f64 = 0.02;
/// How much later the second one of two equal packets leaves.
const DUPLICATE_SECONDS: f64 = 0.001;
/// By how many frames a packet is held back that others overtake.
const HELD_FRAMES: f64 = 1.5;

/// What happens to the packets of one talker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Network {
    pub loss_percent: f64,
    /// Mean length of a burst of losses; up to 1 each packet has its own luck.
    pub burst: f64,
    /// Each packet is late by 0 to this, kept in order as by a queue.
    pub jitter_ms: f64,
    /// Held back, so that others overtake them; jitter may reorder then as well.
    pub reorder_percent: f64,
    pub duplicate_percent: f64,
    /// By how much the talker's clock is fast.
    pub skew_ppm: f64,
}

impl Network {
    /// Real seconds between two packets of the talker.
    pub fn interval_seconds(&self) -> f64 {
        FRAME_SECONDS / (1.0 + self.skew_ppm * 1e-6)
    }

    /// Which of so many packets are lost; the first, that opens the server's stream, never is. Bursts are those of Gilbert's
    /// model: a good state and a bad one, in which all is lost.
    pub fn lost(&self, packets: usize, seed: u64) -> Vec<bool> {
        let mut random = source(seed, 0);
        let share = self.loss_percent / 100.0;
        let leave = 1.0 / self.burst.max(1.0);
        // Two states meet the wanted share when bursts begin as often as they end; luck of one's own is no state.
        let enter = if self.burst > 1.0 { leave * share / (1.0 - share) } else { share };
        let mut is_bad = false;
        let mut fate = |number: usize| {
            let stays = is_bad && self.burst > 1.0;
            is_bad = random.random::<f64>() < if stays { 1.0 - leave } else { enter };
            is_bad && number > 0
        };
        (0..packets).map(&mut fate).collect()
    }

    /// When what is not lost leaves, in order: the time since the first packet was due, and the packet's number.
    pub fn departures(&self, lost: &[bool], seed: u64) -> Vec<(Duration, usize)> {
        let [mut jitter, mut reordering, mut doubling] = [1, 2, 3].map(|kind| source(seed, kind));
        let mut departures = Vec::new();
        let mut queue = 0.0_f64;
        for (number, is_lost) in lost.iter().enumerate() {
            let late = jitter.random::<f64>() * self.jitter_ms / 1000.0;
            let is_held = reordering.random::<f64>() * 100.0 < self.reorder_percent;
            let is_double = doubling.random::<f64>() * 100.0 < self.duplicate_percent;
            let mut at = number as f64 * self.interval_seconds() + late;
            if self.reorder_percent <= 0.0 {
                queue = queue.max(at);
                at = queue;
            }
            if is_held {
                at += HELD_FRAMES * FRAME_SECONDS;
            }
            let again = is_double.then_some(at + DUPLICATE_SECONDS);
            let leaving = [Some(at), again].into_iter().flatten().filter(|_| !is_lost);
            departures.extend(leaving.map(|at| (Duration::from_secs_f64(at), number)));
        }
        departures.sort();
        departures
    }
}

fn source(seed: u64, kind: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(16).wrapping_add(kind))
}
