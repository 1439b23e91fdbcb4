//! A coroutine's place in a round.

use super::Shared;
use super::batch::Batch;
use super::prefetch::{Bed, Nearby, Piece, prefetch_range};
use super::round::{Round, Tick};
use super::socket::media::MediaSocket;
use super::task::TaskState;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

/// The place was closed: its coroutine makes no more laps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the place in the round was closed")
    }
}

impl std::error::Error for Closed {}

/// Where a place stands in its round's lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// In no lap, and not waiting for one.
    Away,
    /// Waits for the next lap.
    Waiting,
    /// Of this lap, hearing.
    Hearing,
    /// Of this lap, has heard and waits for the others.
    Heard,
    /// Of this lap, speaking.
    Speaking,
}

pub(super) struct PlaceState {
    pub(super) stand: Cell<Stand>,
    /// Position in the round's list.
    pub(super) index: Cell<usize>,
    closed: Cell<bool>,
    /// The coroutine that waits here.
    task: RefCell<Option<Rc<TaskState>>>,
    bed: Cell<Bed>,
    nearby: Cell<Nearby>,
    socket: RefCell<Option<Rc<MediaSocket>>>,
}

impl PlaceState {
    pub(super) fn new(index: usize) -> Rc<PlaceState> {
        Rc::new(PlaceState {
            stand: Cell::new(Stand::Away),
            index: Cell::new(index),
            closed: Cell::new(false),
            task: RefCell::new(None),
            bed: Cell::default(),
            nearby: Cell::default(),
            socket: RefCell::default(),
        })
    }

    /// Has everything fetched that waking this member touches; itself it must be near already.
    pub(super) fn prefetch_member(&self) {
        self.prefetch_bed();
        self.nearby.get().prefetch();
    }

    /// Has what a switch to this member touches fetched.
    pub(super) fn prefetch_bed(&self) {
        self.bed.get().prefetch();
    }

    /// Has the member's socket fetched; the state itself must be near already.
    pub(super) fn prefetch_socket(&self) {
        if let Some(socket) = &*self.socket.borrow() {
            prefetch_range(Rc::as_ptr(socket) as usize, size_of::<MediaSocket>());
        }
    }

    /// Receives what has come for this member, if it is going to make the next lap.
    pub(super) fn gather(&self, batch: &Batch) {
        if self.stand.get() == Stand::Waiting || self.stand.get() == Stand::Hearing {
            self.socket.borrow().iter().for_each(|socket| batch.gather(socket));
        }
    }

    /// Has the state itself fetched, without looking at it.
    pub(super) fn prefetch_state(state: &Rc<PlaceState>) {
        prefetch_range(Rc::as_ptr(state) as usize, size_of::<PlaceState>());
    }

    pub(super) fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.parker.unpark();
        }
    }
}

/// A place in a round, used by one coroutine. Dropping it counts it out, in the middle of a lap too.
pub struct Place {
    round: Rc<Round>,
    state: Rc<PlaceState>,
}

impl Place {
    pub(super) fn new(round: Rc<Round>, state: Rc<PlaceState>) -> Place {
        Place { round, state }
    }

    /// Waits until the next lap begins; a lap still under way is over for this place.
    pub fn until_hear(&mut self) -> Result<Tick, Closed> {
        let shared: &Shared = &self.round.worker.shared;
        self.round.count_out(&self.state);
        self.state.task.replace(Some(shared.current_task()));
        self.state.stand.set(Stand::Waiting);
        self.state.bed.set(Bed::here());
        loop {
            if self.state.stand.get() == Stand::Hearing {
                self.round.hears(&self.state);
                // A window is more than the nearest cache holds: what it had fetched from afar is but at hand now.
                self.state.nearby.get().prefetch();
                return Ok(self.round.tick());
            }
            if self.state.closed.get() || !shared.park() {
                self.state.stand.set(Stand::Away);
                return Err(Closed);
            }
        }
    }

    /// Waits until every member of this lap has heard and the round was sealed. False if the lap went on without
    /// this place, because it waited for something else in the middle of it: then it should not speak.
    pub fn until_speak(&mut self) -> bool {
        let shared: &Shared = &self.round.worker.shared;
        if self.state.stand.get() == Stand::Hearing {
            self.round.has_heard(&self.state);
        }
        while self.state.stand.get() == Stand::Heard {
            if !shared.park() {
                return false;
            }
        }
        self.round.speaks(&self.state);
        self.state.stand.get() == Stand::Speaking
    }

    /// Names memory that this place's coroutine touches in each lap, so that it is fetched ahead. A hint: what is not named,
    /// or has moved since, costs time and nothing else. What the worker itself keeps of the coroutine is added.
    pub fn will_touch(&self, mut nearby: Nearby) {
        let task = self.round.worker.shared.current_task();
        nearby.add(Piece::of(&*task));
        nearby.add(task.parker.piece());
        self.state.nearby.set(nearby);
    }

    /// Names the socket of which this place's coroutine receives in each lap.
    pub fn receives_on(&self, socket: &Rc<MediaSocket>) {
        self.state.socket.replace(Some(Rc::clone(socket)));
    }

    /// Something that others can close this place with.
    pub fn closer(&self) -> PlaceCloser {
        PlaceCloser { state: Rc::clone(&self.state) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.round.leave(&self.state);
    }
}

/// Closes a place from elsewhere.
#[derive(Clone)]
pub struct PlaceCloser {
    state: Rc<PlaceState>,
}

impl PlaceCloser {
    /// Ends the place's laps: the one under way is made, then `until_hear` says [`Closed`].
    pub fn close(&self) {
        self.state.closed.set(true);
        if self.state.stand.get() == Stand::Waiting {
            self.state.wake();
        }
    }
}
