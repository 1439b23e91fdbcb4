//! Packets that need not be decoded: those that say that nobody speaks, from a peer that has been silent for a while, and
//! all of a peer that is not to be heard.
//!
//! The last ones are kept and decoded first when it wakes, so that the decoder has followed by the first syllable.

use crate::audio::opus::says_silence;
use crate::audio::saturate::is_silence;

/// What was decoded has to have been silent in so many packets.
const SILENT_PACKETS: u32 = 20;
/// So many packets are kept: 100 ms of the usual ones.
const KEPT_PACKETS: usize = 5;
/// A silent packet may be so much longer than those that were found silent.
const SPREAD_OCTETS: usize = 2;

/// The last packets of those that were not decoded.
#[derive(Default)]
pub struct Kept {
    packets: [Vec<u8>; KEPT_PACKETS],
    /// How many there were in all since the last one that was decoded.
    passed: usize,
}

impl Kept {
    /// Keeps the next one in order.
    pub fn keep(&mut self, packet: &[u8]) {
        let kept = &mut self.packets[self.passed % KEPT_PACKETS];
        kept.clear();
        kept.extend_from_slice(packet);
        self.passed += 1;
    }

    /// The oldest first.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let oldest = self.passed.saturating_sub(KEPT_PACKETS);
        (oldest..self.passed).map(|at| &self.packets[at % KEPT_PACKETS][..])
    }

    /// They are decoded: the oldest first.
    pub fn take(&mut self) -> impl Iterator<Item = &[u8]> {
        let passed = std::mem::take(&mut self.passed);
        let oldest = passed.saturating_sub(KEPT_PACKETS);
        (oldest..passed).map(|at| &self.packets[at % KEPT_PACKETS][..])
    }
}

/// Whether a decoder has anything to do.
#[derive(Default)]
pub struct Doze {
    /// Packets in a row that were silence, at most [`SILENT_PACKETS`].
    silent: u32,
    /// The longest of them.
    longest_silent_octets: usize,
    /// The last packet that was decoded says that nobody speaks.
    is_quiet: bool,
    kept: Kept,
}

impl Doze {
    /// Whether this packet, the next in order, need not be decoded; it is kept.
    pub fn passes(&mut self, packet: &[u8], is_heard: bool) -> bool {
        let as_before = packet.len() <= self.longest_silent_octets + SPREAD_OCTETS;
        let is_silent = self.silent == SILENT_PACKETS && as_before && says_silence(packet);
        if is_heard && !is_silent {
            return false;
        }
        self.keep(packet);
        true
    }

    /// Passes over a packet.
    pub fn keep(&mut self, packet: &[u8]) {
        self.kept.keep(packet);
    }

    /// What was passed over last, the oldest first; to be decoded before the packet that was not.
    pub fn wake(&mut self) -> impl Iterator<Item = &[u8]> {
        self.kept.take()
    }

    /// Whether the last packet was passed over.
    pub fn is_dozing(&self) -> bool {
        self.kept.passed > 0
    }

    /// Whether the last packet was silence, decoded or not: where nothing follows it, silence goes on (DTX).
    pub fn was_silent(&self) -> bool {
        self.is_dozing() || self.silent > 0
    }

    /// Whether the last packet says that nobody speaks, whatever else is heard.
    pub fn was_quiet(&self) -> bool {
        self.is_dozing() || self.is_quiet
    }

    /// Takes note of what a packet turned out to be.
    pub fn note(&mut self, packet: &[u8], samples: &[i16]) {
        self.is_quiet = says_silence(packet);
        if !is_silence(samples) {
            (self.silent, self.longest_silent_octets) = (0, 0);
        } else if self.silent < SILENT_PACKETS {
            self.silent += 1;
            self.longest_silent_octets = self.longest_silent_octets.max(packet.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hybrid, 20 ms, mono, the flag as said, `len` octets.
    fn packet(voice: bool, len: usize) -> Vec<u8> {
        let mut packet = vec![1; len];
        (packet[0], packet[1]) = (0x78, if voice { 0x80 } else { 0 });
        packet
    }

    fn silent_for_a_while() -> Doze {
        let mut doze = Doze::default();
        for _ in 0..SILENT_PACKETS {
            assert!(!doze.passes(&packet(false, 24), true), "it has to be found silent first");
            doze.note(&packet(false, 24), &[0; 960]);
        }
        doze
    }

    #[test]
    fn who_has_been_silent_for_a_while_is_passed_over_until_a_packet_says_otherwise() {
        let mut doze = silent_for_a_while();
        assert!(doze.passes(&packet(false, 26), true));
        assert!(!doze.passes(&packet(true, 24), true), "a voice");
        assert!(!doze.passes(&packet(false, 27), true), "more than silence takes");
    }

    #[test]
    fn the_last_packet_tells_what_goes_on_where_nothing_follows() {
        let mut doze = Doze::default();
        let mut told = |voice: bool, sample: i16| {
            doze.note(&packet(voice, 24), &[sample; 960]);
            (doze.was_silent(), doze.was_quiet())
        };
        assert_eq!(told(false, 0), (true, true));
        assert_eq!(told(false, 100), (false, true), "noise");
        assert_eq!(told(true, 100), (false, false));
        assert!(doze.passes(&packet(true, 24), false) && doze.was_silent(), "it is not to be heard");
    }

    #[test]
    fn sound_begins_the_wait_anew() {
        let mut doze = silent_for_a_while();
        doze.note(&packet(true, 60), &[100; 960]);
        assert!(!doze.passes(&packet(false, 24), true));
    }

    #[test]
    fn the_last_packets_are_decoded_first_on_waking_in_their_order() {
        let mut doze = silent_for_a_while();
        assert_eq!(doze.wake().count(), 0);
        for len in 10..17 {
            assert!(doze.passes(&packet(false, len), true));
        }
        let lengths: Vec<usize> = doze.wake().map(<[u8]>::len).collect();
        assert_eq!(lengths, [12, 13, 14, 15, 16]);
        assert_eq!(doze.wake().count(), 0, "once");
    }

    #[test]
    fn whoever_is_not_to_be_heard_is_passed_over_whatever_is_said() {
        let mut doze = Doze::default();
        assert!(doze.passes(&packet(true, 90), false));
        assert!(!doze.passes(&packet(true, 90), true));
        assert_eq!(doze.wake().count(), 1);
    }
}
