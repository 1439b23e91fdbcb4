//! Reports, descriptions and good-byes as the crate `rtcp` writes them, and the units of their fields.

use std::time::{Duration, Instant};

use ::rtcp::goodbye::Goodbye;
use ::rtcp::reception_report::ReceptionReport;
use ::rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use bytes::Bytes;
use webrtc_util::marshal::Marshal;

use super::RemoteReport;
use crate::rtp::numbers::Ssrc;
use crate::rtp::source::Reception;

/// Said in our BYE. With its length octet it fills one word, so that the packet needs no padding.
const REASON: &[u8] = b"bye";

/// Appends a packet that is within all limits of its format.
pub(super) fn append(out: &mut Vec<u8>, packet: &impl Marshal) {
    let start = out.len();
    out.resize(start + packet.marshal_size(), 0);
    let written = packet.marshal_to(&mut out[start..]).expect("a packet of ours fits its own size");
    debug_assert_eq!(start + written, out.len());
}

/// Appends the description that every compound packet carries (RFC 3550 §6.1).
pub(super) fn append_cname(out: &mut Vec<u8>, ssrc: Ssrc, cname: &str) {
    let text = Bytes::copy_from_slice(cname.as_bytes());
    let item = SourceDescriptionItem { sdes_type: SdesType::SdesCname, text };
    let chunk = SourceDescriptionChunk { source: ssrc.0, items: vec![item] };
    let start = out.len();
    append(out, &SourceDescription { chunks: vec![chunk] });
    // The crate ends a chunk as it ends padding, with a count; RFC 3550 §6.5 wants null octets.
    let items_end = start + 4 + 4 + 2 + cname.len();
    out[items_end..].fill(0);
}

/// BYE of one source.
pub(super) fn goodbye(ssrc: Ssrc) -> Goodbye {
    Goodbye { sources: vec![ssrc.0], reason: Bytes::from_static(REASON) }
}

/// The block on what we hear of the peer.
pub(super) fn reception_block(reception: &Reception, last_sender_report: u32, delay: u32) -> ReceptionReport {
    ReceptionReport {
        ssrc: reception.ssrc.0,
        fraction_lost: reception.fraction_lost,
        // 24 bits, two's complement.
        total_lost: reception.cumulative_lost as u32 & 0xFF_FFFF,
        last_sequence_number: reception.highest_sequence,
        jitter: reception.jitter,
        last_sender_report,
        delay,
    }
}

/// The block on what the peer hears of us.
pub(super) fn remote_report(arrival: Instant, block: &ReceptionReport) -> RemoteReport {
    RemoteReport {
        arrival,
        fraction_lost: block.fraction_lost,
        cumulative_lost: (block.total_lost << 8) as i32 >> 8,
        highest_sequence: block.last_sequence_number,
        jitter: block.jitter,
    }
}

/// In units of 1/65,536 s; what does not fit is as long as can be said (18 hours).
pub(super) fn to_middle_units(duration: Duration) -> u32 {
    u32::try_from((duration.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
}

/// From units of 1/65,536 s.
pub(super) fn from_middle_units(units: u32) -> Duration {
    Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16)
}
