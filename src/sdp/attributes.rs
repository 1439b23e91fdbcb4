//! Typed views of a media description's attributes. A malformed attribute counts as absent.

use std::fmt;
use std::net::IpAddr;

use super::codec::static_rtpmap;
use super::{Attribute, Connection, Description, Fmtp, MediaDescription};

/// Who sends (RFC 8866 §6.7), from the point of view of the description's writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both sides send.
    #[default]
    SendRecv,
    /// The writer sends alone.
    SendOnly,
    /// The writer receives alone.
    RecvOnly,
    /// Nobody sends.
    Inactive,
}

impl Direction {
    /// From its two halves.
    pub fn from_halves(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same seen from the other side.
    pub fn reversed(self) -> Direction {
        Direction::from_halves(self.receives(), self.sends())
    }

    /// What both allow.
    pub fn and(self, other: Direction) -> Direction {
        Direction::from_halves(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name, as in SDP.
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// From an attribute's name.
    pub fn from_name(name: &str) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|direction| direction.name() == name)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// `a=rtpmap` without its payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtpmap<'a> {
    /// Name of the encoding; case does not matter.
    pub encoding_name: &'a str,
    /// Clock rate in hertz.
    pub clock_rate: u32,
    /// Channels, 1 if not given.
    pub channels: u8,
}

/// `a=rtcp` (RFC 3605).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtcp {
    /// The port of RTCP.
    pub port: u16,
    /// Its address, when it is not that of RTP.
    pub address: Option<IpAddr>,
}

/// `a=extmap` (RFC 8285 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extmap<'a> {
    /// Identifier in the packets; offers may use 4096 to 4351 for "choose one".
    pub id: u16,
    /// Direction of the extension from the writer's point of view.
    pub direction: Direction,
    /// What it is.
    pub uri: &'a str,
    /// `vad=on` or `vad=off` behind it (RFC 6464 §4).
    pub vad: Option<bool>,
}

/// The values of all attributes of this name.
fn values<'a>(attributes: &'a [Attribute], name: &'static str) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |attribute| attribute.name == name)
        .filter_map(|attribute| attribute.value.as_deref())
}

/// What follows `payload_type` in a value that begins with it.
fn after_payload_type(value: &str, payload_type: u8) -> Option<&str> {
    let (number, rest) = value.trim_start().split_once([' ', '\t'])?;
    (number.parse() == Ok(payload_type)).then_some(rest.trim())
}

fn last_direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes
        .iter()
        .rev()
        .filter(|attribute| attribute.value.is_none())
        .find_map(|attribute| Direction::from_name(attribute.name.trim_end()))
}

/// Whole milliseconds; some peers write a fraction, or zero for "none".
fn milliseconds(value: &str) -> Option<u16> {
    let whole = value.trim().split('.').next()?;
    whole.parse().ok().filter(|ms| *ms > 0)
}

fn parse_rtpmap(text: &str) -> Option<Rtpmap<'_>> {
    let mut parts = text.split('/').map(str::trim);
    let encoding_name = parts.next().filter(|name| !name.is_empty())?;
    let clock_rate = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
    let channels = match parts.next() {
        None | Some("") => 1,
        Some(channels) => channels.parse().ok().filter(|channels| *channels > 0)?,
    };
    Some(Rtpmap { encoding_name, clock_rate, channels })
}

fn parse_extmap(value: &str) -> Option<Extmap<'_>> {
    let mut words = value.split_ascii_whitespace();
    let id = words.next()?;
    let (id, direction) = match id.split_once('/') {
        Some((id, direction)) => (id, Direction::from_name(direction)?),
        None => (id, Direction::SendRecv),
    };
    let uri = words.next()?;
    let vad = words.find_map(|word| match word {
        "vad=on" => Some(true),
        "vad=off" => Some(false),
        _ => None,
    });
    Some(Extmap { id: id.parse().ok()?, direction, uri, vad })
}

impl MediaDescription {
    /// The first value of an attribute, trimmed.
    pub fn attribute(&self, name: &'static str) -> Option<&str> {
        values(&self.attributes, name).next().map(str::trim)
    }

    /// Whether an attribute without value stands here.
    pub fn has_flag(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.name.trim_end() == name && attribute.value.is_none())
    }

    /// What a payload type means: by its `a=rtpmap`, else by RFC 3551.
    pub fn rtpmap(&self, payload_type: u8) -> Option<Rtpmap<'_>> {
        values(&self.attributes, "rtpmap")
            .filter_map(|value| after_payload_type(value, payload_type))
            .find_map(parse_rtpmap)
            .or_else(|| static_rtpmap(payload_type))
    }

    /// The format parameters of a payload type, all its lines together.
    pub fn fmtp(&self, payload_type: u8) -> Fmtp {
        let mut fmtp = Fmtp::default();
        values(&self.attributes, "fmtp")
            .filter_map(|value| after_payload_type(value, payload_type))
            .for_each(|text| fmtp.append(text));
        fmtp
    }

    /// Length of the packets the writer wants to receive, in ms.
    pub fn ptime_ms(&self) -> Option<u16> {
        self.attribute("ptime").and_then(milliseconds)
    }

    /// Longest packet the writer takes, in ms.
    pub fn max_ptime_ms(&self) -> Option<u16> {
        self.attribute("maxptime").and_then(milliseconds)
    }

    /// Port and address of RTCP, when they are not the usual ones (RFC 3605).
    pub fn rtcp(&self) -> Option<Rtcp> {
        let mut words = self.attribute("rtcp")?.split_ascii_whitespace();
        let port = words.next()?.parse().ok().filter(|port| *port > 0)?;
        let address = words.nth(2).and_then(|address| address.parse().ok());
        Some(Rtcp { port, address })
    }

    /// Whether RTCP may share the port of RTP (RFC 5761).
    pub fn rtcp_mux(&self) -> bool {
        self.has_flag("rtcp-mux")
    }

    /// The line's name in `a=group` (RFC 5888); one that is no token counts as absent.
    pub fn mid(&self) -> Option<&str> {
        self.attribute("mid").filter(|mid| !mid.is_empty() && mid.bytes().all(|byte| byte.is_ascii_graphic()))
    }
}

impl Description {
    /// The direction of a media description: its own, else the session's, else sendrecv.
    pub fn direction_of(&self, media: &MediaDescription) -> Direction {
        last_direction(&media.attributes).or_else(|| last_direction(&self.attributes)).unwrap_or_default()
    }

    /// The `c=` that holds for a media description: its own, else the session's.
    pub fn connection_of<'a>(&'a self, media: &'a MediaDescription) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The header extensions of a media description, those of the session included.
    pub fn extmaps_of<'a>(&'a self, media: &'a MediaDescription) -> impl Iterator<Item = Extmap<'a>> {
        values(&media.attributes, "extmap").chain(values(&self.attributes, "extmap")).filter_map(parse_extmap)
    }

    /// Whether the session puts the line named `mid` into a BUNDLE group (RFC 9143).
    pub fn bundles(&self, mid: &str) -> bool {
        values(&self.attributes, "group").any(|value| {
            let mut words = value.split_ascii_whitespace();
            words.next() == Some("BUNDLE") && words.any(|word| word == mid)
        })
    }
}
