//! When a peer that should send has been silent for too long.
//!
//! RTP and RTCP count as life. The clock stands still while the direction says that the peer sends nothing
//! and while it may be silent at will (DTX). In a pause that it has described it is given longer, but not for ever: its
//! leg would outlive a peer that vanished in it. When such a time ends the clock starts from zero.

use std::time::{Duration, Instant};

/// So many limits a peer may be silent in a pause that it has described.
const LIMITS_PER_PAUSE: u32 = 4;

/// Why a peer that sends may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerSilence {
    /// It may not.
    Unexplained,
    /// It has described a pause by comfort noise (RFC 3389).
    Described,
    /// Opus DTX is agreed.
    AtWill,
}

/// The liveness clock of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaTimeout {
    limit: Duration,
    last_life: Instant,
    peer_sends: bool,
    silence: PeerSilence,
}

impl MediaTimeout {
    /// A clock that starts at `now`; a `limit` of zero never expires.
    pub fn new(now: Instant, limit: Duration) -> MediaTimeout {
        MediaTimeout { limit, last_life: now, peer_sends: true, silence: PeerSilence::Unexplained }
    }

    /// A packet of the peer arrived: RTP or RTCP that the latch accepted.
    pub fn handle_life(&mut self, arrival: Instant) {
        self.last_life = self.last_life.max(arrival);
    }

    /// The direction in force says whether the peer sends (`sendrecv`, `sendonly` of its side) or not.
    pub fn set_peer_sends(&mut self, now: Instant, peer_sends: bool) {
        self.change(now, |clock| clock.peer_sends = peer_sends);
    }

    /// Why the peer may be silent from now on.
    pub fn set_silence(&mut self, now: Instant, silence: PeerSilence) {
        self.change(now, |clock| clock.silence = silence);
    }

    /// Whether the peer is gone by now.
    pub fn is_expired(&self, now: Instant) -> bool {
        self.next_timeout().is_some_and(|expires_at| expires_at <= now)
    }

    /// When the peer is gone unless it gives a sign; `None` while the clock stands still.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.last_life.checked_add(self.patience()?)
    }

    /// How long the peer may give no sign; `None` is for ever.
    fn patience(&self) -> Option<Duration> {
        let limits = match self.silence {
            PeerSilence::Unexplained => 1,
            PeerSilence::Described => LIMITS_PER_PAUSE,
            PeerSilence::AtWill => return None,
        };
        (self.peer_sends && !self.limit.is_zero()).then(|| self.limit.saturating_mul(limits))
    }

    fn change(&mut self, now: Instant, apply: impl FnOnce(&mut MediaTimeout)) {
        let before = self.patience();
        apply(self);
        if self.patience().is_some_and(|patience| before.is_none_or(|before| patience < before)) {
            self.handle_life(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_peer_is_gone_when_nothing_came_for_the_limit() {
        let start = Instant::now();
        let mut clock = MediaTimeout::new(start, LIMIT);
        assert_eq!(clock.next_timeout(), Some(after(start, 30)));
        clock.handle_life(after(start, 20));
        clock.handle_life(after(start, 10));
        assert!(!clock.is_expired(after(start, 49)));
        assert!(clock.is_expired(after(start, 50)));
    }

    #[test]
    fn the_clock_stands_still_while_the_peer_sends_nothing_and_then_starts_from_zero() {
        let start = Instant::now();
        let mut clock = MediaTimeout::new(start, LIMIT);
        clock.set_peer_sends(after(start, 5), false);
        assert_eq!(clock.next_timeout(), None);
        assert!(!clock.is_expired(after(start, 1000)));
        clock.set_peer_sends(after(start, 1000), true);
        assert_eq!(clock.next_timeout(), Some(after(start, 1030)));
    }

    #[test]
    fn agreed_silence_suppression_stops_the_clock_whatever_the_direction_does() {
        let start = Instant::now();
        let mut clock = MediaTimeout::new(start, LIMIT);
        clock.set_silence(start, PeerSilence::AtWill);
        clock.set_peer_sends(start, false);
        clock.set_peer_sends(after(start, 40), true);
        assert!(!clock.is_expired(after(start, 100)));
        clock.set_silence(after(start, 100), PeerSilence::Unexplained);
        assert!(!clock.is_expired(after(start, 129)));
        assert!(clock.is_expired(after(start, 130)));
    }

    #[test]
    fn in_a_pause_that_it_has_described_a_peer_is_missed_later_and_after_it_as_ever() {
        let start = Instant::now();
        let mut clock = MediaTimeout::new(start, LIMIT);
        clock.set_silence(start, PeerSilence::Described);
        assert_eq!(clock.next_timeout(), Some(after(start, 120)));
        clock.set_silence(after(start, 100), PeerSilence::Unexplained);
        assert_eq!(clock.next_timeout(), Some(after(start, 130)), "from zero");
        clock.set_silence(after(start, 110), PeerSilence::Described);
        assert_eq!(clock.next_timeout(), Some(after(start, 220)), "not prolonged by saying so");
    }

    #[test]
    fn saying_the_same_again_does_not_prolong_a_silence() {
        let start = Instant::now();
        let mut clock = MediaTimeout::new(start, LIMIT);
        clock.set_peer_sends(after(start, 29), true);
        clock.set_silence(after(start, 29), PeerSilence::Unexplained);
        assert!(clock.is_expired(after(start, 30)));
    }

    #[test]
    fn a_limit_of_zero_never_expires() {
        let start = Instant::now();
        let clock = MediaTimeout::new(start, Duration::ZERO);
        assert!(!clock.is_expired(after(start, 1_000_000)));
    }
}
