//! A server and callers that talk in it: what most tests of audio begin with.

use crate::caller::{Call, Caller};
use crate::hearing::{RATE, Samples};
use crate::listening::{Expected, Found, listen};
use crate::server::Server;
use crate::talk::{Heard, Law, Stage, Talker};
use std::time::Duration;

/// The numbers that scenes dial; no tones but where a test wants them.
pub const ROUTES: &str = r#"
max-calls-per-second = 0

[[route]]
match = "room-(.+)"
conference = "$1"
enter-tone = false
leave-tone = false
waiting-tone = false

[[route]]
match = "tones-(.+)"
conference = "$1"

[[route]]
match = "echo"
echo = true

[[route]]
match = "milliwatt"
milliwatt = true
"#;

/// The longest way from mouth to ear that is looked for.
const MAX_DELAY: usize = RATE * 2 / 5;
/// A packet this much behind its time may cost the listeners more than the one concealed frame that a test allows.
const LATE: Duration = Duration::from_millis(10);
/// How long what a late packet of ours has upset may take to settle.
const UPSET: Duration = Duration::from_millis(500);

/// See the module.
pub struct Scene {
    pub server: Server,
    pub stage: Stage,
    pub callers: Vec<Caller>,
    pub calls: Vec<Call>,
    laws: Vec<Law>,
}

impl Scene {
    /// A server with these settings before its routes.
    pub fn new(settings: &str) -> Scene {
        Scene::with(&format!("{settings}\n{ROUTES}"))
    }

    /// A server with this whole configuration.
    pub fn with(toml: &str) -> Scene {
        Scene::of(Server::with(toml))
    }

    /// Nobody has called this server yet.
    pub fn of(server: Server) -> Scene {
        Scene { server, stage: Stage::new(), callers: Vec::new(), calls: Vec::new(), laws: Vec::new() }
    }

    /// Someone calls `user` and talks; its number.
    pub fn join(&mut self, user: &str, law: Law, packet_ms: u32, speech: &Samples) -> usize {
        let mut caller = Caller::new(self.server.sip);
        let call = caller
            .dial(user, &law.formats(packet_ms))
            .unwrap_or_else(|answer| panic!("{answer}\n{}", self.server.log()));
        let number = self.stage.enter(Talker::new(&call, law, packet_ms, speech));
        self.callers.push(caller);
        self.calls.push(call);
        self.laws.push(law);
        number
    }

    /// The same with µ-law in packets of 20 ms.
    pub fn join_plainly(&mut self, user: &str, speech: &Samples) -> usize {
        self.join(user, Law::Mu, 20, speech)
    }

    /// Ends one's call.
    pub fn hang_up(&self, who: usize) {
        self.callers[who].hang_up(&self.calls[who]).unwrap_or_else(|answer| panic!("{answer}"));
    }

    /// Puts the call on hold, or takes it back: `direction` is what the caller may do, as in SDP.
    pub fn redirect(&self, who: usize, sequence: u32, direction: &str) -> String {
        let port = self.calls[who].media.local_addr().expect("an address").port();
        let formats = format!("{}a={direction}\r\n", self.laws[who].formats(20));
        self.callers[who]
            .reinvite(&self.calls[who], sequence, port, &formats)
            .unwrap_or_else(|answer| panic!("{answer}"))
    }

    /// Lets time pass.
    pub fn pause(&self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    /// What one hears in the next time.
    pub fn hear_for(&self, who: usize, milliseconds: u64) -> Heard {
        let mark = self.stage.mark(who);
        self.pause(milliseconds);
        self.stage.heard(who, mark)
    }

    /// Takes apart what one has heard, from `skip_ms` on.
    pub fn analyse(&self, heard: &Heard, others: &[usize], skip_ms: usize) -> Found {
        let samples = heard.samples();
        let from = skip_ms * RATE / 1000;
        let at = heard.arrival(from.min(samples.len().saturating_sub(1)));
        let expected: Vec<Expected> = others
            .iter()
            .map(|other| Expected {
                speech: self.stage.with(*other, |talker| talker.speech()),
                position: self.stage.position(*other, at),
                max_delay: MAX_DELAY,
            })
            .collect();
        listen(&samples, from, &expected)
    }

    /// Demands that one hears the others at their level and nothing else, without a gap of more than 20 ms.
    pub fn must_hear(&self, who: usize, heard: &Heard, others: &[usize]) {
        let found = self.analyse(heard, others, 1000);
        let late = self.stage.late(LATE);
        let tell = || {
            let latest = late.iter().map(|(_, lateness)| *lateness).max();
            let late = late.len();
            format!(
                "{who} hearing {others:?}: {found:?}; {late} packets late by up to {latest:?}\n{}",
                self.server.log()
            )
        };
        assert!(found.levels_db.iter().all(|level| level.abs() < 1.0), "levels: {}", tell());
        assert!(found.rest_db < -25.0, "something else is heard: {}", tell());
        for (begin, end) in &found.wrong {
            let (from, to) = (heard.arrival(*begin), heard.arrival(*end));
            let is_ours = late.iter().any(|(at, _)| *at < to && *at + UPSET > from);
            assert!(end - begin <= RATE / 50 || is_ours, "a gap of {} samples: {}", end - begin, tell());
        }
    }

    /// Demands that nothing is heard.
    pub fn must_hear_nothing(&self, who: usize, heard: &Heard) {
        let level = crate::hearing::level_db(&heard.samples());
        assert!(level < -60.0, "{who} hears {level} dB\n{}", self.server.log());
    }
}
