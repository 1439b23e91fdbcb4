//! What systemd is told of the server (sd_notify(3)): that it serves, that it drains, that its worker lives.
//!
//! [`serve`](crate::serve) drives it. Nothing of it leaves from the worker's thread, since its socket may block; where nobody
//! listens (`NOTIFY_SOCKET` is not set) nothing leaves at all.

use crate::worker::{Heartbeat, Worker};
use sd_notify::NotifyState;
use std::io;
use std::time::Duration;

/// A heartbeat is due so often within the time after which systemd takes the server for dead.
const BEATS: u32 = 3;

/// Calls are answered from now on.
pub fn tell_ready(worker: &Worker, status: String) {
    tell(worker, move || sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)]));
}

/// There are no new calls, and the server ends with the last one.
pub fn tell_draining(worker: &Worker, legs: usize, at_most: Duration) {
    let status = format!("draining: no new calls, {legs} legs have {} s to end", at_most.as_secs());
    tell(worker, move || sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status(&status)]));
}

/// What feeds systemd's watchdog (`WatchdogSec=`), if it has one, for as long as the clock of the worker goes on that it is to
/// follow; before that has begun.
pub fn watchdog_feed() -> io::Result<Option<Heartbeat>> {
    let patience = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero());
    // What is not told now is told with the next beat.
    let feed = || _ = sd_notify::notify(&[NotifyState::Watchdog]);
    patience.map(|patience| Heartbeat::begin(patience / BEATS, feed)).transpose()
}

fn tell(worker: &Worker, message: impl FnOnce() -> io::Result<()> + Send + 'static) {
    match worker.helpers().run(message) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::warn!("systemd cannot be told: {error}"),
        Err(error) => log::warn!("systemd cannot be told: {error}"),
    }
}
