//! Seeded fuzz of a session: random valid and near-valid requests, responses, ACKs, commands of the leg and timeouts in
//! any order. It must not panic, hang, grow without bound, answer a request twice, or tell anything after its end.
//!
//! `ANTIPHON_FUZZ_ITERATIONS` says how many calls, `ANTIPHON_FUZZ_SEED` where to begin.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::random::Random;
use super::{LocalIdentity, Session, SessionEnd, SessionEvent, SessionOutput, SessionSettings};
use crate::sip::transaction::{ClientFailure, ClientKey, Ended, FlowId, Hop, ServerKey};
use crate::sip::{
    Headers, Host, Message, ReasonValue, Refresher, Request, StatusCode, Transport, Uri, parse_datagram,
};

/// Calls in a usual run.
const DEFAULT_ITERATIONS: u64 = 3000;

/// Inputs to one call.
const STEPS: u32 = 60;

const METHODS: [&str; 12] = [
    "BYE", "INVITE", "INVITE", "INVITE", "UPDATE", "UPDATE", "PRACK", "PRACK", "INFO", "OPTIONS", "REFER",
    "STRANGE",
];

const LINES: [&str; 22] = [
    "Expires: 5\r\n",
    "Expires: 4294967295\r\n",
    "Supported: timer, 100rel\r\n",
    "Require: 100rel\r\n",
    "Require: nothing\r\n",
    "Session-Expires: 90\r\n",
    "Session-Expires: 4294967295;refresher=uas\r\n",
    "Session-Expires: x\r\n",
    "Min-SE: 4000000000\r\n",
    "Min-SE: 120\r\n",
    "RAck: 1 1 INVITE\r\n",
    "RAck: x\r\n",
    "Retry-After: 4294967295\r\n",
    "Retry-After: 0\r\n",
    "Allow: UPDATE, PRACK\r\n",
    "Allow: \r\n",
    "Content-Encoding: gzip\r\n",
    "Content-Disposition: session;handling=optional\r\n",
    "Contact: <tel:+1>\r\n",
    "Record-Route: <sip:192.0.2.7>, <sip:p.example.com;lr>\r\n",
    "Info-Package: x\r\n",
    "Reason: SIP;cause=200\r\n",
];

const TYPES: [&str; 4] =
    ["application/sdp", "text/plain", "application/dtmf-relay", "multipart/mixed;boundary=x"];

const STATUSES: [u16; 14] = [100, 180, 200, 200, 200, 401, 405, 408, 422, 481, 488, 491, 500, 603];

struct Driver {
    now: Instant,
    random: Random,
    session: Session,
    cseq: u32,
    next_key: u64,
    rseq: Option<u32>,
    /// Final responses by transaction; a 2xx to an INVITE may come again, but only the same.
    finals: HashMap<ServerKey, Bytes>,
    asked: Vec<ServerKey>,
    sent: Vec<(ClientKey, Request)>,
    ends: Vec<SessionEnd>,
}

fn hop() -> Hop {
    Hop {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.2:5070".parse().unwrap(),
        flow: FlowId(0),
    }
}

fn text_of(
    random: &mut Random,
    method: &str,
    cseq: u32,
    in_dialog: bool,
    rseq: Option<u32>,
) -> Option<Request> {
    let mut lines = String::new();
    for _ in 0..random.below(4) {
        lines.push_str(LINES[random.below(LINES.len() as u32) as usize]);
    }
    if let Some(rseq) = rseq.filter(|_| method == "PRACK" && random.below(3) != 0) {
        lines.push_str(&format!("RAck: {rseq} 1 INVITE\r\n"));
    }
    if random.below(5) != 0 {
        lines.push_str("Contact: <sip:peer@192.0.2.2:5071>\r\n");
    }
    let body = match random.below(3) {
        0 => "",
        1 => "v=0\r\n",
        _ => "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--\r\n",
    };
    if !body.is_empty() && random.below(8) != 0 {
        let media_type = if random.below(3) == 0 { TYPES[random.below(4) as usize] } else { TYPES[0] };
        lines.push_str(&format!("Content-Type: {media_type}\r\n"));
    }
    let tag = if in_dialog { ";tag=ours" } else { "" };
    let text = format!(
        "{method} sip:room@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK{cseq}\r\n\
         From: <sip:peer@example.com>;tag=theirs\r\nTo: <sip:room@example.com>{tag}\r\n\
         Call-ID: call@example.com\r\nCSeq: {cseq} {method}\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match parse_datagram(&Bytes::from(text)) {
        Ok(Message::Request(request)) => Some(request),
        _ => None,
    }
}

