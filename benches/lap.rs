//! The worker: what a lap of N coroutines costs, two switches each, beside two switches of one coroutine alone.
//!
//! Laps keep the metronome's time, so the criterion here is not how long one takes but how long the thread was busy:
//! CPU time of this process over the laps made. One run of the worker per process, so all sizes share it.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;
use std::time::Duration;

use antiphon::worker::{self, Options, RoundHooks, Tick, Worker};

const FRAME: Duration = Duration::from_millis(20);

/// Counts the laps that were sealed.
struct Laps(Rc<Cell<u64>>);

impl RoundHooks for Laps {
    fn begin(&mut self, _: Tick) {}

    fn seal(&mut self, _: Tick) {
        self.0.set(self.0.get() + 1);
    }
}

fn main() {
    // `cargo test --benches` only wants to see that it runs.
    let laps = if std::env::args().any(|argument| argument == "--bench") { 250 } else { 5 };
    let options = Options { frame: FRAME, ..Options::default() };
    worker::run(options, move |worker| measure(worker, laps)).expect("the worker runs");
}

fn measure(worker: &Worker, laps: u32) {
    let idle = busy_per_frame(worker, laps);
    println!("lap/idle metronome: {:.2} µs per frame", micros(idle));
    for members in [1, 3, 50, 300, 1000] {
        let (cost, lost) = lap(worker, members, laps);
        let each = micros(cost.saturating_sub(idle)) / members as f64;
        println!(
            "lap/{members} members: {:.2} µs per lap, {each:.3} µs per member, {lost} laps lost",
            micros(cost)
        );
    }
}

/// CPU per lap of so many members, and the laps that were left out.
fn lap(worker: &Worker, members: usize, laps: u32) -> (Duration, u64) {
    let made = Rc::new(Cell::new(0));
    let round = worker.metronome().round(Laps(Rc::clone(&made)));
    let mut closers = Vec::new();
    let mut tasks = Vec::new();
    for _ in 0..members {
        let mut place = round.join();
        closers.push(place.closer());
        let body = move || {
            while place.until_hear().is_ok() {
                place.until_speak();
            }
        };
        tasks.push(worker.spawn("lap", body).expect("there is room for a coroutine"));
    }
    worker.sleep_until(worker.now() + 5 * FRAME);
    let before = made.get();
    let busy = busy_per_frame(worker, laps);
    let lost = u64::from(laps).saturating_sub(made.get() - before);
    closers.iter().for_each(|closer| closer.close());
    tasks.iter().for_each(|task| {
        task.join();
    });
    (busy, lost)
}

/// CPU time that this process uses per frame, over so many frames.
fn busy_per_frame(worker: &Worker, frames: u32) -> Duration {
    let before = cpu();
    worker.sleep_until(worker.now() + FRAME * frames);
    (cpu() - before) / frames
}

/// CPU time of all threads of this process, exact in nanoseconds.
fn cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let nanoseconds = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
