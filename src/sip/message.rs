//! Requests and responses (RFC 3261 §7): values, their text, and the response to a request (§8.2.6).

use std::fmt::Write;

use bytes::Bytes;

use super::header_name::HeaderName;
use super::header_values::CSeq;
use super::headers::Headers;
use super::method::Method;
use super::name_addr::NameAddr;
use super::status::StatusCode;
use super::uri::Uri;

/// A SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request. A Content-Length among its headers is what the sender said; written is always the length of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The header fields.
    pub headers: Headers,
    /// The body, empty if there is none.
    pub body: Bytes,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase, for people.
    pub reason: Box<str>,
    /// The header fields.
    pub headers: Headers,
    /// The body, empty if there is none.
    pub body: Bytes,
}

impl Message {
    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        match self {
            Message::Request(request) => &request.body,
            Message::Response(response) => &response.body,
        }
    }

    /// The message as it goes on the wire.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: Uri) -> Request {
        Request { method, uri, headers: Headers::new(), body: Bytes::new() }
    }

    /// The response to this request with the header fields RFC 3261 §8.2.6.2 copies, and no others: Via, From,
    /// To, Call-ID, CSeq; Timestamp in a 100; Record-Route where the response may make a dialog (§12.1.1).
    /// `local_tag` is added to a To without a tag (§8.2.6.2 wants one in every response but 100).
    pub fn response(&self, status: StatusCode, local_tag: Option<&str>) -> Response {
        response_to(&self.method, &self.headers, status, local_tag)
    }

    /// Sets body and Content-Type.
    pub fn set_body(&mut self, content_type: &str, body: Bytes) {
        self.headers.set(HeaderName::ContentType, content_type);
        self.body = body;
    }

    /// The request as it goes on the wire.
    pub fn to_bytes(&self) -> Bytes {
        let mut head = String::with_capacity(HEAD_CAPACITY);
        let _ = write!(head, "{} {} SIP/2.0\r\n", self.method, self.uri);
        assemble(head, &self.headers, &self.body)
    }
}

impl Response {
    /// A response without headers and body.
    pub fn new(status: StatusCode) -> Response {
        Response { status, reason: status.reason().into(), headers: Headers::new(), body: Bytes::new() }
    }

    /// Sets body and Content-Type.
    pub fn set_body(&mut self, content_type: &str, body: Bytes) {
        self.headers.set(HeaderName::ContentType, content_type);
        self.body = body;
    }

    /// The response as it goes on the wire.
    pub fn to_bytes(&self) -> Bytes {
        let mut head = String::with_capacity(HEAD_CAPACITY);
        let _ = write!(head, "SIP/2.0 {} ", self.status);
        head.extend(self.reason.chars().filter(|character| !character.is_control()));
        head.push_str("\r\n");
        assemble(head, &self.headers, &self.body)
    }
}

/// [`Request::response`] for a request of which only this much could be read.
pub(super) fn response_to(
    method: &Method,
    request: &Headers,
    status: StatusCode,
    local_tag: Option<&str>,
) -> Response {
    let mut headers = Headers::new();
    headers.copy_from(request, HeaderName::Via);
    if may_make_dialog(method, status) {
        headers.copy_from(request, HeaderName::RecordRoute);
    }
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
        match request.get(&name) {
            Some(to) if name == HeaderName::To => headers.push(name, with_tag(to, local_tag)),
            Some(value) => headers.push(name, value),
            None => {}
        }
    }
    if status == StatusCode::TRYING {
        headers.copy_from(request, HeaderName::Timestamp);
    }
    Response { status, reason: status.reason().into(), headers, body: Bytes::new() }
}

/// What most heads fit in.
const HEAD_CAPACITY: usize = 1024;

/// Content-Length is always that of the body, whatever the headers say.
fn assemble(mut head: String, headers: &Headers, body: &Bytes) -> Bytes {
    for (name, value) in headers.iter().filter(|(name, _)| **name != HeaderName::ContentLength) {
        head.push_str(name.as_str());
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes.into()
}

fn may_make_dialog(method: &Method, status: StatusCode) -> bool {
    method.forms_dialog() && status != StatusCode::TRYING && status.code() < 300
}

/// The To of a response: as it came, with a tag if it has none and can be read.
fn with_tag(to: &str, local_tag: Option<&str>) -> String {
    match (local_tag, NameAddr::parse(to)) {
        (Some(tag), Ok(address)) if address.tag().is_none() => {
            // A bare address takes the tag behind its parameters too: they are the header field's (§20.10).
            // Some phones end their parameters with a semicolon; two in a row would be none of ours to send.
            let to = to.trim_end().trim_end_matches(';').trim_end();
            format!("{to};tag={tag}")
        }
        _ => to.into(),
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Message {
        Message::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Message {
        Message::Response(response)
    }
}

impl CSeq {
    /// The value for a request of this method.
    pub fn new(number: u32, method: Method) -> CSeq {
        CSeq { number, method }
    }
}

#[cfg(test)]
mod tests;
