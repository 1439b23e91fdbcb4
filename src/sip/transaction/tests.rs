//! The layer as a whole: matching, what it answers itself, and that nothing is left.

use super::*;
use crate::sip::{HeaderName, Message, Method, Request, Response, StatusCode, Transport, parse_datagram};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

struct Endpoint {
    layer: TransactionLayer,
    now: Instant,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn hop(transport: Transport) -> Hop {
    Hop {
        transport,
        local: address("192.0.2.1:5060"),
        remote: address("198.51.100.7:40000"),
        flow: FlowId(4),
    }
}

fn udp() -> Hop {
    hop(Transport::Udp)
}

fn message(text: &str) -> Message {
    parse_datagram(&Bytes::from(text.replace('\n', "\r\n"))).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn request_with_via(method: &str, via: &str, to_tag: &str) -> Message {
    let cseq_method = method;
    message(&format!(
        "{method} sip:room@192.0.2.1 SIP/2.0\nVia: {via}\nFrom: <sip:a@example.com>;tag=a\n\
         To: <sip:room@192.0.2.1>{to_tag}\nCall-ID: 1@example.com\nCSeq: 1 {cseq_method}\n\
         Contact: <sip:a@198.51.100.7>\nMax-Forwards: 70\nContent-Length: 0\n\n"
    ))
}

const VIA: &str = "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKone";

fn request(method: &str) -> Message {
    request_with_via(method, VIA, "")
}

impl Endpoint {
    fn new() -> Endpoint {
        Endpoint::with_limit(100)
    }

    fn with_limit(limit: usize) -> Endpoint {
        Endpoint { layer: TransactionLayer::new(Timers::default(), limit, 1), now: Instant::now() }
    }

    fn receive(&mut self, hop: Hop, message: Message) {
        self.layer.handle_message(self.now, hop, message);
    }

    /// Receives a request that must be new to the TU.
    fn begin(&mut self, hop: Hop, message: Message) -> (ServerKey, Request) {
        self.receive(hop, message);
        match self.layer.poll_event() {
            Some(TransactionEvent::Request { key, request, .. }) => (key, request),
            other => panic!("{other:?}"),
        }
    }

    fn respond(&mut self, key: &ServerKey, request: &Request, status: u16) {
        let response = request.response(StatusCode::new(status).unwrap(), Some("ours"));
        self.layer.respond(self.now, key, response);
    }

    /// What was sent: start lines' status or method, and where to.
    fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.layer.poll_transmit())
            .map(|transmit| {
                let what = match parse_datagram(&transmit.bytes).unwrap() {
                    Message::Request(request) => request.method.to_string(),
                    Message::Response(response) => response.status.to_string(),
                };
                format!("{what} to {}", transmit.hop.remote)
            })
            .collect()
    }

    fn sent_messages(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.layer.poll_transmit())
            .map(|transmit| parse_datagram(&transmit.bytes).unwrap())
            .collect()
    }

    /// Lets time pass; how often something was sent, in milliseconds since the beginning.
    fn wait(&mut self, duration: Duration) -> Vec<(u128, String)> {
        let begin = self.now;
        let mut lines = Vec::new();
        while let Some(due) = self.layer.next_timeout().filter(|due| *due <= begin + duration) {
            self.now = due;
            self.layer.handle_timeout(due);
            lines.extend(self.sent().into_iter().map(|line| ((due - begin).as_millis(), line)));
        }
        self.now = begin + duration;
        lines
    }

    fn wait_seconds(&mut self, seconds: u64) -> Vec<(u128, String)> {
        self.wait(Duration::from_secs(seconds))
    }

    fn event(&mut self) -> TransactionEvent {
        self.layer.poll_event().expect("an event")
    }
}

fn times(lines: &[(u128, String)]) -> Vec<u128> {
    lines.iter().map(|(at, _)| *at).collect()
}

