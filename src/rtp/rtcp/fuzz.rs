//! Mutated compounds of both kinds through a session.

use std::time::{Duration, Instant};

use ::rtcp::receiver_report::ReceiverReport;
use ::rtcp::reception_report::ReceptionReport;

use super::tests::{CNAME, OURS, PEER, Party, marshal};
use crate::rtp::numbers::Ssrc;
use crate::rtp::testing::{fuzz, mutate};

fn seeds(start: Instant) -> Vec<Vec<u8>> {
    let mut peer = Party::new(start, PEER, "peer@example.org");
    peer.send_media(start);
    let (_, report) = peer.next_report();
    let block = ReceptionReport { ssrc: OURS.0, last_sender_report: 7, ..ReceptionReport::default() };
    let reports = vec![block.clone(), block];
    let receiver = ReceiverReport { ssrc: PEER.0, reports, ..ReceiverReport::default() };
    let goodbye = super::report::goodbye(Ssrc(3));
    let feedback = vec![0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    vec![report, marshal(&[&receiver, &goodbye]), feedback]
}

#[test]
fn mutated_compounds_never_panic_and_refused_ones_change_nothing() {
    let start = Instant::now();
    let seeds = seeds(start);
    let mut party = Party::new(start, OURS, CNAME);
    party.send_media(start);
    let mut now = start;
    fuzz(150_000, |random| {
        now += Duration::from_millis(random.below(50));
        let seed = &seeds[random.below(seeds.len() as u64) as usize];
        let octets = mutate(random, seed);
        let before = (party.session.sender_clock().copied(), party.session.remote_report().copied());
        if party.session.handle(now, &octets).is_err() {
            let after = (party.session.sender_clock().copied(), party.session.remote_report().copied());
            assert_eq!(before, after);
        }
        if let Some(out) = party.poll(now) {
            let mut fresh = Party::new(start, PEER, "peer");
            fresh.session.handle(now, &out).expect("what we send is well-formed");
        }
        assert!(party.session.next_timeout().is_some_and(|due| due <= now + Duration::from_secs(80)));
    });
}
