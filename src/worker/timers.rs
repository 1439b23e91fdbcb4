//! A heap of deadlines from which any entry can be taken out again. Pure: driven by `clock`.
//!
//! Its length is bounded by its users: a coroutine waits for one deadline at a time.

use std::time::Instant;

/// Names one deadline; worthless once it has been popped or removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimerKey {
    entry: usize,
    order: u64,
}

struct Entry<T> {
    at: Instant,
    order: u64,
    position: usize,
    item: Option<T>,
}

/// Deadlines, soonest first; equal ones in the order of their insertion.
pub(super) struct TimerHeap<T> {
    entries: Vec<Entry<T>>,
    heap: Vec<usize>,
    vacant: Vec<usize>,
    next_order: u64,
}

impl<T> TimerHeap<T> {
    pub(super) fn new() -> TimerHeap<T> {
        TimerHeap { entries: Vec::new(), heap: Vec::new(), vacant: Vec::new(), next_order: 0 }
    }

    pub(super) fn insert(&mut self, at: Instant, item: T) -> TimerKey {
        let order = self.next_order;
        self.next_order += 1;
        let position = self.heap.len();
        let fresh = Entry { at, order, position, item: Some(item) };
        let entry = match self.vacant.pop() {
            Some(entry) => {
                self.entries[entry] = fresh;
                entry
            }
            None => {
                self.entries.push(fresh);
                self.entries.len() - 1
            }
        };
        self.heap.push(entry);
        self.rise(position);
        TimerKey { entry, order }
    }

    /// Takes an entry out; `None` if it was popped before.
    pub(super) fn remove(&mut self, key: TimerKey) -> Option<T> {
        let entry = &self.entries[key.entry];
        if entry.order != key.order || entry.item.is_none() {
            return None;
        }
        let position = entry.position;
        self.take_at(position)
    }

    /// The soonest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|&entry| self.entries[entry].at)
    }

    /// Takes the soonest entry out if it is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        if self.next()? <= now { self.take_at(0) } else { None }
    }

    fn take_at(&mut self, position: usize) -> Option<T> {
        let entry = self.heap.swap_remove(position);
        if position < self.heap.len() {
            self.entries[self.heap[position]].position = position;
            self.sink(position);
            self.rise(position);
        }
        self.vacant.push(entry);
        self.entries[entry].item.take()
    }

    fn is_before(&self, left: usize, right: usize) -> bool {
        let (left, right) = (&self.entries[self.heap[left]], &self.entries[self.heap[right]]);
        (left.at, left.order) < (right.at, right.order)
    }

    fn swap(&mut self, left: usize, right: usize) {
        self.heap.swap(left, right);
        self.entries[self.heap[left]].position = left;
        self.entries[self.heap[right]].position = right;
    }

    fn rise(&mut self, mut position: usize) {
        while position > 0 {
            let parent = (position - 1) / 2;
            if !self.is_before(position, parent) {
                return;
            }
            self.swap(position, parent);
            position = parent;
        }
    }

    fn sink(&mut self, mut position: usize) {
        loop {
            let left = 2 * position + 1;
            if left >= self.heap.len() {
                return;
            }
            let right = left + 1;
            let child = if right < self.heap.len() && self.is_before(right, left) { right } else { left };
            if !self.is_before(child, position) {
                return;
            }
            self.swap(child, position);
            position = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_come_soonest_first_and_equal_ones_in_order_of_insertion() {
        let start = Instant::now();
        let mut heap = TimerHeap::new();
        for (millis, name) in [(5, "d"), (1, "a"), (3, "b"), (3, "c"), (9, "e")] {
            heap.insert(start + Duration::from_millis(millis), name);
        }
        let mut seen = Vec::new();
        while let Some(name) = heap.pop_due(start + Duration::from_millis(5)) {
            seen.push(name);
        }
        assert_eq!(seen, ["a", "b", "c", "d"]);
        assert_eq!(heap.next(), Some(start + Duration::from_millis(9)));
    }

    #[test]
    fn a_removed_deadline_never_comes_and_its_key_is_worthless_afterwards() {
        let start = Instant::now();
        let mut heap = TimerHeap::new();
        let first = heap.insert(start, 1);
        assert_eq!(heap.remove(first), Some(1));
        assert_eq!(heap.remove(first), None);
        let second = heap.insert(start, 2);
        assert_eq!(heap.remove(first), None, "the entry was used again");
        assert_eq!(heap.pop_due(start), Some(2));
        assert_eq!(heap.remove(second), None);
    }

    #[test]
    fn random_insertions_and_removals_agree_with_a_sorted_list() {
        let start = Instant::now();
        let mut random = 0x9e37_79b9_u64;
        let mut heap = TimerHeap::new();
        let mut model: Vec<(Instant, u64, TimerKey)> = Vec::new();
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let choice = random >> 33;
            if choice % 5 < 3 || model.is_empty() {
                let at = start + Duration::from_micros(choice % 997);
                model.push((at, step, heap.insert(at, step)));
                model.sort_by_key(|&(at, step, _)| (at, step));
            } else if choice % 5 == 3 {
                let (_, step, key) = model.remove(choice as usize % model.len());
                assert_eq!(heap.remove(key), Some(step));
            } else {
                let (at, step, _) = model.remove(0);
                assert_eq!(heap.next(), Some(at));
                assert_eq!(heap.pop_due(at), Some(step));
            }
        }
        assert!(heap.entries.len() < 20_000, "vacant entries are used again");
    }
}
