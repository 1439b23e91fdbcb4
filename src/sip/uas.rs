//! What a UAS checks before a request becomes anyone's business (RFC 3261 §8.2), and how it answers OPTIONS (§11.2).
//!
//! Driven by the endpoint for every request the transaction layer hands up. It routes no call: 404, 403, 486 and the
//! like are the endpoint's. RFC 3261 §8.2's order is kept: method, header fields, body. A Max-Forwards of 0 is no
//! obstacle, for nothing is forwarded here (§16.3 item 3 is a proxy's).

pub mod body;

use std::time::{Duration, Instant};

use bytes::Bytes;

use self::body::{BodyError, SDP, session_description};
use super::dialog::DialogId;
use super::merged::MergedRequests;
use super::transaction::key::is_of_rfc2543;
use super::{HeaderError, HeaderErrorKind, HeaderName, Method, Request, Response, Scheme, StatusCode};

/// The methods served, as in Allow.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO";

/// The extensions served, as in Supported.
pub const SUPPORTED: &str = "100rel, timer";

/// What this UAS takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UasRules {
    /// Largest body, beyond it 413.
    pub max_body_bytes: usize,
    /// Longest Request-URI, beyond it 414.
    pub max_uri_bytes: usize,
    /// Most bytes of header fields, beyond it 513.
    pub max_header_bytes: usize,
    /// Option tags a caller must support, else 421.
    pub required_of_callers: Vec<String>,
    /// Whether sips URIs are served; without TLS they cannot be, and get 416.
    pub sips: bool,
}

