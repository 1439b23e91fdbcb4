use super::*;
use crate::rtp::testing::fuzz;

const PCMU: u8 = 0;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A latch under test, its clock, and shorthands for who sends what.
struct Scene {
    latch: Latch,
    start: Instant,
    now: Instant,
}

impl Scene {
    fn new(signalled: Option<&str>, roaming: bool) -> Scene {
        let start = Instant::now();
        Scene { latch: Latch::new(signalled.map(address), roaming), start, now: start }
    }

    fn at_ms(&mut self, ms: u64) -> &mut Scene {
        self.now = self.start + Duration::from_millis(ms);
        self
    }

    /// One PCMU packet of SSRC `ssrc`, 160 units a packet.
    fn packet(&mut self, from: &str, ssrc: u32, sequence: u16) -> Verdict {
        let header = Header {
            sequence: SequenceNumber(sequence),
            timestamp: Timestamp(u32::from(sequence).wrapping_mul(160)),
            ssrc: Ssrc(ssrc),
            marker: false,
            payload_type: PCMU,
        };
        self.latch.consider(self.now, address(from), &header, PayloadTypes::from_iter([PCMU, 101]))
    }

    /// Three packets in order.
    fn speak(&mut self, from: &str, ssrc: u32, sequence: u16) -> [Verdict; 3] {
        [0, 1, 2].map(|step| self.packet(from, ssrc, sequence + step))
    }

    fn destination(&self) -> String {
        self.latch.destination().map(|to| to.to_string()).unwrap_or_default()
    }
}

const SDP: &str = "192.0.2.1:4000";
const NAT: &str = "198.51.100.9:61000";
const EVIL: &str = "203.0.113.66:6666";
const ACCEPT: Verdict = Verdict::Accept;
const PROBATION: Verdict = Verdict::Refuse(Refusal::Probation);
const FOREIGN: Verdict = Verdict::Refuse(Refusal::ForeignSource);

#[test]
fn until_a_source_is_learned_we_send_to_the_signalled_address() {
    let mut scene = Scene::new(Some(SDP), false);
    assert_eq!(scene.destination(), SDP);
    scene.packet(NAT, 1, 10);
    scene.packet(NAT, 1, 11);
    assert_eq!((scene.destination().as_str(), scene.latch.learned()), (SDP, None));
    assert_eq!(Scene::new(None, false).destination(), "");
}

#[test]
fn three_packets_in_order_make_an_address_the_learned_one() {
    let mut scene = Scene::new(Some(SDP), false);
    assert_eq!(scene.speak(NAT, 1, 10), [PROBATION, PROBATION, ACCEPT]);
    assert_eq!(scene.destination(), NAT);
    assert_eq!(scene.latch.counters().probation, 2);
    assert_eq!(scene.latch.counters().learned, 1);
}

#[test]
fn the_signalled_address_is_heard_from_its_first_packet_on() {
    let mut scene = Scene::new(Some(SDP), false);
    assert_eq!(scene.speak(SDP, 1, 10), [ACCEPT; 3]);
    assert_eq!(scene.latch.learned(), Some(address(SDP)));
    assert_eq!(scene.speak(EVIL, 2, 10), [FOREIGN; 3]);
}

#[test]
fn packets_out_of_order_of_another_ssrc_or_payload_type_begin_a_probation_anew() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.packet(NAT, 1, 10);
    scene.packet(NAT, 1, 11);
    assert_eq!(scene.packet(NAT, 1, 11), PROBATION, "doubled");
    assert_eq!(scene.packet(NAT, 1, 12), PROBATION);
    assert_eq!(scene.packet(NAT, 2, 13), PROBATION, "another SSRC");
    assert_eq!(scene.packet(NAT, 2, 14), PROBATION);
    assert_eq!(scene.packet(NAT, 2, 14 + PROBATION_GAP as u16 + 1), PROBATION, "a jump");
    let unknown = Header {
        sequence: SequenceNumber(40),
        timestamp: Timestamp(9600),
        ssrc: Ssrc(2),
        marker: false,
        payload_type: 18,
    };
    let verdict = scene.latch.consider(scene.now, address(NAT), &unknown, PayloadTypes::from_iter([PCMU]));
    assert_eq!(verdict, Verdict::Refuse(Refusal::PayloadType));
    assert_eq!(scene.latch.counters().payload_type, 1);
    assert_eq!(scene.latch.learned(), None);
}

#[test]
fn a_lossy_probation_passes_when_the_order_holds() {
    let mut scene = Scene::new(Some(SDP), false);
    assert_eq!(scene.packet(NAT, 1, 65_530), PROBATION);
    assert_eq!(scene.packet(NAT, 1, 65_534), PROBATION);
    let wrapped = Header {
        sequence: SequenceNumber(1),
        timestamp: Timestamp(65_534 * 160 + 480),
        ssrc: Ssrc(1),
        marker: false,
        payload_type: PCMU,
    };
    assert_eq!(scene.latch.consider(scene.now, address(NAT), &wrapped, PayloadTypes(1)), ACCEPT);
}

