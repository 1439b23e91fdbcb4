//! Audio that goes on by the repetition of its last pitch periods (G.711 Appendix I, §I.2.3 to I.2.6).

/// The repetition of the end of some audio, which is handed in at each step.
#[derive(Debug, Clone, Default)]
pub(super) struct Cycles {
    period: usize,
    /// Each so many samples another period is repeated too, up to `most`.
    step: usize,
    most: usize,
    current: Cycle,
    /// What is faded out after a change of cycle, and how much of the fade is left.
    previous: Cycle,
    fade_left: usize,
    /// What the first sample would be off by, fading over the same time.
    offset: f32,
    made: usize,
}

/// Where in the repeated periods it is.
#[derive(Debug, Clone, Copy, Default)]
struct Cycle {
    periods: usize,
    at: usize,
}

impl Cycles {
    /// `past` is longer than `most` and a quarter periods.
    pub(super) fn new(past: &[f32], period: usize, step: usize, most: usize) -> Self {
        let (newest, first) = (past.len() - 1, Cycle { periods: 1, at: 0 });
        let offset = past[newest] - past[newest - period];
        Self { period, step, most, current: first, previous: first, fade_left: 0, offset, made: 0 }
    }

    pub(super) fn period(&self) -> usize {
        self.period
    }

    /// How many samples it has given.
    pub(super) fn made(&self) -> usize {
        self.made
    }

    /// The next sample.
    pub(super) fn next(&mut self, past: &[f32]) -> f32 {
        let fade = quarter(self.period);
        if self.made > 0 && self.made.is_multiple_of(self.step) && self.current.periods < self.most {
            self.previous = self.current;
            self.fade_left = fade;
            self.current = Cycle { periods: self.current.periods + 1, at: self.current.at % self.period };
        }
        let mut value = step_through(past, self.period, &mut self.current);
        if self.fade_left > 0 {
            let share = self.fade_left as f32 / (fade + 1) as f32;
            value += (step_through(past, self.period, &mut self.previous) - value) * share;
            self.fade_left -= 1;
        }
        if self.made < fade {
            value += self.offset * (fade - self.made) as f32 / (fade + 1) as f32;
        }
        self.made += 1;
        value
    }
}

/// The next sample of the last periods of `past`, played round and round. The last quarter of a period
/// blends into what came before the first, so that the end joins the beginning.
fn step_through(past: &[f32], period: usize, cycle: &mut Cycle) -> f32 {
    let (newest, len, blend) = (past.len(), cycle.periods * period, quarter(period));
    let until_end = len - cycle.at;
    let value = past[newest - until_end];
    cycle.at = if until_end == 1 { 0 } else { cycle.at + 1 };
    if until_end > blend {
        return value;
    }
    let share = (blend - until_end + 1) as f32 / (blend + 1) as f32;
    value + (past[newest - len - until_end] - value) * share
}

pub(super) fn quarter(period: usize) -> usize {
    period / 4
}
