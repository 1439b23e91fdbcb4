//! Reads a message (RFC 3261 §7, §18.3, §25.1).
//!
//! Strict where a wrong guess would change the meaning (start line, lengths, what identifies dialog and
//! transaction), tolerant where RFC 4475 and RFC 5118 ask for it and where nothing depends on it: line ends without
//! CR, Latin-1 instead of UTF-8. Other header fields are read when somebody asks for them.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::header_name::HeaderName;
use super::headers::{HeaderError, HeaderErrorKind, Headers};
use super::message::{Message, Request, Response, response_to};
use super::method::Method;
use super::status::StatusCode;
use super::text::{parse_number, trim};
use super::uri::{Uri, UriError};

/// The longest message taken: no datagram is longer.
pub const MAX_MESSAGE_LEN: usize = 65_535;
/// The most header field lines of a message.
pub const MAX_HEADER_LINES: usize = 200;
/// The longest value of one header field line, unfolded.
pub const MAX_HEADER_LEN: usize = 8_192;

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// Only line ends or NULs: what some phones send to keep a NAT binding.
    Empty,
    /// Nothing that looks like a SIP message.
    NotSip,
    /// Separators of the start line.
    StartLine,
    /// A method that is no token.
    Method,
    /// A version other than 2.0.
    Version,
    /// A status code outside 100 to 699.
    StatusCode,
    /// The Request-URI.
    RequestUri(UriError),
    /// A line that is no header field; the start line is line 1.
    HeaderLine(usize),
    /// No empty line after the header fields: cut off.
    Unterminated,
    /// The body is shorter than Content-Length says.
    BodyTooShort,
    /// Longer than [`MAX_MESSAGE_LEN`].
    MessageTooLong,
    /// More than [`MAX_HEADER_LINES`] or one longer than [`MAX_HEADER_LEN`].
    HeadersTooLong,
    /// A header field that must be right in every message.
    Header(HeaderError),
}

/// A message that cannot be taken, and what is needed to answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, and where.
    pub kind: ParseErrorKind,
    request: Option<Box<(Method, Headers)>>,
}

impl ParseError {
    /// The status to answer a request with.
    pub fn status(&self) -> StatusCode {
        let is_unknown_method = matches!(self.request.as_deref(), Some((Method::Other(_), _)));
        match &self.kind {
            ParseErrorKind::Version => StatusCode::VERSION_NOT_SUPPORTED,
            ParseErrorKind::MessageTooLong | ParseErrorKind::HeadersTooLong => StatusCode::MESSAGE_TOO_LARGE,
            // RFC 4475 §3.1.2.18 prefers 501 where the method is unknown.
            ParseErrorKind::Header(HeaderError { kind: HeaderErrorKind::MethodMismatch, .. })
                if is_unknown_method =>
            {
                StatusCode::NOT_IMPLEMENTED
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer, to be sent to where the message came from without a transaction: there is one if it was a request
    /// other than ACK and has a Via. The header fields that make it a response are copied as they are, so the topmost
    /// Via may be the very thing that cannot be read, and missing ones stay missing (RFC 4475 §3.1.2.1, §3.3.1).
    /// The reason phrase names the fault (RFC 3261 §21.4.1).
    pub fn answerable(&self, local_tag: Option<&str>) -> Option<Response> {
        let (method, headers) = self.request.as_deref()?;
        if *method == Method::Ack || !headers.contains(HeaderName::Via) {
            return None;
        }
        let status = self.status();
        let mut response = response_to(method, headers, status, local_tag);
        if status == StatusCode::BAD_REQUEST {
            response.reason = format!("Bad Request: {}", self.kind).into();
        }
        Some(response)
    }
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseErrorKind::Empty => "empty",
            ParseErrorKind::NotSip => "not SIP",
            ParseErrorKind::StartLine => "bad start line",
            ParseErrorKind::Method => "bad method",
            ParseErrorKind::Version => "version not supported",
            ParseErrorKind::StatusCode => "bad status code",
            ParseErrorKind::RequestUri(error) => return write!(f, "bad Request-URI ({error})"),
            ParseErrorKind::HeaderLine(line) => return write!(f, "bad header field in line {line}"),
            ParseErrorKind::Unterminated => "no empty line after the header fields",
            ParseErrorKind::BodyTooShort => "body shorter than Content-Length",
            ParseErrorKind::MessageTooLong => "message too long",
            ParseErrorKind::HeadersTooLong => "header fields too long",
            ParseErrorKind::Header(error) => return write!(f, "{error}"),
        })
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)
    }
}

impl std::error::Error for ParseError {}

impl From<ParseErrorKind> for ParseError {
    fn from(kind: ParseErrorKind) -> ParseError {
        ParseError { kind, request: None }
    }
}

