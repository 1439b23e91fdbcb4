//! The SIP transports of a worker (RFC 3261 §18): UDP listeners and TCP connections, each a flow with a number.
//!
//! Reading is a coroutine per listener and per connection; sending never suspends. What comes is parsed here and goes to
//! the endpoint; what cannot be parsed is answered with 400 where that is possible, else counted. A message whose
//! connection has gone is for `connecting`.

use crate::call::connecting::Connecting;
use crate::call::endpoint::Endpoint;
use crate::call::own_addresses::OwnAddresses;
use crate::config::{AccessList, Config, Listener};
use crate::sip::framing::{Frame, StreamParser};
use crate::sip::parser::{ParseError, ParseErrorKind, parse_datagram};
use crate::sip::transaction::{FlowId, Hop, Transmit};
use crate::sip::via::Transport;
use crate::worker::{
    DatagramSocket, SocketOptions, SpawnError, Stream, StreamLimits, StreamListener, StreamSender, Worker,
};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// The largest datagram that IP carries.
const DATAGRAM_BYTES: usize = 65535;
/// Bytes that may wait for a peer that reads slowly.
const WRITE_QUEUE_BYTES: usize = 1 << 20;
/// A peer that takes nothing for so long is gone.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// What the transports have seen; each a count since start.
#[derive(Default)]
pub struct TransportCounters {
    /// Messages that could not be parsed and were answered 400.
    pub malformed_answered: Cell<u64>,
    /// Bytes that were no SIP at all.
    pub malformed_dropped: Cell<u64>,
    /// Messages that could not be sent: no buffer, no connection.
    pub unsent: Cell<u64>,
}

/// All flows of a worker.
#[derive(Default)]
pub struct Transports {
    datagrams: RefCell<Vec<(Rc<AccessList>, Rc<DatagramSocket>)>>,
    connections: RefCell<HashMap<FlowId, StreamSender>>,
    /// Who may connect, of each listener.
    connectors: RefCell<Vec<Rc<AccessList>>>,
    next_connection: Cell<u64>,
    pub(super) connecting: Connecting,
    /// What they have seen.
    pub counters: TransportCounters,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// It is on its way.
    Sent,
    /// There is no room for it.
    Unsent,
    /// Its connection has gone.
    NoConnection,
}

impl Transports {
    /// Sends on the message's flow.
    pub fn send(&self, transmit: &Transmit) -> Sending {
        match transmit.hop.transport {
            Transport::Udp => {
                let datagrams = self.datagrams.borrow();
                let socket = datagrams.get(transmit.hop.flow.0 as usize);
                match socket.is_some_and(|(_, socket)| socket.send_to(&transmit.bytes, transmit.hop.remote)) {
                    true => Sending::Sent,
                    false => Sending::Unsent,
                }
            }
            _ => {
                let connections = self.connections.borrow();
                let Some(stream) = connections.get(&transmit.hop.flow) else { return Sending::NoConnection };
                match stream.send(transmit.bytes.clone()) {
                    Ok(()) => Sending::Sent,
                    Err(_) if stream.is_closed() => Sending::NoConnection,
                    Err(_) => Sending::Unsent,
                }
            }
        }
    }

    /// Whom this list admits may connect.
    pub(super) fn let_connect(&self, access: Rc<AccessList>) {
        self.connectors.borrow_mut().push(access);
    }

    /// Whether an address may connect to one of our listeners, and so we to it.
    pub(super) fn may_connect(&self, peer: IpAddr) -> bool {
        self.connectors.borrow().iter().any(|access| access.admits(peer))
    }

