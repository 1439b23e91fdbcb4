//! What tells one server transaction from another: RFC 3261 §17.2.3, with the rules of RFC 2543 for peers whose branch
//! lacks the magic cookie.

use crate::sip::{HeaderError, Method, Request, Via};

/// What every branch made by RFC 3261 begins with.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// A server transaction's identity as it can be read from any of its requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MatchKey {
    identity: Identity,
    /// The method, with INVITE for ACK.
    method: Method,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Identity {
    /// Branch and sent-by of the topmost Via.
    Branch { branch: Box<str>, sent_by: Box<str> },
    /// Request-URI, From tag, Call-ID, CSeq number and the topmost Via as its sender wrote it. The To tag is left out
    /// because the ACK carries the response's; the layer compares it.
    Rfc2543 { request_uri: Box<str>, from_tag: Box<str>, call_id: Box<str>, cseq: u32, via: Box<str> },
}

impl MatchKey {
    /// Reads the key of `request`, whose topmost Via is `via`.
    pub fn of(request: &Request, via: &Via) -> Result<MatchKey, HeaderError> {
        let method = match &request.method {
            Method::Ack => Method::Invite,
            method => method.clone(),
        };
        let identity = match via.branch() {
            Some(branch) if has_magic_cookie(branch) => {
                Identity::Branch { branch: branch.into(), sent_by: sent_by(via) }
            }
            _ => Identity::Rfc2543 {
                request_uri: request.uri.to_string().into(),
                from_tag: request.headers.from()?.tag().unwrap_or_default().into(),
                call_id: request.headers.call_id()?.into(),
                cseq: request.headers.cseq()?.number,
                via: format!("{} {}", sent_by(via), via.branch().unwrap_or_default()).into(),
            },
        };
        Ok(MatchKey { identity, method })
    }

    /// The INVITE transaction that a CANCEL with this key means (RFC 3261 §9.2).
    pub fn cancelled_invite(&self) -> MatchKey {
        MatchKey { identity: self.identity.clone(), method: Method::Invite }
    }

    /// Whether an ACK with this key must also name the To tag of our response to match.
    pub fn needs_to_tag(&self) -> bool {
        matches!(self.identity, Identity::Rfc2543 { .. })
    }
}

/// Whether a request comes from a peer of RFC 2543: its branch is none of RFC 3261.
pub fn is_of_rfc2543(request: &Request) -> bool {
    request.headers.top_via().is_ok_and(|via| !via.branch().is_some_and(has_magic_cookie))
}

fn has_magic_cookie(branch: &str) -> bool {
    // The cookie alone is no identity.
    branch.len() > MAGIC_COOKIE.len()
        && branch.get(..MAGIC_COOKIE.len()).is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
}

fn sent_by(via: &Via) -> Box<str> {
    match via.port {
        Some(port) => format!("{}:{port}", via.host).to_ascii_lowercase().into(),
        None => via.host.to_string().to_ascii_lowercase().into(),
    }
}
