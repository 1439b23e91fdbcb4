//! Requests of ours within the dialog: BYE, session refreshes, re-INVITEs, and the ACK to their 2xx.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::exchange::{Exchange, Wanted};
use super::initial::push_reason;
use super::refresh::Interval;
use super::{Phase, RequestToken, Session, SessionEnd, SessionEvent, SessionOutput};
use crate::sip::transaction::{ClientFailure, ClientKey, DEFAULT_PORT, Hop};
use crate::sip::uas::body::{SDP, session_description};
use crate::sip::uas::{ALLOW, SUPPORTED};
use crate::sip::{HeaderName, Headers, Method, ReasonValue, Request, Response, StatusCode};

/// After 491 the side that did not make the Call-ID waits up to this, in steps of 10 ms (RFC 3261 §14.1).
const LONGEST_GLARE_WAIT_STEPS: u32 = 200;

/// How soon a refresh is tried again that could not be sent now.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// The least wait before a refused refresh is tried again.
const REFUSED_WAIT: Duration = Duration::from_secs(10);

/// What we have sent and what the peer can take.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    next_token: u32,
    /// The re-INVITE or UPDATE under way.
    change: Option<OurRequest>,
    bye: Option<OurRequest>,
    bye_reason: Option<ReasonValue>,
    /// The ACK to the last 2xx, for its repetitions.
    last_ack: Option<Box<(ClientKey, Request)>>,
    /// Whether the peer's Allow names UPDATE.
    peer_allows_update: bool,
    /// Whether the peer writes another address into its messages than it sends from.
    peer_behind_nat: bool,
    /// When the leg is asked again for an offer that met 491.
    pub(super) offer_again_at: Option<Instant>,
}

#[derive(Clone, Debug)]
struct OurRequest {
    token: RequestToken,
    key: Option<ClientKey>,
    method: Method,
    cseq: u32,
    has_offer: bool,
}

impl Outgoing {
    pub(super) fn new(headers: &Headers, hop: &Hop) -> Outgoing {
        let mut outgoing = Outgoing {
            next_token: 0,
            change: None,
            bye: None,
            bye_reason: None,
            last_ack: None,
            peer_allows_update: false,
            peer_behind_nat: false,
            offer_again_at: None,
        };
        outgoing.note_path(headers, hop);
        outgoing
    }

    /// Takes from a request of the peer what matters for ours.
    pub(super) fn note_path(&mut self, headers: &Headers, hop: &Hop) {
        if headers.contains(HeaderName::Allow) {
            self.peer_allows_update = headers.allow().contains(&Method::Update);
        }
        let sent_by = headers.top_via().ok().and_then(|via| via.host.ip());
        self.peer_behind_nat = sent_by.is_some_and(|ip| ip != hop.remote.ip());
    }

    /// Whether a re-INVITE or UPDATE is under way.
    pub(super) fn changes(&self) -> bool {
        self.change.is_some()
    }

    /// Whether a re-INVITE is under way.
    pub(super) fn invites(&self) -> bool {
        self.change.as_ref().is_some_and(|change| change.method == Method::Invite)
    }

    /// Whether an offer of ours is under way.
    pub(super) fn offers(&self) -> bool {
        self.change.as_ref().is_some_and(|change| change.has_offer)
    }
}

impl Session {
    /// Ends the call: 480 if it is not answered yet; else BYE, once the ACK to our 2xx has come or the wait for it has
    /// ended (RFC 3261 §15). Without effect if the end has begun.
    pub fn hang_up(&mut self, reason: Option<ReasonValue>) {
        if self.phase == Phase::Early {
            let mut extra = Headers::new();
            push_reason(&mut extra, reason.as_ref());
            self.fail_first(StatusCode::TEMPORARILY_UNAVAILABLE, extra, SessionEnd::HungUp);
        } else {
            self.leave(SessionEnd::HungUp, reason);
        }
    }

    /// Notes the transaction that carries a [`SessionOutput::Request`].
    pub fn request_sent(&mut self, token: RequestToken, key: ClientKey) {
        let requests = [&mut self.outgoing.bye, &mut self.outgoing.change];
        for request in requests.into_iter().flatten().filter(|request| request.token == token) {
            request.key = Some(key);
        }
    }

    /// A response to a request of ours. A repeated 2xx to our re-INVITE is acknowledged again.
    pub fn handle_response(&mut self, now: Instant, key: &ClientKey, response: &Response) {
        if response.status.is_provisional() {
            return;
        }
        if let Some(acknowledged) = &self.outgoing.last_ack
            && acknowledged.0 == *key
        {
            let ack = SessionOutput::Ack { hop: self.request_hop(), request: acknowledged.1.clone() };
            self.outputs.push_back(ack);
        } else if self.take_bye(key) {
            self.finish_leaving();
        } else if let Some(change) = self.take_change(key) {
            self.change_answered(now, *key, change, response);
        }
    }

