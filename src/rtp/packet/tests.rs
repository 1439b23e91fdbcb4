use ::rtp::packet::Packet as OraclePacket;
use webrtc_util::marshal::Marshal;

use super::*;
use crate::rtp::splitmix::SplitMix64;
use crate::rtp::testing::{fuzz, mutate};

const HEADER: Header = Header {
    sequence: SequenceNumber(0xFFFE),
    timestamp: Timestamp(0x0102_0304),
    ssrc: Ssrc(0xDEAD_BEEF),
    marker: true,
    payload_type: 101,
};

/// A packet of the given first octet, twelve header octets and what follows.
fn datagram(first: u8, rest: &[u8]) -> Vec<u8> {
    let mut out = vec![0; HEADER_LEN];
    HEADER.write(&mut out);
    out[0] = first;
    out.extend_from_slice(rest);
    out
}

#[test]
fn a_written_header_is_read_back_by_us_and_by_the_crate() {
    let mut out = [0xAA; 16];
    assert_eq!(HEADER.write(&mut out), HEADER_LEN);
    let packet = Packet::parse(&out).unwrap();
    assert_eq!((packet.header, packet.payload), (HEADER, &[0xAA; 4][..]));
    let oracle = OraclePacket::unmarshal(&mut &out[..]).unwrap();
    assert_eq!(oracle.header.sequence_number, 0xFFFE);
    assert_eq!(oracle.header.timestamp, 0x0102_0304);
    assert_eq!(oracle.header.ssrc, 0xDEAD_BEEF);
    assert!(oracle.header.marker);
    assert_eq!(oracle.header.payload_type, 101);
}

#[test]
fn written_extensions_are_read_back_by_us_and_by_the_crate() {
    let mut out = [0xAA; 64];
    let len = HEADER.write_with_extensions(&[(1, &[0x7F]), (14, &[1, 2, 3])], &mut out);
    assert_eq!(len, HEADER_LEN + 4 + 8);
    let packet = Packet::parse(&out[..len + 2]).unwrap();
    assert_eq!(packet.payload, [0xAA; 2]);
    let extension = packet.extension.unwrap();
    assert_eq!(extension.element(1), Some(&[0x7F][..]));
    assert_eq!(extension.element(14), Some(&[1, 2, 3][..]));
    assert_eq!(extension.element(2), None);
    let oracle = OraclePacket::unmarshal(&mut &out[..len + 2]).unwrap();
    assert_eq!(oracle.header.get_extension(14).as_deref(), Some(&[1, 2, 3][..]));
    assert_eq!(HEADER.write_with_extensions(&[], &mut out), HEADER_LEN);
}

#[test]
fn what_the_crate_writes_we_read() {
    let mut oracle = OraclePacket::default();
    oracle.header.version = 2;
    oracle.header.csrc = vec![7, 0x8000_0000];
    oracle.header.payload_type = 0;
    oracle.header.sequence_number = 9;
    oracle.header.set_extension(3, bytes::Bytes::from_static(&[5, 6])).unwrap();
    oracle.payload = bytes::Bytes::from_static(b"speech");
    let octets = oracle.marshal().unwrap();
    let packet = Packet::parse(&octets).unwrap();
    assert_eq!(packet.contributors().collect::<Vec<_>>(), [Ssrc(7), Ssrc(0x8000_0000)]);
    assert_eq!(packet.extension.unwrap().element(3), Some(&[5, 6][..]));
    assert_eq!(packet.payload, b"speech");
    assert_eq!(packet.header.sequence, SequenceNumber(9));
}

