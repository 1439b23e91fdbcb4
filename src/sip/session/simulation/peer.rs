//! The far end: a phone that calls, and does what phones do, by a seeded plan.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::random::Random;
use super::network::{hop_to_leg, peer_address};
use super::{CALL_LENGTHS, layer_of};
use crate::sip::dialog::Dialog;
use crate::sip::transaction::{Hop, ServerKey, TransactionEvent, TransactionLayer, Transmit};
use crate::sip::{HeaderName, Headers, Message, Method, Request, Response, StatusCode, Uri};

#[derive(Clone, Copy, Debug)]
enum Act {
    Call,
    Cancel,
    Send(&'static str),
    RepeatSuccess(u32),
    Bye,
}

pub(super) struct Peer {
    pub(super) layer: TransactionLayer,
    random: Random,
    hop: Hop,
    acts: BTreeMap<(Instant, u64), Act>,
    next_act: u64,
    habits: Habits,
    /// The INVITE and its branch.
    invite: Option<(u64, Request)>,
    /// What is sent past the layer.
    pub(super) raw: Vec<Transmit>,
    has_final: bool,
    dialog: Option<Dialog>,
    /// The highest RSeq acknowledged.
    rseq: u32,
    own_invite_pending: bool,
    /// Our 200 to a re-INVITE without ACK, and how often it was sent.
    success: Option<(ServerKey, Response, u32)>,
    over: bool,
}

/// What this phone does and does not.
#[derive(Debug)]
struct Habits {
    offers: bool,
    supported: &'static str,
    require: &'static str,
    allow: &'static str,
    acks: bool,
    pracks: bool,
    answers_offers: bool,
    answers_requests: bool,
    vanishes: Option<Instant>,
}

impl Peer {
    pub(super) fn new(now: Instant, random: &mut Random, reliable: bool) -> Peer {
        // A different stream than the leg's.
        let mut random = Random(random.0 ^ 0xdead_beef);
        let habits = Habits {
            offers: random.below(4) != 0,
            supported: ["100rel, timer", "100rel", "timer", ""][random.below(4) as usize],
            require: ["", "", "100rel"][random.below(3) as usize],
            allow: ["INVITE, ACK, BYE, CANCEL", "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK"]
                [random.below(2) as usize],
            acks: random.below(10) != 0,
            pracks: random.below(10) != 0,
            answers_offers: random.below(10) != 0,
            answers_requests: random.below(10) != 0,
            vanishes: (random.below(10) == 0)
                .then(|| now + Duration::from_millis(u64::from(random.below(10_000)))),
        };
        let mut peer = Peer {
            layer: layer_of(9),
            hop: hop_to_leg(reliable),
            acts: BTreeMap::new(),
            next_act: 0,
            habits,
            invite: None,
            raw: Vec::new(),
            has_final: false,
            dialog: None,
            rseq: 0,
            own_invite_pending: false,
            success: None,
            over: false,
            random,
        };
        peer.plan(now, 0, Act::Call);
        if peer.random.below(4) == 0 {
            let after = peer.random.below(3000);
            peer.plan(now, after, Act::Cancel);
        }
        let kinds = [
            "INVITE offer",
            "INVITE",
            "UPDATE offer",
            "UPDATE",
            "INFO",
            "OPTIONS",
            "NEWMETHOD",
            "REFER",
            "PRACK",
        ];
        for _ in 0..peer.random.below(5) {
            let kind = kinds[peer.random.below(kinds.len() as u32) as usize];
            let after = peer.random.below(15_000);
            peer.plan(now, after, Act::Send(kind));
        }
        if peer.random.below(2) == 0 {
            let after = peer.random.below(20_000);
            peer.plan(now, after, Act::Bye);
        }
        let length = CALL_LENGTHS[peer.random.below(2) as usize];
        peer.plan(now, length.as_millis() as u32, Act::Bye);
        peer
    }

    fn plan(&mut self, now: Instant, after_ms: u32, act: Act) {
        self.next_act += 1;
        self.acts.insert((now + Duration::from_millis(u64::from(after_ms)), self.next_act), act);
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let act = self.acts.first_key_value().map(|((at, _), _)| *at);
        [act, self.layer.next_timeout()].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.layer.handle_timeout(now);
        while let Some((key, act)) = self.acts.first_key_value().map(|(key, act)| (*key, *act)) {
            if key.0 > now {
                break;
            }
            self.acts.remove(&key);
            if self.is_there(now) {
                self.act(now, act);
            }
        }
        self.drain(now);
    }

