//! The load: one thread that sends a packet per stream every 20 ms, evenly spread, and takes what comes back.

use std::time::{Duration, Instant};

use crate::hearing::{self, Judgement};
use crate::stream::{FRAME, Received, Stream};

/// How often all streams are looked at for each started thousand of them, and so how exactly the moment of an arrival
/// is known: more often would take the time that sending needs.
const LOOK: Duration = Duration::from_millis(1);

/// What one run carried, all streams together.
#[derive(Debug, Default)]
pub struct Carried {
    pub frames: u64,
    pub sent: u64,
    pub received: u64,
    pub lost: u64,
    pub stale: u64,
    pub longest_gap: Duration,
    deviations: Vec<u64>,
    windows: Vec<Judgement>,
    latencies: Vec<Duration>,
}

impl Carried {
    fn add(&mut self, received: Received) {
        self.received += received.packets;
        self.lost += received.lost;
        self.stale += received.stale;
        self.longest_gap = self.longest_gap.max(received.longest_gap);
        self.deviations.resize(self.deviations.len().max(received.deviations.len()), 0);
        self.deviations.iter_mut().zip(received.deviations).for_each(|(all, more)| *all += more);
        self.windows.extend(received.windows);
        self.latencies.extend(received.latencies);
    }

    /// The deviation from 20 ms between packets that so many of 100 stay below, in whole ms.
    pub fn deviation_ms(&self, percent: u64) -> usize {
        let wanted = self.deviations.iter().sum::<u64>() * percent / 100;
        let mut seen = 0;
        self.deviations
            .iter()
            .position(|count| {
                seen += count;
                seen > wanted
            })
            .unwrap_or(0)
    }

    /// Windows that were judged, and those of them that were right.
    pub fn windows(&self) -> (usize, usize) {
        (self.windows.len(), self.windows.iter().filter(|window| window.is_right).count())
    }

    /// The first windows that were not right.
    pub fn wrong_windows(&self) -> impl Iterator<Item = &Judgement> {
        self.windows.iter().filter(|window| !window.is_right).take(10)
    }

    /// The median of wanted tones to all else.
    pub fn median_snr_db(&self) -> Option<f64> {
        hearing::percentile(self.windows.iter().map(|window| window.snr_db), 50)
    }

    /// The time from mouth to ear that so many of 100 do not exceed, in ms.
    pub fn latency_ms(&self, percent: usize) -> Option<f64> {
        hearing::percentile(self.latencies.iter().map(|latency| latency.as_secs_f64() * 1e3), percent)
    }
}

/// Sends on all streams for `duration`, each at its own moment of the frame.
pub fn run(streams: &mut [Stream], duration: Duration) -> Carried {
    let start = Instant::now();
    let frames = (duration.as_millis() / FRAME.as_millis()) as u32;
    let count = streams.len() as u32;
    let look = LOOK * count.div_ceil(1000);
    let mut carried = Carried { frames: frames.into(), ..Carried::default() };
    let mut next_look = start;
    for frame in 0..frames {
        for index in 0..count {
            let due = start + FRAME * frame + FRAME * index / count;
            while next_look <= due {
                wait_until(next_look);
                streams.iter_mut().for_each(|stream| stream.drain(Instant::now()));
                next_look += look;
            }
            wait_until(due);
            carried.sent += u64::from(streams[index as usize].send());
        }
    }
    for stream in streams {
        carried.add(stream.take_received());
    }
    carried
}

/// Sleeps until `due`, if that is still to come.
pub fn wait_until(due: Instant) {
    let early = due.saturating_duration_since(Instant::now());
    if !early.is_zero() {
        std::thread::sleep(early);
    }
}
