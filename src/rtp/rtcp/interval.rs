//! When the next report is due (RFC 3550 §6.2, §6.3, A.7), for two parties.

use std::time::{Duration, Instant};

use super::RtcpSettings;
use crate::rtp::splitmix::SplitMix64;

/// e − 3/2: makes up for timer reconsideration's bias towards short intervals (RFC 3550 §6.3.1).
const COMPENSATION: f64 = std::f64::consts::E - 1.5;
/// Share of the session's bandwidth that is RTCP's (RFC 3550 §6.2).
const RTCP_SHARE: f64 = 0.05;
/// Of that, the share of those who only listen (RFC 3550 §6.2).
const LISTENERS_SHARE: f64 = 0.75;
/// Guess for the first interval: report, block and CNAME with lower layers.
const FIRST_SIZE: f64 = 120.0;

/// Never longer, whatever bandwidth was signalled.
const MAX_INTERVAL_S: f64 = 60.0;

/// Who sends media at this moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members {
    pub(super) we_send: bool,
    pub(super) peer_sends: bool,
}

/// The transmission timer.
#[derive(Debug, Clone)]
pub(super) struct Interval {
    last_at: Instant,
    due_at: Instant,
    average_size: f64,
    is_first: bool,
    has_peer: bool,
}

impl Interval {
    pub(super) fn new(now: Instant, settings: &RtcpSettings, random: &mut SplitMix64) -> Interval {
        let mut interval =
            Interval { last_at: now, due_at: now, average_size: FIRST_SIZE, is_first: true, has_peer: false };
        let nobody = Members { we_send: false, peer_sends: false };
        interval.due_at = now + interval.draw(nobody, settings, random);
        interval
    }

    pub(super) fn due_at(&self) -> Instant {
        self.due_at
    }

    /// Whether a report is due; when the timer has run out too early for today's figures it is set anew
    /// (RFC 3550 §6.3.6).
    pub(super) fn is_due(
        &mut self,
        now: Instant,
        members: Members,
        settings: &RtcpSettings,
        random: &mut SplitMix64,
    ) -> bool {
        if now < self.due_at {
            return false;
        }
        self.due_at = self.last_at + self.draw(members, settings, random);
        self.due_at <= now
    }

    /// A report of so many octets was sent.
    pub(super) fn handle_sent(
        &mut self,
        now: Instant,
        size: usize,
        members: Members,
        settings: &RtcpSettings,
        random: &mut SplitMix64,
    ) {
        self.handle_size(size);
        self.is_first = false;
        self.last_at = now;
        self.due_at = now + self.draw(members, settings, random);
    }

    /// Any compound packet, ours or the peer's, moves the average (RFC 3550 §6.3.3).
    pub(super) fn handle_size(&mut self, size: usize) {
        self.average_size += (size as f64 - self.average_size) / 16.0;
    }

    /// Whether the peer takes part in RTCP: it has reported and not said BYE.
    pub(super) fn set_peer(&mut self, has_peer: bool) {
        self.has_peer = has_peer;
    }

    /// RFC 3550 §6.3.1. With two members, senders are never a quarter or less, unless nobody sends.
    fn draw(&self, members: Members, settings: &RtcpSettings, random: &mut SplitMix64) -> Duration {
        let peer = self.has_peer || members.peer_sends;
        let count = 1.0 + f64::from(u8::from(peer));
        let bandwidth = f64::from(settings.session_bits_per_second.max(1)) / 8.0 * RTCP_SHARE;
        let share = if members.we_send || members.peer_sends { 1.0 } else { LISTENERS_SHARE };
        let needed = count * self.average_size / (bandwidth * share);
        let half = if self.is_first { 0.5 } else { 1.0 };
        let deterministic = needed.max(minimum_s(settings) * half).min(MAX_INTERVAL_S);
        Duration::from_secs_f64(deterministic * (random.fraction() + 0.5) / COMPENSATION)
    }
}

fn minimum_s(settings: &RtcpSettings) -> f64 {
    let minimum = settings.minimum_interval.as_secs_f64();
    let reduced = 360.0 / (f64::from(settings.session_bits_per_second.max(1)) / 1000.0);
    if settings.reduced_minimum { minimum.min(reduced) } else { minimum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::numbers::Ssrc;

    const BOTH_SEND: Members = Members { we_send: true, peer_sends: true };

    fn settings(bits_per_second: u32) -> RtcpSettings {
        RtcpSettings::new(Ssrc(1), "a", bits_per_second, 1)
    }

    /// Shortest, longest and mean of many draws, in seconds.
    fn spread(settings: &RtcpSettings, first: bool, members: Members) -> (f64, f64, f64) {
        let mut random = SplitMix64::new(7);
        let mut interval = Interval::new(Instant::now(), settings, &mut random);
        interval.is_first = first;
        let draws: Vec<f64> =
            (0..10_000).map(|_| interval.draw(members, settings, &mut random).as_secs_f64()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        (draws.iter().copied().fold(f64::MAX, f64::min), draws.iter().copied().fold(0.0, f64::max), mean)
    }

    fn assert_spread(found: (f64, f64, f64), deterministic: f64) {
        let (low, high, mean) = found;
        assert!((low - deterministic * 0.5 / COMPENSATION).abs() < 0.01, "{found:?}");
        assert!((high - deterministic * 1.5 / COMPENSATION).abs() < 0.01, "{found:?}");
        assert!((mean - deterministic / COMPENSATION).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn intervals_are_spread_around_the_minimum_and_the_first_is_half() {
        assert_spread(spread(&settings(160_000), false, BOTH_SEND), 5.0);
        assert_spread(spread(&settings(160_000), true, BOTH_SEND), 2.5);
    }

    #[test]
    fn the_reduced_minimum_follows_the_bandwidth() {
        let reduced = RtcpSettings { reduced_minimum: true, ..settings(160_000) };
        assert_spread(spread(&reduced, false, BOTH_SEND), 2.25);
        let narrow = RtcpSettings { reduced_minimum: true, ..settings(36_000) };
        assert_spread(spread(&narrow, false, BOTH_SEND), 5.0);
    }

    #[test]
    fn a_narrow_session_reports_less_often_and_listeners_have_three_quarters() {
        // 5 % of 4 kbit/s is 25 octets a second; two members of 120 octets each.
        assert_spread(spread(&settings(4_000), false, BOTH_SEND), 2.0 * 120.0 / 25.0);
        let nobody = Members { we_send: false, peer_sends: false };
        assert_spread(spread(&settings(2_000), false, nobody), 120.0 / (12.5 * 0.75));
    }

    #[test]
    fn a_bandwidth_of_nothing_does_not_silence_us() {
        let (_, high, _) = spread(&settings(0), false, BOTH_SEND);
        assert!(high <= MAX_INTERVAL_S * 1.5 / COMPENSATION + 0.01);
    }

    #[test]
    fn a_timer_that_ran_out_early_is_set_anew_from_the_last_report() {
        let start = Instant::now();
        let settings = settings(160_000);
        let mut early = 0;
        for seed in 0..200 {
            let mut random = SplitMix64::new(seed);
            let mut interval = Interval::new(start, &settings, &mut random);
            let due = interval.due_at();
            assert!(!interval.is_due(due - Duration::from_millis(1), BOTH_SEND, &settings, &mut random));
            if !interval.is_due(due, BOTH_SEND, &settings, &mut random) {
                early += 1;
                assert!(interval.due_at() > due, "seed {seed}");
            }
        }
        assert!((60..140).contains(&early), "a redraw is later about half the time: {early}");
    }
}
