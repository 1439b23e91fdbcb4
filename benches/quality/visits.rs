//! Two who are relayed, and a third who joins them and leaves again: what the listener hears around it, beside what it hears of
//! the same call mixed throughout.
//!
//! The third joins in the middle of one prompt and leaves in the middle of the next; relaying begins again when it may, at the
//! latest before the end of the prompt after that, which is judged whole.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::calls::{self, Datagrams, Payloads, Recorded, Room};
use crate::codec::{Codec, FRAME_MS};
use crate::hearing::{self, Piece};
use crate::judge::Judge;
use crate::network::Network;
use crate::outcome;
use crate::plan::Plan;
use crate::process::Running;
use crate::runs;
use crate::speech::{self, Speech};

/// By so much a call with visits may be worse than one that is mixed throughout.
const MOST_LOSS: f64 = 0.2;
/// What is judged before and after a visitor comes or goes.
const AROUND: Duration = Duration::from_secs(1);
/// Undisturbed, joined, left: so they follow one another.
const PROMPTS_PER_VISIT: usize = 3;
const WHAT: [&str; PROMPTS_PER_VISIT] = ["afterwards", "as it joins", "as it leaves"];
const SECONDS: usize = 75;

/// A call with visits, in one codec.
struct Visits {
    codec: Codec,
    seed: u64,
    payloads: Payloads,
    silence: Payloads,
    /// When visitors come and go, after the talk's beginning.
    stays: Vec<Range<Duration>>,
    /// In the order of [`WHAT`].
    judges: [Judge; PROMPTS_PER_VISIT],
}

/// What the listeners of one codec heard.
#[derive(Default)]
struct Heard {
    /// In the order of [`WHAT`].
    pesq: [Vec<f64>; PROMPTS_PER_VISIT],
    relayed: usize,
    packets: usize,
    missing: usize,
    longest_pause: Duration,
}

/// Prints both for each codec; whether the difference is small enough and nothing was missing.
pub fn measure(plan: &Plan) -> Result<bool, String> {
    let mut calls = Vec::new();
    for codec in &plan.codecs {
        let rate = runs::spoken(*codec).rate();
        let speech = Speech::of(&speech::read(&plan.speech, rate)?, rate, SECONDS);
        calls.extend((1..=plan.seeds).map(|seed| Visits::new(&speech, *codec, seed)));
    }
    let relayed = hear(plan, &calls, "on")?;
    let mixed = hear(plan, &calls, "off")?;
    let mut holds = true;
    for (codec, (relayed, mixed)) in plan.codecs.iter().zip(relayed.iter().zip(&mixed)) {
        for (what, (with, without)) in WHAT.iter().zip(relayed.pesq.iter().zip(&mixed.pesq)) {
            let [with, without] = [with, without].map(|scores| outcome::mean(scores).unwrap_or(1.0));
            println!("{codec:?}, {what}: PESQ {with:.3}, mixed {without:.3}, less by {:.3}", without - with);
            holds &= without - with <= MOST_LOSS;
        }
        let Heard { relayed, packets, missing, longest_pause, .. } = relayed;
        println!(
            "{codec:?}: {} % of {packets} packets as they were sent, {missing} missing, longest pause {} ms",
            relayed * 100 / packets.max(&1),
            longest_pause.as_millis()
        );
        holds &= *missing == 0;
    }
    Ok(holds)
}

/// What was heard, for each codec of the plan.
fn hear(plan: &Plan, visits: &[Visits], relay: &str) -> Result<Vec<Heard>, String> {
    let mut options = vec!["--relay".to_owned(), relay.to_owned()];
    // The sounds of coming and going are no part of what was said.
    options.extend(["--enter-tone", "off", "--leave-tone", "off"].map(str::to_owned));
    options.extend(plan.server_options.clone());
    let server = Running::antiphon(&options);
    let sip = server.sip;
    let rooms: Vec<Room> = visits.iter().map(|visits| visits.room(plan)).collect();
    let calling = std::thread::spawn(move || calls::hold(sip, &rooms));
    let recorded = calling.join().map_err(|_| "calling failed".to_owned())??;
    eprint!("{}", server.first_of_log(10));
    drop(server);
    let of_codec = |codec: &Codec| {
        let mut heard = Heard::default();
        let theirs = visits.iter().zip(&recorded).filter(|(visits, _)| visits.codec == *codec);
        theirs.for_each(|(visits, recorded)| visits.judge(plan, relay, recorded, &mut heard));
        heard
    };
    Ok(plan.codecs.iter().map(of_codec).collect())
}

