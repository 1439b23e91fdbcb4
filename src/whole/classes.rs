//! Listeners of a conference who are sent the same in the same codec get one and the same payload.

use crate::caller::{Call, Caller};
use crate::scene::Scene;
use crate::speech::speeches;
use std::time::{Duration, Instant};

const OPUS: &str = "96\r\na=rtpmap:96 opus/48000/2\r\na=ptime:20\r\n";
/// By then all have settled in their class.
const SETTLING: Duration = Duration::from_millis(2_500);

/// The payloads that come for `call` within a second.
fn payloads(call: &Call) -> Vec<Vec<u8>> {
    call.media.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let (end, mut packet, mut payloads) = (Instant::now() + Duration::from_secs(1), [0; 2_000], Vec::new());
    while Instant::now() < end {
        if let Ok(len) = call.media.recv(&mut packet)
            && packet[1] & 0x7f == 96
        {
            payloads.push(packet[12..len].to_vec());
        }
    }
    payloads
}

/// Throws away what has come so far.
fn forget(call: &Call) {
    call.media.set_nonblocking(true).expect("non-blocking");
    while call.media.recv(&mut [0; 2_000]).is_ok() {}
    call.media.set_nonblocking(false).expect("blocking");
}

#[test]
fn those_who_listen_in_the_same_codec_are_sent_one_encode() {
    let mut scene = Scene::new("");
    scene.join_plainly("room-1", &speeches()[0]);
    let dial = |caller: &mut Caller| caller.dial("room-1", OPUS).unwrap_or_else(|answer| panic!("{answer}"));
    let mut caller = Caller::new(scene.server.sip);
    let listeners: Vec<Call> = (0..3).map(|_| dial(&mut caller)).collect();
    std::thread::sleep(SETTLING);
    listeners.iter().for_each(forget);
    let heard: Vec<Vec<Vec<u8>>> = std::thread::scope(|scope| {
        let ears: Vec<_> = listeners.iter().map(|call| scope.spawn(|| payloads(call))).collect();
        ears.into_iter().map(|ear| ear.join().expect("a listener")).collect()
    });
    // Each begins to listen a packet sooner or later than the others.
    for other in &heard[1..] {
        let shared = heard[0].iter().filter(|payload| other.contains(payload)).count();
        assert!(shared >= 40, "{shared} of {} payloads are the same\n{}", heard[0].len(), scene.server.log());
    }
}
