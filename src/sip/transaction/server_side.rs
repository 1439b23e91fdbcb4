//! The layer's server transactions: requests in, responses out.

use std::hash::{Hash, Hasher};
use std::time::Instant;

use bytes::Bytes;

use super::alarms::{Owner, Running};
use super::event::{Ended, ServerKey, TransactionEvent, Transmit};
use super::hop::{Hop, response_hop, stamp_top_via};
use super::key::MatchKey;
use super::layer::TransactionLayer;
use super::step::{ServerAction, Timer};
use super::{invite_server, server};
use crate::sip::{HeaderName, Method, Request, Response, StatusCode};

/// What a 503 for the limit asks the peer to wait, in seconds.
const RETRY_AFTER_SECONDS: &str = "5";

/// One server transaction.
#[derive(Debug)]
pub(super) struct ServerTransaction {
    pub(super) hop: Hop,
    match_key: MatchKey,
    machine: Machine,
    /// The response to send again, or the 100 Trying until there is one.
    last: Option<Bytes>,
    trying: Option<Bytes>,
    /// The To tag of our responses, for the CANCEL's and for ACKs of RFC 2543.
    to_tag: Option<Box<str>>,
    running: Running,
    timer_g_firings: u32,
}

#[derive(Clone, Copy, Debug)]
enum Machine {
    Invite(invite_server::State),
    Other(server::State),
}

impl Machine {
    fn is_terminated(self) -> bool {
        matches!(
            self,
            Machine::Invite(invite_server::State::Terminated) | Machine::Other(server::State::Terminated)
        )
    }
}

impl TransactionLayer {
    /// Sends a response of the TU. One that comes after the end, or after a final one, is counted and dropped.
    ///
    /// A 2xx to an INVITE is retransmitted by the TU, by calling this again.
    pub fn respond(&mut self, now: Instant, key: &ServerKey, response: Response) {
        let Some(server) = self.servers.get(&key.0) else {
            self.counters.responses_late += 1;
            return;
        };
        let event = if response.status.is_provisional() {
            (invite_server::Event::Provisional, server::Event::Provisional)
        } else if response.status.is_success() {
            (invite_server::Event::Success, server::Event::Final)
        } else {
            (invite_server::Event::Failure, server::Event::Final)
        };
        let reliable = server.hop.is_reliable();
        match server.machine {
            Machine::Invite(state) => {
                let step = invite_server::next(state, event.0, reliable);
                self.take_server_step(now, key.0, Machine::Invite(step.state), step.actions, Some(response));
            }
            Machine::Other(state) => {
                let step = server::next(state, event.1);
                self.take_server_step(now, key.0, Machine::Other(step.state), step.actions, Some(response));
            }
        }
    }

    /// Sends the answer to a request that could not be read
    /// ([`ParseError::answerable`](crate::sip::ParseError::answerable)) and came over `hop`, without a transaction:
    /// each retransmission is answered anew (RFC 3261 §8.2.7). Without effect if its Via cannot be read.
    pub fn respond_without_transaction(&mut self, hop: Hop, mut response: Response) {
        self.counters.requests_unusable += 1;
        if let Ok(via) = stamp_top_via(&mut response.headers, &hop) {
            let hop = response_hop(&hop, &via);
            self.transmits.push_back(Transmit { hop, bytes: response.to_bytes() });
        }
    }

    pub(super) fn handle_request(&mut self, now: Instant, hop: Hop, mut request: Request) {
        let read = stamp_top_via(&mut request.headers, &hop)
            .and_then(|via| MatchKey::of(&request, &via).map(|match_key| (via, match_key)));
        let Ok((via, match_key)) = read else {
            self.counters.requests_unusable += 1;
            return;
        };
        let matched = self.server_matches.get(&match_key).copied();
        if request.method == Method::Ack {
            return self.handle_ack(now, hop, matched, &match_key, request);
        }
        if let Some(key) = matched {
            self.counters.requests_absorbed += 1;
            return self.server_event(now, key.0, invite_server::Event::Invite, server::Event::Request);
        }
        let hop_back = response_hop(&hop, &via);
        if self.is_full_for(&request) {
            return self.refuse_for_limit(hop_back, &request);
        }
        let key = self.begin_server(now, hop_back, match_key.clone(), &request);
        if request.method == Method::Cancel {
            self.handle_cancel(now, key, &match_key, request);
        } else {
            self.events.push_back(TransactionEvent::Request { key, hop, request });
        }
    }

