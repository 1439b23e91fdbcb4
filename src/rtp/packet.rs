//! One RTP packet (RFC 3550 §5.1): read as a borrowed view, written as a header in front of a payload.
//!
//! Neither direction allocates. The fixed header is read by the crate `rtp`; what may be missing, too long
//! or hostile (CSRC list, header extension, padding) is checked here first, so that a bad packet is an
//! error of a kind and nothing else.

use std::fmt;

use ::rtp::header::Header as FixedHeader;
use webrtc_util::marshal::Unmarshal;

use super::numbers::{SequenceNumber, Ssrc, Timestamp};

/// Octets of the fixed header.
pub const HEADER_LEN: usize = 12;
/// Profile of one-byte header extension elements (RFC 8285 §4.2).
pub const ONE_BYTE_EXTENSIONS: u16 = 0xBEDE;
/// Profile of two-byte ones (RFC 8285 §4.3); its last four bits are the application's.
pub const TWO_BYTE_EXTENSIONS: u16 = 0x1000;

/// What the fixed header says of a packet: all that sources, latch and jitter buffer need of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Position in the order of sending.
    pub sequence: SequenceNumber,
    /// Media time of the first sample.
    pub timestamp: Timestamp,
    /// Who made the packet.
    pub ssrc: Ssrc,
    /// For audio: first packet of a talkspurt (RFC 3551 §4.1); for telephone-event: first of an event.
    pub marker: bool,
    /// Format of the payload, 0 to 127.
    pub payload_type: u8,
}

impl Header {
    /// Writes the 12 octets of the fixed header (no CSRC, no extension) and returns their number.
    ///
    /// Panics when `out` is shorter than that.
    pub fn write(&self, out: &mut [u8]) -> usize {
        assert!(self.payload_type < 128, "payload type {} has no place in a header", self.payload_type);
        out[0] = 2 << 6;
        out[1] = u8::from(self.marker) << 7 | self.payload_type;
        out[2..4].copy_from_slice(&self.sequence.0.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.0.to_be_bytes());
        out[8..HEADER_LEN].copy_from_slice(&self.ssrc.0.to_be_bytes());
        HEADER_LEN
    }

    /// Writes header and one-byte extension elements (RFC 8285 §4.2) and returns the number of octets.
    ///
    /// Panics when an element's id is not 1 to 14, its value not 1 to 16 octets, or `out` too short.
    pub fn write_with_extensions(&self, elements: &[(u8, &[u8])], out: &mut [u8]) -> usize {
        let mut end = self.write(out);
        if elements.is_empty() {
            return end;
        }
        out[0] |= 1 << 4;
        out[end..end + 2].copy_from_slice(&ONE_BYTE_EXTENSIONS.to_be_bytes());
        let body = end + 4;
        end = body;
        for (id, value) in elements {
            assert!((1..=14).contains(id), "extension id {id}");
            assert!((1..=16).contains(&value.len()), "extension of {} octets", value.len());
            out[end] = id << 4 | (value.len() - 1) as u8;
            out[end + 1..end + 1 + value.len()].copy_from_slice(value);
            end += 1 + value.len();
        }
        let padded = body + (end - body).next_multiple_of(4);
        out[end..padded].fill(0);
        let words = ((padded - body) / 4) as u16;
        out[body - 2..body].copy_from_slice(&words.to_be_bytes());
        padded
    }
}

/// A packet that was received: a view into its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: Header,
    /// The header extension, if there is one.
    pub extension: Option<Extension<'a>>,
    /// The payload without padding; may be empty.
    pub payload: &'a [u8],
    contributors: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads one datagram; everything is checked before anything is believed (RFC 3550 A.1, header part).
    pub fn parse(datagram: &'a [u8]) -> Result<Packet<'a>, PacketError> {
        let Some((fixed, rest)) = datagram.split_first_chunk::<HEADER_LEN>() else {
            return Err(PacketError::TooShort);
        };
        let header = read_fixed(fixed)?;
        let contributors_len = usize::from(fixed[0] & 0x0F) * 4;
        let Some((contributors, mut rest)) = rest.split_at_checked(contributors_len) else {
            return Err(PacketError::Contributors);
        };
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let (found, after) = Extension::split_from(rest).ok_or(PacketError::Extension)?;
            extension = Some(found);
            rest = after;
        }
        if fixed[0] & 0x20 != 0 {
            rest = without_padding(rest).ok_or(PacketError::Padding)?;
        }
        Ok(Packet { header, extension, payload: rest, contributors })
    }

    /// The contributing sources, at most 15.
    pub fn contributors(&self) -> impl Iterator<Item = Ssrc> + 'a {
        self.contributors.chunks_exact(4).map(|id| Ssrc(u32::from_be_bytes([id[0], id[1], id[2], id[3]])))
    }
}

