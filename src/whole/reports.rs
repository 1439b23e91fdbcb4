//! RTCP: reports while a call goes on, BYE at its end, and a peer's reports as a sign of life.

use crate::caller::Caller;
use crate::scene::Scene;
use crate::server::Server;
use crate::speech::speeches;
use crate::talk::{Law, Stage, Talker};
use crate::wire::PATIENCE;
use std::time::{Duration, Instant};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// A call with rtcp-mux, so that RTCP comes where RTP does.
fn call(server: &Server) -> (Caller, crate::caller::Call, Stage) {
    let mut caller = Caller::new(server.sip);
    let formats = format!("{}a=rtcp-mux\r\n", Law::Mu.formats(20));
    let call = caller.dial("echo", &formats).unwrap_or_else(|answer| panic!("{answer}\n{}", server.log()));
    let stage = Stage::new();
    stage.enter(Talker::new(&call, Law::Mu, 20, &speeches()[0]));
    (caller, call, stage)
}

/// The packets of a compound: their types and bodies.
fn packets(compound: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut rest = compound;
    let mut found = Vec::new();
    while rest.len() >= 4 {
        let len = 4 * (1 + usize::from(u16::from_be_bytes([rest[2], rest[3]])));
        assert!(rest[0] >> 6 == 2 && len <= rest.len(), "RFC 3550 A.2: {compound:?}");
        found.push((rest[1], rest[4..len].to_vec()));
        rest = &rest[len..];
    }
    found
}

fn word(body: &[u8], number: usize) -> u32 {
    u32::from_be_bytes(body[4 * number..4 * number + 4].try_into().expect("four bytes"))
}

/// Waits until a compound with this packet has come; all packets of it.
fn compound_with(stage: &Stage, kind: u8) -> Vec<(u8, Vec<u8>)> {
    let start = Instant::now();
    loop {
        let compounds = stage.with(0, |talker| talker.reports());
        let last = compounds.last().map(|compound| packets(compound));
        if let Some(found) = last.filter(|last| last.iter().any(|(packet, _)| *packet == kind)) {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(12), "no {kind} in {compounds:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn reports_tell_what_was_sent_and_received_and_the_last_one_says_bye() {
    let server = Scene::new("").server;
    let (caller, call, stage) = call(&server);
    let compound = compound_with(&stage, SENDER_REPORT);
    assert_eq!(compound[0].0, SENDER_REPORT, "a compound begins with a report");
    let (report, ours) = (&compound[0].1, stage.with(0, |talker| talker.ssrc()));
    let heard = stage.heard(0, 0);
    assert_eq!(word(report, 0), heard.packets[0].ssrc);
    let counted = word(report, 4) as usize;
    assert!(
        counted > 20 && counted <= heard.packets.len() + 1,
        "{counted} packets, {} came",
        heard.packets.len()
    );
    assert_eq!(word(report, 6), ours, "a report on us");
    assert_eq!(word(report, 7), 0, "nothing is lost");
    let description = compound.iter().find(|(kind, _)| *kind == DESCRIPTION).expect("a description");
    assert!(description.1[4] == 1 && description.1[5] > 0, "a CNAME: {description:?}");
    caller.hang_up(&call).unwrap_or_else(|answer| panic!("{answer}"));
    let compound = compound_with(&stage, GOODBYE);
    assert!([SENDER_REPORT, RECEIVER_REPORT].contains(&compound[0].0), "a compound begins with a report");
}

#[test]
fn reports_of_a_peer_that_sends_no_audio_are_a_sign_of_life() {
    let server = Scene::new("media-timeout = \"1s\"").server;
    let (caller, call, stage) = call(&server);
    stage.with(0, |talker| talker.sends = false);
    for _ in 0..10 {
        let ssrc = stage.with(0, |talker| talker.ssrc());
        let mut report = vec![0x80, RECEIVER_REPORT, 0, 1];
        report.extend(ssrc.to_be_bytes());
        report.extend([0x81, DESCRIPTION, 0, 3]);
        report.extend(ssrc.to_be_bytes());
        report.extend(b"\x01\x04wire\0\0");
        stage.with(0, |talker| talker.send_raw(&report));
        std::thread::sleep(Duration::from_millis(250));
    }
    assert!(!server.log().contains("media timeout"), "{}", server.log());
    caller.obeys("BYE", PATIENCE).expect("the end, once the reports have ceased");
    drop(call);
}
