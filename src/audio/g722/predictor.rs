//! The adaptive predictor that both bands have (§3.6 and figures 3-4): two poles and six zeros.

/// Foretells a band's next sample by its past, and learns from what it was off by.
#[derive(Debug, Clone, Default)]
pub(super) struct Predictor {
    /// What is foretold, and the part of the zeros in it.
    estimate: i16,
    zero_estimate: i16,
    /// The last quantised differences, newest first, and their coefficients.
    differences: [i16; 6],
    zeros: [i16; 6],
    /// The last two signals, newest first: rebuilt, rebuilt by the zeros alone; and the coefficients of the former.
    rebuilt: [i16; 2],
    partial: [i16; 2],
    poles: [i16; 2],
}

impl Predictor {
    /// What the next sample is taken for.
    pub fn estimate(&self) -> i16 {
        self.estimate
    }

    /// The sample was off by `difference`, as quantised.
    pub fn learn(&mut self, difference: i16) {
        let rebuilt = self.estimate.saturating_add(difference); // RECONS
        let partial = self.zero_estimate.saturating_add(difference); // PARREC
        self.learn_poles(partial);
        self.learn_zeros(difference);
        self.rebuilt = [rebuilt, self.rebuilt[0]];
        self.partial = [partial, self.partial[0]];
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        self.zero_estimate = self.filter_zeros();
        self.estimate = self.filter_poles().saturating_add(self.zero_estimate); // PREDIC
    }

    /// UPPOL2, then UPPOL1, which is bounded by what comes of it.
    fn learn_poles(&mut self, partial: i16) {
        let [first, second] = self.poles;
        let agrees = |past: i16| (partial < 0) == (past < 0);
        let quadruple = saturated(i32::from(first) * 4);
        let pull = if agrees(self.partial[0]) { quadruple.saturating_neg() } else { quadruple } >> 7;
        let push = if agrees(self.partial[1]) { 128 } else { -128 };
        let second = (pull + push).saturating_add(product(second, 32_512)).clamp(-12_288, 12_288);
        let push = if agrees(self.partial[0]) { 192 } else { -192 };
        let bound = 15_360 - second;
        let first = product(first, 32_640).saturating_add(push).clamp(-bound, bound);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn learn_zeros(&mut self, difference: i16) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, past) in self.zeros.iter_mut().zip(&self.differences) {
            let push = if (difference < 0) == (*past < 0) { step } else { -step };
            *zero = product(*zero, 32_640).saturating_add(push);
        }
    }

    /// FILTEZ: the oldest first, each sum saturated.
    fn filter_zeros(&self) -> i16 {
        let terms = self.differences.iter().zip(&self.zeros);
        terms
            .rev()
            .fold(0, |sum: i16, (past, zero)| sum.saturating_add(product(past.saturating_add(*past), *zero)))
    }

    /// FILTEP.
    fn filter_poles(&self) -> i16 {
        let [newer, older] =
            [0, 1].map(|at| product(self.poles[at], self.rebuilt[at].saturating_add(self.rebuilt[at])));
        newer.saturating_add(older)
    }
}

/// The upper 16 bits of a product of fractions.
pub(super) fn product(one: i16, other: i16) -> i16 {
    saturated((i32::from(one) * i32::from(other)) >> 15)
}

pub(super) fn saturated(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}
