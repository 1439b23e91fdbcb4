//! An endpoint and what comes to it, for tests.

use crate::call::endpoint::Endpoint;
use crate::config::Config;
use crate::sip::transaction::{FlowId, Hop};
use crate::sip::{Message, Request, Transport, parse_datagram};
use crate::worker::Worker;
use bytes::Bytes;
use std::rc::Rc;

/// An endpoint without sockets, whose legs end at once.
pub(super) fn endpoint(worker: &Worker, configure: impl FnOnce(&mut Config)) -> Rc<Endpoint> {
    let mut config = Config::defaults();
    configure(&mut config);
    Endpoint::new(worker, Rc::new(config), |_| Ok(()))
}

/// What a message from `remote` came over, if by a flow of this number.
pub(super) fn hop(transport: Transport, remote: &str, flow: u64) -> Hop {
    let local = "127.0.0.1:5060".parse().unwrap();
    Hop { transport, local, remote: remote.parse().unwrap(), flow: FlowId(flow) }
}

/// A message of these lines.
pub(super) fn message(lines: &[&str]) -> Message {
    let text = format!("{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n"));
    parse_datagram(&Bytes::from(text)).unwrap()
}

/// A request of a caller outside a dialog, with more lines.
pub(super) fn request(method: &str, uri: &str, lines: &[&str]) -> Request {
    let start = format!("{method} {uri} SIP/2.0");
    let cseq = format!("CSeq: 1 {method}");
    let mut all = vec![
        start.as_str(),
        "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1",
        "To: <sip:room-1@127.0.0.1>",
        "Call-ID: 1@caller",
        "Contact: <sip:caller@127.0.0.1:5070>",
        "Max-Forwards: 70",
        &cseq,
    ];
    if !lines.iter().any(|line| line.starts_with("From:")) {
        all.push("From: <sip:caller@example.com>;tag=theirs");
    }
    all.extend(lines);
    match message(&all) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("no request: {all:?}"),
    }
}