    fn is_full_for(&self, request: &Request) -> bool {
        let in_dialog = request.headers.to().is_ok_and(|to| to.tag().is_some());
        let spared = in_dialog || request.method == Method::Cancel;
        self.servers.len() >= if spared { self.limit.saturating_mul(2) } else { self.limit }
    }

    fn refuse_for_limit(&mut self, hop: Hop, request: &Request) {
        self.counters.requests_refused += 1;
        let tag = self.stateless_tag(request);
        let mut response = request.response(StatusCode::SERVICE_UNAVAILABLE, Some(&tag));
        response.headers.push(HeaderName::RetryAfter, RETRY_AFTER_SECONDS);
        self.transmits.push_back(Transmit { hop, bytes: response.to_bytes() });
    }

    fn begin_server(&mut self, now: Instant, hop: Hop, match_key: MatchKey, request: &Request) -> ServerKey {
        self.counters.requests += 1;
        let id = self.next_server;
        self.next_server += 1;
        let is_invite = request.method == Method::Invite;
        let machine = match is_invite {
            true => Machine::Invite(invite_server::State::Proceeding),
            false => Machine::Other(server::State::Trying),
        };
        let trying = is_invite.then(|| request.response(StatusCode::TRYING, None).to_bytes());
        self.server_matches.insert(Box::new(match_key.clone()), ServerKey(id));
        let server = ServerTransaction {
            hop,
            match_key,
            machine,
            last: None,
            trying,
            to_tag: None,
            running: Running::default(),
            timer_g_firings: 0,
        };
        self.servers.insert(id, Box::new(server));
        if is_invite {
            self.take_server_step(now, id, machine, invite_server::BEGIN, None);
            if self.timers.trying.is_zero() {
                self.handle_timeout(now);
            }
        }
        ServerKey(id)
    }

    /// RFC 3261 §17.2.1 for the ACK to a failure; any other belongs to the TU.
    fn handle_ack(
        &mut self,
        now: Instant,
        hop: Hop,
        matched: Option<ServerKey>,
        match_key: &MatchKey,
        ack: Request,
    ) {
        let server = matched.and_then(|key| self.servers.get(&key.0).map(|server| (key, server)));
        if let Some((key, server)) = server {
            let to_tag = ack.headers.to().ok().and_then(|to| to.tag().map(Box::from));
            let is_ours = !match_key.needs_to_tag() || to_tag == server.to_tag;
            if let (Machine::Invite(state), true) = (server.machine, is_ours) {
                let step = invite_server::next(state, invite_server::Event::Ack, server.hop.is_reliable());
                if step.actions.contains(&ServerAction::PassAck) {
                    self.events.push_back(TransactionEvent::Ack { hop, request: ack });
                }
                return self.take_server_step(now, key.0, Machine::Invite(step.state), step.actions, None);
            }
        }
        self.events.push_back(TransactionEvent::Ack { hop, request: ack });
    }

    /// RFC 3261 §9.2: 200 if the INVITE is known, whatever its state, else 481.
    fn handle_cancel(&mut self, now: Instant, key: ServerKey, match_key: &MatchKey, cancel: Request) {
        let invite = self.server_matches.get(&match_key.cancelled_invite()).copied();
        let Some((invite_key, invite)) =
            invite.and_then(|key| self.servers.get(&key.0).map(|server| (key, server)))
        else {
            self.counters.cancels_unmatched += 1;
            let tag = self.stateless_tag(&cancel);
            let status = StatusCode::CALL_TRANSACTION_DOES_NOT_EXIST;
            return self.respond(now, &key, cancel.response(status, Some(&tag)));
        };
        let proceeding = matches!(invite.machine, Machine::Invite(invite_server::State::Proceeding));
        // The same To tag as in the INVITE's responses, where there were any.
        let tag = invite.to_tag.clone().unwrap_or_else(|| self.stateless_tag(&cancel).into());
        self.respond(now, &key, cancel.response(StatusCode::OK, Some(&tag)));
        if proceeding {
            self.events.push_back(TransactionEvent::Cancelled { invite: invite_key, cancel });
        }
    }

