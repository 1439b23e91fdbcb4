//! Requests of the peer within the dialog (RFC 3261 §12.2.2), by method.

use std::time::Instant;

use super::exchange::{Exchange, Glare, Theirs, Waiting};
use super::refresh::{Agreed, Interval, Unacceptable, agree};
use super::{Phase, Session, SessionEnd, SessionEvent, head_of, interval_too_small, reason_of};
use crate::sip::transaction::{Hop, ServerKey};
use crate::sip::uas::body::{BodyError, SDP, check_size_and_encoding, session_description};
use crate::sip::uas::{
    bad_request, body_refusal, check_method, check_require, no_such_dialog, options_answer,
};
use crate::sip::{HeaderName, Method, Refresher, Request, Response, StatusCode};

/// The longest Retry-After of a 500 to overlapping requests, in seconds (RFC 3261 §14.2).
const LONGEST_RETRY_AFTER: u32 = 10;

impl Session {
    /// A request in the dialog, not ACK or CANCEL; it came over `hop` and has the transaction `key`.
    pub fn handle_request(&mut self, now: Instant, key: &ServerKey, hop: Hop, request: &Request) {
        assert!(!matches!(request.method, Method::Ack | Method::Cancel), "they have handlers of their own");
        let key = *key;
        if let Err(refusal) = self.check_request(request) {
            return self.respond(key, refusal);
        }
        self.hop = hop;
        self.outgoing.note_path(&request.headers, &hop);
        match request.method {
            Method::Bye => self.handle_bye(key, request),
            Method::Invite => self.handle_reinvite(key, request),
            Method::Update => self.handle_update(now, key, request),
            Method::Prack => self.handle_prack(now, key, request),
            Method::Info => self.handle_info(key, request),
            _ => {
                let mut answer = options_answer(request, &self.local.tag, StatusCode::OK, None);
                answer.headers.push(HeaderName::Contact, format!("<{}>", self.local.contact));
                self.respond(key, answer);
            }
        }
    }

    /// What every request must pass, in the order of RFC 3261 §12.2.2 and §8.2.
    fn check_request(&mut self, request: &Request) -> Result<(), Response> {
        let tag = self.local.tag.as_str();
        let gone = match self.phase {
            Phase::Over => true,
            Phase::Leaving(_) => request.method != Method::Bye,
            Phase::Early | Phase::Answered => false,
        };
        if gone {
            return Err(no_such_dialog(request, tag));
        }
        let cseq = request.headers.cseq().map_err(|error| bad_request(request, tag, &error))?;
        if self.dialog.advance_remote(cseq.number).is_err() {
            return Err(request.response(StatusCode::SERVER_INTERNAL_ERROR, Some(tag)));
        }
        check_method(request, tag)?;
        // A BYE is obeyed whatever it requires: refusing it would leave the peer in a call it has left.
        if request.method != Method::Bye {
            check_require(request, tag)?;
            check_size_and_encoding(&request.headers, &request.body, self.settings.max_body_bytes)
                .map_err(|error| body_refusal(request, tag, error, SDP))?;
        }
        Ok(())
    }

    /// RFC 3261 §15.1.2. A BYE that crosses ours is answered like any, and ends the wait for the answer to ours.
    fn handle_bye(&mut self, key: ServerKey, bye: &Request) {
        let response = self.response(bye, StatusCode::OK);
        self.respond(key, response);
        let end = match &self.phase {
            Phase::Leaving(end) => end.clone(),
            _ => SessionEnd::Bye { reason: reason_of(&bye.headers) },
        };
        self.finish(end);
    }

