//! What the command line asks for, and which leg is who.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::caller::{Call, Caller};
use crate::codec::Codec;
use crate::hearing::{self, pitch_hertz};
use crate::statistics;
use crate::stream::{Ear, Role};
use crate::voice::{Speech, Voices};

/// Legs that are listened to, spread over all.
const PROBES: usize = 16;
/// How often a leg that is answered 503 tries again, as it may: the machine was late for a moment.
const TRIES: usize = 5;
/// The default of `mute-key`, with the numbers of the requests that tell of it.
const MUTE_KEYS: [(u32, char); 2] = [(2, '*'), (3, '6')];
/// How many chances of the talkers' beginnings a perfect mixer is tried with.
const ALIGNMENTS: usize = 32;

/// What those send who only listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// Silence, as ordinary packets.
    Silent,
    /// Nothing but what Opus's DTX sends of silence.
    Pausing,
    /// A voice, but they have muted themselves by key.
    Muted,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub legs: usize,
    pub rooms: usize,
    /// Of each room.
    pub talkers: usize,
    /// They go round among the members of a room.
    pub codecs: Vec<Codec>,
    pub listening: Listening,
    pub seconds: u64,
    /// How long they talk before it is measured.
    pub warm_up_seconds: u64,
    pub user: String,
    /// Whether it is about the time from mouth to ear: one talker a room says something each second.
    pub latency: bool,
    /// Whether it is about what listeners cost, of each kind, in Opus and beside PCMU.
    pub audience: bool,
    /// Random datagrams a second.
    pub flood: usize,
    /// Whether half of the callers die.
    pub kill: bool,
    pub server_options: Vec<String>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            legs: 300,
            rooms: 100,
            talkers: usize::MAX,
            codecs: vec![Codec::Pcmu],
            listening: Listening::Silent,
            seconds: 10,
            warm_up_seconds: 2,
            user: "room-{room}".to_owned(),
            latency: false,
            audience: false,
            flood: 0,
            kill: false,
            server_options: Vec::new(),
        }
    }
}

