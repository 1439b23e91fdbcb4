//! The metronome: slots of 5 ms, and in each the rounds that make their lap there, one after the other.
//!
//! Frames stand on a grid that never moves, so a round's laps cannot drift; a round moved to another slot of the
//! grid is shifted by less than a frame, once. Late laps are all run; only after a hold-up of more than
//! [`MAX_FRAMES_BEHIND`] are whole frames left out, counted, and seen as a gap in `Tick::number`.

use super::round::{Round, RoundHooks, Stage, Tick};
use super::slots::{MAX_SLOTS, SLOT, SlotLoads};
use super::statistics::add;
use super::{Shared, Worker};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

/// How many frames of laps are made up for after a hold-up.
const MAX_FRAMES_BEHIND: u64 = 10;
/// What a place is taken to cost before any was measured, in µs.
const FIRST_PLACE_US: f32 = 8.0;
/// What a new round is taken to be going to hold.
const EXPECTED_PLACES: usize = 3;
/// Time constant of the mean lateness.
const LATENESS_MEMORY: Duration = Duration::from_millis(200);
/// Weight of a new measurement in the running mean.
const NEW_SHARE: f32 = 0.125;

/// The clock of laps.
pub struct Metronome {
    shared: Weak<Shared>,
    frame: Duration,
    slots: u64,
    epoch: Instant,
    /// Number, counted from the epoch, of the next slot to look at.
    next_slot: Cell<u64>,
    rounds: RefCell<[Vec<Rc<Round>>; MAX_SLOTS]>,
    loads: RefCell<SlotLoads>,
    /// Measured work per place, over all rounds.
    place_us: Cell<f32>,
    /// The rounds of the slot being run; kept for its memory.
    running: RefCell<Vec<Rc<Round>>>,
    recent_lateness: Cell<(Duration, Instant)>,
}

impl Metronome {
    pub(super) fn new(shared: Weak<Shared>, frame: Duration, epoch: Instant) -> Metronome {
        let slots = (frame.as_nanos() / SLOT.as_nanos()) as usize;
        Metronome {
            shared,
            frame,
            slots: slots as u64,
            epoch,
            next_slot: Cell::new(0),
            rounds: RefCell::default(),
            loads: RefCell::new(SlotLoads::new(slots)),
            place_us: Cell::new(FIRST_PLACE_US),
            running: RefCell::default(),
            recent_lateness: Cell::new((Duration::ZERO, epoch)),
        }
    }

    /// Length of a frame: the time between two laps.
    pub fn frame(&self) -> Duration {
        self.frame
    }

    /// How late laps have begun of late, as a mean that forgets within a few tenths of a second: one hold-up is no
    /// overload. What admission control reads.
    pub fn recent_lateness(&self) -> Duration {
        let (lateness, at) = self.recent_lateness.get();
        if at.elapsed() < 5 * LATENESS_MEMORY { lateness } else { Duration::ZERO }
    }

    fn note_lateness(&self, lateness: Duration, now: Instant) {
        let (mean, at) = self.recent_lateness.get();
        let share = (now - at).as_secs_f32() / LATENESS_MEMORY.as_secs_f32();
        let share = share.min(1.0);
        let mean = mean.mul_f32(1.0 - share) + lateness.mul_f32(share);
        self.recent_lateness.set((mean, now));
    }

    /// Makes a round. It gets the emptiest slot, by measured work, when its first place is taken.
    pub fn round(&self, hooks: impl RoundHooks + 'static) -> Rc<Round> {
        let shared = self.shared.upgrade().expect("the worker outlives its metronome");
        Round::new(Worker { shared }, Box::new(hooks))
    }

    pub(super) fn slot_work_us(&self) -> Vec<u32> {
        self.loads.borrow().work_us().iter().map(|&work_us| work_us as u32).collect()
    }

