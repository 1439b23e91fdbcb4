use super::*;
use crate::sip::UriError;

#[test]
fn each_form_is_read_and_written_with_brackets() {
    for (text, name, written) in [
        ("sip:a@b;tag=1", None, "<sip:a@b>;tag=1"),
        ("<sip:a@b;x>;tag=1", None, "<sip:a@b;x>;tag=1"),
        ("\"\" <sip:a@b>", None, "<sip:a@b>"),
        ("A. Bell<sip:a@b>", Some("A. Bell"), "\"A. Bell\" <sip:a@b>"),
        ("Jörg  Müller <sip:a@b>", Some("Jörg  Müller"), "\"Jörg  Müller\" <sip:a@b>"),
        ("John (Mobile) <sip:a@b>", Some("John (Mobile)"), "\"John (Mobile)\" <sip:a@b>"),
        ("a@b: [c]/{d} <sip:a@b>;tag=1;", Some("a@b: [c]/{d}"), "\"a@b: [c]/{d}\" <sip:a@b>;tag=1"),
        ("<sip:a@b;x;>;", None, "<sip:a@b;x>"),
        ("\"a;\\\"<b>\\\\\"  <tel:+1-201>", Some("a;\"<b>\\"), "\"a;\\\"<b>\\\\\" <tel:+1-201>"),
        ("\"x\"<sip:a@b> ; q = 0.7", Some("x"), "\"x\" <sip:a@b>;q=0.7"),
    ] {
        let address = NameAddr::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(address.display_name.as_deref(), name, "{text}");
        assert_eq!(address.to_string(), written, "{text}");
        assert_eq!(NameAddr::parse(written), Ok(address), "{text}");
    }
}

#[test]
fn faults_are_told_apart() {
    for (text, kind) in [
        ("", HeaderErrorKind::Uri(UriError::Scheme)),
        ("\"a\" sip:a@b", HeaderErrorKind::Address),
        ("<sip:a@b", HeaderErrorKind::Address),
        ("\"a <sip:a@b>", HeaderErrorKind::DisplayName),
        ("a, b <sip:a@b>", HeaderErrorKind::DisplayName),
        ("a \\ b <sip:a@b>", HeaderErrorKind::DisplayName),
        ("a > b <sip:a@b>", HeaderErrorKind::DisplayName),
        ("a \u{7} b <sip:a@b>", HeaderErrorKind::DisplayName),
        ("sip:a@b?x=1", HeaderErrorKind::Address),
        ("sip:a@b,c", HeaderErrorKind::Address),
        ("<sip:a@b>;;", HeaderErrorKind::Params),
        ("<sip:a@b>x", HeaderErrorKind::Params),
        ("<sip:@b>", HeaderErrorKind::Uri(UriError::User)),
    ] {
        assert_eq!(NameAddr::parse(text), Err(kind), "{text}");
    }
}

#[test]
fn a_tag_is_replaced_not_repeated() {
    let address = NameAddr::parse("<sip:a@b>;tag=1;x").unwrap().with_tag("2");
    assert_eq!(address.to_string(), "<sip:a@b>;x;tag=2");
}
