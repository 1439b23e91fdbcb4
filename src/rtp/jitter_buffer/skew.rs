//! How fast the sender's clock is against ours, by the fastest transit times of the last seconds.
//!
//! They are known as soon as they lie on a line: on a quiet path after little more than a second. Where jitter hides the
//! line nothing is known, and nothing need be: depth is kept for the jitter then, and takes the skew in.

/// The fastest of so long is one point.
const POINT_US: i64 = 250_000;
const POINTS: usize = 16;
/// No line is believed that has fewer.
const FEW_POINTS: usize = 5;
/// Clocks nearer to ours than this slide by a frame in minutes: not worth a delay. Known ones are held on to for longer.
const KNOWN_PPM: f32 = 150.0;
const FORGOTTEN_PPM: f32 = 75.0;
/// No clock is so far off: it is the way that grows.
const ABSURD_PPM: f32 = 3_000.0;
/// The slope is so many times its standard error, and that is no more than this.
const SIGNIFICANT: f32 = 4.0;
const UNSURE_PPM: f32 = 60.0;
const NOTHING: i64 = i64::MAX;

/// Which way the sender's packets slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skew {
    /// They come earlier and earlier.
    Fast,
    /// They come later and later.
    Slow,
}

#[derive(Debug, Clone)]
pub(super) struct SkewWatch {
    /// By how much transit times grow, where that is known.
    known_ppm: Option<f32>,
    /// Of the point that is being gathered: its number since the clock's beginning, and the fastest.
    number: i64,
    fastest_us: i64,
    /// The newest last. Boxed: touched only when a point is done.
    points_us: Box<[i64; POINTS]>,
}

impl SkewWatch {
    pub(super) fn new() -> SkewWatch {
        SkewWatch {
            known_ppm: None,
            number: i64::MIN,
            fastest_us: NOTHING,
            points_us: Box::new([NOTHING; POINTS]),
        }
    }

    pub(super) fn known(&self) -> Option<Skew> {
        self.known_ppm.map(|ppm| if ppm > 0.0 { Skew::Slow } else { Skew::Fast })
    }

    /// By how much transit times grow in so long; 0 unless the skew is known.
    pub(super) fn growth_us(&self, span_us: i64) -> i64 {
        self.known_ppm.map_or(0, |ppm| (ppm * span_us as f32 / 1e6) as i64)
    }

    pub(super) fn clear(&mut self) {
        *self = SkewWatch { points_us: Box::new([NOTHING; POINTS]), ..SkewWatch::new() };
    }

    pub(super) fn record(&mut self, arrival_us: i64, transit_us: i64) {
        let number = arrival_us.div_euclid(POINT_US);
        if number != self.number {
            self.turn_to(number);
        }
        self.fastest_us = self.fastest_us.min(transit_us);
    }

    fn turn_to(&mut self, number: i64) {
        let steps = number.saturating_sub(self.number).clamp(1, POINTS as i64) as usize;
        self.points_us.rotate_left(steps);
        let from = POINTS - steps;
        self.points_us[from..].fill(NOTHING);
        self.points_us[from] = self.fastest_us;
        (self.number, self.fastest_us) = (number, NOTHING);
        self.known_ppm = self.judge();
    }

    fn judge(&self) -> Option<f32> {
        let line = Line::through(&self.points_us[..])?;
        let ppm = line.slope_us / POINT_US as f32 * 1e6;
        let error_ppm = line.error_us / POINT_US as f32 * 1e6;
        let least_ppm = match self.known_ppm {
            Some(known_ppm) if known_ppm * ppm > 0.0 => FORGOTTEN_PPM,
            _ => KNOWN_PPM.max(SIGNIFICANT * error_ppm),
        };
        (error_ppm < UNSURE_PPM && (least_ppm..ABSURD_PPM).contains(&ppm.abs())).then_some(ppm)
    }
}

/// The straight line through points at equal distances, those that there are.
struct Line {
    /// By how much it rises from point to point.
    slope_us: f32,
    /// The standard error of that.
    error_us: f32,
}

impl Line {
    fn through(points_us: &[i64]) -> Option<Line> {
        let first = points_us.iter().copied().find(|&us| us != NOTHING)?;
        let there = || {
            let points = points_us.iter().enumerate().filter(|&(_, &us)| us != NOTHING);
            points.map(|(at, &us)| (at as f32, (us - first) as f32))
        };
        let count = there().count();
        if count < FEW_POINTS {
            return None;
        }
        let mean = |of: &dyn Fn((f32, f32)) -> f32| there().map(of).sum::<f32>() / count as f32;
        let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
        let xx = mean(&|point| (point.0 - x).powi(2));
        let slope_us = mean(&|point| (point.0 - x) * (point.1 - y)) / xx;
        let rest = mean(&|point| (point.1 - y - slope_us * (point.0 - x)).powi(2));
        Some(Line { slope_us, error_us: (rest / xx / (count - 2) as f32).sqrt() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::splitmix::SplitMix64;

    /// What is known after each second of a stream `ppm` off, whose packets are late by up to `jitter_us`.
    fn seconds(ppm: i64, jitter_us: u64, length_s: usize) -> Vec<Option<Skew>> {
        let (mut watch, mut random) = (SkewWatch::new(), SplitMix64::new(5));
        let mut known = Vec::new();
        for packet in 0..length_s as i64 * 50 {
            let media_us = packet * 20_000;
            let arrival_us = media_us - media_us * ppm / 1_000_000 + random.below(jitter_us + 1) as i64;
            watch.record(arrival_us, arrival_us - media_us);
            if packet % 50 == 49 {
                known.push(watch.known());
            }
        }
        known
    }

    #[test]
    fn on_a_quiet_path_it_is_known_in_two_seconds_and_stays_so() {
        for (ppm, skew) in [(500, Skew::Fast), (-500, Skew::Slow), (1000, Skew::Fast), (-200, Skew::Slow)] {
            for (second, known) in seconds(ppm, 100, 60).into_iter().enumerate().skip(1) {
                assert_eq!(known, Some(skew), "{ppm} ppm, second {second}");
            }
        }
    }

    #[test]
    fn clocks_like_ours_and_jitter_are_no_skew() {
        for (ppm, jitter_us) in [(0, 0), (50, 100), (-50, 1_000), (0, 5_000), (0, 60_000)] {
            let known = seconds(ppm, jitter_us, 600);
            let taken = known.iter().filter(|known| known.is_some()).count();
            assert!(taken <= 12, "{ppm} ppm, {jitter_us} µs: {taken} of 600 s");
        }
    }

    #[test]
    fn a_pause_is_no_skew() {
        let mut watch = SkewWatch::new();
        for packet in (0..100).chain(400..500).chain(90_000..90_100) {
            watch.record(packet * 20_000, 0);
            assert_eq!(watch.known(), None);
        }
    }
}
