//! Parameters: `;name=value` lists of URIs and header fields (RFC 3261 §19.1.1, §20, §25.1).

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::text::{
    escapes_are_whole, find_unquoted, is_token, split_unquoted, take_quoted, trim, unescape_unreserved,
    unquote, write_quoted,
};

/// A list of parameters in order, as text: empty, or each with its leading `;` and without white space.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Params(Box<str>);

impl Params {
    /// No parameters.
    pub fn new() -> Params {
        Params::default()
    }

    /// Reads header field parameters, from the first `;` on; white space around `;` and `=` is allowed, and one `;`
    /// more at the end, which phones are wont to write.
    /// `None` if a name is no token or a value neither token, host nor quoted string.
    pub(super) fn parse_header(text: &str) -> Option<Params> {
        Params::parse_each(text, is_token, is_header_value)
    }

    /// Reads URI parameters, from the first `;` on, with one more at the end or not. `None` if there is a character
    /// that must be escaped.
    pub(super) fn parse_uri(text: &str) -> Option<Params> {
        if text.contains([' ', '\t']) || !escapes_are_whole(text) {
            return None;
        }
        Params::parse_each(&unescape_names(text), is_uri_part, |value| value.is_empty() || is_uri_part(value))
    }

    fn parse_each(text: &str, is_name: fn(&str) -> bool, is_value: fn(&str) -> bool) -> Option<Params> {
        let text = trim(text);
        if text.is_empty() {
            return Some(Params::new());
        }
        let list = trim(text.strip_prefix(';')?);
        if list.is_empty() {
            return Some(Params::new());
        }
        let mut clean = String::with_capacity(text.len());
        for part in split_unquoted(list.strip_suffix(';').unwrap_or(list), b';') {
            let (name, value) = split_name(part);
            if !is_name(name) || !value.is_none_or(is_value) {
                return None;
            }
            append(&mut clean, name, value);
        }
        Some(Params(clean.into()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in order; a value keeps its quotes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.strip_prefix(';').into_iter().flat_map(|text| split_unquoted(text, b';')).map(split_name)
    }

    /// Whether a parameter of this name (any case) is there, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// The value of the first parameter of this name (any case), as it stands; `None` without a value too.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?.1
    }

    /// The value of the first parameter of this name, without quotes and escapes.
    pub fn unquoted(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(unquote)
    }

    /// Replaces the parameter `name` or appends it. A value that is no token, host or quoted string is quoted.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        assert!(is_token(name), "parameter name {name:?}");
        let mut text = self.without(name);
        match value {
            Some(value) if value.is_empty() || !is_header_value(value) => {
                text.push(';');
                text.push_str(name);
                text.push('=');
                write_quoted(&mut text, value).expect("a String takes everything");
            }
            _ => append(&mut text, name, value),
        }
        self.0 = text.into();
    }

    /// The same with `name` set: see [`Params::set`].
    pub fn with(mut self, name: &str, value: Option<&str>) -> Params {
        self.set(name, value);
        self
    }

    /// Removes every parameter of this name.
    pub fn remove(&mut self, name: &str) {
        if self.contains(name) {
            self.0 = self.without(name).into();
        }
    }

    fn without(&self, name: &str) -> String {
        let mut text = String::with_capacity(self.0.len() + 32);
        for (other, value) in self.iter().filter(|(other, _)| !other.eq_ignore_ascii_case(name)) {
            append(&mut text, other, value);
        }
        text
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names are compared as written, so `%6C%72` becomes `lr` (RFC 4475 §3.1.1.3).
fn unescape_names(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let unescape = |part: &str| match part.split_once('=') {
        Some((name, value)) => format!("{}={value}", unescape_unreserved(name)),
        None => unescape_unreserved(part).into_owned(),
    };
    Cow::Owned(text.split(';').map(unescape).collect::<Vec<_>>().join(";"))
}

fn split_name(part: &str) -> (&str, Option<&str>) {
    match find_unquoted(part, b'=') {
        Some(at) => (trim(&part[..at]), Some(trim(&part[at + 1..]))),
        None => (trim(part), None),
    }
}

fn append(text: &mut String, name: &str, value: Option<&str>) {
    text.push(';');
    text.push_str(name);
    if let Some(value) = value {
        let _ = write!(text, "={value}");
    }
}

/// gen-value, and more generously any visible characters that cannot be taken for something else:
/// phones put unbracketed IPv6 addresses and base64 here. Nothing after `=` counts as no value.
fn is_header_value(value: &str) -> bool {
    match value.strip_prefix('"') {
        Some(_) => matches!(take_quoted(value), Some((_, ""))),
        None => value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>,;\\".contains(&byte)),
    }
}

fn is_uri_part(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>;?@\\".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_quoted_strings_stay_whole() {
        let params = Params::parse_header(" ; tag = 98 ;lr;x=\"a;b=\\\"c\" ").unwrap();
        assert_eq!(params.to_string(), ";tag=98;lr;x=\"a;b=\\\"c\"");
        assert_eq!((params.get("TAG"), params.get("lr"), params.contains("LR")), (Some("98"), None, true));
        assert_eq!(params.unquoted("x").unwrap(), "a;b=\"c");
    }

    #[test]
    fn a_single_semicolon_at_the_end_is_overlooked() {
        for (text, clean) in
            [(";", ""), (" ; ", ""), (";a;", ";a"), (";a=\"b;\" ; ", ";a=\"b;\""), (";a;b=1;", ";a;b=1")]
        {
            assert_eq!(
                Params::parse_header(text).map(|params| params.to_string()).as_deref(),
                Some(clean),
                "{text}"
            );
        }
        assert_eq!(Params::parse_uri(";lr;").map(|params| params.to_string()).as_deref(), Some(";lr"));
    }

    #[test]
    fn empty_parameters_and_stray_characters_are_errors() {
        for bad in [";;", ";a;;", "; ;", ";;a", "a", ";a b", ";a=b c", ";a=\"b", ";a=\"b;", ";a=<b>", ";=b"] {
            assert_eq!(Params::parse_header(bad), None, "{bad}");
        }
        for bad in [";;", ";a;;", ";a=%4", ";a =b", ";a=b?c"] {
            assert_eq!(Params::parse_uri(bad), None, "{bad}");
        }
    }

    #[test]
    fn set_replaces_and_quotes_what_must_be() {
        let mut params = Params::parse_header(";a=1;b;A=2").unwrap();
        params.set("a", Some("x y"));
        params.set("b", None);
        assert_eq!(params.to_string(), ";a=\"x y\";b");
        params.remove("A");
        assert_eq!(params.to_string(), ";b");
    }
}
