//! What the network does to packets, from the arrivals of the last 8 s: how long the fastest and the slow
//! ones were on their way.
//!
//! A transit time is arrival minus media time, so it is known but for a constant: only differences mean
//! something. A skewed sender clock makes all of them drift together: where it is known by how much, earlier ones count as they
//! would be now, else the drift is followed by forgetting. Peaks and the fastest way are kept per half second: a peak is forgotten when its slot is.

use super::skew::SkewWatch;

const SLOTS: usize = 16;
const SLOT_US: i64 = 500_000;
/// How many slow packets a slot remembers; one more than may be too slow in the whole window.
const PEAKS: usize = 4;
/// Of this many packets one may come too late for good: waiting for it would cost all others more.
const PACKETS_PER_OUTLIER: u32 = 300;
/// With fewer packets than this every one counts.
const FEW_PACKETS: u32 = 50;
const NOTHING: i64 = i64::MIN;

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The slowest transit times, slowest first; `NOTHING` where fewer came.
    peaks: [i64; PEAKS],
    fastest: i64,
    packets: u32,
}

const EMPTY: Slot = Slot { peaks: [NOTHING; PEAKS], fastest: i64::MAX, packets: 0 };

impl Slot {
    /// With another, whose transit times have grown by `growth_us` since.
    fn together_with(mut self, other: &Slot, growth_us: i64) -> Slot {
        let peaks = other.peaks.iter().filter(|&&peak| peak != NOTHING);
        peaks.for_each(|&peak| insert_peak(&mut self.peaks, peak.saturating_add(growth_us)));
        self.packets = self.packets.saturating_add(other.packets);
        if other.packets > 0 {
            self.fastest = self.fastest.min(other.fastest.saturating_add(growth_us));
        }
        self
    }
}

/// The transit times of the last 8 s.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct TransitWindow {
    fastest_us: i64,
    slow_us: i64,
    last_arrival_us: i64,
    last_transit_us: i64,
    /// Number of the newest slot since the clock's beginning; its place is this modulo `SLOTS`.
    newest: i64,
    /// The newest slot; its place among `slots` stays empty until it is no longer the newest.
    current: Slot,
    /// All slots and `current` together.
    all: Slot,
    /// Boxed: touched only when a slot is over.
    slots: Box<[Slot; SLOTS]>,
}

impl TransitWindow {
    pub(super) fn new() -> TransitWindow {
        TransitWindow {
            fastest_us: 0,
            slow_us: 0,
            last_arrival_us: 0,
            last_transit_us: i64::MIN,
            newest: 0,
            current: EMPTY,
            all: EMPTY,
            slots: Box::new([EMPTY; SLOTS]),
        }
    }

    /// The shortest transit time; 0 as long as nothing was recorded.
    pub(super) fn fastest_us(&self) -> i64 {
        self.fastest_us
    }

    /// The transit time that all but a few stragglers keep; at least `fastest_us`.
    pub(super) fn slow_us(&self) -> i64 {
        self.slow_us
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self.slots = [EMPTY; SLOTS];
        (self.current, self.all) = (EMPTY, EMPTY);
    }

    /// A packet of `packet_us` of audio came at `arrival_us`. If it merely queued behind a slower one, the
    /// two are one event. The sender's clock may be known to be off.
    pub(super) fn record(&mut self, arrival_us: i64, transit_us: i64, packet_us: i64, skew: &SkewWatch) {
        let bunched = arrival_us.saturating_sub(self.last_arrival_us) < packet_us / 4;
        let peak = !(bunched && transit_us < self.last_transit_us);
        (self.last_arrival_us, self.last_transit_us) = (arrival_us, transit_us);
        let number = arrival_us.div_euclid(SLOT_US);
        if number > self.newest {
            self.turn_to(number, skew);
        }
        for slot in [&mut self.current, &mut self.all] {
            slot.packets = slot.packets.saturating_add(1);
            slot.fastest = slot.fastest.min(transit_us);
            if peak {
                insert_peak(&mut slot.peaks, transit_us);
            }
        }
        self.sum_up();
    }

