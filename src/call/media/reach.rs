//! How far back a peer's packets reach by their redundancy: some of them are looked at.

/// One packet in so many: a look is some 7 µs. Their reach grows by degrees where a voice sets in.
const LOOK_EVERY: u16 = 8;
/// What was not seen again for one to two such spans, 10 s each, is gone; a pause is no reason.
const SPAN: u16 = 512;

/// The furthest that was seen lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    packets: u16,
    newer_ms: u16,
    older_ms: u16,
}

impl Reach {
    /// A packet comes; whether it is to be looked at.
    pub(super) fn is_due(&mut self) -> bool {
        self.packets = self.packets.wrapping_add(1);
        if self.packets.is_multiple_of(SPAN) {
            self.older_ms = std::mem::take(&mut self.newer_ms);
        }
        self.packets.is_multiple_of(LOOK_EVERY)
    }

    /// It reaches so far.
    pub(super) fn note(&mut self, reach_ms: u32) {
        self.newer_ms = self.newer_ms.max(u16::try_from(reach_ms).unwrap_or(u16::MAX));
    }

    pub(super) fn ms(&self) -> u32 {
        self.newer_ms.max(self.older_ms).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many packets more, of this reach.
    fn after(reach: &mut Reach, packets: u32, reach_ms: u32) -> u32 {
        for _ in 0..packets {
            if reach.is_due() {
                reach.note(reach_ms);
            }
        }
        reach.ms()
    }

    #[test]
    fn it_follows_packets_that_reach_further_and_further() {
        let mut reach = Reach::default();
        let seen = [55, 95, 135, 300].map(|reach_ms| after(&mut reach, 8, reach_ms));
        assert_eq!(seen, [55, 95, 135, 300]);
    }

    #[test]
    fn it_outlives_a_pause_of_ten_seconds_but_not_of_half_a_minute() {
        for packets_before in [8, 500, 512, 900] {
            let mut reach = Reach::default();
            after(&mut reach, packets_before, 300);
            assert_eq!(after(&mut reach, 500, 0), 300, "{packets_before}");
            assert_eq!(after(&mut reach, 1000, 0), 0, "{packets_before}");
        }
    }

    #[test]
    fn one_packet_in_eight_is_looked_at() {
        let mut reach = Reach::default();
        assert_eq!((0..80_000).filter(|_| reach.is_due()).count(), 10_000);
    }
}
