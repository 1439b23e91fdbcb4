//! A round: a group of coroutines that make their laps together, one a frame.
//!
//! A lap opens at the round's slot (hook `begin`), its members hear, the last one to have heard seals it (hook
//! `seal`), its members speak. Members are the places that wait when the lap opens; each is counted out when it is
//! done, dropped or strays, whichever comes first, so none can hold up the others. Driven by `metronome`.

use super::batch::{Batch, WINDOW};
use super::place::{Place, PlaceState, Stand};
use super::prefetch::prefetch_range;
use super::statistics::add;
use super::{Shared, Worker};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// One beat of the metronome, as a round sees it.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    /// Frames since the worker began; consecutive but for laps left out after a long hold-up.
    pub number: u64,
    /// When the lap should have begun.
    pub due: Instant,
    /// How much later it did begin.
    pub lateness: Duration,
}

/// What a round's owner does around the members of a lap. Hooks may not wait; a panic in one is caught and counted.
pub trait RoundHooks {
    /// Before the first member hears: queued commands apply.
    fn begin(&mut self, tick: Tick);
    /// Once, after the last member has heard; runs on that member's stack.
    fn seal(&mut self, tick: Tick);
}

/// How far a lap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Between laps.
    Idle,
    /// Members hear; `left` of them have not.
    Hearing,
    /// All have heard; the clock is to seal because the last one left by dropping its place.
    SealDue,
    /// The hook runs.
    Sealing,
    /// Members speak; `left` of them have not.
    Speaking,
}

/// A group of places that make laps together. Without places it costs nothing and has no slot.
pub struct Round {
    pub(super) worker: Worker,
    hooks: RefCell<Box<dyn RoundHooks>>,
    places: RefCell<Vec<Rc<PlaceState>>>,
    stage: Cell<Stage>,
    left: Cell<usize>,
    tick: Cell<Tick>,
    pub(super) slot: Cell<Option<usize>>,
    /// Number, counted from the clock's epoch, of the first slot in which it may make its next lap.
    pub(super) next_slot: Cell<u64>,
    /// Measured work of a lap; none before the first.
    pub(super) measured_us: Cell<Option<f32>>,
    /// What `slots` was told last.
    pub(super) booked_us: Cell<f32>,
}

impl Round {
    pub(super) fn new(worker: Worker, hooks: Box<dyn RoundHooks>) -> Rc<Round> {
        let tick = Tick { number: 0, due: worker.shared.clock.epoch(), lateness: Duration::ZERO };
        Rc::new(Round {
            worker,
            hooks: RefCell::new(hooks),
            places: RefCell::default(),
            stage: Cell::new(Stage::Idle),
            left: Cell::new(0),
            tick: Cell::new(tick),
            slot: Cell::new(None),
            next_slot: Cell::new(0),
            measured_us: Cell::new(None),
            booked_us: Cell::new(0.0),
        })
    }

    /// Takes a place; it takes part from the next lap on.
    pub fn join(self: &Rc<Self>) -> Place {
        let state = PlaceState::new(self.places.borrow().len());
        self.places.borrow_mut().push(Rc::clone(&state));
        self.worker.shared.metronome.book(self);
        Place::new(Rc::clone(self), state)
    }

    /// Number of places taken.
    pub fn places(&self) -> usize {
        self.places.borrow().len()
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.get()
    }

    pub(super) fn tick(&self) -> Tick {
        self.tick.get()
    }

    /// Begins a lap: from here on its members are fixed.
    pub(super) fn open(&self, tick: Tick) {
        self.tick.set(tick);
        self.run_hook(|hooks| hooks.begin(tick));
        let members = self.advance(Stand::Waiting, Stand::Hearing);
        self.left.set(members);
        self.stage.set(Stage::Hearing);
        if members == 0 {
            self.seal();
        }
    }

    /// Ends the hearing of a lap and lets its members speak.
    pub(super) fn seal(&self) {
        self.stage.set(Stage::Sealing);
        let tick = self.tick.get();
        self.run_hook(|hooks| hooks.seal(tick));
        let speakers = self.advance(Stand::Heard, Stand::Speaking);
        self.left.set(speakers);
        self.stage.set(if speakers == 0 { Stage::Idle } else { Stage::Speaking });
    }