#[test]
fn an_invite_is_answered_100_after_200_ms_of_silence_and_not_after_a_response() {
    let mut endpoint = Endpoint::new();
    let (key, invite) = endpoint.begin(udp(), request("INVITE"));
    assert_eq!(endpoint.sent(), [""; 0]);
    assert_eq!(endpoint.wait_seconds(1), [(200, "100 to 198.51.100.7:5070".to_owned())]);
    endpoint.receive(udp(), request("INVITE"));
    assert_eq!(endpoint.sent(), ["100 to 198.51.100.7:5070"]);
    endpoint.respond(&key, &invite, 180);
    assert_eq!(endpoint.sent(), ["180 to 198.51.100.7:5070"]);
    endpoint.receive(udp(), request("INVITE"));
    assert_eq!(endpoint.sent(), ["180 to 198.51.100.7:5070"]);
    assert!(endpoint.layer.poll_event().is_none(), "a retransmission is absorbed");

    let mut quick = Endpoint::new();
    let (key, invite) = quick.begin(udp(), request("INVITE"));
    quick.respond(&key, &invite, 180);
    quick.sent();
    assert_eq!(quick.wait_seconds(1), []);

    let timers = Timers { trying: Duration::ZERO, ..Timers::default() };
    let mut at_once = Endpoint { layer: TransactionLayer::new(timers, 9, 1), now: Instant::now() };
    at_once.begin(udp(), request("INVITE"));
    assert_eq!(at_once.sent(), ["100 to 198.51.100.7:5070"]);
}

#[test]
fn responses_go_back_as_rfc_3261_section_18_2_2_and_rfc_3581_say() {
    let table = [
        // Via; where the response goes; the Via as stamped
        ("UDP 198.51.100.7:5070;branch=z9hG4bKa", "198.51.100.7:5070", "198.51.100.7:5070;branch=z9hG4bKa"),
        ("UDP 198.51.100.7;branch=z9hG4bKa", "198.51.100.7:5060", "198.51.100.7;branch=z9hG4bKa"),
        (
            "UDP 10.0.0.9:5070;branch=z9hG4bKa",
            "198.51.100.7:5070",
            "10.0.0.9:5070;branch=z9hG4bKa;received=198.51.100.7",
        ),
        (
            "UDP phone.example.com;branch=z9hG4bKa",
            "198.51.100.7:5060",
            "phone.example.com;branch=z9hG4bKa;received=198.51.100.7",
        ),
        (
            "UDP 10.0.0.9;rport;branch=z9hG4bKa",
            "198.51.100.7:40000",
            "10.0.0.9;branch=z9hG4bKa;rport=40000;received=198.51.100.7",
        ),
        (
            "UDP 10.0.0.9;maddr=203.0.113.5;branch=z9hG4bKa;received=203.0.113.9",
            "198.51.100.7:5060",
            "10.0.0.9;maddr=203.0.113.5;branch=z9hG4bKa;received=198.51.100.7",
        ),
    ];
    for (via, destination, stamped) in table {
        let mut endpoint = Endpoint::new();
        let (key, options) =
            endpoint.begin(udp(), request_with_via("OPTIONS", &format!("SIP/2.0/{via}"), ""));
        assert_eq!(options.headers.get(HeaderName::Via), Some(format!("SIP/2.0/UDP {stamped}").as_str()));
        endpoint.respond(&key, &options, 200);
        assert_eq!(endpoint.sent(), [format!("200 to {destination}")], "{via}");
    }
    let mut stream = Endpoint::new();
    let via = "SIP/2.0/TCP 10.0.0.9:5070;branch=z9hG4bKa";
    let (key, options) = stream.begin(hop(Transport::Tcp), request_with_via("OPTIONS", via, ""));
    stream.respond(&key, &options, 200);
    assert_eq!(stream.sent(), ["200 to 198.51.100.7:40000"]);
}

