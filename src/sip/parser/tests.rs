use super::*;

const BYE: &str = "BYE sip:a@b SIP/2.0\r\n\
    Via: SIP/2.0/UDP c;branch=z9hG4bK1\r\n\
    From: <sip:c@d>;tag=1\r\n\
    To: <sip:a@b>;tag=2\r\n\
    Call-ID: x\r\n\
    CSeq: 2 BYE\r\n";

fn parse(text: &str) -> Result<Message, ParseError> {
    parse_datagram(&Bytes::copy_from_slice(text.as_bytes()))
}

fn kind(text: &str) -> ParseErrorKind {
    parse(text).expect_err(text).kind
}

#[test]
fn line_ends_may_lack_their_cr_and_come_before_the_message() {
    let crlf = parse(&format!("\r\n\r\n{BYE}\r\nbody")).unwrap();
    let lf = parse(&format!("{}\nbody", BYE.replace('\r', ""))).unwrap();
    assert_eq!(crlf, lf);
    assert_eq!(&crlf.body()[..], b"body");
}

#[test]
fn a_cr_within_a_line_is_never_taken() {
    assert_eq!(kind(&format!("{BYE}Subject: a\rEvil: b\r\n\r\n")), ParseErrorKind::HeaderLine(7));
    assert_eq!(kind(&format!("{BYE}Subject: a\r\n b\rEvil: c\r\n\r\n")), ParseErrorKind::HeaderLine(8));
}

#[test]
fn keep_alives_and_foreign_protocols_are_told_apart_and_not_answered() {
    for (text, kind) in [
        ("", ParseErrorKind::Empty),
        ("\r\n\r\n", ParseErrorKind::Empty),
        ("\0\0\0\0", ParseErrorKind::Empty),
        ("GET / HTTP/1.1\r\n\r\n", ParseErrorKind::NotSip),
        ("\u{1}\u{2}", ParseErrorKind::NotSip),
        ("SIP/2.0 99 x\r\n\r\n", ParseErrorKind::StatusCode),
        ("SIP/2.0 0200 x\r\n\r\n", ParseErrorKind::StatusCode),
        ("SIP/3.0 200 x\r\n\r\n", ParseErrorKind::Version),
        ("b@d sip:a SIP/2.0\r\n\r\n", ParseErrorKind::Method),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.kind, kind, "{text:?}");
        assert_eq!(error.answerable(None), None, "{text:?}");
    }
}

#[test]
fn a_bad_header_line_is_told_by_its_number_and_answered_from_the_others() {
    let error =
        parse(&BYE.replace("From:", "Foobar roobar\r\nFrom:").replace("\r\n\r\n", "\r\n")).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::HeaderLine(3));
    let answer = error.answerable(None).unwrap();
    assert_eq!(&*answer.reason, "Bad Request: bad header field in line 3");
    assert_eq!(answer.headers.cseq().unwrap().to_string(), "2 BYE");
}

#[test]
fn an_ack_is_never_answered_nor_what_has_no_via() {
    let ack = BYE.replace("BYE", "ACK").replace("CSeq: 2 ACK", "CSeq: two ACK");
    assert_eq!(parse(&format!("{ack}\r\n")).unwrap_err().answerable(None), None);
    let no_via = BYE.replace("Via: SIP/2.0/UDP c;branch=z9hG4bK1\r\n", "");
    assert_eq!(parse(&format!("{no_via}\r\n")).unwrap_err().answerable(None), None);
}

#[test]
fn bounds_are_kept_and_told_with_513() {
    let many = format!("{BYE}{}\r\n", "A: b\r\n".repeat(MAX_HEADER_LINES));
    let long = format!("{BYE}Subject: {}\r\n\r\n", "x".repeat(MAX_HEADER_LEN + 1));
    let folded = format!("{BYE}Subject: x\r\n{}\r\n", " 1234567\r\n".repeat(MAX_HEADER_LEN / 8));
    let huge = format!("{BYE}\r\n{}", "x".repeat(MAX_MESSAGE_LEN));
    for text in [many, long, folded, huge] {
        let error = parse(&text).unwrap_err();
        assert_eq!(error.answerable(None).unwrap().status, StatusCode::MESSAGE_TOO_LARGE, "{error}");
    }
    let just = format!("{BYE}{}\r\n", "A: b\r\n".repeat(MAX_HEADER_LINES - 5));
    assert!(parse(&just).is_ok());
}

#[test]
fn the_body_ends_where_content_length_says_or_the_datagram_ends() {
    let with = |length: &str| parse(&format!("{BYE}{length}\r\n12345")).map(|message| message.body().len());
    assert_eq!(with(""), Ok(5));
    assert_eq!(with("l: 3\r\n"), Ok(3));
    assert_eq!(with("Content-Length: 6\r\n").unwrap_err().kind, ParseErrorKind::BodyTooShort);
}

#[test]
fn latin_1_is_read_where_utf_8_fails() {
    let mut bytes = BYE.replace("From: ", "From: J\u{1}rg ").into_bytes();
    let at = bytes.iter().position(|byte| *byte == 1).unwrap();
    bytes[at] = 0xf6;
    bytes.extend_from_slice("Subject: Größe\r\n\r\n".as_bytes());
    let message = parse_datagram(&bytes.into()).unwrap();
    assert_eq!(message.headers().from().unwrap().display_name.as_deref(), Some("Jörg"));
    assert_eq!(message.headers().get(HeaderName::Subject), Some("Größe"));
}

#[test]
fn the_body_shares_the_datagrams_memory() {
    let datagram = Bytes::from(format!("{BYE}\r\nbody"));
    let message = parse_datagram(&datagram).unwrap();
    assert!(datagram.as_ptr_range().contains(&message.body().as_ptr()));
}
