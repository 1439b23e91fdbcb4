//! The load governor: as the clock begins to run late, what costs most and is missed least is given up, step by step.
//!
//! The endpoint tells it every now and then how late the clock runs. It acts below the lateness at which new calls are
//! refused (`max-lateness-ms`), so that calls in progress keep their time; it goes back more slowly than it came.

use std::fmt;
use std::time::{Duration, Instant};

/// How often it wants to be told.
pub const LOOK: Duration = Duration::from_millis(100);
/// After a step it takes so long until the mean lateness shows what it has brought.
const UNTIL_IT_SHOWS: Duration = Duration::from_millis(500);
/// The clock has to be in time for so long before a step is taken back.
const CALM: Duration = Duration::from_secs(10);
/// Parts of the lateness at which calls are refused: above the first a step is taken, below the second it is calm.
const LATE_SHARE: f32 = 0.5;
const CALM_SHARE: f32 = 0.2;

/// What is given up; each step includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relief {
    /// Nothing.
    #[default]
    None,
    /// No concealment is thorough any more.
    CheapConcealment,
    /// Opus is encoded with a complexity of 3 at most.
    LessComplexity,
    /// Opus is encoded with complexity 0.
    LeastComplexity,
    /// Noise is not suppressed where it otherwise is.
    NoDenoising,
    /// At most four talk at once in each conference.
    FewTalkers,
    /// At most two do.
    FewestTalkers,
}

impl Relief {
    /// All of them, in the order in which they are taken.
    pub const LADDER: [Relief; 7] = [
        Relief::None,
        Relief::CheapConcealment,
        Relief::LessComplexity,
        Relief::LeastComplexity,
        Relief::NoDenoising,
        Relief::FewTalkers,
        Relief::FewestTalkers,
    ];

    /// Whether concealment may be no more than cheap.
    pub fn conceals_cheaply(self) -> bool {
        self >= Relief::CheapConcealment
    }

    /// The complexity that Opus may have.
    pub fn max_opus_complexity(self) -> u8 {
        match self {
            Relief::None | Relief::CheapConcealment => 10,
            Relief::LessComplexity => 3,
            _ => 0,
        }
    }

    /// What its step gives up, in two words.
    pub fn step(self) -> &'static str {
        match self {
            Relief::None => "nothing",
            Relief::CheapConcealment => "concealment",
            Relief::LessComplexity => "complexity 3",
            Relief::LeastComplexity => "complexity 0",
            Relief::NoDenoising => "denoising",
            Relief::FewTalkers => "4 talkers",
            Relief::FewestTalkers => "2 talkers",
        }
    }

    /// Whether noise is left as it is.
    pub fn skips_denoise(self) -> bool {
        self >= Relief::NoDenoising
    }

    /// How many may talk at once in a conference, if that is bounded.
    pub fn max_talkers(self) -> Option<usize> {
        match self {
            Relief::FewTalkers => Some(4),
            Relief::FewestTalkers => Some(2),
            _ => None,
        }
    }
}

impl fmt::Display for Relief {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Relief::None => return out.write_str("nothing is given up"),
            Relief::CheapConcealment => return out.write_str("concealment is cheap"),
            _ => write!(out, "concealment is cheap, Opus complexity at most {}", self.max_opus_complexity())?,
        }
        if self.skips_denoise() {
            out.write_str(", noise is not suppressed")?;
        }
        match self.max_talkers() {
            Some(talkers) => write!(out, ", at most {talkers} talk in a conference"),
            None => Ok(()),
        }
    }
}

/// See the module.
pub struct Governor {
    late: Duration,
    calm: Duration,
    step: usize,
    stepped_at: Option<Instant>,
    calm_since: Option<Instant>,
}

impl Governor {
    /// Gives nothing up yet; calls are refused above `max_lateness`.
    pub fn new(max_lateness: Duration) -> Governor {
        Governor {
            late: max_lateness.mul_f32(LATE_SHARE),
            calm: max_lateness.mul_f32(CALM_SHARE),
            step: 0,
            stepped_at: None,
            calm_since: None,
        }
    }

