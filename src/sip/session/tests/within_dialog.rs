//! Other requests in the dialog, and what every one of them must pass (RFC 3261 §12.2.2, §8.2).

use super::*;

#[test]
fn requests_out_of_order_get_500_and_gaps_are_allowed() {
    let mut call = confirmed(settings(), "");
    assert_eq!(call.receive_with_cseq("OPTIONS", 10, "", ""), ["200 OPTIONS"]);
    assert_eq!(call.receive_with_cseq("OPTIONS", 10, "", ""), ["500 OPTIONS"]);
    assert_eq!(call.receive_with_cseq("BYE", 9, "", ""), ["500 BYE"]);
    assert_eq!(call.receive_with_cseq("OPTIONS", 11, "", ""), ["200 OPTIONS"]);
}

#[test]
fn methods_that_are_not_served_are_told_apart() {
    let mut call = confirmed(settings(), "");
    for method in ["REGISTER", "REFER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH"] {
        assert_eq!(call.receive(method, "", ""), [format!("405 {method}")]);
        assert!(call.last_response().headers.allow().contains(&Method::Update));
    }
    assert_eq!(call.receive("NEWMETHOD", "", ""), ["501 NEWMETHOD"]);
    assert!(call.session.is_answered());
}

#[test]
fn required_extensions_are_served_or_named() {
    let mut call = confirmed(settings(), "");
    assert_eq!(call.receive("UPDATE", "Require: timer, nothing, more\r\n", ""), ["420 UPDATE"]);
    assert_eq!(call.last_response().headers.get(HeaderName::Unsupported), Some("nothing, more"));
    assert_eq!(call.receive("UPDATE", "Require: timer\r\n", ""), ["200 UPDATE"]);
    assert_eq!(call.receive("BYE", "Require: nothing\r\n", ""), ["200 BYE", "Ended Bye"]);
}

#[test]
fn bodies_that_cannot_be_used_are_refused() {
    let small = SessionSettings { max_body_bytes: 10, ..settings() };
    let mut call = confirmed(small, "");
    for method in ["INVITE", "UPDATE"] {
        assert_eq!(call.receive(method, "Content-Type: text/plain\r\n", "hello"), [format!("415 {method}")]);
        assert_eq!(call.last_response().headers.get(HeaderName::Accept), Some("application/sdp"));
        assert_eq!(call.receive(method, "", "more than ten bytes"), [format!("413 {method}")]);
        assert_eq!(call.receive(method, "Content-Encoding: gzip\r\n", "zip"), [format!("415 {method}")]);
        assert!(call.last_response().headers.contains(HeaderName::AcceptEncoding));
    }
}

#[test]
fn info_is_handed_up_if_its_type_is_known() {
    let mut call = confirmed(settings(), "");
    let relay = "Content-Type: application/dtmf-relay\r\n";
    assert_eq!(
        call.receive("INFO", relay, "Signal=5\r\n"),
        ["200 INFO", "Info application/dtmf-relay =Signal=5\r\n"]
    );
    assert_eq!(call.receive("INFO", "", ""), ["200 INFO"]);
    assert_eq!(call.receive("INFO", "Content-Type: application/media_control+xml\r\n", "<x/>"), ["415 INFO"]);
    assert_eq!(
        call.last_response().headers.get(HeaderName::Accept),
        Some("application/dtmf-relay, application/dtmf")
    );
    assert_eq!(call.receive("INFO", "Info-Package: nobody\r\n", ""), ["469 INFO"]);
}

#[test]
fn options_tells_what_we_can() {
    let mut call = confirmed(settings(), "");
    assert_eq!(call.receive("OPTIONS", "", ""), ["200 OPTIONS"]);
    let headers = &call.last_response().headers;
    assert_eq!(headers.supported(), ["100rel", "timer"]);
    assert!(headers.contains(HeaderName::Allow) && headers.contains(HeaderName::Accept));
    assert_eq!(headers.to().unwrap().tag(), Some("ours"));
}

#[test]
fn our_requests_go_where_the_dialog_says() {
    let hop_of = |lines: &str, source: &str| {
        let mut call = confirmed(settings(), lines);
        let source = Hop { remote: source.parse().unwrap(), ..hop() };
        let options = request("OPTIONS", 2, true, "", "");
        call.session.handle_request(call.now, &ServerKey::numbered(5), source, &options);
        call.outputs();
        call.session.hang_up(None);
        match call.session.poll_output() {
            Some(SessionOutput::Request { hop, .. }) => hop.remote.to_string(),
            other => panic!("{other:?}"),
        }
    };
    // To the Contact; to the source where the Via shows a NAT or the host is a name; to the first route.
    assert_eq!(hop_of("", "192.0.2.2:5070"), "192.0.2.2:5071");
    assert_eq!(hop_of("", "198.51.100.1:4444"), "198.51.100.1:4444");
    assert_eq!(hop_of("Contact: <sip:peer@phone.example.com>\r\n", "192.0.2.2:5070"), "192.0.2.2:5070");
    let routed = "Record-Route: <sip:192.0.2.50;lr>\r\n";
    assert_eq!(hop_of(routed, "198.51.100.1:4444"), "192.0.2.50:5060");
}
