//! Sequences: re-offers from both sides, versions, refusals in between.

use super::*;
use crate::sdp::{Extension, Refusal};

const PLAIN: &str = "m=audio 4000 RTP/AVP 0\na=rtpmap:0 PCMU/8000";

#[test]
fn the_version_changes_only_with_the_content() {
    let mut server = server();
    let (first, agreed) = server.answer(&phone(PLAIN)).unwrap();
    let (again, _) = server.answer(&phone(PLAIN)).unwrap();
    assert_eq!((version_of(&first), &again), (1, &first));
    // The peer moved: our side says the same as before.
    let (moved, moved_agreed) = server.answer(&phone("m=audio 4100 RTP/AVP 0")).unwrap();
    assert_eq!(moved, first);
    assert_ne!(moved_agreed, agreed);
    let (held, _) = server.answer(&phone("m=audio 4100 RTP/AVP 0\na=sendonly")).unwrap();
    assert_eq!(version_of(&held), 2);
    let (resumed, _) = server.answer(&phone("m=audio 4100 RTP/AVP 0")).unwrap();
    assert_eq!(version_of(&resumed), 3);
    assert_eq!(lines_of(&held, &["o="]).replace(" 2 IN", " 1 IN"), lines_of(&first, &["o="]));
}

#[test]
fn an_offer_names_all_we_speak() {
    let mut server = server();
    let offer = server.offer();
    let expected = "m=audio 20000 RTP/AVP 111 0 8 97 13 105 110 101 96 | a=rtpmap:111 opus/48000/2 | \
        a=rtpmap:0 PCMU/8000 | a=rtpmap:8 PCMA/8000 | a=rtpmap:97 L16/16000 | a=rtpmap:13 CN/8000 | \
        a=rtpmap:105 CN/16000 | a=rtpmap:110 telephone-event/48000 | a=rtpmap:101 telephone-event/8000 | \
        a=rtpmap:96 telephone-event/16000 | a=ptime:20 | a=maxptime:60 | a=sendrecv | a=rtcp-mux";
    let shown = ["m=", "a=rtpmap", "a=ptime", "a=maxptime", "a=sendrecv", "a=rtcp-mux"];
    assert_eq!(lines_of(&offer, &shown), expected);
    assert!(server.offer_outstanding() && server.agreed().is_none());
    let text = std::str::from_utf8(&offer).unwrap();
    assert_eq!(sipx_sdp::parse::parse(text).unwrap().media[0].formats.len(), 9);
}

/// What the peer answers to our first offer, and what comes of it.
#[test]
fn answers_to_our_offer_are_read_as_the_table_says() {
    let table = [
        (
            "m=audio 4000 RTP/AVP 111 101\na=rtpmap:111 opus/48000/2\na=rtpmap:101 telephone-event/8000\na=rtcp-mux",
            Ok("opus/48000=111 sendrecv 192.0.2.20:4000 mux 20ms dtmf 101@8000"),
        ),
        // Asymmetric payload types (RFC 3264 §6.1): we send with the peer's, receive with ours.
        (
            "m=audio 4000 RTP/AVP 98 99\na=rtpmap:98 opus/48000/2\na=rtpmap:99 telephone-event/48000",
            Ok("opus/48000=98>111< sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4001 20ms dtmf 99>110<@48000"),
        ),
        (
            "m=audio 4000 RTP/AVP 8 0\na=ptime:40\na=rtcp:4009",
            Ok("PCMA/8000=8,PCMU/8000=0 sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4009 40ms"),
        ),
        // No rtpmap: the number means what it meant in the offer.
        ("m=audio 4000 RTP/AVP 111", Ok("opus/48000=111 sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4001 20ms")),
        (
            "m=audio 4000 RTP/AVP 0\na=sendonly",
            Ok("PCMU/8000=0 recvonly 192.0.2.20:4000 rtcp 192.0.2.20:4001 20ms held"),
        ),
        (
            "m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 31",
            Ok("PCMU/8000=0 sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4001 20ms"),
        ),
        ("m=audio 4000 RTP/AVP 18", Err(Refusal::NoCommonCodec)),
        ("m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000", Err(Refusal::NoCommonCodec)),
        ("m=audio 0 RTP/AVP 0", Err(Refusal::NoAudio)),
        ("", Err(Refusal::NoAudio)),
        ("m=audio 4000 RTP/SAVP 0", Err(Refusal::TransportProtocol)),
        ("m=audio 4000 RTP/AVP 0\nc=IN IP6 ::1", Err(Refusal::AddressFamily)),
    ];
    for (answer, expected) in table {
        let mut server = server();
        server.offer();
        let outcome = server.accept(&phone(answer)).map(|agreed| summary(&agreed));
        assert_eq!(outcome, expected.map(str::to_owned), "{answer}");
        assert!(!server.offer_outstanding());
    }
}

