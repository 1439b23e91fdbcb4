//! Session descriptions (RFC 8866) and offer/answer (RFC 3264) for one audio stream.
//!
//! [`parse`] and [`Description`] are the text: all lines are kept and printed again.
//! [`Negotiation`] is one leg's offer/answer machine; what both sides settled on is an [`Agreed`].
//! The leg drives it with the bodies of its INVITE, UPDATE, PRACK and ACK; nothing here
//! resolves names, opens ports or encodes audio.

mod agreed;
mod attributes;
mod codec;
mod compose;
mod description;
mod fmtp;
mod formats;
mod local;
mod negotiation;
mod parser;
mod ptime;
mod refusal;
mod remote;

pub use agreed::{Agreed, AgreedCodec, AgreedFormat, AgreedRedundancy};
pub use attributes::{Direction, Extmap, Rtcp, Rtpmap};
pub use codec::{CodecName, LocalCodec};
pub use description::{Attribute, Connection, Description, Line, MediaDescription, Origin};
pub use fmtp::{Fmtp, OpusParameters};
pub use local::{CLIENT_LEVEL, CodecOrder, Extension, LocalMedia, MIXER_LEVEL};
pub use negotiation::Negotiation;
pub use parser::{MAX_FORMATS, MAX_LINES, MAX_MEDIA, MAX_SIZE, ParseError, ParseErrorKind, parse};
pub use refusal::Refusal;

#[cfg(test)]
mod tests;
