//! The heartbeat: goes on while the worker waits, stops while something holds it up.

use super::super::Heartbeat;
use super::super::testing::on_worker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_millis(20);

#[test]
fn the_heart_beats_while_the_worker_waits_and_not_while_it_is_held_up() {
    let (waiting, held_up, after) = on_worker(|worker| {
        let beats = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&beats);
        let heartbeat = Heartbeat::begin(INTERVAL, move || _ = counted.fetch_add(1, Ordering::Relaxed));
        heartbeat.unwrap().follow(worker).unwrap();
        let during = |wait: &dyn Fn()| {
            let before = beats.load(Ordering::Relaxed);
            wait();
            beats.load(Ordering::Relaxed) - before
        };
        let sleep = || worker.sleep_until(worker.now() + 20 * INTERVAL);
        (during(&sleep), during(&|| thread::sleep(20 * INTERVAL)), during(&sleep))
    });
    assert!(waiting >= 3, "{waiting}");
    assert!(held_up <= 2, "what was under way: {held_up}");
    assert!(after >= 3, "it goes on: {after}");
}
