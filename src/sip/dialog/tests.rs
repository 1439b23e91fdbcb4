use super::*;
use crate::sip::{Message, parse_datagram};

fn invite(lines: &str) -> Request {
    let text = format!(
        "INVITE sip:room@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKa\r\n\
         From: \"Peer\" <sip:peer@example.com>;tag=theirs\r\nTo: <sip:room@example.com>\r\n\
         Call-ID: 1@example.com\r\nCSeq: 7 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    match parse_datagram(&Bytes::from(text)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn dialog(lines: &str) -> Dialog {
    Dialog::for_uas(&invite(&format!("Contact: <sip:peer@192.0.2.2:5071>\r\n{lines}")), "ours", 100).unwrap()
}

fn routes(request: &Request) -> Vec<String> {
    request.headers.routes().unwrap().iter().map(NameAddr::to_string).collect()
}

#[test]
fn our_requests_carry_what_the_dialog_remembers() {
    let mut dialog = dialog("");
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:peer@192.0.2.2:5071");
    assert_eq!(bye.headers.get(HeaderName::From), Some("<sip:room@example.com>;tag=ours"));
    assert_eq!(bye.headers.get(HeaderName::To), Some("\"Peer\" <sip:peer@example.com>;tag=theirs"));
    assert_eq!(bye.headers.get(HeaderName::CallId), Some("1@example.com"));
    assert_eq!(bye.headers.get(HeaderName::CSeq), Some("101 BYE"));
    assert_eq!(bye.headers.max_forwards(), Ok(Some(70)));
    assert_eq!(dialog.request(Method::Update).headers.get(HeaderName::CSeq), Some("102 UPDATE"));
    assert_eq!(dialog.ack(101).headers.get(HeaderName::CSeq), Some("101 ACK"));
    assert_eq!(dialog.local_cseq(), 102);
}

#[test]
fn a_loose_route_is_kept_in_route_and_the_target_is_the_request_uri() {
    let mut dialog = dialog("Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n");
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:peer@192.0.2.2:5071");
    assert_eq!(routes(&bye), ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]);
    assert_eq!(dialog.next_hop().to_string(), "sip:p1.example.com;lr");
}

#[test]
fn a_strict_route_becomes_the_request_uri_and_the_target_the_last_route() {
    let mut dialog =
        dialog("Record-Route: <sip:p1.example.com?Subject=x>\r\nRecord-Route: <sip:p2.example.com;lr>\r\n");
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:p1.example.com");
    assert_eq!(routes(&bye), ["<sip:p2.example.com;lr>", "<sip:peer@192.0.2.2:5071>"]);
}

#[test]
fn the_uac_takes_the_record_routes_in_reverse() {
    let request = invite("Contact: <sip:peer@192.0.2.2>\r\n");
    let mut answer = request.response(crate::sip::StatusCode::OK, Some("ours"));
    answer.headers.push(HeaderName::Contact, "<sip:room@192.0.2.1>");
    answer.headers.push(HeaderName::RecordRoute, "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>");
    let mut dialog = Dialog::for_uac(&request, &answer.headers).unwrap();
    let bye = dialog.request(Method::Bye);
    assert_eq!(routes(&bye), ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]);
    assert_eq!(bye.uri.to_string(), "sip:room@192.0.2.1");
    assert_eq!(bye.headers.get(HeaderName::CSeq), Some("8 BYE"));
    assert_eq!((&*dialog.id().local_tag, &*dialog.id().remote_tag), ("theirs", "ours"));
}

#[test]
fn requests_of_the_peer_are_taken_in_order_with_gaps() {
    let mut dialog = dialog("");
    assert_eq!(dialog.advance_remote(7), Err(OutOfOrder), "the INVITE's own number");
    assert_eq!(dialog.advance_remote(8), Ok(()));
    assert_eq!(dialog.advance_remote(100), Ok(()));
    assert_eq!(dialog.advance_remote(99), Err(OutOfOrder));
    assert_eq!(dialog.advance_remote(u32::MAX), Ok(()));
    let mut fresh = Dialog { remote_cseq: None, ..dialog };
    assert_eq!(fresh.advance_remote(0), Ok(()));
}

#[test]
fn a_target_refresh_takes_the_contact_and_keeps_the_old_one_without() {
    let mut dialog = dialog("");
    let mut headers = Headers::new();
    dialog.refresh_target(&headers);
    assert_eq!(dialog.remote_target().to_string(), "sip:peer@192.0.2.2:5071");
    headers.push(HeaderName::Contact, "<sip:new@192.0.2.3;method=INVITE?Subject=x>");
    dialog.refresh_target(&headers);
    assert_eq!(
        dialog.remote_target().to_string(),
        "sip:new@192.0.2.3",
        "headers and method do not fit a request"
    );
    headers.set(HeaderName::Contact, "<broken");
    dialog.refresh_target(&headers);
    assert_eq!(dialog.remote_target().to_string(), "sip:new@192.0.2.3");
}

#[test]
fn a_request_names_its_dialog_by_call_id_and_both_tags() {
    assert_eq!(DialogId::of_request(&invite("")), None);
    let mut request = invite("");
    request.headers.set(HeaderName::To, "<sip:room@example.com>;tag=ours");
    assert_eq!(DialogId::of_request(&request).as_ref(), Some(dialog("").id()));
    request.headers.set(HeaderName::From, "<sip:peer@example.com>");
    assert_eq!(DialogId::of_request(&request).map(|id| id.remote_tag), Some("".into()), "RFC 2543");
}

#[test]
fn a_peer_without_contact_makes_no_dialog() {
    assert_eq!(Dialog::for_uas(&invite(""), "ours", 0), Err(missing_contact()));
    let mut old = invite("");
    old.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.2");
    let dialog = Dialog::for_uas(&old, "ours", 0).unwrap();
    assert_eq!(dialog.remote_target().to_string(), "sip:peer@example.com", "unless it is of RFC 2543");
}
