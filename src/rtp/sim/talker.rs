//! Who sends into a link: an audio source with a clock of its own.

use std::time::Duration;

use crate::rtp::{SequenceNumber, Ssrc, Timestamp};

/// A clock that runs `ppm` faster (negative: slower) than true time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SkewedClock {
    pub(crate) ppm: i64,
}

impl SkewedClock {
    /// True time at which this clock shows `local`.
    pub(crate) fn true_time(self, local: Duration) -> Duration {
        let nanos = local.as_nanos() as i128 * 1_000_000 / i128::from(1_000_000 + self.ppm);
        Duration::from_nanos(nanos as u64)
    }
}

/// The header fields of a packet that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence: SequenceNumber,
    pub(crate) timestamp: Timestamp,
    pub(crate) marker: bool,
    /// True time of sending.
    pub(crate) at: Duration,
}

/// Sends packets of one length by its own clock.
#[derive(Debug, Clone)]
pub(crate) struct Talker {
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence: SequenceNumber,
    pub(crate) timestamp: Timestamp,
    pub(crate) clock: SkewedClock,
    packet: Duration,
    packet_units: u32,
    local: Duration,
    marker: bool,
}

impl Talker {
    /// A talker whose first packet of `packet_ms` is sent at `begin` by its clock.
    pub(crate) fn new(begin: Duration, packet_ms: u32, clock_rate: u32, clock: SkewedClock) -> Talker {
        Talker {
            ssrc: Ssrc(0x5EED),
            sequence: SequenceNumber(65_000),
            timestamp: Timestamp(u32::MAX - 100_000),
            clock,
            packet: Duration::from_millis(u64::from(packet_ms)),
            packet_units: packet_ms * clock_rate / 1000,
            local: begin,
            marker: true,
        }
    }

    /// True time of the next packet.
    pub(crate) fn next_at(&self) -> Duration {
        self.clock.true_time(self.local)
    }

    /// Sends the next packet.
    pub(crate) fn send(&mut self) -> Sent {
        let (sequence, timestamp, marker) = (self.sequence, self.timestamp, self.marker);
        let sent = Sent { ssrc: self.ssrc, sequence, timestamp, marker, at: self.next_at() };
        self.sequence = self.sequence.next();
        self.pause(1);
        self.marker = false;
        sent
    }

    /// Sends nothing for the time of `packets`: media time goes on, sequence numbers do not.
    pub(crate) fn pause(&mut self, packets: u32) {
        self.timestamp = self.timestamp.plus(packets.wrapping_mul(self.packet_units));
        self.local += self.packet * packets;
        self.marker = true;
    }
}
