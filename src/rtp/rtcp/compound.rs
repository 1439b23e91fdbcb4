//! Compound RTCP packets, checked as a whole before any part is used (RFC 3550 §6.1, A.2; RFC 5506).
//!
//! The walk over the headers is ours; reports, descriptions and good-byes are then read by the crate `rtcp`.
//! Packets of other types are counted and skipped, never decoded.

use std::fmt;

use ::rtcp::goodbye::Goodbye;
use ::rtcp::receiver_report::ReceiverReport;
use ::rtcp::sender_report::SenderReport;
use ::rtcp::source_description::{SdesType, SourceDescription};
use webrtc_util::marshal::Unmarshal;

use super::OwnSsrc;

/// Packets that are looked at in one datagram; more is noise.
pub const MAX_PACKETS: usize = 32;

/// What is wrong with a datagram that was to be RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompoundError {
    /// No whole header.
    TooShort,
    /// A version that is not 2.
    Version,
    /// A length that passes the end.
    Length,
    /// Padding that is not on the last packet, or longer than it.
    Padding,
    /// A report or good-bye without room for what its count says.
    Content,
    /// More than [`MAX_PACKETS`].
    TooMany,
}

impl fmt::Display for CompoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CompoundError::TooShort => "shorter than an RTCP header",
            CompoundError::Version => "RTCP version is not 2",
            CompoundError::Length => "RTCP length passes the end of the datagram",
            CompoundError::Padding => "RTCP padding is misplaced or too long",
            CompoundError::Content => "RTCP packet is shorter than its count says",
            CompoundError::TooMany => "too many RTCP packets in one datagram",
        })
    }
}

impl std::error::Error for CompoundError {}

/// One packet of a compound.
#[derive(Debug)]
pub(super) enum Item {
    Sender(SenderReport),
    Receiver(ReceiverReport),
    Description(SourceDescription),
    Goodbye(Goodbye),
    Skipped,
}

/// All packets of a datagram, and what was skipped.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) items: Vec<Item>,
    feedback: u64,
    extended: u64,
    other: u64,
    unreadable_descriptions: u64,
    reduced_size: bool,
}

