//! The lexical ground of SIP text (RFC 3261 §25.1): tokens, quoted strings, lists, numbers, escapes.

use std::borrow::Cow;

/// `token` characters: alphanumeric and `-.!%*_+`'~`.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-.!%*_+`'~";
    let mut mark = 0;
    while mark < marks.len() {
        table[marks[mark] as usize] = true;
        mark += 1;
    }
    table
};

/// Whether `text` is a non-empty token.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| TOKEN[usize::from(byte)])
}

/// White space within a header field value; folds have become spaces before.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads `1*DIGIT`, leading zeros allowed; `None` for anything else and on overflow.
pub(super) fn parse_number<N: TryFrom<u64>>(text: &str) -> Option<N> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = text.trim_start_matches('0');
    if digits.is_empty() {
        return N::try_from(0).ok();
    }
    N::try_from(digits.parse::<u64>().ok()?).ok()
}

/// Splits at `separator` where it stands outside quoted strings and angle brackets.
/// Yields untrimmed parts, empty ones too, and one part for an empty text.
pub(super) fn split_unquoted(text: &str, separator: u8) -> SplitUnquoted<'_> {
    SplitUnquoted { rest: Some(text), separator }
}

/// See [`split_unquoted`].
pub(super) struct SplitUnquoted<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for SplitUnquoted<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        match find_unquoted(rest, self.separator) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                Some(&rest[..at])
            }
            None => self.rest.take(),
        }
    }
}

/// Where `wanted` (an ASCII byte) first stands outside quoted strings and angle brackets.
pub(super) fn find_unquoted(text: &str, wanted: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut in_brackets = false;
    while at < bytes.len() {
        match bytes[at] {
            byte if byte == wanted && !in_brackets => return Some(at),
            b'"' if !in_brackets => at = end_of_quoted(bytes, at)?,
            b'<' => in_brackets = true,
            b'>' => in_brackets = false,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The index of the quote that closes the one at `open`; `None` if nothing closes it.
fn end_of_quoted(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'"' => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Reads the quoted string `text` begins with: its raw inside (escapes kept) and what follows it.
pub(super) fn take_quoted(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('"') {
        return None;
    }
    let end = end_of_quoted(text.as_bytes(), 0)?;
    Some((&text[1..end], &text[end + 1..]))
}

/// Resolves the quoted pairs (`\x`) of a quoted string's inside.
pub(super) fn unescape_quoted(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut plain = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

/// The value of a parameter or word: a quoted string without quotes and escapes, anything else as it is.
pub(super) fn unquote(text: &str) -> Cow<'_, str> {
    match take_quoted(text) {
        Some((inside, "")) => unescape_quoted(inside),
        _ => Cow::Borrowed(text),
    }
}

/// Writes `text` as a quoted string.
pub(super) fn write_quoted(out: &mut impl std::fmt::Write, text: &str) -> std::fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.write_char('\\')?;
                out.write_char(character)?;
            }
            // A line end cannot be quoted (RFC 3261 §25.1, quoted-pair).
            '\r' | '\n' => out.write_char(' ')?,
            control if control.is_ascii_control() && control != '\t' => {
                out.write_char('\\')?;
                out.write_char(control)?;
            }
            other => out.write_char(other)?,
        }
    }
    out.write_char('"')
}

/// Whether every `%` begins an escape of two hexadecimal digits.
pub(super) fn escapes_are_whole(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| *byte != b'%' || (is_hex(at + 1) && is_hex(at + 2)))
}

/// Resolves `%HH` escapes; broken ones stay, bytes that are no UTF-8 become U+FFFD.
pub(super) fn decode_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        match (byte, after) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                plain.push(hex_value(*high) << 4 | hex_value(*low));
                rest = tail;
            }
            _ => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

/// Resolves escapes of the characters outside RFC 2396's reserved set; `%2B` and `+` stay different.
pub(super) fn unescape_unreserved(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let escape = rest.get(at..at + 3).unwrap_or(&rest[at..]);
        let decoded = decode_escapes(escape);
        match decoded.as_bytes() {
            [byte] if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte) => plain.push_str(&decoded),
            _ => plain.push_str(&escape.to_ascii_uppercase()),
        }
        rest = &rest[at + escape.len()..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_split_outside_quotes_and_brackets_only() {
        let parts: Vec<&str> = split_unquoted(r#""a,\",b" <sip:x,y>,c,"#, b',').collect();
        assert_eq!(parts, [r#""a,\",b" <sip:x,y>"#, "c", ""]);
    }

    #[test]
    fn a_quote_that_never_closes_swallows_the_rest() {
        assert_eq!(split_unquoted("a,\"b,c", b',').collect::<Vec<_>>(), ["a", "\"b,c"]);
    }

    #[test]
    fn numbers_may_have_leading_zeros_but_neither_sign_nor_overflow() {
        assert_eq!(parse_number::<u8>("0068"), Some(68));
        assert_eq!(parse_number::<u32>("000000000000000000000000000000000000000007"), Some(7));
        assert_eq!(parse_number::<u8>("256"), None);
        assert_eq!(parse_number::<u32>("36893488147419103232"), None);
        assert_eq!(parse_number::<u32>("+1"), None);
        assert_eq!(parse_number::<u32>(""), None);
    }

    #[test]
    fn what_is_quoted_reads_back_the_same() {
        let text = "J \"R\\\" \u{7}é";
        let mut quoted = String::new();
        write_quoted(&mut quoted, text).unwrap();
        assert_eq!(unquote(&quoted), text);
    }

    #[test]
    fn escapes_are_decoded_and_broken_ones_left() {
        assert_eq!(decode_escapes("a%40%zz%2"), "a@%zz%2");
        assert!(escapes_are_whole("a%40b") && !escapes_are_whole("a%4"));
    }
}
