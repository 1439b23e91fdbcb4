//! The runs of a plan, one room each: prepared, and judged beside what their codec could have given.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use antiphon::audio::opus::OpusSettings;
use antiphon::audio::{Format, SampleRate};

use crate::alignment;
use crate::calls::{Datagrams, Payloads, Recorded, Room};
use crate::codec::Codec;
use crate::conditions::{Condition, Kind};
use crate::hearing::{self, Arrival, Concealment};
use crate::judge::{Judge, Judgement};
use crate::outcome::{self, Outcome};
use crate::plan::Plan;
use crate::speech::{self, Speech};

/// What talkers send Opus with.
const OPUS_BITRATE_BPS: u32 = 24_000;
const OPUS_COMPLEXITY: u8 = 9;
/// The same where there is to be room for deep redundancy, and how far it may reach.
const LONG_BURSTS_BITRATE_BPS: u32 = 64_000;
const DRED_MS: u16 = 500;
/// Seconds of a listener's loop of silence: its seam is heard as noise where a codec has a memory.
const SILENCE_SECONDS: usize = 100;

/// A talk that several runs share.
struct Talk {
    speech: Speech,
    payloads: Payloads,
    /// Without deep redundancy.
    plain: Payloads,
    silence: Payloads,
    judge: Judge,
}

/// One codec and condition with one seed.
pub struct Run {
    pub codec: Codec,
    /// Place in the plan.
    pub condition: usize,
    seed: u64,
    network: crate::network::Network,
    lost: Vec<bool>,
    talk: Arc<Talk>,
}

/// What listeners and bounds of one run are.
#[derive(Default)]
struct Judged {
    listeners: Vec<Judgement>,
    best: Judgement,
    bound: Option<Judgement>,
}

/// Reads the speech, encodes it and draws what the networks do.
pub fn prepare(plan: &Plan) -> Result<Vec<Run>, String> {
    let mut runs = Vec::new();
    for codec in &plan.codecs {
        let rate = spoken(*codec).rate();
        let mut prompts = speech::read(&plan.speech, rate)?;
        prompts.truncate(plan.prompts);
        let mut talks: Vec<(Format, usize, Arc<Talk>)> = Vec::new();
        for (place, condition) in plan.conditions.iter().enumerate() {
            if !condition.kind.is_for(*codec) {
                continue;
            }
            let (format, seconds) = (sent(*codec, condition), condition.least_seconds);
            let known = talks.iter().find(|(known, lasts, _)| *known == format && *lasts == seconds);
            let talk = match known {
                Some((.., talk)) => Arc::clone(talk),
                None => {
                    let talk = Arc::new(Talk::new(&format, &prompts, seconds));
                    talks.push((format, seconds, Arc::clone(&talk)));
                    talk
                }
            };
            runs.extend((1..=plan.seeds).map(|seed| Run {
                codec: *codec,
                condition: place,
                seed,
                network: condition.network,
                lost: condition.network.lost(talk.payloads.len(), seed),
                talk: Arc::clone(&talk),
            }));
        }
    }
    Ok(runs)
}

/// What a talker sends whose network is clean.
pub fn spoken(codec: Codec) -> Format {
    match codec.format(SampleRate::Hz48000) {
        Format::Opus(settings) => Format::Opus(OpusSettings {
            bitrate_bps: OPUS_BITRATE_BPS,
            complexity: OPUS_COMPLEXITY,
            ..settings
        }),
        format => format,
    }
}

/// What it sends if it knows what it loses.
fn sent(codec: Codec, condition: &Condition) -> Format {
    let Format::Opus(settings) = spoken(codec) else { return spoken(codec) };
    let is_deep = condition.kind == Kind::DeepRedundancy;
    let is_long = is_deep || condition.kind == Kind::LongBursts;
    Format::Opus(OpusSettings {
        bitrate_bps: if is_long { LONG_BURSTS_BITRATE_BPS } else { settings.bitrate_bps },
        expected_loss_percent: condition.network.loss_percent.round() as u8,
        fec: !is_deep,
        dred_ms: if is_deep { DRED_MS } else { 0 },
        ..settings
    })
}

/// The same with in-band FEC in place of deep redundancy.
fn plain(format: &Format) -> Format {
    match format {
        Format::Opus(settings) => Format::Opus(OpusSettings { fec: true, dred_ms: 0, ..settings.clone() }),
        format => format.clone(),
    }
}

/// Silence to be sent in a loop.
pub fn silence(format: &Format) -> Payloads {
    Arc::new(hearing::encode(format, &vec![0; SILENCE_SECONDS * format.rate().hertz() as usize]))
}

impl Talk {
    fn new(format: &Format, prompts: &[Vec<i16>], least_seconds: usize) -> Talk {
        let speech = Speech::of(prompts, format.rate(), least_seconds);
        let payloads = Arc::new(hearing::encode(format, &speech.samples));
        let plain = match plain(format) {
            plain if plain == *format => Arc::clone(&payloads),
            plain => Arc::new(hearing::encode(&plain, &speech.samples)),
        };
        Talk { payloads, plain, silence: silence(format), judge: Judge::new(&speech), speech }
    }
}

impl Run {
    /// How long its talk is.
    pub fn seconds(&self) -> usize {
        self.talk.speech.samples.len() / self.talk.speech.rate.hertz() as usize
    }

