//! Seeded fuzz of the layer: requests, retransmissions, ACKs, CANCELs, responses to and of ours, lost connections and
//! timeouts in any order, some with header fields missing or foreign. It must not panic, hang or keep anything.
//!
//! `ANTIPHON_FUZZ_ITERATIONS` says how many layers, `ANTIPHON_FUZZ_SEED` where to begin.

use std::time::{Duration, Instant};

use super::*;
use crate::sip::{HeaderName, Headers, Message, Method, Request, Response, StatusCode, Transport, Uri};
use bytes::Bytes;

/// Layers in a usual run.
const DEFAULT_ITERATIONS: u64 = 600;

/// Inputs to one layer.
const STEPS: u64 = 120;

/// The transactions a layer may keep: few, so that the limit is met.
const LIMIT: usize = 12;

const METHODS: [Method; 7] = [
    Method::Invite,
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Options,
    Method::Register,
];

const VIAS: [&str; 7] = [
    "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKone",
    "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKtwo;rport",
    "SIP/2.0/TCP phone.example.com;branch=z9hG4bKthree",
    "SIP/2.0/UDP 198.51.100.7:5070",
    "SIP/2.0/UDP [2001:db8::1]:5070;branch=z9hG4bK",
    "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0000000000000001",
    "nonsense",
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 17) % bound
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

struct Driver {
    random: Random,
    layer: TransactionLayer,
    now: Instant,
    received: Vec<(ServerKey, Request)>,
    sent: Vec<Request>,
    invites_ended: usize,
}

impl Driver {
    fn hop(&mut self) -> Hop {
        let transport = *self.random.of(&[Transport::Udp, Transport::Udp, Transport::Tcp]);
        let flow = FlowId(self.random.below(2));
        let remote = "198.51.100.7:40000".parse().unwrap();
        Hop { transport, local: "192.0.2.1:5060".parse().unwrap(), remote, flow }
    }

    fn headers(&mut self, method: &Method) -> Headers {
        let mut headers = Headers::new();
        let mut push = |random: &mut Random, name: HeaderName, value: String| {
            if random.below(40) != 0 {
                headers.push(name, value);
            }
        };
        let random = &mut self.random;
        let to_tag = *random.of(&["", ";tag=ours", ";tag=x"]);
        let cseq = random.below(3);
        let via = (*random.of(&VIAS)).to_owned();
        push(random, HeaderName::Via, via);
        push(random, HeaderName::From, "<sip:a@example.com>;tag=a".to_owned());
        push(random, HeaderName::To, format!("<sip:room@192.0.2.1>{to_tag}"));
        push(random, HeaderName::CallId, "1@example.com".to_owned());
        push(random, HeaderName::CSeq, format!("{cseq} {method}"));
        headers
    }

    fn request(&mut self) -> Request {
        let method = self.random.of(&METHODS).clone();
        let headers = self.headers(&method);
        Request { method, uri: Uri::parse("sip:room@192.0.2.1").unwrap(), headers, body: Bytes::new() }
    }

    fn step(&mut self) {
        let hop = self.hop();
        match self.random.below(12) {
            0..5 => {
                let request = self.request();
                self.layer.handle_message(self.now, hop, Message::Request(request));
            }
            5..7 => self.answer(),
            7 => {
                let mut request = self.request();
                request.headers.remove(HeaderName::Via);
                if !matches!(request.method, Method::Ack | Method::Cancel) {
                    let branch = self.random.below(4);
                    self.layer.request(self.now, hop, request, branch);
                }
            }
            8..10 => self.receive_response(hop),
            10 => {
                let flow = FlowId(self.random.below(40));
                self.layer.handle_transport_failure(self.now, flow);
            }
            _ => {
                self.now += Duration::from_millis(self.random.below(3000));
                self.layer.handle_timeout(self.now);
                assert!(self.layer.next_timeout().is_none_or(|due| due > self.now));
            }
        }
        self.drain();
        assert!(self.layer.servers.len() <= 2 * LIMIT, "{} server transactions", self.layer.servers.len());
    }

    fn answer(&mut self) {
        if self.received.is_empty() {
            return;
        }
        let (key, request) = self.random.of(&self.received);
        let status = *self.random.of(&[100, 180, 183, 200, 200, 404, 487, 503, 603]);
        let response = request.response(StatusCode::new(status).unwrap(), Some("ours"));
        self.layer.respond(self.now, key, response);
    }

    fn receive_response(&mut self, hop: Hop) {
        let response = if self.sent.is_empty() || self.random.below(5) == 0 {
            let method = self.random.of(&METHODS).clone();
            Response { headers: self.headers(&method), ..Response::new(StatusCode::OK) }
        } else {
            let status = *self.random.of(&[100, 180, 200, 200, 404, 503]);
            self.random.of(&self.sent).response(StatusCode::new(status).unwrap(), Some("theirs"))
        };
        self.layer.handle_message(self.now, hop, Message::Response(response));
    }

    fn drain(&mut self) {
        while let Some(event) = self.layer.poll_event() {
            match event {
                TransactionEvent::Request { key, request, .. } => self.received.push((key, request)),
                TransactionEvent::ServerEnded { .. } => self.invites_ended += 1,
                _ => {}
            }
        }
        let mut count = 0;
        while let Some(transmit) = self.layer.poll_transmit() {
            count += 1;
            assert!(count <= 4 * LIMIT + 100, "one input makes few messages");
            if let Ok(Message::Request(request)) = crate::sip::parse_datagram(&transmit.bytes) {
                self.sent.push(request);
            }
        }
    }

    /// The TU answers all that is open and time passes: then nothing is left.
    fn finish(&mut self) {
        for (key, request) in std::mem::take(&mut self.received) {
            let response = request.response(StatusCode::SERVER_INTERNAL_ERROR, Some("ours"));
            self.layer.respond(self.now, &key, response);
        }
        self.drain();
        for _ in 0..10_000 {
            let Some(due) = self.layer.next_timeout() else { break };
            self.now = self.now.max(due);
            self.layer.handle_timeout(self.now);
            self.drain();
        }
        assert!(self.layer.is_empty(), "{:#?}", self.layer);
    }
}

#[test]
fn random_messages_in_any_order_leave_nothing_behind() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("ANTIPHON_FUZZ_SEED").unwrap_or(0);
    let iterations = number("ANTIPHON_FUZZ_ITERATIONS").unwrap_or(DEFAULT_ITERATIONS);
    let mut ended = 0;
    for seed in first..first.saturating_add(iterations) {
        let outcome = std::panic::catch_unwind(|| {
            let mut driver = Driver {
                random: Random(seed),
                layer: TransactionLayer::new(Timers::default(), LIMIT, seed),
                now: Instant::now(),
                received: Vec::new(),
                sent: Vec::new(),
                invites_ended: 0,
            };
            for _ in 0..STEPS {
                driver.step();
            }
            driver.finish();
            driver.invites_ended
        });
        ended += outcome.unwrap_or_else(|_| panic!("ANTIPHON_FUZZ_SEED={seed}"));
    }
    assert!(iterations == 0 || ended > 0, "the fuzz reaches no transaction");
}