impl Received {
    /// The CNAME that a description gives this source.
    pub(super) fn cname_of(&self, ssrc: u32) -> Option<&[u8]> {
        let chunks = self.items.iter().filter_map(|item| match item {
            Item::Description(description) => Some(&description.chunks),
            _ => None,
        });
        let of_source = chunks.flatten().filter(|chunk| chunk.source == ssrc);
        of_source
            .flat_map(|chunk| &chunk.items)
            .find(|item| item.sdes_type == SdesType::SdesCname)
            .map(|item| &*item.text)
    }
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;

/// Reads a whole datagram or refuses it.
pub(super) fn parse(datagram: &[u8]) -> Result<Received, CompoundError> {
    let mut received = Received::default();
    let mut rest = datagram;
    loop {
        let (packet, after) = split_packet(rest)?;
        if received.items.len() == MAX_PACKETS {
            return Err(CompoundError::TooMany);
        }
        let kind = packet[1];
        if received.items.is_empty() {
            received.reduced_size = !matches!(kind, SENDER_REPORT | RECEIVER_REPORT);
        }
        let packet = without_padding(packet, after.is_empty())?;
        let item = read(kind, packet, &mut received)?;
        received.items.push(item);
        if after.is_empty() {
            return Ok(received);
        }
        rest = after;
    }
}

fn split_packet(octets: &[u8]) -> Result<(&[u8], &[u8]), CompoundError> {
    let Some(header) = octets.first_chunk::<4>() else {
        return Err(CompoundError::TooShort);
    };
    if header[0] >> 6 != 2 {
        return Err(CompoundError::Version);
    }
    let words = usize::from(u16::from_be_bytes([header[2], header[3]])) + 1;
    octets.split_at_checked(words * 4).ok_or(CompoundError::Length)
}

/// RFC 3550 §6.4.1: padding is on the last packet alone, in whole words, counted by its last octet.
fn without_padding(packet: &[u8], is_last: bool) -> Result<&[u8], CompoundError> {
    if packet[0] & 0x20 == 0 {
        return Ok(packet);
    }
    let padding = packet.last().map_or(0, |count| usize::from(*count));
    let fits = padding > 0 && padding.is_multiple_of(4) && padding + 4 <= packet.len();
    if is_last && fits { Ok(&packet[..packet.len() - padding]) } else { Err(CompoundError::Padding) }
}

fn read(kind: u8, mut packet: &[u8], received: &mut Received) -> Result<Item, CompoundError> {
    let content = |_| CompoundError::Content;
    Ok(match kind {
        SENDER_REPORT => Item::Sender(SenderReport::unmarshal(&mut packet).map_err(content)?),
        RECEIVER_REPORT => Item::Receiver(ReceiverReport::unmarshal(&mut packet).map_err(content)?),
        GOODBYE => Item::Goodbye(Goodbye::unmarshal(&mut packet).map_err(content)?),
        // The crate gives up at items it does not know (MID, H.323 CADDR …): no reason to lose the report.
        SOURCE_DESCRIPTION => SourceDescription::unmarshal(&mut packet).map_or_else(
            |_| {
                received.unreadable_descriptions += 1;
                Item::Skipped
            },
            Item::Description,
        ),
        TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => {
            received.feedback += 1;
            Item::Skipped
        }
        EXTENDED_REPORT => {
            received.extended += 1;
            Item::Skipped
        }
        _ => {
            received.other += 1;
            Item::Skipped
        }
    })
}

/// RTCP of one leg, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RtcpCounters {
    /// Compound packets of ours, BYE included.
    pub reports_sent: u64,
    /// SR packets.
    pub sender_reports: u64,
    /// RR packets.
    pub receiver_reports: u64,
    /// SDES packets that could be read.
    pub descriptions: u64,
    /// SDES packets that could not: an item we do not know, or malformed.
    pub unreadable_descriptions: u64,
    /// BYE packets.
    pub goodbyes: u64,
    /// RTPFB and PSFB packets (RFC 4585), skipped.
    pub feedback: u64,
    /// XR packets (RFC 3611), skipped.
    pub extended_reports: u64,
    /// APP and unknown packets, skipped.
    pub other: u64,
    /// Datagrams that began with another packet than SR or RR (RFC 5506).
    pub reduced_size: u64,
    /// Our own packets that came back.
    pub loops: u64,
    /// Datagrams of somebody who uses our SSRC.
    pub collisions: u64,
    /// Refused datagrams, by kind.
    pub malformed: CompoundErrors,
}

/// Refused datagrams, by [`CompoundError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompoundErrors {
    /// [`CompoundError::TooShort`].
    pub too_short: u64,
    /// [`CompoundError::Version`].
    pub version: u64,
    /// [`CompoundError::Length`].
    pub length: u64,
    /// [`CompoundError::Padding`].
    pub padding: u64,
    /// [`CompoundError::Content`].
    pub content: u64,
    /// [`CompoundError::TooMany`].
    pub too_many: u64,
}

impl RtcpCounters {
    pub(super) fn count(&mut self, received: &Received) {
        for item in &received.items {
            match item {
                Item::Sender(_) => self.sender_reports += 1,
                Item::Receiver(_) => self.receiver_reports += 1,
                Item::Description(_) => self.descriptions += 1,
                Item::Goodbye(_) => self.goodbyes += 1,
                Item::Skipped => {}
            }
        }
        self.feedback += received.feedback;
        self.extended_reports += received.extended;
        self.other += received.other;
        self.unreadable_descriptions += received.unreadable_descriptions;
        self.reduced_size += u64::from(received.reduced_size);
    }

    pub(super) fn count_error(&mut self, error: CompoundError) {
        let errors = &mut self.malformed;
        let counter = match error {
            CompoundError::TooShort => &mut errors.too_short,
            CompoundError::Version => &mut errors.version,
            CompoundError::Length => &mut errors.length,
            CompoundError::Padding => &mut errors.padding,
            CompoundError::Content => &mut errors.content,
            CompoundError::TooMany => &mut errors.too_many,
        };
        *counter += 1;
    }

    pub(super) fn count_own_ssrc(&mut self, own: OwnSsrc) {
        match own {
            OwnSsrc::Loop => self.loops += 1,
            OwnSsrc::Collision => self.collisions += 1,
        }
    }
}