    /// A request of ours got no final response: the session is over (RFC 3261 §12.2.1.2, RFC 4028 §10).
    pub fn handle_client_failed(&mut self, key: &ClientKey, cause: ClientFailure) {
        if self.take_bye(key) {
            self.finish_leaving();
        } else if let Some(change) = self.take_change(key) {
            self.offer_refused(&change, StatusCode::REQUEST_TIMEOUT);
            self.leave(
                match cause {
                    ClientFailure::Timeout => SessionEnd::PeerGone(StatusCode::REQUEST_TIMEOUT),
                    ClientFailure::Transport => SessionEnd::TransportFailed,
                },
                None,
            );
        }
    }

    /// Begins the end of an answered call.
    pub(super) fn leave(&mut self, end: SessionEnd, reason: Option<ReasonValue>) {
        if self.phase != Phase::Answered {
            return;
        }
        self.settle();
        self.phase = Phase::Leaving(end);
        self.outgoing.bye_reason = reason;
        self.send_held_bye();
    }

    /// Sends the BYE as soon as it may be sent.
    pub(super) fn send_held_bye(&mut self) {
        let waits = self.success.is_some() || self.outgoing.bye.is_some();
        if waits || !matches!(self.phase, Phase::Leaving(_)) {
            return;
        }
        let mut bye = self.dialog.request(Method::Bye);
        push_reason(&mut bye.headers, self.outgoing.bye_reason.take().as_ref());
        self.outgoing.bye = Some(self.send(bye, false));
    }

    /// RFC 4028 §10: no refresh came in time, from us or from the peer.
    pub(super) fn expire_interval(&mut self, now: Instant) {
        if self.interval.is_some_and(|interval| interval.expires_at <= now) {
            self.leave(SessionEnd::SessionExpired, Some(session_expired()));
        }
    }

    /// RFC 4028 §7.4, §9: by UPDATE without an offer where the peer allows it, else by re-INVITE.
    pub(super) fn refresh_when_due(&mut self, now: Instant) {
        let free = self.may_send_change();
        let Some(interval) = &mut self.interval else { return };
        if interval.refresh_at.is_none_or(|at| at > now) {
            return;
        }
        if !free {
            interval.refresh_at = Some(now + BUSY_WAIT);
            return;
        }
        interval.refresh_at = None;
        if self.outgoing.peer_allows_update {
            self.send_change(Method::Update, None);
        } else {
            self.exchange = Exchange::Wanted(Wanted::OwnRequest);
            self.tell(SessionEvent::OfferNeeded { refresh: true });
        }
    }

    /// RFC 3261 §14.1: one more try after 491.
    pub(super) fn offer_again_when_due(&mut self, now: Instant) {
        if self.outgoing.offer_again_at.is_none_or(|at| at > now) {
            return;
        }
        if !self.may_send_change() {
            self.outgoing.offer_again_at = Some(now + BUSY_WAIT);
            return;
        }
        self.outgoing.offer_again_at = None;
        self.exchange = Exchange::Wanted(Wanted::OwnRequest);
        self.tell(SessionEvent::OfferNeeded { refresh: true });
    }

    pub(super) fn send_change(&mut self, method: Method, offer: Option<Bytes>) {
        let mut request = self.dialog.request(method);
        let headers = &mut request.headers;
        headers.push(HeaderName::Contact, format!("<{}>", self.local.contact));
        headers.push(HeaderName::Allow, ALLOW);
        headers.push(HeaderName::Supported, SUPPORTED);
        if let Some(interval) = &self.interval {
            interval.write_request(headers, self.settings.min_se_seconds);
        }
        let has_offer = offer.is_some();
        if let Some(offer) = offer {
            request.set_body(SDP, offer);
        }
        self.outgoing.change = Some(self.send(request, has_offer));
    }

    fn send(&mut self, mut request: Request, has_offer: bool) -> OurRequest {
        if let Some(user_agent) = &self.local.user_agent {
            request.headers.push(HeaderName::UserAgent, user_agent.as_str());
        }
        let token = RequestToken(self.outgoing.next_token);
        self.outgoing.next_token = self.outgoing.next_token.wrapping_add(1);
        let ours = OurRequest {
            token,
            key: None,
            method: request.method.clone(),
            cseq: self.dialog.local_cseq(),
            has_offer,
        };
        self.outputs.push_back(SessionOutput::Request { hop: self.request_hop(), request, token });
        ours
    }

    /// Where our requests go. A connection is reused (RFC 3261 §18.1.1 allows no better without the peer's listener).
    /// Over UDP the next hop's address is taken where it is written as one, the source of the peer's last request where
    /// it is a name (this layer resolves none) or where the peer sits behind NAT (RFC 3581 §1's reason).
    fn request_hop(&self) -> Hop {
        let next = self.dialog.next_hop();
        let natted = self.outgoing.peer_behind_nat && !self.dialog.has_route();
        match next.host.ip() {
            Some(ip) if !self.hop.is_reliable() && !natted => {
                let remote = SocketAddr::new(ip, next.port.unwrap_or(DEFAULT_PORT));
                Hop { remote, ..self.hop }
            }
            _ => self.hop,
        }
    }

