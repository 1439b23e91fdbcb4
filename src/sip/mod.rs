//! SIP text and machines (RFC 3261).
//!
//! The text side: [`parser`] reads datagrams, [`framing`] byte streams, both into [`Message`];
//! [`Headers`] gives typed access to header fields. All of it is pure: bytes in, values and bytes out.

pub mod dialog;
pub mod framing;
pub mod header_name;
pub mod header_values;
pub mod headers;
pub mod merged;
pub mod message;
pub mod method;
pub mod name_addr;
pub mod params;
pub mod parser;
pub mod session;
pub mod status;
#[cfg(test)]
pub(crate) mod testdata;
mod text;
pub mod transaction;
pub mod uas;
pub mod uri;
pub mod via;

pub use framing::{Frame, FramingError, StreamParser};
pub use header_name::HeaderName;
pub use header_values::{CSeq, RAck, ReasonValue, Refresher, RetryAfter, SessionExpires, WarningValue};
pub use headers::{HeaderError, HeaderErrorKind, Headers};
pub use message::{Message, Request, Response};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::Params;
pub use parser::{ParseError, ParseErrorKind, parse_datagram};
pub use status::{StatusClass, StatusCode};
pub use uri::{Host, Scheme, Uri, UriError};
pub use via::{Transport, Via, ViaTransport};
