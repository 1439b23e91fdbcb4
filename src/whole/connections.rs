//! SIP over TCP connections: framing, reuse, keep-alives, limits.

use crate::server::Server;
use crate::wire::{PATIENCE, Wire, header, status};
use std::collections::HashSet;
use std::time::Duration;

const ROUTES: &str = "[[route]]\nmatch = \"room-(.+)\"\nconference = \"$1\"\n";

#[test]
fn several_calls_share_one_connection() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::tcp(server.sip);
    let invites: Vec<_> = (0..5).map(|_| wire.invite("room-1")).collect();
    let all: Vec<u8> = invites.iter().flat_map(|invite| invite.to_bytes()).collect();
    wire.send(all);
    let mut calls = Vec::new();
    for _ in &invites {
        let answer = wire.final_response();
        assert_eq!(status(&answer), 200, "{answer}");
        let call_id = header(&answer, "Call-ID");
        let invite =
            invites.iter().find(|invite| Some(invite.header("Call-ID")) == call_id).expect("one of ours");
        let call = invite.within_dialog(&answer);
        wire.send(call.next("ACK", 1).to_bytes());
        calls.push(call);
    }
    let tags: HashSet<_> = calls.iter().map(|call| call.header("To")).collect();
    assert_eq!(tags.len(), 5);
    for call in calls {
        assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200);
    }
}

#[test]
fn a_message_is_the_same_in_whatever_pieces_it_comes() {
    let server = Server::with(ROUTES);
    for piece in [1, 2, 3, 7, 61, 509] {
        let mut wire = Wire::tcp(server.sip);
        let invite = wire.invite("room-1");
        for part in invite.to_bytes().chunks(piece) {
            wire.send(part);
            if piece > 3 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let answer = wire.final_response();
        assert_eq!(status(&answer), 200, "in pieces of {piece} bytes: {answer}");
        let call = invite.within_dialog(&answer);
        // The end of one message and the beginning of the next in one piece.
        let two = [call.next("ACK", 1).to_bytes(), call.next("BYE", 2).to_bytes()].concat();
        let (begin, end) = two.split_at(two.len() / 3);
        wire.send(begin);
        std::thread::sleep(Duration::from_millis(20));
        wire.send(end);
        assert_eq!(status(&wire.final_response()), 200, "in pieces of {piece} bytes");
    }
}

#[test]
fn a_keep_alive_ping_is_answered_and_a_lone_line_end_is_not() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::tcp(server.sip);
    wire.send("\r\n\r\n");
    assert_eq!(wire.raw_within(PATIENCE).as_deref(), Some(b"\r\n".as_slice()));
    let call = wire.call("room-1");
    wire.send("\r\n\r\n");
    assert_eq!(wire.raw_within(PATIENCE).as_deref(), Some(b"\r\n".as_slice()), "in a call too");
    wire.send("\r\n");
    assert_eq!(wire.raw_within(Duration::from_millis(300)), None);
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200);
}

#[test]
fn a_call_outlives_its_connection() {
    let server = Server::with(ROUTES);
    let mut first = Wire::tcp(server.sip);
    let call = first.call("room-1");
    drop(first);
    std::thread::sleep(Duration::from_millis(100));
    let mut second = Wire::tcp(server.sip);
    let via = format!("SIP/2.0/TCP {};branch=z9hG4bKsecond;rport", second.me());
    let options = call.next("OPTIONS", 2).with("Via", &via);
    assert_eq!(status(&second.ask(&options)), 200, "{}", server.log());
    let via = format!("SIP/2.0/TCP {};branch=z9hG4bKlast;rport", second.me());
    assert_eq!(status(&second.ask(&call.next("BYE", 3).with("Via", &via))), 200);
}

#[test]
fn a_connection_that_speaks_no_sip_is_closed() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::tcp(server.sip);
    wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(wire.raw_within(PATIENCE), Some(Vec::new()));
    assert_eq!(status(&Wire::tcp(server.sip).ask(&wire.request("OPTIONS", "room-1"))), 200);
}

#[test]
fn a_message_that_is_never_finished_is_not_waited_for() {
    let server = Server::with(&format!("idle-timeout = \"1s\"\n{ROUTES}"));
    let mut wire = Wire::tcp(server.sip);
    let invite = wire.invite("room-1").to_bytes();
    wire.send(&invite[..invite.len() / 2]);
    assert_eq!(wire.raw_within(PATIENCE), Some(Vec::new()), "it is closed");
}

#[test]
fn header_fields_without_end_close_the_connection() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::tcp(server.sip);
    wire.send("OPTIONS sip:room-1@localhost SIP/2.0\r\n");
    for _ in 0..200 {
        wire.send(format!("Subject: {}\r\n", "x".repeat(1000)));
    }
    let end = (0..10).find_map(|_| wire.raw_within(PATIENCE).filter(Vec::is_empty));
    assert_eq!(end, Some(Vec::new()), "it is closed");
    assert_eq!(status(&Wire::tcp(server.sip).ask(&wire.request("OPTIONS", "room-1"))), 200);
}

#[test]
fn an_idle_connection_is_closed_and_one_with_a_call_is_not() {
    let server = Server::with(&format!("idle-timeout = \"1s\"\n{ROUTES}"));
    let mut idle = Wire::tcp(server.sip);
    let mut busy = Wire::tcp(server.sip);
    let call = busy.call("room-1");
    assert_eq!(idle.raw_within(PATIENCE), Some(Vec::new()), "the idle one is closed");
    std::thread::sleep(Duration::from_millis(1500));
    busy.send(call.next("BYE", 2).to_bytes());
    let answer = busy.receive_within(PATIENCE).expect("the one with a call is open");
    assert_eq!(status(&answer), 200);
}

#[test]
fn connections_beyond_the_limit_are_closed_and_room_is_made_again() {
    let server = Server::with(&format!("max-connections = 20\n{ROUTES}"));
    let files = server.open_files();
    let mut wires: Vec<Wire> = (0..100).map(|_| Wire::tcp(server.sip)).collect();
    let closed =
        wires.iter_mut().skip(20).filter_map(|wire| wire.raw_within(PATIENCE)).filter(Vec::is_empty).count();
    assert_eq!(closed, 80, "those beyond the limit");
    assert!(server.open_files() <= files + 2 * 20 + 5, "{} files, {files} before", server.open_files());
    let options = wires[0].request("OPTIONS", "room-1");
    assert_eq!(status(&wires[0].ask(&options)), 200, "those within serve");
    let mut datagrams = Wire::udp(server.sip);
    assert_eq!(status(&datagrams.ask(&datagrams.request("OPTIONS", "room-1"))), 200, "UDP too");
    wires.clear();
    let reconnects = || {
        std::thread::sleep(Duration::from_millis(100));
        let mut wire = Wire::tcp(server.sip);
        wire.send(wire.request("OPTIONS", "room-1").to_bytes());
        wire.receive_within(Duration::from_millis(500)).is_some()
    };
    assert!((0..20).any(|_| reconnects()), "there is room again");
}
