//! Digits in the body of a SIP INFO: `application/dtmf-relay` and `application/dtmf`.
//!
//! Neither has an RFC; both are what phones and gateways have sent since before RFC 6086. The leg passes
//! content type and body; whether an INFO is a digit at all is decided here.

use std::fmt;

use super::telephone_event::Digit;

/// Longest body that is looked at, in octets.
pub const MAX_BODY_LEN: usize = 512;

/// A digit that an INFO reported, after it was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InfoDigit {
    /// Which one.
    pub digit: Digit,
    /// How long it was held, if the sender says so.
    pub duration_ms: Option<u32>,
}

/// Why a body is not a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InfoError {
    /// Another content type: answer 415.
    ContentType,
    /// Longer than [`MAX_BODY_LEN`] or not text.
    Body,
    /// `application/dtmf-relay` without a `Signal=` line.
    NoSignal,
    /// The signal is not a digit.
    Signal,
    /// The duration is not a number.
    Duration,
}

impl fmt::Display for InfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InfoError::ContentType => "content type carries no digits",
            InfoError::Body => "body is too long or not text",
            InfoError::NoSignal => "no Signal line",
            InfoError::Signal => "signal is not a digit",
            InfoError::Duration => "duration is not a number of milliseconds",
        })
    }
}

impl std::error::Error for InfoError {}

/// Reads the body of an INFO; parameters of the content type are ignored.
pub fn parse(content_type: &str, body: &[u8]) -> Result<InfoDigit, InfoError> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_relay = media_type.eq_ignore_ascii_case("application/dtmf-relay");
    if !is_relay && !media_type.eq_ignore_ascii_case("application/dtmf") {
        return Err(InfoError::ContentType);
    }
    if body.len() > MAX_BODY_LEN {
        return Err(InfoError::Body);
    }
    let text = std::str::from_utf8(body).map_err(|_| InfoError::Body)?;
    let signal = line_value(text, "Signal");
    let duration_ms = match line_value(text, "Duration") {
        Some(value) => Some(value.parse().map_err(|_| InfoError::Duration)?),
        None => None,
    };
    let signal = match signal {
        Some(signal) => signal,
        None if is_relay => return Err(InfoError::NoSignal),
        None => text.trim(),
    };
    Ok(InfoDigit { digit: digit(signal).ok_or(InfoError::Signal)?, duration_ms })
}

/// The value of the first `name=value` line; some senders use a colon, or put spaces around.
fn line_value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(['=', ':'])?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The key itself, or the event code of one (10 for `*`, 11 for `#`, …).
fn digit(signal: &str) -> Option<Digit> {
    let mut characters = signal.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Digit::from_char(character),
        _ if signal.bytes().all(|octet| octet.is_ascii_digit()) => {
            signal.parse().ok().and_then(Digit::from_event)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::testing::{fuzz, mutate};

    fn relay(body: &str) -> Result<(char, Option<u32>), InfoError> {
        parse("application/dtmf-relay", body.as_bytes()).map(|read| (read.digit.as_char(), read.duration_ms))
    }

    #[test]
    fn dtmf_relay_bodies_as_phones_send_them() {
        assert_eq!(relay("Signal=5\r\nDuration=160\r\n"), Ok(('5', Some(160))));
        assert_eq!(relay("Signal= *\r\nDuration= 250"), Ok(('*', Some(250))));
        assert_eq!(relay("signal = #\nduration = 100\n"), Ok(('#', Some(100))));
        assert_eq!(relay("Signal=11\r\nDuration=160"), Ok(('#', Some(160))));
        assert_eq!(relay("Signal=d"), Ok(('D', None)));
        assert_eq!(relay("Signal=!\r\n"), Ok(('!', None)));
    }

    #[test]
    fn a_bare_dtmf_body_is_the_digit() {
        let bare = |body: &[u8]| parse("application/dtmf; charset=us-ascii", body).map(|read| read.digit);
        assert_eq!(bare(b"7"), Ok(Digit::from_char('7').unwrap()));
        assert_eq!(bare(b"\r\n#\r\n"), Ok(Digit::from_char('#').unwrap()));
        assert_eq!(bare(b"10"), Ok(Digit::from_char('*').unwrap()));
        assert_eq!(bare(b"Signal=3\r\nDuration=90"), Ok(Digit::from_char('3').unwrap()));
    }

    #[test]
    fn other_bodies_are_refused_by_kind() {
        assert_eq!(parse("text/plain", b"5"), Err(InfoError::ContentType));
        assert_eq!(parse("application/dtmf-relayed", b"Signal=5"), Err(InfoError::ContentType));
        assert_eq!(relay("Duration=160"), Err(InfoError::NoSignal));
        assert_eq!(relay(""), Err(InfoError::NoSignal));
        assert_eq!(relay("Signal="), Err(InfoError::Signal));
        assert_eq!(relay("Signal=55"), Err(InfoError::Signal));
        assert_eq!(relay("Signal=-1"), Err(InfoError::Signal));
        assert_eq!(relay("Signal=é"), Err(InfoError::Signal));
        assert_eq!(relay("Signal=5\nDuration=long"), Err(InfoError::Duration));
        assert_eq!(parse("application/dtmf", &[0xFF]), Err(InfoError::Body));
        assert_eq!(parse("application/dtmf", &[b'5'; MAX_BODY_LEN + 1]), Err(InfoError::Body));
    }

    #[test]
    fn mutated_bodies_never_panic() {
        fuzz(5_000, |random| {
            let body = mutate(random, b"Signal=5\r\nDuration=160\r\n");
            let _ = parse("application/dtmf-relay", &body);
            let _ = parse("application/dtmf", &body);
        });
    }
}
