//! The first INVITE: its final response, the repeated 2xx and the ACK (RFC 3261 §13.3).

use std::time::Instant;

use bytes::Bytes;

use super::early::Repeated;
use super::exchange::{Exchange, Ours, Theirs, Waiting};
use super::refresh::Agreed;
use super::retransmission::{Due, Retransmission};
use super::{Phase, Session, SessionEnd, SessionEvent, head_of, reason_of};
use crate::sip::session::ReliableProvisionals;
use crate::sip::transaction::{Ended, ServerKey};
use crate::sip::uas::body::{SDP, session_description};
use crate::sip::{HeaderName, Headers, ReasonValue, Request, Response, StatusCode};

/// An INVITE of the peer's that has no final response.
#[derive(Clone, Debug)]
pub(super) struct PendingInvite {
    pub(super) key: ServerKey,
    /// Without its body.
    pub(super) head: Request,
    pub(super) cseq: u32,
    pub(super) offer: Option<Bytes>,
    /// What the 2xx says of the session timer.
    pub(super) agreed: Option<Agreed>,
    /// A reliable provisional response has carried our description: the 2xx carries none.
    pub(super) described: bool,
    /// The leg has answered, but an exchange in PRACK or UPDATE must end first (RFC 3262 §5).
    pub(super) held_answer: Option<Bytes>,
    /// When the caller wants no answer any more.
    pub(super) expires_at: Option<Instant>,
    pub(super) repeated: Option<Box<Repeated>>,
}

/// A 2xx of ours whose ACK has not come.
#[derive(Clone, Debug)]
pub(super) struct Success {
    pub(super) key: ServerKey,
    pub(super) cseq: u32,
    pub(super) is_first: bool,
    pub(super) response: Response,
    pub(super) retransmission: Retransmission,
}

impl PendingInvite {
    pub(super) fn new(
        key: ServerKey,
        invite: &Request,
        expires_at: Option<Instant>,
        offer: Option<Bytes>,
        agreed: Option<Agreed>,
    ) -> PendingInvite {
        let cseq = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        PendingInvite {
            key,
            head: head_of(invite),
            cseq,
            offer,
            agreed,
            described: false,
            held_answer: None,
            expires_at,
            repeated: None,
        }
    }

    /// Whether a provisional response must be, or with a body is to be, reliable (RFC 3262 §3).
    pub(super) fn wants_reliable(&self, setting: ReliableProvisionals, has_body: bool) -> bool {
        let headers = &self.head.headers;
        let required = headers.require().iter().any(|option_tag| option_tag.eq_ignore_ascii_case("100rel"));
        required || (has_body && setting == ReliableProvisionals::WhenSupported && headers.supports("100rel"))
    }
}

impl Session {
    /// Answers the call with 200. `sdp` is the answer to the INVITE's offer, or our offer if it had none; it is left out
    /// where a reliable provisional response has carried it. Without effect once the call is answered or over.
    pub fn answer(&mut self, now: Instant, sdp: Bytes) {
        if self.phase != Phase::Early {
            return;
        }
        let Some(invite) = &mut self.invite else { return };
        let in_early_exchange = matches!(
            self.exchange,
            Exchange::Ours(Ours::Prack) | Exchange::Theirs(Theirs::Update(_) | Theirs::Prack(_))
        );
        if in_early_exchange || self.reliable.owes_description() {
            invite.held_answer = Some(sdp);
            return;
        }
        let body = (!invite.described).then_some(sdp);
        if body.is_some() {
            self.exchange = match self.exchange {
                Exchange::Theirs(Theirs::Invite) => Exchange::Idle,
                _ => Exchange::Ours(Ours::Ack),
            };
        }
        self.phase = Phase::Answered;
        self.send_success(now, body, true);
    }

    /// Refuses the call with a final response, with `extra` header fields (Retry-After, Warning, Contact …). Without
    /// effect once the call is answered or over.
    pub fn reject(&mut self, status: StatusCode, extra: Headers) {
        assert!(status.code() >= 300, "a refusal is no success");
        self.fail_first(status, extra, SessionEnd::Rejected(status));
    }

    /// A CANCEL of the INVITE `invite`, which the layer has answered: the INVITE gets 487 (RFC 3261 §9.2).
    pub fn handle_cancel(&mut self, invite: &ServerKey, cancel: &Request) {
        let is_pending = self.invite.as_ref().is_some_and(|pending| pending.key == *invite);
        if !is_pending {
            return;
        }
        if self.phase == Phase::Early {
            let end = SessionEnd::Cancelled { reason: reason_of(&cancel.headers) };
            self.fail_first(StatusCode::REQUEST_TERMINATED, Headers::new(), end);
        } else {
            self.fail_reinvite(StatusCode::REQUEST_TERMINATED);
            self.tell(SessionEvent::OfferWithdrawn);
        }
    }

