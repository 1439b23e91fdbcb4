//! Redundancy (RFC 2198): taken wherever it is offered, offered where it is wished for.

use super::*;
use crate::sdp::CodecOrder;

fn with(offers_redundancy: bool) -> Negotiation {
    Negotiation::new(7, LocalMedia { offers_redundancy, ..server_media() })
}

const LINES: [&str; 3] = ["m=", "a=rtpmap", "a=fmtp"];

/// The last word of a summary: what is sent and received as redundancy.
fn redundancy(agreed: &Agreed) -> String {
    summary(agreed).split_once(" red ").map_or(String::new(), |(_, red)| red.to_owned())
}

#[test]
fn what_is_offered_is_answered_with_its_numbers_at_its_place() {
    let table = [
        (
            "0 121 101\na=rtpmap:121 red/8000\na=fmtp:121 0/0\na=rtpmap:101 telephone-event/8000",
            "0 121 101 | a=rtpmap:0 PCMU/8000 | a=rtpmap:121 red/8000 | a=fmtp:121 0/0 | \
             a=rtpmap:101 telephone-event/8000 | a=fmtp:101 0-15",
            "121>121<",
        ),
        // As a browser that is to send it; RFC 2198 §5 has the channels too.
        (
            "63 96\na=rtpmap:63 red/48000/2\na=fmtp:63 96/96\na=rtpmap:96 opus/48000/2",
            "63 96 | a=rtpmap:63 red/48000/2 | a=fmtp:63 96/96 | a=rtpmap:96 opus/48000/2 | \
             a=fmtp:96 minptime=10;useinbandfec=1",
            "63>63<",
        ),
        (
            "121 0 8\na=rtpmap:121 RED/8000/1\na=fmtp:121 8/0",
            "121 0 8 | a=rtpmap:121 red/8000 | a=fmtp:121 0/0 | a=rtpmap:0 PCMU/8000 | a=rtpmap:8 PCMA/8000",
            "121>121<",
        ),
        // What says nothing of its formats may carry all; what names others does not carry ours.
        (
            "0 121\na=rtpmap:121 red/8000",
            "0 121 | a=rtpmap:0 PCMU/8000 | a=rtpmap:121 red/8000 | a=fmtp:121 0/0",
            "121>121<",
        ),
        (
            "0 121\na=rtpmap:121 red/8000\na=fmtp:121 5/5",
            "0 121 | a=rtpmap:0 PCMU/8000 | a=rtpmap:121 red/8000 | a=fmtp:121 0/0",
            "none>121<",
        ),
        // Of a codec that is not spoken here, or of another clock, there is none.
        ("0 121\na=rtpmap:121 red/48000/2", "0 | a=rtpmap:0 PCMU/8000", ""),
        ("0 121\na=rtpmap:121 red/8000/2", "0 | a=rtpmap:0 PCMU/8000", ""),
        ("0 121\na=rtpmap:121 t140/1000", "0 | a=rtpmap:0 PCMU/8000", ""),
    ];
    for (offered, answered, agreed_as) in table {
        for offers_redundancy in [false, true] {
            let offer = phone(&format!("m=audio 4000 RTP/AVP {offered}"));
            let (answer, agreed) = with(offers_redundancy).answer(&offer).unwrap();
            assert_eq!(lines_of(&answer, &LINES), format!("m=audio 20000 RTP/AVP {answered}"));
            assert_eq!(redundancy(&agreed), agreed_as, "{offered}");
        }
    }
}

#[test]
fn it_stays_with_its_codec_where_our_order_counts() {
    let media = LocalMedia { prefer: CodecOrder::OurOrder, ..server_media() };
    let offer = phone(
        "m=audio 4000 RTP/AVP 121 0 63 96\na=rtpmap:121 red/8000\na=rtpmap:63 red/48000/2\n\
         a=rtpmap:96 opus/48000/2",
    );
    let (answer, agreed) = Negotiation::new(7, media).answer(&offer).unwrap();
    assert_eq!(lines_of(&answer, &["m="]), "m=audio 20000 RTP/AVP 63 96 121 0");
    assert_eq!(redundancy(&agreed), "63>63,121<");
}

#[test]
fn it_is_offered_where_that_is_wished_and_used_where_it_is_answered() {
    assert!(!lines_of(&with(false).offer(), &["a=rtpmap"]).contains("red/"));
    let mut ours = with(true);
    let offer = ours.offer();
    assert_eq!(lines_of(&offer, &["m="]), "m=audio 20000 RTP/AVP 111 0 8 97 122 121 96 13 105 110 101 98");
    let lines = lines_of(&offer, &LINES);
    for line in ["a=rtpmap:122 red/48000/2 | a=fmtp:122 111/111", "a=rtpmap:121 red/8000 | a=fmtp:121 0/0"] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
    let answer = phone("m=audio 4000 RTP/AVP 0 121\na=rtpmap:121 red/8000\na=fmtp:121 0/0");
    let agreed = ours.accept(&answer).unwrap();
    assert_eq!(redundancy(&agreed), "121>121<");
    ours.offer();
    let agreed = ours.accept(&phone("m=audio 4000 RTP/AVP 0")).unwrap();
    assert_eq!(redundancy(&agreed), "");
}
