//! A leg's media in figures, for the line that ends its log.

use std::fmt;
use std::time::Duration;

/// What came, what went, and what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MediaSummary {
    /// RTP packets received, of which the next ones are parts.
    pub received: u64,
    /// Came after their time.
    pub late: u64,
    /// Never came, nor a copy in time.
    pub lost: u64,
    /// Never came, but a copy did in time (RFC 2198).
    pub recovered: u64,
    /// Came again.
    pub duplicate: u64,
    /// Of no use to the jitter buffer.
    pub discarded: u64,
    /// Refused by the latch, by payload type or source.
    pub refused: u64,
    /// Not RTP or RTCP at all, or redundant audio that cannot be read.
    pub malformed: u64,
    /// Audio made up for what did not come in time.
    pub concealed: Duration,
    /// Inter-arrival jitter at the end (RFC 3550 A.8).
    pub jitter_ms: f64,
    /// How long packets waited for their playout at the end.
    pub depth_ms: u32,
    /// By whom what it was sent was encoded.
    pub coded: Coded,
    /// RTP packets sent.
    pub sent: u32,
    /// Time to the peer and back, where it told.
    pub round_trip: Option<Duration>,
}

/// What a leg was sent, by its coding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coded {
    /// Packets that were encoded for it; fewer than were sent where it listened among others.
    pub encoded: u64,
    /// Packets that another's peer had encoded for it.
    pub relayed: u64,
    /// Frames that could not be encoded.
    pub unencodable: u64,
}

impl fmt::Display for MediaSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "received {} (late {}, lost {}, recovered {}, duplicate {}, discarded {}), refused {}, malformed {}, concealed {} ms, \
             jitter {:.1} ms, depth {} ms, sent {} (encoded {}, relayed {}, unencodable {})",
            self.received,
            self.late,
            self.lost,
            self.recovered,
            self.duplicate,
            self.discarded,
            self.refused,
            self.malformed,
            self.concealed.as_millis(),
            self.jitter_ms,
            self.depth_ms,
            self.sent,
            self.coded.encoded,
            self.coded.relayed,
            self.coded.unencodable
        )?;
        match self.round_trip {
            Some(round_trip) => write!(out, ", round trip {:.1} ms", round_trip.as_secs_f64() * 1000.0),
            None => Ok(()),
        }
    }
}
