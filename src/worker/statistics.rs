//! What the worker counts. Read by metrics and by admission control; written where the thing happens.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Coroutine names beyond this many are not recorded: names are literals in the source, so there are few.
const MAX_STACK_NAMES: usize = 64;
/// Eight steps an octave up to 2³¹ µs.
const LATENESS_BUCKETS: usize = 240;

/// A picture of the worker's counters at one moment.
#[derive(Clone, Debug, Default)]
pub struct WorkerStatistics {
    /// Coroutines that have begun and not ended.
    pub coroutines_alive: usize,
    /// The most that were alive at once.
    pub coroutines_peak: usize,
    /// Coroutines begun since the start.
    pub coroutines_started: u64,
    /// Panics caught: in coroutines, in `on_end` callbacks and in hooks of rounds.
    pub panics: u64,
    /// Items refused because an inbox, local or remote, was full.
    pub inbox_drops: u64,
    /// Jobs refused because the helpers' queue was full.
    pub helper_drops: u64,
    /// Times a socket's coroutine gave way to the clock because more waited than fits in a turn.
    pub paced_turns: u64,
    /// Laps run.
    pub laps: u64,
    /// Laps left out because the worker had fallen too far behind; visible to a round as a gap in `Tick::number`.
    pub missed_laps: u64,
    /// Places counted out of a lap because their coroutine waited for something else in the middle of it.
    pub strays: u64,
    /// Datagrams received ahead of a lap that was not made.
    pub gathered_lost: u64,
    /// Rounds moved to a less loaded slot.
    pub round_moves: u64,
    /// How much later than due laps began.
    pub lateness: LatenessHistogram,
    /// Measured work of each slot of the frame, in µs, before what exceeds a slot is carried into the next.
    pub slot_work_us: Vec<u32>,
    /// The deepest stack seen per coroutine name, of coroutines that have ended.
    pub stack_peaks: Vec<StackPeak>,
}

/// How deep the stack of coroutines of one name went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackPeak {
    /// The coroutines' name.
    pub name: &'static str,
    /// Bytes; exact with `Options::measure_stacks`, else whole pages, those of an earlier user included.
    pub bytes: usize,
}

/// Durations counted in buckets an eighth of an octave wide.
#[derive(Clone, Debug)]
pub struct LatenessHistogram {
    buckets: Box<[u64; LATENESS_BUCKETS]>,
    count: u64,
    max: Duration,
}

impl Default for LatenessHistogram {
    fn default() -> Self {
        LatenessHistogram { buckets: Box::new([0; LATENESS_BUCKETS]), count: 0, max: Duration::ZERO }
    }
}

impl LatenessHistogram {
    pub(super) fn record(&mut self, lateness: Duration) {
        let micros = u32::try_from(lateness.as_micros()).unwrap_or(u32::MAX);
        self.buckets[bucket_of(micros)] += 1;
        self.count += 1;
        self.max = self.max.max(lateness);
    }

    /// Number of values recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value recorded.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The value that `fraction` (0 to 1) of the recorded ones do not exceed, at most 1/8 too high; 0 if empty.
    pub fn quantile(&self, fraction: f64) -> Duration {
        let wanted = (self.count as f64 * fraction.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen += count;
            if count > 0 && seen >= wanted {
                return Duration::from_micros(u64::from(bucket_top(bucket))).min(self.max);
            }
        }
        self.max
    }

    /// The values recorded since `earlier`, a picture of the same histogram; `max` stays that of all.
    pub fn since(&self, earlier: &LatenessHistogram) -> LatenessHistogram {
        let mut buckets = self.buckets.clone();
        for (bucket, before) in buckets.iter_mut().zip(earlier.buckets.iter()) {
            *bucket = bucket.saturating_sub(*before);
        }
        LatenessHistogram { buckets, count: self.count.saturating_sub(earlier.count), max: self.max }
    }
}

fn bucket_of(micros: u32) -> usize {
    if micros < 8 {
        return micros as usize;
    }
    let octave = 31 - micros.leading_zeros() as usize;
    let eighth = (micros >> (octave - 3)) as usize & 7;
    (8 * (octave - 2) + eighth).min(LATENESS_BUCKETS - 1)
}

