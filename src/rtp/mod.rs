//! RTP and RTCP (RFC 3550): packets, sources, reports, telephone-event, redundancy, latching, jitter buffer.
//!
//! Pure: bytes, `now` and randomness come in; bytes, events and the next deadline go out. The media lap of a
//! leg drives it; sockets, clocks and codecs are elsewhere.

pub mod contributors;
pub mod demux;
pub mod dtmf_info;
pub mod incoming;
pub mod jitter_buffer;
pub mod latch;
pub mod media_timeout;
pub mod numbers;
pub mod packet;
pub mod packet_sender;
pub mod redundancy;
pub mod rtcp;
#[cfg(test)]
pub(crate) mod sim;
pub mod source;
mod splitmix;
pub mod telephone_event;
#[cfg(test)]
mod testing;

pub use incoming::{Arrived, Incoming, LegCounters};
pub use latch::{Latch, PayloadTypes, Refusal, Verdict};
pub use media_timeout::{MediaTimeout, PeerSilence};
pub use numbers::{ExtendedSequence, SequenceNumber, Ssrc, Timestamp};
pub use packet::{Header, Packet};
pub use packet_sender::{PacketSender, StreamStart};
pub use rtcp::{NtpTime, RtcpSession, RtcpSettings};
