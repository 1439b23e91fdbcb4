//! Hostile and vanished peers while others talk: their audio has no gap.

use crate::scene::Scene;
use crate::server::Server;
use crate::speech::speeches;
use crate::wire::{PATIENCE, Wire, status};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The same numbers in each run.
fn random_bytes(state: &mut u64, bytes: &mut [u8]) {
    for byte in bytes {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *byte = (*state >> 32) as u8;
    }
}

/// Runs `attack` again and again beside `scene`, whether that ends well or not.
fn beside<R>(attack: impl Fn(u64) + Sync, scene: impl FnOnce() -> R) -> R {
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..).take_while(|_| !stopped.load(Ordering::Relaxed)).for_each(&attack));
        let _stop = Stop(&stopped);
        scene()
    })
}

/// Two who talk for a while, each heard by the other.
fn two_talk(scene: &Scene, milliseconds: u64) {
    let marks = [scene.stage.mark(0), scene.stage.mark(1)];
    scene.pause(milliseconds);
    for (who, other) in [(0, 1), (1, 0)] {
        let heard = scene.stage.heard(who, marks[who]);
        heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}\n{}", scene.server.log()));
        scene.must_hear(who, &heard, &[other]);
    }
}

fn two(settings: &str) -> Scene {
    let mut scene = Scene::new(settings);
    scene.join_plainly("room-abuse", &speeches()[0]);
    scene.join_plainly("room-abuse", &speeches()[1]);
    scene.pause(400);
    scene
}