#[test]
fn turns_are_kept() {
    let mut server = server();
    assert_eq!(server.accept(&phone(PLAIN)), Err(Refusal::NoOfferOutstanding));
    server.offer();
    assert_eq!(server.answer(&phone(PLAIN)), Err(Refusal::OfferOutstanding));
    assert!(server.offer_outstanding(), "the peer's offer in the wrong moment changes nothing");
    server.accept(&phone(PLAIN)).unwrap();
    assert_eq!(server.accept(&phone(PLAIN)), Err(Refusal::NoOfferOutstanding));
}

#[test]
fn an_offer_we_refuse_leaves_everything_as_it_was() {
    let mut server = server();
    let (answer, agreed) = server.answer(&phone(PLAIN)).unwrap();
    for refused in ["m=audio 0 RTP/AVP 0\nm=image 4002 udptl t38", "m=audio 4000 RTP/AVP 18", "m=audio"] {
        assert!(server.answer(&phone(refused)).is_err());
        assert_eq!(server.agreed(), Some(&agreed));
    }
    assert_eq!(server.answer(&phone(PLAIN)).unwrap(), (answer, agreed));
}

#[test]
fn an_offer_of_ours_that_is_refused_is_rolled_back() {
    let mut server = server();
    let (answer, agreed) = server.answer(&phone(PLAIN)).unwrap();
    server.set_direction(Direction::SendOnly);
    let offer = server.offer();
    assert_eq!(version_of(&offer), 2);
    server.rollback();
    assert_eq!(server.agreed(), Some(&agreed));
    server.set_direction(Direction::SendRecv);
    assert_eq!(server.answer(&phone(PLAIN)).unwrap().0, answer, "version 1 again: the peer knows no other");
    server.set_direction(Direction::Inactive);
    assert_eq!(version_of(&server.offer()), 3, "another content never has the number of a refused one");
}

#[test]
fn an_answer_we_cannot_use_leaves_the_agreement_but_uses_up_the_version() {
    let mut server = server();
    let (_, agreed) = server.answer(&phone(PLAIN)).unwrap();
    let offer = server.offer();
    assert_eq!(server.accept(&phone("m=audio 4000 RTP/AVP 18")), Err(Refusal::NoCommonCodec));
    assert_eq!(server.agreed(), Some(&agreed));
    assert_eq!(version_of(&offer), 2);
    let (answer, _) = server.answer(&phone(PLAIN)).unwrap();
    assert_eq!(version_of(&answer), 3, "the peer has seen 2: 1 would be a step back");
}

#[test]
fn a_refresh_repeats_what_is_in_force() {
    let mut server = server();
    let (answer, agreed) = server.answer(&phone("m=audio 4000 RTP/AVP 0 8")).unwrap();
    assert_eq!(server.refresh_offer(), answer);
    assert_eq!(server.accept(&phone("m=audio 4000 RTP/AVP 0 8")).unwrap(), agreed);
    let offer = server.offer();
    server.accept(&phone("m=audio 4000 RTP/AVP 0 8")).unwrap();
    assert_eq!(server.offer(), offer, "an offer that says the same has the same version");
    assert_eq!(version_of(&offer), 2);
}

#[test]
fn our_hold_and_resume_are_offers_with_new_versions() {
    let mut server = server();
    server.answer(&phone(PLAIN)).unwrap();
    let steps = [
        (Direction::SendOnly, "a=recvonly", Direction::SendOnly),
        (Direction::Inactive, "a=inactive", Direction::Inactive),
        (Direction::SendRecv, "a=sendrecv", Direction::SendRecv),
        // The peer holds too: what it does not want, we do not do.
        (Direction::SendOnly, "a=inactive", Direction::Inactive),
        // A peer that answers more than was offered gets no more than was offered.
        (Direction::RecvOnly, "a=sendrecv", Direction::RecvOnly),
    ];
    for (step, (ours, answered, agreed)) in steps.into_iter().enumerate() {
        server.set_direction(ours);
        let offer = server.offer();
        assert_eq!(version_of(&offer), step as u64 + 2);
        assert!(!lines_of(&offer, &[&format!("a={ours}")]).is_empty());
        let direction = server.accept(&phone(&format!("{PLAIN}\n{answered}"))).unwrap().direction;
        assert_eq!(direction, agreed, "{ours} {answered}");
    }
}

#[test]
fn our_offers_keep_the_lines_and_the_numbers_of_the_session() {
    let mut server = server();
    let offer = "m=video 4002 RTP/AVP 31\na=mid:v\nm=audio 4000 RTP/AVPF 0 96 100\na=mid:a\n\
        a=rtpmap:96 opus/48000/2\na=rtpmap:100 telephone-event/8000\nm=image 4004 udptl t38";
    server.answer(&phone(offer)).unwrap();
    let offer = server.offer();
    // 111 for Opus is not taken: 96 means Opus in this session.
    let expected = "m=video 0 RTP/AVP 31 | a=mid:v | \
        m=audio 20000 RTP/AVPF 0 96 8 97 100 13 105 110 98 | a=mid:a | m=image 0 udptl t38";
    assert_eq!(lines_of(&offer, &["m=", "a=mid"]), expected);
    let answer = "m=video 0 RTP/AVP 31\nm=audio 4000 RTP/AVPF 0\nm=image 0 udptl t38";
    assert_eq!(server.accept(&phone(answer)).unwrap().codec.send_payload_type, 0);
}