#[test]
fn a_failure_is_retransmitted_with_doubling_until_its_ack() {
    let mut endpoint = Endpoint::new();
    let (key, invite) = endpoint.begin(udp(), request("INVITE"));
    endpoint.respond(&key, &invite, 486);
    endpoint.sent();
    assert_eq!(times(&endpoint.wait_seconds(12)), [500, 1500, 3500, 7500, 11_500]);
    endpoint.receive(udp(), request_with_via("ACK", VIA, ";tag=ours"));
    assert!(endpoint.layer.poll_event().is_none(), "the ACK to a failure is eaten");
    assert_eq!(endpoint.wait_seconds(4), []);
    assert_eq!(endpoint.layer.len(), 1, "timer I");
    endpoint.wait_seconds(1);
    assert!(matches!(endpoint.event(), TransactionEvent::ServerEnded { cause: Ended::Normal, .. }));
    assert!(endpoint.layer.is_empty());
}

#[test]
fn a_failure_without_ack_is_given_up_after_64_t1() {
    for (transport, repeats) in [(Transport::Udp, 10), (Transport::Tcp, 0)] {
        let mut endpoint = Endpoint::new();
        let (key, invite) = endpoint.begin(hop(transport), request("INVITE"));
        endpoint.respond(&key, &invite, 486);
        endpoint.sent();
        assert_eq!(endpoint.wait_seconds(32).len(), repeats);
        assert!(matches!(endpoint.event(), TransactionEvent::ServerEnded { cause: Ended::NoAck, .. }));
        assert!(endpoint.layer.is_empty());
        assert_eq!(endpoint.layer.counters().acks_missing, 1);
    }
}

#[test]
fn after_a_2xx_invites_are_absorbed_acks_passed_and_the_tu_repeats() {
    let mut endpoint = Endpoint::new();
    let (key, invite) = endpoint.begin(udp(), request("INVITE"));
    endpoint.respond(&key, &invite, 200);
    endpoint.respond(&key, &invite, 200);
    assert_eq!(endpoint.sent().len(), 2);
    endpoint.receive(udp(), request("INVITE"));
    assert_eq!(endpoint.sent(), [""; 0]);
    for via in [VIA, "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKother"] {
        endpoint.receive(udp(), request_with_via("ACK", via, ";tag=ours"));
        assert!(matches!(endpoint.event(), TransactionEvent::Ack { .. }));
        assert!(endpoint.layer.poll_event().is_none(), "told once");
    }
    endpoint.respond(&key, &invite, 486);
    assert_eq!((endpoint.sent(), endpoint.layer.counters().responses_late), (vec![], 1));
    endpoint.wait_seconds(32);
    assert!(matches!(endpoint.event(), TransactionEvent::ServerEnded { cause: Ended::Normal, .. }));
    endpoint.respond(&key, &invite, 200);
    assert_eq!((endpoint.sent(), endpoint.layer.counters().responses_late), (vec![], 2));
    assert!(endpoint.layer.is_empty());
}

#[test]
fn a_request_is_answered_again_for_each_retransmission_until_timer_j() {
    let mut endpoint = Endpoint::new();
    let (key, bye) = endpoint.begin(udp(), request("BYE"));
    endpoint.receive(udp(), request("BYE"));
    assert_eq!(endpoint.sent(), [""; 0]);
    endpoint.respond(&key, &bye, 200);
    endpoint.receive(udp(), request("BYE"));
    assert_eq!(endpoint.sent().len(), 2);
    assert_eq!(endpoint.layer.counters().requests_absorbed, 2);
    assert_eq!(endpoint.wait_seconds(40), []);
    assert!(endpoint.layer.is_empty());
}

