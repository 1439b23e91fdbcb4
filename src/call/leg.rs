//! A call leg: one dialog with its media on our side, and the story that is told on it.
//!
//! The story (a service) calls the verbs below; each of them that waits does so in [`Leg::wait`] alone, where the reflexes
//! are answered meanwhile: retransmissions, re-INVITE, UPDATE, session timers, INFO. A hang-up is [`Gone`], and `?` ends
//! the story. The leg's coroutine then takes leave of the peer and everything is given back by Drop.

use crate::call::endpoint::Endpoint;
use crate::call::listening::FetchError;
use crate::call::media::{MediaHandle, MediaReport};
use crate::call::registry::Registration;
use crate::call::setup::{MediaPorts, SetupError};
use crate::config::Found;
pub use crate::rtp::telephone_event::Digit;
use crate::sdp::Negotiation;
use crate::sip::session::{Session, SessionEnd};
use crate::sip::transaction::{ClientFailure, ClientKey, Ended, Hop, ServerKey};
use crate::sip::{HeaderName, Headers, Method, ReasonValue, Request, Response, StatusCode};
use crate::worker::{Inbox, Received, Sender};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The call is over: whatever the story was about to do, there is nobody left to do it for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// What reaches a leg's inbox.
pub enum LegMessage {
    /// A request within its dialog.
    Request(ServerKey, Hop, Box<Request>),
    /// An ACK within its dialog.
    Ack(Box<Request>),
    /// Its INVITE was cancelled.
    Cancelled(ServerKey, Box<Request>),
    /// A response to a request of its own.
    Response(ClientKey, Box<Response>),
    /// A request of its own got no final response.
    ClientFailed(ClientKey, ClientFailure),
    /// A server transaction of its own is over.
    ServerEnded(ServerKey, Ended),
    /// A response could not be delivered.
    Unreachable(ServerKey),
    /// A recording has been read.
    Fetched(Result<Arc<[i16]>, FetchError>),
    /// Something happened in its media.
    Media(MediaReport),
    /// The server is being shut down.
    Shutdown,
}

/// What a story may wait for.
#[derive(Debug, Clone, PartialEq)]
pub enum LegEvent {
    /// The caller pressed a key.
    Digit(Digit),
    /// What was to be played has been played.
    PlaybackEnded,
    /// The recording that was asked for, at the rate of what the peer is sent.
    Fetched(Result<Arc<[i16]>, FetchError>),
    /// The time waited for has come.
    TimedOut,
}

/// What a step was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Something has happened.
    Taken,
    /// The time waited for has come.
    TimedOut,
}

/// A leg's number; unique in a worker's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

impl fmt::Display for LegId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// One leg; see the module.
pub struct Leg {
    /// Its number.
    pub id: LegId,
    /// The house it lives in.
    pub endpoint: Rc<Endpoint>,
    /// The route that brought it here.
    pub found: Found,
    /// The caller's name for others.
    pub name: String,
    pub(super) hop: Hop,
    pub(super) session: Session,
    pub(super) negotiation: Option<Negotiation>,
    pub(super) ports: Option<MediaPorts>,
    pub(super) media: Option<MediaHandle>,
    pub(super) description: Option<Bytes>,
    pub(super) inbox: (Sender<LegMessage>, Inbox<LegMessage>),
    pub(super) registration: Registration,
    pub(super) noted: VecDeque<LegEvent>,
    pub(super) ending: Ending,
    pub(super) ends_at: Option<Instant>,
}

/// Key presses that may wait for the story; what comes beyond is lost, as on any phone.
pub(super) const MAX_NOTED: usize = 64;

impl Leg {
    /// Tells the caller that it rings.
    pub fn ring(&mut self) -> Result<(), Gone> {
        self.session.ring(self.endpoint.worker.now());
        self.obey_session()
    }

    /// Lets the caller hear us before we answer (183 with our description).
    pub fn early_media(&mut self) -> Result<(), Gone> {
        let description = self.describe()?;
        self.session.progress(self.endpoint.worker.now(), description);
        if let Some(media) = &self.media {
            media.open();
        }
        self.obey_session()
    }

    /// Answers the call; returns when media can flow.
    pub fn answer(&mut self) -> Result<(), Gone> {
        let description = self.describe()?;
        let now = self.endpoint.worker.now();
        self.session.answer(now, description);
        self.ends_at = self.endpoint.config.timer.max_call_duration.map(|at_most| now + at_most);
        log::info!(leg = self.id.0, call_id = self.call_id(); "answered {}", self.name);
        self.obey_session()?;
        loop {
            if let Some(media) = &self.media {
                media.open();
                return Ok(());
            }
            self.step(None)?; // the peer's answer to our offer comes with its ACK
        }
    }

