//! Requests that break a rule, one by one: each gets the status that names the rule, and the server goes on.

use crate::server::Server;
use crate::wire::{Draft, OFFER, PATIENCE, Wire, header, status};
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::time::Duration;

const ROUTES: &str = r#"
unknown-number-rate = 0

[[route]]
match = "room-(.+)"
conference = "$1"

[[route]]
match = "busy"
reject = 486

[[route]]
match = "forbidden"
reject = 403

[[route]]
match = "away"
reject = 480
"#;

/// What breaks a rule, the status it gets, and a header field that the answer must have.
type Case = (&'static str, fn(&Wire) -> Draft, u16, &'static str);

fn long(len: usize) -> String {
    "x".repeat(len)
}

const CASES: &[Case] = &[
    ("no Call-ID", |wire| wire.invite("room-1").without("Call-ID"), 400, "Via"),
    ("no CSeq", |wire| wire.invite("room-1").without("CSeq"), 400, "Call-ID"),
    ("no From", |wire| wire.invite("room-1").without("From"), 400, "Call-ID"),
    ("no To", |wire| wire.invite("room-1").without("To"), 400, "Call-ID"),
    ("From is no address", |wire| wire.invite("room-1").with("From", "<sip:a"), 400, "Call-ID"),
    ("CSeq of another method", |wire| wire.invite("room-1").with("CSeq", "1 BYE"), 400, "Call-ID"),
    ("CSeq too large", |wire| wire.invite("room-1").with("CSeq", "4294967296 INVITE"), 400, "Call-ID"),
    ("Max-Forwards is no number", |wire| wire.invite("room-1").with("Max-Forwards", "many"), 400, "Call-ID"),
    ("no Contact in an INVITE", |wire| wire.invite("room-1").without("Contact"), 400, "Call-ID"),
    ("a malformed offer", |wire| wire.invite("room-1").with_body("v=0\r\nm=audio x\r\n"), 400, "Call-ID"),
    ("a number that is blocked", |wire| wire.invite("forbidden"), 403, "Call-ID"),
    ("a number that is not there", |wire| wire.invite("nobody"), 404, "Call-ID"),
    ("REGISTER", |wire| wire.request("REGISTER", "room-1"), 405, "Allow"),
    ("SUBSCRIBE", |wire| wire.request("SUBSCRIBE", "room-1"), 405, "Allow"),
    ("MESSAGE", |wire| wire.request("MESSAGE", "room-1"), 405, "Allow"),
    ("a caller that takes no SDP", |wire| wire.invite("room-1").with("Accept", "text/plain"), 406, "Call-ID"),
    (
        "a body that is too large",
        |wire| wire.invite("room-1").with_body(OFFER.to_owned() + &long(40_000)),
        413,
        "Via",
    ),
    ("a long Request-URI", long_uri, 414, "Call-ID"),
    ("a body that is no SDP", |wire| wire.invite("room-1").with("Content-Type", "text/plain"), 415, "Accept"),
    (
        "a compressed body",
        |wire| wire.invite("room-1").with("Content-Encoding", "gzip"),
        415,
        "Accept-Encoding",
    ),
    (
        "a telephone URI",
        |wire| wire.invite("room-1").with_line("INVITE tel:+15551234 SIP/2.0"),
        416,
        "Call-ID",
    ),
    ("an unknown extension", |wire| wire.invite("room-1").with("Require", "teleport"), 420, "Unsupported"),
    ("a short session", short_session, 422, "Min-SE"),
    ("a number that is away", |wire| wire.invite("away"), 480, "Call-ID"),
    ("BYE without a dialog", |wire| wire.request("BYE", "room-1"), 481, "Call-ID"),
    ("CANCEL of nothing", |wire| wire.request("CANCEL", "room-1"), 481, "Call-ID"),
    ("UPDATE without a dialog", |wire| wire.request("UPDATE", "room-1"), 481, "Call-ID"),
    (
        "re-INVITE of no dialog",
        |wire| wire.invite("room-1").with("To", "<sip:room-1@h>;tag=not-ours"),
        481,
        "Via",
    ),
    ("a number that is busy", |wire| wire.invite("busy"), 486, "Call-ID"),
    ("an offer without our codecs", |wire| wire.invite("room-1").with_body(G729), 488, "Warning"),
    ("an offer of video alone", |wire| wire.invite("room-1").with_body(VIDEO), 488, "Warning"),
    (
        "an encrypted body",
        |wire| wire.invite("room-1").with("Content-Type", "application/pkcs7-mime"),
        493,
        "Via",
    ),
    ("an unknown method", |wire| wire.request("JUMP", "room-1"), 501, "Allow"),
    (
        "another version of SIP",
        |wire| wire.invite("room-1").with_line("INVITE sip:room-1@h SIP/7.0"),
        505,
        "Call-ID",
    ),
    (
        "a header field that is too long",
        |wire| wire.invite("room-1").with("Subject", &long(9_000)),
        513,
        "Via",
    ),
];