    /// When the next slot with a round in it is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_occupied().map(|slot| self.due(slot))
    }

    /// Accounts a round's expected work to its slot; gives it one with its first place, takes it with its last.
    pub(super) fn book(&self, round: &Rc<Round>) {
        let work_us = match round.places() {
            0 => 0.0,
            places => {
                let expected = places.max(EXPECTED_PLACES) as f32 * self.place_us.get();
                // Between two measurements a round grows and shrinks by the mean of all.
                round.measured_us.get().map_or(expected, |measured| measured.max(expected * 0.5))
            }
        };
        let mut loads = self.loads.borrow_mut();
        match (round.slot.get(), round.places()) {
            (None, 0) => return,
            (None, _) => {
                let slot = loads.emptiest();
                drop(loads);
                self.enter(round, slot, 0);
                loads = self.loads.borrow_mut();
                loads.add(slot, work_us);
            }
            (Some(slot), 0) => {
                loads.add(slot, -round.booked_us.get());
                drop(loads);
                self.vacate(round, slot);
            }
            (Some(slot), _) => loads.add(slot, work_us - round.booked_us.get()),
        }
        round.booked_us.set(work_us);
    }

    /// Runs the laps of the next slot if it is due. In the clock's coroutine.
    pub(super) fn run_due_slot(&self, shared: &Rc<Shared>, now: Instant) {
        let current = self.slot_at(now);
        let Some(mut slot) = self.next_occupied() else { return self.next_slot.set(current + 1) };
        if slot > current {
            return;
        }
        let frames_behind = (current - slot) / self.slots;
        if frames_behind > MAX_FRAMES_BEHIND {
            let rounds: usize = self.rounds.borrow().iter().map(Vec::len).sum();
            add(&shared.counters.missed_laps, frames_behind * rounds as u64);
            slot += frames_behind * self.slots;
        }
        self.next_slot.set(slot + 1);
        let index = (slot % self.slots) as usize;
        let mut running = self.running.take();
        running.extend(
            self.rounds.borrow()[index].iter().filter(|round| round.next_slot.get() <= slot).cloned(),
        );
        shared.batch.collect();
        let mut ready = 0;
        for (at, round) in running.iter().enumerate() {
            if at == ready {
                ready += Round::make_ready_side_by_side(&running[at..], &shared.batch);
            }
            // It may have moved or emptied while those before it made their laps.
            if round.slot.get() == Some(index) {
                self.run_lap(shared, round, slot);
            }
        }
        shared.batch.finish();
        self.move_one(shared, &running, slot);
        running.clear();
        self.running.replace(running);
    }

    fn run_lap(&self, shared: &Shared, round: &Rc<Round>, slot: u64) {
        let due = self.due(slot);
        let begun = Instant::now();
        let lateness = begun.saturating_duration_since(due);
        shared.counters.lateness.borrow_mut().record(lateness);
        self.note_lateness(lateness, begun);
        add(&shared.counters.laps, 1);
        let places = round.places();
        round.open(Tick { number: slot / self.slots, due, lateness });
        loop {
            match round.stage() {
                Stage::Idle => break,
                Stage::SealDue => round.seal(),
                Stage::Hearing | Stage::Speaking | Stage::Sealing => {
                    // So that the clock comes back if the lap does not end by itself.
                    shared.clock.arm_if_idle(|| self.next_due().unwrap_or(begun + SLOT));
                    if !shared.clock.wait(shared) {
                        round.drop_strays();
                    }
                }
            }
        }
        self.measure(round, begun.elapsed().as_secs_f32() * 1e6, places);
    }

    fn measure(&self, round: &Rc<Round>, lap_us: f32, places: usize) {
        let mean = |old: f32, new: f32| old + (new - old) * NEW_SHARE;
        round.measured_us.set(Some(round.measured_us.get().map_or(lap_us, |old| mean(old, lap_us))));
        if places > 0 {
            self.place_us.set(mean(self.place_us.get(), lap_us / places as f32));
        }
        self.book(round);
    }

    /// Moves one round of a slot that work runs over in to a better one, by less than a frame.
    fn move_one(&self, shared: &Shared, rounds: &[Rc<Round>], slot: u64) {
        let (frame, index) = (slot / self.slots, (slot % self.slots) as usize);
        // One candidate a frame, each in its turn.
        let Some(round) = rounds.get(frame as usize % rounds.len().max(1)) else { return };
        if round.slot.get() != Some(index) {
            return;
        }
        let work_us = round.booked_us.get();
        let better = self.loads.borrow().better_than(index, work_us);
        if let Some(to) = better {
            self.vacate(round, index);
            self.enter(round, to, (frame + 1) * self.slots);
            let mut loads = self.loads.borrow_mut();
            loads.add(index, -work_us);
            loads.add(to, work_us);
            add(&shared.counters.round_moves, 1);
        }
    }

    /// Puts a round into a slot, to make its first lap there in the future and not before slot number `earliest`.
    fn enter(&self, round: &Rc<Round>, slot: usize, earliest: u64) {
        let future = self.slot_at(Instant::now()) + 1;
        if self.next_occupied().is_none() {
            self.next_slot.set(future);
        }
        round.slot.set(Some(slot));
        round.next_slot.set(future.max(earliest));
        self.rounds.borrow_mut()[slot].push(Rc::clone(round));
        if let (Some(due), Some(shared)) = (self.next_due(), self.shared.upgrade()) {
            shared.clock.arm_before(due);
        }
    }

    fn vacate(&self, round: &Rc<Round>, slot: usize) {
        self.rounds.borrow_mut()[slot].retain(|other| !Rc::ptr_eq(other, round));
        round.slot.set(None);
    }

    fn next_occupied(&self) -> Option<u64> {
        let first = self.next_slot.get();
        let rounds = self.rounds.borrow();
        (first..first + self.slots).find(|slot| !rounds[(slot % self.slots) as usize].is_empty())
    }

    fn due(&self, slot: u64) -> Instant {
        self.epoch + Duration::from_nanos(slot.saturating_mul(SLOT.as_nanos() as u64))
    }

    fn slot_at(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.epoch);
        u64::try_from(passed.as_nanos() / SLOT.as_nanos()).unwrap_or(u64::MAX / 2)
    }
}
