//! Dialogs (RFC 3261 §12): what both sides remember of each other between requests.
//!
//! A plain value. [`Session`](super::session::Session) drives it; it knows no transaction and no body.

use super::transaction::key::is_of_rfc2543;
use super::{HeaderError, HeaderErrorKind, HeaderName, Headers, Method, NameAddr, Request, Uri};
use bytes::Bytes;

/// Most routes a dialog keeps; a request with more is malformed to us.
pub const MAX_ROUTES: usize = 32;

/// What names a dialog on our side (RFC 3261 §12).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: Box<str>,
    /// Our tag.
    pub local_tag: Box<str>,
    /// The peer's tag; empty for a peer of RFC 2543 that has none.
    pub remote_tag: Box<str>,
}

impl DialogId {
    /// The dialog that a request from the peer names: `None` if its To has no tag, or a header cannot be read.
    pub fn of_request(request: &Request) -> Option<DialogId> {
        let to = request.headers.to().ok()?;
        let from = request.headers.from().ok()?;
        Some(DialogId {
            call_id: request.headers.call_id().ok()?.into(),
            local_tag: to.tag()?.into(),
            remote_tag: from.tag().unwrap_or_default().into(),
        })
    }
}

/// A request whose CSeq is not above the last one's (RFC 3261 §12.2.2): answered 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfOrder;

/// One side of a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    id: DialogId,
    /// From of our requests, with our tag.
    local: NameAddr,
    /// To of our requests, with the peer's tag.
    remote: NameAddr,
    remote_target: Uri,
    route_set: Vec<NameAddr>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    secure: bool,
}

impl Dialog {
    /// The dialog that our answer with `local_tag` to a request makes (RFC 3261 §12.1.1). `local_cseq` is the number
    /// before that of our first request, below 2³¹.
    pub fn for_uas(request: &Request, local_tag: &str, local_cseq: u32) -> Result<Dialog, HeaderError> {
        assert!(local_cseq < 1 << 31, "RFC 3261 §8.1.1.5");
        let headers = &request.headers;
        let remote = headers.from()?;
        let remote_uri = remote.uri.clone();
        let local = headers.to()?.with_tag(local_tag);
        let id = DialogId {
            call_id: headers.call_id()?.into(),
            local_tag: local_tag.into(),
            remote_tag: remote.tag().unwrap_or_default().into(),
        };
        Ok(Dialog {
            id,
            local,
            remote,
            remote_target: match only_contact(headers)? {
                Some(contact) => contact,
                // RFC 2543 §6.13 makes From the fallback.
                None if is_of_rfc2543(request) => remote_uri,
                None => return Err(missing_contact()),
            },
            route_set: record_routes(headers)?,
            local_cseq,
            remote_cseq: Some(headers.cseq()?.number),
            secure: request.uri.is_secure(),
        })
    }

    /// The dialog that a response to our request makes (RFC 3261 §12.1.2).
    pub fn for_uac(request: &Request, response: &Headers) -> Result<Dialog, HeaderError> {
        let local = request.headers.from()?;
        let remote = response.to()?;
        let id = DialogId {
            call_id: request.headers.call_id()?.into(),
            local_tag: local.tag().unwrap_or_default().into(),
            remote_tag: remote.tag().unwrap_or_default().into(),
        };
        let mut route_set = record_routes(response)?;
        route_set.reverse();
        Ok(Dialog {
            id,
            local,
            remote,
            remote_target: only_contact(response)?.ok_or(missing_contact())?,
            route_set,
            local_cseq: request.headers.cseq()?.number,
            remote_cseq: None,
            secure: request.uri.is_secure(),
        })
    }

    /// What names the dialog.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// The peer as its From (or To) named it.
    pub fn remote(&self) -> &NameAddr {
        &self.remote
    }

    /// Ourselves as the peer's To (or our From) named us.
    pub fn local(&self) -> &NameAddr {
        &self.local
    }