    /// Takes the mean lateness of the last ticks; what is given up from now on, if that has changed.
    pub fn handle_lateness(&mut self, now: Instant, lateness: Duration) -> Option<Relief> {
        let since = |at: Instant| now.saturating_duration_since(at);
        if lateness >= self.calm {
            self.calm_since = None;
            let shows = self.stepped_at.is_none_or(|at| since(at) >= UNTIL_IT_SHOWS);
            return (lateness > self.late && shows && self.step + 1 < Relief::LADDER.len())
                .then(|| self.go_to(now, self.step + 1));
        }
        let calm_since = *self.calm_since.get_or_insert(now);
        (self.step > 0 && since(calm_since) >= CALM).then(|| self.go_to(now, self.step - 1))
    }

    fn go_to(&mut self, now: Instant, step: usize) -> Relief {
        self.step = step;
        self.stepped_at = Some(now);
        self.calm_since = None;
        Relief::LADDER[step]
    }
}

#[cfg(test)]
mod tests {
    use super::{Governor, LOOK, Relief};
    use std::time::{Duration, Instant};

    const MAX_LATENESS: Duration = Duration::from_millis(10);

    /// The changes, and after how many ms each, while the clock is late by so many ms for so many seconds.
    fn changes(story: &[(u64, u64)]) -> Vec<(u64, Relief)> {
        let (mut governor, begin) = (Governor::new(MAX_LATENESS), Instant::now());
        let (mut now, mut changes) = (begin, Vec::new());
        for &(late_ms, seconds) in story {
            let end = now + Duration::from_secs(seconds);
            while now < end {
                if let Some(relief) = governor.handle_lateness(now, Duration::from_millis(late_ms)) {
                    changes.push(((now - begin).as_millis() as u64, relief));
                }
                now += LOOK;
            }
        }
        changes
    }

    #[test]
    fn a_clock_in_time_costs_nothing() {
        assert_eq!(changes(&[(0, 60), (4, 60)]), []);
    }

    #[test]
    fn steps_are_taken_in_order_with_time_between_them_to_show() {
        let steps: Vec<_> = (0..).step_by(500).zip(Relief::LADDER[1..].iter().copied()).collect();
        assert_eq!(changes(&[(8, 60)]), steps, "no more than there are");
    }

    #[test]
    fn steps_are_taken_back_in_reverse_once_it_has_been_calm_for_a_while() {
        let story = changes(&[(8, 1), (0, 60)]);
        let back = [(11_000, Relief::CheapConcealment), (21_100, Relief::None)];
        assert_eq!(story[2..], back);
    }

    #[test]
    fn between_late_and_calm_nothing_changes() {
        assert_eq!(changes(&[(8, 1), (3, 600)]).len(), 2);
    }

    #[test]
    fn a_moment_of_lateness_begins_the_calm_anew() {
        let story = changes(&[(8, 1), (0, 9), (3, 1), (0, 9), (3, 1)]);
        assert_eq!(story.len(), 2);
    }

    #[test]
    fn what_is_given_up_grows_with_each_step() {
        let left = Relief::LADDER.map(|relief| {
            let talkers = relief.max_talkers().unwrap_or(usize::MAX);
            (!relief.conceals_cheaply(), relief.max_opus_complexity(), !relief.skips_denoise(), talkers)
        });
        assert!(left.is_sorted_by(|a, b| a > b) && Relief::LADDER.is_sorted());
    }

    #[test]
    fn each_step_tells_what_is_given_up() {
        let told = Relief::LADDER.map(|relief| relief.to_string());
        assert_eq!(told[0], "nothing is given up");
        let all = "concealment is cheap, Opus complexity at most 0, noise is not suppressed, at most 2 talk in a conference";
        assert_eq!(told[6], all);
        assert!(told.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