#[test]
fn a_number_never_changes_its_meaning_in_our_offers() {
    let mut server = server();
    server.offer();
    server.accept(&phone("m=audio 4000 RTP/AVP 98\na=rtpmap:98 opus/48000/2")).unwrap();
    // The peer's next offer uses the number of our telephone-event for L16.
    let offer = "m=audio 4000 RTP/AVP 101 111\na=rtpmap:101 L16/16000\na=rtpmap:111 opus/48000/2";
    let (answer, agreed) = server.answer(&phone(offer)).unwrap();
    assert_eq!(lines_of(&answer, &["m="]), "m=audio 20000 RTP/AVP 101 111");
    assert_eq!(agreed.codec.receive_payload_type, 101);
    let offer = server.offer();
    let formats = lines_of(&offer, &["m=", "a=rtpmap:101", "a=rtpmap:98"]);
    assert_eq!(
        formats,
        "m=audio 20000 RTP/AVP 101 111 0 8 13 105 110 98 96 | a=rtpmap:101 L16/16000 | a=rtpmap:98 telephone-event/8000"
    );
}

#[test]
fn the_line_in_use_stays_in_use() {
    let mut server = server();
    let lines =
        |first: u16, second: u16| phone(&format!("m=audio {first} RTP/AVP 0\nm=audio {second} RTP/AVP 8"));
    let (answer, _) = server.answer(&lines(0, 4002)).unwrap();
    assert_eq!(lines_of(&answer, &["m="]), "m=audio 0 RTP/AVP 0 | m=audio 20000 RTP/AVP 8");
    let (answer, _) = server.answer(&lines(4000, 4002)).unwrap();
    assert_eq!(lines_of(&answer, &["m="]), "m=audio 0 RTP/AVP 0 | m=audio 20000 RTP/AVP 8");
    let (answer, agreed) = server.answer(&lines(4000, 0)).unwrap();
    assert_eq!(lines_of(&answer, &["m="]), "m=audio 20000 RTP/AVP 0 | m=audio 0 RTP/AVP 8");
    assert_eq!(agreed.codec.send_payload_type, 0);
}

#[test]
fn a_refused_slot_may_be_used_for_something_else_later() {
    let mut server = server();
    server.answer(&phone("m=video 4002 RTP/AVP 31\nm=audio 4000 RTP/AVP 0")).unwrap();
    let (answer, _) = server.answer(&phone("m=audio 4004 RTP/AVP 8\nm=audio 0 RTP/AVP 0")).unwrap();
    assert_eq!(lines_of(&answer, &["m="]), "m=audio 20000 RTP/AVP 8 | m=audio 0 RTP/AVP 0");
}

#[test]
fn header_extensions_keep_their_identifiers_in_our_offers() {
    let level = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    let extension =
        |id: u8, uri: &str| Extension { id, uri: uri.to_owned(), direction: Direction::SendRecv, vad: None };
    let media =
        LocalMedia { extmap: vec![extension(1, level), extension(5, "urn:example:b")], ..server_media() };
    let mut server = Negotiation::new(7, media);
    server.answer(&phone(&format!("{PLAIN}\na=extmap:5 {level}"))).unwrap();
    let offer = server.offer();
    assert_eq!(lines_of(&offer, &["a=extmap"]), format!("a=extmap:5 {level} | a=extmap:1 urn:example:b"));
    let answer = format!("{PLAIN}\na=extmap:5/sendonly {level}\na=extmap:2 urn:example:b");
    let agreed = server.accept(&phone(&answer)).unwrap();
    let expected = Extension { direction: Direction::RecvOnly, ..extension(5, level) };
    assert_eq!(agreed.extensions, [expected]);
}

#[test]
fn a_leg_sees_what_changed() {
    let mut server = server();
    let (_, before) = server.answer(&phone(PLAIN)).unwrap();
    let (_, same) = server.answer(&phone(PLAIN)).unwrap();
    assert_eq!(before, same);
    let (_, moved) = server.answer(&phone("m=audio 4000 RTP/AVP 0\na=ptime:30")).unwrap();
    assert_eq!(moved, Agreed { send_ptime_ms: 30, ..before });
}

#[test]
fn session_ids_fit_signed_integers() {
    let mut server = Negotiation::new(u64::MAX, server_media());
    let (answer, _) = server.answer(&phone(PLAIN)).unwrap();
    assert_eq!(lines_of(&answer, &["o="]), format!("o=- {} 1 IN IP4 192.0.2.10", i64::MAX));
}
