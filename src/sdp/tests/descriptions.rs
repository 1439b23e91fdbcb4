//! Parsing and printing.

use super::samples::SAMPLES;
use crate::sdp::{
    Description, Direction, MAX_FORMATS, MAX_LINES, MAX_MEDIA, MAX_SIZE, ParseErrorKind, Rtcp, Rtpmap, parse,
};

const FULL: &str = "v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call to John Smith\r\n\
    i=SDP Offer #1\r\nu=http://www.jdoe.example.com/home.html\r\ne=Jane Doe <jane@jdoe.example.com>\r\n\
    p=+1 617 555-6011\r\nc=IN IP4 198.51.100.1\r\nb=CT:128\r\nt=0 0\r\nr=7d 1h 0 25h\r\nt=9 10\r\n\
    z=2882844526 -1h\r\nk=clear:x\r\na=recvonly\r\na=X-odd\r\nm=audio 49170/2 RTP/AVP 0\r\ni=Voice\r\n\
    c=IN IP4 224.2.1.1/127/3\r\nb=AS:64\r\nb=TIAS:64000\r\nk=prompt\r\na=rtpmap:0 PCMU/8000\r\na=:\r\n\
    m=audio 49180 RTP/AVP 0\r\nm=video 51372 RTP/AVP 99\r\nc=IN IP6 2001:db8::2\r\nc=IN IP6 2001:db8::3\r\n\
    a=rtpmap:99 h263-1998/90000\r\n";

#[test]
fn every_line_is_kept_and_printed_again() {
    assert_eq!(parse(FULL.as_bytes()).unwrap().to_string(), FULL);
    let with_line_feeds = FULL.replace("\r\n", "\n");
    assert_eq!(parse(with_line_feeds.as_bytes()).unwrap().to_string(), FULL);
}

#[test]
fn lines_out_of_order_are_printed_in_order() {
    let shuffled = "\n\nv=0\nt=0 0\ns=x\na=tool:y\no=- 1 2 IN IP4 h\nm=audio 1 RTP/AVP 0\na=b\nc=IN IP4 g\n\
        e=z\nx=1\nc=IN IP4 f\n";
    let printed = parse(shuffled.as_bytes()).unwrap().to_string();
    let expected =
        "v=0|o=- 1 2 IN IP4 h|s=x|e=z|t=0 0|a=tool:y|m=audio 1 RTP/AVP 0|c=IN IP4 g|c=IN IP4 f|x=1|a=b|";
    assert_eq!(printed.replace("\r\n", "|"), expected);
}

#[test]
fn missing_lines_and_odd_ids_are_tolerated() {
    let description = parse(b"v=0\nm=audio 4000 RTP/AVP").unwrap();
    assert_eq!((description.origin, description.session_name), (None, None));
    assert!(description.media[0].formats.is_empty());
    let description = parse(b"v=0\r\no=Dr. No  a-b 999999999999999999999999999 IN IP4 h\r\n").unwrap();
    let origin = description.origin.unwrap();
    assert_eq!((origin.username.as_str(), origin.session_id.as_str()), ("Dr. No", "a-b"));
    assert_eq!(parse(b"v=0\ns=caf\xe9\n").unwrap().session_name.as_deref(), Some("caf\u{fffd}"));
}

#[test]
fn each_malformed_line_is_refused_with_its_number() {
    use ParseErrorKind::*;
    let table: &[(&str, usize, ParseErrorKind)] = &[
        ("", 0, NotSdp),
        ("\r\n\r\n", 0, NotSdp),
        ("o=- 1 1 IN IP4 h", 1, NotSdp),
        ("v=1", 1, UnsupportedVersion),
        ("v=0\r\nv=0", 2, NotALine),
        ("v=0\r\nhello", 2, NotALine),
        ("v=0\r\n=x", 2, NotALine),
        ("v=0\r\n9=x", 2, NotALine),
        ("v=0\r\n s=x", 2, NotALine),
        ("v=0\r\ns=a\0b", 2, ControlCharacter),
        ("v=0\r\ns=a\rb=c\r\n", 2, ControlCharacter),
        ("v=0\no=1 1 IN h", 2, BadOrigin),
        ("v=0\ns=-\nc=IN IP4", 3, BadConnection),
        ("v=0\nm=audio 4000", 2, BadMedia),
        ("v=0\nm=audio x RTP/AVP 0", 2, BadMedia),
        ("v=0\nm=audio 65536 RTP/AVP 0", 2, BadMedia),
        ("v=0\nm=audio -1 RTP/AVP 0", 2, BadMedia),
        ("v=0\nm=audio 1/x RTP/AVP 0", 2, BadMedia),
    ];
    for (text, line, kind) in table {
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.kind), (*line, *kind), "{text:?}");
    }
}

