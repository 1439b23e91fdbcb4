//! The load: one thread that sends a packet per stream every 20 ms, evenly spread, and takes what comes back.

use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::clock::wait_until;
use crate::hearing::Judgement;
use crate::statistics;
use crate::stream::{FRAME, Received, Stream};

/// How often it is asked what has come, and so how exactly the moment of an arrival is known: more often would take the
/// time that sending needs.
const LOOK: Duration = Duration::from_millis(1);
/// Streams that have something after one look; the rest has its turn at the next.
const EVENTS: usize = 4096;

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
    /// How late the load itself sent, in ms.
    late_ms: Vec<f64>,
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
        statistics::percentile(self.windows.iter().map(|window| window.snr_db), 50)
    }

    /// The time from mouth to ear that so many of 100 do not exceed, in ms.
    pub fn latency_ms(&self, percent: usize) -> Option<f64> {
        statistics::percentile(self.latencies.iter().map(|latency| latency.as_secs_f64() * 1e3), percent)
    }

    /// What so many of 100 packets were sent late by at most, in ms: what the load could not keep up with is no fault of
    /// the server's.
    pub fn late_ms(&self, percent: usize) -> Option<f64> {
        statistics::percentile(self.late_ms.iter().copied(), percent)
    }
}

/// The streams that have something to take, asked of the kernel: to try each of a thousand in every look would take the
/// whole core.
struct Arrivals {
    poll: Poll,
    events: Events,
}

impl Arrivals {
    fn of(streams: &mut [Stream]) -> Arrivals {
        let poll = Poll::new().expect("epoll");
        for (index, stream) in streams.iter_mut().enumerate() {
            poll.registry()
                .register(stream.socket(), Token(index), Interest::READABLE)
                .expect("a socket is registered");
        }
        Arrivals { poll, events: Events::with_capacity(EVENTS) }
    }

    fn take(&mut self, streams: &mut [Stream]) {
        if self.poll.poll(&mut self.events, Some(Duration::ZERO)).is_err() {
            return;
        }
        let now = Instant::now();
        self.events.iter().for_each(|event| streams[event.token().0].drain(now));
    }

    fn end(self, streams: &mut [Stream]) {
        for stream in streams {
            self.poll.registry().deregister(stream.socket()).expect("a socket that was registered");
        }
    }
}

/// Sends on all streams for `duration`, each at its own moment of the frame.
pub fn run(streams: &mut [Stream], duration: Duration) -> Carried {
    let mut arrivals = Arrivals::of(streams);
    let start = Instant::now();
    let frames = (duration.as_millis() / FRAME.as_millis()) as u32;
    let count = streams.len() as u32;
    let mut carried = Carried { frames: frames.into(), ..Carried::default() };
    let mut next_look = start;
    for frame in 0..frames {
        for index in 0..count {
            let due = start + FRAME * frame + FRAME * index / count;
            while next_look <= due {
                wait_until(next_look);
                arrivals.take(streams);
                next_look += LOOK;
            }
            wait_until(due);
            carried.late_ms.push(due.elapsed().as_secs_f64() * 1e3);
            carried.sent += u64::from(streams[index as usize].send());
        }
    }
    arrivals.end(streams);
    for stream in streams {
        carried.add(stream.take_received());
    }
    carried
}
