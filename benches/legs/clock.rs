//! Waiting for a moment. Serves `benches/quality` too.

use std::time::Instant;

/// Sleeps until `due`, if that is still to come.
pub fn wait_until(due: Instant) {
    let early = due.saturating_duration_since(Instant::now());
    if !early.is_zero() {
        std::thread::sleep(early);
    }
}
