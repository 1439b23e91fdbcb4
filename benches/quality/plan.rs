//! What the command line asks for.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::codec::Codec;
use crate::conditions::{Condition, Kind};
use crate::network::Network;

#[derive(Clone, Debug)]
pub struct Plan {
    pub codecs: Vec<Codec>,
    pub conditions: Vec<Condition>,
    pub seeds: u64,
    pub listeners: usize,
    /// Whether it is about talkers who take turns, and listeners who share what is encoded for them.
    pub turns: bool,
    /// Whether it is about calls of two that a third one visits.
    pub visits: bool,
    /// Whom to call instead of a server of its own.
    pub server: Option<SocketAddr>,
    pub user: String,
    pub speech: PathBuf,
    /// Prompts that are said of those that are there.
    pub prompts: usize,
    /// Where what was heard is kept.
    pub output: PathBuf,
    pub server_options: Vec<String>,
}

impl Plan {
    pub fn from_arguments() -> Plan {
        let mut plan = Plan {
            codecs: vec![Codec::Pcmu, Codec::G722, Codec::Opus],
            conditions: Condition::standard(false),
            seeds: 3,
            listeners: 2,
            turns: false,
            visits: false,
            server: None,
            user: "room-{room}".to_owned(),
            speech: PathBuf::from("target/quality/speech"),
            prompts: usize::MAX,
            output: PathBuf::from("target/quality/heard"),
            server_options: Vec::new(),
        };
        let (mut own, mut seconds) = (Network::default(), 0);
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut text = || arguments.next().unwrap_or_else(|| usage());
            match name.as_str() {
                "--codec" => plan.codecs = codecs(&text()),
                "--seeds" => plan.seeds = number(&text()),
                "--listeners" => plan.listeners = number(&text()),
                "--quick" => {
                    (plan.conditions, plan.seeds, plan.prompts) = (Condition::standard(true), 1, 2);
                }
                "--dred" => (plan.codecs, plan.conditions) = (vec![Codec::Opus], Condition::long_bursts()),
                "--turns" => plan.turns = true,
                "--visits" => (plan.visits, plan.codecs) = (true, vec![Codec::Pcmu, Codec::Opus]),
                "--prompts" => plan.prompts = number(&text()),
                "--server" => plan.server = Some(number(&text())),
                "--user" => plan.user = text(),
                "--speech" => plan.speech = PathBuf::from(text()),
                "--output" => plan.output = PathBuf::from(text()),
                "--loss" => own.loss_percent = number(&text()),
                "--burst" => own.burst = number(&text()),
                "--jitter" => own.jitter_ms = number(&text()),
                "--reorder" => own.reorder_percent = number(&text()),
                "--duplicate" => own.duplicate_percent = number(&text()),
                "--skew" => own.skew_ppm = number(&text()),
                "--seconds" => seconds = number(&text()),
                "--bench" => {}
                "--" => {
                    // cargo puts its own word at the end
                    plan.server_options = arguments.by_ref().filter(|option| option != "--bench").collect();
                }
                _ => usage(),
            }
        }
        if own != Network::default() {
            let clean = Condition { least_seconds: seconds, ..Condition::standard(true)[0] };
            plan.conditions = vec![clean, Condition { kind: Kind::Own, network: own, ..clean }];
        }
        let is_possible = own.loss_percent < 100.0 && own.skew_ppm > -1e5 && own.jitter_ms >= 0.0;
        if plan.seeds == 0 || plan.listeners == 0 || !is_possible {
            usage();
        }
        plan
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| usage())
}

fn codecs(list: &str) -> Vec<Codec> {
    list.split(',').map(|name| Codec::from_name(name).unwrap_or_else(|| usage())).collect()
}

fn usage() -> ! {
    eprintln!(
        "quality [--codec pcmu,pcma,g722,opus] [--seeds 3] [--listeners 2] [--prompts N] [--quick] [--dred] [--turns] [--visits] [--server ADDRESS:PORT] \
         [--user NAME-{{room}}] [--speech FOLDER] [--output FOLDER] [--loss PERCENT] [--burst PACKETS] \
         [--jitter MS] [--reorder PERCENT] [--duplicate PERCENT] [--skew PPM] [--seconds S] [-- SERVER OPTIONS]"
    );
    std::process::exit(2);
}