#[test]
fn in_the_first_second_the_signalled_address_takes_the_place_of_another() {
    let mut scene = Scene::new(Some(SDP), false);
    assert_eq!(scene.speak(EVIL, 66, 10)[2], ACCEPT);
    assert_eq!(scene.destination(), EVIL);
    assert_eq!(scene.at_ms(900).speak(SDP, 1, 10), [PROBATION, PROBATION, ACCEPT]);
    assert_eq!(scene.destination(), SDP);
    assert_eq!(scene.speak(EVIL, 66, 500), [FOREIGN; 3]);
    assert_eq!(scene.speak(NAT, 67, 10), [FOREIGN; 3], "nobody else has that right");
}

#[test]
fn after_the_first_second_nobody_takes_the_place_of_the_learned_source() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.speak(NAT, 1, 10);
    assert_eq!(scene.at_ms(1000).speak(SDP, 2, 10), [FOREIGN; 3]);
    assert_eq!(scene.at_ms(60_000).speak(EVIL, 2, 10), [FOREIGN; 3], "nor after a long silence");
    assert_eq!(scene.destination(), NAT);
    assert_eq!(scene.latch.counters().foreign_source, 6);
}

#[test]
fn a_stream_that_continues_from_another_address_is_followed_at_once() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.speak(NAT, 1, 10);
    let moved = "198.51.100.9:62222";
    assert_eq!(scene.at_ms(5000).packet(moved, 1, 20), ACCEPT);
    assert_eq!(scene.destination(), moved);
    assert_eq!(scene.packet(NAT, 1, 19), FOREIGN, "a late packet does not move it back");
    assert_eq!(scene.packet(moved, 1, 21), ACCEPT);
}

#[test]
fn a_stream_that_does_not_continue_is_foreign() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.speak(NAT, 1, 1000);
    scene.at_ms(5000);
    for (why, ssrc, sequence) in [
        ("another SSRC", 2, 1003),
        ("the same packet again", 1, 1002),
        ("the past", 1, 990),
        ("too far ahead", 1, 1003 + CONTINUES_PACKETS as u16),
    ] {
        assert_eq!(scene.packet(EVIL, ssrc, sequence), FOREIGN, "{why}");
    }
    for timestamp in [1002 * 160 - 1, 1002 * 160 + CONTINUES_UNITS as u32 + 1] {
        let header = Header {
            sequence: SequenceNumber(1003),
            timestamp: Timestamp(timestamp),
            ssrc: Ssrc(1),
            marker: false,
            payload_type: PCMU,
        };
        assert_eq!(scene.latch.consider(scene.now, address(EVIL), &header, PayloadTypes(1)), FOREIGN);
    }
    assert_eq!(scene.destination(), NAT);
}

#[test]
fn the_learned_source_may_change_its_ssrc_and_restart_its_numbers() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.speak(NAT, 1, 10);
    assert_eq!(scene.packet(NAT, 9, 40_000), ACCEPT);
    assert_eq!(scene.at_ms(5000).packet(EVIL, 1, 13), FOREIGN, "the old stream is history");
    assert_eq!(scene.packet(EVIL, 9, 40_001), ACCEPT, "the new one continues");
}

#[test]
fn signalling_another_address_starts_the_learning_anew() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.speak(NAT, 1, 10);
    scene.at_ms(20_000).latch.signalled(Some(address("192.0.2.7:5000")));
    assert_eq!(scene.destination(), "192.0.2.7:5000");
    assert_eq!(scene.speak(NAT, 1, 13), [FOREIGN; 3], "what is still under way from the old address");
    assert_eq!(scene.packet("192.0.2.7:5000", 2, 7), ACCEPT);
    assert_eq!(scene.at_ms(21_000).speak(NAT, 1, 16)[2], ACCEPT, "a phone that stayed where it was");
}

#[test]
fn signalling_the_same_address_or_none_forgets_nothing() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.speak(NAT, 1, 10);
    scene.latch.signalled(Some(address(SDP)));
    scene.latch.signalled(None);
    scene.latch.signalled(Some(address(SDP)));
    assert_eq!(scene.destination(), NAT);
    assert_eq!(scene.packet(NAT, 1, 13), ACCEPT);
}

#[test]
fn roaming_follows_another_source_after_two_seconds_of_silence_and_a_probation() {
    let mut scene = Scene::new(Some(SDP), true);
    scene.speak(NAT, 1, 10);
    assert_eq!(scene.at_ms(1999).speak(EVIL, 2, 10), [FOREIGN; 3]);
    assert_eq!(scene.at_ms(2000).speak(EVIL, 2, 13), [PROBATION, PROBATION, ACCEPT], "fresh: from one");
    assert_eq!(scene.destination(), EVIL);
}

