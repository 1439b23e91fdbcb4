//! The endpoint of a worker: what comes over its transports becomes legs, and finds them again.
//!
//! It screens sources before anything is kept of them, lets the transaction layer match the message, asks the UAS rules,
//! the limits and the routes, and spawns a leg. It holds no call logic: what a number does is its story's business.

use crate::call::admission::{Admission, Refused};
use crate::call::conferences::Conferences;
use crate::call::counters::Counters;
use crate::call::governor::{self, Governor};
use crate::call::leg::LegMessage;
use crate::call::media::Workbench;
use crate::call::ports::PortPool;
use crate::call::recordings::Recordings;
use crate::call::registry::Registry;
use crate::call::transports::{self, Sending, Transports};
use crate::call::{Leg, connecting, leg::Gone, screen};
use crate::config::{Config, Routes};
use crate::sip::dialog::DialogId;
use crate::sip::transaction::{ClientKey, FlowId, Hop, ServerKey, TransactionEvent, TransactionLayer};
use crate::sip::uas::{self, Uas};
use crate::sip::{HeaderName, Message, Method, Request, Response, StatusCode};
use crate::worker::{SocketOptions, Worker};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a leg experiences, from the INVITE to its end.
pub type Story = fn(&mut Leg) -> Result<(), Gone>;

/// How finely SIP timers are kept; the shortest of them, T1, is 500 ms.
const TIMER_GRAIN: Duration = Duration::from_millis(10);

/// How often what nobody plays any more is let go of.
const RELEASE_INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
pub struct Endpoint {
    /// The thread it lives on.
    pub worker: Worker,
    /// What the operator set.
    pub config: Rc<Config>,
    /// What numbers do; changed by a reload.
    pub routes: RefCell<Routes>,
    /// The conferences.
    pub conferences: Rc<Conferences>,
    /// The RTP ports.
    pub ports: Rc<RefCell<PortPool>>,
    /// Room for a lap's work, shared by all legs.
    pub workbench: Rc<RefCell<Workbench>>,
    /// The recordings that are being played.
    pub recordings: Arc<Recordings>,
    /// What it has seen.
    pub counters: Rc<Counters>,
    pub(super) transports: Transports,
    pub(super) registry: Rc<Registry>,
    pub(super) story: Story,
    pub(super) admission: RefCell<Admission>,
    transactions: RefCell<TransactionLayer>,
    uas: RefCell<Uas>,
    legs_born: Cell<u64>,
}

impl Endpoint {
    /// An endpoint without transports; [`transports::start`] gives it some.
    pub fn new(worker: &Worker, config: Rc<Config>, story: Story) -> Rc<Endpoint> {
        let now = worker.now();
        let ports = PortPool::new(config.rtp.ports.low(), config.rtp.ports.high());
        let transactions = TransactionLayer::new(
            screen::timers(&config),
            config.limit.max_transactions,
            worker.random_u64(),
        );
        let counters = Rc::<Counters>::default();
        Rc::new(Endpoint {
            worker: worker.clone(),
            routes: RefCell::new(config.routes.clone()),
            conferences: Conferences::new(&config, Rc::clone(&counters)),
            ports: Rc::new(RefCell::new(ports)),
            workbench: Rc::default(),
            recordings: Arc::default(),
            counters,
            transports: Transports::default(),
            registry: Rc::default(),
            story,
            admission: RefCell::new(Admission::new(&config, now, worker.cpu_time())),
            transactions: RefCell::new(transactions),
            uas: RefCell::new(screen::uas(&config)),
            legs_born: Cell::new(0),
            config,
        })
    }

    /// Keeps the SIP timers; the body of a coroutine, without end.
    pub fn keep_time(self: &Rc<Self>) {
        let mut release_at = self.worker.now();
        let mut look_at = release_at;
        let max_lateness = Duration::from_millis(self.config.limit.max_lateness_ms.into());
        let mut governor = Governor::new(max_lateness);
        loop {
            let now = self.worker.now();
            self.guarded(|| {
                self.transactions.borrow_mut().handle_timeout(now);
                self.settle_events();
            });
            if release_at <= now {
                release_at = now + RELEASE_INTERVAL;
                self.release_recordings();
            }
            if look_at <= now {
                look_at = now + governor::LOOK;
                self.govern(&mut governor, now);
                let mut admission = self.admission.borrow_mut();
                admission.handle_cpu_time(now, self.worker.cpu_time(), self.registry.len());
            }
            self.worker.sleep_until(now + TIMER_GRAIN);
        }
    }

