//! Session timers (RFC 4028): what interval and refresher a request and our answer agree on, and when what is due.
//!
//! Pure values; [`Session`](super::Session) sends the refreshes and the BYE.

use std::time::{Duration, Instant};

use super::types::{SHORTEST_SESSION_SECONDS, SessionSettings};
use crate::sip::{HeaderError, HeaderName, Headers, Refresher, SessionExpires};

/// The option tag.
const TIMER: &str = "timer";

/// The longest interval, so that no arithmetic on what a peer asks for can overflow: a day.
const LONGEST_SESSION_SECONDS: u32 = 86_400;

/// What our 2xx to a session refresh request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) seconds: u32,
    /// In the words of the request: [`Refresher::Uac`] is who sent it.
    pub(super) refresher: Refresher,
    /// Whether the peer knows of session timers: it is then told in Require.
    pub(super) peer_knows: bool,
}

/// Why a request is not answered 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unacceptable {
    /// The interval is below this many seconds, our minimum: 422.
    TooSmall(u32),
    /// A header field cannot be read: 400.
    Header(HeaderError),
}

/// RFC 4028 §9: what our 2xx to `request` is to say; `None`: no session timer.
pub(super) fn agree(headers: &Headers, settings: &SessionSettings) -> Result<Option<Agreed>, Unacceptable> {
    let asked = headers.session_expires().map_err(Unacceptable::Header)?;
    let peer_min = headers.min_se().map_err(Unacceptable::Header)?.unwrap_or(0);
    let peer_knows = headers.supports(TIMER);
    let our_min = settings.min_se_seconds.max(SHORTEST_SESSION_SECONDS);
    if let Some(asked) = asked
        && asked.seconds < our_min
        && peer_knows
    {
        return Err(Unacceptable::TooSmall(our_min));
    }
    // The least that both accept; below a proxy's Session-Expires without `timer` we may not go above it.
    let floor = peer_min.max(our_min);
    let seconds = match (asked, settings.session_expires_seconds) {
        (Some(asked), Some(ours)) => asked.seconds.min(ours.max(floor)),
        (Some(asked), None) => asked.seconds,
        (None, Some(ours)) => ours.max(floor),
        (None, None) => return Ok(None),
    };
    let refresher = match (peer_knows, asked.and_then(|asked| asked.refresher)) {
        (false, _) => Refresher::Uas,
        (true, Some(named)) => named,
        (true, None) => settings.refresher,
    };
    let seconds = seconds.clamp(SHORTEST_SESSION_SECONDS, LONGEST_SESSION_SECONDS);
    Ok(Some(Agreed { seconds, refresher, peer_knows }))
}

impl Agreed {
    /// Writes it into a 2xx.
    pub(super) fn write(&self, headers: &mut Headers) {
        let value = SessionExpires { seconds: self.seconds, refresher: Some(self.refresher) };
        headers.push(HeaderName::SessionExpires, value.to_string());
        // §9 Table 2: with the peer as refresher it must know; `timer` in Require makes sure it noticed.
        if self.peer_knows {
            headers.push(HeaderName::Require, TIMER);
        }
    }
}

/// A running session interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) seconds: u32,
    pub(super) we_refresh: bool,
    /// When we refresh; `None` while a refresh is under way or the peer refreshes.
    pub(super) refresh_at: Option<Instant>,
    /// When we give up with BYE.
    pub(super) expires_at: Instant,
}

impl Interval {
    /// An interval that begins `now`: the refresher refreshes in the middle of it, both end the session before its
    /// end by 32 s or a third of it, whichever is less (RFC 4028 §10).
    pub(super) fn begin(now: Instant, seconds: u32, we_refresh: bool) -> Interval {
        let seconds = seconds.clamp(SHORTEST_SESSION_SECONDS, LONGEST_SESSION_SECONDS);
        let whole = Duration::from_secs(u64::from(seconds));
        Interval {
            seconds,
            we_refresh,
            refresh_at: we_refresh.then(|| now + whole / 2),
            expires_at: now + whole - (whole / 3).min(Duration::from_secs(32)),
        }
    }

    /// What the 2xx to our own refresh request agrees on (RFC 4028 §7.2): without Session-Expires the peer knows no
    /// session timers, and we go on refreshing to see whether it lives.
    pub(super) fn from_response(now: Instant, asked_seconds: u32, response: &Headers) -> Interval {
        match response.session_expires() {
            Ok(Some(said)) => {
                Interval::begin(now, said.seconds, said.refresher.unwrap_or(Refresher::Uac) == Refresher::Uac)
            }
            _ => Interval::begin(now, asked_seconds, true),
        }
    }

    /// The Session-Expires of our own request, in which we are the UAC.
    pub(super) fn write_request(&self, headers: &mut Headers, min_se_seconds: u32) {
        let refresher = Some(if self.we_refresh { Refresher::Uac } else { Refresher::Uas });
        let value = SessionExpires { seconds: self.seconds, refresher };
        headers.push(HeaderName::SessionExpires, value.to_string());
        if min_se_seconds > SHORTEST_SESSION_SECONDS {
            headers.push(HeaderName::MinSe, min_se_seconds.to_string());
        }
    }

    /// The longer interval that a 422 asks for; `None` if it asks for no longer one.
    pub(super) fn lengthened(&self, response: &Headers) -> Option<u32> {
        let min = response.min_se().ok().flatten()?;
        (min > self.seconds && min <= LONGEST_SESSION_SECONDS).then_some(min)
    }
}

#[cfg(test)]
#[path = "refresh_tests.rs"]
mod tests;
