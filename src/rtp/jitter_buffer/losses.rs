//! How often the network loses packets, as far as the last seconds tell.
//!
//! A gap is bridged best by who has the packet behind it: that carries a copy of the missing one (Opus's in-band FEC,
//! RFC 6716 §2.1.7, or RFC 2198), or says at least where the voice went. Where gaps are frequent, having it is worth the
//! wait.

use super::long_gaps::{LONG, LongGaps};
use crate::rtp::ExtendedSequence;

/// So many gaps within the window are frequent.
const FREQUENT: usize = 4;
const WINDOW_US: i64 = 8_000_000;
/// Copies from farther back are not waited for.
const MOST_PACKETS: i64 = 3;
const NEVER: i64 = i64::MIN;

/// The gaps of the last seconds.
#[derive(Debug, Clone)]
pub(super) struct Losses {
    frequent: bool,
    /// Gaps are frequent until then, if no more come.
    until_us: i64,
    /// By how many packets a copy is behind the packet it comes with, at most.
    reach_packets: i64,
    /// The same as it was before the newest gap, which may yet be taken back.
    until_before_us: i64,
    /// When the last gaps were met, newest first; one more than count, for the same reason.
    gaps_us: [i64; FREQUENT + 1],
    /// The newest gap: from here to the one behind it, and how many of them have not come.
    first: ExtendedSequence,
    behind: ExtendedSequence,
    missing: u64,
    long: LongGaps,
}

impl Losses {
    pub(super) fn new() -> Losses {
        Losses {
            frequent: false,
            until_us: NEVER,
            reach_packets: 1,
            until_before_us: NEVER,
            gaps_us: [NEVER; FREQUENT + 1],
            first: ExtendedSequence(0),
            behind: ExtendedSequence(0),
            missing: 0,
            long: LongGaps::new(),
        }
    }

    /// How many packets more are worth waiting for, as of the last [`Losses::look`], where a packet makes up for the
    /// `reach` before it: one in any codec, if gaps are frequent, more where copies come later, or where long gaps are.
    pub(super) fn worth_waiting_for(&self, reach: i64) -> i64 {
        self.wait_packets().max(self.long.worth_waiting_for().min(reach))
    }

    /// For how many packets behind a missing one it is worth to wait.
    fn wait_packets(&self) -> i64 {
        if self.frequent { self.reach_packets } else { 0 }
    }

    /// A copy has come that is so many packets behind the one it came with.
    pub(super) fn reach(&mut self, packets: i64) {
        self.reach_packets = self.reach_packets.max(packets.min(MOST_PACKETS));
    }

    /// It is so late now.
    pub(super) fn look(&mut self, now_us: i64) {
        self.frequent = now_us < self.until_us;
        if !self.frequent {
            self.reach_packets = 1;
        }
        self.long.look(now_us);
    }

    /// The turn of `sequence` is over and it has not come. Numbers in a row are one gap.
    pub(super) fn record(&mut self, now_us: i64, sequence: ExtendedSequence) {
        let continues = self.missing > 0 && sequence == self.behind;
        self.behind = sequence.plus(1);
        if continues {
            self.missing += 1;
            match self.missing {
                LONG => self.long.begin(now_us),
                missing if missing > LONG => self.long.resize(missing),
                _ => {}
            }
            return;
        }
        (self.first, self.missing) = (sequence, 1);
        self.gaps_us.rotate_right(1);
        self.gaps_us[0] = now_us;
        self.until_before_us = self.until_us;
        if now_us.saturating_sub(self.gaps_us[FREQUENT - 1]) < WINDOW_US {
            self.until_us = now_us.saturating_add(WINDOW_US);
        }
    }