/// The fixed part, by the crate. CC and X are masked: the crate would allocate for both, and it panics on
/// extension elements that pass the packet's end.
fn read_fixed(fixed: &[u8; HEADER_LEN]) -> Result<Header, PacketError> {
    let mut masked = *fixed;
    masked[0] &= 0xE0;
    let read = FixedHeader::unmarshal(&mut masked.as_slice()).map_err(|_| PacketError::TooShort)?;
    if read.version != 2 {
        return Err(PacketError::Version);
    }
    Ok(Header {
        sequence: SequenceNumber(read.sequence_number),
        timestamp: Timestamp(read.timestamp),
        ssrc: Ssrc(read.ssrc),
        marker: read.marker,
        payload_type: read.payload_type,
    })
}

/// The last octet counts the padding, itself included (RFC 3550 §5.1).
fn without_padding(payload: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*payload.last()?);
    if padding == 0 {
        return None;
    }
    payload.get(..payload.len().checked_sub(padding)?)
}

/// A header extension (RFC 3550 §5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// 0xBEDE, 0x1000 to 0x100F (RFC 8285), or what some profile defines.
    pub profile: u16,
    /// The extension's octets: whole 32-bit words.
    pub body: &'a [u8],
}

impl<'a> Extension<'a> {
    fn split_from(octets: &'a [u8]) -> Option<(Extension<'a>, &'a [u8])> {
        let (head, rest) = octets.split_first_chunk::<4>()?;
        let words = u16::from_be_bytes([head[2], head[3]]);
        let (body, rest) = rest.split_at_checked(usize::from(words) * 4)?;
        Some((Extension { profile: u16::from_be_bytes([head[0], head[1]]), body }, rest))
    }

    /// The elements of RFC 8285, in either form; ends at the first one that passes the body's end.
    pub fn elements(&self) -> Elements<'a> {
        let one_byte = self.profile == ONE_BYTE_EXTENSIONS;
        let known = one_byte || self.profile & 0xFFF0 == TWO_BYTE_EXTENSIONS;
        Elements { rest: if known { self.body } else { &[] }, one_byte }
    }

    /// The value of the element that was negotiated under `id`.
    pub fn element(&self, id: u8) -> Option<&'a [u8]> {
        self.elements().find(|(found, _)| *found == id).map(|(_, value)| value)
    }
}

/// Iterator over `(id, value)` of the elements of an [`Extension`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a [u8],
    one_byte: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        while let [0, rest @ ..] = self.rest {
            self.rest = rest;
        }
        let (id, len, rest) = match (self.one_byte, self.rest) {
            // RFC 8285 §4.2: id 15 ends the list, whatever its length.
            (true, [head, ..]) if head >> 4 == 15 => return None,
            (true, [head, rest @ ..]) => (head >> 4, usize::from(head & 0x0F) + 1, rest),
            (false, [id, len, rest @ ..]) => (*id, usize::from(*len), rest),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((id, value))
    }
}

/// What is wrong with a datagram that was to be an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketError {
    /// Shorter than the fixed header.
    TooShort,
    /// The version is not 2.
    Version,
    /// The CSRC list passes the end.
    Contributors,
    /// The header extension passes the end.
    Extension,
    /// The padding is empty or longer than the payload.
    Padding,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PacketError::TooShort => "shorter than an RTP header",
            PacketError::Version => "RTP version is not 2",
            PacketError::Contributors => "CSRC list passes the end of the packet",
            PacketError::Extension => "header extension passes the end of the packet",
            PacketError::Padding => "padding count is zero or passes the payload",
        })
    }
}

impl std::error::Error for PacketError {}

/// Malformed RTP packets, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MalformedCounters {
    /// [`PacketError::TooShort`].
    pub too_short: u64,
    /// [`PacketError::Version`].
    pub version: u64,
    /// [`PacketError::Contributors`].
    pub contributors: u64,
    /// [`PacketError::Extension`].
    pub extension: u64,
    /// [`PacketError::Padding`].
    pub padding: u64,
}

impl MalformedCounters {
    /// Counts one.
    pub fn count(&mut self, error: PacketError) {
        let counter = match error {
            PacketError::TooShort => &mut self.too_short,
            PacketError::Version => &mut self.version,
            PacketError::Contributors => &mut self.contributors,
            PacketError::Extension => &mut self.extension,
            PacketError::Padding => &mut self.padding,
        };
        *counter += 1;
    }

    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.too_short + self.version + self.contributors + self.extension + self.padding
    }
}

#[cfg(test)]
mod tests;
