//! What the leg does with offers: answer the peer's, give one that is needed, make one of its own.

use std::time::Instant;

use bytes::Bytes;

use super::exchange::{Exchange, Ours, Theirs, Waiting, Wanted};
use super::{Phase, Session};
use crate::sip::uas::body::SDP;
use crate::sip::{Method, StatusCode};

impl Session {
    /// Answers [`SessionEvent::Offer`](super::SessionEvent::Offer). False: it is no longer to be answered, nothing is
    /// sent, and the leg's own negotiation is to go back.
    pub fn accept_offer(&mut self, now: Instant, answer: Bytes) -> bool {
        if self.phase == Phase::Answered && self.exchange == Exchange::Theirs(Theirs::Invite) {
            self.exchange = Exchange::Idle;
            self.send_success(now, Some(answer), false);
            return true;
        }
        let Some(Waiting { key, head }) = self.take_waiting() else { return false };
        if head.method == Method::Update {
            match self.agree_to(&head) {
                Ok(agreed) => self.accept_update(now, key, &head, agreed, Some(answer)),
                Err(refusal) => self.respond(key, refusal),
            }
        } else {
            let mut response = self.response(&head, StatusCode::OK);
            response.set_body(SDP, answer);
            self.respond(key, response);
        }
        self.resume_answer(now);
        true
    }

    /// Refuses [`SessionEvent::Offer`](super::SessionEvent::Offer) or
    /// [`SessionEvent::OfferNeeded`](super::SessionEvent::OfferNeeded) (488 …): the session stays as it was. Without
    /// effect if there is no such offer any more.
    pub fn refuse_offer(&mut self, now: Instant, status: StatusCode) {
        assert!(status.code() >= 300, "a refusal is no success");
        if self.phase != Phase::Answered && matches!(self.exchange, Exchange::Theirs(Theirs::Invite)) {
            return;
        }
        match self.exchange {
            Exchange::Theirs(Theirs::Invite) | Exchange::Wanted(Wanted::Invite) => self.fail_reinvite(status),
            Exchange::Wanted(Wanted::OwnRequest) => self.exchange = Exchange::Idle,
            _ => {
                let Some(Waiting { key, head }) = self.take_waiting() else { return };
                let response = self.response(&head, status);
                self.respond(key, response);
                self.resume_answer(now);
            }
        }
    }

    /// Gives the offer that [`SessionEvent::OfferNeeded`](super::SessionEvent::OfferNeeded) asks for: in the 200 to the
    /// peer's re-INVITE, or in one of ours. False: it is no longer needed, nothing is sent, and the leg's own
    /// negotiation is to go back.
    pub fn give_offer(&mut self, now: Instant, offer: Bytes) -> bool {
        match self.exchange {
            Exchange::Wanted(Wanted::Invite) => {
                self.exchange = Exchange::Ours(Ours::Ack);
                self.send_success(now, Some(offer), false);
                true
            }
            Exchange::Wanted(Wanted::OwnRequest) => {
                self.exchange = Exchange::Idle;
                self.renegotiate(offer)
            }
            _ => false,
        }
    }

    /// Offers of the leg's own wish, by re-INVITE. False: the call is not confirmed, or another exchange is under way;
    /// nothing is sent.
    pub fn renegotiate(&mut self, offer: Bytes) -> bool {
        if !self.may_send_change() {
            return false;
        }
        self.exchange = Exchange::Ours(Ours::Response);
        self.send_change(Method::Invite, Some(offer));
        true
    }

    /// Whether a re-INVITE or UPDATE of ours may go out: one at a time, and none across the peer's (whose INVITE, while
    /// it is pending, keeps the exchange from being idle).
    pub(super) fn may_send_change(&self) -> bool {
        self.phase == Phase::Answered
            && self.success.is_none()
            && self.exchange.is_idle()
            && !self.outgoing.changes()
    }
}
