//! The networks that are tried, and what is wanted under each.

use std::fmt;

use crate::codec::Codec;
use crate::network::Network;
use crate::outcome::Outcome;

/// The delay of a skewed clock is a sawtooth as high as the mixer's frame, 40 s long at 500 ppm: in one minute where it begins
/// alone makes a slope of up to 3.3 ms (in three, of 0.4: `--skew 500 --seconds 180`). A queue that grows makes one of 30.
const SKEW_SECONDS: usize = 60;

/// What deep redundancy has to bring, in PESQ.
const DRED_GAIN: f64 = 0.3;

/// What a network is there to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Clean,
    Loss,
    Bursts,
    /// Bursts of 200 ms, of which the sender's packets carry no more than in-band FEC.
    LongBursts,
    /// The same with deep redundancy in place of FEC, at the same bitrate.
    DeepRedundancy,
    Jitter,
    Skew,
    /// The user's own: nothing is wanted.
    Own,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    pub kind: Kind,
    pub network: Network,
    /// Prompts are said again until it is as long as this.
    pub least_seconds: usize,
}

/// Something that is wanted, and whether it is so.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub text: String,
    pub holds: bool,
}

impl Kind {
    /// Whether there is anything to be shown with a codec.
    pub fn is_for(self, codec: Codec) -> bool {
        codec == Codec::Opus || !matches!(self, Kind::LongBursts | Kind::DeepRedundancy)
    }
}

impl Condition {
    /// What Opus's deep redundancy (DRED) brings, and beside it the clean call, of which nothing is wanted here.
    pub fn long_bursts() -> Vec<Condition> {
        let network = Network { loss_percent: 10.0, burst: 10.0, ..Network::default() };
        let condition = |kind, network| Condition { kind, network, least_seconds: 0 };
        vec![
            condition(Kind::Own, Network::default()),
            condition(Kind::LongBursts, network),
            condition(Kind::DeepRedundancy, network),
        ]
    }

    /// All that the table has; a quick one leaves out what takes longer.
    pub fn standard(quick: bool) -> Vec<Condition> {
        let condition = |kind, network| Condition { kind, network, least_seconds: 0 };
        let plain = Network::default();
        let mut all = vec![
            condition(Kind::Clean, plain),
            condition(Kind::Loss, Network { loss_percent: 5.0, jitter_ms: 30.0, ..plain }),
            condition(Kind::Bursts, Network { loss_percent: 10.0, burst: 3.0, jitter_ms: 30.0, ..plain }),
        ];
        if !quick {
            all.push(condition(Kind::Jitter, Network { jitter_ms: 60.0, ..plain }));
            let skewed = [500.0, -500.0].map(|skew_ppm| Condition {
                least_seconds: SKEW_SECONDS,
                ..condition(Kind::Skew, Network { skew_ppm, ..plain })
            });
            all.extend(skewed);
            all.extend(&Condition::long_bursts()[1..]);
        }
        all
    }

    /// What is wanted of `outcome`; `clean` is the same codec without a bad network.
    pub fn wishes(&self, codec: Codec, outcome: &Outcome, clean: Option<&Outcome>) -> Vec<Wish> {
        let least = |least: f64| wish(format!("PESQ ≥ {least:.2}"), outcome.pesq_mean() >= least);
        let quality = match (self.kind, codec) {
            (Kind::Clean, _) => Some(outcome.best - 0.05),
            (Kind::Loss, Codec::Pcmu | Codec::Pcma) => Some(3.15),
            (Kind::Bursts, Codec::Pcmu | Codec::Pcma) => Some(2.7),
            (Kind::Loss, Codec::G722) => Some(2.3),
            // What in-band redundancy and plain concealment give to a buffer without limits: once, and of the same losses.
            (Kind::Loss, Codec::Opus) => Some(outcome.bound.unwrap_or_default().max(3.0)),
            (Kind::Bursts, Codec::Opus) => Some(outcome.bound.unwrap_or_default().max(2.53)),
            (Kind::DeepRedundancy, _) => outcome.bound.map(|bound| bound + DRED_GAIN),
            _ => None,
        };
        let mut wishes: Vec<Wish> = quality.map(least).into_iter().collect();
        let delay = |percent, most: f64| {
            let holds = outcome.delay_ms(percent).is_some_and(|delay| delay <= most);
            wish(format!("p{percent} ≤ {most:.0} ms"), holds)
        };
        let clean_delay = |percent| clean.and_then(|clean| clean.delay_ms(percent));
        match self.kind {
            Kind::Clean => {
                wishes.extend(
                    [(50, 15.0), (99, 25.0)].map(|(percent, most)| delay(percent, most + outcome.codec_ms)),
                );
            }
            Kind::Loss | Kind::Bursts => wishes.extend(clean_delay(95).map(|clean| delay(95, clean + 80.0))),
            Kind::Jitter => wishes.extend(clean_delay(50).map(|clean| delay(50, clean + 65.0))),
            Kind::Skew => {
                let holds = outcome.drift_ms.is_some_and(|drift| drift.abs() <= 2.0);
                wishes.push(wish("drift ≤ 2 ms/min".to_owned(), holds));
            }
            Kind::LongBursts | Kind::DeepRedundancy | Kind::Own => {}
        }
        wishes
    }
}

fn wish(text: String, holds: bool) -> Wish {
    Wish { text, holds }
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Network { loss_percent, burst, jitter_ms, reorder_percent, duplicate_percent, skew_ppm } =
            self.network;
        let mut parts = Vec::new();
        if loss_percent > 0.0 {
            let bursts = if burst > 1.0 { format!(" in bursts of {burst}") } else { String::new() };
            parts.push(format!("{loss_percent} % loss{bursts}"));
        }
        let mut add = |value: f64, text: String| {
            if value != 0.0 {
                parts.push(text)
            }
        };
        add(jitter_ms, format!("{jitter_ms} ms jitter"));
        add(reorder_percent, format!("{reorder_percent} % reordered"));
        add(duplicate_percent, format!("{duplicate_percent} % twice"));
        add(skew_ppm, format!("{skew_ppm:+} ppm"));
        if self.kind == Kind::DeepRedundancy {
            parts.push("DRED".to_owned());
        }
        out.pad(&if parts.is_empty() { "clean".to_owned() } else { parts.join(", ") })
    }
}