    /// RFC 6086: no INFO packages here, only the older use without.
    fn handle_info(&mut self, key: ServerKey, info: &Request) {
        if info.headers.contains(HeaderName::InfoPackage) {
            let mut response = self.response(info, StatusCode::BAD_INFO_PACKAGE);
            response.headers.push(HeaderName::RecvInfo, "");
            return self.respond(key, response);
        }
        if info.body.is_empty() {
            let response = self.response(info, StatusCode::OK);
            return self.respond(key, response);
        }
        let types = self.settings.info_types;
        if !types.iter().any(|media_type| info.headers.content_type_is(media_type)) {
            let refusal = body_refusal(info, &self.local.tag, BodyError::NotSdp, &types.join(", "));
            return self.respond(key, refusal);
        }
        let response = self.response(info, StatusCode::OK);
        self.respond(key, response);
        let content_type = info.headers.content_type().unwrap_or_default().into();
        self.tell(SessionEvent::Info { content_type, body: info.body.clone() });
    }

    /// RFC 3311 §5.2; without an offer it refreshes target and session alone.
    fn handle_update(&mut self, now: Instant, key: ServerKey, update: &Request) {
        let tag = self.local.tag.as_str();
        let read = session_description(&update.headers, &update.body, self.settings.max_body_bytes)
            .map_err(|error| body_refusal(update, tag, error, SDP))
            .and_then(|body| Ok((body, self.agree_to(update)?)));
        let (body, agreed) = match read {
            Ok(read) => read,
            Err(refusal) => return self.respond(key, refusal),
        };
        let Some(body) = body else {
            return self.accept_update(now, key, update, agreed, None);
        };
        // Before our own first offer (to an INVITE without one) the peer has none to make.
        let before_ours =
            self.phase == Phase::Early && self.invite.as_ref().is_some_and(|invite| !invite.described);
        if self.exchange.glare() != Glare::None || self.outgoing.offers() || before_ours {
            return self.refuse_glare(key, update);
        }
        let waiting = Waiting { key, head: head_of(update) };
        self.exchange = Exchange::Theirs(Theirs::Update(Box::new(waiting)));
        self.tell(SessionEvent::Offer { body });
    }

    /// 200 to an UPDATE.
    pub(super) fn accept_update(
        &mut self,
        now: Instant,
        key: ServerKey,
        head: &Request,
        agreed: Option<Agreed>,
        answer: Option<bytes::Bytes>,
    ) {
        self.dialog.refresh_target(&head.headers);
        let mut response = self.response(head, StatusCode::OK);
        // RFC 4028 §7: a session timer runs from the answer on, not in an early dialog.
        if self.phase == Phase::Answered {
            self.agree_interval(now, agreed, &mut response);
        }
        if let Some(answer) = answer {
            response.set_body(SDP, answer);
        }
        self.respond(key, response);
    }

    /// What our 2xx to a re-INVITE or UPDATE says of the session timer, or the refusal.
    pub(super) fn agree_to(&self, request: &Request) -> Result<Option<Agreed>, Response> {
        agree(&request.headers, &self.settings).map_err(|problem| match problem {
            Unacceptable::TooSmall(min_seconds) => interval_too_small(request, &self.local.tag, min_seconds),
            Unacceptable::Header(error) => bad_request(request, &self.local.tag, &error),
        })
    }

    /// Begins the session interval that our 2xx announces.
    pub(super) fn agree_interval(&mut self, now: Instant, agreed: Option<Agreed>, response: &mut Response) {
        self.interval = agreed.map(|agreed| {
            agreed.write(&mut response.headers);
            Interval::begin(now, agreed.seconds, agreed.refresher == Refresher::Uas)
        });
    }

    /// 491 where our own offer is under way, 500 with Retry-After where the peer's former one is
    /// (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(super) fn refuse_glare(&mut self, key: ServerKey, request: &Request) {
        let their_own = self.exchange.glare() == Glare::Overlapping || self.invite.is_some();
        if their_own {
            let mut response = self.response(request, StatusCode::SERVER_INTERNAL_ERROR);
            let seconds = self.random.below(LONGEST_RETRY_AFTER + 1);
            response.headers.push(HeaderName::RetryAfter, seconds.to_string());
            self.respond(key, response);
        } else {
            let response = self.response(request, StatusCode::REQUEST_PENDING);
            self.respond(key, response);
        }
    }
}
