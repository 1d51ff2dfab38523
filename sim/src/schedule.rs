//! Virtual time: what happens when.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Microseconds since the start of the world.
pub type Micros = u64;
/// One millisecond.
pub const MS: Micros = 1_000;

#[derive(Debug)]
struct Entry<T> {
    at: Micros,
    order: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    /// The heap gives out its greatest: the earliest, and of two at once the one that was put in first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// A heap of (virtual time, tie-break).
#[derive(Debug)]
pub struct Schedule<T> {
    heap: BinaryHeap<Entry<T>>,
    next: u64,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Schedule { heap: BinaryHeap::new(), next: 0 }
    }
}

impl<T> Schedule<T> {
    /// Puts something in.
    pub fn push(&mut self, at: Micros, what: T) {
        self.next += 1;
        self.heap.push(Entry { at, order: self.next, what });
    }

    /// Takes what happens next.
    pub fn pop(&mut self) -> Option<(Micros, u64, T)> {
        self.heap.pop().map(|entry| (entry.at, entry.order, entry.what))
    }

    /// Puts something back for later; of what was put back to the same time, the order stays.
    pub fn put_off(&mut self, at: Micros, order: u64, what: T) {
        self.heap.push(Entry { at, order, what });
    }
}