    /// Where the peer wants its requests.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// Whether the dialog was set up with a sips URI.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The CSeq number of our last request.
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Takes note of the CSeq of a request from the peer, not ACK or CANCEL.
    pub fn advance_remote(&mut self, cseq: u32) -> Result<(), OutOfOrder> {
        if self.remote_cseq.is_some_and(|last| cseq <= last) {
            return Err(OutOfOrder);
        }
        self.remote_cseq = Some(cseq);
        Ok(())
    }

    /// Takes the peer's new target from the Contact of a target refresh request or its response (RFC 3261 §12.2);
    /// one without Contact, or with an unreadable one, leaves it.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Ok(Some(target)) = only_contact(headers) {
            self.remote_target = target;
        }
    }

    /// Our next request (RFC 3261 §12.2.1.1), without Via and Contact.
    pub fn request(&mut self, method: Method) -> Request {
        assert!(!matches!(method, Method::Ack | Method::Cancel), "they repeat the number of their INVITE");
        self.local_cseq += 1;
        self.request_with_cseq(method, self.local_cseq)
    }

    /// The ACK to the 2xx of our INVITE with this number (RFC 3261 §13.2.2.4), without Via.
    pub fn ack(&self, invite_cseq: u32) -> Request {
        self.request_with_cseq(Method::Ack, invite_cseq)
    }

    /// The URI whose host is the next hop: the first route, else the target (RFC 3261 §12.2.1.1, §8.1.2).
    pub fn next_hop(&self) -> &Uri {
        self.route_set.first().map_or(&self.remote_target, |route| &route.uri)
    }

    /// Whether requests go by way of proxies.
    pub fn has_route(&self) -> bool {
        !self.route_set.is_empty()
    }

    fn request_with_cseq(&self, method: Method, cseq: u32) -> Request {
        let (uri, routes) = self.uri_and_routes();
        let mut headers = Headers::new();
        headers.push(HeaderName::MaxForwards, "70");
        for route in routes {
            headers.push(HeaderName::Route, route);
        }
        headers.push(HeaderName::From, self.local.to_string());
        headers.push(HeaderName::To, self.remote.to_string());
        headers.push(HeaderName::CallId, self.id.call_id.clone());
        headers.push(HeaderName::CSeq, format!("{cseq} {method}"));
        Request { method, uri, headers, body: Bytes::new() }
    }

    /// RFC 3261 §12.2.1.1: a loose first route stays in Route; a strict one becomes the Request-URI, and the target
    /// goes to the end of Route.
    fn uri_and_routes(&self) -> (Uri, Vec<String>) {
        match self.route_set.split_first() {
            Some((first, rest)) if !first.uri.is_loose_router() => {
                let mut uri = first.uri.clone();
                // Headers and method are not allowed in a Request-URI (§19.1.1 Table 1).
                uri.headers = None;
                uri.params.remove("method");
                let target = NameAddr::new(self.remote_target.clone());
                (uri, rest.iter().chain([&target]).map(NameAddr::to_string).collect())
            }
            _ => (self.remote_target.clone(), self.route_set.iter().map(NameAddr::to_string).collect()),
        }
    }
}

/// The Contact's URI as a Request-URI; `None` if there is no Contact.
fn only_contact(headers: &Headers) -> Result<Option<Uri>, HeaderError> {
    let mut uri = match headers.contacts()?.into_iter().next() {
        Some(contact) => contact.uri,
        None => return Ok(None),
    };
    uri.headers = None;
    uri.params.remove("method");
    Ok(Some(uri))
}

fn record_routes(headers: &Headers) -> Result<Vec<NameAddr>, HeaderError> {
    let routes = headers.record_routes()?;
    if routes.len() > MAX_ROUTES {
        return Err(HeaderError { header: HeaderName::RecordRoute, kind: HeaderErrorKind::Repeated });
    }
    Ok(routes)
}

fn missing_contact() -> HeaderError {
    HeaderError { header: HeaderName::Contact, kind: HeaderErrorKind::Missing }
}

#[cfg(test)]
mod tests;
