//! Our offerer against our answerer, seeded: both sides always agree.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::*;
use crate::sdp::{AgreedCodec, CodecOrder, Extension, Refusal};

const DIRECTIONS: [Direction; 4] =
    [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

fn party(random: &mut StdRng, last_byte: u8) -> LocalMedia {
    let mut codecs = vec![
        LocalCodec::opus(
            random.random_range(96..=127),
            Fmtp::new(format!("minptime=10;usedtx={}", last_byte % 2)),
        ),
        LocalCodec::pcmu(),
        LocalCodec::pcma(),
        LocalCodec::l16(16000, random.random_range(96..=127)),
        LocalCodec::l16(8000, random.random_range(96..=127)),
    ];
    codecs.shuffle(random);
    codecs.truncate(random.random_range(1..=5));
    let extensions = ["urn:a", "urn:b", "urn:c"].into_iter().filter(|_| random.random());
    let mut extmap: Vec<_> = extensions.map(|uri| (uri.to_owned(), 1)).collect();
    extmap.iter_mut().for_each(|(_, id)| *id = random.random_range(1..=14));
    let extmap = extmap
        .into_iter()
        .map(|(uri, id)| Extension { id, uri, direction: DIRECTIONS[random.random_range(0..3)], vad: None })
        .collect();
    let port = 2 * random.random_range(5000..30000);
    LocalMedia {
        prefer: if random.random() { CodecOrder::OurOrder } else { CodecOrder::OfferOrder },
        telephone_event: random.random_bool(0.8),
        comfort_noise: random.random(),
        offers_redundancy: random.random(),
        ptime_ms: [10, 20, 30, 40, 60][random.random_range(0..5)],
        frame_ms: [10, 20][random.random_range(0..2)],
        rtcp_mux: random.random(),
        direction: DIRECTIONS[random.random_range(0..4)],
        extmap,
        ..LocalMedia::new([192, 0, 2, last_byte].into(), port, codecs)
    }
}

fn mirrored(codec: &AgreedCodec) -> AgreedCodec {
    AgreedCodec {
        send_payload_type: codec.receive_payload_type,
        receive_payload_type: codec.send_payload_type,
        send_fmtp: codec.receive_fmtp.clone(),
        receive_fmtp: codec.send_fmtp.clone(),
        ..codec.clone()
    }
}

fn mirrored_format(format: &AgreedFormat) -> AgreedFormat {
    AgreedFormat {
        send_payload_type: format.receive_payload_type,
        receive_payload_type: format.send_payload_type,
        ..*format
    }
}

/// What one side agreed to is what the other did, seen in a mirror.
fn assert_agree(one: &Negotiation, other: &Negotiation) {
    let (Some(ours), Some(theirs)) = (one.agreed(), other.agreed()) else {
        panic!("both have agreed");
    };
    assert_eq!(ours.direction, theirs.direction.reversed());
    assert_eq!(ours.receive, theirs.receive.iter().map(mirrored).collect::<Vec<_>>());
    let events: Vec<_> = theirs.receive_telephone_events.iter().map(mirrored_format).collect();
    assert_eq!(ours.receive_telephone_events, events);
    assert_eq!(ours.telephone_event, theirs.telephone_event.as_ref().map(mirrored_format));
    assert_eq!(ours.comfort_noise, theirs.comfort_noise.as_ref().map(mirrored_format));
    let (sent, taken) = (&ours.redundancy, &theirs.redundancy);
    assert!(sent.send_payload_type.is_none_or(|sent| taken.receive_payload_types.contains(&sent)));
    assert_eq!(sent.receive_payload_types.len(), taken.receive_payload_types.len());
    assert_eq!(ours.rtcp_mux, theirs.rtcp_mux);
    assert_eq!(ours.remote_rtp, Some((other.local().address, other.local().rtp_port).into()));
    assert_eq!(theirs.remote_rtp, Some((one.local().address, one.local().rtp_port).into()));
    let ids = |agreed: &Agreed| {
        let reversed = |direction: Direction, ours: bool| if ours { direction } else { direction.reversed() };
        let is_ours = std::ptr::eq(agreed, ours);
        let mut ids: Vec<_> = agreed
            .extensions
            .iter()
            .map(|extension| (extension.id, extension.uri.clone(), reversed(extension.direction, is_ours)))
            .collect();
        ids.sort_by_key(|(id, ..)| *id);
        ids
    };
    assert_eq!(ids(ours), ids(theirs));
    for agreed in [ours, theirs] {
        let longest = agreed.max_ptime_ms.unwrap_or(u8::MAX);
        assert!(agreed.send_ptime_ms <= longest, "{} of {longest} ms", agreed.send_ptime_ms);
    }
}

fn exchange(offerer: &mut Negotiation, answerer: &mut Negotiation) -> Result<(), Refusal> {
    let offer = offerer.offer();
    match answerer.answer(&offer) {
        Ok((answer, _)) => {
            offerer.accept(&answer).expect("our answer suits our offer");
            Ok(())
        }
        Err(refusal) => {
            offerer.rollback();
            Err(refusal)
        }
    }
}

#[test]
fn our_offers_answered_by_us_always_agree() {
    let mut agreements = 0;
    super::fuzz::for_each_seed(|seed, random| {
        if seed % 20 != 0 {
            return;
        }
        let mut parties = [(1, 10), (2, 20)].map(|(id, byte)| Negotiation::new(id, party(random, byte)));
        for _ in 0..6 {
            let [one, other] = &mut parties;
            match exchange(one, other) {
                Ok(()) => {
                    assert_agree(one, other);
                    agreements += 1;
                }
                Err(refusal) => assert_eq!(refusal, Refusal::NoCommonCodec),
            }
            parties[random.random_range(0..2)].set_direction(DIRECTIONS[random.random_range(0..4)]);
            if random.random() {
                parties.reverse();
            }
        }
    });
    assert!(agreements > 100, "{agreements} agreements only");
}