    /// A To tag that is the same for every retransmission and unlike any other (RFC 3261 §8.2.7).
    fn stateless_tag(&self, request: &Request) -> String {
        let mut hasher = std::hash::DefaultHasher::new();
        self.tag_seed.hash(&mut hasher);
        request.headers.call_id().unwrap_or_default().hash(&mut hasher);
        request.headers.get(HeaderName::From).hash(&mut hasher);
        request.headers.get(HeaderName::Via).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    pub(super) fn server_timer_fired(&mut self, now: Instant, id: u64, timer: Timer) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        server.running.forget(timer);
        if timer == Timer::G {
            server.timer_g_firings += 1;
        }
        let invite_event = match timer {
            Timer::Trying => invite_server::Event::TimerTrying,
            Timer::G => invite_server::Event::TimerG,
            Timer::H => invite_server::Event::TimerH,
            Timer::I => invite_server::Event::TimerI,
            _ => invite_server::Event::TimerL,
        };
        self.server_event(now, id, invite_event, server::Event::TimerJ);
    }

    pub(super) fn server_transport_failed(&mut self, now: Instant, id: u64) {
        self.server_event(now, id, invite_server::Event::TransportFailed, server::Event::TransportFailed);
    }

    fn server_event(
        &mut self,
        now: Instant,
        id: u64,
        of_invite: invite_server::Event,
        of_other: server::Event,
    ) {
        let Some(server) = self.servers.get(&id) else { return };
        match server.machine {
            Machine::Invite(state) => {
                let step = invite_server::next(state, of_invite, server.hop.is_reliable());
                self.take_server_step(now, id, Machine::Invite(step.state), step.actions, None);
            }
            Machine::Other(state) => {
                let step = server::next(state, of_other);
                self.take_server_step(now, id, Machine::Other(step.state), step.actions, None);
            }
        }
    }

    fn take_server_step(
        &mut self,
        now: Instant,
        id: u64,
        machine: Machine,
        actions: &[ServerAction],
        response: Option<Response>,
    ) {
        let server = self.servers.get_mut(&id).expect("a step is taken by a living transaction");
        server.machine = machine;
        for action in actions {
            self.perform_for_server(now, id, *action, response.as_ref());
        }
        if machine.is_terminated()
            && let Some(mut server) = self.servers.remove(&id)
        {
            self.alarms.stop_all(&mut server.running, Owner::Server(id));
            self.server_matches.remove(&server.match_key);
        }
    }

    fn perform_for_server(
        &mut self,
        now: Instant,
        id: u64,
        action: ServerAction,
        response: Option<&Response>,
    ) {
        let server = self.servers.get_mut(&id).expect("actions are performed for a living transaction");
        let key = ServerKey(id);
        let owner = Owner::Server(id);
        let hop = server.hop;
        match action {
            ServerAction::Send => {
                let response = response.expect("only a response of the TU leads to Send");
                let bytes = response.to_bytes();
                server.to_tag = response.headers.to().ok().and_then(|to| to.tag().map(Box::from));
                server.trying = None;
                // After a 2xx to an INVITE nothing is sent again from here: most transactions are in that state.
                let accepted = matches!(server.machine, Machine::Invite(invite_server::State::Accepted));
                server.last = (!accepted).then(|| bytes.clone());
                self.transmits.push_back(Transmit { hop, bytes });
            }
            ServerAction::SendAgain => {
                if let Some(bytes) = server.last.clone() {
                    self.counters.retransmissions += 1;
                    self.transmits.push_back(Transmit { hop, bytes });
                }
            }
            ServerAction::SendTrying => {
                if let Some(bytes) = server.trying.take() {
                    server.last = Some(bytes.clone());
                    self.transmits.push_back(Transmit { hop, bytes });
                }
            }
            // The ACK itself was handed over by `handle_ack`, which holds it.
            ServerAction::PassAck => {}
            ServerAction::DropResponse => self.counters.responses_late += 1,
            ServerAction::TellUnreachable => self.events.push_back(TransactionEvent::Unreachable { key }),
            ServerAction::TellNoAck => {
                self.counters.acks_missing += 1;
                self.events.push_back(TransactionEvent::ServerEnded { key, cause: Ended::NoAck });
            }
            ServerAction::TellEnded => {
                self.events.push_back(TransactionEvent::ServerEnded { key, cause: Ended::Normal })
            }
            ServerAction::Start(timer) => {
                let wait = self.timers.duration(timer, hop.is_reliable(), server.timer_g_firings);
                self.alarms.start(&mut server.running, owner, timer, now + wait);
            }
            ServerAction::Stop(timer) => self.alarms.stop(&mut server.running, owner, timer),
        }
    }
}
