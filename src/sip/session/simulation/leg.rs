//! Our end: what a leg does around its session, by a seeded plan.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::super::random::Random;
use super::super::{LocalIdentity, Session, SessionEnd, SessionEvent, SessionOutput, SessionSettings};
use super::network::leg_address;
use super::{CALL_LENGTHS, layer_of};
use crate::sip::dialog::DialogId;
use crate::sip::transaction::{Hop, ServerKey, TransactionEvent, TransactionLayer};
use crate::sip::uas::{Admission, Uas, UasRules, no_such_dialog, options_answer};
use crate::sip::{Headers, Host, Message, Method, Request, StatusCode, Uri};

#[derive(Clone, Copy, Debug)]
enum Act {
    Ring,
    Progress,
    Answer,
    Reject,
    Renegotiate,
    HangUp,
}

pub(super) struct Leg {
    pub(super) layer: TransactionLayer,
    uas: Uas,
    session: Option<Session>,
    random: Random,
    refuses_offers: bool,
    acts: BTreeMap<(Instant, u32), Act>,
    ends: Vec<SessionEnd>,
    events_after_end: usize,
    /// Final responses by the CSeq of the INVITE they answer.
    finals: HashMap<u32, Vec<Bytes>>,
    invites: Vec<u32>,
}

impl Leg {
    pub(super) fn new(now: Instant, random: &mut Random) -> Leg {
        let mut acts = BTreeMap::new();
        let mut plan = |act, after_ms: u64| {
            acts.insert((now + Duration::from_millis(after_ms), acts.len() as u32), act);
        };
        plan(Act::Ring, 100);
        if random.below(2) == 0 {
            plan(Act::Progress, u64::from(random.below(800)) + 50);
        }
        match random.below(10) {
            0 => plan(Act::Reject, u64::from(random.below(3000)) + 50),
            1 => {}
            _ => plan(Act::Answer, u64::from(random.below(2000)) + 50),
        }
        for _ in 0..random.below(3) {
            plan(Act::Renegotiate, u64::from(random.below(20_000)));
        }
        if random.below(3) == 0 {
            plan(Act::HangUp, u64::from(random.below(20_000)));
        }
        plan(Act::HangUp, CALL_LENGTHS[random.below(2) as usize].as_millis() as u64);
        Leg {
            layer: layer_of(7),
            uas: Uas::new(UasRules::default(), 16, Duration::from_secs(32)),
            session: None,
            refuses_offers: random.below(4) == 0,
            random: *random,
            acts,
            ends: Vec::new(),
            events_after_end: 0,
            finals: HashMap::new(),
            invites: Vec::new(),
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let act = self.acts.first_key_value().map(|((at, _), _)| *at);
        let session = self.session.as_ref().and_then(Session::next_timeout);
        [act, session, self.layer.next_timeout()].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.layer.handle_timeout(now);
        self.drain(now);
        while let Some((key, act)) = self.acts.first_key_value().map(|(key, act)| (*key, *act)) {
            if key.0 > now {
                break;
            }
            self.acts.remove(&key);
            self.act(now, act);
        }
        if let Some(session) = &mut self.session {
            session.handle_timeout(now);
        }
        self.drain(now);
    }

    pub(super) fn handle_message(&mut self, now: Instant, hop: Hop, message: Message) {
        self.layer.handle_message(now, hop, message);
        self.drain(now);
    }

    fn act(&mut self, now: Instant, act: Act) {
        let Some(session) = &mut self.session else { return };
        match act {
            Act::Ring => session.ring(now),
            Act::Progress => session.progress(now, sdp("progress")),
            Act::Answer => session.answer(now, sdp("answer")),
            Act::Reject => session.reject(StatusCode::BUSY_HERE, Headers::new()),
            Act::Renegotiate => {
                session.renegotiate(sdp("renegotiation"));
            }
            Act::HangUp => session.hang_up(None),
        }
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.session.as_mut().and_then(Session::poll_output) {
                self.carry_out(now, output);
            } else if let Some(event) = self.layer.poll_event() {
                self.handle_event(now, event);
            } else {
                return;
            }
        }
    }