#[test]
fn requests_match_by_branch_sent_by_and_method() {
    let mut endpoint = Endpoint::new();
    let (invite, _) = endpoint.begin(udp(), request("INVITE"));
    for via in [
        "SIP/2.0/UDP 198.51.100.7:5071;branch=z9hG4bKone",
        "SIP/2.0/UDP 198.51.100.8:5070;branch=z9hG4bKone",
        "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKtwo",
    ] {
        assert_ne!(endpoint.begin(udp(), request_with_via("INVITE", via, "")).0, invite, "{via}");
    }
    assert_ne!(endpoint.begin(udp(), request("OPTIONS")).0, invite);
    endpoint
        .receive(udp(), request_with_via("INVITE", "SIP/2.0/UDP 198.51.100.7:5070;x;branch=Z9HG4BKone", ""));
    assert!(matches!(endpoint.event(), TransactionEvent::Request { .. }), "another branch text");
}

#[test]
fn requests_of_rfc_2543_match_by_their_header_fields() {
    let old = "SIP/2.0/UDP 198.51.100.7:5070";
    let bare_cookie = "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK";
    for via in [old, bare_cookie] {
        let mut endpoint = Endpoint::new();
        let (key, invite) = endpoint.begin(udp(), request_with_via("INVITE", via, ""));
        endpoint.receive(udp(), request_with_via("INVITE", via, ""));
        assert!(endpoint.layer.poll_event().is_none());
        endpoint.respond(&key, &invite, 486);
        endpoint.receive(udp(), request_with_via("ACK", via, ";tag=foreign"));
        assert!(matches!(endpoint.event(), TransactionEvent::Ack { .. }), "an ACK of another To tag");
        endpoint.sent();
        assert_eq!(times(&endpoint.wait(Duration::from_millis(600))), [500]);
        endpoint.receive(udp(), request_with_via("ACK", via, ";tag=ours"));
        assert!(endpoint.layer.poll_event().is_none());
        assert_eq!(endpoint.wait_seconds(4), []);
    }
    let mut endpoint = Endpoint::new();
    let (invite, _) = endpoint.begin(udp(), request_with_via("INVITE", old, ""));
    endpoint.receive(udp(), request_with_via("CANCEL", old, ""));
    assert!(matches!(endpoint.event(), TransactionEvent::Cancelled { invite: key, .. } if key == invite));
}

#[test]
fn cancel_is_answered_200_and_told_while_the_invite_has_no_final_response() {
    let mut endpoint = Endpoint::new();
    let (key, invite) = endpoint.begin(udp(), request("INVITE"));
    endpoint.respond(&key, &invite, 180);
    endpoint.sent();
    endpoint.receive(udp(), request("CANCEL"));
    let Message::Response(answer) = endpoint.sent_messages().remove(0) else { panic!() };
    assert_eq!((answer.status, answer.headers.cseq().unwrap().method), (StatusCode::OK, Method::Cancel));
    assert_eq!(answer.headers.to().unwrap().tag(), Some("ours"), "the tag of the INVITE's responses");
    assert!(matches!(endpoint.event(), TransactionEvent::Cancelled { invite, .. } if invite == key));
    endpoint.receive(udp(), request("CANCEL"));
    assert_eq!(endpoint.sent().len(), 1, "a retransmitted CANCEL is answered again");
    assert!(endpoint.layer.poll_event().is_none(), "and told once");

    let mut late = Endpoint::new();
    let (key, invite) = late.begin(udp(), request("INVITE"));
    late.respond(&key, &invite, 200);
    late.sent();
    late.receive(udp(), request("CANCEL"));
    assert_eq!(late.sent(), ["200 to 198.51.100.7:5070"]);
    assert!(late.layer.poll_event().is_none());
}

#[test]
fn cancel_without_an_invite_is_answered_481() {
    let mut endpoint = Endpoint::new();
    endpoint.begin(udp(), request("OPTIONS"));
    endpoint.receive(udp(), request("CANCEL"));
    assert_eq!(endpoint.sent(), ["481 to 198.51.100.7:5070"]);
    assert!(endpoint.layer.poll_event().is_none());
    assert_eq!(endpoint.layer.counters().cancels_unmatched, 1);
}