    /// How many TCP connections there are.
    pub fn connections(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Whether the source of a message may send to the listener that got it. Who may not connect has no connection.
    pub fn admits(&self, hop: &Hop) -> bool {
        let datagrams = self.datagrams.borrow();
        let listener = datagrams.get(hop.flow.0 as usize);
        listener.is_none_or(|(access, _)| access.admits(hop.remote.ip()))
    }

    pub(super) fn add_datagrams(&self, access: Rc<AccessList>, socket: Rc<DatagramSocket>) -> FlowId {
        let mut datagrams = self.datagrams.borrow_mut();
        datagrams.push((access, socket));
        FlowId(datagrams.len() as u64 - 1)
    }

    fn add_connection(&self, stream: StreamSender) -> FlowId {
        let number = self.next_connection.get();
        self.next_connection.set(number + 1);
        let flow = FlowId(FIRST_CONNECTION + number);
        self.connections.borrow_mut().insert(flow, stream);
        flow
    }
}

/// Numbers of connections begin here; below are the datagram listeners.
const FIRST_CONNECTION: u64 = 1 << 32;

/// A listener that is bound and does not yet read: all are bound before the first one starts.
pub struct Bound {
    access: Rc<AccessList>,
    socket: BoundSocket,
}

enum BoundSocket {
    Datagrams(Rc<DatagramSocket>),
    Streams(StreamListener),
}

/// How often the kernel is asked for a port that both transports can have, where the configuration leaves it open.
const PORT_CHOICES: usize = 16;

/// Binds what the configuration names. Port 0: both transports on one port that the kernel chooses; it does so for UDP, and
/// for TCP another process may have that number.
pub fn bind(worker: &Worker, config: &Config, listener: Listener) -> io::Result<Vec<Bound>> {
    let choices = if listener.address.port() == 0 { PORT_CHOICES } else { 1 };
    until_free(choices, || bind_once(worker, config, listener))
}

/// The outcome of the first of so many attempts that does not meet a port in use, or else of the last.
fn until_free<T>(attempts: usize, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..attempts {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            outcome => return outcome,
        }
    }
    attempt()
}

fn bind_once(worker: &Worker, config: &Config, listener: Listener) -> io::Result<Vec<Bound>> {
    let options = SocketOptions {
        dscp: config.sip.dscp.code_point(),
        recv_buffer_bytes: Some(config.sip.receive_buffer),
        send_buffer_bytes: Some(config.sip.send_buffer),
        reuse_port: false,
    };
    let access = Rc::new(config.sip.access_list(&listener));
    let mut bound = Vec::new();
    let mut address = listener.address;
    if listener.udp() {
        let socket = Rc::new(DatagramSocket::bind(worker, address, &options)?);
        address = socket.local_addr();
        bound.push(Bound { access: Rc::clone(&access), socket: BoundSocket::Datagrams(socket) });
    }
    if listener.tcp() {
        let (options, limits) = stream_options(config);
        let streams = StreamListener::bind(worker, address, &options, limits)?;
        bound.push(Bound { access, socket: BoundSocket::Streams(streams) });
    }
    Ok(bound)
}

/// How TCP connections are to be.
pub(super) fn stream_options(config: &Config) -> (SocketOptions, StreamLimits) {
    let limits = StreamLimits {
        max_streams: config.sip.max_connections,
        write_queue_bytes: WRITE_QUEUE_BYTES,
        write_stall: WRITE_STALL,
    };
    (SocketOptions { dscp: config.sip.dscp.code_point(), ..SocketOptions::default() }, limits)
}

impl Bound {
    /// The address, with the port that the kernel chose where the configuration leaves it open.
    pub fn address(&self) -> (&'static str, SocketAddr) {
        match &self.socket {
            BoundSocket::Datagrams(socket) => ("UDP", socket.local_addr()),
            BoundSocket::Streams(streams) => ("TCP", streams.local_addr()),
        }
    }
}

/// Starts to read.
pub fn start(endpoint: &Rc<Endpoint>, bound: Bound) -> Result<(), SpawnError> {
    let worker = endpoint.worker.clone();
    let endpoint = Rc::clone(endpoint);
    let access = bound.access;
    match bound.socket {
        BoundSocket::Datagrams(socket) => {
            let flow = endpoint.transports.add_datagrams(Rc::clone(&access), Rc::clone(&socket));
            worker.spawn("sip udp", move || read_datagrams(&endpoint, &socket, flow, &access))?;
        }
        BoundSocket::Streams(streams) => {
            endpoint.transports.let_connect(Rc::clone(&access));
            worker.spawn("sip tcp listener", move || accept(&endpoint, &streams, &access))?;
        }
    }
    Ok(())
}

fn read_datagrams(endpoint: &Rc<Endpoint>, socket: &DatagramSocket, flow: FlowId, access: &AccessList) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut addresses = OwnAddresses::new(socket.local_addr());
    while let Ok(datagram) = socket.recv(&mut buffer) {
        // A stranger is not worth a look at the routing table.
        let admitted = access.admits(datagram.from.ip()).then(|| addresses.towards(datagram.from));
        let local = admitted.flatten().unwrap_or(socket.local_addr());
        let hop = Hop { transport: Transport::Udp, local, remote: datagram.from, flow };
        match parse_datagram(&Bytes::copy_from_slice(&buffer[..datagram.len])) {
            Ok(message) => endpoint.guarded(|| endpoint.receive(hop, message)),
            Err(error) => refuse(endpoint, hop, &error),
        }
    }
}

