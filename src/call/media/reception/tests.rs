use super::Reception;
use crate::audio::Format;
use crate::call::media::ReceiveFormat;
use crate::rtp::jitter_buffer::{Arrival, Inserted, JitterSettings};
use crate::rtp::{SequenceNumber, Ssrc, Timestamp};
use std::time::{Duration, Instant};

const NOISE_TYPE: u8 = 13;

/// What the receiver believes after packets of these numbers and payload types, one every 20 ms.
fn pauses_after(start: Instant, packets: &[(u16, u8, Inserted)]) -> bool {
    let settings = JitterSettings {
        min_ms: 0,
        max_ms: 200,
        frame_ms: 20,
        clock_rate: 8_000,
        packet_ms: 20,
        comfort_noise: Some(NOISE_TYPE),
    };
    let formats = vec![ReceiveFormat { payload_type: 0, format: Format::Pcmu }];
    let mut reception = Reception::new(formats, settings).unwrap();
    for (slot, &(number, payload_type, expected)) in packets.iter().enumerate() {
        let inserted = reception.insert(Arrival {
            at: start + Duration::from_millis(20 * slot as u64),
            ssrc: Ssrc(7),
            sequence: SequenceNumber(number),
            timestamp: Timestamp(u32::from(number) * 160),
            marker: false,
            payload_type,
            payload: if payload_type == NOISE_TYPE { &[70] } else { &[0x55; 160] },
        });
        assert_eq!(inserted, expected, "packet {number} of {packets:?}");
    }
    reception.peer_pauses()
}

#[test]
fn a_peer_pauses_by_the_newest_packet_whatever_comes_behind_it() {
    use Inserted::{Duplicate, Taken};
    let pauses = |packets: &[_]| pauses_after(Instant::now(), packets);
    assert!(!pauses(&[(10, 0, Taken)]));
    assert!(pauses(&[(10, 0, Taken), (11, NOISE_TYPE, Taken)]));
    assert!(!pauses(&[(10, 0, Taken), (11, NOISE_TYPE, Taken), (12, 0, Taken)]));
    assert!(pauses(&[(10, 0, Taken), (12, NOISE_TYPE, Taken), (11, 0, Taken)]), "speech was overtaken");
    assert!(!pauses(&[(10, 0, Taken), (12, 0, Taken), (11, NOISE_TYPE, Taken)]), "the description was");
    assert!(pauses(&[(10, 0, Taken), (11, NOISE_TYPE, Taken), (10, 0, Duplicate)]), "speech came again");
    assert!(!pauses(&[(10, 0, Taken), (11, NOISE_TYPE, Taken), (12, 0, Taken), (11, NOISE_TYPE, Duplicate)]));
    assert!(pauses(&[(u16::MAX, 0, Taken), (0, NOISE_TYPE, Taken)]), "numbers wrap");
}
