//! Reliable provisional responses and their PRACK (RFC 3262).

use std::collections::VecDeque;
use std::time::Instant;

use super::exchange::{Exchange, Glare, Ours, Theirs, Waiting};
use super::retransmission::{Due, Retransmission};
use super::{Session, SessionEnd, SessionEvent, head_of};
use crate::sip::transaction::ServerKey;
use crate::sip::uas::body::{SDP, session_description};
use crate::sip::uas::{bad_request, body_refusal, no_such_dialog};
use crate::sip::{HeaderName, Headers, Method, Request, Response, StatusCode};

/// Most responses that wait for the PRACK of one before them; more are not sent.
const MAX_QUEUED: usize = 4;

/// The reliable provisional responses of one INVITE. One at a time is under way, the others wait (RFC 3262 §3).
#[derive(Clone, Debug)]
pub(super) struct Reliable {
    next_rseq: u32,
    sent: Option<Box<Sent>>,
    queue: VecDeque<Queued>,
}

/// The response whose PRACK has not come.
#[derive(Clone, Debug)]
struct Sent {
    key: ServerKey,
    rseq: u32,
    cseq: u32,
    response: Response,
    has_body: bool,
    /// `None` once the INVITE has its final response: the PRACK may still come, the response is not repeated.
    retransmission: Option<Retransmission>,
}

#[derive(Clone, Debug)]
struct Queued {
    key: ServerKey,
    cseq: u32,
    response: Response,
    has_body: bool,
}

impl Reliable {
    pub(super) fn new(first_rseq: u32) -> Reliable {
        Reliable { next_rseq: first_rseq, sent: None, queue: VecDeque::new() }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        Some(self.sent.as_ref()?.retransmission.as_ref()?.next_due())
    }

    /// Whether a description was sent and not acknowledged: the 2xx waits for that (RFC 3262 §3).
    pub(super) fn owes_description(&self) -> bool {
        self.sent_has_body() || self.queue.iter().any(|queued| queued.has_body)
    }

    /// Whether the response under way carries a description.
    fn sent_has_body(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.has_body)
    }

    /// The INVITE has its final response: nothing is repeated or begun.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
        if let Some(sent) = &mut self.sent {
            sent.retransmission = None;
        }
    }

    fn take_acknowledged(&mut self, headers: &Headers) -> bool {
        let Ok(Some(rack)) = headers.rack() else { return false };
        let matches = |sent: &mut Box<Sent>| {
            sent.rseq == rack.rseq && sent.cseq == rack.cseq && rack.method == Method::Invite
        };
        self.sent.take_if(matches).is_some()
    }
}

impl Session {
    pub(super) fn send_reliably(
        &mut self,
        now: Instant,
        key: ServerKey,
        cseq: u32,
        response: Response,
        has_body: bool,
    ) {
        let queued = Queued { key, cseq, response, has_body };
        // A response with the description always finds room: there is only one.
        if has_body || self.reliable.queue.len() < MAX_QUEUED {
            self.reliable.queue.push_back(queued);
        }
        self.send_queued(now);
    }

    fn send_queued(&mut self, now: Instant) {
        if self.reliable.sent.is_some() {
            return;
        }
        let Some(Queued { key, cseq, mut response, has_body }) = self.reliable.queue.pop_front() else {
            return;
        };
        let rseq = self.reliable.next_rseq;
        self.reliable.next_rseq += 1;
        response.headers.push(HeaderName::Require, "100rel");
        response.headers.push(HeaderName::RSeq, rseq.to_string());
        let retransmission = Some(Retransmission::of_provisional(now, &self.settings.timers));
        let sent = Sent { key, rseq, cseq, response: response.clone(), has_body, retransmission };
        self.reliable.sent = Some(Box::new(sent));
        self.respond(key, response);
    }

    pub(super) fn repeat_provisional(&mut self, now: Instant) {
        let Some(sent) = &mut self.reliable.sent else { return };
        let Some(retransmission) = &mut sent.retransmission else { return };
        match retransmission.take_due(now) {
            Due::Nothing => {}
            Due::SendAgain => {
                let (key, response) = (sent.key, sent.response.clone());
                self.respond(key, response);
            }
            // RFC 3262 §3: reject the INVITE with a 5xx.
            Due::GiveUp => self.fail_first(StatusCode::SERVER_TIME_OUT, Headers::new(), SessionEnd::NoPrack),
        }
    }

    /// RFC 3262 §3 and §5: 481 to one that acknowledges nothing; it may carry the answer to our offer, or an offer.
    pub(super) fn handle_prack(&mut self, now: Instant, key: ServerKey, prack: &Request) {
        let tag = self.local.tag.clone();
        let body = match session_description(&prack.headers, &prack.body, self.settings.max_body_bytes) {
            Ok(body) => body,
            Err(error) => return self.respond(key, body_refusal(prack, &tag, error, SDP)),
        };
        if let Err(error) = prack.headers.rack() {
            return self.respond(key, bad_request(prack, &tag, &error));
        }
        let is_answer = self.exchange == Exchange::Ours(Ours::Prack) && self.reliable.sent_has_body();
        if body.is_some() && !is_answer && self.exchange.glare() != Glare::None {
            return self.refuse_glare(key, prack);
        }
        if !self.reliable.take_acknowledged(&prack.headers) {
            return self.respond(key, no_such_dialog(prack, &tag));
        }
        match body {
            Some(body) if is_answer => {
                self.exchange = Exchange::Idle;
                self.accept_prack(key, prack);
                self.tell(SessionEvent::Answer { body });
            }
            Some(body) => {
                let waiting = Waiting { key, head: head_of(prack) };
                self.exchange = Exchange::Theirs(Theirs::Prack(Box::new(waiting)));
                self.tell(SessionEvent::Offer { body });
            }
            None => self.accept_prack(key, prack),
        }
        if is_answer && self.exchange == Exchange::Ours(Ours::Prack) {
            // It had no body: our offer will never be answered.
            return self.fail_first(StatusCode::NOT_ACCEPTABLE_HERE, Headers::new(), SessionEnd::NoAnswer);
        }
        self.send_queued(now);
        self.resume_answer(now);
    }

    fn accept_prack(&mut self, key: ServerKey, prack: &Request) {
        let response = self.response(prack, StatusCode::OK);
        self.respond(key, response);
    }
}
