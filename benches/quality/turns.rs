//! Three who take turns each second, and those who listen to them: what they hear where listeners share what is encoded for
//! them, beside what they hear where each has an encoder of its own.
//!
//! Who stops talking begins to share and who begins to talk ceases to, each with a decoder that has to follow; so talkers are
//! judged too, by what the other two said.

use std::sync::Arc;

use antiphon::audio::SampleRate;

use crate::calls::{self, Datagrams, Payloads, Recorded, Room};
use crate::codec::Codec;
use crate::hearing;
use crate::judge::Judge;
use crate::network::Network;
use crate::outcome;
use crate::plan::Plan;
use crate::process::Running;
use crate::runs;
use crate::speech::{self, Speech};

const TALKERS: usize = 3;
/// By so much sharing may be worse.
const MOST_LOSS: f64 = 0.1;

/// A talk by turns; each seed begins with another talker at another moment.
struct Turns {
    seed: u64,
    whole: Judge,
    parts: Vec<Part>,
    silence: Payloads,
}

/// What one talker says, and what it is to hear.
struct Part {
    payloads: Payloads,
    others: Judge,
}

/// Mean PESQ of all prompts.
#[derive(Clone, Copy)]
struct Heard {
    listeners: f64,
    talkers: f64,
}

/// Prints both; whether the difference is small enough.
pub fn measure(plan: &Plan) -> Result<bool, String> {
    let rate = runs::spoken(Codec::Opus).rate();
    let mut prompts = speech::read(&plan.speech, rate)?;
    prompts.truncate(plan.prompts);
    let speech = Speech::of(&prompts, rate, 0);
    let turns: Vec<Turns> = (1..=plan.seeds).map(|seed| Turns::new(&speech, seed)).collect();
    let shared = hear(plan, &turns, "on")?;
    let alone = hear(plan, &turns, "off")?;
    let lines =
        [("listeners", shared.listeners, alone.listeners), ("talkers", shared.talkers, alone.talkers)];
    for (who, shared, alone) in lines {
        println!("{who}: PESQ sharing {shared:.3}, alone {alone:.3}, less by {:.3}", alone - shared);
    }
    Ok(lines.iter().all(|(_, shared, alone)| alone - shared <= MOST_LOSS))
}

fn hear(plan: &Plan, turns: &[Turns], share: &str) -> Result<Heard, String> {
    let mut options = vec!["--share-encodes".to_owned(), share.to_owned()];
    options.extend(plan.server_options.clone());
    let server = Running::antiphon(&options);
    let sip = server.sip;
    let rooms: Vec<Room> = turns.iter().map(|turns| turns.room(plan)).collect();
    let calling = std::thread::spawn(move || calls::hold(sip, &rooms));
    let recorded = calling.join().map_err(|_| "calling failed".to_owned())??;
    eprint!("{}", server.first_of_log(10));
    drop(server);
    let (mut listeners, mut talkers) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let judging: Vec<_> = turns
            .iter()
            .zip(&recorded)
            .map(|(turns, recorded)| scope.spawn(|| turns.judge(plan, share, recorded)))
            .collect();
        for judged in judging {
            let (of_listeners, of_talkers) = judged.join().expect("judging does not fail");
            listeners.extend(of_listeners);
            talkers.extend(of_talkers);
        }
    });
    let mean = |scores: &[f64]| outcome::mean(scores).unwrap_or(1.0);
    Ok(Heard { listeners: mean(&listeners), talkers: mean(&talkers) })
}

impl Turns {
    fn new(speech: &Speech, seed: u64) -> Turns {
        let format = runs::spoken(Codec::Opus);
        let part = |talker: usize| {
            let only = |is_wanted: &dyn Fn(usize) -> bool| {
                masked(speech, |at| is_wanted(who(at, speech.rate, seed)))
            };
            Part {
                payloads: Arc::new(hearing::encode(&format, &only(&|who| who == talker).samples)),
                others: Judge::new(&only(&|who| who != talker)),
            }
        };
        let parts = (0..TALKERS).map(part).collect();
        Turns { seed, whole: Judge::new(speech), parts, silence: runs::silence(&format) }
    }

    fn room(&self, plan: &Plan) -> Room {
        let packets = self.parts[0].payloads.len();
        Room {
            user: plan.user.replace("{room}", &format!("turns{}s{}", std::process::id(), self.seed)),
            codec: Codec::Opus,
            listeners: plan.listeners,
            talks: self.parts.iter().map(|part| Arc::clone(&part.payloads)).collect(),
            silence: Arc::clone(&self.silence),
            departures: Network::default().departures(&vec![false; packets], self.seed),
            stays: Vec::new(),
        }
    }

    /// PESQ of each prompt that listeners heard, and of each that talkers heard.
    fn judge(&self, plan: &Plan, share: &str, recorded: &Recorded) -> (Vec<f64>, Vec<f64>) {
        let hear = |judge: &Judge, packets: &Datagrams, who: String| {
            let file = plan.output.join(format!("turns-seed{}-sharing-{share}-{who}.wav", self.seed));
            let interval = Network::default().interval_seconds();
            runs::heard(judge, Codec::Opus, (recorded.began, packets), interval, &file).pesq
        };
        let listeners = recorded.listeners.iter().enumerate();
        let talkers = self.parts.iter().zip(&recorded.talkers).enumerate();
        (
            listeners
                .flat_map(|(n, packets)| hear(&self.whole, packets, format!("listener{}", n + 1)))
                .collect(),
            talkers
                .flat_map(|(n, (part, packets))| hear(&part.others, packets, format!("talker{}", n + 1)))
                .collect(),
        )
    }
}

/// Whose turn it is at a sample.
fn who(sample: usize, rate: SampleRate, seed: u64) -> usize {
    let begin = rate.hertz() as usize * (seed as usize * 7 % 20) / 20;
    (sample + begin) / rate.hertz() as usize % TALKERS
}

/// The same with silence elsewhere.
fn masked(speech: &Speech, is_heard: impl Fn(usize) -> bool) -> Speech {
    let sample = |(at, sample): (usize, &i16)| if is_heard(at) { *sample } else { 0 };
    Speech { samples: speech.samples.iter().enumerate().map(sample).collect(), ..speech.clone() }
}