#[test]
fn roaming_does_not_leave_a_source_that_speaks() {
    let mut scene = Scene::new(Some(SDP), true);
    scene.speak(NAT, 1, 10);
    for step in 0..20 {
        scene.at_ms(1500 * (step + 1));
        assert_eq!(scene.packet(EVIL, 2, 10 + step as u16), FOREIGN);
        assert_eq!(scene.packet(NAT, 1, 13 + step as u16), ACCEPT);
    }
}

#[test]
fn a_flood_from_many_addresses_does_not_drive_out_a_candidate_that_gets_on() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.packet(NAT, 1, 10);
    scene.packet(NAT, 1, 11);
    for port in 1000..2000 {
        assert_eq!(scene.packet(&format!("203.0.113.1:{port}"), port, 7), PROBATION);
    }
    assert_eq!(scene.packet(NAT, 1, 12), ACCEPT);
}

#[test]
fn rtcp_is_taken_from_the_signalled_address_and_the_learned_host() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.latch.signalled_rtcp(Some(address("192.0.2.1:4001")));
    let refused = Verdict::Refuse(Refusal::ForeignRtcp);
    assert_eq!(scene.latch.rtcp_destination(), Some(address("192.0.2.1:4001")));
    assert_eq!(scene.latch.consider_rtcp(address("192.0.2.1:4001")), ACCEPT);
    assert_eq!(scene.latch.consider_rtcp(address("198.51.100.9:61001")), refused);
    scene.speak(NAT, 1, 10);
    assert_eq!(scene.latch.consider_rtcp(address("198.51.100.9:61001")), ACCEPT);
    assert_eq!(scene.latch.rtcp_destination(), Some(address("198.51.100.9:61001")));
    assert_eq!(scene.latch.consider_rtcp(address(EVIL)), refused);
    assert_eq!(scene.latch.counters().foreign_rtcp, 2);
    // RTP moves to another host: what was learned of the old host is forgotten.
    scene.at_ms(5000).packet("198.51.100.77:7000", 1, 13);
    assert_eq!(scene.latch.rtcp_destination(), Some(address("192.0.2.1:4001")));
}

#[test]
fn multiplexed_rtcp_goes_where_rtp_goes_and_comes_from_there_alone() {
    let mut scene = Scene::new(Some(SDP), false);
    scene.latch.signalled_rtcp(Some(address(SDP)));
    scene.speak(NAT, 1, 10);
    assert_eq!(scene.latch.rtcp_destination(), Some(address(NAT)));
    assert_eq!(scene.latch.consider_rtcp(address(NAT)), ACCEPT);
    assert_eq!(scene.latch.consider_rtcp(address("198.51.100.9:1")), Verdict::Refuse(Refusal::ForeignRtcp));
    assert_eq!(scene.latch.rtcp_destination(), Some(address(NAT)));
}

#[test]
fn an_ipv4_address_in_ipv6_form_is_the_same_address() {
    let mut scene = Scene::new(Some(SDP), false);
    assert_eq!(scene.speak("[::ffff:192.0.2.1]:4000", 1, 10), [ACCEPT; 3]);
    assert_eq!(scene.packet(SDP, 1, 13), ACCEPT);
}

#[test]
fn payload_types_are_a_set_of_128() {
    let set = PayloadTypes::from_iter([0, 101, 127]);
    let members: Vec<u8> = (0..=255).filter(|payload_type| set.contains(*payload_type)).collect();
    assert_eq!(members, [0, 101, 127]);
}

/// Random addresses, numbers and signalling. What must hold whatever comes: once learned and past the first
/// second, without signalling and roaming, a stream that does not continue never moves the destination.
#[test]
fn random_strangers_never_move_a_learned_latch() {
    let addresses = [SDP, NAT, EVIL, "[2001:db8::1]:9"].map(address);
    fuzz(10_000, |random| {
        let start = Instant::now();
        let mut latch = Latch::new(Some(addresses[0]), random.chance(0.3));
        let roaming = latch.roaming;
        let mut now = start;
        for _ in 0..100 {
            now += Duration::from_millis(random.below(400));
            let from = addresses[random.below(4) as usize];
            if random.chance(0.02) {
                latch.signalled(Some(addresses[random.below(4) as usize]));
            }
            let header = Header {
                sequence: SequenceNumber(random.below(40) as u16),
                timestamp: Timestamp(random.below(4000) as u32),
                ssrc: Ssrc(random.below(3) as u32),
                marker: false,
                payload_type: random.below(2) as u8,
            };
            let before = latch.clone();
            let verdict = latch.consider(now, from, &header, PayloadTypes(1));
            if verdict != Verdict::Accept {
                assert_eq!(latch.destination(), before.destination());
            }
            let settled = before.prefer_signalled_until.is_some_and(|until| until <= now);
            if let (Some(learned), true, false) = (before.learned, settled, roaming) {
                let moved = latch.destination() != before.destination();
                assert!(!moved || learned.continues_with(&header));
            }
            latch.consider_rtcp(from);
        }
        let counters = latch.counters();
        let refused = counters.payload_type + counters.probation + counters.foreign_source;
        assert!(refused <= 100 && counters.foreign_rtcp <= 100);
    });
}
