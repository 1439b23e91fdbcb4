//! Lengths: timestamp units in microseconds, and how packets fit frames.

/// Longest packet believed (RFC 6716 §2.1.4 lets Opus have 120 ms).
const MAX_PACKET_US: i64 = 200_000;

/// The clock of the timestamps.
#[derive(Debug, Clone, Copy)]
pub(super) struct MediaClock {
    rate: i64,
    /// Microseconds of a unit, times 2³²: it is asked several times a packet, and division is slow.
    us_per_unit_q32: i64,
}

impl MediaClock {
    pub(super) fn new(rate: u32) -> MediaClock {
        let rate = i64::from(rate);
        MediaClock { rate, us_per_unit_q32: ((1_000_000 << 32) + rate / 2) / rate }
    }

    /// `units` in µs; saturates where no call gets.
    pub(super) fn us(self, units: i64) -> i64 {
        let us = (i128::from(units) * i128::from(self.us_per_unit_q32)) >> 32;
        us.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// `us` in units; saturates where no call gets.
    pub(super) fn units(self, us: i64) -> i64 {
        let seconds = us.div_euclid(1_000_000).saturating_mul(self.rate);
        seconds.saturating_add(us.rem_euclid(1_000_000) * self.rate / 1_000_000)
    }
}

/// How the packets of the stream fit the frames of the mixer.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) clock: MediaClock,
    pub(super) frame_units: i64,
    /// What a packet carries, as far as timestamps tell; at least 1.
    pub(super) packet_units: i64,
    pub(super) packet_us: i64,
    /// The greatest common divisor of packet and frame.
    pub(super) grain_units: i64,
    pub(super) grain_us: i64,
    /// What the last packet seemed to carry.
    seen_units: i64,
}

impl Grid {
    pub(super) fn new(clock_rate: u32, frame_ms: u32, packet_ms: u32) -> Grid {
        let clock = MediaClock::new(clock_rate);
        let units = |ms: u32| (i64::from(ms) * i64::from(clock_rate) / 1000).max(1);
        let mut grid = Grid {
            clock,
            frame_units: units(frame_ms),
            packet_units: 0,
            packet_us: 0,
            grain_units: 0,
            grain_us: 0,
            seen_units: 0,
        };
        grid.set_packet_units(units(packet_ms));
        grid
    }

    /// Two packets in order were `units` apart. A new length is believed when seen twice in a row: once may
    /// be an unmarked pause.
    pub(super) fn learn(&mut self, units: i64) {
        if units <= 0 || self.clock.us(units) > MAX_PACKET_US {
            return;
        }
        if self.seen_units == units && self.packet_units != units {
            self.set_packet_units(units);
        }
        self.seen_units = units;
    }

    fn set_packet_units(&mut self, units: i64) {
        let (mut a, mut b) = (units, self.frame_units);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        (self.packet_units, self.packet_us) = (units, self.clock.us(units));
        (self.grain_units, self.grain_us) = (a, self.clock.us(a).max(1));
    }

    /// Of `held` audio, what does not fill grains.
    pub(super) fn loose_units(&self, held_units: i64) -> i64 {
        if held_units == 0 { 0 } else { held_units % self.grain_units }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_time_is_exact_to_a_microsecond_over_a_day() {
        for rate in [8000, 16_000, 44_100, 48_000, 90_000] {
            let clock = MediaClock::new(rate);
            let day = 86_400 * i64::from(rate);
            assert!((clock.us(day) - 86_400_000_000).abs() <= 1, "{rate}");
            assert!((clock.us(-day) + 86_400_000_000).abs() <= 1, "{rate}");
            assert_eq!(clock.units(86_400_000_000), day);
        }
        assert_eq!(MediaClock::new(1000).us(i64::MAX), i64::MAX);
        assert_eq!(MediaClock::new(48_000).us(i64::MIN), i64::MIN);
    }

    #[test]
    fn a_new_packet_length_is_believed_the_second_time() {
        let mut grid = Grid::new(8000, 20, 20);
        grid.learn(240);
        assert_eq!((grid.packet_units, grid.grain_units), (160, 160));
        grid.learn(240);
        assert_eq!((grid.packet_units, grid.grain_units, grid.grain_us), (240, 80, 10_000));
        for nonsense in [0, -160, i64::MAX, 8000, 0, 8000] {
            grid.learn(nonsense);
            assert_eq!(grid.packet_units, 240);
        }
    }
}
