//! How loud a peer says that it is (RFC 6464): one that has said for a second that it is silent need not be decoded.
//!
//! A peer is not trusted, only spared: what it calls silence is decoded first, and again every few seconds; if it is none, its
//! word counts no more.

use crate::audio::level::mean_power;
use crate::rtp::{Packet, Timestamp};

/// From this level on, in −dBov, nothing is to be heard.
const SILENT_MINUS_DBOV: u8 = 60;
/// So loud what is called silence may be: -45 dBFS.
const BELIEVABLE: f32 = 3.16e-5;
/// It has to last so long, more than packets wait at most: then all that waits is silence too.
const SETTLED_MS: u32 = 1000;
/// Frames after which what is called silence is decoded again, and how many of them then: a packet may hold three.
const FRAMES_BETWEEN_CHECKS: u32 = 250;
const CHECKED_FRAMES: u32 = 6;

/// What a peer says of itself.
#[derive(Debug, Default)]
pub struct PeerLevel {
    /// The extension's identifier, and whether its voice bit means anything.
    agreed: Option<(u8, bool)>,
    settled_units: u32,
    /// Since when all packets say that it is silent.
    silent_since: Option<Timestamp>,
    is_settled: bool,
    /// Of silence, so far.
    frames: u32,
    /// It called silence what was none.
    is_unreliable: bool,
}

impl PeerLevel {
    /// As negotiated: the identifier of its levels, if it may send them, and whether their voice bit means anything.
    pub fn agree(&mut self, agreed: Option<(u8, bool)>, clock_rate_hz: u32) {
        let settled_units = clock_rate_hz / 1000 * SETTLED_MS;
        if (agreed, settled_units) != (self.agreed, self.settled_units) {
            *self = PeerLevel { agreed, settled_units, ..PeerLevel::default() };
        }
    }

    /// A packet has come.
    #[inline]
    pub fn note(&mut self, packet: &Packet<'_>) {
        let Some((id, has_voice_bit)) = self.agreed else { return };
        let level = packet.extension.and_then(|extension| extension.element(id)?.first().copied());
        let is_silent = level.is_some_and(|level| {
            let is_voice = has_voice_bit && level & 0x80 != 0;
            level & 0x7F >= SILENT_MINUS_DBOV && !is_voice
        });
        if !is_silent {
            (self.silent_since, self.is_settled, self.frames) = (None, false, 0);
            return;
        }
        let timestamp = packet.header.timestamp;
        let since = *self.silent_since.get_or_insert(timestamp);
        self.is_settled |= timestamp.0.wrapping_sub(since.0) >= self.settled_units;
    }

    /// Whether the packets of this frame need not be decoded, as far as the peer is believed.
    #[inline]
    pub fn lets_doze(&mut self) -> bool {
        if !self.is_settled || self.is_unreliable {
            return false;
        }
        self.frames += 1;
        !self.is_checked()
    }

    /// Takes the frame that [`PeerLevel::lets_doze`] was asked about.
    #[inline]
    pub fn check(&mut self, frame: &[i16]) {
        if self.is_settled && !self.is_unreliable && self.is_checked() {
            self.is_unreliable = mean_power(frame) > BELIEVABLE;
        }
    }

    fn is_checked(&self) -> bool {
        self.frames % FRAMES_BETWEEN_CHECKS <= CHECKED_FRAMES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{Header, SequenceNumber, Ssrc};

    /// A packet at this time of a clock of 8 kHz that says this level under identifier 3.
    fn packet(timestamp: u32, level: Option<u8>) -> Vec<u8> {
        let header = Header {
            sequence: SequenceNumber(0),
            timestamp: Timestamp(timestamp),
            ssrc: Ssrc(1),
            marker: false,
            payload_type: 0,
        };
        let mut out = vec![0; 40];
        let elements: Vec<(u8, Vec<u8>)> = level.into_iter().map(|level| (3, vec![level])).collect();
        let elements: Vec<(u8, &[u8])> = elements.iter().map(|(id, value)| (*id, &value[..])).collect();
        let len = header.write_with_extensions(&elements, &mut out);
        out.truncate(len);
        out
    }

    /// Packets of 20 ms that all say this, each decoded as `sound`; which of them were not.
    fn dozed(peer: &mut PeerLevel, count: u32, level: Option<u8>, sound: i16) -> Vec<bool> {
        let start = u32::MAX - 800; // the timestamp wraps
        (0..count)
            .map(|at| {
                let octets = packet(start.wrapping_add(160 * at), level);
                peer.note(&Packet::parse(&octets).unwrap());
                let dozes = peer.lets_doze();
                peer.check(&if dozes { [0; 160] } else { [sound; 160] });
                dozes
            })
            .collect()
    }

    fn agreed(has_voice_bit: bool) -> PeerLevel {
        let mut peer = PeerLevel::default();
        peer.agree(Some((3, has_voice_bit)), 8000);
        peer
    }

    #[test]
    fn who_says_for_a_second_that_it_is_silent_is_not_decoded_but_now_and_then() {
        let dozed = dozed(&mut agreed(true), 1000, Some(127), 0);
        assert!(dozed[..56].iter().all(|dozes| !dozes));
        assert!(dozed[57..290].iter().all(|dozes| *dozes));
        let decoded = dozed.iter().filter(|dozes| !**dozes).count();
        assert!((60..90).contains(&decoded), "{decoded}");
    }

    #[test]
    fn whatever_is_loud_or_a_voice_or_says_nothing_is_decoded() {
        for (has_voice_bit, level, dozes) in [
            (true, Some(59), false),
            (true, Some(60), true),
            (true, Some(0x80 | 100), false),
            (false, Some(0x80 | 100), true),
            (true, None, false),
        ] {
            let last = dozed(&mut agreed(has_voice_bit), 100, level, 0)[99];
            assert_eq!(last, dozes, "{has_voice_bit} {level:?}");
        }
    }

    #[test]
    fn one_louder_packet_wakes_it_at_once() {
        let mut peer = agreed(true);
        assert!(dozed(&mut peer, 100, Some(127), 0)[99]);
        assert_eq!(dozed(&mut peer, 1, Some(20), 0), [false]);
        assert!(dozed(&mut peer, 50, Some(127), 0).iter().all(|dozes| !dozes));
    }

    #[test]
    fn a_peer_that_calls_sound_silence_is_always_decoded_from_then_on() {
        let mut peer = agreed(true);
        assert!(dozed(&mut peer, 500, Some(127), 3000).iter().all(|dozes| !dozes));
        let mut peer = agreed(true);
        assert!(dozed(&mut peer, 100, Some(127), 0)[99]);
        let later = dozed(&mut peer, 400, Some(127), 3000);
        assert!(!later[399] && !later[300], "found out when it is looked at again");
    }

    #[test]
    fn without_agreement_nothing_is_read() {
        assert!(dozed(&mut PeerLevel::default(), 100, Some(127), 0).iter().all(|dozes| !dozes));
    }
}
