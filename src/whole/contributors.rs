//! Who is heard: told in the log, and to peers in the headers of their packets (RFC 3550 §5.1, RFC 6465).

use crate::caller::{Call, Caller};
use crate::scene::Scene;
use crate::speech::{sine, speeches};
use antiphon::rtp::Packet;
use std::time::{Duration, Instant};

const PLAIN: &str = "0\r\n";
const LEVELS: &str = "0\r\na=extmap:5 urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n\
                      a=extmap:16 urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on\r\n";

/// Sources and levels in the headers of the packets that come within a second.
fn named(call: &Call) -> Vec<(Vec<u32>, Option<Vec<u8>>)> {
    call.media.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let (end, mut buffer, mut named) = (Instant::now() + Duration::from_secs(1), [0; 2_000], Vec::new());
    while Instant::now() < end {
        let Ok(len) = call.media.recv(&mut buffer) else { continue };
        if buffer[1] & 0x7f == 0 {
            let packet = Packet::parse(&buffer[..len]).expect("RTP");
            assert_eq!(packet.payload.len(), 160);
            let levels = packet.extension.and_then(|extension| extension.element(5)).map(<[u8]>::to_vec);
            named.push((packet.contributors().map(|source| source.0).collect(), levels));
        }
    }
    assert!(named.len() > 40, "{} packets", named.len());
    named
}

/// A scene in which one sounds and another one listens, who has dialled with `formats`; and the answer to it.
fn listen(settings: &str, formats: &str) -> (Scene, Call, u32) {
    let mut scene = Scene::new(settings);
    let speaker = scene.join_plainly("room-1", &sine(440, 0.2));
    let call =
        Caller::new(scene.server.sip).dial("room-1", formats).unwrap_or_else(|answer| panic!("{answer}"));
    scene.pause(1_500);
    call.media.set_nonblocking(true).expect("non-blocking");
    while call.media.recv(&mut [0; 2_000]).is_ok() {}
    call.media.set_nonblocking(false).expect("blocking");
    let source = scene.stage.with(speaker, |talker| talker.ssrc());
    (scene, call, source)
}

#[test]
fn a_peer_that_takes_levels_is_told_whom_it_hears_and_how_loud() {
    let (scene, call, source) = listen("", LEVELS);
    for line in [
        "a=extmap:5/sendonly urn:ietf:params:rtp-hdrext:csrc-audio-level\r\n",
        "a=extmap:16/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on\r\n",
    ] {
        assert!(call.answer.contains(line), "{line} in {}", call.answer);
    }
    for (sources, levels) in named(&call) {
        let levels = levels.unwrap_or_default();
        assert_eq!((sources, levels.len()), (vec![source], 1), "{}", scene.server.log());
        assert!((5..50).contains(&levels[0]), "-{} dBov", levels[0]);
    }
    scene.stage.with(0, |talker| talker.sends = false);
    scene.pause(1_000);
    named(&call); // what came meanwhile
    assert!(named(&call).iter().all(|(sources, levels)| sources.is_empty() && levels.is_none()));
}

#[test]
fn other_peers_are_told_where_that_is_wished_alone() {
    let (_scene, call, _) = listen("", PLAIN);
    assert!(!call.answer.contains("extmap"), "{}", call.answer);
    assert!(named(&call).iter().all(|(sources, levels)| sources.is_empty() && levels.is_none()));
    let (_scene, call, source) = listen("csrc = true", PLAIN);
    assert!(named(&call).iter().all(|named| *named == (vec![source], None)));
}

#[test]
fn the_log_tells_who_talks_and_who_is_the_active_speaker() {
    let scene = {
        let mut scene = Scene::new("log-level = \"debug\"");
        scene.join_plainly("room-1", &speeches()[0]);
        scene
    };
    scene.server.must_log("talks in conference 1, at -");
    scene.server.must_log("is the active speaker of conference 1, at -");
    scene.stage.with(0, |talker| talker.sends = false);
    scene.server.must_log("talks no more in conference 1, after ");
}