    /// Refuses the call with a status of 300 to 699.
    pub fn reject(&mut self, status: u16) -> Gone {
        let status =
            StatusCode::new(status).filter(|status| status.code() >= 300).unwrap_or(StatusCode::DECLINE);
        let mut extra = Headers::new();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            extra.push(HeaderName::RetryAfter, self.endpoint.config.limit.retry_after_s.to_string());
        }
        self.reject_with(status, extra)
    }

    fn reject_with(&mut self, status: StatusCode, extra: Headers) -> Gone {
        self.session.reject(status, extra);
        let _ = self.obey_session();
        Gone
    }

    /// Ends the call with a reason (RFC 3326); one that is not answered is refused with `cause` as the status.
    pub fn hang_up(&mut self, cause: u16, text: &'static str) -> Gone {
        self.ending.cause.get_or_insert(text);
        if !self.session.is_answered() && !self.session.is_leaving() && cause >= 300 {
            return self.reject(cause);
        }
        let cause = (cause != 0).then_some(cause);
        self.session.hang_up(Some(ReasonValue { protocol: "SIP".into(), cause, text: Some(text.into()) }));
        let _ = self.obey_session();
        Gone
    }

    /// Waits for a key, the end of a playback, or until `until`; with `step` the one place where a leg waits.
    pub fn wait(&mut self, until: Option<Instant>) -> Result<LegEvent, Gone> {
        loop {
            if let Some(event) = self.noted.pop_front() {
                return Ok(event);
            }
            if self.step(until)? == Step::TimedOut {
                return Ok(LegEvent::TimedOut);
            }
        }
    }

    /// Waits until `duration` has passed; what happens meanwhile is kept for [`Leg::wait`].
    pub fn pause(&mut self, duration: Duration) -> Result<(), Gone> {
        let until = self.endpoint.worker.now() + duration;
        while !duration.is_zero() && self.step(Some(until))? == Step::Taken {}
        Ok(())
    }

    /// Stays until the caller hangs up.
    pub fn stay(&mut self) -> Result<(), Gone> {
        loop {
            self.wait(None)?;
        }
    }

    /// Suspends until a message has come and been taken, or something was due.
    fn step(&mut self, until: Option<Instant>) -> Result<Step, Gone> {
        self.obey_session()?;
        let wake_at = [until, self.session.next_timeout(), self.ends_at].into_iter().flatten().min();
        let step = match self.receive(wake_at) {
            Some(message) => {
                self.handle(message);
                Step::Taken
            }
            None => {
                let now = self.endpoint.worker.now();
                self.session.handle_timeout(now);
                if self.ends_at.take_if(|ends_at| *ends_at <= now).is_some() {
                    self.hang_up(0, "the longest call duration is over");
                }
                if until.is_some_and(|until| until <= now) { Step::TimedOut } else { Step::Taken }
            }
        };
        self.obey_session()?;
        Ok(step)
    }

    /// Call-ID, for logs.
    pub fn call_id(&self) -> &str {
        &self.session.id().call_id
    }

    /// The body of the leg's coroutine: the story, then the farewell. A story that panics ends its leg only.
    pub(super) fn live(mut self, story: crate::call::endpoint::Story) {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story(&mut self)));
        match told {
            Ok(Ok(())) => drop(self.hang_up(200, "the service is over")),
            Ok(Err(Gone)) => {}
            Err(_) => {
                self.endpoint.counters.panics.add(1);
                log::error!(leg = self.id.0, call_id = self.call_id(); "the leg panicked and is ended");
                self.hang_up(500, "internal error");
            }
        }
        self.take_leave();
    }

    /// Releases the media, then stays until the peer has confirmed the end of the dialog, or the timers have.
    fn take_leave(&mut self) {
        let summary = self.media.take().map(MediaHandle::close);
        self.ports = None;
        // Twice 64 T1: the wait for an ACK, then that for the answer to our BYE (RFC 3261 §13.3.1.4, §17.1.2.2).
        let patience_ends = self.endpoint.worker.now() + self.endpoint.config.timer.t1 * 128;
        while !self.session.is_over() && self.endpoint.worker.now() < patience_ends {
            let _ = self.obey_session();
            let wake_at = self.session.next_timeout().map_or(patience_ends, |due| due.min(patience_ends));
            match self.receive(Some(wake_at)) {
                Some(message) => self.handle(message),
                None => self.session.handle_timeout(self.endpoint.worker.now()),
            }
        }
        // What came beside the last message gets its 481: its transaction is ours, and would keep its repetitions silent.
        while let Some(message) = self.inbox.1.try_recv() {
            self.handle(message);
        }
        let _ = self.obey_session();
        let summary = summary.unwrap_or_default();
        log::info!(leg = self.id.0, call_id = self.call_id(); "ended: {}; {summary}", self.ending);
    }

    fn receive(&self, until: Option<Instant>) -> Option<LegMessage> {
        match until {
            None => self.inbox.1.recv(),
            Some(until) => match self.inbox.1.recv_until(until) {
                Received::Item(message) => Some(message),
                Received::TimedOut | Received::Closed => None,
            },
        }
    }

    fn handle(&mut self, message: LegMessage) {
        let now = self.endpoint.worker.now();
        match message {
            LegMessage::Request(key, hop, request) => self.session.handle_request(now, &key, hop, &request),
            LegMessage::Ack(ack) => self.session.handle_ack(&ack),
            LegMessage::Cancelled(invite, cancel) => self.session.handle_cancel(&invite, &cancel),
            LegMessage::Response(key, response) => {
                self.session.handle_response(now, &key, &response);
                // A 2xx to an INVITE may come again, if our ACK was lost.
                let may_repeat = response.status.is_success()
                    && response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
                if response.status.is_final() && !may_repeat {
                    self.registration.completed(&key);
                }
            }
            LegMessage::ClientFailed(key, cause) => {
                self.registration.completed(&key);
                self.session.handle_client_failed(&key, cause);
            }
            LegMessage::ServerEnded(key, cause) => self.session.handle_server_ended(&key, cause),
            LegMessage::Unreachable(key) => self.session.handle_unreachable(&key),
            LegMessage::Fetched(recording) => self.note(LegEvent::Fetched(recording)),
            LegMessage::Media(report) => self.take_report(report),
            LegMessage::Shutdown => drop(self.hang_up(503, "the server is shutting down")),
        }
    }

    fn take_report(&mut self, report: MediaReport) {
        match report {
            MediaReport::Digit(digit) => self.note(LegEvent::Digit(digit)),
            MediaReport::PlaybackEnded => self.note(LegEvent::PlaybackEnded),
            MediaReport::Silent => {
                log::warn!(leg = self.id.0, call_id = self.call_id(); "media timeout: nothing comes from the peer");
                self.hang_up(408, "media timeout");
            }
            MediaReport::Failed => drop(self.hang_up(500, "internal error")),
        }
    }

    pub(super) fn note(&mut self, event: LegEvent) {
        if self.noted.len() < MAX_NOTED {
            self.noted.push_back(event);
        }
    }

    /// Sees whether the call can have media at all, so that a call that cannot does not ring first.
    pub fn prepare(&mut self) -> Result<(), Gone> {
        self.describe().map(|_| ())
    }

    /// Our description for the peer, made once: the answer to its offer, or our offer where it made none.
    fn describe(&mut self) -> Result<Bytes, Gone> {
        if let Some(description) = &self.description {
            return Ok(description.clone());
        }
        match self.set_up() {
            Ok(description) => {
                self.description = Some(description.clone());
                Ok(description)
            }
            Err(error) => Err(self.refuse(&error)),
        }
    }

    fn refuse(&mut self, error: &SetupError) -> Gone {
        log::info!(leg = self.id.0, call_id = self.call_id(); "refused: {error}");
        let mut extra = Headers::new();
        if let SetupError::Description(refusal) = error {
            let agent = self.hop.local;
            let warning = format!("{} {agent} \"{refusal}\"", refusal.warning_code());
            extra.push(HeaderName::Warning, warning);
        } else if error.status() == StatusCode::SERVICE_UNAVAILABLE {
            extra.push(HeaderName::RetryAfter, self.endpoint.config.limit.retry_after_s.to_string());
        }
        self.reject_with(error.status(), extra)
    }
}

