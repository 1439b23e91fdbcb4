//! Via: the way a request came and its response goes back (RFC 3261 §20.42, RFC 3581).

use std::fmt;
use std::net::IpAddr;

use super::headers::HeaderErrorKind;
use super::params::Params;
use super::text::{find_unquoted, is_token, parse_number, trim};
use super::uri::{Host, parse_host_port};

/// The transports this server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Transport {
    /// As it stands in a Via.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }

    /// Whether the transport delivers by itself, so that requests are not retransmitted over it.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The transport a Via names: other elements on the way may use ones that this server lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViaTransport {
    /// One of ours.
    Known(Transport),
    /// A token as it came.
    Other(Box<str>),
}

impl From<Transport> for ViaTransport {
    fn from(transport: Transport) -> ViaTransport {
        ViaTransport::Known(transport)
    }
}

impl PartialEq<Transport> for ViaTransport {
    fn eq(&self, other: &Transport) -> bool {
        matches!(self, ViaTransport::Known(known) if known == other)
    }
}

impl fmt::Display for ViaTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ViaTransport::Known(known) => f.write_str(known.as_str()),
            ViaTransport::Other(name) => f.write_str(name),
        }
    }
}

/// One Via value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The transport.
    pub transport: ViaTransport,
    /// Host of sent-by.
    pub host: Host,
    /// Port of sent-by, where one is written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` …
    pub params: Params,
}

impl Via {
    /// A Via with a branch and nothing else.
    pub fn new(transport: Transport, host: Host, port: Option<u16>, branch: &str) -> Via {
        let params = Params::new().with("branch", Some(branch));
        Via { transport: transport.into(), host, port, params }
    }

    /// Reads one value; a list is to be split before.
    pub fn parse(text: &str) -> Result<Via, HeaderErrorKind> {
        let (protocol, rest) = text.split_once('/').ok_or(HeaderErrorKind::Protocol)?;
        let (version, rest) = rest.split_once('/').ok_or(HeaderErrorKind::Protocol)?;
        // The version is not looked at: a request of another one is to be answered 505 (RFC 4475 §3.1.2.16).
        if !trim(protocol).eq_ignore_ascii_case("SIP") || !is_token(trim(version)) {
            return Err(HeaderErrorKind::Protocol);
        }
        let (transport, rest) = trim(rest).split_once([' ', '\t']).ok_or(HeaderErrorKind::Protocol)?;
        let params_at = find_unquoted(rest, b';').unwrap_or(rest.len());
        let (host, port) = parse_sent_by(trim(&rest[..params_at]))?;
        let params = Params::parse_header(&rest[params_at..]).ok_or(HeaderErrorKind::Params)?;
        Ok(Via { transport: parse_transport(transport)?, host, port, params })
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// The `received` parameter; RFC 5118 §4.5 wants IPv6 read with and without brackets.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse().ok()
    }

    /// Notes where the request came from (RFC 3261 §18.2.1).
    pub fn set_received(&mut self, address: IpAddr) {
        self.params.set("received", Some(&address.to_string()));
    }

    /// The value of `rport`.
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport").and_then(parse_number)
    }

    /// Whether the sender asks for `rport` to be filled in (RFC 3581 §4).
    pub fn wants_rport(&self) -> bool {
        self.params.contains("rport")
    }

    /// Fills in `rport`.
    pub fn set_rport(&mut self, port: u16) {
        self.params.set("rport", Some(&port.to_string()));
    }

    /// The `maddr` parameter.
    pub fn maddr(&self) -> Option<&str> {
        self.params.get("maddr")
    }
}

fn parse_transport(text: &str) -> Result<ViaTransport, HeaderErrorKind> {
    if text.eq_ignore_ascii_case("UDP") {
        return Ok(Transport::Udp.into());
    }
    if text.eq_ignore_ascii_case("TCP") {
        return Ok(Transport::Tcp.into());
    }
    if is_token(text) { Ok(ViaTransport::Other(text.into())) } else { Err(HeaderErrorKind::Protocol) }
}

/// `host [ ":" port ]`; white space may stand around the colon.
fn parse_sent_by(text: &str) -> Result<(Host, Option<u16>), HeaderErrorKind> {
    let compact: String;
    let text = if text.contains([' ', '\t']) {
        let (host, port) = text.rsplit_once(':').ok_or(HeaderErrorKind::SentBy)?;
        compact = format!("{}:{}", trim(host), trim(port));
        &compact
    } else {
        text
    };
    parse_host_port(text).map_err(|_| HeaderErrorKind::SentBy)
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}
