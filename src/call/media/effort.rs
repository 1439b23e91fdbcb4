//! How many of a worker's concealments may be thorough: those of all legs together, so that a bad network does not
//! become a late clock.

use crate::audio::Effort;
use std::time::{Duration, Instant};

/// Frames of 20 ms: at some 0.4 ms each they take an eighth of the time at most.
const THOROUGH_PER_PERIOD: u128 = 6;
/// A frame.
const PERIOD: Duration = Duration::from_millis(20);

/// What is left to spend.
#[derive(Debug, Default)]
pub struct Efforts {
    /// When there is all of it again.
    renewed_at: Option<Instant>,
    /// In frames of 20 ms.
    spent: u128,
    withdrawn: bool,
}

impl Efforts {
    /// Allows no thorough one from now on, or allows them again.
    pub fn withdraw(&mut self, withdrawn: bool) {
        self.withdrawn = withdrawn;
    }

    /// Whether none is allowed: the worker has too much to do.
    pub fn are_withdrawn(&self) -> bool {
        self.withdrawn
    }

    /// What a concealment of so much audio may cost, in the frame that is due at `due`. Each 20 ms begun count as one.
    pub fn spend(&mut self, due: Instant, duration: Duration) -> Effort {
        if self.withdrawn {
            return Effort::Cheap;
        }
        if self.renewed_at.is_none_or(|at| due >= at) {
            self.renewed_at = Some(due + PERIOD);
            self.spent = 0;
        }
        let spends = duration.as_nanos().div_ceil(PERIOD.as_nanos()).max(1);
        if self.spent + spends > THOROUGH_PER_PERIOD {
            return Effort::Cheap;
        }
        self.spent += spends;
        Effort::Thorough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn of_a_frame_s_concealments_six_are_thorough_whenever_within_it_they_are() {
        let (mut efforts, start) = (Efforts::default(), Instant::now());
        for frame in 0..3 {
            let mut at = |slot: u32| efforts.spend(start + (frame * 20 + slot) * MS, PERIOD);
            let thorough = (0..20).filter(|&slot| at(slot) == Effort::Thorough);
            assert_eq!(thorough.count(), 6, "frame {frame}");
        }
    }

    #[test]
    fn a_long_concealment_costs_as_many_as_it_lasts_frames_and_is_cheap_where_not_enough_are_left() {
        let (mut efforts, start) = (Efforts::default(), Instant::now());
        let mut spend = |duration_ms: u32| efforts.spend(start, duration_ms * MS);
        assert_eq!(spend(61), Effort::Thorough, "four");
        assert_eq!(spend(60), Effort::Cheap, "three of two");
        assert_eq!([spend(10), spend(20), spend(1)], [Effort::Thorough, Effort::Thorough, Effort::Cheap]);
    }

    #[test]
    fn what_was_not_spent_is_not_saved() {
        let (mut efforts, start) = (Efforts::default(), Instant::now());
        efforts.spend(start, PERIOD);
        let later = start + 500 * MS;
        assert_eq!((0..20).filter(|_| efforts.spend(later, PERIOD) == Effort::Thorough).count(), 6);
    }

    #[test]
    fn withdrawn_there_are_none_until_they_are_allowed_again() {
        let (mut efforts, start) = (Efforts::default(), Instant::now());
        efforts.withdraw(true);
        assert!(efforts.are_withdrawn());
        assert_eq!(efforts.spend(start, PERIOD), Effort::Cheap);
        efforts.withdraw(false);
        assert_eq!(efforts.spend(start, PERIOD), Effort::Thorough);
    }
}