const G729: &str =
    "v=0\r\no=w 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 18\r\n";
const VIDEO: &str = "v=0\r\no=w 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9000 RTP/AVP 96\r\n\
                     a=rtpmap:96 H264/90000\r\n";

fn long_uri(wire: &Wire) -> Draft {
    wire.invite("room-1").with_line(&format!("INVITE sip:room-1@127.0.0.1;x={} SIP/2.0", long(3_000)))
}

fn short_session(wire: &Wire) -> Draft {
    wire.invite("room-1").with("Supported", "timer").with("Session-Expires", "30")
}

/// Plays all cases over one way each and tells what was answered otherwise.
fn faults(server: &Server, connect: impl Fn() -> Wire) -> Vec<String> {
    let mut faults = Vec::new();
    for (what, make, expected, field) in CASES {
        let mut wire = connect();
        let request = make(&wire);
        let answer = wire.ask_within(&request, PATIENCE);
        let Some(answer) = answer else {
            faults.push(format!("{what}: no answer, {expected} expected"));
            continue;
        };
        if status(&answer) != *expected || header(&answer, field).is_none() {
            let line = answer.lines().next().unwrap_or_default();
            faults.push(format!("{what}: {line}; {expected} with {field} expected"));
        }
    }
    let mut wire = connect();
    let call = wire.call("room-1");
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200, "{}", server.log());
    faults
}

#[test]
fn datagrams_that_break_a_rule_get_the_status_that_names_it() {
    let server = Server::with(ROUTES);
    let faults = faults(&server, || Wire::udp(server.sip));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn requests_on_a_connection_that_break_a_rule_get_the_status_that_names_it() {
    let server = Server::with(ROUTES);
    let faults = faults(&server, || Wire::tcp(server.sip));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_no_sip_gets_no_answer_and_does_no_harm() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::udp(server.sip);
    for junk in
        ["\r\n\r\n", "\0", "", "GET / HTTP/1.1\r\n\r\n", "INVITE", "SIP/2.0 200 OK\r\n\r\n", "\u{1F4DE}"]
    {
        wire.send(junk);
    }
    let ack = wire.request("ACK", "room-1");
    wire.send(ack.to_bytes());
    assert_eq!(wire.receive_within(Duration::from_millis(300)), None);
    assert_eq!(status(&wire.ask(&wire.request("OPTIONS", "room-1"))), 200);
}

#[test]
fn a_request_that_came_by_two_ways_gets_482_the_second_time() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::udp(server.sip);
    let invite = wire.invite("room-1");
    let answer = wire.ask(&invite);
    assert_eq!(status(&answer), 200, "{answer}");
    let merged = wire.ask(&invite.clone().with_branch("another-way"));
    assert_eq!(status(&merged), 482, "{merged}");
    let call = invite.within_dialog(&answer);
    wire.send(call.next("ACK", 1).to_bytes());
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200, "the first one is a call like any");
}

#[test]
fn an_invite_that_comes_again_makes_no_second_leg() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::udp(server.sip);
    let invite = wire.invite("room-1");
    let answers = [wire.ask(&invite), wire.ask(&invite), wire.ask(&invite)];
    let tags: Vec<_> = answers.iter().map(|answer| header(answer, "To")).collect();
    assert!(tags.iter().all(|tag| *tag == tags[0]), "{tags:?}");
    let call = invite.within_dialog(&answers[0]);
    wire.send(call.next("ACK", 1).to_bytes());
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200);
    assert_eq!(server.log().matches("call from").count(), 1, "{}", server.log());
}

