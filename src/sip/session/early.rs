//! Before the answer: provisional responses and the end of the caller's patience (RFC 3261 §13.3.1).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::exchange::{Exchange, Ours, Theirs};
use super::{Phase, Session, SessionEnd};
use crate::sip::uas::body::SDP;
use crate::sip::{Headers, Response, StatusCode};

/// How often an unreliable provisional response is repeated, so that no proxy on the way takes the call for dead
/// (RFC 3261 §13.3.1.1).
const PROVISIONAL_INTERVAL: Duration = Duration::from_secs(60);

/// A provisional response that is repeated while the call is not answered.
#[derive(Clone, Debug)]
pub(super) struct Repeated {
    due: Instant,
    response: Response,
}

impl Session {
    /// Sends 180 Ringing. Without effect once the call is answered or over.
    pub fn ring(&mut self, now: Instant) {
        self.send_provisional(now, StatusCode::RINGING, None);
    }

    /// Sends 183 Session Progress for early media. `sdp` is the answer to the INVITE's offer; if it had none, our offer,
    /// which only a reliable response can carry: to a peer without 100rel the 183 goes without it. Without effect once
    /// the call is answered or over.
    pub fn progress(&mut self, now: Instant, sdp: Bytes) {
        self.send_provisional(now, StatusCode::SESSION_PROGRESS, Some(sdp));
    }

    /// When something is due while the call is not answered.
    pub(super) fn early_due(&self) -> Option<Instant> {
        let invite = self.invite.as_ref().filter(|_| self.phase == Phase::Early)?;
        let repeated = invite.repeated.as_ref().map(|repeated| repeated.due);
        [invite.expires_at, repeated].into_iter().flatten().min()
    }

    /// Repeats the last provisional response, or ends the call whose Expires has run out: with 487.
    pub(super) fn handle_early_timeout(&mut self, now: Instant) {
        if self.early_due().is_none_or(|due| due > now) {
            return;
        }
        let Some(invite) = &mut self.invite else { return };
        if invite.expires_at.is_some_and(|at| at <= now) {
            return self.fail_first(StatusCode::REQUEST_TERMINATED, Headers::new(), SessionEnd::Expired);
        }
        if let Some(repeated) = &mut invite.repeated {
            repeated.due = now + PROVISIONAL_INTERVAL;
            let (key, response) = (invite.key, repeated.response.clone());
            self.respond(key, response);
        }
    }

    fn send_provisional(&mut self, now: Instant, status: StatusCode, sdp: Option<Bytes>) {
        if self.phase != Phase::Early {
            return;
        }
        let Some(invite) = &self.invite else { return };
        if invite.held_answer.is_some() {
            return;
        }
        let reliable = invite.wants_reliable(self.settings.reliable_provisionals, sdp.is_some());
        let (key, cseq, may_describe) = (invite.key, invite.cseq, !invite.described);
        let mut response = self.response(&invite.head, status);
        let is_answer = self.exchange == Exchange::Theirs(Theirs::Invite);
        let may_offer = reliable && self.exchange.is_idle();
        let body = sdp.filter(|_| may_describe && (is_answer || may_offer));
        let has_body = body.is_some();
        if let Some(body) = body {
            response.set_body(SDP, body);
        }
        if !reliable {
            self.keep_repeating(now, response.clone());
            return self.respond(key, response);
        }
        if let Some(invite) = &mut self.invite {
            // What was sent before is out of date: a 180 after early media would start the phone's own ringing tone.
            invite.repeated = None;
            invite.described |= has_body;
        }
        if has_body {
            self.exchange = if is_answer { Exchange::Idle } else { Exchange::Ours(Ours::Prack) };
        }
        self.send_reliably(now, key, cseq, response, has_body);
    }

    fn keep_repeating(&mut self, now: Instant, response: Response) {
        if let Some(invite) = &mut self.invite {
            invite.repeated = Some(Box::new(Repeated { due: now + PROVISIONAL_INTERVAL, response }));
        }
    }
}
