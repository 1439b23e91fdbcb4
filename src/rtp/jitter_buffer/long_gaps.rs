//! How often the network loses several packets in a row, and how many.
//!
//! Where a packet carries the last tenths of a second (Opus's deep redundancy) such a gap can be filled by who waits for the
//! packet behind it: a delay that pays only where the next one is sure to come.

/// So many packets in a row are worth a longer wait than for one …
pub(super) const LONG: u64 = 3;
/// … where so many such gaps have been within the window.
const FREQUENT: usize = 2;
const WINDOW_US: i64 = 8_000_000;
const NEVER: i64 = i64::MIN;

/// The long gaps of the last seconds.
#[derive(Debug, Clone)]
pub(super) struct LongGaps {
    /// When they were met and how many packets each has cost, newest first.
    gaps: [(i64, u64); 4],
    /// Long gaps are frequent until then, if no more come, and as long as the longest since they are: a depth that comes and
    /// goes with each gap is heard as a voice that is drawn out and hurried.
    until_us: i64,
    longest: u64,
    /// The longest before the newest came, which may yet be taken back; 0 if they were not frequent then.
    held: u64,
    frequent: bool,
}

impl LongGaps {
    pub(super) fn new() -> LongGaps {
        LongGaps { gaps: [(NEVER, 0); 4], until_us: NEVER, longest: 0, held: 0, frequent: false }
    }

    /// The longest of them, if they are frequent as of the last [`LongGaps::look`], else 0.
    pub(super) fn worth_waiting_for(&self) -> i64 {
        if self.frequent { i64::try_from(self.longest).unwrap_or(i64::MAX) } else { 0 }
    }

    /// It is so late now.
    pub(super) fn look(&mut self, now_us: i64) {
        self.frequent = now_us < self.until_us;
    }

    /// A gap has become long.
    pub(super) fn begin(&mut self, now_us: i64) {
        self.held = if now_us < self.until_us { self.longest } else { 0 };
        self.gaps.rotate_right(1);
        self.gaps[0] = (now_us, LONG);
        self.settle();
    }

    /// The newest is so long now.
    pub(super) fn resize(&mut self, missing: u64) {
        self.gaps[0].1 = missing;
        self.settle();
    }

    /// The newest is none.
    pub(super) fn take_back(&mut self) {
        self.gaps.rotate_left(1);
        self.gaps[3] = (NEVER, 0);
        self.settle();
    }

    fn settle(&mut self) {
        let newest_us = self.gaps[0].0;
        let recent = self.gaps.iter().filter(|gap| newest_us.saturating_sub(gap.0) < WINDOW_US && gap.1 > 0);
        let (count, longest) = recent.fold((0, 0), |(count, longest), gap| (count + 1, longest.max(gap.1)));
        let frequent = count >= FREQUENT || self.held > 0;
        self.until_us = if frequent { newest_us.saturating_add(WINDOW_US) } else { NEVER };
        self.longest = longest.max(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S_US: i64 = 1_000_000;

    /// After long gaps at these times, of so many packets.
    fn after(gaps: &[(i64, u64)]) -> LongGaps {
        let mut long = LongGaps::new();
        for &(at_us, length) in gaps {
            long.begin(at_us);
            long.resize(length);
        }
        long
    }

    fn worth_at(long: &mut LongGaps, now_us: i64) -> i64 {
        long.look(now_us);
        long.worth_waiting_for()
    }

    #[test]
    fn two_long_gaps_within_eight_seconds_are_frequent_and_worth_the_longer_of_them() {
        assert_eq!(worth_at(&mut LongGaps::new(), 0), 0);
        assert_eq!(worth_at(&mut after(&[(0, 8)]), 0), 0);
        assert_eq!(worth_at(&mut after(&[(0, 8), (8 * S_US, 5)]), 8 * S_US), 0);
        assert_eq!(worth_at(&mut after(&[(0, 8), (8 * S_US - 1, 5)]), 8 * S_US), 8);
    }

    #[test]
    fn eight_seconds_without_end_it_and_until_then_the_longest_counts() {
        let mut long = after(&[(0, 12), (S_US, 8), (7 * S_US, 5)]);
        assert_eq!(worth_at(&mut long, 15 * S_US - 1), 12);
        assert_eq!(worth_at(&mut long, 15 * S_US), 0);
        long.begin(14 * S_US);
        assert_eq!(worth_at(&mut long, 22 * S_US - 1), 12, "one within that time is enough to go on");
        long.begin(22 * S_US);
        assert_eq!(worth_at(&mut long, 22 * S_US), 0, "all is forgotten");
        long.begin(23 * S_US);
        assert_eq!(worth_at(&mut long, 23 * S_US), 3);
    }

    #[test]
    fn one_that_came_too_late_was_none() {
        let mut long = after(&[(0, 8), (S_US, 12)]);
        long.take_back();
        assert_eq!(worth_at(&mut long, 2 * S_US), 0);
        long.begin(3 * S_US);
        assert_eq!(worth_at(&mut long, 3 * S_US), 8, "the first still counts");
        long.begin(4 * S_US);
        long.resize(15);
        assert_eq!(worth_at(&mut long, 4 * S_US), 15);
        long.take_back();
        assert_eq!(worth_at(&mut long, 4 * S_US), 8);
    }
}
