//! The worker's promises, each tried on the running worker.

mod batches;
mod coroutines;
mod heartbeat;
mod inboxes;
mod lap_faults;
mod laps;
mod process;

use super::Worker;
use std::time::{Duration, Instant};

/// Long enough for a machine that is busy with other things; only failing tests wait for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `holds`, failing the test if it does not.
pub(super) fn eventually(worker: &Worker, what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < limit, "it never came about that {what}");
        worker.sleep_until(worker.now() + Duration::from_millis(1));
    }
}