#[test]
fn beyond_the_limit_new_requests_get_503_and_those_of_dialogs_still_find_room() {
    let mut endpoint = Endpoint::with_limit(2);
    let via = |number: u32| format!("SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK{number}");
    for number in 0..2 {
        endpoint.begin(udp(), request_with_via("INVITE", &via(number), ""));
    }
    endpoint.receive(udp(), request_with_via("INVITE", &via(2), ""));
    let Message::Response(refusal) = endpoint.sent_messages().remove(0) else { panic!() };
    assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        refusal.headers.contains(HeaderName::RetryAfter) && refusal.headers.to().unwrap().tag().is_some()
    );
    assert!(endpoint.layer.poll_event().is_none());
    for number in 3..5 {
        endpoint.begin(udp(), request_with_via("BYE", &via(number), ";tag=ours"));
    }
    endpoint.receive(udp(), request_with_via("BYE", &via(5), ";tag=ours"));
    assert_eq!(endpoint.sent(), ["503 to 198.51.100.7:5070"]);
    assert_eq!((endpoint.layer.len(), endpoint.layer.counters().requests_refused), (4, 2));
    endpoint.receive(udp(), request_with_via("ACK", &via(2), ";tag=x"));
    assert_eq!(endpoint.layer.len(), 4, "an ACK makes no transaction");
}

#[test]
fn a_lost_connection_is_told_and_an_invite_stays_until_its_timers_end_it() {
    let mut endpoint = Endpoint::new();
    let (key, invite) = endpoint.begin(hop(Transport::Tcp), request("INVITE"));
    endpoint.layer.handle_transport_failure(endpoint.now, FlowId(99));
    assert!(endpoint.layer.poll_event().is_none());
    endpoint.layer.handle_transport_failure(endpoint.now, FlowId(4));
    assert!(matches!(endpoint.event(), TransactionEvent::Unreachable { key: told } if told == key));
    endpoint.respond(&key, &invite, 503);
    endpoint.wait_seconds(32);
    assert!(matches!(endpoint.event(), TransactionEvent::ServerEnded { cause: Ended::NoAck, .. }));
    assert!(endpoint.layer.is_empty());

    let client = endpoint.layer.request(endpoint.now, hop(Transport::Tcp), plain("BYE"), 5);
    endpoint.sent();
    endpoint.layer.handle_transport_failure(endpoint.now, FlowId(4));
    assert!(matches!(endpoint.event(),
        TransactionEvent::ClientFailed { key, cause: ClientFailure::Transport } if key == client));
    assert!(endpoint.layer.is_empty());
}

#[test]
fn what_was_not_answered_when_its_connection_ended_is_asked_once_more() {
    let mut endpoint = Endpoint::new();
    let (_, _) = endpoint.begin(hop(Transport::Tcp), request("INVITE"));
    endpoint.sent();
    let flow = hop(Transport::Tcp).flow;
    endpoint.layer.request(endpoint.now, hop(Transport::Tcp), plain("BYE"), 5);
    let bytes = endpoint.layer.poll_transmit().unwrap().bytes;
    endpoint.layer.handle_connection_ended(FlowId(99));
    assert!(endpoint.layer.poll_transmit().is_none());
    endpoint.layer.handle_connection_ended(flow);
    assert_eq!(
        endpoint.layer.poll_transmit().unwrap().bytes,
        bytes,
        "the very same, to be absorbed if it came"
    );
    assert!(endpoint.layer.poll_transmit().is_none() && endpoint.layer.poll_event().is_none());
    assert_eq!(endpoint.layer.len(), 2, "the INVITE waits for its answer still");

    let sent = parse_datagram(&bytes).unwrap();
    let Message::Request(sent) = sent else { panic!() };
    endpoint.receive(hop(Transport::Tcp), sent.response(StatusCode::TRYING, None).into());
    endpoint.layer.handle_connection_ended(flow);
    assert!(endpoint.layer.poll_transmit().is_none(), "it has come");
}

