//! The transaction layer: matches messages to transactions and carries out what the machines say (RFC 3261 §17).
//!
//! Driven by whoever owns the sockets: after every `handle_*`, `respond` or `request` it drains
//! [`poll_transmit`](TransactionLayer::poll_transmit) and [`poll_event`](TransactionLayer::poll_event) and arms a timer
//! for [`next_timeout`](TransactionLayer::next_timeout). Retransmissions are absorbed, INVITEs get their 100 Trying,
//! CANCEL is answered and ACKs to failures are made and eaten here. It opens no connection and resolves no name.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::alarms::{Alarms, Owner};
use super::client_side::ClientTransaction;
use super::event::{ServerKey, TransactionCounters, TransactionEvent, Transmit};
use super::hop::{FlowId, Hop};
use super::key::MatchKey;
use super::server_side::ServerTransaction;
use super::step::Timers;
use crate::sip::Message;

/// All transactions of one endpoint.
#[derive(Debug)]
pub struct TransactionLayer {
    pub(super) timers: Timers,
    pub(super) limit: usize,
    pub(super) tag_seed: u64,
    pub(super) next_server: u64,
    /// Boxed, like the keys below and the clients: a table that grows, in one go and onto fresh memory, moves pointers only.
    /// With the transactions themselves in it that took 30 ms at 9,000 calls.
    pub(super) servers: HashMap<u64, Box<ServerTransaction>>,
    pub(super) server_matches: HashMap<Box<MatchKey>, ServerKey>,
    pub(super) clients: HashMap<u64, Box<ClientTransaction>>,
    pub(super) alarms: Alarms,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<TransactionEvent>,
    pub(super) counters: TransactionCounters,
}

impl TransactionLayer {
    /// A layer without transactions.
    ///
    /// Beyond `limit` server transactions a request outside a dialog is answered 503; one inside a dialog still finds
    /// room up to twice the limit, so that a flood of calls does not hurt those in progress. A transaction lives some
    /// 32 s after its response, so a limit is about 64 times the calls per second. `tag_seed` is a random
    /// number that makes the To tags of the layer's own responses (200 and 481 to CANCEL, 503) unguessable.
    pub fn new(timers: Timers, limit: usize, tag_seed: u64) -> TransactionLayer {
        TransactionLayer {
            timers,
            limit,
            tag_seed,
            next_server: 0,
            servers: HashMap::new(),
            server_matches: HashMap::new(),
            clients: HashMap::new(),
            alarms: Alarms::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            counters: TransactionCounters::default(),
        }
    }

    /// Takes a message that came over `hop`.
    pub fn handle_message(&mut self, now: Instant, hop: Hop, message: Message) {
        match message {
            Message::Request(request) => self.handle_request(now, hop, request),
            Message::Response(response) => self.handle_response(now, response),
        }
    }

    /// Fires the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((owner, timer)) = self.alarms.pop_due(now) {
            match owner {
                Owner::Server(id) => self.server_timer_fired(now, id, timer),
                Owner::Client(id) => self.client_timer_fired(now, id, timer),
            }
        }
    }

    /// When [`handle_timeout`](TransactionLayer::handle_timeout) is to be called next.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.alarms.next_due()
    }

    /// Tells every transaction of `flow` that its connection has gone.
    pub fn handle_transport_failure(&mut self, now: Instant, flow: FlowId) {
        let mut servers: Vec<u64> =
            self.servers.iter().filter(|(_, server)| server.hop.flow == flow).map(|(id, _)| *id).collect();
        let mut clients: Vec<u64> =
            self.clients.iter().filter(|(_, client)| client.hop.flow == flow).map(|(id, _)| *id).collect();
        // In the order of their beginning, whatever the hash: the same input gives the same events.
        servers.sort_unstable();
        clients.sort_unstable();
        for id in servers {
            self.server_transport_failed(now, id);
        }
        for id in clients {
            self.client_transport_failed(now, id);
        }
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing the TU is to know.
    pub fn poll_event(&mut self) -> Option<TransactionEvent> {
        self.events.pop_front()
    }

    /// How many transactions live, of both sides.
    pub fn len(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// Whether nothing is kept: no transaction, no timer, nothing to send or to tell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
            && self.server_matches.is_empty()
            && self.alarms.len() == 0
            && self.transmits.is_empty()
            && self.events.is_empty()
    }

    /// How often what happened.
    pub fn counters(&self) -> &TransactionCounters {
        &self.counters
    }
}