impl Visits {
    fn new(speech: &Speech, codec: Codec, seed: u64) -> Visits {
        let format = runs::spoken(codec);
        let hertz = speech.rate.hertz() as usize;
        let middle = |prompt: &Range<usize>| prompt.start.midpoint(prompt.end);
        let around = |prompt: &Range<usize>| {
            let samples = AROUND.as_secs() as usize * hertz;
            middle(prompt) - samples..middle(prompt) + samples
        };
        let judge = |turn: usize| {
            let theirs = speech.prompts.iter().skip(turn).step_by(PROMPTS_PER_VISIT);
            let prompts = if turn == 0 { theirs.cloned().collect() } else { theirs.map(around).collect() };
            Judge::new(&Speech { prompts, ..speech.clone() })
        };
        let moment = |prompt| Duration::from_secs_f64(middle(prompt) as f64 / hertz as f64);
        let stays =
            speech.prompts.chunks_exact(PROMPTS_PER_VISIT).map(|visit| moment(&visit[1])..moment(&visit[2]));
        Visits {
            codec,
            seed,
            payloads: Arc::new(hearing::encode(&format, &speech.samples)),
            silence: runs::silence(&format),
            stays: stays.collect(),
            judges: [judge(0), judge(1), judge(2)],
        }
    }

    fn room(&self, plan: &Plan) -> Room {
        let name = format!("visits{}{:?}s{}", std::process::id(), self.codec, self.seed);
        Room {
            user: plan.user.replace("{room}", &name.to_lowercase()),
            codec: self.codec,
            listeners: 1,
            talks: vec![Arc::clone(&self.payloads)],
            silence: Arc::clone(&self.silence),
            departures: Network::default().departures(&vec![false; self.payloads.len()], self.seed),
            stays: self.stays.clone(),
        }
    }

    fn judge(&self, plan: &Plan, relay: &str, recorded: &Recorded, heard: &mut Heard) {
        let packets = &recorded.listeners[0];
        let interval = Network::default().interval_seconds();
        let name = format!("visits-{:?}-seed{}-relay-{relay}.wav", self.codec, self.seed).to_lowercase();
        for (judge, pesq) in self.judges.iter().zip(&mut heard.pesq) {
            let file = plan.output.join(&name);
            pesq.extend(runs::heard(judge, self.codec, (recorded.began, packets), interval, &file).pesq);
        }
        self.count(recorded.began, packets, heard);
    }

    /// What came as it was sent, and what did not come, while the talk lasted.
    fn count(&self, began: Instant, packets: &Datagrams, heard: &mut Heard) {
        let sent: HashSet<&[u8]> = self.payloads.iter().map(Vec::as_slice).collect();
        let ends = began + Duration::from_millis(u64::from(FRAME_MS)) * self.payloads.len() as u32;
        let during: Datagrams =
            packets.iter().filter(|(at, _)| (began..ends).contains(at)).cloned().collect();
        let pauses = during.windows(2).map(|two| two[1].0 - two[0].0);
        heard.longest_pause = pauses.fold(heard.longest_pause, Duration::max);
        for piece in hearing::in_order(
            &runs::arrivals(began, &during),
            self.codec.payload_type(),
            self.codec.packet_units(),
        ) {
            let Piece::Packet { payload, .. } = piece else {
                heard.missing += 1;
                continue;
            };
            heard.packets += 1;
            heard.relayed += usize::from(sent.contains(payload));
        }
    }
}
