//! Why an offer or an answer cannot be used, and what to tell the peer.

use std::fmt;

use super::ParseError;
use super::parser::ParseErrorKind;

/// Why a peer's description was not accepted. The state of the negotiation is as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The body is not a session description we can read.
    Malformed(ParseError),
    /// There is no audio line, or only disabled ones (port 0).
    NoAudio,
    /// Audio only over a transport we do not speak (RTP/SAVP, UDP/TLS/RTP/SAVPF …).
    TransportProtocol,
    /// Audio only at an address of a family we lack, or one nobody may be made to send to (multicast).
    AddressFamily,
    /// No codec that both sides speak.
    NoCommonCodec,
    /// An offer came while ours waits for its answer (RFC 3264 §4 forbids it).
    OfferOutstanding,
    /// An answer came although no offer of ours waits for one.
    NoOfferOutstanding,
}

impl Refusal {
    /// The SIP status that refuses a request with this body.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Malformed(error) => match error.kind {
                ParseErrorKind::NotSdp | ParseErrorKind::UnsupportedVersion => 415,
                _ => 400,
            },
            Refusal::NoAudio
            | Refusal::TransportProtocol
            | Refusal::AddressFamily
            | Refusal::NoCommonCodec => 488,
            Refusal::OfferOutstanding => 491,
            Refusal::NoOfferOutstanding => 400,
        }
    }

    /// The code of a Warning header field (RFC 3261 §20.43) that goes with [`Refusal::status`].
    pub fn warning_code(&self) -> u16 {
        match self {
            Refusal::NoAudio => 304,
            Refusal::TransportProtocol => 302,
            Refusal::AddressFamily => 301,
            Refusal::NoCommonCodec => 305,
            Refusal::Malformed(_) | Refusal::OfferOutstanding | Refusal::NoOfferOutstanding => 399,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Malformed(error) => write!(out, "malformed session description: {error}"),
            Refusal::NoAudio => out.write_str("no audio line in use"),
            Refusal::TransportProtocol => out.write_str("no audio over plain RTP"),
            Refusal::AddressFamily => out.write_str("no audio at an address we can send to"),
            Refusal::NoCommonCodec => out.write_str("no common audio codec"),
            Refusal::OfferOutstanding => out.write_str("our own offer waits for its answer"),
            Refusal::NoOfferOutstanding => out.write_str("answer without an offer"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<ParseError> for Refusal {
    fn from(error: ParseError) -> Refusal {
        Refusal::Malformed(error)
    }
}