    /// A member has heard; the last one seals.
    pub(super) fn has_heard(&self, place: &PlaceState) {
        place.stand.set(Stand::Heard);
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            self.seal();
        }
    }

    /// Takes a place out of the current lap, if it is in it. Runs no foreign code: Drop calls it while unwinding.
    pub(super) fn count_out(&self, place: &PlaceState) {
        let counted = match (self.stage.get(), place.stand.replace(Stand::Away)) {
            (Stage::Hearing, Stand::Hearing) => Some(Stage::SealDue),
            (Stage::Speaking, Stand::Speaking) => Some(Stage::Idle),
            _ => None,
        };
        let Some(next) = counted else { return };
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            self.stage.set(next);
            self.worker.shared.clock.wake();
        }
    }

    /// Counts out every member that the lap still waits for: no coroutine is ready to run, so they wait elsewhere.
    pub(super) fn drop_strays(&self) {
        let missing = match self.stage.get() {
            Stage::Hearing => Stand::Hearing,
            Stage::Speaking => Stand::Speaking,
            Stage::Idle | Stage::SealDue | Stage::Sealing => return,
        };
        for place in self.places.borrow().iter().filter(|place| place.stand.get() == missing) {
            place.stand.set(Stand::Away);
            add(&self.worker.shared.counters.strays, 1);
        }
        self.stage.set(if missing == Stand::Hearing { Stage::SealDue } else { Stage::Idle });
    }

    /// Gives a place back.
    pub(super) fn leave(self: &Rc<Self>, place: &Rc<PlaceState>) {
        self.count_out(place);
        {
            let mut places = self.places.borrow_mut();
            let index = place.index.get();
            places.swap_remove(index);
            if let Some(moved) = places.get(index) {
                moved.index.set(index);
            }
        }
        self.worker.shared.metronome.book(self);
    }

    /// Puts all places of one stand into the next and wakes them; says how many there are.
    fn advance(&self, from: Stand, to: Stand) -> usize {
        let mut count = 0;
        for place in self.places.borrow().iter().filter(|place| place.stand.get() == from) {
            place.stand.set(to);
            place.prefetch_bed();
            place.wake();
            count += 1;
        }
        count
    }

    /// A member begins to hear: of a large round the window of members that it begins is made ready.
    pub(super) fn hears(&self, place: &PlaceState) {
        if let Some(first) = self.begins_window(place) {
            self.worker.shared.batch.begin();
            self.make_ready(first, Some(&self.worker.shared.batch));
        }
    }

    /// The same for speaking: by the time the last one has heard, the first one's memory is far again.
    pub(super) fn speaks(&self, place: &PlaceState) {
        if let Some(first) = self.begins_window(place) {
            self.make_ready(first, None);
        }
    }

    fn begins_window(&self, place: &PlaceState) -> Option<usize> {
        let index = place.index.get();
        (index.is_multiple_of(WINDOW) && self.places() > WINDOW).then_some(index)
    }

    /// Makes the first members of some rounds ready for the lap; returns how many of the rounds that were: those
    /// with a window's members together.
    pub(super) fn make_ready_side_by_side(rounds: &[Rc<Round>], batch: &Batch) -> usize {
        rounds.iter().take(WINDOW).for_each(|round| {
            prefetch_range(Rc::as_ptr(round) as usize, size_of::<Round>());
        });
        let mut members = 0;
        let more = rounds.iter().skip(1).take_while(|round| {
            members += round.places();
            members + rounds[0].places() <= WINDOW
        });
        let count = 1 + more.count();
        let ready = &rounds[..count];
        for round in ready {
            let places = round.places.borrow();
            prefetch_range(places.as_ptr() as usize, size_of_val(&**places));
        }
        batch.begin();
        ready.iter().for_each(|round| round.each_of_window(0, PlaceState::prefetch_state));
        ready.iter().for_each(|round| round.each_of_window(0, |place| place.prefetch_socket()));
        ready.iter().filter(|round| round.places() <= WINDOW).for_each(|round| {
            round.each_of_window(0, |place| {
                place.prefetch_member();
                place.gather(batch);
            });
        });
        count
    }

    fn make_ready(&self, first: usize, batch: Option<&Batch>) {
        self.each_of_window(first, PlaceState::prefetch_state);
        self.each_of_window(first, |place| place.prefetch_socket());
        self.each_of_window(first, |place| {
            place.prefetch_member();
            batch.into_iter().for_each(|batch| place.gather(batch));
        });
    }

    fn each_of_window(&self, first: usize, visit: impl FnMut(&Rc<PlaceState>)) {
        self.places.borrow().iter().skip(first).take(WINDOW).for_each(visit);
    }

    fn run_hook(&self, call: impl FnOnce(&mut dyn RoundHooks)) {
        let shared: &Shared = &self.worker.shared;
        let _unsuspendable = shared.forbid_waiting();
        shared.survives(|| call(self.hooks.borrow_mut().as_mut()));
    }
}