#[test]
fn malformed_packets_are_refused_by_kind() {
    let cases: &[(&str, Vec<u8>, PacketError)] = &[
        ("empty", vec![], PacketError::TooShort),
        ("11 octets", datagram(0x80, &[])[..11].to_vec(), PacketError::TooShort),
        ("version 1", datagram(0x40, &[1]), PacketError::Version),
        ("version 3", datagram(0xC0, &[1]), PacketError::Version),
        ("one CSRC, three octets", datagram(0x81, &[0; 3]), PacketError::Contributors),
        ("15 CSRCs, none there", datagram(0x8F, &[]), PacketError::Contributors),
        ("extension without its head", datagram(0x90, &[0xBE, 0xDE, 0]), PacketError::Extension),
        ("extension of one word, none there", datagram(0x90, &[0xBE, 0xDE, 0, 1]), PacketError::Extension),
        ("extension of 65,535 words", datagram(0x90, &[0, 0, 0xFF, 0xFF, 1]), PacketError::Extension),
        ("padding of nothing", datagram(0xA0, &[]), PacketError::Padding),
        ("padding of zero", datagram(0xA0, &[1, 2, 0]), PacketError::Padding),
        ("padding longer than the payload", datagram(0xA0, &[1, 2, 4]), PacketError::Padding),
    ];
    let mut counters = MalformedCounters::default();
    for (name, octets, error) in cases {
        assert_eq!(Packet::parse(octets), Err(*error), "{name}");
        counters.count(*error);
    }
    assert_eq!(counters.total(), cases.len() as u64);
    assert_eq!((counters.padding, counters.version, counters.extension), (3, 2, 3));
}

#[test]
fn padding_may_fill_the_whole_payload() {
    assert_eq!(Packet::parse(&datagram(0xA0, &[9, 2])).unwrap().payload, b"");
    assert_eq!(Packet::parse(&datagram(0xA0, &[9, 0, 2])).unwrap().payload, [9]);
}

#[test]
fn extension_elements_end_where_the_body_ends() {
    let elements = |profile: u16, body: &'static [u8]| {
        Extension { profile, body }.elements().map(|(id, value)| (id, value.to_vec())).collect::<Vec<_>>()
    };
    // Padding before, between and after; a value that passes the end; id 15 that stops.
    assert_eq!(elements(0xBEDE, &[0, 0x10, 7, 0, 0x21, 1, 2, 0]), [(1, vec![7]), (2, vec![1, 2])]);
    assert_eq!(elements(0xBEDE, &[0x10, 7, 0x2F, 1]), [(1, vec![7])]);
    assert_eq!(elements(0xBEDE, &[0xF0, 7, 0x10, 1]), []);
    assert_eq!(elements(0x1000, &[1, 0, 2, 1, 9, 0, 0, 3]), [(1, vec![]), (2, vec![9])]);
    assert_eq!(elements(0x100F, &[4, 200, 1, 1]), []);
    assert_eq!(elements(0x1234, &[0x10, 7, 0x10, 7]), []);
}

#[test]
fn mutated_packets_never_panic_and_agree_with_the_crate_where_both_read_them() {
    let mut seeds = vec![datagram(0x80, &[0x55; 160]), datagram(0xA2, &[0x03; 20]), datagram(0x80, &[])];
    let mut extended = vec![0; 64];
    HEADER.write_with_extensions(&[(2, &[1; 16]), (3, &[4])], &mut extended);
    seeds.push(extended);
    fuzz(150_000, |random: &mut SplitMix64| {
        let seed = &seeds[random.below(seeds.len() as u64) as usize];
        let octets = mutate(random, seed);
        let Ok(packet) = Packet::parse(&octets) else { return };
        assert!(packet.payload.len() + HEADER_LEN <= octets.len());
        assert!(packet.contributors().count() <= 15);
        let elements = packet.extension.map_or(0, |extension| extension.elements().count());
        if packet.extension.is_none() {
            let oracle = OraclePacket::unmarshal(&mut octets.as_slice()).unwrap();
            assert_eq!(oracle.payload, packet.payload);
            assert_eq!(oracle.header.timestamp, packet.header.timestamp.0);
        }
        assert!(elements <= octets.len());
    });
}