    /// Its room, of a name that no other run has.
    pub fn room(&self, plan: &Plan) -> Room {
        let name = format!("q{}{:?}{}s{}", std::process::id(), self.codec, self.condition, self.seed);
        Room {
            user: plan.user.replace("{room}", &name.to_lowercase()),
            codec: self.codec,
            listeners: plan.listeners,
            talks: vec![Arc::clone(&self.talk.payloads)],
            silence: Arc::clone(&self.talk.silence),
            departures: self.network.departures(&self.lost, self.seed),
            stays: Vec::new(),
        }
    }

    fn judge(&self, plan: &Plan, recorded: &Recorded) -> Judged {
        let name = format!("{:?}-{}-seed{}", self.codec, plan.conditions[self.condition], self.seed);
        let name = name.to_lowercase().replace(['%', ','], "").replace(' ', "-");
        let file = |who: String| plan.output.join(format!("{name}-{who}.wav"));
        self.talk.judge.save_said(&file("talker".to_owned()));
        let hear = |(number, packets): (usize, &Datagrams)| {
            let file = file(format!("listener{}", number + 1));
            let interval = self.network.interval_seconds();
            heard(&self.talk.judge, self.codec, (recorded.began, packets), interval, &file)
        };
        let concealment = if self.codec == Codec::Opus { Concealment::Codec } else { Concealment::Repeat };
        Judged {
            listeners: recorded.listeners.iter().enumerate().map(hear).collect(),
            best: self.twice_coded(&self.talk.payloads, &[], concealment),
            bound: self
                .lost
                .contains(&true)
                .then(|| self.twice_coded(&self.talk.plain, &self.lost, concealment)),
        }
    }

    /// As through a mixer that knows of a loss what `concealment` can do: decoded, coded again, decoded.
    fn twice_coded(&self, payloads: &[Vec<u8>], lost: &[bool], concealment: Concealment) -> Judgement {
        let format = spoken(self.codec);
        let (once, _) = hearing::decode(&format, &hearing::with_losses(payloads, lost), concealment);
        let again = hearing::encode(&format, &once);
        self.talk.judge.hear(&format, &hearing::with_losses(&again, &[]), concealment, 0.02, None)
    }
}

/// What is worth what came to one leg, of a talk that began at some moment with a packet each `interval` seconds.
pub fn heard(
    judge: &Judge,
    codec: Codec,
    (began, packets): (Instant, &Datagrams),
    interval: f64,
    file: &Path,
) -> Judgement {
    let arrivals = arrivals(began, packets);
    let pieces = hearing::in_order(&arrivals, codec.payload_type(), codec.packet_units());
    judge.hear(&spoken(codec), &pieces, Concealment::Codec, interval, Some(file))
}

/// What came, by the clock of a talk that began at some moment.
pub fn arrivals(began: Instant, packets: &Datagrams) -> Vec<Arrival> {
    let seconds = |at: Instant| match at.checked_duration_since(began) {
        Some(after) => after.as_secs_f64(),
        None => -(began - at).as_secs_f64(),
    };
    let arrival =
        |(at, datagram): &(_, Vec<u8>)| Arrival { at_seconds: seconds(*at), datagram: datagram.clone() };
    packets.iter().map(arrival).collect()
}

/// Judges all runs, on all cores, and puts those of a codec and condition together, in the order of the plan.
pub fn judge(plan: &Plan, runs: &[Run], recorded: &[Recorded]) -> Vec<(Codec, Condition, Outcome)> {
    let next = AtomicUsize::new(0);
    let judged: Vec<Mutex<Judged>> = runs.iter().map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let place = runs.iter().position(|other| std::ptr::eq(other, run)).expect("one of them");
                    *judged[place].lock().expect("nobody panicked") = run.judge(plan, &recorded[place]);
                }
            });
        }
    });
    let judged: Vec<Judged> =
        judged.into_iter().map(|run| run.into_inner().expect("nobody panicked")).collect();
    let per_condition = runs.chunks(plan.seeds as usize).zip(judged.chunks(plan.seeds as usize));
    let together = |(runs, judged): (&[Run], &[Judged])| {
        (runs[0].codec, plan.conditions[runs[0].condition], outcome_of(judged))
    };
    per_condition.map(together).collect()
}

fn outcome_of(judged: &[Judged]) -> Outcome {
    let listeners = || judged.iter().flat_map(|run| &run.listeners);
    let slices = || listeners().flat_map(|listener| &listener.slices);
    let drifts: Vec<f64> = listeners().filter_map(|listener| alignment::drift_ms(&listener.slices)).collect();
    let scores = |judgements: Vec<&Judgement>| {
        let all: Vec<f64> = judgements.into_iter().flat_map(|judgement| judgement.pesq.clone()).collect();
        outcome::mean(&all)
    };
    let codec_ms: Vec<f64> =
        judged.iter().flat_map(|run| &run.best.slices).filter_map(|slice| slice.delay_ms).collect();
    Outcome {
        pesq: listeners().flat_map(|listener| listener.pesq.clone()).collect(),
        delays_ms: slices().filter_map(|slice| slice.delay_ms).collect(),
        unmatched: slices().filter(|slice| slice.delay_ms.is_none()).count(),
        drift_ms: outcome::mean(&drifts),
        best: scores(judged.iter().map(|run| &run.best).collect()).unwrap_or(1.0),
        bound: scores(judged.iter().filter_map(|run| run.bound.as_ref()).collect()),
        codec_ms: outcome::mean(&codec_ms).unwrap_or_default(),
    }
}
