//! What an endpoint has seen since it began.

use crate::call::admission::Refused;
use crate::call::governor::Relief;
use std::cell::Cell;
use std::fmt;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(Cell<u64>);

impl Counter {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.set(self.0.get() + more);
    }

    /// How far it has come.
    pub fn count(&self) -> u64 {
        self.0.get()
    }
}

/// Calls by what became of them, and what was kept out.
#[derive(Debug, Default)]
pub struct Counters {
    /// INVITEs that passed the rules of the UAS.
    pub calls: Counter,
    /// Legs begun.
    pub legs: Counter,
    /// Legs that panicked.
    pub panics: Counter,
    /// Refused for the number of legs.
    pub refused_legs: Counter,
    /// Refused for the rate of calls.
    pub refused_rate: Counter,
    /// Refused since the clock ran late.
    pub refused_late: Counter,
    /// Refused since the core was nearly full.
    pub refused_load: Counter,
    /// Refused while draining.
    pub refused_draining: Counter,
    /// Refused for want of coroutines.
    pub refused_coroutines: Counter,
    /// Requests from sources that may not call.
    pub strangers: Counter,
    /// INVITEs for numbers without a route.
    pub unknown_numbers: Counter,
    /// Steps of the load governor, up and down, by what was given up after them.
    pub reliefs: [Counter; Relief::LADDER.len()],
    /// Of conferences.
    pub conferences: ConferenceCounters,
}

/// What happened in conferences.
#[derive(Debug, Default)]
pub struct ConferenceCounters {
    /// Times that a participant of a conference began to talk.
    pub talkspurts: Counter,
    /// Times that there was another active speaker.
    pub active_speakers: Counter,
    /// Events of conferences that found no room.
    pub events_lost: Counter,
    /// Samples, at 16 kHz, that recordings lack since a disk did not keep up.
    pub recorded_samples_lost: Counter,
}

impl Counters {
    /// Counts a step of the load governor.
    pub fn relieve(&self, relief: Relief) {
        self.reliefs[relief as usize].add(1);
    }

    /// Counts a refusal.
    pub fn refuse(&self, refused: Refused) {
        let counter = match refused {
            Refused::Draining => &self.refused_draining,
            Refused::Legs => &self.refused_legs,
            Refused::Rate => &self.refused_rate,
            Refused::Late => &self.refused_late,
            Refused::Load => &self.refused_load,
            Refused::Coroutines => &self.refused_coroutines,
            Refused::NoRoute => &self.unknown_numbers,
        };
        counter.add(1);
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = |relief: Relief| format!("{} {}", self.reliefs[relief as usize].count(), relief.step());
        let steps = Relief::LADDER.map(steps).join(", ");
        write!(
            out,
            "{} calls, {} legs, refused {} for their number, {} for their rate, {} for a late clock, {} for a full core, {} while \
             stopping, {} for want of coroutines, {} to unknown numbers, {} from strangers, steps of the load governor ({steps}), {} times someone began to \
             talk, {} changes of the active speaker, {} events lost, {} samples missing in recordings, {} panics",
            self.calls.count(),
            self.legs.count(),
            self.refused_legs.count(),
            self.refused_rate.count(),
            self.refused_late.count(),
            self.refused_load.count(),
            self.refused_draining.count(),
            self.refused_coroutines.count(),
            self.unknown_numbers.count(),
            self.strangers.count(),
            self.conferences.talkspurts.count(),
            self.conferences.active_speakers.count(),
            self.conferences.events_lost.count(),
            self.conferences.recorded_samples_lost.count(),
            self.panics.count()
        )
    }
}
