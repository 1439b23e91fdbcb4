use super::*;
use crate::call::testing::{endpoint, hop, message};
use crate::sip::Transport;
use crate::worker::Worker;
use crate::worker::testing::on_worker;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Instant;

fn to(lines: &[&str]) -> Option<String> {
    let common =
        ["From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2", "Call-ID: 1", "CSeq: 1 BYE", "Max-Forwards: 70"];
    let vias = ["Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1"];
    let via: &[&str] = if lines[0].starts_with("SIP") { &[] } else { &vias };
    destination(&message(&[lines, via, &common].concat()).to_bytes()).map(|to| to.to_string())
}

#[test]
fn a_request_goes_to_its_first_route_else_to_its_uri() {
    for (uri, routes, expected) in [
        ("sip:a@192.0.2.7:5070;transport=tcp", "", Some("192.0.2.7:5070")),
        ("sip:a@[2001:db8::7]", "", Some("[2001:db8::7]:5060")),
        ("sip:a@192.0.2.7", "<sip:192.0.2.8;lr>, <sip:192.0.2.9;lr>", Some("192.0.2.8:5060")),
        // A strict router is the Request-URI already, and what it is to make of it comes last.
        ("sip:192.0.2.8", "<sip:a@192.0.2.7>", Some("192.0.2.8:5060")),
        ("sip:a@phone.example.com", "", None),
        ("sip:a@192.0.2.7", "<sip:proxy.example.com;lr>", None),
        ("sips:a@192.0.2.7", "", None),
        ("tel:+1201", "", None),
    ] {
        let (start, route) = (format!("BYE {uri} SIP/2.0"), format!("Route: {routes}"));
        let lines: &[&str] = if routes.is_empty() { &[&start] } else { &[&start, &route] };
        assert_eq!(to(lines).as_deref(), expected, "{uri} by {routes}");
    }
}

#[test]
fn a_response_goes_to_the_source_of_its_request_at_the_port_of_sent_by() {
    for (via, expected) in [
        ("192.0.2.1:5070;branch=z9hG4bK1;received=192.0.2.9;rport=40001", Some("192.0.2.9:5070")),
        ("192.0.2.1;branch=z9hG4bK1", Some("192.0.2.1:5060")),
        ("phone.example.com:5061;branch=z9hG4bK1;received=2001:db8::9", Some("[2001:db8::9]:5061")),
        ("phone.example.com;branch=z9hG4bK1", None),
    ] {
        let via = format!("Via: SIP/2.0/TCP {via}");
        let lines = ["SIP/2.0 200 OK", &via, "Via: SIP/2.0/TCP 192.0.2.200:7000;branch=z9hG4bK0"];
        assert_eq!(to(&lines).as_deref(), expected, "{via}");
    }
}

/// A request to a port of this machine, whose connection was flow `flow`.
fn bye(port: u16, number: u32, flow: u64) -> Transmit {
    let start = format!("BYE sip:a@127.0.0.1:{port};transport=tcp SIP/2.0");
    let cseq = format!("CSeq: {number} BYE");
    let common =
        ["Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1", "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2"];
    let message =
        message(&[&[start.as_str(), &cseq, "Call-ID: 1", "Max-Forwards: 70"], &common[..]].concat());
    Transmit { hop: hop(Transport::Tcp, "127.0.0.1:40000", flow), bytes: message.to_bytes() }
}

fn open_endpoint(worker: &Worker) -> Rc<Endpoint> {
    let endpoint = endpoint(worker, |_| {});
    let listener = endpoint.config.sip.listeners[0];
    endpoint.transports.let_connect(Rc::new(endpoint.config.sip.access_list(&listener)));
    endpoint
}

/// Waits until it is so, for 5 s at most.
fn eventually(worker: &Worker, mut so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while !so() {
        if Instant::now() > until {
            return false;
        }
        worker.sleep_until(worker.now() + Duration::from_millis(5));
    }
    true
}

