//! What a leg does without its story: whatever the session machine asks for.

use crate::call::leg::{Gone, Leg, LegEvent};
use crate::rtp::dtmf_info;
use crate::sdp::Negotiation;
use crate::sip::StatusCode;
use crate::sip::session::{SessionEvent, SessionOutput};
use bytes::Bytes;

impl Leg {
    /// Carries out everything the session wants; `Gone` once it is over.
    pub(super) fn obey_session(&mut self) -> Result<(), Gone> {
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::Respond { key, response } => self.endpoint.respond(&key, response),
                SessionOutput::Request { hop, request, token } => {
                    let key = self.endpoint.request(hop, request);
                    self.registration.sent(key);
                    self.session.request_sent(token, key);
                    self.endpoint.settle();
                }
                SessionOutput::Ack { hop, request } => self.endpoint.send_ack(hop, request),
                SessionOutput::Event(event) => self.follow(event),
            }
        }
        if self.session.is_leaving() { Err(Gone) } else { Ok(()) }
    }

    fn follow(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Offer { body } => self.take_offer(&body),
            SessionEvent::Answer { body } => self.take_answer(&body),
            SessionEvent::OfferNeeded { refresh } => {
                let now = self.endpoint.worker.now();
                match &mut self.negotiation {
                    Some(negotiation) if !negotiation.offer_outstanding() => {
                        let offer = if refresh { negotiation.refresh_offer() } else { negotiation.offer() };
                        if !self.session.give_offer(now, offer) {
                            negotiation.rollback();
                        }
                    }
                    _ => self.session.refuse_offer(now, StatusCode::REQUEST_PENDING),
                }
            }
            SessionEvent::OfferRefused { status } => {
                log::debug!(leg = self.id.0, call_id = self.call_id(); "our offer was refused with {status}");
                if let Some(negotiation) = &mut self.negotiation {
                    negotiation.rollback();
                }
            }
            SessionEvent::OfferWithdrawn | SessionEvent::Acknowledged => {}
            SessionEvent::Info { content_type, body } => {
                if let Ok(pressed) = dtmf_info::parse(&content_type, &body) {
                    self.note(LegEvent::Digit(pressed.digit));
                }
            }
            SessionEvent::Ended(end) => self.ending.end = Some(end),
        }
    }

    /// An offer in the dialog: hold, resume, another codec, another address (RFC 3264 §8).
    fn take_offer(&mut self, offer: &Bytes) {
        let now = self.endpoint.worker.now();
        let Some(negotiation) = &mut self.negotiation else {
            // Before we have described ourselves there is nothing to change (RFC 3311 §5.2).
            return self.session.refuse_offer(now, StatusCode::SERVER_INTERNAL_ERROR);
        };
        let before = negotiation.clone();
        match negotiation.answer(offer) {
            Ok((answer, agreed)) => match self.agree(&agreed) {
                Ok(()) => {
                    if !self.session.accept_offer(now, answer) {
                        self.go_back(before);
                    }
                }
                Err(error) => {
                    log::warn!(leg = self.id.0, call_id = self.call_id(); "offer: {error}");
                    self.go_back(before);
                    self.session.refuse_offer(now, error.status());
                }
            },
            Err(refusal) => {
                log::info!(leg = self.id.0, call_id = self.call_id(); "offer refused: {refusal}");
                let status = StatusCode::new(refusal.status()).unwrap_or(StatusCode::NOT_ACCEPTABLE_HERE);
                self.session.refuse_offer(now, status);
            }
        }
    }

    /// The exchange came to nothing: what was agreed before is in force again.
    fn go_back(&mut self, before: Negotiation) {
        if let Some(agreed) = before.agreed().cloned() {
            let _ = self.agree(&agreed); // it could be made before
        }
        self.negotiation = Some(before);
    }

    /// The answer to our offer; one that does not suit ends the call, since the peer believes that it does.
    fn take_answer(&mut self, answer: &Bytes) {
        let Some(negotiation) = &mut self.negotiation else { return };
        let agreed = negotiation.accept(answer);
        let failure = match agreed {
            Ok(agreed) => self.agree(&agreed).err().map(|error| error.to_string()),
            Err(refusal) => Some(refusal.to_string()),
        };
        if let Some(failure) = failure {
            log::info!(leg = self.id.0, call_id = self.call_id(); "answer unusable: {failure}");
            self.hang_up(488, "the answer to our offer is not acceptable");
        }
    }
}