impl Driver {
    fn new(seed: u64) -> Option<Driver> {
        let mut random = Random(seed);
        let invite = text_of(&mut random, "INVITE", 1, false, None)?;
        let contact = Uri::sip(Some("room"), Host::parse("192.0.2.1").unwrap(), None);
        let local = LocalIdentity { tag: "ours".into(), contact, user_agent: Some("Antiphon".into()) };
        let settings = SessionSettings {
            session_expires_seconds: [None, Some(120), Some(u32::MAX)][random.below(3) as usize],
            refresher: [Refresher::Uac, Refresher::Uas][random.below(2) as usize],
            min_se_seconds: [0, 90, 100][random.below(3) as usize],
            ..SessionSettings::default()
        };
        let key = ServerKey::numbered(0);
        let now = Instant::now();
        let session = Session::new(now, key, hop(), &invite, local, settings, seed).ok()?;
        Some(Driver {
            now,
            session,
            random,
            cseq: 1,
            next_key: 1,
            rseq: None,
            finals: HashMap::new(),
            asked: vec![key],
            sent: Vec::new(),
            ends: Vec::new(),
        })
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0..3 => self.receive_request(),
            3 => self.receive_ack(),
            4 => self.receive_response(),
            5 => self.pass_time(),
            6 => self.transaction_event(),
            _ => self.command(),
        }
        self.drain();
    }

    fn receive_request(&mut self) {
        let method = METHODS[self.random.below(METHODS.len() as u32) as usize];
        // Mostly in order, BYE seldom: most calls are to live long.
        if method == "BYE" && self.random.below(4) != 0 {
            return;
        }
        self.cseq += [0, 1, 1, 1, 1, 7][self.random.below(6) as usize];
        let Some(request) = text_of(&mut self.random, method, self.cseq, true, self.rseq) else { return };
        let key = ServerKey::numbered(self.next_key);
        self.next_key += 1;
        self.asked.push(key);
        self.session.handle_request(self.now, &key, hop(), &request);
    }

    fn receive_ack(&mut self) {
        let cseq = if self.random.below(2) == 0 { self.cseq } else { 1 };
        if let Some(ack) = text_of(&mut self.random, "ACK", cseq, true, None) {
            self.session.handle_ack(&ack);
        }
    }

    fn receive_response(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let (key, request) = &self.sent[self.random.below(self.sent.len() as u32) as usize];
        let status = STATUSES[self.random.below(STATUSES.len() as u32) as usize];
        let mut response = request.response(StatusCode::new(status).unwrap(), None);
        if let Some(source) = text_of(&mut self.random, "INFO", 1, true, None) {
            for (name, value) in source.headers.iter().skip(6) {
                response.headers.push(name.clone(), value);
            }
            response.body = source.body;
        }
        if self.random.below(10) == 0 {
            let cause = [ClientFailure::Timeout, ClientFailure::Transport][self.random.below(2) as usize];
            self.session.handle_client_failed(key, cause);
        } else {
            self.session.handle_response(self.now, key, &response);
        }
    }

    fn pass_time(&mut self) {
        if let Some(due) = self.session.next_timeout() {
            self.now = self.now.max(due);
        } else {
            self.now += Duration::from_secs(u64::from(self.random.below(100)));
        }
        self.session.handle_timeout(self.now);
        assert!(
            self.session.next_timeout().is_none_or(|due| due > self.now),
            "what was due is due again at once"
        );
    }

    fn transaction_event(&mut self) {
        if self.random.below(4) != 0 {
            return;
        }
        let key = self.asked[self.random.below(self.asked.len() as u32) as usize];
        match self.random.below(3) {
            0 => self.session.handle_unreachable(&key),
            1 if self.finals.contains_key(&key) => self.session.handle_server_ended(&key, Ended::NoAck),
            _ => {
                if let Some(cancel) = text_of(&mut self.random, "CANCEL", 1, false, None) {
                    self.session.handle_cancel(&key, &cancel);
                }
            }
        }
    }

    fn command(&mut self) {
        let (now, session) = (self.now, &mut self.session);
        match self.random.below(24) {
            0..3 => session.ring(now),
            3..6 => session.progress(now, "progress".into()),
            6..10 => session.answer(now, "answer".into()),
            10 => session.hang_up(ReasonValue::parse("SIP;cause=200")),
            11 => session.reject(StatusCode::BUSY_HERE, Headers::new()),
            12..15 => drop(session.renegotiate("renegotiation".into())),
            15..18 => drop(session.give_offer(now, "given".into())),
            18..20 => session.refuse_offer(now, StatusCode::NOT_ACCEPTABLE_HERE),
            _ => drop(session.accept_offer(now, "accepted".into())),
        }
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.session.poll_output() {
            outputs += 1;
            assert!(outputs < 20, "one input makes few outputs");
            match output {
                SessionOutput::Respond { key, response } => {
                    assert!(self.asked.contains(&key));
                    self.rseq = response.headers.rseq().unwrap().or(self.rseq);
                    if response.status.is_final() {
                        let bytes = response.to_bytes();
                        let former = self.finals.insert(key, bytes.clone());
                        assert!(former.is_none_or(|former| former == bytes), "two final responses");
                    }
                }
                SessionOutput::Request { request, token, .. } => {
                    parse_datagram(&request_bytes(&request)).expect("our requests can be read");
                    let key = ClientKey::numbered(self.sent.len() as u64);
                    self.session.request_sent(token, key);
                    self.sent.push((key, request));
                }
                SessionOutput::Ack { .. } => {}
                SessionOutput::Event(event) => {
                    assert!(self.ends.is_empty(), "{event:?} after the end");
                    if let SessionEvent::Ended(end) = event {
                        self.ends.push(end);
                    }
                }
            }
        }
    }

    /// Everybody leaves; then nothing may be left.
    fn finish(&mut self) {
        self.session.hang_up(None);
        self.drain();
        for _ in 0..1000 {
            let Some(due) = self.session.next_timeout() else { break };
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.drain();
        }
        for (key, _) in std::mem::take(&mut self.sent) {
            self.session.handle_client_failed(&key, ClientFailure::Timeout);
            self.drain();
        }
        for (key, _) in std::mem::take(&mut self.sent) {
            self.session.handle_client_failed(&key, ClientFailure::Timeout);
            self.drain();
        }
        assert!(self.session.is_over() && self.ends.len() == 1, "{:?} {:#?}", self.ends, self.session);
        assert_eq!(self.session.next_timeout(), None);
        for key in &self.asked {
            assert!(self.finals.contains_key(key), "{key:?} has no final response");
        }
    }
}

fn request_bytes(request: &Request) -> Bytes {
    let mut request = request.clone();
    request.headers.push_front(crate::sip::HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx");
    request.to_bytes()
}

#[test]
fn random_inputs_in_any_order_keep_the_session_sound() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("ANTIPHON_FUZZ_SEED").unwrap_or(0);
    let iterations = number("ANTIPHON_FUZZ_ITERATIONS").unwrap_or(DEFAULT_ITERATIONS);
    let mut calls = 0;
    for seed in first..first.saturating_add(iterations) {
        let outcome = std::panic::catch_unwind(|| {
            let Some(mut driver) = Driver::new(seed) else { return false };
            for _ in 0..STEPS {
                driver.step();
            }
            driver.finish();
            true
        });
        calls += u64::from(outcome.unwrap_or_else(|_| panic!("ANTIPHON_FUZZ_SEED={seed}")));
    }
    assert!(iterations < 100 || calls > iterations / 10, "most seeds make no call: {calls} of {iterations}");
}
