use super::*;

fn headers(name: HeaderName, value: &str) -> Headers {
    let mut headers = Headers::new();
    headers.push(name, value);
    headers
}

fn error<T>(result: Typed<T>) -> HeaderErrorKind {
    result.err().expect("an error").kind
}

#[test]
fn cseq_is_a_number_and_a_method() {
    let cseq = |text| headers(HeaderName::CSeq, text).cseq();
    assert_eq!(cseq("4294967295  \t INVITE"), Ok(CSeq::new(u32::MAX, Method::Invite)));
    assert_eq!(cseq("1 invite").unwrap().method, Method::Other("invite".into()), "methods have case");
    assert_eq!(error(cseq("4294967296 INVITE")), HeaderErrorKind::Number);
    assert_eq!(error(cseq("1")), HeaderErrorKind::Syntax);
    assert_eq!(error(cseq("1 IN VITE")), HeaderErrorKind::Method);
    assert_eq!(error(Headers::new().cseq()), HeaderErrorKind::Missing);
}

#[test]
fn what_must_stand_once_is_refused_twice() {
    let mut twice = headers(HeaderName::CallId, "a");
    twice.push(HeaderName::CallId, "a");
    assert_eq!(error(twice.call_id()), HeaderErrorKind::Repeated);
    let mut twice = headers(HeaderName::MaxForwards, "70");
    twice.push(HeaderName::MaxForwards, "70");
    assert_eq!(error(twice.max_forwards()), HeaderErrorKind::Repeated);
}

#[test]
fn call_id_is_one_word() {
    assert_eq!(error(headers(HeaderName::CallId, "").call_id()), HeaderErrorKind::Empty);
    assert_eq!(error(headers(HeaderName::CallId, "a b").call_id()), HeaderErrorKind::Syntax);
}

#[test]
fn a_via_list_has_no_empty_elements() {
    assert!(headers(HeaderName::Via, "SIP/2.0/UDP a,").vias().any(|via| via.is_err()));
    for bad in ["UDP a", "SIP/2.0 a", "SIP/2.0/UDP", "SIP/2.0/UDP a b", "SIP/2.0/U;P a", "HTTP/2.0/UDP a"] {
        assert!(headers(HeaderName::Via, bad).top_via().is_err(), "{bad}");
    }
    let odd = headers(HeaderName::Via, "sip / 2.0 / udp\ta : 5070 ; rport").top_via().unwrap();
    assert_eq!(
        (odd.to_string(), odd.wants_rport(), odd.rport()),
        ("SIP/2.0/UDP a:5070;rport".into(), true, None)
    );
}

#[test]
fn session_timers_are_read_and_written() {
    let session = |text| headers(HeaderName::SessionExpires, text).session_expires();
    let full = session("1800 ; Refresher=UAS;x=1").unwrap().unwrap();
    assert_eq!(full, SessionExpires { seconds: 1800, refresher: Some(Refresher::Uas) });
    assert_eq!(full.to_string(), "1800;refresher=uas");
    assert_eq!(session("90").unwrap().unwrap().refresher, None);
    assert_eq!(error(session("soon")), HeaderErrorKind::Number);
    assert_eq!(Headers::new().session_expires(), Ok(None));
    assert_eq!(headers(HeaderName::MinSe, "90;x").min_se(), Ok(Some(90)));
}

#[test]
fn reliable_provisional_responses_are_numbered_and_acknowledged() {
    assert_eq!(headers(HeaderName::RSeq, "988789").rseq(), Ok(Some(988_789)));
    let rack = headers(HeaderName::RAck, "776656 1 INVITE").rack().unwrap().unwrap();
    assert_eq!(rack, RAck { rseq: 776_656, cseq: 1, method: Method::Invite });
    assert_eq!(rack.to_string(), "776656 1 INVITE");
    assert_eq!(error(headers(HeaderName::RAck, "776656 INVITE").rack()), HeaderErrorKind::Syntax);
}

