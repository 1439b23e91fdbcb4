//! Pauses that are described instead of sent (RFC 3389), both ways.

use crate::caller::{Call, Caller};
use crate::hearing::{RATE, level_db};
use crate::scene::Scene;
use crate::speech::sine;
use crate::talk::{Law, Received, Talker};
use std::time::Duration;

/// Payload type of comfort noise at 8000 Hz.
const CN: u8 = 13;

fn dial(scene: &Scene, user: &str, law: Law) -> (Caller, Call) {
    let mut caller = Caller::new(scene.server.sip);
    let formats = law.formats(20).replacen(" 101\r\n", " 13 101\r\n", 1);
    let call =
        caller.dial(user, &formats).unwrap_or_else(|answer| panic!("{answer}\n{}", scene.server.log()));
    assert!(call.answer.contains("a=rtpmap:13 CN/8000"), "{}", call.answer);
    (caller, call)
}

/// A packet of a stream that the talker of the scene does not send.
fn packet(call: &Call, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(0x5eed_1389_u32.to_be_bytes());
    packet.extend(payload);
    call.media.send_to(&packet, call.rtp).expect("sent");
}

/// Speaks for so many packets in a loud µ-law, then describes a pause.
fn speak_and_pause(call: &Call, first: u16, packets: u16, level: u8) {
    for number in first..first + packets {
        packet(call, 0, number, u32::from(number) * 160, &[0x10; 160]);
        std::thread::sleep(Duration::from_millis(20));
    }
    let next = first + packets;
    packet(call, CN, next, u32::from(next) * 160, &[level, 90, 127, 127]);
}

#[test]
fn the_noise_that_a_peer_describes_is_heard_in_its_pause() {
    let mut scene = Scene::new("media-timeout = 2\n");
    let ear = scene.join_plainly("room-1", &vec![0.0; RATE]);
    let (_caller, call) = dial(&scene, "room-1", Law::Mu);
    speak_and_pause(&call, 1, 50, 40);
    scene.pause(300);
    let level = level_db(&scene.hear_for(ear, 3_000).samples());
    assert!((level + 40.0).abs() < 2.0, "{level} dBov\n{}", scene.server.log());
    assert!(!scene.server.log().contains("media timeout"), "a pause is no silence\n{}", scene.server.log());
}

/// Kinds of packets that came, and how far their timestamps are apart.
fn story(packets: &[Received]) -> Vec<(u8, u32)> {
    let kinds = packets.iter().map(|packet| packet.payload_type);
    let steps = packets.windows(2).map(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp));
    kinds.skip(1).zip(steps).collect()
}

#[test]
fn our_pauses_are_described_where_that_is_set_and_the_peer_takes_it() {
    for law in [Law::Mu, Law::A, Law::G722] {
        let mut scene = Scene::new("comfort-noise = true\n");
        let plain = scene.join_plainly("room-1", &vec![0.0; RATE]);
        let (_caller, call) = dial(&scene, "room-1", law);
        let ear = scene.stage.enter(Talker::new(&call, law, 20, &vec![0.0; RATE]));
        scene.pause(1_000);
        let heard = scene.hear_for(ear, 2_000);
        assert!((4..=6).contains(&heard.packets.len()), "{law:?}: {} packets in 2 s", heard.packets.len());
        for (kind, step) in story(&heard.packets) {
            assert_eq!((kind, step), (CN, 3_200), "{law:?}: a description each 400 ms");
        }
        let numbers: Vec<u16> = heard.packets.iter().map(|packet| packet.sequence).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{numbers:?}");
        assert!(heard.packets.iter().all(|packet| packet.payload[0] >= 60), "it is quiet there");
        scene.stage.with(plain, |talker| talker.say(&sine(440, 0.3)));
        scene.pause(300);
        let spoken = scene.hear_for(ear, 1_000);
        assert!(spoken.packets.len() >= 48, "{law:?}: {} packets", spoken.packets.len());
        assert!(spoken.packets.iter().all(|packet| packet.payload_type != CN));
        let all = scene.hear_for(plain, 500);
        assert!(all.packets.len() >= 24, "who takes no CN is sent everything");
    }
}

#[test]
fn pauses_are_sent_as_they_are_by_default() {
    let mut scene = Scene::new("");
    scene.join_plainly("room-1", &vec![0.0; RATE]);
    let (_caller, call) = dial(&scene, "room-1", Law::Mu);
    let ear = scene.stage.enter(Talker::new(&call, Law::Mu, 20, &vec![0.0; RATE]));
    scene.pause(1_000);
    let heard = scene.hear_for(ear, 1_000);
    heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(heard.packets.iter().all(|packet| packet.payload_type == 0));
}

#[test]
fn a_peer_that_takes_cn_and_vanishes_while_it_talks_is_missed() {
    let mut scene = Scene::new("media-timeout = 1\n");
    scene.join_plainly("room-1", &vec![0.0; RATE]);
    let (_caller, call) = dial(&scene, "room-1", Law::Mu);
    speak_and_pause(&call, 1, 20, 50);
    packet(&call, 0, 60, 60 * 160, &[0xff; 160]);
    scene.server.must_log("media timeout: nothing comes from the peer");
}
