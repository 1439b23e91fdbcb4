//! The codecs we speak, their RTP names (RFC 3551, RFC 7587) and static payload types.

use std::fmt;

use super::{Fmtp, Rtpmap};

/// A codec by its RTP encoding name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecName {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722; its RTP clock is 8000 Hz, half of its samples (RFC 3551 §4.5.2).
    G722,
    /// 16 bit linear, big endian.
    L16,
    /// Opus; always `opus/48000/2` in SDP (RFC 7587 §7).
    Opus,
}

impl CodecName {
    /// The encoding name as it stands in `a=rtpmap`.
    pub fn encoding_name(self) -> &'static str {
        match self {
            CodecName::Pcmu => "PCMU",
            CodecName::Pcma => "PCMA",
            CodecName::G722 => "G722",
            CodecName::L16 => "L16",
            CodecName::Opus => "opus",
        }
    }
}

impl fmt::Display for CodecName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.encoding_name())
    }
}

/// A codec we can decode and encode, as we describe it to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCodec {
    /// Which codec.
    pub name: CodecName,
    /// RTP clock rate in hertz.
    pub clock_rate: u32,
    /// Channels as in `a=rtpmap`: 2 for Opus whatever is inside, else the real number.
    pub channels: u8,
    /// The payload type of our offers, unless it is taken; answers use the offer's number.
    pub payload_type: u8,
    /// What we want to receive (and `sprop-` what we send), printed as `a=fmtp` when not empty.
    pub fmtp: Fmtp,
}

impl LocalCodec {
    /// G.711 µ-law, payload type 0.
    pub fn pcmu() -> LocalCodec {
        LocalCodec::plain(CodecName::Pcmu, 8000, 0)
    }

    /// G.711 A-law, payload type 8.
    pub fn pcma() -> LocalCodec {
        LocalCodec::plain(CodecName::Pcma, 8000, 8)
    }

    /// G.722, payload type 9.
    pub fn g722() -> LocalCodec {
        LocalCodec::plain(CodecName::G722, 8000, 9)
    }

    /// Mono L16 at `clock_rate` hertz, offered with `payload_type`.
    pub fn l16(clock_rate: u32, payload_type: u8) -> LocalCodec {
        LocalCodec::plain(CodecName::L16, clock_rate, payload_type)
    }

    /// Opus, offered with `payload_type` and the given format parameters.
    pub fn opus(payload_type: u8, fmtp: Fmtp) -> LocalCodec {
        LocalCodec { name: CodecName::Opus, clock_rate: 48000, channels: 2, payload_type, fmtp }
    }

    fn plain(name: CodecName, clock_rate: u32, payload_type: u8) -> LocalCodec {
        LocalCodec { name, clock_rate, channels: 1, payload_type, fmtp: Fmtp::default() }
    }

    /// Whether a peer's `a=rtpmap` means this codec. Opus is taken with any number of channels:
    /// RFC 7587 demands 2, but phones that write 1 or none exist and mean the same.
    pub fn is_described_by(&self, rtpmap: &Rtpmap<'_>) -> bool {
        self.name.encoding_name().eq_ignore_ascii_case(rtpmap.encoding_name)
            && self.clock_rate == rtpmap.clock_rate
            && (self.name == CodecName::Opus || self.channels == rtpmap.channels)
    }
}

/// What a static payload type means without an `a=rtpmap` (RFC 3551 table 4), as far as we speak it.
pub(super) fn static_rtpmap(payload_type: u8) -> Option<Rtpmap<'static>> {
    let (encoding_name, clock_rate, channels) = match payload_type {
        0 => ("PCMU", 8000, 1),
        8 => ("PCMA", 8000, 1),
        9 => ("G722", 8000, 1),
        10 => ("L16", 44100, 2),
        11 => ("L16", 44100, 1),
        13 => ("CN", 8000, 1),
        _ => return None,
    };
    Some(Rtpmap { encoding_name, clock_rate, channels })
}
