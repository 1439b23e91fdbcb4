use super::*;
use crate::sip::testdata::named;
use crate::sip::{Message, parse_datagram};

fn request_with_to(method: &str, uri: &str, to_tag: &str, lines: &str, body: &str) -> Request {
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKa\r\n\
         From: <sip:peer@example.com>;tag=theirs\r\nTo: <sip:room@example.com>{to_tag}\r\n\
         Call-ID: 1@example.com\r\nCSeq: 7 {method}\r\nMax-Forwards: 0\r\n{lines}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match parse_datagram(&Bytes::from(text)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

const CONTACT: &str = "Contact: <sip:peer@192.0.2.2>\r\n";

fn invite(lines: &str, body: &str) -> Request {
    let content_type = if body.is_empty() || lines.contains("Content-Type") {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    request_with_to("INVITE", "sip:room@192.0.2.1", "", &format!("{CONTACT}{lines}{content_type}"), body)
}

fn uas(rules: UasRules) -> Uas {
    Uas::new(rules, 100, Duration::from_secs(32))
}

fn admit(request: &Request) -> Admission {
    uas(UasRules::default()).admit(Instant::now(), request, "fresh")
}

fn refusal(request: &Request) -> Response {
    match admit(request) {
        Admission::Refused(response) => *response,
        other => panic!("{other:?}"),
    }
}

fn status(request: &Request) -> u16 {
    match admit(request) {
        Admission::Refused(response) => response.status.code(),
        _ => 0,
    }
}

#[test]
fn a_sound_invite_is_a_call_whatever_its_max_forwards() {
    assert_eq!(admit(&invite("", "v=0\r\n")), Admission::Call);
    assert_eq!(admit(&invite("", "")), Admission::Call);
    assert_eq!(admit(&invite("Require: 100rel, Timer\r\n", "v=0\r\n")), Admission::Call);
}

#[test]
fn methods_are_served_refused_or_unknown() {
    let outside = |method: &str| request_with_to(method, "sip:room@192.0.2.1", "", CONTACT, "");
    for method in ["REGISTER", "REFER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH"] {
        assert_eq!(status(&outside(method)), 405, "{method}");
    }
    assert_eq!(status(&outside("NEWMETHOD")), 501);
    assert_eq!(refusal(&outside("REGISTER")).headers.get(HeaderName::Allow), Some(ALLOW));
    for method in ["BYE", "PRACK", "UPDATE", "INFO"] {
        assert_eq!(status(&outside(method)), 481, "{method}");
    }
    assert_eq!(admit(&outside("OPTIONS")), Admission::Options);
}

#[test]
fn a_request_with_our_tag_belongs_to_its_dialog() {
    for method in ["BYE", "INVITE", "OPTIONS", "NEWMETHOD"] {
        let request = request_with_to(method, "sip:room@192.0.2.1", ";tag=ours", CONTACT, "");
        let id = DialogId::of_request(&request).unwrap();
        assert_eq!(admit(&request), Admission::InDialog(id));
        assert_eq!(no_such_dialog(&request, "fresh").headers.to().unwrap().tag(), Some("ours"));
    }
}

#[test]
fn schemes_extensions_and_bodies_are_checked() {
    for uri in ["tel:+4930123", "http://example.com/", "sips:room@192.0.2.1"] {
        assert_eq!(status(&request_with_to("INVITE", uri, "", CONTACT, "")), 416, "{uri}");
    }
    let with_sips = UasRules { sips: true, ..UasRules::default() };
    let secure = request_with_to("INVITE", "sips:room@192.0.2.1", "", CONTACT, "");
    assert_eq!(uas(with_sips).admit(Instant::now(), &secure, "fresh"), Admission::Call);

    let response = refusal(&invite("Require: 100rel, foo\r\nRequire: bar\r\n", ""));
    assert_eq!(
        (response.status.code(), response.headers.get(HeaderName::Unsupported)),
        (420, Some("foo, bar"))
    );
    assert_eq!(admit(&invite("Proxy-Require: foo\r\n", "")), Admission::Call, "not for us");

    let response = refusal(&invite("Content-Type: text/plain\r\n", "hello"));
    assert_eq!((response.status.code(), response.headers.get(HeaderName::Accept)), (415, Some(SDP)));
    let response = refusal(&invite("Content-Encoding: gzip\r\n", "zip"));
    assert_eq!(
        (response.status.code(), response.headers.get(HeaderName::AcceptEncoding)),
        (415, Some("identity"))
    );
    assert_eq!(status(&invite("Content-Type: application/pkcs7-mime\r\n", "x")), 493);
    assert_eq!(status(&invite("Accept: text/plain\r\n", "v=0\r\n")), 406);
    assert_eq!(status(&invite("Accept: application/*\r\n", "v=0\r\n")), 0);
    assert_eq!(status(&request_with_to("INVITE", "sip:room@192.0.2.1", "", "", "")), 400, "no Contact");
    assert_eq!(
        status(&request_with_to("INVITE", "sip:room@192.0.2.1", "", "Contact: <tel:+1>\r\n", "")),
        400
    );
}

#[test]
fn sizes_have_bounds() {
    let rules =
        UasRules { max_body_bytes: 10, max_uri_bytes: 30, max_header_bytes: 600, ..UasRules::default() };
    let status = |request: &Request| match uas(rules.clone()).admit(Instant::now(), request, "fresh") {
        Admission::Refused(response) => response.status.code(),
        _ => 0,
    };
    assert_eq!(status(&invite("", "0123456789")), 0);
    assert_eq!(status(&invite("", "0123456789a")), 413);
    let long = format!("sip:{}@192.0.2.1", "r".repeat(40));
    assert_eq!(status(&request_with_to("INVITE", &long, "", CONTACT, "")), 414);
    assert_eq!(status(&invite(&format!("Subject: {}\r\n", "s".repeat(600)), "")), 513);
}

#[test]
fn a_policy_may_require_extensions_of_callers() {
    let rules =
        UasRules { required_of_callers: vec!["timer".into(), "100rel".into()], ..UasRules::default() };
    let admit = |lines: &str| uas(rules.clone()).admit(Instant::now(), &invite(lines, ""), "fresh");
    let Admission::Refused(response) = admit("Supported: timer\r\n") else { panic!() };
    assert_eq!((response.status.code(), response.headers.get(HeaderName::Require)), (421, Some("100rel")));
    assert_eq!(admit("Supported: timer\r\nRequire: 100rel\r\n"), Admission::Call);
}

#[test]
fn the_second_way_of_a_forked_request_gets_482() {
    let mut uas = uas(UasRules::default());
    let now = Instant::now();
    assert_eq!(uas.admit(now, &invite("", ""), "a"), Admission::Call);
    let Admission::Refused(response) = uas.admit(now, &invite("", ""), "b") else { panic!() };
    assert_eq!(response.status, StatusCode::LOOP_DETECTED);
}

#[test]
fn header_fields_that_cannot_be_read_get_400_with_the_reason() {
    let mut request = invite("", "");
    request.headers.set(HeaderName::MaxForwards, "many");
    assert_eq!(&*refusal(&request).reason, "Bad Request: Max-Forwards: bad number");
    let mut request = invite("", "");
    request.headers.set(HeaderName::CSeq, "7 BYE");
    assert_eq!(status(&request), 400);
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
        let mut request = invite("", "");
        request.headers.remove(&name);
        assert_eq!(status(&request), 400, "{name}");
        let mut request = invite("", "");
        request.headers.push(name.clone(), request.headers.get(&name).unwrap().to_owned());
        assert_eq!(status(&request), 400, "two {name}");
    }
}

#[test]
fn options_is_answered_with_all_we_can() {
    let options = request_with_to("OPTIONS", "sip:room@192.0.2.1", "", "", "");
    let response = options_answer(&options, "fresh", StatusCode::OK, Some(Bytes::from_static(b"v=0\r\n")));
    assert_eq!(response.headers.get(HeaderName::Allow), Some(ALLOW));
    assert_eq!(response.headers.get(HeaderName::Supported), Some(SUPPORTED));
    assert!(
        response.headers.contains(HeaderName::Accept)
            && response.headers.contains(HeaderName::AcceptEncoding)
    );
    assert_eq!(&response.body[..], b"v=0\r\n");
    let picky = request_with_to("OPTIONS", "sip:room@192.0.2.1", "", "Accept: text/plain\r\n", "");
    let response =
        options_answer(&picky, "fresh", StatusCode::BUSY_HERE, Some(Bytes::from_static(b"v=0\r\n")));
    assert!(response.body.is_empty() && response.status == StatusCode::BUSY_HERE);
}

/// What a UAS answers to the well-formed messages of RFC 4475 §3.1.1, §3.2 to §3.4 (0: admitted).
#[test]
fn the_torture_messages_are_answered_as_rfc_4475_says() {
    let table = [
        ("wsinv", 0),
        ("intmeth", 501),
        ("esc01", 0),
        ("esc02", 501),
        ("escnull", 405),
        ("lwsdisp", 0),
        ("longreq", 0),
        ("dblreq", 405),
        ("semiuri", 0),
        ("transports", 0),
        ("mpart01", 405),
        ("badaspec", 0),
        ("baddate", 0),
        ("badbranch", 0),
        ("unkscm", 416),
        ("novelsc", 416),
        ("unksm2", 405),
        ("bext01", 420),
        ("invut", 415),
        ("regaut01", 405),
        ("regescrt", 405),
        ("cparam01", 405),
        ("cparam02", 405),
        ("sdp01", 406),
        ("inv2543", 0),
        ("zeromf", 0),
    ];
    for (name, expected) in table {
        let Ok(Message::Request(request)) = parse_datagram(&Bytes::from_static(named(name).bytes)) else {
            panic!("{name} is no request")
        };
        let answer = admit(&request);
        let status = match &answer {
            Admission::Refused(response) => response.status.code(),
            _ => 0,
        };
        assert_eq!(status, expected, "{name}: {answer:?}");
    }
    let Ok(Message::Request(bext)) = parse_datagram(&Bytes::from_static(named("bext01").bytes)) else {
        panic!()
    };
    assert_eq!(
        refusal(&bext).headers.get(HeaderName::Unsupported),
        Some("nothingSupportsThis, nothingSupportsThisEither")
    );
}