    /// It came after its turn: not lost but slow, which is for the transit times to tell.
    pub(super) fn take_back(&mut self, sequence: ExtendedSequence) {
        if self.missing == 0 || !(self.first..self.behind).contains(&sequence) {
            return;
        }
        self.missing -= 1;
        match self.missing + 1 {
            LONG => self.long.take_back(),
            before if before > LONG => self.long.resize(self.missing),
            _ => {}
        }
        if self.missing == 0 {
            self.gaps_us.rotate_left(1);
            self.gaps_us[FREQUENT] = NEVER;
            self.until_us = self.until_before_us;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S_US: i64 = 1_000_000;

    fn number(sequence: u64) -> ExtendedSequence {
        ExtendedSequence(sequence)
    }

    /// After one gap of one packet at each of these times.
    fn after(gaps_us: &[i64]) -> Losses {
        let mut losses = Losses::new();
        for (n, &at_us) in gaps_us.iter().enumerate() {
            losses.record(at_us, number(10 * (n as u64 + 1)));
        }
        losses
    }

    fn frequent_at(losses: &mut Losses, now_us: i64) -> bool {
        losses.look(now_us);
        losses.worth_waiting_for(0) == 1
    }

    #[test]
    fn four_gaps_within_eight_seconds_are_frequent_and_three_are_not() {
        assert!(!frequent_at(&mut Losses::new(), 0));
        assert!(!frequent_at(&mut after(&[0, S_US, 2 * S_US]), 3 * S_US));
        assert!(frequent_at(&mut after(&[0, S_US, 2 * S_US, 7 * S_US]), 7 * S_US));
        assert!(!frequent_at(&mut after(&[0, S_US, 2 * S_US, 8 * S_US]), 8 * S_US));
    }

    #[test]
    fn eight_seconds_with_fewer_end_it() {
        let mut losses = after(&[0, S_US, 2 * S_US, 3 * S_US]);
        losses.record(9 * S_US, number(100));
        assert!(frequent_at(&mut losses, 11 * S_US - 1));
        assert!(!frequent_at(&mut losses, 11 * S_US));
    }

    #[test]
    fn numbers_in_a_row_are_one_gap() {
        let mut losses = Losses::new();
        (0..40).for_each(|n| losses.record(n, number(100 + n as u64)));
        assert!(!frequent_at(&mut losses, 40));
    }

    #[test]
    fn what_came_too_late_was_no_gap() {
        let mut losses = after(&[0, S_US, 2 * S_US, 3 * S_US]);
        losses.take_back(number(20)); // too long ago to matter
        assert!(frequent_at(&mut losses, 4 * S_US));
        losses.take_back(number(40));
        assert!(!frequent_at(&mut losses, 4 * S_US));
        losses.record(5 * S_US, number(60));
        assert!(frequent_at(&mut losses, 6 * S_US), "the three before it still count");
    }

    #[test]
    fn a_gap_that_is_still_there_in_part_counts() {
        let mut losses = after(&[0, S_US, 2 * S_US]);
        losses.record(3 * S_US, number(50));
        losses.record(3 * S_US, number(51));
        losses.take_back(number(51));
        assert!(frequent_at(&mut losses, 4 * S_US));
        losses.take_back(number(50));
        assert!(!frequent_at(&mut losses, 4 * S_US));
    }

    #[test]
    fn long_gaps_are_worth_their_length_as_far_as_packets_reach() {
        let mut losses = Losses::new();
        let mut gap = |at_us: i64, from: u64, length: u64| {
            (from..from + length).for_each(|n| losses.record(at_us, number(n)));
            losses.look(at_us);
            [0, 1, 4, 15].map(|reach| losses.worth_waiting_for(reach))
        };
        assert_eq!(gap(0, 100, 8), [0; 4]);
        assert_eq!(gap(S_US, 200, 2), [0; 4]);
        assert_eq!(gap(2 * S_US, 300, 5), [0, 1, 4, 8]);
        assert_eq!(gap(3 * S_US, 400, 1), [1, 1, 4, 8], "short ones are frequent too");
    }

    #[test]
    fn long_gaps_whose_packets_came_too_late_are_as_long_as_what_did_not_come() {
        let mut losses = Losses::new();
        (100..108).for_each(|n| losses.record(0, number(n)));
        (200..208).for_each(|n| losses.record(S_US, number(n)));
        let mut worth_without = |n| {
            losses.take_back(number(n));
            losses.look(2 * S_US);
            losses.worth_waiting_for(15)
        };
        assert_eq!([200, 201, 202, 203, 204, 205].map(&mut worth_without), [8, 8, 8, 8, 8, 0]);
        assert_eq!(worth_without(206), 0);
    }
}
