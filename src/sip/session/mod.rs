//! The INVITE usage of a dialog, UAS side, as one pure machine: RFC 3261 §13.3, §14, §15 (calls, re-INVITE, BYE),
//! RFC 3262 (PRACK), RFC 3311 (UPDATE), RFC 4028 (session timers), RFC 6141 (what a refused re-INVITE leaves).
//!
//! Driven by a leg: it passes in what the transaction layer says and what the leg wants, then drains
//! [`Session::poll_output`] and arms a timer for [`Session::next_timeout`]. Bodies are opaque: offer and answer are
//! counted here, not read. It is a plain value.

mod early;
mod exchange;
mod incoming;
mod initial;
mod offers;
mod outgoing;
mod random;
mod refresh;
mod reinvite;
mod reliable;
mod retransmission;
mod types;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::exchange::{Exchange, Theirs};
use self::initial::{PendingInvite, Success};
use self::outgoing::Outgoing;
use self::random::Random;
use self::refresh::{Interval, Unacceptable};
use self::reliable::Reliable;
pub use self::types::{
    LocalIdentity, ReliableProvisionals, RequestToken, SHORTEST_SESSION_SECONDS, SessionEnd, SessionEvent,
    SessionOutput, SessionSettings,
};
use super::dialog::{Dialog, DialogId};
use super::transaction::{Hop, ServerKey};
use super::uas::body::{SDP, session_description};
use super::uas::{ALLOW, SUPPORTED, bad_request, body_refusal};
use super::{HeaderName, Headers, Method, NameAddr, Request, Response, StatusCode};

/// One call, from its INVITE to its end.
#[derive(Clone, Debug)]
pub struct Session {
    dialog: Dialog,
    /// What the peer's last request came over.
    hop: Hop,
    local: LocalIdentity,
    settings: SessionSettings,
    phase: Phase,
    /// The peer's INVITE without a final response.
    invite: Option<Box<PendingInvite>>,
    /// Our 2xx without an ACK.
    success: Option<Box<Success>>,
    reliable: Reliable,
    exchange: Exchange,
    interval: Option<Interval>,
    outgoing: Outgoing,
    outputs: VecDeque<SessionOutput>,
    random: Random,
}

/// How far the call is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// The first INVITE has no final response.
    Early,
    /// Its 2xx was sent.
    Answered,
    /// We end it for this reason: the BYE waits for the ACK to our 2xx (RFC 3261 §15), or for its own answer.
    Leaving(SessionEnd),
    /// [`SessionEvent::Ended`] was told.
    Over,
}

impl Session {
    /// The session that an INVITE asks for, admitted by [`Uas::admit`](super::uas::Uas::admit); `Err`: what to answer
    /// it instead (400, 415, 422 …). `random` makes our sequence numbers and waits unguessable.
    pub fn new(
        now: Instant,
        key: ServerKey,
        hop: Hop,
        invite: &Request,
        local: LocalIdentity,
        settings: SessionSettings,
        random: u64,
    ) -> Result<Session, Box<Response>> {
        assert!(invite.method == Method::Invite, "a session begins with an INVITE");
        let mut random = Random(random);
        let tag = &local.tag;
        let first_cseq = random.below(1 << 30);
        let dialog =
            Dialog::for_uas(invite, tag, first_cseq).map_err(|error| bad_request(invite, tag, &error))?;
        let offer = session_description(&invite.headers, &invite.body, settings.max_body_bytes)
            .map_err(|error| body_refusal(invite, tag, error, SDP))?;
        let agreed = refresh::agree(&invite.headers, &settings).map_err(|problem| match problem {
            Unacceptable::TooSmall(min_seconds) => interval_too_small(invite, tag, min_seconds),
            Unacceptable::Header(error) => bad_request(invite, tag, &error),
        })?;
        let exchange = if offer.is_some() { Exchange::Theirs(Theirs::Invite) } else { Exchange::Idle };
        // RFC 3261 §13.3.1. A caller that wants no answer at all is not meant.
        let expires = invite.headers.expires().ok().flatten().filter(|seconds| *seconds > 0);
        let expires_at = expires.map(|seconds| now + Duration::from_secs(u64::from(seconds)));
        let pending = PendingInvite::new(key, invite, expires_at, offer, agreed);
        Ok(Session {
            outgoing: Outgoing::new(&invite.headers, &hop),
            dialog,
            hop,
            local,
            settings,
            phase: Phase::Early,
            invite: Some(Box::new(pending)),
            success: None,
            reliable: Reliable::new(random.below(1 << 30) + 1),
            exchange,
            interval: None,
            outputs: VecDeque::new(),
            random,
        })
    }

