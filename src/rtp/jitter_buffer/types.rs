//! What goes into the jitter buffer and what comes out: settings, arrivals, answers, counters.

use std::time::Instant;

use crate::rtp::{SequenceNumber, Ssrc, Timestamp};

/// The bounds a leg's jitter buffer works within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterSettings {
    /// Waiting time a packet is given at least, beyond the fastest way through the network; 0 adapts freely.
    pub min_ms: u32,
    /// Waiting time a packet is given at most; from `min_ms` to [`MAX_DEPTH_MS`](super::MAX_DEPTH_MS).
    pub max_ms: u32,
    /// The mixer's frame: 10 or 20.
    pub frame_ms: u32,
    /// RTP timestamp units per second.
    pub clock_rate: u32,
    /// What a packet is believed to carry (the negotiated ptime) until timestamps tell better.
    pub packet_ms: u32,
    /// Payload type of comfort noise (RFC 3389), if negotiated.
    pub comfort_noise: Option<u8>,
}

/// A packet of the audio stream as it came from the network.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When the kernel received it.
    pub at: Instant,
    /// Who made it.
    pub ssrc: Ssrc,
    /// Its number.
    pub sequence: SequenceNumber,
    /// The media time of its first sample.
    pub timestamp: Timestamp,
    /// The marker bit: first packet of a talkspurt (RFC 3551 §4.1).
    pub marker: bool,
    /// What is in the payload.
    pub payload_type: u8,
    /// The payload without padding.
    pub payload: &'a [u8],
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its playout.
    Taken,
    /// Another has had its turn.
    Late,
    /// It had come before.
    Duplicate,
    /// It was of no use: empty, oversized, or of a source or sequence not yet believed.
    Discarded,
}

/// What the leg is to do next for its frame. All lengths are in timestamp units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playout<'a> {
    /// Decode this packet and ask again.
    Packet(Packet<'a>),
    /// Conceal `units` of audio that did not come and ask again. If the packet behind the gap is already
    /// here, [`peek_next`](super::JitterBuffer::peek_next) has it (in-band FEC of the missing one).
    Conceal {
        /// How much to conceal; at least 1.
        units: u32,
    },
    /// The sender pauses: `units` of silence or comfort noise, then ask again.
    Pause {
        /// How long; at least 1.
        units: u32,
        /// The last comfort noise payload of this pause (RFC 3389), if the sender described its noise.
        comfort_noise: Option<&'a [u8]>,
    },
    /// The leg already holds a frame.
    Enough,
    /// There is nothing to play: nobody has begun, or the peer has stopped. The rest of the frame is silence.
    Empty,
}

/// A packet whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What is in the payload.
    pub payload_type: u8,
    /// The payload.
    pub payload: &'a [u8],
    /// The media time of its first sample.
    pub timestamp: Timestamp,
    /// Decode the whole packet, then drop this much from its front: concealment has covered it already.
    pub skip: u32,
    /// How the buffer would like the leg to change the length of this packet's audio.
    pub stretch: Stretch,
}

/// The first packet behind a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind<'a> {
    /// The packet, which is not played yet.
    pub packet: Packet<'a>,
    /// How long before its first sample the gap begins that is to be concealed now.
    pub ahead_units: u32,
}

/// A wish to change the length of the audio, so that the depth follows its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// Leave it as it is.
    None,
    /// Make it up to `units` shorter.
    Shorten {
        /// How much at most.
        units: u32,
        /// How soon.
        urgency: Urgency,
    },
    /// Make it up to `units` longer.
    Lengthen {
        /// How much at most.
        units: u32,
        /// How soon.
        urgency: Urgency,
    },
}

/// When a leg that cannot stretch without being heard is to carry out a [`Stretch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Only if this audio is quiet; the wish is repeated.
    WhenQuiet,
    /// Now: a bound is exceeded or no quiet moment has come for long.
    Now,
}

/// What has happened to packets and audio so far. `received` + `recovered` = `played` + `late` + `duplicate`
/// + `discarded` + the packets waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)] // the two that every packet counts first, beside the buffer's other hot fields
pub struct JitterCounters {
    /// Packets that arrived.
    pub received: u64,
    /// Packets handed over, comfort noise included.
    pub played: u64,
    /// Packets that arrived after their time, or waited past it.
    pub late: u64,
    /// Sequence numbers that never arrived, nor a copy in time.
    pub lost: u64,
    /// Copies (RFC 2198) that were taken for packets that had not arrived.
    pub recovered: u64,
    /// Packets that arrived again.
    pub duplicate: u64,
    /// Packets that were of no use (see [`Inserted::Discarded`]) or thrown away to bound the depth.
    pub discarded: u64,
    /// Audio concealed, in timestamp units.
    pub concealed_units: u64,
    /// Audio taken out to become less deep, in timestamp units.
    pub shortened_units: u64,
    /// Audio put in to become deeper, in timestamp units.
    pub lengthened_units: u64,
    /// How often another SSRC, or the same one with other numbers, was taken up.
    pub restarts: u64,
}
