//! The table: a line for each codec and condition.

use crate::codec::Codec;
use crate::conditions::{Condition, Kind, Wish};
use crate::outcome::Outcome;
use crate::plan::Plan;

/// Prints it; whether everything that is wanted is so.
pub fn print(plan: &Plan, outcomes: &[(Codec, Condition, Outcome)]) -> bool {
    println!(
        "{:<5} {:<38} {:>5} {:>5} {:>5} {:>6} {:>7} {:>7} {:>7} {:>7}  {:<42} holds",
        "codec",
        "condition",
        "PESQ",
        "min",
        "best",
        "bound",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "ms/min",
        "wanted"
    );
    let mut all_hold = true;
    for (codec, condition, outcome) in outcomes {
        let clean =
            outcomes.iter().find(|(other, condition, _)| other == codec && condition.kind == Kind::Clean);
        let wishes = condition.wishes(*codec, outcome, clean.map(|(.., outcome)| outcome));
        let holds = wishes.iter().all(|wish| wish.holds);
        all_hold &= holds;
        let number = |value: Option<f64>, places: usize| {
            value.map_or("-".to_owned(), |value| format!("{value:.places$}"))
        };
        println!(
            "{:<5} {:<38} {:>5.2} {:>5.2} {:>5.2} {:>6} {:>7} {:>7} {:>7} {:>7}  {:<42} {}",
            format!("{codec:?}").to_lowercase(),
            condition,
            outcome.pesq_mean(),
            outcome.pesq_min(),
            outcome.best,
            number(outcome.bound, 2),
            number(outcome.delay_ms(50), 1),
            number(outcome.delay_ms(95), 1),
            number(outcome.delay_ms(99), 1),
            number(outcome.drift_ms, 1),
            texts(&wishes),
            verdict(&wishes),
        );
        if outcome.unmatched > 0 {
            let found = outcome.delays_ms.len();
            println!(
                "      {} of {} seconds of speech were not found",
                outcome.unmatched,
                found + outcome.unmatched
            );
        }
    }
    println!("{} seeds; what was heard is in {}", plan.seeds, plan.output.display());
    all_hold
}

fn texts(wishes: &[Wish]) -> String {
    let texts: Vec<&str> = wishes.iter().map(|wish| wish.text.as_str()).collect();
    texts.join(", ")
}

fn verdict(wishes: &[Wish]) -> String {
    let failed: Vec<Wish> = wishes.iter().filter(|wish| !wish.holds).cloned().collect();
    match (wishes.is_empty(), failed.is_empty()) {
        (true, _) => "-".to_owned(),
        (false, true) => "ok".to_owned(),
        (false, false) => format!("NO: {}", texts(&failed)),
    }
}