#[test]
fn size_lines_media_and_formats_are_bounded() {
    let kind = |text: String| parse(text.as_bytes()).map_err(|error| error.kind).map(|_| ());
    let long = |size: usize| format!("v=0\n{:x<1$}", "s=", size - 4);
    assert_eq!(kind(long(MAX_SIZE)), Ok(()));
    assert_eq!(kind(long(MAX_SIZE + 1)), Err(ParseErrorKind::TooLong));
    let lines = |count: usize| format!("v=0{}", "\na=b".repeat(count - 1));
    assert_eq!(kind(lines(MAX_LINES)), Ok(()));
    assert_eq!(kind(lines(MAX_LINES + 1)), Err(ParseErrorKind::TooManyLines));
    let media = |count: usize| format!("v=0{}", "\nm=audio 1 RTP/AVP 0".repeat(count));
    assert_eq!(kind(media(MAX_MEDIA)), Ok(()));
    assert_eq!(kind(media(MAX_MEDIA + 1)), Err(ParseErrorKind::TooManyMedia));
    let formats = |count: usize| format!("v=0\nm=audio 1 RTP/AVP{}", " 0".repeat(count));
    assert_eq!(kind(formats(MAX_FORMATS)), Ok(()));
    assert_eq!(kind(formats(MAX_FORMATS + 1)), Err(ParseErrorKind::TooManyFormats));
}

fn with_attributes(attributes: &str) -> Description {
    parse(format!("v=0\nc=IN IP4 h\na=sendonly\nm=audio 4000 RTP/AVP 0\n{attributes}").as_bytes()).unwrap()
}

#[test]
fn rtpmap_is_read_else_the_static_type_holds() {
    let table = [
        ("a=rtpmap:96 L16/44100/2", 96, Some(("L16", 44100, 2))),
        ("a=rtpmap:96  opus/48000/2 ", 96, Some(("opus", 48000, 2))),
        ("a=rtpmap:96 L16/44100/", 96, Some(("L16", 44100, 1))),
        ("a=rtpmap:0 PCMU/16000", 0, Some(("PCMU", 16000, 1))),
        ("a=rtpmap:0 PCMU", 0, Some(("PCMU", 8000, 1))),
        ("a=rtpmap:96 opus/0", 96, None),
        ("a=rtpmap:96 opus/48000/0", 96, None),
        ("a=rtpmap:96 opus/48000/999", 96, None),
        ("a=rtpmap:96 /8000", 96, None),
        ("a=rtpmap:96", 96, None),
        ("a=rtpmap", 96, None),
        ("", 8, Some(("PCMA", 8000, 1))),
        ("", 10, Some(("L16", 44100, 2))),
        ("", 11, Some(("L16", 44100, 1))),
        ("", 13, Some(("CN", 8000, 1))),
        ("", 18, None),
    ];
    for (attributes, number, expected) in table {
        let description = with_attributes(attributes);
        let expected = expected.map(|(encoding_name, clock_rate, channels)| Rtpmap {
            encoding_name,
            clock_rate,
            channels,
        });
        assert_eq!(description.media[0].rtpmap(number), expected, "{attributes} {number}");
    }
}

#[test]
fn rtcp_is_read_with_and_without_address() {
    let rtcp = |attributes| with_attributes(attributes).media[0].rtcp();
    assert_eq!(rtcp("a=rtcp:5"), Some(Rtcp { port: 5, address: None }));
    let address = Some("192.0.2.1".parse().unwrap());
    assert_eq!(rtcp("a=rtcp:5 IN IP4 192.0.2.1"), Some(Rtcp { port: 5, address }));
    assert_eq!(rtcp("a=rtcp:5 IN IP4 host"), Some(Rtcp { port: 5, address: None }));
    for broken in ["a=rtcp:0", "a=rtcp:", "a=rtcp", "a=rtcp:x", "a=rtcp:65536"] {
        assert_eq!(rtcp(broken), None);
    }
}

#[test]
fn the_last_direction_of_the_media_counts_else_the_sessions() {
    let direction = |attributes| {
        let description = with_attributes(attributes);
        description.direction_of(&description.media[0])
    };
    assert_eq!(direction(""), Direction::SendOnly);
    assert_eq!(direction("a=inactive\na=recvonly "), Direction::RecvOnly);
    assert_eq!(direction("a=inactive:x"), Direction::SendOnly);
}

#[test]
fn extmaps_of_the_session_hold_for_each_media() {
    let description = parse(b"v=0\na=extmap:1 u:a\nm=audio 1 RTP/AVP 0\na=extmap:2/sendonly u:b x y\na=extmap:3\na=extmap:4/odd u:c\n").unwrap();
    let extmaps: Vec<_> = description.extmaps_of(&description.media[0]).collect();
    let expected = [(2, Direction::SendOnly, "u:b"), (1, Direction::SendRecv, "u:a")];
    assert_eq!(extmaps.iter().map(|map| (map.id, map.direction, map.uri)).collect::<Vec<_>>(), expected);
}

#[test]
fn an_independent_parser_agrees_on_the_samples() {
    for sample in SAMPLES {
        let (Ok(ours), Ok(oracle)) = (parse(sample.offer.as_bytes()), sipx_sdp::parse::parse(sample.offer))
        else {
            continue;
        };
        let again = sipx_sdp::parse::parse(&ours.to_string()).unwrap();
        assert_eq!(again.to_string_sdp(), oracle.to_string_sdp(), "{}", sample.name);
    }
}
