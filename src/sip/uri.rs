//! SIP and SIPS URIs (RFC 3261 §19.1); URIs of other schemes (`tel:`, `http:` …) are kept as text.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::params::Params;
use super::text::{decode_escapes, escapes_are_whole, parse_number, unescape_unreserved};

/// The scheme of a URI, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// Any other.
    Other(Box<str>),
}

/// The host part of a URI or of a Via.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name, case as it came.
    Name(Box<str>),
    /// An address; IPv6 is written in brackets.
    Ip(IpAddr),
    /// Everything after the scheme of a URI that is neither sip nor sips, uninterpreted.
    Opaque(Box<str>),
}

/// A URI. `==` compares what is written; [`Uri::is_equivalent`] as RFC 3261 §19.1.4 says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    /// The scheme.
    pub scheme: Scheme,
    /// The user part, escapes kept.
    pub user: Option<Box<str>>,
    /// The password part, escapes kept.
    pub password: Option<Box<str>>,
    /// The host.
    pub host: Host,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// `;transport=tcp;lr` …
    pub params: Params,
    /// What follows the `?`, escapes kept: `Subject=x&Priority=y`.
    pub headers: Option<Box<str>>,
}

/// What is wrong with a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriError {
    /// No scheme, or one with wrong characters.
    Scheme,
    /// An empty user, or a character that must be escaped in it.
    User,
    /// No host, or no name or address.
    Host,
    /// A port that is none.
    Port,
    /// A `%` without two hexadecimal digits.
    Escape,
    /// Empty parameters or wrong characters in them.
    Params,
    /// Wrong characters in what follows the `?`.
    Headers,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UriError::Scheme => "URI scheme",
            UriError::User => "URI user part",
            UriError::Host => "URI host",
            UriError::Port => "URI port",
            UriError::Escape => "URI escape",
            UriError::Params => "URI parameters",
            UriError::Headers => "URI headers",
        })
    }
}

impl std::error::Error for UriError {}

impl Uri {
    /// A sip URI of a user at a host.
    pub fn sip(user: Option<&str>, host: Host, port: Option<u16>) -> Uri {
        Uri {
            scheme: Scheme::Sip,
            user: user.map(Into::into),
            password: None,
            host,
            port,
            params: Params::new(),
            headers: None,
        }
    }

    /// Reads a URI: the whole of `text`, without white space around it.
    pub fn parse(text: &str) -> Result<Uri, UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        if scheme.eq_ignore_ascii_case("sip") {
            return Uri::parse_sip(Scheme::Sip, rest);
        }
        if scheme.eq_ignore_ascii_case("sips") {
            return Uri::parse_sip(Scheme::Sips, rest);
        }
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !is_scheme {
            return Err(UriError::Scheme);
        }
        if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte)) {
            return Err(UriError::Host);
        }
        Ok(Uri {
            scheme: Scheme::Other(scheme.to_ascii_lowercase().into()),
            host: Host::Opaque(rest.into()),
            ..Uri::sip(None, Host::Opaque("".into()), None)
        })
    }

    fn parse_sip(scheme: Scheme, rest: &str) -> Result<Uri, UriError> {
        // The user part may hold ';' and '?', so the '@' comes first.
        let (user, password, rest) = match rest.split_once('@') {
            Some((userinfo, rest)) => {
                let (user, password) = parse_userinfo(userinfo)?;
                (Some(user), password, rest)
            }
            None => (None, None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(parse_headers(headers)?)),
            None => (rest, None),
        };
        let params_at = rest.find(';').unwrap_or(rest.len());
        let (host, port) = parse_host_port(&rest[..params_at])?;
        let params = Params::parse_uri(&rest[params_at..]).ok_or(UriError::Params)?;
        Ok(Uri { scheme, user, password, host, port, params, headers })
    }

    /// The user part with its escapes resolved.
    pub fn user_decoded(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(decode_escapes)
    }

    /// The number of a `tel:` URI (RFC 3966), as written, without parameters.
    pub fn telephone_number(&self) -> Option<&str> {
        match (&self.scheme, &self.host) {
            (Scheme::Other(scheme), Host::Opaque(rest)) if &**scheme == "tel" => rest.split(';').next(),
            _ => None,
        }
    }

    /// Whether the scheme is sips.
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::Sips
    }

    /// Whether this, as a route, is of a loose router (RFC 3261 §19.1.1, `lr`).
    pub fn is_loose_router(&self) -> bool {
        self.params.contains("lr")
    }

    /// URI comparison of RFC 3261 §19.1.4. Not transitive: a parameter that only one has is mostly ignored.
    pub fn is_equivalent(&self, other: &Uri) -> bool {
        self.scheme == other.scheme
            && same_text(self.user.as_deref(), other.user.as_deref())
            && same_text(self.password.as_deref(), other.password.as_deref())
            && self.host.is_equivalent(&other.host)
            && self.port == other.port
            && params_match(&self.params, &other.params)
            && params_match(&other.params, &self.params)
            && headers_match(self.headers.as_deref(), other.headers.as_deref())
    }
}