fn plain(method: &str) -> Request {
    let Message::Request(mut request) = request_with_via(method, VIA, ";tag=theirs") else { panic!() };
    request.headers.remove(HeaderName::Via);
    request
}

fn answer_to(sent: &Message, status: u16) -> Response {
    let Message::Request(request) = sent else { panic!("{sent:?}") };
    request.response(StatusCode::new(status).unwrap(), Some("theirs"))
}

#[test]
fn our_request_is_repeated_until_its_answer_and_given_up_after_64_t1() {
    let mut endpoint = Endpoint::new();
    let key = endpoint.layer.request(endpoint.now, udp(), plain("BYE"), 5);
    let sent = endpoint.sent_messages().remove(0);
    let via = sent.headers().top_via().unwrap();
    assert_eq!(via.to_string(), "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK0000000000000005");
    assert_eq!(times(&endpoint.wait_seconds(10)), [500, 1500, 3500, 7500]);
    endpoint.receive(udp(), answer_to(&sent, 100).into());
    assert!(matches!(endpoint.event(), TransactionEvent::Response { .. }));
    assert_eq!(times(&endpoint.wait_seconds(10)), [1500, 5500, 9500], "T2 after a provisional");
    let lines = endpoint.wait_seconds(20);
    assert_eq!(lines.len(), 3);
    assert!(matches!(endpoint.event(),
        TransactionEvent::ClientFailed { key: failed, cause: ClientFailure::Timeout } if failed == key));
    assert!(endpoint.layer.is_empty());
}

#[test]
fn after_a_provisional_answer_our_request_is_repeated_every_t2() {
    let mut endpoint = Endpoint::new();
    endpoint.layer.request(endpoint.now, udp(), plain("BYE"), 5);
    let sent = endpoint.sent_messages().remove(0);
    endpoint.receive(udp(), answer_to(&sent, 100).into());
    assert_eq!(times(&endpoint.wait_seconds(10)), [500, 4500, 8500]);
}

#[test]
fn a_final_answer_is_passed_once_and_repetitions_absorbed_until_timer_k() {
    let mut endpoint = Endpoint::new();
    endpoint.layer.request(endpoint.now, udp(), plain("BYE"), 5);
    let sent = endpoint.sent_messages().remove(0);
    for _ in 0..3 {
        endpoint.receive(udp(), answer_to(&sent, 200).into());
    }
    assert!(matches!(endpoint.event(), TransactionEvent::Response { .. }));
    assert!(endpoint.layer.poll_event().is_none());
    assert_eq!(endpoint.wait_seconds(5), []);
    assert!(endpoint.layer.is_empty());
    endpoint.receive(udp(), answer_to(&sent, 200).into());
    assert_eq!(endpoint.layer.counters().responses_stray, 1);
}

#[test]
fn our_invite_acknowledges_a_failure_and_passes_every_2xx() {
    let mut endpoint = Endpoint::new();
    endpoint.layer.request(endpoint.now, udp(), plain("INVITE"), 6);
    let sent = endpoint.sent_messages().remove(0);
    assert_eq!(times(&endpoint.wait_seconds(4)), [500, 1500, 3500]);
    endpoint.receive(udp(), answer_to(&sent, 180).into());
    assert_eq!(endpoint.wait_seconds(60), []);
    endpoint.event();
    for _ in 0..2 {
        endpoint.receive(udp(), answer_to(&sent, 486).into());
        let Message::Request(ack) = endpoint.sent_messages().remove(0) else { panic!() };
        assert_eq!((&ack.method, ack.headers.cseq().unwrap().number), (&Method::Ack, 1));
        assert_eq!(ack.headers.top_via(), sent.headers().top_via());
        assert_eq!(ack.headers.to().unwrap().tag(), Some("theirs"));
    }
    assert!(matches!(endpoint.event(), TransactionEvent::Response { .. }));
    assert!(endpoint.layer.poll_event().is_none());
    endpoint.wait_seconds(32);
    assert!(endpoint.layer.is_empty());

    endpoint.layer.request(endpoint.now, udp(), plain("INVITE"), 7);
    let sent = endpoint.sent_messages().remove(0);
    for _ in 0..2 {
        endpoint.receive(udp(), answer_to(&sent, 200).into());
        assert!(matches!(endpoint.event(), TransactionEvent::Response { .. }));
    }
    assert_eq!(endpoint.sent(), [""; 0], "the ACK to a 2xx is the TU's");
    endpoint.layer.send_ack(udp(), plain("ACK"), 8);
    assert_eq!(endpoint.sent(), ["ACK to 198.51.100.7:40000"]);
    endpoint.wait_seconds(32);
    assert!(endpoint.layer.is_empty());
}