impl Default for UasRules {
    fn default() -> Self {
        UasRules {
            max_body_bytes: 32 * 1024,
            max_uri_bytes: 2048,
            max_header_bytes: 32 * 1024,
            required_of_callers: Vec::new(),
            sips: false,
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It belongs to this dialog; if there is none by that name, [`no_such_dialog`] is the answer.
    InDialog(DialogId),
    /// A call to be routed.
    Call,
    /// An OPTIONS outside a dialog, to be answered by [`options_answer`].
    Options,
    /// To be answered so.
    Refused(Box<Response>),
}

/// The checks, and the memory they need.
#[derive(Debug)]
pub struct Uas {
    rules: UasRules,
    merged: MergedRequests,
}

impl Uas {
    /// `merged_bound` is how many requests are remembered to find merged ones, `merged_keep` for how long (64 * T1).
    pub fn new(rules: UasRules, merged_bound: usize, merged_keep: Duration) -> Uas {
        Uas { rules, merged: MergedRequests::new(merged_bound, merged_keep) }
    }

    /// What becomes of a request from [`TransactionEvent::Request`](super::transaction::TransactionEvent::Request).
    /// `tag` is a fresh To tag for the answer.
    pub fn admit(&mut self, now: Instant, request: &Request, tag: &str) -> Admission {
        assert!(!matches!(request.method, Method::Ack | Method::Cancel), "the transaction layer keeps them");
        match self.check(now, request, tag) {
            Ok(admission) => admission,
            Err(refusal) => Admission::Refused(Box::new(refusal)),
        }
    }

    fn check(&mut self, now: Instant, request: &Request, tag: &str) -> Result<Admission, Response> {
        check_basics(request).map_err(|error| bad_request(request, tag, &error))?;
        self.check_sizes(request, tag)?;
        if let Some(dialog) = DialogId::of_request(request) {
            return Ok(Admission::InDialog(dialog));
        }
        check_method(request, tag)?;
        if !matches!(request.method, Method::Invite | Method::Options) {
            return Err(no_such_dialog(request, tag));
        }
        self.check_scheme(request, tag)?;
        if self.merged.is_copy(now, request) {
            return Err(request.response(StatusCode::LOOP_DETECTED, Some(tag)));
        }
        check_require(request, tag)?;
        if request.method == Method::Options {
            return Ok(Admission::Options);
        }
        self.check_invite(request, tag)?;
        Ok(Admission::Call)
    }

    fn check_sizes(&self, request: &Request, tag: &str) -> Result<(), Response> {
        let header_bytes: usize =
            request.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if header_bytes > self.rules.max_header_bytes {
            return Err(request.response(StatusCode::MESSAGE_TOO_LARGE, Some(tag)));
        }
        if request.uri.to_string().len() > self.rules.max_uri_bytes {
            return Err(request.response(StatusCode::REQUEST_URI_TOO_LONG, Some(tag)));
        }
        Ok(())
    }

    /// RFC 3261 §8.2.2.1.
    fn check_scheme(&self, request: &Request, tag: &str) -> Result<(), Response> {
        let served = match request.uri.scheme {
            Scheme::Sip => true,
            Scheme::Sips => self.rules.sips,
            _ => false,
        };
        if served { Ok(()) } else { Err(request.response(StatusCode::UNSUPPORTED_URI_SCHEME, Some(tag))) }
    }

    fn check_invite(&self, invite: &Request, tag: &str) -> Result<(), Response> {
        let lacking: Vec<&str> = self
            .rules
            .required_of_callers
            .iter()
            .map(String::as_str)
            .filter(|option_tag| !invite.headers.supports(option_tag))
            .collect();
        if !lacking.is_empty() {
            let mut response = invite.response(StatusCode::EXTENSION_REQUIRED, Some(tag));
            response.headers.push(HeaderName::Require, lacking.join(", "));
            return Err(response);
        }
        session_description(&invite.headers, &invite.body, self.rules.max_body_bytes)
            .map_err(|error| body_refusal(invite, tag, error, SDP))?;
        if !invite.headers.accepts(SDP) {
            return Err(invite.response(StatusCode::NOT_ACCEPTABLE, Some(tag)));
        }
        check_contact(invite).map_err(|error| bad_request(invite, tag, &error))
    }
}

/// The answer to an OPTIONS: `status` is what an INVITE would get now (200, 486, 503 …), `sdp` what we can.
pub fn options_answer(request: &Request, tag: &str, status: StatusCode, sdp: Option<Bytes>) -> Response {
    let mut response = request.response(status, Some(tag));
    response.headers.push(HeaderName::Allow, ALLOW);
    response.headers.push(HeaderName::Accept, SDP);
    response.headers.push(HeaderName::AcceptEncoding, "identity");
    response.headers.push(HeaderName::AcceptLanguage, "en");
    response.headers.push(HeaderName::Supported, SUPPORTED);
    if let Some(sdp) = sdp.filter(|_| request.headers.accepts(SDP)) {
        response.set_body(SDP, sdp);
    }
    response
}

/// 481 to a request for a dialog that is not ours.
pub fn no_such_dialog(request: &Request, tag: &str) -> Response {
    request.response(StatusCode::CALL_TRANSACTION_DOES_NOT_EXIST, Some(tag))
}

/// 400 with a reason phrase that tells what is wrong (RFC 3261 §21.4.1).
pub fn bad_request(request: &Request, tag: &str, error: &HeaderError) -> Response {
    let mut response = request.response(StatusCode::BAD_REQUEST, Some(tag));
    response.reason = format!("Bad Request: {error}").into();
    response
}

/// RFC 3261 §8.2.1: 405 to a method that is known but not served, 501 to one that is not known.
pub(super) fn check_method(request: &Request, tag: &str) -> Result<(), Response> {
    use Method::*;
    let status = match request.method {
        Invite | Ack | Cancel | Bye | Options | Prack | Update | Info => return Ok(()),
        Register | Refer | Subscribe | Notify | Message | Publish => StatusCode::METHOD_NOT_ALLOWED,
        Other(_) => StatusCode::NOT_IMPLEMENTED,
    };
    let mut response = request.response(status, Some(tag));
    response.headers.push(HeaderName::Allow, ALLOW);
    Err(response)
}

/// RFC 3261 §8.2.2.3: 420 to what requires an extension that is not served.
pub(super) fn check_require(request: &Request, tag: &str) -> Result<(), Response> {
    let served = |option_tag: &str| SUPPORTED.split(", ").any(|ours| ours.eq_ignore_ascii_case(option_tag));
    let unsupported: Vec<&str> =
        request.headers.require().into_iter().filter(|option_tag| !served(option_tag)).collect();
    if unsupported.is_empty() {
        return Ok(());
    }
    let mut response = request.response(StatusCode::BAD_EXTENSION, Some(tag));
    response.headers.push(HeaderName::Unsupported, unsupported.join(", "));
    Err(response)
}

/// RFC 3261 §8.2.3: what a body that cannot be used is answered; `accept` is what can.
pub(super) fn body_refusal(request: &Request, tag: &str, error: BodyError, accept: &str) -> Response {
    let status = match error {
        BodyError::TooLarge => StatusCode::REQUEST_ENTITY_TOO_LARGE,
        BodyError::Encoded | BodyError::NotSdp => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        BodyError::Encrypted => StatusCode::UNDECIPHERABLE,
    };
    let mut response = request.response(status, Some(tag));
    match error {
        BodyError::Encoded => response.headers.push(HeaderName::AcceptEncoding, "identity"),
        BodyError::NotSdp => response.headers.push(HeaderName::Accept, accept),
        BodyError::TooLarge | BodyError::Encrypted => {}
    }
    response
}

/// The header fields that every request has (RFC 3261 §8.1.1), each once.
fn check_basics(request: &Request) -> Result<(), HeaderError> {
    let headers = &request.headers;
    headers.from()?;
    headers.to()?;
    headers.call_id()?;
    // RFC 3261 §8.1.1.6 wants it; peers of RFC 2543 lack it, and nothing here depends on it.
    headers.max_forwards()?;
    headers.content_length()?;
    let cseq = headers.cseq()?;
    if cseq.method != request.method {
        return Err(HeaderError { header: HeaderName::CSeq, kind: HeaderErrorKind::MethodMismatch });
    }
    Ok(())
}

/// RFC 3261 §8.1.1.8: an INVITE has a Contact, with a SIP URI; RFC 2543 wanted none.
fn check_contact(invite: &Request) -> Result<(), HeaderError> {
    let wrong = |kind| HeaderError { header: HeaderName::Contact, kind };
    match invite.headers.contacts()?.first() {
        None if is_of_rfc2543(invite) => Ok(()),
        None => Err(wrong(HeaderErrorKind::Missing)),
        Some(contact) if !matches!(contact.uri.scheme, Scheme::Sip | Scheme::Sips) => {
            Err(wrong(HeaderErrorKind::Address))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