/// RFC 3261 §16.3 (1), §8.2.6: what cannot be parsed is answered if its way back can be read.
fn refuse(endpoint: &Rc<Endpoint>, hop: Hop, error: &ParseError) {
    let counters = &endpoint.transports.counters;
    let tag = endpoint.worker.random_token();
    match error.answerable(Some(&tag)) {
        _ if error.kind == ParseErrorKind::Empty => {} // a keep-alive
        Some(response) if endpoint.transports.admits(&hop) => {
            count(&counters.malformed_answered);
            endpoint.answer_statelessly(hop, response);
        }
        _ => count(&counters.malformed_dropped),
    }
}

fn accept(endpoint: &Rc<Endpoint>, streams: &StreamListener, access: &AccessList) {
    while let Ok(stream) = streams.accept() {
        if !access.admits(stream.peer_addr().ip()) {
            endpoint.counters.strangers.add(1);
            endpoint.log_refused_connection(stream.peer_addr());
            continue; // dropped, and so closed
        }
        let endpoint = Rc::clone(endpoint);
        let worker = endpoint.worker.clone();
        if worker.spawn("sip tcp", move || converse(&endpoint, &stream, stream.local_addr())).is_err() {
            log::warn!("no coroutine left for a TCP connection");
        }
    }
}

/// The life of a connection. `local` is the address of ours that its peer can connect to.
pub(super) fn converse(endpoint: &Rc<Endpoint>, stream: &Stream, local: SocketAddr) {
    let flow = endpoint.transports.add_connection(stream.sender());
    let hop = Hop { transport: Transport::Tcp, local, remote: stream.peer_addr(), flow };
    read_stream(endpoint, stream, hop);
    endpoint.transports.connections.borrow_mut().remove(&flow);
    endpoint.connection_ended(flow);
}

fn read_stream(endpoint: &Rc<Endpoint>, stream: &Stream, hop: Hop) {
    let mut parser = StreamParser::new();
    let mut buffer = [0; 4096];
    loop {
        let idle_at = endpoint.worker.now() + endpoint.config.sip.idle_timeout;
        match stream.read(&mut buffer, Some(idle_at)) {
            Ok(len) if len > 0 => parser.push(&buffer[..len]),
            Err(error) if error.kind() == io::ErrorKind::TimedOut && endpoint.has_legs_on(hop.flow) => {
                continue;
            }
            _ => return,
        }
        loop {
            match parser.next() {
                Ok(Some(frame)) => take_frame(endpoint, stream, hop, frame),
                Ok(None) => break,
                // Where the next message begins is no longer known.
                Err(_) => return count(&endpoint.transports.counters.malformed_dropped),
            }
        }
    }
}

fn take_frame(endpoint: &Rc<Endpoint>, stream: &Stream, hop: Hop, frame: Frame) {
    match frame {
        Frame::Message(message) => endpoint.guarded(|| endpoint.receive(hop, message)),
        Frame::Malformed(error) => refuse(endpoint, hop, &error),
        Frame::KeepAlivePing => {
            // RFC 5626 §4.4.1: a double CRLF is answered with a single one.
            let _ = stream.sender().send(Bytes::from_static(b"\r\n"));
        }
        Frame::KeepAlivePong => {}
    }
}

/// Adds one.
pub(super) fn count(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

#[cfg(test)]
mod tests {
    use super::until_free;
    use std::io::{Error, ErrorKind};

    /// What comes of so many attempts of which the first ones fail as told, and how many were made.
    fn outcome(attempts: usize, failures: &[ErrorKind]) -> (Option<ErrorKind>, usize) {
        let mut made = 0;
        let result = until_free(attempts, || {
            made += 1;
            failures.get(made - 1).map_or(Ok(()), |kind| Err(Error::from(*kind)))
        });
        (result.err().map(|error| error.kind()), made)
    }

    #[test]
    fn a_port_in_use_is_met_with_another_choice_as_long_as_there_are_choices() {
        use ErrorKind::{AddrInUse, PermissionDenied};
        assert_eq!(outcome(3, &[]), (None, 1));
        assert_eq!(outcome(3, &[AddrInUse; 2]), (None, 3));
        assert_eq!(outcome(3, &[AddrInUse; 3]), (Some(AddrInUse), 3));
        assert_eq!(outcome(1, &[AddrInUse]), (Some(AddrInUse), 1), "a port that was named");
        assert_eq!(outcome(3, &[PermissionDenied]), (Some(PermissionDenied), 1), "no other port would do");
    }
}
