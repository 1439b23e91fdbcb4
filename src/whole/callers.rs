//! Who may call, under what name, how often and how many: access lists, identities, limits.

use crate::server::{RtpPorts, Server, free_address};
use crate::wire::{Draft, PATIENCE, Wire, header, status};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

const ROUTES: &str = "[[route]]\nmatch = \"room-(.+)\"\nconference = \"$1\"\n";

/// Another address of loopback: to the server another host.
const NEIGHBOUR: [u8; 4] = [127, 0, 0, 2];

#[test]
fn the_caller_is_called_as_from_says() {
    let server = Server::with(ROUTES);
    let mut wire = Wire::udp(server.sip);
    let named =
        wire.invite("room-1").with("From", "\"Alice \\\"A\\\" Archer\" <sip:alice@example.com>;tag=1");
    assert_eq!(status(&wire.ask(&named)), 200);
    server.must_log("Alice \"A\" Archer joined conference 1");
    let unnamed = wire.invite("room-1").with("From", "<sip:b%6fb@example.com>;tag=1");
    assert_eq!(status(&wire.ask(&unnamed)), 200);
    server.must_log("bob joined conference 1");
}

#[test]
fn an_asserted_identity_counts_of_trusted_peers_alone() {
    let server = Server::with(&format!("trusted = [\"127.0.0.2\"]\n{ROUTES}"));
    let asserted = |mut wire: Wire| {
        let invite = wire.invite("room-1").with("From", "\"Nobody\" <sip:anonymous@invalid>;tag=1");
        let invite = invite.with("P-Asserted-Identity", "\"Really Carol\" <sip:carol@example.com>");
        assert_eq!(status(&wire.ask(&invite)), 200);
    };
    asserted(Wire::udp(server.sip));
    server.must_log("Nobody joined conference 1");
    assert!(!server.log().contains("Carol"), "{}", server.log());
    asserted(Wire::udp_from(server.sip, NEIGHBOUR.into()));
    server.must_log("Really Carol joined conference 1");
}

/// The address at which loopback reaches a listener on all addresses.
fn open_listener() -> (String, SocketAddr) {
    let address = free_address();
    (format!("0.0.0.0:{}", address.port()), address)
}

#[test]
fn strangers_get_403_and_those_allowed_are_served() {
    let (listener, address) = open_listener();
    let toml = format!("allow = [\"127.0.0.2/32\"]\n{ROUTES}");
    let server = Server::with_options(&toml, &["--sip", &listener]);
    let ask = |mut wire: Wire| {
        let options = wire.request("OPTIONS", "room-1");
        status(&wire.ask(&options))
    };
    let invite = |mut wire: Wire| {
        let invite = wire.invite("room-1");
        status(&wire.ask(&invite))
    };
    assert_eq!((ask(Wire::udp(address)), invite(Wire::udp(address))), (403, 403), "a stranger");
    assert_eq!(
        Wire::tcp(address).raw_within(PATIENCE),
        Some(Vec::new()),
        "a stranger's connection is closed"
    );
    let neighbour = || Wire::udp_from(address, NEIGHBOUR.into());
    assert_eq!((ask(neighbour()), invite(neighbour())), (200, 200), "one who is allowed");
    assert_eq!(ask(Wire::udp(server.sip)), 200, "loopback at the listener on loopback");
}

#[test]
fn a_network_may_be_allowed_at_one_listener_alone() {
    let (first, first_address) = open_listener();
    let (second, second_address) = open_listener();
    let toml = format!("allow = [\"{first}=127.0.0.0/8\"]\n{ROUTES}");
    let _server = Server::with_options(&toml, &["--sip", &first, "--sip", &second]);
    let ask = |mut wire: Wire| {
        let options = wire.request("OPTIONS", "room-1");
        status(&wire.ask(&options))
    };
    assert_eq!(ask(Wire::udp(first_address)), 200);
    assert_eq!(ask(Wire::udp(second_address)), 403);
    assert_eq!(ask(Wire::tcp(first_address)), 200);
    assert_eq!(Wire::tcp(second_address).raw_within(PATIENCE), Some(Vec::new()));
}

/// Sends so many requests at once; how many were answered, each with `expected`.
fn answered(wire: &mut Wire, requests: impl Iterator<Item = Draft>, expected: u16) -> usize {
    let all: Vec<Draft> = requests.collect();
    all.iter().for_each(|request| wire.send(request.to_bytes()));
    let answers = std::iter::from_fn(|| wire.receive_within(Duration::from_millis(300)));
    let answers: Vec<u16> = answers.map(|answer| status(&answer)).filter(|status| *status >= 200).collect();
    assert!(answers.iter().all(|answer| *answer == expected), "{answers:?}");
    answers.len()
}

#[test]
fn who_tries_many_numbers_is_no_longer_answered() {
    let server = Server::with(&format!("unknown-number-rate = 5\n{ROUTES}"));
    let mut wire = Wire::udp(server.sip);
    let start = Instant::now();
    let requests: Vec<Draft> = (0..100).map(|n| wire.invite(&format!("{n}"))).collect();
    let answers = answered(&mut wire, requests.into_iter(), 404);
    let at_most = 6 + 5 * start.elapsed().as_secs() as usize + 5;
    assert!((5..=at_most).contains(&answers), "{answers} answers, at most {at_most}");
    let call = wire.call("room-1");
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200, "numbers that exist are served");
}

