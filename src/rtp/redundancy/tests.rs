use super::*;
use crate::rtp::testing::{fuzz, mutate};

/// A copy's header, written out (RFC 2198 §3).
fn header(payload_type: u8, offset_units: u32, len: u32) -> [u8; 4] {
    let word = 1 << 31 | u32::from(payload_type) << 24 | offset_units << 10 | len;
    word.to_be_bytes()
}

fn payload(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn earlier(payload_type: u8, offset_units: u32, payload: &[u8]) -> Earlier<'_> {
    Earlier { payload_type, offset_units, payload }
}

/// Octets, and what is read of them: copies, and the primary's type and payload.
type Read<'a> = (Vec<u8>, Vec<Earlier<'a>>, u8, &'a [u8]);

#[test]
fn blocks_are_read_as_they_stand() {
    let long = [7; MAX_COPY_BYTES];
    let last = MAX_OFFSET_UNITS;
    let table: [Read<'_>; 6] = [
        (payload(&[&[0], b"now"]), vec![], 0, b"now"),
        (payload(&[&[111]]), vec![], 111, b""),
        (payload(&[&header(0, 160, 3), &[0], b"old", b"now"]), vec![earlier(0, 160, b"old")], 0, b"now"),
        (
            payload(&[&header(8, 320, 2), &header(0, 160, 3), &[0], b"ol", b"old", b"now"]),
            vec![earlier(8, 320, b"ol"), earlier(0, 160, b"old")],
            0,
            b"now",
        ),
        (payload(&[&header(127, last, 1023), &[1], &long]), vec![earlier(127, last, &long)], 1, b""),
        (payload(&[&header(5, 0, 0), &[5], b"x"]), vec![earlier(5, 0, b"")], 5, b"x"),
    ];
    for (octets, copies, payload_type, primary) in table {
        let read = Redundant::parse(&octets).unwrap();
        assert_eq!((read.payload_type, read.primary), (payload_type, primary));
        assert_eq!(read.copies().collect::<Vec<_>>(), copies);
    }
}

#[test]
fn what_ends_too_soon_or_never_is_malformed() {
    let many = header(0, 160, 0).repeat(MAX_BLOCKS);
    let most = header(0, 160, 0).repeat(MAX_BLOCKS - 1);
    let table: [(Vec<u8>, RedundancyError); 7] = [
        (vec![], RedundancyError::Headers),
        (vec![0x80], RedundancyError::Headers),
        (header(0, 160, 3)[..3].to_vec(), RedundancyError::Headers),
        (header(0, 160, 3).to_vec(), RedundancyError::Headers),
        (payload(&[&header(0, 160, 3), &[0], b"ol"]), RedundancyError::Copies),
        (payload(&[&header(0, 320, 3), &header(0, 160, 1), &[0], b"old"]), RedundancyError::Copies),
        (payload(&[&many, &[0], b"now"]), RedundancyError::TooMany),
    ];
    for (octets, error) in table {
        assert_eq!(Redundant::parse(&octets), Err(error), "{octets:?}");
    }
    assert!(Redundant::parse(&payload(&[&most, &[0], b"now"])).is_ok());
}

fn packer(copies: usize) -> Packer {
    Packer::new(Packing { payload_type: 121, copies })
}

/// What is packed, as primary and copies; `None`: sent as it is.
type Packed = Option<(Vec<u8>, Vec<(u32, Vec<u8>)>)>;

fn pack(packer: &mut Packer, timestamp: u32, payload: &[u8]) -> Packed {
    let mut out = [0xEE; MAX_PAYLOAD_BYTES];
    let len = packer.pack((Timestamp(timestamp), 160), 0, payload, &mut out)?;
    let read = Redundant::parse(&out[..len]).unwrap();
    assert_eq!(read.payload_type, 0);
    let copies = read.copies().map(|copy| (copy.offset_units, copy.payload.to_vec()));
    Some((read.primary.to_vec(), copies.collect()))
}