    /// What names the dialog.
    pub fn id(&self) -> &DialogId {
        self.dialog.id()
    }

    /// From of the INVITE.
    pub fn caller(&self) -> &NameAddr {
        self.dialog.remote()
    }

    /// The first INVITE's offer, until the call is answered; `None`: we offer, in the 200 or in a reliable 18x.
    pub fn offer(&self) -> Option<&Bytes> {
        match self.phase {
            Phase::Early => self.invite.as_ref()?.offer.as_ref(),
            _ => None,
        }
    }

    /// Whether the call was answered and nobody has begun to end it.
    pub fn is_answered(&self) -> bool {
        self.phase == Phase::Answered
    }

    /// Whether the call ends or has ended: nothing more is to be told to the peer than the end.
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving(_) | Phase::Over)
    }

    /// Whether [`SessionEvent::Ended`] was told: the leg may forget the session. A request that still comes gets 481.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// When [`Session::handle_timeout`] is to be called next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let interval = self.interval.as_ref();
        [
            self.success.as_ref().map(|success| success.retransmission.next_due()),
            self.reliable.next_due(),
            self.early_due(),
            interval.map(|interval| interval.expires_at),
            interval.and_then(|interval| interval.refresh_at),
            self.outgoing.offer_again_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.repeat_success(now);
        self.repeat_provisional(now);
        self.handle_early_timeout(now);
        self.expire_interval(now);
        self.refresh_when_due(now);
        self.offer_again_when_due(now);
    }

    fn tell(&mut self, event: SessionEvent) {
        self.outputs.push_back(SessionOutput::Event(event));
    }

    fn respond(&mut self, key: ServerKey, response: Response) {
        self.outputs.push_back(SessionOutput::Respond { key, response });
    }

    /// A response of ours with the header fields that every one of this status has.
    fn response(&self, head: &Request, status: StatusCode) -> Response {
        let mut response = head.response(status, Some(&self.local.tag));
        let headers = &mut response.headers;
        let with_contact = matches!(head.method, Method::Invite | Method::Update);
        if with_contact && status.code() < 300 {
            headers.push(HeaderName::Contact, format!("<{}>", self.local.contact));
        }
        if (with_contact && status.is_success()) || status == StatusCode::METHOD_NOT_ALLOWED {
            headers.push(HeaderName::Allow, ALLOW);
            headers.push(HeaderName::Supported, SUPPORTED);
        }
        if let Some(user_agent) = &self.local.user_agent {
            headers.push(HeaderName::Server, user_agent.as_str());
        }
        response
    }

    /// Ends everything, telling why.
    fn finish(&mut self, end: SessionEnd) {
        if self.phase == Phase::Over {
            return;
        }
        self.settle();
        self.success = None;
        self.phase = Phase::Over;
        self.tell(SessionEvent::Ended(end));
    }

    /// Gives up whatever is under way but our 2xx: what waits for a final response gets 487 (RFC 3261 §15.1.2).
    fn settle(&mut self) {
        if let Some(invite) = self.invite.take() {
            let response = self.response(&invite.head, StatusCode::REQUEST_TERMINATED);
            self.respond(invite.key, response);
        }
        if let Some(waiting) = self.take_waiting() {
            let response = self.response(&waiting.head, StatusCode::REQUEST_TERMINATED);
            self.respond(waiting.key, response);
        }
        self.exchange = Exchange::Idle;
        self.reliable.stop();
        self.interval = None;
        self.outgoing.offer_again_at = None;
    }
}

/// 422 with the interval we take (RFC 4028 §6).
fn interval_too_small(request: &Request, tag: &str, min_seconds: u32) -> Response {
    let mut response = request.response(StatusCode::SESSION_INTERVAL_TOO_SMALL, Some(tag));
    response.headers.push(HeaderName::MinSe, min_seconds.to_string());
    response
}

/// A request without its body, to answer it later.
fn head_of(request: &Request) -> Request {
    Request {
        method: request.method.clone(),
        uri: request.uri.clone(),
        headers: request.headers.clone(),
        body: Bytes::new(),
    }
}

/// The first value of Reason that can be read (RFC 3326).
fn reason_of(headers: &Headers) -> Option<super::ReasonValue> {
    headers.reasons().into_iter().next()
}

#[cfg(test)]
mod session_fuzz;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