    fn take_bye(&mut self, key: &ClientKey) -> bool {
        self.outgoing.bye.take_if(|bye| bye.key == Some(*key)).is_some()
    }

    fn take_change(&mut self, key: &ClientKey) -> Option<OurRequest> {
        self.outgoing.change.take_if(|change| change.key == Some(*key))
    }

    /// Whatever the BYE is answered, the session is over (RFC 3261 §15.1.1).
    fn finish_leaving(&mut self) {
        if let Phase::Leaving(end) = &self.phase {
            let end = end.clone();
            self.finish(end);
        }
    }

    fn change_answered(&mut self, now: Instant, key: ClientKey, change: OurRequest, response: &Response) {
        let status = response.status;
        if status.is_success() && change.method == Method::Invite {
            let ack = self.dialog.ack(change.cseq);
            self.outputs.push_back(SessionOutput::Ack { hop: self.request_hop(), request: ack.clone() });
            self.outgoing.last_ack = Some(Box::new((key, ack)));
        }
        if self.phase != Phase::Answered {
            return;
        }
        if status.is_success() {
            return self.change_accepted(now, &change, response);
        }
        self.offer_refused(&change, status);
        match status {
            // RFC 4028 §10: BYE after either, for proxies that still know the dialog.
            StatusCode::CALL_TRANSACTION_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT => {
                self.leave(SessionEnd::PeerGone(status), None)
            }
            _ => self.change_refused(now, &change, response),
        }
    }

    fn change_accepted(&mut self, now: Instant, change: &OurRequest, response: &Response) {
        self.dialog.refresh_target(&response.headers);
        if response.headers.contains(HeaderName::Allow) {
            self.outgoing.peer_allows_update = response.headers.allow().contains(&Method::Update);
        }
        if let Some(interval) = &self.interval {
            self.interval = Some(Interval::from_response(now, interval.seconds, &response.headers));
        }
        if !change.has_offer {
            return;
        }
        self.exchange = Exchange::Idle;
        match session_description(&response.headers, &response.body, self.settings.max_body_bytes) {
            Ok(Some(body)) => self.tell(SessionEvent::Answer { body }),
            // The peer accepted and said nothing: the session goes on as it was.
            _ => self.tell(SessionEvent::OfferRefused { status: response.status }),
        }
    }

    fn offer_refused(&mut self, change: &OurRequest, status: StatusCode) {
        if change.has_offer && self.phase == Phase::Answered {
            self.exchange = Exchange::Idle;
            self.tell(SessionEvent::OfferRefused { status });
        }
    }

    /// What is tried next after a refusal that leaves the dialog alive.
    fn change_refused(&mut self, now: Instant, change: &OurRequest, response: &Response) {
        let again_at = match response.status {
            StatusCode::REQUEST_PENDING => {
                let steps = self.random.below(LONGEST_GLARE_WAIT_STEPS + 1);
                now + Duration::from_millis(10) * steps
            }
            StatusCode::SESSION_INTERVAL_TOO_SMALL => match self.lengthen_interval(&response.headers) {
                true => now,
                false => now + REFUSED_WAIT,
            },
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
                if change.method == Method::Update =>
            {
                self.outgoing.peer_allows_update = false;
                now
            }
            _ => now + self.refused_wait(now, &response.headers),
        };
        let try_offer_again =
            matches!(response.status, StatusCode::REQUEST_PENDING | StatusCode::SESSION_INTERVAL_TOO_SMALL);
        if change.has_offer && try_offer_again {
            self.outgoing.offer_again_at = Some(again_at);
        } else if let Some(interval) = &mut self.interval
            && interval.we_refresh
            && interval.refresh_at.is_none()
        {
            interval.refresh_at = Some(again_at);
        }
    }

    fn lengthen_interval(&mut self, headers: &Headers) -> bool {
        let Some(interval) = &mut self.interval else { return false };
        let Some(seconds) = interval.lengthened(headers) else { return false };
        interval.seconds = seconds;
        true
    }

    /// As long as the peer's Retry-After says, else half of what is left of the interval.
    fn refused_wait(&self, now: Instant, headers: &Headers) -> Duration {
        if let Ok(Some(retry_after)) = headers.retry_after() {
            return Duration::from_secs(u64::from(retry_after.seconds.clamp(1, 3600)));
        }
        let left = self
            .interval
            .map_or(Duration::ZERO, |interval| interval.expires_at.saturating_duration_since(now));
        (left / 2).max(REFUSED_WAIT)
    }
}

/// What our BYE says at the end of the interval (RFC 3326).
fn session_expired() -> ReasonValue {
    ReasonValue { protocol: "SIP".into(), cause: Some(408), text: Some("Session expired".into()) }
}