    pub(super) fn handle_message(&mut self, now: Instant, hop: Hop, message: Message) {
        if self.is_there(now) {
            self.layer.handle_message(now, hop, message);
        }
        self.drain(now);
    }

    fn is_there(&self, now: Instant) -> bool {
        self.habits.vanishes.is_none_or(|at| now < at)
    }

    fn act(&mut self, now: Instant, act: Act) {
        match act {
            Act::Call => self.call(now),
            Act::Cancel => self.cancel(),
            Act::Bye => self.bye(now),
            Act::Send(kind) => self.send_in_dialog(now, kind),
            Act::RepeatSuccess(times) => {
                let Some((key, response, sent)) = &mut self.success else { return };
                *sent += 1;
                self.layer.respond(now, key, response.clone());
                if times < 6 {
                    self.plan(now, 1000, Act::RepeatSuccess(times + 1));
                }
            }
        }
    }

    fn call(&mut self, now: Instant) {
        let mut headers = Headers::new();
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, "\"Peer\" <sip:peer@example.com>;tag=theirs");
        headers.push(HeaderName::To, "<sip:room@example.com>");
        headers.push(HeaderName::CallId, "call@example.com");
        headers.push(HeaderName::CSeq, "1 INVITE");
        self.push_own(&mut headers);
        for (name, value) in
            [(HeaderName::Supported, self.habits.supported), (HeaderName::Require, self.habits.require)]
        {
            if !value.is_empty() {
                headers.push(name, value);
            }
        }
        let uri = Uri::parse("sip:room@192.0.2.1").unwrap();
        let mut invite = Request { method: Method::Invite, uri, headers, body: Bytes::new() };
        if self.habits.offers {
            invite.set_body("application/sdp", sdp("offer"));
        }
        let branch = self.branch();
        self.layer.request(now, self.hop, invite.clone(), branch);
        self.invite = Some((branch, invite));
    }

    /// A CANCEL repeats the INVITE's branch, so it goes past the layer; it is not retransmitted.
    fn cancel(&mut self) {
        let Some((branch, invite)) = self.invite.clone() else { return };
        if self.has_final {
            return;
        }
        let mut headers = invite.headers;
        let Hop { transport, local, .. } = self.hop;
        headers.push_front(
            HeaderName::Via,
            format!("SIP/2.0/{transport} {local};rport;branch=z9hG4bK{branch:016x}"),
        );
        headers.set(HeaderName::CSeq, "1 CANCEL");
        headers.remove(HeaderName::ContentType);
        let cancel = Request { method: Method::Cancel, headers, body: Bytes::new(), uri: invite.uri };
        self.raw.push(Transmit { hop: self.hop, bytes: cancel.to_bytes() });
    }

    fn bye(&mut self, now: Instant) {
        if !self.has_final {
            return self.cancel();
        }
        if self.over {
            return;
        }
        let Some(dialog) = &mut self.dialog else { return };
        let bye = dialog.request(Method::Bye);
        self.over = true;
        let branch = self.branch();
        self.layer.request(now, self.hop, bye, branch);
    }

    fn send_in_dialog(&mut self, now: Instant, kind: &str) {
        if self.over || self.own_invite_pending {
            return;
        }
        let (name, with_offer) = match kind.split_once(' ') {
            Some((name, _)) => (name, true),
            None => (kind, false),
        };
        let method = Method::parse(name).unwrap();
        if method == Method::Invite && !self.has_final {
            return;
        }
        let Some(dialog) = &mut self.dialog else { return };
        let mut request = dialog.request(method.clone());
        let mut headers = std::mem::take(&mut request.headers);
        self.push_own(&mut headers);
        request.headers = headers;
        if with_offer {
            request.set_body("application/sdp", sdp("change"));
        }
        self.own_invite_pending |= method == Method::Invite;
        let branch = self.branch();
        self.layer.request(now, self.hop, request, branch);
    }

