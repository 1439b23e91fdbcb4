//! Every message of RFC 4475 and RFC 5118, judged as the documents say. What a user agent server makes of the
//! well-formed ones (405, 415, 416, 420 …) is not the parser's and is tested with the server.

use super::*;
use crate::sip::testdata::{all, named};
use crate::sip::{CSeq, Host, Scheme, Transport};

fn parse(name: &str) -> Result<Message, ParseError> {
    parse_datagram(&Bytes::from_static(named(name).bytes))
}

fn request(name: &str) -> Request {
    match parse(name) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

fn response(name: &str) -> Response {
    match parse(name) {
        Ok(Message::Response(response)) => response,
        other => panic!("{name}: {other:?}"),
    }
}

/// The messages that are not to be taken: name, status of the answer (0: none) and what its reason phrase tells.
const REFUSED: &[(&str, u16, &str)] = &[
    ("badinv01", 400, "Via: bad parameters"),
    ("clerr", 400, "body shorter than Content-Length"),
    ("ncl", 400, "Content-Length: bad number"),
    ("scalar02", 400, "CSeq: bad number"),
    ("scalarlg", 0, "CSeq: bad number"),
    ("quotbal", 400, "To: bad display name"),
    ("ltgtruri", 400, "bad Request-URI (URI scheme)"),
    ("lwsruri", 400, "bad Request-URI (URI parameters)"),
    ("lwsstart", 400, "bad Request-URI (URI scheme)"),
    ("trws", 400, "bad start line"),
    ("escruri", 400, "bad Request-URI (URI headers)"),
    ("regbadct", 400, "Contact: bad address"),
    ("baddn", 400, "no empty line after the header fields"),
    ("badvers", 505, "version not supported"),
    ("mismatch01", 400, "CSeq: method differs from request line"),
    ("mismatch02", 501, "CSeq: method differs from request line"),
    ("bigcode", 0, "bad status code"),
    ("insuf", 400, "From: missing"),
    ("multi01", 400, "From: repeated"),
    ("mcl01", 400, "Content-Length: repeated"),
    ("ipv6-bad", 400, "bad Request-URI (URI port)"),
];

#[test]
fn all_messages_of_both_documents_are_here() {
    assert_eq!(all().iter().filter(|sample| sample.rfc == 4475).count(), 49);
    assert_eq!(all().iter().filter(|sample| sample.rfc == 5118).count(), 12);
}

#[test]
fn exactly_the_malformed_messages_are_refused() {
    for sample in all() {
        let is_refused = REFUSED.iter().any(|(name, ..)| *name == sample.name);
        let parsed = parse(sample.name);
        assert_eq!(
            parsed.is_err(),
            is_refused,
            "RFC {} §{} {}: {parsed:?}",
            sample.rfc,
            sample.section,
            sample.name
        );
    }
}

#[test]
fn refused_requests_are_answered_and_refused_responses_dropped() {
    for (name, status, reason) in REFUSED {
        let error = parse(name).expect_err(name);
        assert_eq!(error.to_string(), *reason, "{name}");
        let answer = error.answerable(Some("ours"));
        assert_eq!(answer.as_ref().map_or(0, |answer| answer.status.code()), *status, "{name}");
        if *status == 400 {
            assert_eq!(*answer.unwrap().reason, *format!("Bad Request: {reason}"), "{name}");
        }
    }
}

#[test]
fn an_answer_copies_what_identifies_the_request() {
    let answer = parse("scalar02").unwrap_err().answerable(Some("ours")).unwrap();
    let text = String::from_utf8(answer.to_bytes().to_vec()).unwrap();
    let expected = "SIP/2.0 400 Bad Request: CSeq: bad number\r\n\
        Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bK342sdfoi3\r\n\
        From: <sip:user@example.com>;tag=239232jh3\r\n\
        To: <sip:user@example.com>;tag=ours\r\n\
        Call-ID: scalar02.23o0pd9vanlq3wnrlnewofjas9ui32\r\n\
        CSeq: 36893488147419103232 REGISTER\r\n\
        Content-Length: 0\r\n\r\n";
    assert_eq!(text, expected);
}

#[test]
fn wsinv_reads_through_all_its_white_space() {
    let request = request("wsinv");
    let headers = &request.headers;
    assert_eq!(request.uri.to_string(), "sip:vivekg@chair-dnrc.example.com;unknownparam");
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    let from = headers.from().unwrap();
    assert_eq!((from.display_name.as_deref(), from.tag()), (Some("J Rosenberg \\\""), Some("98asjd8")));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq(), Ok(CSeq::new(9, Method::Invite)));
    let vias: Vec<String> = headers.vias().map(|via| via.unwrap().to_string()).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
            "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
            "SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239"
        ]
    );
    assert_eq!(headers.get(HeaderName::Subject), Some(""));
    let other = |name: &str| headers.get(HeaderName::Other(name.into())).unwrap();
    assert_eq!(other("newfangledheader"), "newfangled value continued newfangled value");
    assert_eq!(other("UnknownHeaderWithUnusualValue"), ";;,,;;,;");
    assert!(headers.routes().unwrap()[0].uri.is_loose_router());
    let contact = &headers.contacts().unwrap()[0];
    assert_eq!(contact.display_name.as_deref(), Some("Quoted string \"\""));
    assert_eq!(contact.params.to_string(), ";newparam=newvalue;secondparam;q=0.33");
    assert_eq!(request.body.len(), 150);
}

