use super::*;
use crate::sip::{Host, parse_datagram};

const INVITE: &str = "INVITE sip:room@192.0.2.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP a.example;branch=z9hG4bK1, SIP/2.0/TCP b.example;branch=z9hG4bK2\r\n\
    v: SIP/2.0/UDP c.example;branch=z9hG4bK3\r\n\
    Record-Route: <sip:p1.example;lr>\r\n\
    Record-Route: <sip:p2.example;lr>\r\n\
    From: Alice <sip:alice@a.example>;tag=his\r\n\
    To: <sip:room@192.0.2.1>\r\n\
    Call-ID: 1@a.example\r\n\
    CSeq: 7 INVITE\r\n\
    Timestamp: 54\r\n\
    Contact: <sip:alice@a.example>\r\n\
    Content-Length: 0\r\n\r\n";

fn invite() -> Request {
    match parse_datagram(&Bytes::from_static(INVITE.as_bytes())) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn text(bytes: Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_to_that_ends_in_a_semicolon_takes_a_tag_without_a_second_one() {
    assert_eq!(with_tag("<sip:a@example.com>;", Some("ours")), "<sip:a@example.com>;tag=ours");
    assert_eq!(with_tag("sip:a@example.com; ", Some("ours")), "sip:a@example.com;tag=ours");
}

#[test]
fn a_response_copies_what_leads_back_and_nothing_else() {
    let expected = "SIP/2.0 180 Ringing\r\n\
        Via: SIP/2.0/UDP a.example;branch=z9hG4bK1, SIP/2.0/TCP b.example;branch=z9hG4bK2\r\n\
        Via: SIP/2.0/UDP c.example;branch=z9hG4bK3\r\n\
        Record-Route: <sip:p1.example;lr>\r\n\
        Record-Route: <sip:p2.example;lr>\r\n\
        From: Alice <sip:alice@a.example>;tag=his\r\n\
        To: <sip:room@192.0.2.1>;tag=ours\r\n\
        Call-ID: 1@a.example\r\n\
        CSeq: 7 INVITE\r\n\
        Content-Length: 0\r\n\r\n";
    assert_eq!(text(invite().response(StatusCode::RINGING, Some("ours")).to_bytes()), expected);
}

#[test]
fn trying_carries_the_timestamp_and_no_route() {
    let trying = invite().response(StatusCode::TRYING, None);
    assert_eq!(trying.headers.get(HeaderName::Timestamp), Some("54"));
    assert!(!trying.headers.contains(HeaderName::RecordRoute));
    assert_eq!(trying.headers.to().unwrap().tag(), None);
}

#[test]
fn refusals_and_requests_that_make_no_dialog_get_no_record_route() {
    assert!(!invite().response(StatusCode::BUSY_HERE, Some("x")).headers.contains(HeaderName::RecordRoute));
    let options = Request { method: Method::Options, ..invite() };
    assert!(!options.response(StatusCode::OK, Some("x")).headers.contains(HeaderName::RecordRoute));
}

#[test]
fn a_tag_of_the_request_is_kept() {
    let mut request = invite();
    request.headers.set(HeaderName::To, "<sip:room@192.0.2.1>;tag=old");
    let to = request.response(StatusCode::OK, Some("new")).headers.to().unwrap();
    assert_eq!(to.tag(), Some("old"));
}

#[test]
fn a_bare_to_address_takes_its_tag_as_header_parameter() {
    let mut request = invite();
    request.headers.set(HeaderName::To, "sip:room@192.0.2.1;x=1");
    let to = request.response(StatusCode::OK, Some("new")).headers.to().unwrap();
    assert_eq!((to.tag(), to.uri.params.is_empty()), (Some("new"), true));
}

#[test]
fn content_length_written_is_that_of_the_body() {
    let mut request =
        Request::new(Method::Info, Uri::sip(Some("a"), Host::Name("b.example".into()), Some(5070)));
    request.headers.push(HeaderName::ContentLength, "999");
    request.set_body("text/plain", Bytes::from_static(b"hi"));
    let expected = "INFO sip:a@b.example:5070 SIP/2.0\r\n\
        Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(text(request.to_bytes()), expected);
}

#[test]
fn no_value_can_add_a_line() {
    let mut response = Response::new(StatusCode::OK);
    response.reason = "fine\r\nEvil: 1".into();
    response.headers.push(HeaderName::Subject, "a\r\nEvil: 2");
    assert!(text(response.to_bytes()).starts_with("SIP/2.0 200 fineEvil: 1\r\nSubject: a  Evil: 2\r\n"));
}