fn bucket_top(bucket: usize) -> u32 {
    if bucket < 8 {
        return bucket as u32;
    }
    let (octave, eighth) = (bucket / 8 + 2, bucket % 8);
    let top = ((8 + eighth as u64 + 1) << (octave - 3)) - 1;
    u32::try_from(top).unwrap_or(u32::MAX)
}

/// The counters themselves, alive in the worker.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) coroutines_alive: Cell<usize>,
    pub(super) coroutines_peak: Cell<usize>,
    pub(super) coroutines_started: Cell<u64>,
    pub(super) panics: Cell<u64>,
    pub(super) inbox_drops: Cell<u64>,
    pub(super) remote_drops: Arc<AtomicU64>,
    pub(super) helper_drops: Cell<u64>,
    pub(super) paced_turns: Cell<u64>,
    pub(super) laps: Cell<u64>,
    pub(super) missed_laps: Cell<u64>,
    pub(super) strays: Cell<u64>,
    pub(super) gathered_lost: Cell<u64>,
    pub(super) round_moves: Cell<u64>,
    pub(super) lateness: RefCell<LatenessHistogram>,
    stack_peaks: RefCell<Vec<StackPeak>>,
}

/// Adds to a counter in a cell.
pub(super) fn add(counter: &Cell<u64>, amount: u64) {
    counter.set(counter.get() + amount);
}

impl Counters {
    pub(super) fn coroutine_begins(&self) {
        let alive = self.coroutines_alive.get() + 1;
        self.coroutines_alive.set(alive);
        self.coroutines_peak.set(self.coroutines_peak.get().max(alive));
        add(&self.coroutines_started, 1);
    }

    pub(super) fn coroutine_ends(&self, name: &'static str, stack_bytes: usize) {
        self.coroutines_alive.set(self.coroutines_alive.get() - 1);
        let mut peaks = self.stack_peaks.borrow_mut();
        let full = peaks.len() == MAX_STACK_NAMES;
        match peaks.iter_mut().find(|peak| peak.name == name) {
            Some(peak) => peak.bytes = peak.bytes.max(stack_bytes),
            None if full => {}
            None => peaks.push(StackPeak { name, bytes: stack_bytes }),
        }
    }

    pub(super) fn picture(&self, slot_work_us: Vec<u32>) -> WorkerStatistics {
        WorkerStatistics {
            coroutines_alive: self.coroutines_alive.get(),
            coroutines_peak: self.coroutines_peak.get(),
            coroutines_started: self.coroutines_started.get(),
            panics: self.panics.get(),
            inbox_drops: self.inbox_drops.get() + self.remote_drops.load(Ordering::Relaxed),
            helper_drops: self.helper_drops.get(),
            paced_turns: self.paced_turns.get(),
            laps: self.laps.get(),
            missed_laps: self.missed_laps.get(),
            strays: self.strays.get(),
            gathered_lost: self.gathered_lost.get(),
            round_moves: self.round_moves.get(),
            lateness: self.lateness.borrow().clone(),
            slot_work_us,
            stack_peaks: self.stack_peaks.borrow().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_whose_top_is_at_most_an_eighth_above() {
        for micros in (0..100_000).chain([1 << 20, (1 << 30) + 12345, u32::MAX / 2]) {
            let top = bucket_top(bucket_of(micros));
            assert!(top >= micros && top - micros <= micros / 8, "{micros} -> {top}");
        }
    }

    #[test]
    fn quantiles_and_differences_of_a_histogram_are_those_of_its_values() {
        let mut histogram = LatenessHistogram::default();
        assert_eq!(histogram.quantile(0.99), Duration::ZERO);
        (1..=100).for_each(|micros| histogram.record(Duration::from_micros(micros)));
        let earlier = histogram.clone();
        assert_eq!(histogram.count(), 100);
        assert_eq!(histogram.max(), Duration::from_micros(100));
        let median = histogram.quantile(0.5).as_micros();
        assert!((50..=57).contains(&median), "{median}");
        assert_eq!(histogram.quantile(1.0), Duration::from_micros(100));
        histogram.record(Duration::from_millis(5));
        let later = histogram.since(&earlier);
        assert_eq!(later.count(), 1);
        assert!(later.quantile(0.5) >= Duration::from_millis(5));
    }
}
