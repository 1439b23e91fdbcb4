use super::*;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_is_read_is_written_the_same() {
    for text in [
        "sip:b.example",
        "sips:alice:secret@[2001:db8::1]:5061;transport=tcp;lr?Subject=a%20b&x=",
        "sip:+1-201;x=y@192.0.2.1;user=phone",
        "sip:*67%23@b_c.example:0",
        "tel:+1-201-555-0123;phone-context=example.com",
        "http://www.example.com/a?b=c@d",
        "urn:service:sos",
    ] {
        assert_eq!(uri(text).to_string(), text);
    }
}

#[test]
fn the_scheme_is_read_in_any_case() {
    assert_eq!(uri("SIP:a@b"), uri("sip:a@b"));
    assert_eq!(uri("TEL:1").telephone_number(), Some("1"));
    assert_eq!(uri("tel:+1;ext=2").telephone_number(), Some("+1"));
    assert_eq!(uri("sip:1@b").telephone_number(), None);
}

#[test]
fn faults_are_told_apart() {
    for (text, error) in [
        ("", UriError::Scheme),
        ("b.example", UriError::Scheme),
        ("1a:b", UriError::Scheme),
        ("sip:", UriError::Host),
        ("tel:", UriError::Host),
        ("sip:a@", UriError::Host),
        ("sip:@b", UriError::User),
        ("sip:a b@c", UriError::User),
        ("sip:a@b@c", UriError::Host),
        ("sip:a%4@b", UriError::Escape),
        ("sip:a@b c", UriError::Host),
        ("sip:[2001:db8::1", UriError::Host),
        ("sip:[2001:db8::1]x", UriError::Port),
        ("sip:b:", UriError::Port),
        ("sip:b:65536", UriError::Port),
        ("sip:b:-1", UriError::Port),
        ("sip:b;;", UriError::Params),
        ("sip:b; lr", UriError::Params),
        ("sip:b?", UriError::Headers),
        ("sip:b?a", UriError::Headers),
    ] {
        assert_eq!(Uri::parse(text), Err(error), "{text}");
    }
}

/// The examples of RFC 3261 §19.1.4.
#[test]
fn equivalent_uris_of_the_rfc_are_equivalent() {
    for (a, b) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ] {
        assert!(uri(a).is_equivalent(&uri(b)) && uri(b).is_equivalent(&uri(a)), "{a} {b}");
    }
}

/// The examples of RFC 3261 §19.1.4, and one for each parameter that never matches its absence.
#[test]
fn different_uris_of_the_rfc_are_different() {
    for (a, b) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "sip:a:pw@b"),
        ("sip:a%2Bb@c", "sip:a+b@c"),
        ("sip:a@b", "sip:a@b;maddr=c"),
        ("sip:a@b", "sip:a@b;ttl=1"),
        ("sip:a@b", "sip:a@b;user=phone"),
        ("sip:a@b", "sip:a@b;method=INVITE"),
    ] {
        assert!(!uri(a).is_equivalent(&uri(b)) && !uri(b).is_equivalent(&uri(a)), "{a} {b}");
    }
}

#[test]
fn addresses_compare_by_value() {
    assert!(uri("sip:[2001:DB8:0::1]").is_equivalent(&uri("sip:[2001:db8::1]")));
}
