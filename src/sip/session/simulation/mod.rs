//! Calls between a session and a scripted peer over a lossy network in virtual time: thousands of short scenarios, each
//! from one seed, and what must hold at the end of every one of them.
//!
//! Both ends stand on a [`TransactionLayer`]. `ANTIPHON_FUZZ_ITERATIONS` says how many scenarios are run.

mod leg;
mod network;
mod peer;

use std::time::{Duration, Instant};

use self::leg::Leg;
use self::network::{End, Network};
use self::peer::Peer;
use super::random::Random;
use crate::sip::Message;
use crate::sip::transaction::{Hop, TransactionLayer, Transmit};

/// Scenarios in a usual run.
const DEFAULT_ITERATIONS: u64 = 1500;

/// Everybody hangs up after one of these: before and after the shortest session interval.
const CALL_LENGTHS: [Duration; 2] = [Duration::from_secs(40), Duration::from_secs(200)];

/// By then nothing may be left: the call, its longest waits (64 * T1 for ACK, then for BYE, twice timer C), and slack.
const LONGEST_SCENARIO: Duration = Duration::from_secs(200 + 3 * 32 + 2 * 181 + 60);

/// Most messages one scenario may need: it bounds retransmissions.
const MOST_MESSAGES: u64 = 600;

/// One scenario.
struct World {
    now: Instant,
    begin: Instant,
    network: Network,
    leg: Leg,
    peer: Peer,
}

impl World {
    fn new(seed: u64) -> World {
        let now = Instant::now();
        let mut random = Random(seed);
        let network = Network::new(&mut random);
        let reliable = network.is_reliable();
        World {
            now,
            begin: now,
            leg: Leg::new(now, &mut random),
            peer: Peer::new(now, &mut random, reliable),
            network,
        }
    }

    fn run(&mut self) {
        let deadline = self.begin + LONGEST_SCENARIO;
        while let Some(next) = self.next_due() {
            assert!(next >= self.now, "time runs backwards");
            assert!(next <= deadline, "something is still due at {:?}", next - self.begin);
            self.now = next;
            while let Some((end, hop, bytes)) = self.network.take_arrived(self.now) {
                let message = crate::sip::parse_datagram(&bytes).expect("both ends write valid messages");
                self.deliver(end, hop, message);
            }
            self.leg.handle_timeout(self.now);
            self.peer.handle_timeout(self.now);
            self.carry();
        }
    }

    fn next_due(&self) -> Option<Instant> {
        [self.network.next_due(), self.leg.next_due(), self.peer.next_due()].into_iter().flatten().min()
    }

    fn deliver(&mut self, end: End, hop: Hop, message: Message) {
        match end {
            End::Leg => self.leg.handle_message(self.now, hop, message),
            End::Peer => self.peer.handle_message(self.now, hop, message),
        }
        self.carry();
    }

    fn carry(&mut self) {
        while let Some(Transmit { hop, bytes }) = self.leg.layer.poll_transmit() {
            self.leg.note_sent(&bytes);
            self.network.send(self.now, hop, bytes);
        }
        for Transmit { hop, bytes } in std::mem::take(&mut self.peer.raw) {
            self.network.send(self.now, hop, bytes);
        }
        while let Some(Transmit { hop, bytes }) = self.peer.layer.poll_transmit() {
            self.network.send(self.now, hop, bytes);
        }
    }

    fn check(&self) {
        self.leg.check();
        self.peer.check();
        assert!(self.leg.layer.is_empty(), "the leg's transactions are left: {:?}", self.leg.layer);
        assert!(self.peer.layer.is_empty(), "the peer's transactions are left: {:?}", self.peer.layer);
        assert!(self.network.sent() <= MOST_MESSAGES, "{} messages", self.network.sent());
    }
}

fn layer_of(seed: u64) -> TransactionLayer {
    TransactionLayer::new(crate::sip::transaction::Timers::default(), 100, seed)
}

#[test]
fn every_call_ends_once_answers_each_invite_once_and_leaves_nothing() {
    let iterations = std::env::var("ANTIPHON_FUZZ_ITERATIONS").ok().and_then(|text| text.parse().ok());
    let first = std::env::var("ANTIPHON_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut ends = std::collections::BTreeMap::new();
    for seed in first..first + iterations.unwrap_or(DEFAULT_ITERATIONS) {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            world.run();
            world.check();
            world.leg.end_name()
        });
        let name = outcome.unwrap_or_else(|_| panic!("scenario of ANTIPHON_FUZZ_SEED={seed}"));
        *ends.entry(name).or_insert(0u32) += 1;
    }
    if iterations.is_none() && first == 0 {
        for name in [
            "Bye",
            "Cancelled",
            "Rejected",
            "HungUp",
            "NoAck",
            "NoPrack",
            "NoAnswer",
            "SessionExpired",
            "PeerGone",
        ] {
            assert!(ends.contains_key(name), "no scenario ended by {name}: {ends:?}");
        }
    }
}