#[test]
fn intmeth_keeps_every_unusual_character() {
    let request = request("intmeth");
    assert_eq!(request.method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(request.uri.user.as_deref(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(request.uri.password.as_deref(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    let to = request.headers.to().unwrap();
    assert_eq!(to.display_name.as_deref(), Some("BEL:\u{7} NUL:\0 DEL:\u{7f}"));
    let from = request.headers.from().unwrap();
    assert_eq!(from.display_name.as_deref(), Some("token1~` token2'+_ token3*%!.-"));
    assert_eq!(from.params.unquoted("fromParam''~+*_!.-%").unwrap(), "работающий");
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(request.headers.call_id(), Ok("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"));
    let extension = HeaderName::Other("extensionHeader-!.%*+_`'~".into());
    assert_eq!(request.headers.get(extension), Some("\u{feff}大停電"));
}

#[test]
fn percent_is_an_escape_in_uris_and_nowhere_else() {
    let escaped = request("esc01");
    assert_eq!(escaped.uri.user_decoded().unwrap(), "sips:user@example.com");
    assert_eq!(escaped.headers.to().unwrap().uri.user_decoded().unwrap(), "user");
    assert_eq!(escaped.headers.from().unwrap().uri.user_decoded().unwrap(), "I have spaces");
    let contact = &escaped.headers.contacts().unwrap()[0].uri;
    assert!(contact.is_loose_router());
    assert_eq!(contact.params.get("name"), Some("v%61lue%25%34%31"));

    let literal = request("esc02");
    assert_eq!(literal.method.as_str(), "RE%47IST%45R");
    assert_eq!(literal.headers.to().unwrap().display_name.as_deref(), Some("%Z%45"));
    assert_eq!(literal.headers.contacts().unwrap().len(), 2, "C%6Fntact is not Contact");

    let null = request("escnull");
    assert_eq!(null.headers.to().unwrap().uri.user_decoded().unwrap(), "null-\0-null");
    assert_eq!(null.headers.contacts().unwrap()[1].uri.user_decoded().unwrap(), "\0\0");
}

#[test]
fn addresses_are_read_where_they_are_written_oddly() {
    let from = request("lwsdisp").headers.from().unwrap();
    assert_eq!((from.display_name.as_deref(), from.uri.user.as_deref()), (Some("caller"), Some("caller")));
    assert_eq!(request("semiuri").uri.user_decoded().unwrap(), "user;par=u@example.net");
    let to = request("badaspec").headers.to().unwrap();
    assert_eq!(to.uri.to_string(), "sip:t.watson@example.org");
    assert_eq!(request("cparam01").headers.contacts().unwrap()[0].params.to_string(), ";unknownparam");
    assert_eq!(request("cparam02").headers.contacts().unwrap()[0].uri.params.to_string(), ";unknownparam");
    let escaped = &request("regescrt").headers.contacts().unwrap()[0];
    assert_eq!(escaped.uri.headers.as_deref(), Some("Route=%3Csip:sip.example.com%3E"));
}

#[test]
fn baddn_is_refused_for_its_display_name_too() {
    let mut whole = named("baddn").bytes.to_vec();
    whole.extend_from_slice(b"\r\n");
    let error = parse_datagram(&whole.into()).unwrap_err();
    assert_eq!(error.to_string(), "From: bad display name");
}

#[test]
fn longreq_is_read_in_full() {
    let request = request("longreq");
    assert_eq!(request.headers.vias().count(), 34);
    let to = request.headers.to().unwrap();
    assert!(to.display_name.unwrap().ends_with("extreme proportion"));
    assert_eq!((to.uri.port, to.uri.params.iter().count()), (Some(6000), 3));
    assert_eq!(request.headers.from().unwrap().params.iter().count(), 3);
    assert_eq!(request.headers.call_id().unwrap().len(), 141);
    assert_eq!(request.body.len(), 150);
}

#[test]
fn bytes_after_the_body_are_ignored() {
    let request = request("dblreq");
    assert_eq!((request.method, request.body.len()), (Method::Register, 0));
}

#[test]
fn foreign_transports_stay_in_the_via_list() {
    let vias: Vec<_> = request("transports").headers.vias().map(Result::unwrap).collect();
    let names: Vec<String> = vias.iter().map(|via| via.transport.to_string()).collect();
    assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    assert!(vias[0].transport == Transport::Udp && vias[4].transport == Transport::Tcp);
}

#[test]
fn a_binary_body_is_kept_byte_for_byte() {
    let request = request("mpart01");
    assert_eq!(request.body.len(), 553);
    assert!(named("mpart01").bytes.ends_with(&request.body));
}

#[test]
fn reason_phrases_may_be_anything_and_nothing() {
    assert!(response("unreason").reason.starts_with("= 2**3 * 5**2 но сто"));
    assert_eq!((response("noreason").status.code(), &*response("noreason").reason), (100, ""));
    assert_eq!(response("bcast").headers.vias().count(), 2);
}

#[test]
fn well_formed_messages_of_the_upper_layers_are_taken() {
    assert_eq!(request("badbranch").headers.top_via().unwrap().branch(), Some("z9hG4bK"));
    assert_eq!(request("unkscm").uri.scheme, Scheme::Other("nobodyknowsthisscheme".into()));
    assert_eq!(request("novelsc").uri.to_string(), "soap.beep://192.0.2.103:3002");
    assert_eq!(request("unksm2").headers.to().unwrap().uri.scheme, Scheme::Other("isbn".into()));
    assert_eq!(request("bext01").headers.require(), ["nothingSupportsThis", "nothingSupportsThisEither"]);
    assert!(request("invut").headers.content_type_is("application/unknownformat"));
    assert_eq!(request("zeromf").headers.max_forwards(), Ok(Some(0)));
    assert!(!request("sdp01").headers.accepts("application/sdp"));
    assert!(request("baddate").headers.contains(HeaderName::Date));
    let old = request("inv2543");
    assert_eq!(
        (old.headers.from().unwrap().tag(), old.headers.contains(HeaderName::MaxForwards)),
        (None, false)
    );
    assert_eq!(old.headers.record_routes().unwrap().len(), 1);
}

#[test]
fn ipv6_addresses_are_read_in_every_place() {
    let ip = |text: &str| Host::Ip(text.parse().unwrap());
    assert_eq!(request("ipv6-good").uri.host, ip("2001:db8::10"));
    let ambiguous = request("port-ambiguous").uri;
    assert_eq!((ambiguous.host, ambiguous.port), (ip("2001:db8::10:5070"), None));
    let unambiguous = request("port-unambiguous").uri;
    assert_eq!((unambiguous.host, unambiguous.port), (ip("2001:db8::10"), Some(5070)));
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let via = request(name).headers.top_via().unwrap();
        assert_eq!(via.received().map(Host::Ip), Some(ip("2001:db8::9:255")), "{name}");
    }
    let mixed = request("mult-ip-in-header");
    let hosts: Vec<_> = mixed.headers.vias().map(|via| via.unwrap().host).collect();
    assert_eq!(hosts, [ip("2001:db8::9:1"), ip("192.0.2.1"), ip("2001:db8::9:255")]);
    let mapped = request("ipv4-mapped-ipv6").headers.top_via().unwrap();
    assert_eq!((mapped.host, mapped.port), (ip("::ffff:192.0.2.10"), Some(19823)));
    assert_eq!(request("ipv6-bug-abnf-3-colons").uri, request("ipv6-correct-abnf-2-colons").uri);
}
