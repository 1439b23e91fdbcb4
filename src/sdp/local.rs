//! What our side of an audio stream is: address, ports, codecs, wishes.

use std::net::IpAddr;

use super::{Direction, LocalCodec};

/// Whose order of codecs decides when several fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodecOrder {
    /// The peer's first format that we speak (RFC 3264 §6.1 recommends it).
    #[default]
    OfferOrder,
    /// Our first codec that the peer offers.
    OurOrder,
}

/// An RTP header extension (RFC 8285), as we support it or as it was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Local identifier in the RTP packets: 1 to 14, or 16 to 255 (two-byte headers alone). In [`LocalMedia`]: that of our
    /// offers, 1 to 14.
    pub id: u8,
    /// What the extension is.
    pub uri: String,
    /// From our point of view: whether we put it into what we send, take it from what we receive, or both.
    pub direction: Direction,
    /// Of audio levels (RFC 6464 §4): whether their voice bit means anything, where that is said.
    pub vad: Option<bool>,
}

/// Audio level of the sender of a packet (RFC 6464).
pub const CLIENT_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// Audio levels of those whom a mixer lets be heard, in the order of its CSRCs (RFC 6465).
pub const MIXER_LEVEL: &str = "urn:ietf:params:rtp-hdrext:csrc-audio-level";

/// Our side of the audio stream. The address family decides which peers fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where we receive; also the address of the `o=` line.
    pub address: IpAddr,
    /// Port of RTP.
    pub rtp_port: u16,
    /// Port of RTCP when it is not multiplexed.
    pub rtcp_port: u16,
    /// The codecs in the order of our preference; at most [`LocalMedia::MAX_CODECS`].
    pub codecs: Vec<LocalCodec>,
    /// Whose order counts in answers.
    pub prefer: CodecOrder,
    /// Whether digits travel as RFC 4733 telephone-event.
    pub telephone_event: bool,
    /// Whether RFC 3389 comfort noise is understood and may be sent.
    pub comfort_noise: bool,
    /// Whether our offers have RFC 2198 redundancy; our answers take it wherever it is offered.
    pub offers_redundancy: bool,
    /// Length of the packets we send to a peer without wishes.
    pub ptime_ms: u8,
    /// Longest packet we take and send.
    pub max_ptime_ms: u8,
    /// Length of the mixer's frame: packets we send are a multiple of it.
    pub frame_ms: u8,
    /// What we want to do: the peer's wish may narrow it.
    pub direction: Direction,
    /// Whether RTCP may share the port of RTP (RFC 5761).
    pub rtcp_mux: bool,
    /// Header extensions we support.
    pub extmap: Vec<Extension>,
}

impl LocalMedia {
    /// Most codecs one side describes: with telephone-event and comfort noise per clock rate,
    /// all still find a dynamic payload type.
    pub const MAX_CODECS: usize = 8;

    /// A stream at `address` that offers `codecs` and has the usual 20 ms packets, telephone-event and
    /// rtcp-mux, RTCP on the next higher port, no comfort noise, no redundancy offered and no header extensions.
    pub fn new(address: IpAddr, rtp_port: u16, codecs: Vec<LocalCodec>) -> LocalMedia {
        LocalMedia {
            address,
            rtp_port,
            rtcp_port: rtp_port.saturating_add(1),
            codecs,
            prefer: CodecOrder::default(),
            telephone_event: true,
            comfort_noise: false,
            offers_redundancy: false,
            ptime_ms: 20,
            max_ptime_ms: 60,
            frame_ms: 20,
            direction: Direction::SendRecv,
            rtcp_mux: true,
            extmap: Vec::new(),
        }
    }
}