#[test]
fn retry_after_is_read_around_its_comment() {
    let retry = |text| headers(HeaderName::RetryAfter, text).retry_after();
    let full = RetryAfter { seconds: 18_000, duration_seconds: Some(3_600) };
    assert_eq!(retry("18000;duration=3600"), Ok(Some(full)));
    assert_eq!(retry("18000 (in; a (long) meeting) ;duration=3600"), Ok(Some(full)));
    assert_eq!(retry("120 (I'm in a meeting)").unwrap().unwrap().duration_seconds, None);
    assert_eq!(error(retry("949302838503028349304023988")), HeaderErrorKind::Number);
    assert_eq!(full.to_string(), "18000;duration=3600");
}

#[test]
fn reasons_and_warnings_are_read_and_written() {
    let text = "Q.850;cause=16;text=\"Terminated, \\\"bye\\\"\"";
    let reasons = headers(HeaderName::Reason, &format!("SIP ;cause=200 ,{text}, ;;")).reasons();
    assert_eq!((&*reasons[0].protocol, reasons[0].cause, reasons.len()), ("SIP", Some(200), 2));
    assert_eq!(reasons[1].to_string(), text);
    let text = "307 isi.edu:5060 \"Session \\\"a, b\\\" not understood\"";
    let warnings = headers(HeaderName::Warning, &format!("{text},1812 overture \"x\"")).warnings();
    assert_eq!((warnings.len(), warnings[0].code, &*warnings[0].agent), (1, 307, "isi.edu:5060"));
    assert_eq!(warnings[0].to_string(), text);
}

#[test]
fn identities_and_routes_are_lists() {
    let identity = headers(HeaderName::PAssertedIdentity, "\"C, J\" <sip:cj@b>, tel:+14085264000");
    let identities = identity.p_asserted_identity().unwrap();
    assert_eq!(identities[0].display_name.as_deref(), Some("C, J"));
    assert_eq!(identities[1].uri.telephone_number(), Some("+14085264000"));
    let routes = headers(HeaderName::Route, "<sip:a;lr>,<sip:b;lr>").routes().unwrap();
    assert_eq!((routes.len(), routes[1].uri.is_loose_router()), (2, true));
}

#[test]
fn the_contact_wildcard_is_no_address() {
    let star = headers(HeaderName::Contact, " * ");
    assert!(star.contact_is_wildcard());
    assert_eq!(star.contacts(), Ok(Vec::new()));
}

#[test]
fn option_tags_methods_and_media_types_are_matched() {
    let supported = headers(HeaderName::Supported, "100rel, Timer,,");
    assert_eq!(supported.supported(), ["100rel", "Timer"]);
    assert!(supported.supports("timer") && !supported.supports("replaces"));
    assert_eq!(headers(HeaderName::Allow, "INVITE,ACK , X").allow().len(), 3);
    let typed = headers(HeaderName::ContentType, "Application/SDP ; charset=utf-8");
    assert!(typed.content_type_is("application/sdp"));
    let accept = |text| headers(HeaderName::Accept, text);
    assert!(Headers::new().accepts("application/sdp") && !Headers::new().accepts("text/plain"));
    assert!(accept("text/plain, application/*;q=0.5").accepts("application/sdp"));
    assert!(accept("*/*").accepts("application/sdp"));
    assert!(!accept("text/plain").accepts("application/sdp"));
    assert!(!accept("").accepts("application/sdp"), "an empty Accept admits nothing");
}

#[test]
fn numbers_out_of_range_are_told() {
    assert_eq!(error(headers(HeaderName::MaxForwards, "256").max_forwards()), HeaderErrorKind::Number);
    assert_eq!(headers(HeaderName::Expires, "4294967296").expires(), Ok(Some(u32::MAX)));
    assert_eq!(headers(HeaderName::Expires, &"9".repeat(100)).expires(), Ok(Some(u32::MAX)));
    assert_eq!(error(headers(HeaderName::Expires, "-1").expires()), HeaderErrorKind::Number);
}