    fn govern(&self, governor: &mut Governor, now: Instant) {
        let lateness = self.worker.metronome().recent_lateness();
        if let Some(relief) = governor.handle_lateness(now, lateness) {
            log::warn!("the clock runs {:.1} ms late: {relief}", lateness.as_secs_f64() * 1e3);
            self.counters.relieve(relief);
            self.workbench.borrow_mut().relieve(relief);
            self.conferences.cap_talkers(relief.max_talkers());
        }
    }

    fn release_recordings(&self) {
        if self.recordings.has_idle() {
            let recordings = Arc::clone(&self.recordings);
            // If the helpers have too much to do, the next time will do.
            let _ = self.worker.helpers().start(move || recordings.release_idle());
        }
    }

    /// Does what must not end the coroutine that serves everybody: a panic costs the one message, and is counted.
    pub(super) fn guarded(&self, work: impl FnOnce()) {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
            self.counters.panics.add(1);
        }
    }

    /// A message has come.
    pub(super) fn receive(self: &Rc<Self>, hop: Hop, message: Message) {
        let now = self.worker.now();
        match self.screen(&hop, &message) {
            screen::Verdict::Pass => {
                self.transactions.borrow_mut().handle_message(now, hop, message);
                self.settle_events();
            }
            screen::Verdict::Answer(response) => self.answer_statelessly(hop, *response),
            screen::Verdict::Drop => {}
        }
    }

    /// A connection has ended: what was asked over it is asked again over another one, and so is answered what came by it.
    pub(super) fn connection_ended(self: &Rc<Self>, flow: FlowId) {
        self.transactions.borrow_mut().handle_connection_ended(flow);
        self.settle_events();
    }

    /// No connection can be had for what a flow was for.
    pub(super) fn unreachable(self: &Rc<Self>, flow: FlowId) {
        transports::count(&self.transports.counters.unsent);
        self.transactions.borrow_mut().handle_transport_failure(self.worker.now(), flow);
        self.settle_events();
    }

    /// Sends what the transaction layer has to send.
    pub(super) fn settle(self: &Rc<Self>) {
        loop {
            let Some(transmit) = self.transactions.borrow_mut().poll_transmit() else { return };
            let sent = match self.transports.send(&transmit) {
                Sending::Sent => true,
                Sending::Unsent => false,
                Sending::NoConnection => connecting::send_anew(self, &transmit),
            };
            if sent {
                continue;
            }
            transports::count(&self.transports.counters.unsent);
            if transmit.hop.is_reliable() {
                let now = self.worker.now();
                self.transactions.borrow_mut().handle_transport_failure(now, transmit.hop.flow);
            }
        }
    }

    fn settle_events(self: &Rc<Self>) {
        loop {
            self.settle();
            let Some(event) = self.transactions.borrow_mut().poll_event() else { return };
            self.dispatch(event);
        }
    }

    /// Answers a request of a transaction.
    pub(super) fn respond(self: &Rc<Self>, key: &ServerKey, response: Response) {
        self.transactions.borrow_mut().respond(self.worker.now(), key, response);
        self.settle();
    }

    /// Sends a request of a leg's; the caller calls [`Endpoint::settle`] when it has noted the key.
    pub(super) fn request(&self, hop: Hop, request: Request) -> ClientKey {
        let branch = self.worker.random_u64();
        self.transactions.borrow_mut().request(self.worker.now(), hop, request, branch)
    }

    pub(super) fn send_ack(self: &Rc<Self>, hop: Hop, ack: Request) {
        let branch = self.worker.random_u64();
        self.transactions.borrow_mut().send_ack(hop, ack, branch);
        self.settle();
    }

    /// Answers without keeping anything (RFC 3261 §8.2.7).
    pub(super) fn answer_statelessly(self: &Rc<Self>, hop: Hop, response: Response) {
        self.transactions.borrow_mut().respond_without_transaction(hop, response);
        self.settle();
    }

    fn dispatch(self: &Rc<Self>, event: TransactionEvent) {
        match event {
            TransactionEvent::Request { key, hop, request } => self.admit(key, hop, request),
            TransactionEvent::Ack { request, .. } => {
                let leg = DialogId::of_request(&request).and_then(|dialog| self.registry.by_dialog(&dialog));
                // An ACK for nothing is nobody's business (RFC 3261 §17.2.3).
                if let Some(leg) = leg {
                    let _ = leg.send(LegMessage::Ack(Box::new(request)));
                }
            }
            TransactionEvent::Cancelled { invite, cancel } => {
                self.tell_invite(&invite, LegMessage::Cancelled(invite, Box::new(cancel)));
            }
            TransactionEvent::Response { key, response } => {
                self.tell_client(&key, LegMessage::Response(key, Box::new(response)));
            }
            TransactionEvent::ClientFailed { key, cause } => {
                self.tell_client(&key, LegMessage::ClientFailed(key, cause));
            }
            TransactionEvent::ServerEnded { key, cause } => {
                self.tell_invite(&key, LegMessage::ServerEnded(key, cause));
            }
            TransactionEvent::Unreachable { key } => self.tell_invite(&key, LegMessage::Unreachable(key)),
        }
    }

    fn tell_invite(&self, invite: &ServerKey, message: LegMessage) {
        if let Some(leg) = self.registry.by_invite(invite) {
            let _ = leg.send(message); // a full inbox counts its drops
        }
    }

    fn tell_client(&self, client: &ClientKey, message: LegMessage) {
        if let Some(leg) = self.registry.by_client(client) {
            let _ = leg.send(message);
        }
    }

    /// A new request: into its dialog, to a new leg, or refused.
    fn admit(self: &Rc<Self>, key: ServerKey, hop: Hop, request: Request) {
        let now = self.worker.now();
        let tag = self.worker.random_token();
        let admission = self.uas.borrow_mut().admit(now, &request, &tag);
        match admission {
            uas::Admission::InDialog(dialog) => self.to_dialog(key, hop, request, &dialog, &tag),
            uas::Admission::Options => {
                let status = self.would_answer();
                let sdp = self.capabilities(&hop, &request);
                let answer = uas::options_answer(&request, &tag, status, Some(sdp));
                self.respond(&key, answer);
            }
            uas::Admission::Refused(response) => self.respond(&key, *response),
            uas::Admission::Call => {
                self.counters.calls.add(1);
                if let Err(refused) = self.call(key, hop, &request, tag.clone()) {
                    self.counters.refuse(refused);
                    self.log_refusal(hop.remote, &request, refused);
                    self.respond(&key, refused.response(&request, &tag, self.config.limit.retry_after_s));
                }
            }
        }
    }

    fn to_dialog(self: &Rc<Self>, key: ServerKey, hop: Hop, request: Request, dialog: &DialogId, tag: &str) {
        match self.registry.by_dialog(dialog) {
            None => self.respond(&key, uas::no_such_dialog(&request, tag)),
            Some(leg) => {
                if let Err(full) = leg.send(LegMessage::Request(key, hop, Box::new(request))) {
                    // RFC 3261 §21.5.1: the peer may try again.
                    if let LegMessage::Request(key, _, request) = full.0 {
                        let mut busy = request.response(StatusCode::SERVER_INTERNAL_ERROR, Some(tag));
                        busy.headers.push(HeaderName::RetryAfter, "1");
                        self.respond(&key, busy);
                    }
                }
            }
        }
    }

    /// What an INVITE would be answered at this moment.
    fn would_answer(&self) -> StatusCode {
        match self.admission.borrow().refusal(&self.worker, self.registry.len()) {
            Some(refused) => refused.status(),
            None => StatusCode::OK,
        }
    }

    /// Whether calls go on over a connection.
    pub(super) fn has_legs_on(&self, flow: FlowId) -> bool {
        self.registry.has_legs_on(flow)
    }

    /// The next leg's number.
    pub(super) fn next_leg(&self) -> u64 {
        self.legs_born.set(self.legs_born.get() + 1);
        self.legs_born.get()
    }

    /// How RTP sockets are to be.
    pub(super) fn media_options(&self) -> SocketOptions {
        let rtp = &self.config.rtp;
        SocketOptions {
            dscp: rtp.dscp.code_point(),
            recv_buffer_bytes: Some(rtp.receive_buffer),
            send_buffer_bytes: Some(rtp.send_buffer),
            reuse_port: false,
        }
    }

    /// From now on no new calls (503).
    pub fn drain(&self) {
        self.admission.borrow_mut().drain();
    }

    /// How many legs there are.
    pub fn legs(&self) -> usize {
        self.registry.len()
    }

    /// Ends all legs; each says BYE.
    pub fn shut_down(&self) {
        for leg in self.registry.all() {
            let _ = leg.send(LegMessage::Shutdown);
        }
    }

    fn screen(&self, hop: &Hop, message: &Message) -> screen::Verdict {
        match message {
            Message::Request(request) if request.method != Method::Ack => self.screen_request(hop, request),
            _ if self.transports.admits(hop) => screen::Verdict::Pass,
            _ => screen::Verdict::Drop,
        }
    }
}

impl Refused {
    /// The response that refuses `request`.
    fn response(self, request: &Request, tag: &str, retry_after_s: u32) -> Response {
        let mut response = request.response(self.status(), Some(tag));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers.push(HeaderName::RetryAfter, retry_after_s.to_string());
        }
        response
    }
}