#[test]
fn a_peer_that_rings_for_good_is_given_up() {
    let mut endpoint = Endpoint::new();
    endpoint.layer.request(endpoint.now, udp(), plain("INVITE"), 6);
    let sent = endpoint.sent_messages().remove(0);
    for _ in 0..40 {
        endpoint.receive(udp(), answer_to(&sent, 180).into());
        endpoint.wait_seconds(5);
    }
    let events: Vec<_> = std::iter::from_fn(|| endpoint.layer.poll_event()).collect();
    assert!(events.iter().any(|event| matches!(event, TransactionEvent::ClientFailed { .. })));
    assert!(endpoint.layer.is_empty());
}

#[test]
fn responses_that_match_nothing_are_counted_and_dropped() {
    let mut endpoint = Endpoint::new();
    endpoint.layer.request(endpoint.now, udp(), plain("BYE"), 5);
    let sent = endpoint.sent_messages().remove(0);
    let mut strays = vec![answer_to(&sent, 200); 4];
    strays[0].headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0000000000000009");
    strays[1].headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKé");
    strays[2].headers.set(HeaderName::CSeq, "1 INVITE");
    strays[3].headers.remove(HeaderName::Via);
    for stray in strays {
        endpoint.receive(udp(), stray.into());
    }
    assert!(endpoint.layer.poll_event().is_none());
    assert_eq!(endpoint.layer.counters().responses_stray, 4);
}

#[test]
fn a_second_load_leaves_no_more_than_the_first() {
    let mut endpoint = Endpoint::with_limit(10_000);
    for round in 0..2 {
        for number in 0..1000 {
            let via = format!("SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK{number}");
            let (key, invite) = endpoint.begin(udp(), request_with_via("INVITE", &via, ""));
            let status = [200, 486, 180][number % 3];
            endpoint.respond(&key, &invite, status);
            if status == 180 {
                endpoint.respond(&key, &invite, 487);
            }
            endpoint.layer.request(endpoint.now, udp(), plain("BYE"), number as u64);
        }
        assert_eq!(endpoint.layer.len(), 2000, "round {round}");
        endpoint.wait_seconds(64);
        while endpoint.layer.poll_event().is_some() {}
        assert!(endpoint.layer.is_empty(), "round {round}");
    }
}

#[test]
fn what_cannot_be_read_is_answered_without_a_transaction() {
    let mut endpoint = Endpoint::new();
    let text = "INVITE sip:room@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;rport;branch=z9hG4bKa\r\n\
                From: <sip:a@example.com>;tag=a\r\nTo: <sip:b@example.com>\r\nCall-ID: 1@example.com\r\n\
                CSeq: 99999999999 INVITE\r\nContent-Length: 0\r\n\r\n";
    let error = parse_datagram(&Bytes::from(text)).unwrap_err();
    let answer = error.answerable(Some("ours")).unwrap();
    endpoint.layer.respond_without_transaction(udp(), answer);
    let sent = endpoint.layer.poll_transmit().unwrap();
    assert_eq!(sent.hop.remote, address("198.51.100.7:40000"));
    assert!(std::str::from_utf8(&sent.bytes).unwrap().contains(";rport=40000;received=198.51.100.7"));
    assert!(endpoint.layer.is_empty());
}
