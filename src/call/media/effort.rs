//! How many of a worker's concealments may be thorough: those of all legs together, so that a bad network does not
//! become a late clock.

use crate::audio::Effort;
use std::time::{Duration, Instant};

/// At some 0.4 ms each they take an eighth of the time at most.
const THOROUGH_PER_PERIOD: u32 = 6;
/// A frame.
const PERIOD: Duration = Duration::from_millis(20);

/// What is left to spend.
#[derive(Debug, Default)]
pub struct Efforts {
    /// When there is all of it again.
    renewed_at: Option<Instant>,
    spent: u32,
    withdrawn: bool,
}

impl Efforts {
    /// Allows no thorough one from now on, or allows them again.
    pub fn withdraw(&mut self, withdrawn: bool) {
        self.withdrawn = withdrawn;
    }

    /// What a concealment of the frame that is due at `due` may cost.
    pub fn spend(&mut self, due: Instant) -> Effort {
        if self.withdrawn {
            return Effort::Cheap;
        }
        if self.renewed_at.is_none_or(|at| due >= at) {
            self.renewed_at = Some(due + PERIOD);
            self.spent = 0;
        }
        if self.spent == THOROUGH_PER_PERIOD {
            return Effort::Cheap;
        }
        self.spent += 1;
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
            let thorough =
                (0..20).filter(|&slot| efforts.spend(start + (frame * 20 + slot) * MS) == Effort::Thorough);
            assert_eq!(thorough.count(), 6, "frame {frame}");
        }
    }

    #[test]
    fn what_was_not_spent_is_not_saved() {
        let (mut efforts, start) = (Efforts::default(), Instant::now());
        efforts.spend(start);
        let later = start + 500 * MS;
        assert_eq!((0..20).filter(|_| efforts.spend(later) == Effort::Thorough).count(), 6);
    }

    #[test]
    fn withdrawn_there_are_none_until_they_are_allowed_again() {
        let (mut efforts, start) = (Efforts::default(), Instant::now());
        efforts.withdraw(true);
        assert_eq!(efforts.spend(start), Effort::Cheap);
        efforts.withdraw(false);
        assert_eq!(efforts.spend(start), Effort::Thorough);
    }
}