    fn push_own(&self, headers: &mut Headers) {
        headers.push(HeaderName::Contact, format!("<sip:peer@{}>", peer_address()));
        headers.push(HeaderName::Allow, self.habits.allow);
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.layer.poll_event() {
            match event {
                TransactionEvent::Response { response, .. } => self.handle_response(now, &response),
                TransactionEvent::Request { key, request, .. } => self.handle_request(now, key, &request),
                TransactionEvent::Ack { .. } => self.success = None,
                TransactionEvent::ClientFailed { .. } => {
                    self.has_final = true;
                    self.own_invite_pending = false;
                }
                _ => {}
            }
        }
    }

    fn handle_response(&mut self, now: Instant, response: &Response) {
        let cseq = response.headers.cseq().unwrap();
        if cseq.method != Method::Invite {
            return;
        }
        if response.status.is_provisional() {
            return self.handle_provisional(now, response);
        }
        if cseq.number == 1 {
            self.has_final = true;
        } else {
            self.own_invite_pending = false;
        }
        if !response.status.is_success() {
            self.over |= cseq.number == 1;
            return;
        }
        if self.dialog.is_none() {
            let (_, invite) = self.invite.as_ref().unwrap();
            self.dialog = Some(Dialog::for_uac(invite, &response.headers).expect("a 200 makes a dialog"));
        }
        if self.habits.acks {
            let mut ack = self.dialog.as_ref().unwrap().ack(cseq.number);
            if !response.body.is_empty() && self.habits.answers_offers {
                ack.set_body("application/sdp", sdp("in ACK"));
            }
            let branch = self.branch();
            self.layer.send_ack(self.hop, ack, branch);
        }
    }

    fn handle_provisional(&mut self, now: Instant, response: &Response) {
        if response.status == StatusCode::TRYING {
            return;
        }
        if self.dialog.is_none() {
            let (_, invite) = self.invite.as_ref().unwrap();
            self.dialog = Some(Dialog::for_uac(invite, &response.headers).expect("a 180 makes a dialog"));
        }
        let Ok(Some(rseq)) = response.headers.rseq() else { return };
        if rseq <= self.rseq || !self.habits.pracks {
            return;
        }
        self.rseq = rseq;
        let mut prack = self.dialog.as_mut().unwrap().request(Method::Prack);
        prack.headers.push(HeaderName::RAck, format!("{rseq} 1 INVITE"));
        let may_offer = self.habits.offers && self.random.below(4) == 0;
        let answers = self.habits.answers_offers;
        if answers && !response.body.is_empty() && (!self.habits.offers || may_offer) {
            prack.set_body("application/sdp", sdp("in PRACK"));
        }
        let branch = self.branch();
        self.layer.request(now, self.hop, prack, branch);
    }

    fn handle_request(&mut self, now: Instant, key: ServerKey, request: &Request) {
        if !self.habits.answers_requests {
            return self.layer.respond(now, &key, request.response(StatusCode::REQUEST_TIMEOUT, None));
        }
        self.over |= request.method == Method::Bye;
        let pick = self.random.below(8);
        let status = match request.method {
            Method::Invite if self.own_invite_pending => StatusCode::REQUEST_PENDING,
            Method::Invite | Method::Update if pick == 0 => StatusCode::SERVER_INTERNAL_ERROR,
            Method::Invite | Method::Update if pick == 1 => StatusCode::NOT_ACCEPTABLE_HERE,
            Method::Update if pick == 2 => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::OK,
        };
        let mut response = request.response(status, None);
        self.push_own(&mut response.headers);
        if status == StatusCode::OK && !request.body.is_empty() && self.habits.answers_offers {
            response.set_body("application/sdp", sdp("answer"));
        }
        self.layer.respond(now, &key, response.clone());
        if request.method == Method::Invite && status == StatusCode::OK {
            self.success = Some((key, response, 1));
            self.plan(now, 500, Act::RepeatSuccess(1));
        }
    }

    fn branch(&mut self) -> u64 {
        u64::from(self.random.below(u32::MAX)) << 8
    }

    pub(super) fn check(&self) {
        if let Some((_, _, sent)) = &self.success {
            assert!(*sent <= 7);
        }
    }
}

fn sdp(what: &str) -> Bytes {
    Bytes::from(format!("v=0\r\ns={what}\r\n"))
}