#[test]
fn random_datagrams_do_not_disturb_a_conversation() {
    let scene = two("");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let rtcp = |rtp: SocketAddr| SocketAddr::new(rtp.ip(), rtp.port() + 1);
    let [first, second] = [scene.calls[0].rtp, scene.calls[1].rtp];
    let targets = [scene.server.sip, first, second, rtcp(first), rtcp(second)];
    let attack = |round: u64| {
        let mut state = round + 1;
        for target in targets {
            for _ in 0..5 {
                let mut len = [0; 2];
                random_bytes(&mut state, &mut len);
                let mut datagram = vec![0; usize::from(u16::from_be_bytes(len)) % 1400];
                random_bytes(&mut state, &mut datagram);
                if round.is_multiple_of(2) && datagram.len() > 12 {
                    datagram[..2].copy_from_slice(&[0x80, 0]); // looks like RTP of µ-law
                }
                let _ = socket.send_to(&datagram, target);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    beside(attack, || two_talk(&scene, 6000));
    (0..2).for_each(|who| scene.hang_up(who));
    scene.server.must_log("ended: ");
}

#[test]
fn sip_that_is_cut_short_or_bent_does_not_disturb_a_conversation() {
    let scene = two("");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let wire = Wire::udp(scene.server.sip);
    let request = wire.invite("room-abuse").to_bytes();
    let attack = |round: u64| {
        let mut state = round + 1;
        for _ in 0..20 {
            let mut bent = request.clone();
            let mut places = [0; 8];
            random_bytes(&mut state, &mut places);
            for pair in places.chunks_exact(2) {
                let at = usize::from(pair[0]) * 4 % bent.len();
                bent[at] = pair[1];
            }
            if round.is_multiple_of(3) {
                bent.truncate(usize::from(places[0]) * 2);
            }
            let _ = socket.send_to(&bent, scene.server.sip);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    beside(attack, || two_talk(&scene, 5000));
}

#[test]
fn a_strangers_rtp_is_never_heard() {
    let scene = two("");
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let elsewhere = UdpSocket::bind("127.0.0.2:0").expect("a socket");
    let target = scene.calls[0].rtp;
    let loud = crate::speech::sine(1000, 0.9)
        .iter()
        .map(|sample| ((sample * 127.0) as i8) as u8)
        .collect::<Vec<_>>();
    let ssrc_of_first = scene.stage.with(0, |talker| talker.ssrc());
    let attack = |round: u64| {
        for ssrc in [0x1234_5678, ssrc_of_first] {
            let mut packet = vec![0x80, 0];
            packet.extend((round as u16).to_be_bytes());
            packet.extend((round as u32).wrapping_mul(160).to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend(&loud[..160]);
            let _ = stranger.send_to(&packet, target);
            let _ = elsewhere.send_to(&packet, target);
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    beside(attack, || two_talk(&scene, 5000));
    let mut buffer = [0; 2000];
    for socket in [&stranger, &elsewhere] {
        socket.set_nonblocking(true).expect("non-blocking");
        assert!(socket.recv(&mut buffer).is_err(), "and nothing is sent to it");
    }
}

#[test]
fn callers_that_vanish_are_missed_and_the_others_talk_on() {
    let mut scene = two("media-timeout = \"1s\"");
    for _ in 0..3 {
        let vanishing = scene.join_plainly("room-abuse", &vec![0.0; 8000]);
        scene.stage.with(vanishing, |talker| talker.sends = false);
    }
    two_talk(&scene, 4500);
    scene.server.must_log("media timeout: nothing comes from the peer");
    for gone in 2..5 {
        let bye = scene.callers[gone].obeys("BYE", PATIENCE).expect("a BYE to one who may still listen");
        assert!(bye.contains("media timeout"), "{bye}");
    }
    scene.server.must_log_times("ended: media timeout", 3);
}

#[test]
fn many_connections_do_not_disturb_a_conversation() {
    let scene = two("max-connections = 50");
    let files = scene.server.open_files();
    let sip = scene.server.sip;
    let attack = |_| {
        let flood: Vec<_> = (0..100).filter_map(|_| TcpStream::connect(sip).ok()).collect();
        std::thread::sleep(Duration::from_millis(100));
        drop(flood);
    };
    let most = beside(attack, || {
        let marks = [scene.stage.mark(0), scene.stage.mark(1)];
        let mut most = 0;
        for _ in 0..50 {
            scene.pause(100);
            most = most.max(scene.server.open_files());
        }
        for (who, other) in [(0, 1), (1, 0)] {
            let heard = scene.stage.heard(who, marks[who]);
            heard.unbroken(20).unwrap_or_else(|broken| panic!("{broken}"));
            scene.must_hear(who, &heard, &[other]);
        }
        most
    });
    assert!(most <= files + 2 * 50 + 5, "{most} files open, {files} before");
}

#[test]
fn a_peer_that_sends_byte_by_byte_holds_up_nobody() {
    let server = Server::with("[[route]]\nmatch = \"room-(.+)\"\nconference = \"$1\"\n");
    let mut slow: Vec<Wire> = (0..20).map(|_| Wire::tcp(server.sip)).collect();
    let requests: Vec<Vec<u8>> =
        slow.iter().map(|wire| wire.request("OPTIONS", "room-1").to_bytes()).collect();
    for at in 0..40 {
        for (wire, request) in slow.iter_mut().zip(&requests) {
            wire.send(&request[at..at + 1]);
        }
        if at % 10 == 0 {
            for mut quick in [Wire::tcp(server.sip), Wire::udp(server.sip)] {
                let call = quick.call("room-1");
                assert_eq!(status(&quick.ask(&call.next("BYE", 2))), 200);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for (wire, request) in slow.iter_mut().zip(&requests) {
        wire.send(&request[40..]);
        assert_eq!(status(&wire.final_response()), 200, "and it is served in the end");
    }
}

#[test]
fn a_peer_that_reads_nothing_holds_up_nobody() {
    let server = Server::with("[[route]]\nmatch = \"room-(.+)\"\nconference = \"$1\"\n");
    let deaf = TcpStream::connect(server.sip).expect("a connection");
    deaf.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let request = Wire::tcp(server.sip).request("OPTIONS", "room-1").to_bytes();
    let before = server.resident_kib();
    for _ in 0..20_000 {
        use std::io::Write;
        if (&deaf).write_all(&request).is_err() {
            break;
        }
    }
    let mut wire = Wire::udp(server.sip);
    let call = wire.call("room-1");
    assert_eq!(status(&wire.ask(&call.next("BYE", 2))), 200, "{}", server.log());
    let grown = server.resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for one connection");
}
