//! The loss that an encoder is told to expect: what the peer reports (RFC 3550 §6.4.1, fraction lost), in few steps.
//!
//! Opus spends bits on a copy of the previous frame by it. Listeners of one step are one class, so steps are few; up it
//! goes at once, down only when the network has been better for a while.

/// The steps, and from what reported loss on each is taken, in 1/256.
const STEPS: [(u8, u8); 4] = [(0, 0), (5, 5), (10, 19), (20, 38)];
/// So many reports in a row ask for less before it is believed; they come every 5 s or so.
const REPORTS_UNTIL_LESS: u32 = 3;

/// What one peer's reports ask for.
#[derive(Debug, Clone, Default)]
pub struct ExpectedLoss {
    step: usize,
    /// Reports in a row that asked for less, and the most that one of them asked for.
    lower: u32,
    most_of_lower: usize,
}

impl ExpectedLoss {
    /// Takes a report's fraction lost; the per cent to expect from now on, if that has changed.
    pub fn handle_report(&mut self, fraction_lost: u8) -> Option<u8> {
        let wanted = STEPS.iter().rposition(|&(_, from)| fraction_lost >= from).unwrap_or(0);
        if wanted >= self.step {
            self.lower = 0;
            return self.go_to(wanted);
        }
        self.most_of_lower = if self.lower == 0 { wanted } else { self.most_of_lower.max(wanted) };
        self.lower += 1;
        if self.lower < REPORTS_UNTIL_LESS {
            return None;
        }
        self.lower = 0;
        self.go_to(self.most_of_lower)
    }

    fn go_to(&mut self, step: usize) -> Option<u8> {
        let changes = step != self.step;
        self.step = step;
        changes.then_some(STEPS[step].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is expected after each report of so many per cent.
    fn expected(reported_percent: &[u32]) -> Vec<u8> {
        let (mut loss, mut expected) = (ExpectedLoss::default(), 0);
        let mut after = |percent: &u32| {
            expected = loss.handle_report((percent * 256 / 100) as u8).unwrap_or(expected);
            expected
        };
        reported_percent.iter().map(&mut after).collect()
    }

    #[test]
    fn more_loss_is_expected_at_once_in_steps() {
        assert_eq!(expected(&[0, 1, 2, 5, 7, 8, 12, 15, 20, 99]), [0, 0, 5, 5, 5, 10, 10, 20, 20, 20]);
    }

    #[test]
    fn less_is_expected_after_three_reports_that_agree_and_then_what_the_worst_of_them_said() {
        assert_eq!(expected(&[20, 0, 5, 0, 0, 0, 0]), [20, 20, 20, 5, 5, 5, 0]);
    }

    #[test]
    fn one_bad_report_begins_the_wait_anew() {
        assert_eq!(expected(&[8, 0, 0, 8, 0, 0, 8, 0, 0, 0]), [10, 10, 10, 10, 10, 10, 10, 10, 10, 0]);
    }
}
