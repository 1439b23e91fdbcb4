use super::*;
use crate::sip::Transport;

#[test]
fn names_are_the_same_in_any_case_and_compact() {
    for (long, compact) in [("call-ID", "I"), ("SESSION-EXPIRES", "x"), ("Via", "v"), ("supported", "K")] {
        assert_eq!(HeaderName::parse(long), HeaderName::parse(compact), "{long}");
        assert!(!matches!(HeaderName::parse(long), Some(HeaderName::Other(_))), "{long}");
    }
    assert_eq!(HeaderName::parse("X-Thing"), Some(HeaderName::Other("x-tHING".into())));
    assert_eq!(HeaderName::parse("a b"), None);
    assert_eq!(HeaderName::parse(""), None);
}

#[test]
fn order_is_kept_and_set_replaces_in_place() {
    let mut headers = Headers::new();
    headers.push(HeaderName::Subject, "1");
    headers.push(HeaderName::Allow, "INVITE");
    headers.push(HeaderName::Subject, "2");
    headers.set(HeaderName::Subject, "3");
    headers.push_front(HeaderName::Require, "100rel");
    assert_eq!(headers.to_string(), "Require: 100rel\r\nSubject: 3\r\nAllow: INVITE\r\n");
    assert_eq!((headers.remove(HeaderName::Subject), headers.remove(HeaderName::Subject)), (1, 0));
}

#[test]
fn lists_are_split_over_lines_commas_and_around_quotes() {
    let mut headers = Headers::new();
    headers.push(HeaderName::Contact, "\"a, b\" <sip:a,b@c>;x=\"1,2\" , <sip:d>");
    headers.push(HeaderName::Contact, ", sip:e ,");
    let values: Vec<&str> = headers.values(HeaderName::Contact).collect();
    assert_eq!(values, ["\"a, b\" <sip:a,b@c>;x=\"1,2\"", "<sip:d>", "sip:e"]);
}

#[test]
fn only_the_topmost_via_is_replaced() {
    let mut headers = Headers::new();
    headers.push(HeaderName::Via, "SIP/2.0/UDP a;branch=1 , SIP/2.0/UDP b;branch=2");
    let mut via = headers.top_via().unwrap();
    via.set_received("2001:db8::1".parse().unwrap());
    via.set_rport(5062);
    headers.replace_top_via(&via);
    let vias: Vec<String> = headers.vias().map(|via| via.unwrap().to_string()).collect();
    assert_eq!(vias, ["SIP/2.0/UDP a;branch=1;received=2001:db8::1;rport=5062", "SIP/2.0/UDP b;branch=2"]);
    assert_eq!(headers.top_via().unwrap().rport(), Some(5062));

    let mut empty = Headers::new();
    empty.replace_top_via(&Via::new(Transport::Tcp, via.host, None, "z9hG4bKx"));
    assert_eq!(empty.get(HeaderName::Via), Some("SIP/2.0/TCP a;branch=z9hG4bKx"));
}
