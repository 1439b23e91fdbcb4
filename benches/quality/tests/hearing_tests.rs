//! The ideal ear.

use crate::hearing::*;
use antiphon::audio::Format;
use antiphon::rtp::{Header, SequenceNumber, Ssrc, Timestamp};

fn arrival(sequence: u16, frames: u32, payload_type: u8) -> Arrival {
    let header = Header {
        sequence: SequenceNumber(sequence),
        timestamp: Timestamp(frames.wrapping_mul(160).wrapping_sub(320)),
        ssrc: Ssrc(7),
        marker: false,
        payload_type,
    };
    let mut datagram = vec![sequence as u8; 172];
    header.write(&mut datagram);
    Arrival { at_seconds: f64::from(frames), datagram }
}

fn shape(pieces: &[Piece]) -> String {
    let sign = |piece: &Piece| match piece {
        Piece::Packet { payload, .. } => char::from(b'a' + payload[0] % 26),
        Piece::Lost => '-',
        Piece::Silence => '.',
    };
    pieces.iter().map(sign).collect()
}

#[test]
fn packets_are_heard_in_the_order_of_their_numbers_and_once() {
    let numbers = [(65534, 1), (65535, 2), (1, 4), (0, 3), (1, 4)];
    let arrivals: Vec<Arrival> = numbers.map(|(sequence, time)| arrival(sequence, time, 0)).into();
    let expected: String = [65534_u16, 65535, 0, 1].map(|n| char::from(b'a' + n as u8 % 26)).iter().collect();
    assert_eq!(shape(&in_order(&arrivals, 0, 160)), expected);
}

#[test]
fn what_is_lost_is_told_from_what_was_not_sent() {
    let arrivals = [arrival(0, 0, 0), arrival(3, 3, 0), arrival(4, 7, 0), arrival(5, 8, 13)];
    assert_eq!(shape(&in_order(&arrivals, 0, 160)), "a--d...e");
}

#[test]
fn a_lost_frame_is_repeated_until_it_has_faded_or_made_up_by_the_codec() {
    let payloads = encode(&Format::Pcmu, &[8000; 160 * 7]);
    let lost = [false, false, true, true, true, true, false];
    let level = |concealment| {
        let (samples, places) = decode(&Format::Pcmu, &with_losses(&payloads, &lost), concealment);
        assert_eq!((samples.len(), places.len()), (160 * 7, 3));
        assert_eq!(places[2], (160 * 6, 0.12));
        let frames: Vec<i32> = samples.chunks(160).map(|frame| i32::from(frame[80]) / 100).collect();
        frames
    };
    assert_eq!(level(Concealment::Repeat), [79, 79, 79, 52, 26, 0, 79]);
    assert!(level(Concealment::Codec)[2] > 50);
}