impl Plan {
    pub fn from_arguments() -> Plan {
        let mut plan = Plan::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut text = || arguments.next().unwrap_or_else(|| usage());
            match name.as_str() {
                "--legs" => plan.legs = number(&text()),
                "--rooms" => plan.rooms = number(&text()),
                "--talkers" => plan.talkers = number(&text()),
                "--codecs" => plan.codecs = codecs(&text()),
                "--seconds" => plan.seconds = number(&text()) as u64,
                "--warm-up" => plan.warm_up_seconds = number(&text()) as u64,
                "--flood" => plan.flood = number(&text()),
                "--user" => plan.user = text(),
                "--latency" => (plan.latency, plan.talkers) = (true, 1),
                "--audience" => plan.audience = true,
                "--kill" => plan.kill = true,
                "--bench" => {}
                "--" => {
                    // cargo puts its own word at the end
                    plan.server_options = arguments.by_ref().filter(|option| option != "--bench").collect();
                }
                _ => usage(),
            }
        }
        assert!(plan.legs > 0 && plan.rooms > 0 && plan.seconds > 0, "all numbers are at least 1");
        plan
    }

    /// The room of a leg and its place there; who is next to each other calls from different rooms.
    fn place(&self, leg: usize) -> (usize, usize) {
        (leg % self.rooms, leg / self.rooms)
    }

    fn talks(&self, leg: usize) -> bool {
        self.place(leg).1 < self.talkers
    }

    pub fn codec(&self, leg: usize) -> Codec {
        self.codecs[self.place(leg).1 % self.codecs.len()]
    }

    /// The legs that stay.
    pub fn staying(&self) -> impl Iterator<Item = usize> {
        (0..self.legs).filter(|leg| !self.is_doomed(*leg))
    }

    /// The legs whose callers are going to die: every second member of a room.
    pub fn doomed(&self) -> impl Iterator<Item = usize> {
        (0..self.legs).filter(|leg| self.place(*leg).1 % 2 == 1)
    }

    fn is_doomed(&self, leg: usize) -> bool {
        self.kill && self.place(leg).1 % 2 == 1
    }

    fn pitch(&self, leg: usize) -> f64 {
        let (room, member) = self.place(leg);
        pitch_hertz(room, member)
    }

    /// The tones that a leg should hear: of the others in its room who talk and stay.
    fn wanted(&self, leg: usize) -> Vec<f64> {
        let others = (leg % self.rooms..self.legs).step_by(self.rooms).filter(|other| *other != leg);
        let heard = others.filter(|other| self.talks(*other) && !self.is_doomed(*other));
        heard.map(|other| self.pitch(other)).collect()
    }

    fn is_probe(&self, leg: usize) -> bool {
        leg.is_multiple_of((self.legs / PROBES).max(1))
    }

    /// What each of `legs` says and listens for.
    pub fn roles(&self, legs: impl Iterator<Item = usize>) -> Vec<Role> {
        let mut voices = Voices::default();
        let bursts: Vec<_> = (0..self.rooms).map(|_| Rc::new(Cell::new(None))).collect();
        let role = |leg: usize| {
            let (codec, burst) = (self.codec(leg), &bursts[leg % self.rooms]);
            let (hertz, talks) = (self.pitch(leg), self.talks(leg));
            let speech = match (talks, self.latency) {
                (false, _) => match self.listening {
                    Listening::Silent => Speech::Silence,
                    Listening::Pausing => Speech::Pause,
                    Listening::Muted => Speech::Tone { hertz },
                },
                (true, false) => Speech::Tone { hertz },
                (true, true) => Speech::Burst { hertz },
            };
            let ear = match (self.latency, talks, self.is_probe(leg)) {
                (true, false, _) => Ear::Bursts { began: Rc::clone(burst) },
                (false, _, true) => Ear::Tones { wanted: self.wanted(leg), own: talks.then_some(hertz) },
                _ => Ear::Deaf,
            };
            let begins = (self.latency && talks).then(|| Rc::clone(burst));
            Role { codec, voice: voices.voice(codec, speech), begins, ear }
        };
        legs.map(role).collect()
    }

    pub fn dial(&self, caller: &mut Caller, leg: usize) -> Call {
        let user = self.user.replace("{room}", &self.place(leg).0.to_string());
        let codec = self.codec(leg);
        let mut answer = caller.dial(&user, &codec.formats());
        for _ in 0..TRIES {
            if answer.as_ref().is_err_and(|refusal| refusal.contains(" 503 ")) {
                eprintln!("leg {leg} was answered 503 and tries again");
                std::thread::sleep(Duration::from_secs(1));
                answer = caller.dial(&user, &codec.formats());
            }
        }
        let call = answer.unwrap_or_else(|refusal| panic!("{refusal}"));
        let agreed = format!("RTP/AVP {}", codec.payload_type());
        assert!(call.answer.contains(&agreed), "{codec:?} is what is measured: {}", call.answer);
        call
    }

    /// Those who only listen press what mutes them, where they are to be muted.
    pub fn mute(&self, caller: &Caller, calls: &[(usize, Call)]) {
        let muted = calls.iter().filter(|(leg, _)| self.listening == Listening::Muted && !self.talks(*leg));
        for (_, call) in muted {
            for (sequence, key) in MUTE_KEYS {
                let headers = "Content-Type: application/dtmf-relay\r\n";
                let body = format!("Signal={key}\r\nDuration=160\r\n");
                let pressed = caller.transact(&call.dialog.request("INFO", sequence, headers, &body));
                pressed.unwrap_or_else(|answer| panic!("{answer}"));
            }
        }
    }

    /// The median signal to noise ratio that a perfect mixer would give those who are listened to, when their talkers began
    /// as unluckily as it gets; `None` where their codec is not known exactly.
    pub fn perfect_snr_db(&self) -> Option<f64> {
        let median = |chance: usize| {
            let probes = self.staying().filter(|leg| self.is_probe(*leg));
            let wanted = probes.map(|leg| (self.place(leg).0, self.wanted(leg)));
            let ratios = wanted
                .filter(|(_, wanted)| !wanted.is_empty())
                .map(|(room, wanted)| hearing::perfect(&wanted, room + chance).snr_db);
            statistics::percentile(ratios, 50)
        };
        let is_exact = self.codecs == [Codec::Pcmu];
        is_exact.then(|| (0..ALIGNMENTS).filter_map(median).reduce(f64::min)).flatten()
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| usage())
}

fn codecs(list: &str) -> Vec<Codec> {
    list.split(',').map(|name| Codec::from_name(name).unwrap_or_else(|| usage())).collect()
}

fn usage() -> ! {
    eprintln!(
        "legs [--legs N] [--rooms N] [--talkers N] [--codecs pcmu,pcma,g722,opus] [--seconds S] [--warm-up S] \
         [--user NAME-{{room}}] [--latency] [--audience] [--flood DATAGRAMS-PER-SECOND] [--kill] [-- SERVER OPTIONS]"
    );
    std::process::exit(2);
}
