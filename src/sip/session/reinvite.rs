//! INVITEs of the peer within the dialog (RFC 3261 §14.2, RFC 6141).

use super::exchange::{Exchange, Glare, Theirs, Wanted};
use super::initial::PendingInvite;
use super::{Phase, Session, SessionEvent};
use crate::sip::transaction::ServerKey;
use crate::sip::uas::body::{SDP, session_description};
use crate::sip::uas::body_refusal;
use crate::sip::{Request, StatusCode};

impl Session {
    pub(super) fn handle_reinvite(&mut self, key: ServerKey, invite: &Request) {
        if self.invite.is_some() || self.phase == Phase::Early {
            return self.refuse_glare(key, invite);
        }
        if self.exchange.glare() != Glare::None || self.outgoing.invites() {
            return self.refuse_glare(key, invite);
        }
        let tag = self.local.tag.as_str();
        let read = session_description(&invite.headers, &invite.body, self.settings.max_body_bytes)
            .map_err(|error| body_refusal(invite, tag, error, SDP))
            .and_then(|body| Ok((body, self.agree_to(invite)?)));
        let (offer, agreed) = match read {
            Ok(read) => read,
            Err(refusal) => return self.respond(key, refusal),
        };
        // A further INVITE shows that the 2xx to the last one has come, whatever became of its ACK.
        if self.success.take().is_some_and(|success| success.is_first) {
            self.tell(SessionEvent::Acknowledged);
        }
        self.invite = Some(Box::new(PendingInvite::new(key, invite, None, None, agreed)));
        match offer {
            Some(body) => {
                self.exchange = Exchange::Theirs(Theirs::Invite);
                self.tell(SessionEvent::Offer { body });
            }
            None => {
                self.exchange = Exchange::Wanted(Wanted::Invite);
                self.tell(SessionEvent::OfferNeeded { refresh: false });
            }
        }
    }

    /// Refuses the pending re-INVITE: session, target and interval stay as they were (RFC 6141 §3.4).
    pub(super) fn fail_reinvite(&mut self, status: StatusCode) {
        self.exchange = Exchange::Idle;
        if let Some(invite) = self.invite.take() {
            let response = self.response(&invite.head, status);
            self.respond(invite.key, response);
        }
    }
}
