//! Bounded queues between coroutines of the worker. Sending never waits: what does not fit is given back and
//! counted.

use super::statistics::add;
use super::task::TaskState;
use super::{ParkEnd, Shared, Worker};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::Instant;

/// The item did not go in, because the queue was full or its receiver is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Full(..)")
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the queue is full or its receiver is gone")
    }
}

impl<T> std::error::Error for Full<T> {}

/// What a wait for an item until a deadline gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// An item.
    Item(T),
    /// The deadline came first.
    TimedOut,
    /// The queue is empty and all senders are gone (or the caller unwinds).
    Closed,
}

struct Queue<T> {
    worker: Worker,
    items: RefCell<VecDeque<T>>,
    bound: usize,
    senders: Cell<usize>,
    has_receiver: Cell<bool>,
    waiter: Cell<Option<Rc<TaskState>>>,
}

impl<T> Queue<T> {
    fn wake(&self) {
        if let Some(waiter) = self.waiter.take() {
            waiter.parker.unpark();
        }
    }
}

pub(super) fn inbox<T>(worker: &Worker, bound: usize) -> (Sender<T>, Inbox<T>) {
    let queue = Rc::new(Queue {
        worker: worker.clone(),
        items: RefCell::default(),
        bound,
        senders: Cell::new(1),
        has_receiver: Cell::new(true),
        waiter: Cell::new(None),
    });
    (Sender { queue: Rc::clone(&queue) }, Inbox { queue })
}

/// The end of a local queue that items go in at.
pub struct Sender<T> {
    queue: Rc<Queue<T>>,
}

impl<T> Sender<T> {
    /// Puts an item in and wakes the receiver; never waits. An item that finds the queue full is counted.
    pub fn send(&self, item: T) -> Result<(), Full<T>> {
        let queue = &*self.queue;
        if !queue.has_receiver.get() {
            return Err(Full(item));
        }
        {
            let mut items = queue.items.borrow_mut();
            if items.len() >= queue.bound {
                add(&queue.worker.shared.counters.inbox_drops, 1);
                return Err(Full(item));
            }
            items.push_back(item);
        }
        queue.wake();
        Ok(())
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        !self.queue.has_receiver.get()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.queue.senders.set(self.queue.senders.get() + 1);
        Sender { queue: Rc::clone(&self.queue) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.queue.senders.set(self.queue.senders.get() - 1);
        if self.queue.senders.get() == 0 {
            self.queue.wake();
        }
    }
}

/// The end of a local queue that items come out of, for one coroutine at a time.
pub struct Inbox<T> {
    queue: Rc<Queue<T>>,
}

impl<T> Inbox<T> {
    /// Waits for an item; `None` when all senders are gone and nothing is left, or while unwinding.
    pub fn recv(&self) -> Option<T> {
        loop {
            if let Some(end) = self.take_or_end() {
                return end;
            }
            if !self.wait(|shared| shared.park()) {
                return None;
            }
        }
    }

    /// Waits for an item until `at`.
    pub fn recv_until(&self, at: Instant) -> Received<T> {
        loop {
            match self.take_or_end() {
                Some(Some(item)) => return Received::Item(item),
                Some(None) => return Received::Closed,
                None => {}
            }
            if at <= Instant::now() {
                return Received::TimedOut;
            }
            if self.wait(|shared| shared.park_until(at)) == ParkEnd::Refused {
                return Received::Closed;
            }
        }
    }

    /// An item if there is one; never waits.
    pub fn try_recv(&self) -> Option<T> {
        self.queue.items.borrow_mut().pop_front()
    }

    /// Items waiting.
    pub fn len(&self) -> usize {
        self.queue.items.borrow().len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take_or_end(&self) -> Option<Option<T>> {
        match self.try_recv() {
            Some(item) => Some(Some(item)),
            None if self.queue.senders.get() == 0 => Some(None),
            None => None,
        }
    }

    fn wait<R>(&self, wait: impl FnOnce(&Shared) -> R) -> R {
        let shared = &self.queue.worker.shared;
        let others = self.queue.waiter.replace(Some(shared.current_task()));
        assert!(others.is_none(), "two coroutines wait at one inbox");
        let end = wait(shared);
        self.queue.waiter.take();
        end
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        self.queue.has_receiver.set(false);
        let rest = self.queue.items.take();
        drop(rest);
    }
}