    fn turn_to(&mut self, number: i64, skew: &SkewWatch) {
        let place = |number: i64| number.rem_euclid(SLOTS as i64) as usize;
        self.slots[place(self.newest)] = std::mem::replace(&mut self.current, EMPTY);
        let steps = number.saturating_sub(self.newest).min(SLOTS as i64);
        for step in 0..steps {
            self.slots[place(number - step)] = EMPTY;
        }
        let age = |place: usize| (number - place as i64).rem_euclid(SLOTS as i64);
        let growth_us = |place: usize| skew.growth_us(age(place) * SLOT_US);
        let slots = self.slots.iter().enumerate();
        self.all = slots.fold(EMPTY, |all, (place, slot)| all.together_with(slot, growth_us(place)));
        self.newest = number;
    }

    fn sum_up(&mut self) {
        let Slot { peaks, fastest, packets } = &self.all;
        let (fastest, packets) = (*fastest, *packets);
        let outliers = if packets < FEW_PACKETS { 0 } else { 1 + packets / PACKETS_PER_OUTLIER };
        let allowed = (outliers as usize).min(PEAKS - 1);
        let slow = peaks[..=allowed].iter().rev().find(|&&peak| peak != NOTHING).copied();
        self.fastest_us = fastest;
        self.slow_us = slow.unwrap_or(fastest).max(fastest);
    }
}

/// Keeps `peaks` sorted, slowest first.
fn insert_peak(peaks: &mut [i64; PEAKS], transit_us: i64) {
    let Some(place) = peaks.iter().position(|&peak| transit_us > peak) else { return };
    peaks[place..].rotate_right(1);
    peaks[place] = transit_us;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window_of(transits: impl IntoIterator<Item = (i64, i64)>) -> TransitWindow {
        let mut window = TransitWindow::new();
        for (arrival_us, transit_us) in transits {
            window.record(arrival_us, transit_us, 20_000, &SkewWatch::new());
        }
        window
    }

    #[test]
    fn the_first_packets_all_count() {
        let window = window_of([(5_000, 5_000), (29_000, 9_000), (47_000, 7_000)]);
        assert_eq!((window.fastest_us(), window.slow_us()), (5_000, 9_000));
    }

    #[test]
    fn packets_that_queued_behind_a_slow_one_are_no_peaks_of_their_own() {
        let window = window_of((0..60).map(|n| match n {
            30..35 => (700_000 + n, 100_000 - (n - 30) * 20_000),
            _ => (n * 20_000, 0),
        }));
        assert_eq!(window.slow_us(), 0);
    }

    #[test]
    fn two_stragglers_in_eight_seconds_are_let_go_and_three_are_not() {
        let transit = |n: i64, stragglers: &[i64]| if stragglers.contains(&n) { 90_000 } else { n % 7 * 100 };
        let two = window_of((0..400).map(|n| (n * 20_000, transit(n, &[100, 300]))));
        assert_eq!(two.slow_us(), 600);
        let three = window_of((0..400).map(|n| (n * 20_000, transit(n, &[100, 200, 300]))));
        assert_eq!(three.slow_us(), 90_000);
    }

    #[test]
    fn a_peak_is_forgotten_after_eight_seconds() {
        let transit = |n: i64| if n < 20 { 90_000 } else { 0 };
        let mut window = window_of((0..400).map(|n| (n * 20_000, transit(n))));
        assert_eq!(window.slow_us(), 90_000);
        for n in 400..426 {
            window.record(n * 20_000, 0, 20_000, &SkewWatch::new());
        }
        assert_eq!(window.slow_us(), 0);
    }

    #[test]
    fn the_fastest_way_follows_a_clock_that_drifts_either_way() {
        for ppm in [-1000, 1000] {
            let window = window_of((0..5_000).map(|n| (n * 20_000, n * 20_000 * ppm / 1_000_000)));
            let last = 4_999 * 20_000 * ppm / 1_000_000;
            assert!((window.fastest_us() - last).abs() <= 8_000, "{ppm} ppm");
            assert!((window.slow_us() - last).abs() <= 8_000, "{ppm} ppm");
        }
    }
}