    /// A response to the transaction `key` could not be delivered. Before the answer the caller has gone; a 2xx is
    /// repeated until the wait for its ACK ends.
    pub fn handle_unreachable(&mut self, key: &ServerKey) {
        let is_pending = self.invite.as_ref().is_some_and(|pending| pending.key == *key);
        if !is_pending {
            return;
        }
        if self.phase == Phase::Early {
            self.fail_first(StatusCode::SERVICE_UNAVAILABLE, Headers::new(), SessionEnd::TransportFailed);
        } else {
            self.fail_reinvite(StatusCode::SERVICE_UNAVAILABLE);
            self.tell(SessionEvent::OfferWithdrawn);
        }
    }

    /// The server transaction `key` is over: without it a pending INVITE cannot be answered any more.
    pub fn handle_server_ended(&mut self, key: &ServerKey, _cause: Ended) {
        self.handle_unreachable(key);
    }

    /// An ACK in the dialog.
    pub fn handle_ack(&mut self, ack: &Request) {
        let cseq = ack.headers.cseq().ok().map(|cseq| cseq.number);
        let Some(success) = self.success.take_if(|success| cseq == Some(success.cseq)) else { return };
        if success.is_first {
            self.tell(SessionEvent::Acknowledged);
        }
        if self.exchange == Exchange::Ours(Ours::Ack) {
            self.exchange = Exchange::Idle;
            match session_description(&ack.headers, &ack.body, self.settings.max_body_bytes) {
                Ok(Some(body)) => self.tell(SessionEvent::Answer { body }),
                // RFC 3261 §13.2.1: the answer must be in the ACK, and there is no response to complain with.
                _ => self.leave(SessionEnd::NoAnswer, Some(no_answer())),
            }
        }
        self.send_held_bye();
    }

    /// Fails the first INVITE and ends the session.
    pub(super) fn fail_first(&mut self, status: StatusCode, extra: Headers, end: SessionEnd) {
        if self.phase != Phase::Early {
            return;
        }
        if let Some(invite) = self.invite.take() {
            let mut response = self.response(&invite.head, status);
            response.headers.extend(extra);
            self.respond(invite.key, response);
        }
        self.finish(end);
    }

    /// Sends the 2xx to the pending INVITE and begins to repeat it.
    pub(super) fn send_success(&mut self, now: Instant, body: Option<Bytes>, is_first: bool) {
        let Some(invite) = self.invite.take() else { return };
        let mut response = self.response(&invite.head, StatusCode::OK);
        self.agree_interval(now, invite.agreed, &mut response);
        if let Some(body) = body {
            response.set_body(SDP, body);
        }
        self.reliable.stop();
        if !is_first {
            // RFC 6141 §4.3: the target changes with the acceptance, not before.
            self.dialog.refresh_target(&invite.head.headers);
        }
        self.success = Some(Box::new(Success {
            key: invite.key,
            cseq: invite.cseq,
            is_first,
            response: response.clone(),
            retransmission: Retransmission::of_success(now, &self.settings.timers),
        }));
        self.respond(invite.key, response);
    }

    /// RFC 3261 §13.3.1.4: the 2xx again, until it is acknowledged; without an ACK the session ends.
    pub(super) fn repeat_success(&mut self, now: Instant) {
        let Some(success) = &mut self.success else { return };
        match success.retransmission.take_due(now) {
            Due::Nothing => {}
            Due::SendAgain => {
                let (key, response) = (success.key, success.response.clone());
                self.respond(key, response);
            }
            Due::GiveUp => {
                self.success = None;
                self.leave(SessionEnd::NoAck, None);
                // We may have been leaving already, for another reason.
                self.send_held_bye();
            }
        }
    }

    /// Goes on with an answer that waited for an exchange in PRACK or UPDATE.
    pub(super) fn resume_answer(&mut self, now: Instant) {
        if let Some(sdp) = self.invite.as_mut().and_then(|invite| invite.held_answer.take()) {
            self.answer(now, sdp);
        }
    }

    /// The UPDATE or PRACK that waits for the leg's answer.
    pub(super) fn take_waiting(&mut self) -> Option<Waiting> {
        match std::mem::take(&mut self.exchange) {
            Exchange::Theirs(Theirs::Update(waiting) | Theirs::Prack(waiting)) => Some(*waiting),
            exchange => {
                self.exchange = exchange;
                None
            }
        }
    }
}

/// What our BYE says after an ACK without the answer (RFC 3326).
fn no_answer() -> ReasonValue {
    ReasonValue { protocol: "SIP".into(), cause: Some(488), text: Some("No answer to the offer".into()) }
}

/// Writes Reason.
pub(super) fn push_reason(headers: &mut Headers, reason: Option<&ReasonValue>) {
    if let Some(reason) = reason {
        headers.push(HeaderName::Reason, reason.to_string());
    }
}
