//! Bounded queues from other threads to a coroutine of the worker.
//!
//! The lock is held for the push or pop of one item, by whoever it is; neither side waits for the other under it.

use super::inbox::{Full, Received};
use super::{ParkEnd, Shared, Worker};
use may::io::WaitIoWaker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

struct State<T> {
    items: VecDeque<T>,
    senders: usize,
    has_receiver: bool,
    waiter: Option<WaitIoWaker>,
}

struct Queue<T> {
    state: Mutex<State<T>>,
    bound: usize,
    drops: Arc<AtomicU64>,
}

impl<T> Queue<T> {
    /// A thread that panicked under the lock left a whole queue: nothing under it runs foreign code.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn remote_inbox<T: Send>(worker: &Worker, bound: usize) -> (RemoteSender<T>, RemoteInbox<T>) {
    let state = State { items: VecDeque::new(), senders: 1, has_receiver: true, waiter: None };
    let drops = Arc::clone(&worker.shared.counters.remote_drops);
    let queue = Arc::new(Queue { state: Mutex::new(state), bound, drops });
    (RemoteSender { queue: Arc::clone(&queue) }, RemoteInbox { worker: worker.clone(), queue })
}

/// The end that other threads put items in at.
pub struct RemoteSender<T> {
    queue: Arc<Queue<T>>,
}

impl<T: Send> RemoteSender<T> {
    /// Puts an item in and wakes the receiver; never waits for room. An item that finds the queue full is counted.
    pub fn send(&self, item: T) -> Result<(), Full<T>> {
        let mut state = self.queue.lock();
        if !state.has_receiver {
            return Err(Full(item));
        }
        if state.items.len() >= self.queue.bound {
            self.queue.drops.fetch_add(1, Ordering::Relaxed);
            return Err(Full(item));
        }
        state.items.push_back(item);
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wakeup();
        }
        Ok(())
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        !self.queue.lock().has_receiver
    }
}

impl<T> Clone for RemoteSender<T> {
    fn clone(&self) -> Self {
        self.queue.lock().senders += 1;
        RemoteSender { queue: Arc::clone(&self.queue) }
    }
}

impl<T> Drop for RemoteSender<T> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.senders -= 1;
        let waiter = if state.senders == 0 { state.waiter.take() } else { None };
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wakeup();
        }
    }
}

/// The end that one coroutine of the worker takes items out of.
pub struct RemoteInbox<T> {
    worker: Worker,
    queue: Arc<Queue<T>>,
}

impl<T: Send> RemoteInbox<T> {
    /// Waits for an item; `None` when all senders are gone and nothing is left, or while unwinding.
    pub fn recv(&self) -> Option<T> {
        loop {
            match self.take_or_register() {
                Some(Received::Item(item)) => return Some(item),
                Some(_) => return None,
                None => {}
            }
            if !self.worker.shared.park() {
                return None;
            }
        }
    }

    /// Waits for an item until `at`.
    pub fn recv_until(&self, at: Instant) -> Received<T> {
        loop {
            if let Some(end) = self.take_or_register() {
                return end;
            }
            if at <= Instant::now() {
                return Received::TimedOut;
            }
            if self.worker.shared.park_until(at) == ParkEnd::Refused {
                return Received::Closed;
            }
        }
    }

    /// An item if there is one; never waits.
    pub fn try_recv(&self) -> Option<T> {
        self.queue.lock().items.pop_front()
    }

    /// Takes an item, or says that none will come, or has the caller woken when one does.
    fn take_or_register(&self) -> Option<Received<T>> {
        let shared: &Shared = &self.worker.shared;
        let mut state = self.queue.lock();
        if let Some(item) = state.items.pop_front() {
            return Some(Received::Item(item));
        }
        if state.senders == 0 {
            return Some(Received::Closed);
        }
        state.waiter = Some(shared.current_task().parker.waker());
        None
    }
}

impl<T> Drop for RemoteInbox<T> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.has_receiver = false;
        let rest = std::mem::take(&mut state.items);
        drop(state);
        drop(rest);
    }
}