impl Host {
    /// Reads a domain name, an IPv4 address or an IPv6 address in brackets.
    pub fn parse(text: &str) -> Result<Host, UriError> {
        if let Some(inside) = text.strip_prefix('[') {
            let address = inside.strip_suffix(']').and_then(parse_ipv6).ok_or(UriError::Host)?;
            return Ok(Host::Ip(IpAddr::V6(address)));
        }
        if let Ok(address) = text.parse() {
            return Ok(Host::Ip(IpAddr::V4(address)));
        }
        // '_' is no character of a domain name but is met in the names of hosts.
        let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if text.is_empty() || text.starts_with('.') || !is_name {
            return Err(UriError::Host);
        }
        Ok(Host::Name(text.into()))
    }

    /// The address, if the host is written as one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(address) => Some(*address),
            _ => None,
        }
    }

    /// Names compare in any case, addresses by value.
    pub fn is_equivalent(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            _ => self == other,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Host {
        Host::Ip(address)
    }
}

/// The grammar of RFC 3261 lets a third colon precede an embedded IPv4 address, which RFC 5118 §4.10 asks to accept.
fn parse_ipv6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| text.replacen(":::", "::", 1).parse().ok())
}

/// Reads `host[:port]`, without white space.
pub(super) fn parse_host_port(text: &str) -> Result<(Host, Option<u16>), UriError> {
    let host_end = match text.find(']') {
        Some(at) if text.starts_with('[') => at + 1,
        _ => text.find(':').unwrap_or(text.len()),
    };
    let host = Host::parse(&text[..host_end])?;
    let port = match &text[host_end..] {
        "" => None,
        rest => Some(rest.strip_prefix(':').and_then(parse_number).ok_or(UriError::Port)?),
    };
    Ok((host, port))
}

type User = (Box<str>, Option<Box<str>>);

fn parse_userinfo(text: &str) -> Result<User, UriError> {
    if !escapes_are_whole(text) {
        return Err(UriError::Escape);
    }
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    // More than the grammar allows (it lacks '#', which phones send), nothing that could end the URI.
    let is_clean = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\[]".contains(&byte));
    if user.is_empty() || !is_clean {
        return Err(UriError::User);
    }
    Ok((user.into(), password.map(Into::into)))
}

fn parse_headers(text: &str) -> Result<Box<str>, UriError> {
    if !escapes_are_whole(text) {
        return Err(UriError::Escape);
    }
    let is_clean = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\;@".contains(&byte));
    let is_pairs = text.split('&').all(|pair| pair.split_once('=').is_some_and(|(name, _)| !name.is_empty()));
    if is_clean && is_pairs { Ok(text.into()) } else { Err(UriError::Headers) }
}

/// Equal but for escapes: a character that need not be escaped equals its escape.
fn same_text(a: Option<&str>, b: Option<&str>) -> bool {
    a.map(unescape_unreserved) == b.map(unescape_unreserved)
}

/// Parameters whose absence is no match for their presence (RFC 3261 §19.1.4).
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// Whether each parameter of `a` is matched in `b`, or may be missing there. Of repeated ones the first counts.
fn params_match(a: &Params, b: &Params) -> bool {
    a.iter().all(|(name, _)| {
        if !b.contains(name) {
            return !NEVER_IGNORED.iter().any(|never| never.eq_ignore_ascii_case(name));
        }
        match (a.get(name), b.get(name)) {
            (Some(a), Some(b)) => unescape_unreserved(a).eq_ignore_ascii_case(&unescape_unreserved(b)),
            (a, b) => a == b,
        }
    })
}

/// Header components are never ignored and may stand in any order.
fn headers_match(a: Option<&str>, b: Option<&str>) -> bool {
    fn components(text: &str) -> Vec<(String, String)> {
        let mut list: Vec<_> = text
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_ascii_lowercase(), decode_escapes(value).into_owned()))
            .collect();
        list.sort_unstable();
        list
    }
    components(a.unwrap_or_default()) == components(b.unwrap_or_default())
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Other(name) => name,
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(text) | Host::Opaque(text) => f.write_str(text),
            Host::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Host::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Uri, UriError> {
        Uri::parse(text)
    }
}

#[cfg(test)]
mod tests;