#[test]
fn messages_to_one_address_share_a_connection_that_is_opened_for_them() {
    on_worker(|worker| {
        let endpoint = open_endpoint(worker);
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = peer.local_addr().unwrap().port();
        let messages = [bye(port, 1, 7), bye(port, 2, 8), bye(port, 3, 7)];
        assert!(send_anew(&endpoint, &messages[0]) && send_anew(&endpoint, &messages[1]));
        let expected: Vec<u8> = messages.iter().flat_map(|message| message.bytes.to_vec()).collect();
        let first_two = messages[0].bytes.len() + messages[1].bytes.len();
        let mut received = vec![0; first_two];
        let (mut stream, received) = worker
            .helpers()
            .run(move || {
                let mut stream = peer.accept().unwrap().0;
                stream.read_exact(&mut received).unwrap();
                (stream, received)
            })
            .unwrap();
        assert_eq!(received, expected[..first_two]);
        assert_eq!(endpoint.transports.connections(), 1);
        assert!(send_anew(&endpoint, &messages[2]), "while it lives it is used");
        let rest = worker.helpers().run(move || {
            let mut rest = vec![0; expected.len() - first_two];
            stream.read_exact(&mut rest).unwrap();
            // What comes back is heard: a keep-alive is answered.
            stream.write_all(b"\r\n\r\n").unwrap();
            let mut pong = [0; 2];
            stream.read_exact(&mut pong).unwrap();
            (rest, pong)
        });
        assert_eq!(rest.unwrap(), (messages[2].bytes.to_vec(), *b"\r\n"));
        assert!(eventually(worker, || endpoint.transports.connections() == 0), "the peer has closed it");
        assert!(endpoint.transports.connecting.open.borrow().is_empty());
    });
}

#[test]
fn a_peer_that_accepts_no_connection_is_given_up() {
    on_worker(|worker| {
        let endpoint = open_endpoint(worker);
        let port = {
            let closed = TcpListener::bind("127.0.0.1:0").unwrap();
            closed.local_addr().unwrap().port()
        };
        assert!(send_anew(&endpoint, &bye(port, 1, 7)) && send_anew(&endpoint, &bye(port, 2, 8)));
        let unsent = &endpoint.transports.counters.unsent;
        assert!(eventually(worker, || unsent.get() == 2), "both flows are told");
        assert!(endpoint.transports.connecting.opening.borrow().is_empty());
        assert_eq!(endpoint.transports.connections(), 0);
    });
}

#[test]
fn nobody_is_connected_to_who_may_not_connect() {
    on_worker(|worker| {
        let transmit = bye(9, 1, 7);
        assert!(!send_anew(&endpoint(worker, |_| {}), &transmit), "no listener, no access");
        let endpoint = open_endpoint(worker);
        let text = String::from_utf8(transmit.bytes.to_vec()).unwrap();
        let elsewhere = Transmit { bytes: text.replace("a@127.0.0.1", "a@192.0.2.1").into(), ..transmit };
        assert!(!send_anew(&endpoint, &elsewhere));
        assert!(endpoint.transports.connecting.opening.borrow().is_empty());
    });
}

#[test]
fn what_waits_is_bounded_for_each_address_and_altogether() {
    let connecting = Connecting::default();
    let address = |port| SocketAddr::from(([192, 0, 2, 1], port));
    let transmit = bye(1, 1, 7);
    assert_eq!(connecting.take(address(1), &transmit, 1000), Taken::First);
    for _ in 1..MAX_WAITING {
        assert_eq!(connecting.take(address(1), &transmit, 1000), Taken::Handled);
    }
    assert_eq!(connecting.take(address(1), &transmit, 1000), Taken::Refused);
    for port in 2..=MAX_OPENING as u16 {
        assert_eq!(connecting.take(address(port), &transmit, 1000), Taken::First);
    }
    assert_eq!(connecting.take(address(1000), &transmit, 1000), Taken::Refused);
    assert_eq!(connecting.waited(address(1)).len(), MAX_WAITING);
    assert_eq!(connecting.take(address(1000), &transmit, 1000), Taken::First);
    connecting.waited(address(1000));
    let open = MAX_OPENING - 1;
    assert_eq!(connecting.take(address(1000), &transmit, open), Taken::Refused, "as many as may be");
}
