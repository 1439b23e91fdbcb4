//! A session description (RFC 8866 §5) as lines: kept as they came, printed in the RFC's order.
//!
//! Line ends become CRLF, runs of blanks inside `o=`, `c=` and `m=` one blank, bytes that are not
//! UTF-8 the replacement character; everything else is printed as it was parsed.

use std::fmt;
use std::net::IpAddr;

/// A line this module does not take apart: any letter but `v o s m a` and the first `c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The type letter.
    pub letter: char,
    /// What follows the `=`.
    pub value: String,
}

/// An `a=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// What stands before the first colon.
    pub name: String,
    /// What stands after it; `None` without a colon.
    pub value: Option<String>,
}

impl Attribute {
    /// An attribute without value, such as `a=rtcp-mux`.
    pub fn flag(name: &str) -> Attribute {
        Attribute { name: name.to_owned(), value: None }
    }

    /// An attribute with a value.
    pub fn new(name: &str, value: impl fmt::Display) -> Attribute {
        Attribute { name: name.to_owned(), value: Some(value.to_string()) }
    }
}

/// The `o=` line. Ids are text: some peers write more digits than any integer holds, some write words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name, `-` if there is none.
    pub username: String,
    /// Session id.
    pub session_id: String,
    /// Version, which grows with each change.
    pub session_version: String,
    /// Address of the machine the session was made on.
    pub connection: Connection,
}

/// A `c=` line, and the three last words of `o=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// `IN`.
    pub network_type: String,
    /// `IP4` or `IP6`.
    pub address_type: String,
    /// Address or host name; multicast ones with `/ttl` and count.
    pub address: String,
}

impl Connection {
    /// The line for an address of ours.
    pub fn to(address: IpAddr) -> Connection {
        Connection {
            network_type: "IN".to_owned(),
            address_type: if address.is_ipv4() { "IP4" } else { "IP6" }.to_owned(),
            address: address.to_string(),
        }
    }

    /// The address, or `None` if it is a host name (or of another network than the Internet).
    pub fn ip(&self) -> Option<IpAddr> {
        let address = self.address.split('/').next().unwrap_or_default();
        address.parse().ok().filter(|_| self.network_type.eq_ignore_ascii_case("IN"))
    }

    /// Whether this is `0.0.0.0` or `::`: hold in the manner of RFC 2543 (RFC 3264 §8.4).
    pub fn is_unspecified(&self) -> bool {
        self.ip().is_some_and(|address| address.is_unspecified())
    }
}

/// An `m=` line and all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaDescription {
    /// `audio`, `video`, `image` …
    pub media: String,
    /// The port; 0: refused or ended.
    pub port: u16,
    /// How many ports, of `port/count`.
    pub port_count: Option<u16>,
    /// `RTP/AVP` …
    pub protocol: String,
    /// Payload types, for RTP.
    pub formats: Vec<String>,
    /// The line's own `c=` (the first one).
    pub connection: Option<Connection>,
    /// All other lines.
    pub lines: Vec<Line>,
    /// The attributes in their order.
    pub attributes: Vec<Attribute>,
}

/// A session description. [`parse`](super::parse) reads one, [`fmt::Display`] prints it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// `o=`; mandatory, but there are peers without.
    pub origin: Option<Origin>,
    /// `s=`; mandatory, but there are peers without.
    pub session_name: Option<String>,
    /// `c=` of the session (the first one).
    pub connection: Option<Connection>,
    /// All other lines of the session, `t=` and `r=` among them.
    pub lines: Vec<Line>,
    /// The session's attributes in their order.
    pub attributes: Vec<Attribute>,
    /// The media descriptions in their order.
    pub media: Vec<MediaDescription>,
}

/// Place of a letter in RFC 8866 §5 (`r=` belongs to the `t=` before it); unknown ones come before `a=`.
fn rank(letter: char) -> usize {
    let letter = if letter == 'r' { 't' } else { letter };
    const ORDER: &str = "vosiuepcbtzk";
    ORDER.find(letter).unwrap_or(ORDER.len())
}

/// Prints the lines whose place is in `ranks`, in the order of their places.
fn print_lines(
    out: &mut fmt::Formatter<'_>,
    lines: &[Line],
    ranks: std::ops::RangeInclusive<usize>,
) -> fmt::Result {
    let mut sorted: Vec<_> = lines.iter().filter(|line| ranks.contains(&rank(line.letter))).collect();
    sorted.sort_by_key(|line| rank(line.letter));
    sorted.into_iter().try_for_each(|line| write!(out, "{}={}\r\n", line.letter, line.value))
}

fn print_body(
    out: &mut fmt::Formatter<'_>,
    connection: Option<&Connection>,
    lines: &[Line],
    attributes: &[Attribute],
) -> fmt::Result {
    let place = rank('c');
    print_lines(out, lines, 0..=place - 1)?;
    if let Some(connection) = connection {
        write!(out, "c={connection}\r\n")?;
    }
    print_lines(out, lines, place..=usize::MAX)?;
    attributes.iter().try_for_each(|attribute| write!(out, "a={attribute}\r\n"))
}

impl fmt::Display for Description {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("v=0\r\n")?;
        if let Some(origin) = &self.origin {
            write!(out, "o={origin}\r\n")?;
        }
        if let Some(name) = &self.session_name {
            write!(out, "s={name}\r\n")?;
        }
        print_body(out, self.connection.as_ref(), &self.lines, &self.attributes)?;
        self.media.iter().try_for_each(|media| media.fmt(out))
    }
}

impl fmt::Display for MediaDescription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "m={} {}", self.media, self.port)?;
        if let Some(count) = self.port_count {
            write!(out, "/{count}")?;
        }
        write!(out, " {}", self.protocol)?;
        self.formats.iter().try_for_each(|format| write!(out, " {format}"))?;
        out.write_str("\r\n")?;
        print_body(out, self.connection.as_ref(), &self.lines, &self.attributes)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { username, session_id, session_version, connection } = self;
        write!(out, "{username} {session_id} {session_version} {connection}")
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.network_type, self.address_type, self.address)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(out, "{}:{value}", self.name),
            None => out.write_str(&self.name),
        }
    }
}
