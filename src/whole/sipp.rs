//! sipp as the other side: each flow of the signalling as a scenario of `scripts/sipp`.

use crate::server::{Server, free_address};
use crate::speech::write_ulaw;
use std::process::Command;

/// How a scenario is carried.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    Udp,
    Tcp,
}

/// Runs a scenario against the server, `calls` times; panics with sipp's own words and the server's log when it fails.
pub fn plays(server: &Server, scenario: &str, user: &str, calls: u32, transport: Transport) {
    plays_for(server, scenario, user, calls, transport, 20);
}

/// The same at a rate of calls per second.
pub fn plays_for(server: &Server, scenario: &str, user: &str, calls: u32, transport: Transport, rate: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let local = free_address();
    let file = format!("{}/scripts/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
    let mode = match transport {
        Transport::Udp => "u1",
        Transport::Tcp => "t1",
    };
    if scenario == "call_with_media" {
        write_ulaw(0, &folder.path().join("speech.ulaw"));
    }
    let (port, calls, rate) = (local.port().to_string(), calls.to_string(), rate.to_string());
    let mut sipp = Command::new("sipp");
    sipp.current_dir(folder.path())
        .args(["-sf", &file, "-s", user, "-i", "127.0.0.1", "-p", &port, "-t", mode])
        .args(["-m", &calls, "-r", &rate, "-d", "300", "-timeout", "60", "-timeout_error"])
        .args(["-nostdin", "-trace_err", "-error_file", "errors", &server.sip.to_string()]);
    if scenario.ends_with("_lost") {
        sipp.arg("-nr"); // what comes again is then a message of its own, not passed over
    }
    let output = sipp.output().expect("sipp is installed");
    if !output.status.success() {
        let errors = std::fs::read_to_string(folder.path().join("errors")).unwrap_or_default();
        let screen = String::from_utf8_lossy(&output.stdout);
        let screen: String = screen.chars().rev().take(2500).collect::<Vec<_>>().into_iter().rev().collect();
        panic!(
            "{scenario} over {transport:?} failed: {}\n{errors}\n{screen}\n{}",
            output.status,
            server.log()
        );
    }
}
