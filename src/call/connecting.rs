//! TCP connections that we open: for messages whose own connection has gone (RFC 3261 §18.1.1, §18.2.2).
//!
//! Messages to one address share a connection and wait for it within bounds; where none can be had, the transactions of
//! the flow they were for are told. Names are not resolved, and nobody is connected to who may not connect to us: what
//! comes back over such a connection is looked at like what comes over any other.

use crate::call::endpoint::Endpoint;
use crate::call::transports::{converse, stream_options};
use crate::sip::parser::parse_datagram;
use crate::sip::transaction::{DEFAULT_PORT, FlowId, Transmit};
use crate::sip::{Message, Request, Response, Uri};
use crate::worker::{Stream, StreamSender};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Connections that may be being opened at a time; each is a coroutine that waits.
const MAX_OPENING: usize = 64;
/// Messages that may wait for one of them.
const MAX_WAITING: usize = 32;
/// How long a peer may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connections that we have opened, and those that we are about to, by the address at their other end.
#[derive(Default)]
pub(super) struct Connecting {
    open: RefCell<HashMap<SocketAddr, StreamSender>>,
    opening: RefCell<HashMap<SocketAddr, Vec<Transmit>>>,
}

/// What has become of a message.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// It is on its way, or waits for a connection that is being opened.
    Handled,
    /// It waits for a connection that is to be opened now.
    First,
    /// There is no room for it.
    Refused,
}

impl Connecting {
    fn take(&self, to: SocketAddr, transmit: &Transmit, max_open: usize) -> Taken {
        let mut open = self.open.borrow_mut();
        if let Some(stream) = open.get(&to) {
            if stream.send(transmit.bytes.clone()).is_ok() {
                return Taken::Handled;
            }
            if !stream.is_closed() {
                return Taken::Refused;
            }
            open.remove(&to);
        }
        let mut opening = self.opening.borrow_mut();
        if let Some(waiting) = opening.get_mut(&to) {
            if waiting.len() >= MAX_WAITING {
                return Taken::Refused;
            }
            waiting.push(transmit.clone());
            return Taken::Handled;
        }
        if opening.len() >= MAX_OPENING || open.len() + opening.len() >= max_open {
            return Taken::Refused;
        }
        opening.insert(to, vec![transmit.clone()]);
        Taken::First
    }

    /// What has waited for a connection that is open now, or never will be.
    fn waited(&self, to: SocketAddr) -> Vec<Transmit> {
        self.opening.borrow_mut().remove(&to).unwrap_or_default()
    }

    /// The connection is over; another one to the same address may have taken its place.
    fn ended(&self, to: SocketAddr) {
        self.open.borrow_mut().retain(|address, stream| *address != to || !stream.is_closed());
    }
}

/// Sends a message whose connection has gone over another one, which is opened if there is none. `false`: there is no
/// way.
pub(super) fn send_anew(endpoint: &Rc<Endpoint>, transmit: &Transmit) -> bool {
    let transports = &endpoint.transports;
    let Some(to) = destination(&transmit.bytes).filter(|to| transports.may_connect(to.ip())) else {
        return false;
    };
    match transports.connecting.take(to, transmit, endpoint.config.sip.max_connections) {
        Taken::Handled => true,
        Taken::Refused => false,
        Taken::First => {
            let theirs = Rc::clone(endpoint);
            let local = transmit.hop.local;
            let spawned = endpoint.worker.spawn("sip tcp", move || open(&theirs, to, local));
            if spawned.is_err() {
                transports.connecting.waited(to);
            }
            spawned.is_ok()
        }
    }
}

/// The life of a connection of ours. `local` is the address of ours that its peer can connect to.
fn open(endpoint: &Rc<Endpoint>, to: SocketAddr, local: SocketAddr) {
    let worker = &endpoint.worker;
    let (options, limits) = stream_options(&endpoint.config);
    let connected = Stream::connect(worker, to, &options, limits, worker.now() + PATIENCE);
    let connecting = &endpoint.transports.connecting;
    let waited = connecting.waited(to);
    match connected {
        Ok(stream) => {
            connecting.open.borrow_mut().insert(to, stream.sender());
            let unsent =
                waited.iter().filter(|transmit| stream.sender().send(transmit.bytes.clone()).is_err());
            give_up(endpoint, unsent);
            converse(endpoint, &stream, local);
            drop(stream); // closed before it is looked for
            connecting.ended(to);
        }
        Err(error) => {
            log::info!("no TCP connection to {to}: {error}");
            give_up(endpoint, waited.iter());
        }
    }
}

/// Tells the transactions of messages that cannot be sent.
fn give_up<'a>(endpoint: &Rc<Endpoint>, unsent: impl Iterator<Item = &'a Transmit>) {
    let flows: BTreeSet<FlowId> = unsent.map(|transmit| transmit.hop.flow).collect();
    flows.into_iter().for_each(|flow| endpoint.unreachable(flow));
}

/// Where a message goes that cannot go back where it came from; `None` where that is written as a name.
fn destination(message: &Bytes) -> Option<SocketAddr> {
    match parse_datagram(message).ok()? {
        Message::Request(request) => next_hop(&request),
        Message::Response(response) => sent_by(&response),
    }
}

/// RFC 3261 §8.1.2: the first route, unless a strict router has made itself the Request-URI.
fn next_hop(request: &Request) -> Option<SocketAddr> {
    let routes = request.headers.routes().ok()?;
    let loose = routes.first().map(|route| &route.uri).filter(|uri| uri.is_loose_router());
    let next: &Uri = loose.unwrap_or(&request.uri);
    if next.is_secure() {
        return None; // it asks for TLS
    }
    Some(SocketAddr::new(next.host.ip()?, next.port.unwrap_or(DEFAULT_PORT)))
}

/// RFC 3261 §18.2.2: the source of the request, at the port of sent-by.
fn sent_by(response: &Response) -> Option<SocketAddr> {
    let via = response.headers.top_via().ok()?;
    let source = via.received().or(via.host.ip())?;
    Some(SocketAddr::new(source, via.port.unwrap_or(DEFAULT_PORT)))
}

#[cfg(test)]
mod tests;