/// Reads one message. Bytes after the body that Content-Length tells are ignored, without Content-Length the body
/// reaches to the end (RFC 3261 §18.3). The body shares the datagram's memory.
pub fn parse_datagram(datagram: &Bytes) -> Result<Message, ParseError> {
    let Some(start) = datagram.iter().position(|byte| !b"\r\n\0".contains(byte)) else {
        return Err(ParseErrorKind::Empty.into());
    };
    // RFC 3261 §7.5: line ends before the start line are ignored.
    let datagram = datagram.slice(start..);
    let head_len = find_head_end(&datagram, 0);
    let draft = Draft::read(&datagram[..head_len.unwrap_or(datagram.len())])?;
    if datagram.len() > MAX_MESSAGE_LEN {
        return Err(draft.fail(ParseErrorKind::MessageTooLong));
    }
    let Some(head_len) = head_len else {
        return Err(draft.fail(ParseErrorKind::Unterminated));
    };
    let mut body = datagram.slice(head_len..);
    match draft.content_length() {
        Ok(Some(len)) if len > body.len() => return Err(draft.fail(ParseErrorKind::BodyTooShort)),
        Ok(Some(len)) => body.truncate(len),
        Ok(None) => {}
        Err(error) => return Err(draft.fail(ParseErrorKind::Header(error))),
    }
    draft.finish(body)
}

/// Where the head ends and the body begins: behind the first empty line at or after `from`.
pub(super) fn find_head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(distance) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        at += distance + 1;
        match bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// A start line that has been understood as far as is needed to go on or to answer.
enum Start {
    Request {
        method: Method,
        uri: Option<Uri>,
    },
    Response {
        status: StatusCode,
        reason: Box<str>,
    },
    /// SIP, but neither to be used nor to be answered.
    Unusable,
}

/// A message without its body, and the first thing found wrong with it.
pub(super) struct Draft {
    start: Start,
    headers: Headers,
    fault: Option<ParseErrorKind>,
}

impl Draft {
    /// Reads start line and header fields. What does not look like SIP is an error at once; all other faults are kept
    /// for [`Draft::finish`], so that a stream can go on and an answer can be made from what else is there.
    pub(super) fn read(head: &[u8]) -> Result<Draft, ParseErrorKind> {
        let head = decode_text(head);
        let (start_line, rest) = head.split_once('\n').unwrap_or((&head, ""));
        let (start, start_fault) = parse_start_line(start_line.strip_suffix('\r').unwrap_or(start_line))?;
        let mut headers = Headers::new();
        let headers_fault = parse_header_lines(rest, &mut headers).err();
        Ok(Draft { start, headers, fault: start_fault.or(headers_fault) })
    }

    /// What Content-Length says; on a stream nothing can be said about the next message if it is wrong.
    pub(super) fn content_length(&self) -> Result<Option<usize>, HeaderError> {
        self.headers.content_length()
    }

    /// The error for this message.
    pub(super) fn fail(self, kind: ParseErrorKind) -> ParseError {
        let request = match self.start {
            Start::Request { method, .. } => Some(Box::new((method, self.headers))),
            Start::Response { .. } | Start::Unusable => None,
        };
        // What is wrong first hides what follows from it.
        ParseError { kind: self.fault.unwrap_or(kind), request }
    }

    /// The message, if everything is right that must be in every message.
    pub(super) fn finish(mut self, body: Bytes) -> Result<Message, ParseError> {
        if let Some(fault) = self.fault.take() {
            return Err(self.fail(fault));
        }
        if let Err(error) = self.check() {
            return Err(self.fail(ParseErrorKind::Header(error)));
        }
        let headers = self.headers;
        Ok(match self.start {
            Start::Request { method, uri: Some(uri) } => Request { method, uri, headers, body }.into(),
            Start::Request { uri: None, .. } | Start::Unusable => unreachable!("a bad start line is a fault"),
            Start::Response { status, reason } => Response { status, reason, headers, body }.into(),
        })
    }

    /// What identifies dialog and transaction and leads the answer back; of a request also what makes a dialog.
    fn check(&self) -> Result<(), HeaderError> {
        let headers = &self.headers;
        headers.vias().try_for_each(|via| via.map(drop))?;
        headers.top_via()?;
        headers.from()?;
        headers.to()?;
        headers.call_id()?;
        let cseq = headers.cseq()?;
        if let Start::Request { method, .. } = &self.start {
            if *method != cseq.method {
                return Err(HeaderError { header: HeaderName::CSeq, kind: HeaderErrorKind::MethodMismatch });
            }
            headers.max_forwards()?;
            headers.contacts()?;
            headers.routes()?;
            headers.record_routes()?;
        }
        Ok(())
    }
}

/// RFC 3261 §7.3.1 wants UTF-8; a line that is none is taken as Latin-1, which old phones send names in.
fn decode_text(head: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(head) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(head.len() + 64);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(line) => text.push_str(line),
            Err(_) => text.extend(line.iter().map(|byte| char::from(*byte))),
        }
    }
    Cow::Owned(text)
}