    fn carry_out(&mut self, now: Instant, output: SessionOutput) {
        let session = self.session.as_mut().expect("it made the output");
        match output {
            SessionOutput::Respond { key, response } => self.layer.respond(now, &key, response),
            SessionOutput::Request { hop, request, token } => {
                let branch = u64::from(self.random.below(u32::MAX));
                let key = self.layer.request(now, hop, request, branch);
                session.request_sent(token, key);
            }
            SessionOutput::Ack { hop, request } => self.layer.send_ack(hop, request, 1),
            SessionOutput::Event(event) => {
                self.events_after_end += self.ends.len();
                match event {
                    SessionEvent::Offer { .. } if self.refuses_offers => {
                        session.refuse_offer(now, StatusCode::NOT_ACCEPTABLE_HERE)
                    }
                    SessionEvent::Offer { .. } => {
                        session.accept_offer(now, sdp("accepted"));
                    }
                    SessionEvent::OfferNeeded { .. } => {
                        session.give_offer(now, sdp("needed"));
                    }
                    SessionEvent::Ended(end) => self.ends.push(end),
                    _ => {}
                }
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: TransactionEvent) {
        match event {
            TransactionEvent::Request { key, hop, request } => self.handle_request(now, key, hop, &request),
            TransactionEvent::Ack { request, .. } => {
                let id = DialogId::of_request(&request);
                if let Some(session) =
                    self.session.as_mut().filter(|session| Some(session.id()) == id.as_ref())
                {
                    session.handle_ack(&request);
                }
            }
            event => {
                let Some(session) = &mut self.session else { return };
                match event {
                    TransactionEvent::Cancelled { invite, cancel } => session.handle_cancel(&invite, &cancel),
                    TransactionEvent::Response { key, response } => {
                        session.handle_response(now, &key, &response)
                    }
                    TransactionEvent::Unreachable { key } => session.handle_unreachable(&key),
                    TransactionEvent::ServerEnded { key, cause } => session.handle_server_ended(&key, cause),
                    TransactionEvent::ClientFailed { key, cause } => {
                        session.handle_client_failed(&key, cause)
                    }
                    TransactionEvent::Request { .. } | TransactionEvent::Ack { .. } => unreachable!(),
                }
            }
        }
    }

    fn handle_request(&mut self, now: Instant, key: ServerKey, hop: Hop, request: &Request) {
        if request.method == Method::Invite {
            self.invites.push(request.headers.cseq().unwrap().number);
        }
        match self.uas.admit(now, request, "fresh") {
            Admission::Call => {
                let contact =
                    Uri::sip(Some("room"), Host::Ip(leg_address().ip()), Some(leg_address().port()));
                let local =
                    LocalIdentity { tag: "ours".into(), contact, user_agent: Some("Antiphon".to_owned()) };
                let settings = SessionSettings { session_expires_seconds: Some(90), ..Default::default() };
                let random = u64::from(self.random.below(u32::MAX));
                match Session::new(now, key, hop, request, local, settings, random) {
                    Ok(session) => self.session = Some(session),
                    Err(response) => self.layer.respond(now, &key, *response),
                }
            }
            Admission::InDialog(id) => match self.session.as_mut().filter(|session| *session.id() == id) {
                Some(session) => session.handle_request(now, &key, hop, request),
                None => self.layer.respond(now, &key, no_such_dialog(request, "none")),
            },
            Admission::Options => {
                let answer = options_answer(request, "fresh", StatusCode::OK, None);
                self.layer.respond(now, &key, answer);
            }
            Admission::Refused(response) => self.layer.respond(now, &key, *response),
        }
    }

    pub(super) fn note_sent(&mut self, bytes: &Bytes) {
        let Ok(Message::Response(response)) = crate::sip::parse_datagram(bytes) else { return };
        let cseq = response.headers.cseq().unwrap();
        if response.status.is_provisional() || cseq.method != Method::Invite {
            return;
        }
        let sent = self.finals.entry(cseq.number).or_default();
        if !sent.contains(bytes) {
            sent.push(bytes.clone());
        }
    }

    pub(super) fn check(&self) {
        for invite in &self.invites {
            let finals = self.finals.get(invite).map_or(0, Vec::len);
            assert_eq!(finals, 1, "final responses to the INVITE with CSeq {invite}: {:?}", self.finals);
        }
        if self.session.is_some() {
            assert_eq!(self.ends.len(), 1, "{:?} of {:#?}", self.ends, self.session);
            assert_eq!(self.events_after_end, 0, "nothing is told after the end");
        }
        assert!(
            self.session.as_ref().is_none_or(|session| session.is_over() && session.next_timeout().is_none())
        );
    }

    pub(super) fn end_name(&self) -> String {
        let end = self.ends.first().map_or("None".to_owned(), |end| format!("{end:?}"));
        end.split([' ', '(']).next().unwrap_or_default().to_owned()
    }
}

fn sdp(what: &str) -> Bytes {
    Bytes::from(format!("v=0\r\ns={what}\r\n"))
}
