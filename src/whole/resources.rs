//! What calls leave behind: nothing. And what they are carried by: one thread.

use crate::caller::{Call, Caller};
use crate::scene::ROUTES;
use crate::server::{RtpPorts, Server};
use crate::talk::Law;
use std::time::{Duration, Instant};

/// 64 T1 are 3.2 s: transactions are over soon.
const SHORT_PATIENCE: &str = "t1 = \"50ms\"\nt2 = \"100ms\"\nt4 = \"100ms\"\nmax-calls-per-second = 0\n";

fn short_calls(caller: &mut Caller, count: usize) {
    let formats = Law::Mu.formats(20);
    for batch in 0..count / 10 {
        let room = format!("room-{batch}");
        let calls: Vec<Call> = (0..10)
            .map(|_| caller.dial(&room, &formats).unwrap_or_else(|answer| panic!("{answer}")))
            .collect();
        std::thread::sleep(Duration::from_millis(60));
        calls.iter().for_each(|call| caller.hang_up(call).unwrap_or_else(|answer| panic!("{answer}")));
    }
}

/// Waits until the server has as many files open as `files`.
fn wait_for_files(server: &Server, files: usize) -> usize {
    let start = Instant::now();
    while server.open_files() > files && start.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_millis(100));
    }
    server.open_files()
}

#[test]
fn a_hundred_calls_leave_no_files_threads_or_memory_behind() {
    let routes = ROUTES.replace("max-calls-per-second = 0", "");
    let server = Server::with(&format!("{SHORT_PATIENCE}{routes}"));
    let (files, threads) = (server.open_files(), server.threads());
    let mut caller = Caller::new(server.sip);
    let mut resident = Vec::new();
    for _ in 0..3 {
        short_calls(&mut caller, 100);
        assert_eq!(wait_for_files(&server, files), files, "{}", server.log());
        // Until transactions are over and ports have rested.
        std::thread::sleep(Duration::from_millis(5500));
        resident.push(server.resident_kib());
    }
    assert_eq!(server.threads(), threads);
    server.must_log_times("ended: the peer hung up", 300);
    let limit = resident[1] + resident[1] / 20;
    assert!(resident[2] <= limit, "resident KiB after each hundred: {resident:?}");
}

#[test]
fn calls_that_are_refused_or_cancelled_leave_nothing_behind() {
    let routes = ROUTES.replace("max-calls-per-second = 0", "unknown-number-rate = 0");
    let more = "[[route]]\nmatch = \"ring\"\necho = true\nring-ms = 10000\n[[route]]\nmatch = \"no\"\nreject = 486\n";
    let server = Server::with(&format!("{SHORT_PATIENCE}{routes}{more}"));
    let files = server.open_files();
    let mut wire = crate::wire::Wire::udp(server.sip);
    for _ in 0..20 {
        for user in ["no", "nobody"] {
            let refused = wire.invite(user);
            assert!(crate::wire::status(&wire.ask(&refused)) >= 400);
        }
        let ringing = wire.invite("ring");
        wire.send(ringing.to_bytes());
        while wire
            .receive_within(crate::wire::PATIENCE)
            .is_some_and(|answer| !answer.starts_with("SIP/2.0 180"))
        {}
        let cancel =
            ringing.clone().with_line(&ringing.line.replacen("INVITE", "CANCEL", 1)).with("CSeq", "1 CANCEL");
        assert_eq!(crate::wire::status(&wire.ask(&cancel.without("Content-Type").with_body(""))), 200);
    }
    assert_eq!(wait_for_files(&server, files), files, "{}", server.log());
}

#[test]
fn one_thread_carries_all_legs() {
    let server = Server::with(ROUTES);
    let threads = server.threads();
    let mut caller = Caller::new(server.sip);
    let formats = Law::Mu.formats(20);
    let calls: Vec<Call> = (0..60)
        .map(|n| {
            caller.dial(&format!("room-{}", n % 7), &formats).unwrap_or_else(|answer| panic!("{answer}"))
        })
        .collect();
    assert_eq!(server.threads(), threads, "60 legs have no threads of their own");
    calls.iter().for_each(|call| caller.hang_up(call).unwrap_or_else(|answer| panic!("{answer}")));
}

#[test]
fn ports_of_a_call_that_ended_are_used_again_after_a_rest() {
    let ports = RtpPorts::claim();
    let server = Server::with_options(ROUTES, &["--rtp-ports", &ports.pairs(2)]);
    let mut caller = Caller::new(server.sip);
    let formats = Law::Mu.formats(20);
    for _ in 0..2 {
        let call = caller.dial("echo", &formats).unwrap_or_else(|answer| panic!("{answer}"));
        caller.hang_up(&call).unwrap_or_else(|answer| panic!("{answer}"));
    }
    let resting = caller.dial("echo", &formats);
    assert!(resting.is_err_and(|answer| answer.contains("503")), "both pairs rest");
    std::thread::sleep(Duration::from_millis(5500));
    caller.dial("echo", &formats).unwrap_or_else(|answer| panic!("{answer}"));
}