type StartLine = (Start, Option<ParseErrorKind>);

fn parse_start_line(line: &str) -> Result<StartLine, ParseErrorKind> {
    if has_sip_prefix(line) {
        return Ok(parse_status_line(line).map_or_else(unusable, |start| (start, None)));
    }
    let (method, rest) = line.split_once(' ').ok_or(ParseErrorKind::NotSip)?;
    let last_word = line.trim_end().rsplit(' ').next().unwrap_or_default();
    if !has_sip_prefix(last_word) {
        return Err(ParseErrorKind::NotSip);
    }
    let Some(method) = Method::parse(method) else {
        return Ok(unusable(ParseErrorKind::Method));
    };
    let (uri, fault) = match parse_request_target(rest) {
        Ok(uri) => (Some(uri), None),
        Err(fault) => (None, Some(fault)),
    };
    Ok((Start::Request { method, uri }, fault))
}

fn unusable(fault: ParseErrorKind) -> StartLine {
    (Start::Unusable, Some(fault))
}

/// `Request-URI SP SIP-Version`, with exactly one space (RFC 3261 §7.1).
fn parse_request_target(text: &str) -> Result<Uri, ParseErrorKind> {
    let (uri, version) = text.rsplit_once(' ').ok_or(ParseErrorKind::StartLine)?;
    check_version(version)?;
    let uri = Uri::parse(uri).map_err(ParseErrorKind::RequestUri)?;
    // RFC 3261 §19.1.1, table 1: no headers in a Request-URI.
    if uri.headers.is_some() {
        return Err(ParseErrorKind::RequestUri(UriError::Headers));
    }
    Ok(uri)
}

fn parse_status_line(line: &str) -> Result<Start, ParseErrorKind> {
    let (version, rest) = line.split_once(' ').ok_or(ParseErrorKind::StartLine)?;
    check_version(version)?;
    // The space before an empty reason phrase is often forgotten.
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_three_digits = code.len() == 3;
    let status = parse_number(code).filter(|_| is_three_digits).and_then(StatusCode::new);
    let status = status.ok_or(ParseErrorKind::StatusCode)?;
    Ok(Start::Response { status, reason: reason.into() })
}

fn has_sip_prefix(text: &str) -> bool {
    text.as_bytes().get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"SIP/"))
}

fn check_version(text: &str) -> Result<(), ParseErrorKind> {
    if text.eq_ignore_ascii_case("SIP/2.0") {
        return Ok(());
    }
    let is_version = has_sip_prefix(text)
        && text[4..].split_once('.').is_some_and(|(major, minor)| {
            [major, minor]
                .iter()
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        });
    Err(if is_version { ParseErrorKind::Version } else { ParseErrorKind::StartLine })
}

/// Reads lines up to the empty one. A bad line is left out and the first is told, so that the rest is there for the
/// answer.
fn parse_header_lines(text: &str, headers: &mut Headers) -> Result<(), ParseErrorKind> {
    let mut fault = None;
    let mut pending: Option<(HeaderName, String)> = None;
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), &mut pending) {
            unfold(value, line);
            fault = fault.or(line.contains('\r').then_some(ParseErrorKind::HeaderLine(index + 2)));
            if value.len() > MAX_HEADER_LEN {
                return Err(fault.unwrap_or(ParseErrorKind::HeadersTooLong));
            }
            continue;
        }
        if let Some((name, value)) = pending.take() {
            headers.push(name, value);
        }
        if headers.len() >= MAX_HEADER_LINES {
            return Err(fault.unwrap_or(ParseErrorKind::HeadersTooLong));
        }
        match parse_header_line(line) {
            Some(header) => pending = Some(header),
            // The start line was line 1.
            None => fault = fault.or(Some(ParseErrorKind::HeaderLine(index + 2))),
        }
        if pending.as_ref().is_some_and(|(_, value)| value.len() > MAX_HEADER_LEN) {
            return Err(fault.unwrap_or(ParseErrorKind::HeadersTooLong));
        }
    }
    if let Some((name, value)) = pending {
        headers.push(name, value);
    }
    fault.map_or(Ok(()), Err)
}

/// Appends a continuation line: the fold counts as one space (RFC 3261 §7.3.1).
fn unfold(value: &mut String, line: &str) {
    let line = trim(line);
    if !value.is_empty() && !line.is_empty() {
        value.push(' ');
    }
    value.push_str(line);
}

/// A CR within a line would end the line for other implementations: never taken.
fn parse_header_line(line: &str) -> Option<(HeaderName, String)> {
    let (name, value) = line.split_once(':')?;
    if value.contains('\r') {
        return None;
    }
    Some((HeaderName::parse(name.trim_end_matches([' ', '\t']))?, trim(value).into()))
}

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod parser_fuzz;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture_tests;