#[test]
fn two_forks_of_a_call_to_two_rooms_are_two_legs() {
    // A forking proxy changes the Request-URI; Call-ID and From tag are the same, CSeq differs by the caller's retry.
    let server = Server::with(ROUTES);
    let mut wire = Wire::udp(server.sip);
    let first = wire.invite("room-1");
    let second = first.clone().with("CSeq", "2 INVITE").with_branch("second-fork");
    let answers = [wire.ask(&first), wire.ask(&second)];
    let tags = [header(&answers[0], "To"), header(&answers[1], "To")];
    assert!(answers.iter().all(|answer| status(answer) == 200), "{answers:?}");
    assert_ne!(tags[0], tags[1]);
    for (draft, answer, sequence) in [(&first, &answers[0], 1), (&second, &answers[1], 2)] {
        let call = draft.within_dialog(answer);
        wire.send(call.next("ACK", sequence).to_bytes());
        let bye = call.next("BYE", 3).with_branch(&format!("bye{sequence}"));
        assert_eq!(status(&wire.ask(&bye)), 200);
    }
}

#[test]
fn the_answer_goes_to_where_the_request_came_from() {
    // RFC 3581: rport asks for it, whatever port the Via names.
    let server = Server::with(ROUTES);
    let mut wire = Wire::udp(server.sip);
    let request = wire.request("OPTIONS", "room-1");
    let via = request.header("Via").replace(&wire.me().port().to_string(), "9");
    let answer = wire.ask(&request.with("Via", &via));
    let via = header(&answer, "Via").expect("a Via");
    assert!(
        via.contains(&format!("rport={}", wire.me().port())) && via.contains("received=127.0.0.1"),
        "{via}"
    );
}

#[test]
fn a_reliable_response_without_prack_is_repeated_and_then_the_call_is_refused() {
    let toml = "t1 = \"50ms\"\nt2 = \"100ms\"\n\
                [[route]]\nmatch = \"early\"\nmilliwatt = true\nearly-media = true\nring-ms = 20000\n";
    let server = Server::with(toml);
    for mut wire in [Wire::udp(server.sip), Wire::tcp(server.sip)] {
        let invite = wire.invite("early").with("Require", "100rel");
        wire.send(invite.to_bytes());
        let (mut progress, mut last) = (Vec::new(), String::new());
        while last.is_empty() {
            let message = wire.receive_within(PATIENCE).expect("an end");
            match status(&message) {
                183 => progress.push(header(&message, "RSeq")),
                100 => {}
                _ => last = message,
            }
        }
        assert!(progress.len() > 3 && progress.iter().all(|rseq| rseq.is_some() && *rseq == progress[0]));
        assert!((500..600).contains(&status(&last)), "RFC 3262 §3: {last}");
    }
    server.must_log_times("no PRACK came", 2);
}

#[test]
fn a_call_over_ipv6_is_served() {
    let loopback: IpAddr = Ipv6Addr::LOCALHOST.into();
    let Ok(probe) = UdpSocket::bind((loopback, 0)) else { return }; // this machine has no IPv6
    let address = probe.local_addr().expect("an address");
    drop(probe);
    let server = Server::with_options(ROUTES, &["--sip", &address.to_string()]);
    let mut wire = Wire::udp_from(address, loopback);
    let offer = OFFER.replace("IP4 127.0.0.1", "IP6 ::1");
    let invite = wire.invite("room-1").with_body(offer);
    let answer = wire.ask(&invite);
    assert!(answer.contains("c=IN IP6 ::1"), "{answer}\n{}", server.log());
    assert!(header(&answer, "Contact").is_some_and(|contact| contact.contains("@[::1]:")), "{answer}");
    let call = invite.within_dialog(&answer);
    wire.send(call.next("ACK", 1).to_bytes());
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200);
}
