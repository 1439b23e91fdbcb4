//! How far apart a peer's packets are, so that a lap need not ask for one that cannot have come yet.

use crate::rtp::{Header, SequenceNumber, Timestamp};
use std::time::{Duration, Instant};

/// Packets may come this much sooner than their distance says before a lap leaves them to the next one.
const EARLY: Duration = Duration::from_millis(2);
/// A longer step of the timestamp is a pause, not the length of a packet.
const LONGEST_PACKET: Duration = Duration::from_millis(120);

/// The distance of the last two packets in order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    last: Option<(SequenceNumber, Timestamp)>,
    distance: Duration,
}

impl Pace {
    /// A packet has come.
    pub fn note(&mut self, header: &Header, clock_rate: u32) {
        if let Some((sequence, timestamp)) = self.last
            && header.sequence == sequence.next()
        {
            let units = u64::from(header.timestamp.distance_from(timestamp).unsigned_abs());
            let distance = Duration::from_micros(units * 1_000_000 / u64::from(clock_rate));
            self.distance = if distance > LONGEST_PACKET { Duration::ZERO } else { distance };
        }
        self.last = Some((header.sequence, header.timestamp));
    }

    /// Whether the packet after one that arrived at `arrival` may have come by `due`.
    pub fn may_have_more(&self, arrival: Instant, due: Instant) -> bool {
        due.saturating_duration_since(arrival) + EARLY >= self.distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Ssrc;

    fn header(sequence: u16, timestamp: u32) -> Header {
        let (sequence, timestamp) = (SequenceNumber(sequence), Timestamp(timestamp));
        Header { sequence, timestamp, ssrc: Ssrc(1), marker: false, payload_type: 0 }
    }

    #[test]
    fn the_next_packet_is_expected_one_packet_later() {
        let mut pace = Pace::default();
        let arrival = Instant::now();
        assert!(pace.may_have_more(arrival, arrival), "nothing is known yet");
        pace.note(&header(1, 160), 8000);
        pace.note(&header(2, 320), 8000);
        assert!(!pace.may_have_more(arrival, arrival + Duration::from_millis(17)));
        assert!(pace.may_have_more(arrival, arrival + Duration::from_millis(18)));
    }

    #[test]
    fn short_packets_are_asked_for_more_often_and_a_pause_says_nothing() {
        let mut pace = Pace::default();
        let arrival = Instant::now();
        pace.note(&header(1, 80), 8000);
        pace.note(&header(2, 160), 8000);
        assert!(pace.may_have_more(arrival, arrival + Duration::from_millis(8)));
        pace.note(&header(3, 80_000), 8000);
        assert!(pace.may_have_more(arrival, arrival));
    }
}
