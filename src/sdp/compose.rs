//! Our side as text: the `m=` lines and the session around them.

use super::formats::{Format, NumberedFormat};
use super::{
    Attribute, Connection, Description, Direction, Extension, Line, LocalMedia, MediaDescription, Origin,
};

/// Where RTCP is wanted, as attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RtcpPlace {
    /// On its own port.
    OwnPort,
    /// Multiplexed if the peer agrees, else on its own port (RFC 5761 §5.1.1).
    OfferMux,
    /// Multiplexed.
    Mux,
}

/// All that an audio line of ours says beyond [`LocalMedia`].
pub(super) struct AudioLine<'a> {
    pub protocol: &'a str,
    pub formats: &'a [NumberedFormat],
    pub direction: Direction,
    pub ptime_ms: u8,
    pub rtcp: RtcpPlace,
    pub extensions: &'a [Extension],
    pub mid: Option<&'a str>,
}

impl AudioLine<'_> {
    /// The line with its attributes.
    pub fn compose(&self, local: &LocalMedia) -> MediaDescription {
        let mut attributes = Vec::new();
        for numbered in self.formats {
            push_format(&mut attributes, local, *numbered, self.formats);
        }
        attributes.push(Attribute::new("ptime", self.ptime_ms));
        attributes.push(Attribute::new("maxptime", local.max_ptime_ms));
        attributes.push(Attribute::flag(self.direction.name()));
        if self.rtcp != RtcpPlace::Mux && local.rtp_port.checked_add(1) != Some(local.rtcp_port) {
            attributes.push(Attribute::new("rtcp", local.rtcp_port));
        }
        if self.rtcp != RtcpPlace::OwnPort {
            attributes.push(Attribute::flag("rtcp-mux"));
        }
        for Extension { id, uri, direction, vad } in self.extensions {
            let vad = match vad {
                Some(true) => " vad=on",
                Some(false) => " vad=off",
                None => "",
            };
            attributes.push(match direction {
                Direction::SendRecv => Attribute::new("extmap", format_args!("{id} {uri}{vad}")),
                _ => Attribute::new("extmap", format_args!("{id}/{direction} {uri}{vad}")),
            });
        }
        attributes.extend(self.mid.map(|mid| Attribute::new("mid", mid)));
        MediaDescription {
            media: "audio".to_owned(),
            port: local.rtp_port,
            port_count: None,
            protocol: self.protocol.to_owned(),
            formats: self.formats.iter().map(|numbered| numbered.payload_type.to_string()).collect(),
            connection: None,
            lines: Vec::new(),
            attributes,
        }
    }
}

fn push_format(
    attributes: &mut Vec<Attribute>,
    local: &LocalMedia,
    numbered: NumberedFormat,
    all: &[NumberedFormat],
) {
    let NumberedFormat { format, payload_type } = numbered;
    let (rtpmap, fmtp) = match format {
        Format::Codec(index) => {
            let codec = &local.codecs[index];
            (encoding(codec.name, codec.clock_rate, codec.channels), codec.fmtp.to_string())
        }
        // The digits, * and #, A to D (RFC 4733 §3.2).
        Format::TelephoneEvent { clock_rate } => {
            (encoding("telephone-event", clock_rate, 1), "0-15".to_owned())
        }
        Format::ComfortNoise { clock_rate } => (encoding("CN", clock_rate, 1), String::new()),
        Format::Redundancy { clock_rate, channels } => {
            (encoding("red", clock_rate, channels), redundant_types(local, format, all))
        }
    };
    attributes.push(Attribute::new("rtpmap", format_args!("{payload_type} {rtpmap}")));
    if !fmtp.is_empty() {
        attributes.push(Attribute::new("fmtp", format_args!("{payload_type} {fmtp}")));
    }
}

fn encoding(name: impl std::fmt::Display, clock_rate: u32, channels: u8) -> String {
    if channels == 1 { format!("{name}/{clock_rate}") } else { format!("{name}/{clock_rate}/{channels}") }
}

/// What primary and copies are (RFC 2198 §5): the first codec of the line that this is redundancy of.
fn redundant_types(local: &LocalMedia, redundancy: Format, all: &[NumberedFormat]) -> String {
    let codec = all.iter().find(|numbered| match numbered.format {
        Format::Codec(index) => redundancy.is_redundancy_of(&local.codecs[index]),
        _ => false,
    });
    codec.map_or_else(String::new, |codec| format!("{0}/{0}", codec.payload_type))
}

/// A line we do not use: port 0, the formats repeated because at least one must stand there (RFC 3264 §6).
pub(super) fn refused(offered: &MediaDescription) -> MediaDescription {
    let formats = if offered.formats.is_empty() { vec!["0".to_owned()] } else { offered.formats.clone() };
    MediaDescription {
        media: offered.media.clone(),
        port: 0,
        port_count: None,
        protocol: offered.protocol.clone(),
        formats,
        connection: None,
        lines: Vec::new(),
        attributes: offered.mid().map(|mid| Attribute::new("mid", mid)).into_iter().collect(),
    }
}

/// The session around the lines, with version 0: [`super::Negotiation`] numbers it.
pub(super) fn session(
    session_id: u64,
    local: &LocalMedia,
    time: Line,
    bundled_mid: Option<&str>,
    media: Vec<MediaDescription>,
) -> Description {
    let connection = Connection::to(local.address);
    let origin = Origin {
        username: "-".to_owned(),
        // Many peers keep ids in signed integers.
        session_id: (session_id & i64::MAX as u64).to_string(),
        session_version: "0".to_owned(),
        connection: connection.clone(),
    };
    let group = bundled_mid.map(|mid| Attribute::new("group", format_args!("BUNDLE {mid}")));
    Description {
        origin: Some(origin),
        session_name: Some("-".to_owned()),
        connection: Some(connection),
        lines: vec![time],
        attributes: group.into_iter().collect(),
        media,
    }
}

/// The `t=` of a permanent session.
pub(super) fn permanent() -> Line {
    Line { letter: 't', value: "0 0".to_owned() }
}

/// The `t=` of an answer must be that of the offer (RFC 3264 §6).
pub(super) fn time_of(offer: &Description) -> Line {
    let is_time = |value: &str| {
        let words: Vec<_> = value.split(' ').collect();
        words.len() == 2 && words.iter().all(|word| word.parse::<u64>().is_ok())
    };
    let time = offer.lines.iter().find(|line| line.letter == 't');
    time.filter(|line| is_time(&line.value)).cloned().unwrap_or_else(permanent)
}