#[test]
fn each_packet_carries_the_payloads_before_it_oldest_first() {
    let start = u32::MAX - 159;
    let mut one = packer(1);
    assert_eq!(pack(&mut one, start, b"a"), None);
    assert_eq!(pack(&mut one, 0, b"bb"), Some((b"bb".to_vec(), vec![(160, b"a".to_vec())])));
    let mut two = packer(2);
    assert_eq!(pack(&mut two, start, b"a"), None);
    assert_eq!(pack(&mut two, 0, b"bb"), Some((b"bb".to_vec(), vec![(160, b"a".to_vec())])));
    let copies = vec![(320, b"a".to_vec()), (160, b"bb".to_vec())];
    assert_eq!(pack(&mut two, 160, b"ccc"), Some((b"ccc".to_vec(), copies)));
}

#[test]
fn what_was_sent_before_a_gap_is_not_copied_behind_it() {
    let mut packer = packer(2);
    pack(&mut packer, 0, b"a");
    assert_eq!(pack(&mut packer, 320, b"b"), None);
    assert_eq!(pack(&mut packer, 480, b"c"), Some((b"c".to_vec(), vec![(160, b"b".to_vec())])));
    assert_eq!(pack(&mut packer, 7, b"another timeline"), None);
}

#[test]
fn a_packet_passes_an_ethernet_and_a_copy_has_a_length_of_ten_bits() {
    let (half, most, more) = ([1; 690], [2; MAX_COPY_BYTES], [3; MAX_COPY_BYTES + 1]);
    let mut two = packer(2);
    pack(&mut two, 0, &half);
    assert_eq!(pack(&mut two, 160, &half).unwrap().1.len(), 1);
    assert_eq!(pack(&mut two, 320, &half).unwrap().1.len(), 1, "no room for two");
    assert_eq!(pack(&mut two, 480, &most), None);
    assert_eq!(pack(&mut two, 640, b"x").unwrap().1.len(), 1);
    assert_eq!(pack(&mut two, 800, &more).unwrap().1.len(), 1);
    assert_eq!(pack(&mut two, 960, b"x"), None, "too long to copy");
}

#[test]
fn whatever_is_packed_is_read_as_it_was() {
    fuzz(2_000, |random| {
        let mut packer = packer(1 + random.below(2) as usize);
        let (mut timestamp, mut sent) = (random.next() as u32, Vec::new());
        for _ in 0..20 {
            let payload: Vec<u8> = (0..random.below(500)).map(|_| random.next() as u8).collect();
            if let Some((primary, copies)) = pack(&mut packer, timestamp, &payload) {
                assert_eq!(primary, payload);
                assert!((1..=packer.packing.copies).contains(&copies.len()));
                for (offset_units, copy) in copies {
                    assert!(sent.contains(&(timestamp.wrapping_sub(offset_units), copy)));
                }
            }
            sent.push((timestamp, payload));
            timestamp = timestamp.wrapping_add(160 * (1 + random.below(12) as u32 / 10));
        }
    });
}

#[test]
fn mutated_payloads_never_panic_and_what_is_read_lies_within_them() {
    let seeds = [
        payload(&[&header(0, 160, 160), &[0], &[1; 320]]),
        payload(&[&header(111, 1920, 40), &header(111, 960, 60), &[111], &[2; 180]]),
        payload(&[&[0], &[3; 160]]),
    ];
    fuzz(200_000, |random| {
        let seed = &seeds[random.below(3) as usize];
        let octets = mutate(random, seed);
        let Ok(read) = Redundant::parse(&octets) else { return };
        let copies: Vec<_> = read.copies().collect();
        let len: usize = copies.iter().map(|copy| copy.payload.len()).sum();
        let headers_len = copies.len() * COPY_HEADER_LEN + PRIMARY_HEADER_LEN;
        assert_eq!(headers_len + len + read.primary.len(), octets.len());
        assert!(copies.len() < MAX_BLOCKS && read.payload_type < 128);
        assert!(copies.iter().all(|copy| copy.payload_type < 128 && copy.offset_units <= MAX_OFFSET_UNITS));
    });
}