#[test]
fn strangers_are_answered_at_a_limited_rate() {
    let (listener, address) = open_listener();
    let toml = format!("unknown-number-rate = 5\n{ROUTES}");
    let server = Server::with_options(&toml, &["--sip", &listener]);
    let mut wire = Wire::udp(address);
    let requests: Vec<Draft> = (0..100).map(|_| wire.request("OPTIONS", "room-1")).collect();
    let answers = answered(&mut wire, requests.into_iter(), 403);
    assert!((5..60).contains(&answers), "{answers} answers\n{}", server.log());
}

#[test]
fn a_call_beyond_the_limits_gets_503_and_a_time_to_come_again() {
    let limits = [("max-legs = 2", 2), ("max-calls-per-second = 1", 1), ("max-conferences = 1", 1)];
    for (limit, within) in limits {
        let server = Server::with(&format!("retry-after = 7\n{limit}\n{ROUTES}"));
        let mut wire = Wire::udp(server.sip);
        let mut calls = Vec::new();
        for n in 0..within {
            let invite = wire.invite(&format!("room-{n}"));
            let answer = wire.ask(&invite);
            assert_eq!(status(&answer), 200, "{limit}: {answer}");
            calls.push(invite.within_dialog(&answer));
            wire.send(calls[n].next("ACK", 1).to_bytes());
        }
        let refused = wire.ask(&wire.invite("room-99"));
        assert_eq!(
            (status(&refused), header(&refused, "Retry-After").as_deref()),
            (503, Some("7")),
            "{limit}"
        );
        let options = wire.request("OPTIONS", "room-99");
        assert!([200, 503].contains(&status(&wire.ask(&options))));
        for call in calls {
            assert_eq!(
                status(&wire.ask(&call.next("BYE", 2))),
                200,
                "{limit}: calls in progress are not touched"
            );
        }
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(status(&wire.ask(&wire.invite("room-99"))), 200, "{limit}: there is room again");
    }
}

#[test]
fn while_the_clock_is_late_calls_get_503_and_a_time_to_come_again() {
    let server = Server::with_options(&format!("retry-after = 7\n{ROUTES}"), &["--max-lateness-ms", "10"]);
    let mut wire = Wire::udp(server.sip);
    let running = wire.call("room-1");
    // Held up for most of the time, its laps begin tens of milliseconds late.
    let deadline = Instant::now() + PATIENCE;
    let refused = loop {
        assert!(Instant::now() < deadline, "no call was refused\n{}", server.log());
        for _ in 0..3 {
            server.signal("STOP");
            std::thread::sleep(Duration::from_millis(100));
            server.signal("CONT");
            std::thread::sleep(Duration::from_millis(10));
        }
        let invite = wire.invite("room-1");
        let answer = wire.ask(&invite);
        if status(&answer) != 200 {
            break answer;
        }
        let call = invite.within_dialog(&answer);
        wire.send(call.next("ACK", 1).to_bytes());
        wire.ask(&call.next("BYE", 2));
    };
    assert_eq!((status(&refused), header(&refused, "Retry-After").as_deref()), (503, Some("7")), "{refused}");
    server.must_log("the clock runs late");
    let deadline = Instant::now() + PATIENCE;
    while status(&wire.ask(&wire.invite("room-1"))) != 200 {
        assert!(Instant::now() < deadline, "punctual again, and calls are still refused\n{}", server.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(status(&wire.ask(&running.next("BYE", 2))), 200, "calls in progress are not touched");
}

#[test]
fn a_full_conference_is_busy_until_someone_leaves() {
    let server = Server::with(&format!("max-participants = 2\n{ROUTES}"));
    let mut wire = Wire::udp(server.sip);
    let first = wire.call("room-1");
    let _second = wire.call("room-1");
    assert_eq!(status(&wire.ask(&wire.invite("room-1"))), 486);
    let _elsewhere = wire.call("room-2");
    assert_eq!(status(&wire.ask(&first.next("BYE", 2))), 200);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(status(&wire.ask(&wire.invite("room-1"))), 200);
}

#[test]
fn calls_without_ports_for_their_rtp_get_503() {
    let toml = format!("retry-after = 4\n{ROUTES}");
    let ports = RtpPorts::claim();
    let server = Server::with_options(&toml, &["--rtp-ports", &ports.pairs(2)]);
    let mut wire = Wire::udp(server.sip);
    let _calls = [wire.call("room-1"), wire.call("room-1")];
    let refused = wire.ask(&wire.invite("room-1"));
    assert_eq!((status(&refused), header(&refused, "Retry-After").as_deref()), (503, Some("4")), "{refused}");
}

#[test]
fn a_listener_may_serve_one_transport_alone() {
    let address: SocketAddr = free_address();
    let server = Server::with_options(ROUTES, &["--sip", &format!("tcp:{address}")]);
    let mut tcp = Wire::tcp(address);
    assert_eq!(status(&tcp.ask(&tcp.request("OPTIONS", "room-1"))), 200, "{}", server.log());
    let mut udp = Wire::udp(address);
    udp.send(udp.request("OPTIONS", "room-1").to_bytes());
    assert_eq!(udp.receive_within(Duration::from_millis(300)), None);
}

#[test]
fn the_advertised_address_is_in_contact_and_description() {
    let toml = format!("advertise = \"203.0.113.9\"\n{ROUTES}");
    let server = Server::with(&toml);
    let mut wire = Wire::udp(server.sip);
    let answer = wire.ask(&wire.invite("room-1"));
    let advertised: IpAddr = [203, 0, 113, 9].into();
    assert!(
        header(&answer, "Contact").is_some_and(|contact| contact.contains(&advertised.to_string())),
        "{answer}"
    );
    assert!(answer.contains(&format!("c=IN IP4 {advertised}")), "{answer}");
    assert!(wire.receive_within(PATIENCE).is_some(), "the 200 comes again until it is acknowledged");
}