/// How a call ended, for the log.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Why we ended it, if we did.
    pub(super) cause: Option<&'static str>,
    /// What the session told.
    pub(super) end: Option<SessionEnd>,
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cause) = self.cause {
            return out.write_str(cause);
        }
        match &self.end {
            None => out.write_str("unknown"),
            Some(SessionEnd::Bye { reason: Some(reason) }) => write!(out, "the peer hung up ({reason})"),
            Some(SessionEnd::Bye { reason: None }) => out.write_str("the peer hung up"),
            Some(SessionEnd::Cancelled { .. }) => out.write_str("the peer cancelled"),
            Some(SessionEnd::Expired) => out.write_str("the INVITE expired"),
            Some(SessionEnd::Rejected(status)) => write!(out, "refused with {status}"),
            Some(SessionEnd::HungUp) => out.write_str("we hung up"),
            Some(SessionEnd::NoAck) => out.write_str("no ACK came"),
            Some(SessionEnd::NoPrack) => out.write_str("no PRACK came"),
            Some(SessionEnd::NoAnswer) => out.write_str("no answer to our offer came"),
            Some(SessionEnd::SessionExpired) => out.write_str("the session expired"),
            Some(SessionEnd::PeerGone(status)) => write!(out, "the peer is gone ({status})"),
            Some(SessionEnd::TransportFailed) => out.write_str("the transport failed"),
        }
    }
}
