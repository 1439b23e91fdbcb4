//! Redundant audio (RFC 2198) both ways, over a network that loses a fifth.

use crate::caller::Caller;
use crate::scene::Scene;
use crate::speech::speeches;
use crate::talk::{Law, Received, Talker};

/// Payload type of redundant audio in our offers.
pub const RED: u8 = 121;

/// What a caller makes of its µ-law: each packet has a copy of the one before it, and a fifth of them are lost, of two in
/// a row one at most.
pub struct Redundancy {
    before: Vec<u8>,
    lost_before: bool,
    random: u32,
    /// Packets of redundant audio that came, and those of their copies that were as the packet before.
    pub came: usize,
    pub right: usize,
}

impl Redundancy {
    pub fn new() -> Redundancy {
        Redundancy { before: Vec::new(), lost_before: false, random: 1, came: 0, right: 0 }
    }

    /// The payload that is sent for this one; `None` where the network loses it.
    pub fn carry(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let offset = payload.len() as u32; // a sample for each octet
        let header = 1 << 31 | offset << 10 | self.before.len() as u32;
        let packed = [&header.to_be_bytes()[..], &[0], &self.before, payload].concat();
        self.before = payload.to_vec();
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.lost_before = !self.lost_before && self.random >> 30 == 0;
        (!self.lost_before).then_some(packed)
    }

    /// What a packet would be without its copy.
    pub fn open(&mut self, packet: Received, before: Option<&Received>) -> Received {
        if packet.payload_type != RED {
            return packet;
        }
        let header = u32::from_be_bytes(packet.payload[..4].try_into().expect("four bytes"));
        let len = header as usize & 0x3ff;
        let (copy, primary) = packet.payload[5..].split_at(len);
        assert_eq!((header >> 24, header >> 10 & 0x3fff, packet.payload[4]), (0x80, 160, 0));
        self.came += 1;
        self.right += usize::from(before.is_some_and(|before| before.payload == copy));
        Received { payload_type: 0, payload: primary.to_vec(), ..packet }
    }
}

/// One talks with copies over a bad network, the other hears it without a gap; and the other way round. How many packets
/// with a copy came back in 6.5 s, and the last log line of the call with copies.
fn converse(settings: &str) -> (usize, String) {
    let mut scene = Scene::new(&format!("automatic-gain = false\n{settings}")); // levels are compared
    let plain = scene.join_plainly("room-red", &speeches()[0]);
    let mut caller = Caller::new(scene.server.sip);
    let red = format!("\r\na=rtpmap:{RED} red/8000\r\na=fmtp:{RED} 0/0\r\n");
    let formats = Law::Mu.formats(20).replacen(" 101\r\n", &format!(" {RED} 101{red}"), 1);
    let call = caller.dial("room-red", &formats).unwrap_or_else(|answer| panic!("{answer}"));
    assert!(call.answer.contains("RTP/AVP 0 121 101\r\n") && call.answer.contains(&red), "{}", call.answer);
    let talker = Talker::new(&call, Law::Mu, 20, &speeches()[1]).redundantly();
    let bad = scene.stage.enter(talker);
    scene.pause(2_000); // until the losses are known to be frequent
    let marks = [plain, bad].map(|who| scene.stage.mark(who));
    scene.pause(5_500);
    let heard = [plain, bad].map(|who| scene.stage.heard(who, marks[usize::from(who != plain)]));
    heard[1].unbroken(20).unwrap_or_else(|broken| panic!("{broken}\n{}", scene.server.log()));
    scene.must_hear(plain, &heard[0], &[bad]);
    scene.must_hear(bad, &heard[1], &[plain]);
    let (came, right) = scene.stage.with(bad, |talker| talker.redundancy());
    assert_eq!(came, right, "each copy is what came before");
    caller.hang_up(&call).unwrap_or_else(|answer| panic!("{answer}"));
    scene.server.must_log("ended: ");
    let log = scene.server.log();
    let line = log.lines().find(|line| line.contains("ended: ")).expect("it has ended");
    (came, line.to_owned())
}

/// The number behind a word of the line.
fn figure(line: &str, word: &str) -> usize {
    let rest = line.split(&format!("{word} ")).nth(1).unwrap_or_else(|| panic!("no {word}: {line}"));
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|text| text.parse().ok()).expect("a number")
}

#[test]
fn a_fifth_of_the_packets_may_be_lost_where_each_has_a_copy_of_the_one_before() {
    let (came, line) = converse("redundancy = 1");
    assert!(came > 300, "{came} packets with copies came");
    assert!(figure(&line, "recovered") > 50 && figure(&line, "malformed") == 0, "{line}");
    assert!(figure(&line, "lost") < 15 && figure(&line, "duplicate") == 0, "{line}");
}

#[test]
fn copies_that_come_are_used_where_none_are_sent() {
    let (came, line) = converse("");
    assert_eq!(came, 0);
    assert!(figure(&line, "recovered") > 50, "{line}");
}
