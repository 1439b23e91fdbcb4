//! Log lines about refused calls, at most so many a second: a flood of calls must not become a flood of lines.

use crate::call::admission::Refused;
use crate::call::endpoint::Endpoint;
use crate::call::rate::RateLimit;
use crate::sip::Request;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

/// Refusals that get a line, each second; the next line says how many had none.
const LINES_PER_SECOND: u32 = 10;

/// Says which refusals get a line.
pub struct RefusalLog {
    pace: RateLimit,
    silent: u64,
}

impl RefusalLog {
    /// Nothing refused yet.
    pub fn new(now: Instant) -> RefusalLog {
        RefusalLog { pace: RateLimit::new(LINES_PER_SECOND, now), silent: 0 }
    }

    /// Takes note of a refusal. If it is to have its line: how many had none since the last line.
    pub fn note(&mut self, now: Instant) -> Option<u64> {
        if self.pace.admits(now) {
            return Some(std::mem::take(&mut self.silent));
        }
        self.silent += 1;
        None
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Refused::Draining => "the server is being shut down",
            Refused::Legs => "as many legs as may be (max-legs)",
            Refused::Rate => "too many calls a second (max-calls-per-second)",
            Refused::Late => "the clock runs late (max-lateness-ms)",
            Refused::Load => "the core is nearly full (max-load)",
            Refused::Coroutines => "no coroutine is left",
            Refused::NoRoute => "no route for this number",
        })
    }
}

impl Endpoint {
    /// Logs that a request was refused, or says nothing if too many were.
    pub(super) fn log_refusal(&self, source: SocketAddr, request: &Request, why: impl fmt::Display) {
        let Some(silent) = self.note_refusal() else { return };
        let call_id = request.headers.call_id().unwrap_or_default();
        log::info!(call_id = call_id;
            "{} for {} from {source} refused: {why}{}", request.method, request.uri, More(silent));
    }

    /// Logs that a connection was refused, likewise.
    pub(super) fn log_refused_connection(&self, source: SocketAddr) {
        let Some(silent) = self.note_refusal() else { return };
        log::info!("connection from {source} refused: it may not call (allow){}", More(silent));
    }

    fn note_refusal(&self) -> Option<u64> {
        self.admission.borrow_mut().refusals.note(self.worker.now())
    }
}

/// Refusals before this one that had no line.
struct More(u64);

impl fmt::Display for More {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            silent => write!(out, "; {silent} more before, without a line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn beyond_the_pace_refusals_are_counted_and_the_next_line_tells() {
        let start = Instant::now();
        let mut log = RefusalLog::new(start);
        let lines = (0..100).filter(|_| log.note(start) == Some(0)).count();
        assert_eq!(lines, LINES_PER_SECOND as usize);
        assert_eq!(log.note(start + Duration::from_millis(150)), Some(90));
        assert_eq!(log.note(start + Duration::from_millis(151)), None);
        assert_eq!(log.note(start + Duration::from_millis(250)), Some(1));
    }

    #[test]
    fn a_line_names_the_silent_ones_only_if_there_are_any() {
        assert_eq!(More(0).to_string(), "");
        assert_eq!(More(7).to_string(), "; 7 more before, without a line");
    }
}
