//! Virtual time: what happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Microseconds since the start of the world.
pub type Micros = u64;
/// One millisecond.
pub const MS: Micros = 1_000;

/// A heap of (virtual time, tie-break): the earliest, and of two at once the one that was put in first.
///
/// The heap moves its entries about all the time, so it holds only where they are kept.
#[derive(Debug)]
pub struct Schedule<T> {
    heap: BinaryHeap<Reverse<(Micros, u64, u32)>>,
    kept: Vec<Option<T>>,
    free: Vec<u32>,
    next: u64,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Schedule { heap: BinaryHeap::new(), kept: Vec::new(), free: Vec::new(), next: 0 }
    }
}

impl<T> Schedule<T> {
    /// Puts something in.
    pub fn push(&mut self, at: Micros, what: T) {
        self.next += 1;
        self.put_off(at, self.next, what);
    }

    /// Takes what happens next.
    pub fn pop(&mut self) -> Option<(Micros, u64, T)> {
        let Reverse((at, order, place)) = self.heap.pop()?;
        let what = self.kept[place as usize].take()?;
        self.free.push(place);
        Some((at, order, what))
    }

    /// Puts something back for later; of what was put back to the same time, the order stays.
    pub fn put_off(&mut self, at: Micros, order: u64, what: T) {
        let place = match self.free.pop() {
            Some(place) => {
                self.kept[place as usize] = Some(what);
                place
            }
            None => {
                self.kept.push(Some(what));
                (self.kept.len() - 1) as u32
            }
        };
        self.heap.push(Reverse((at, order, place)));
    }
}
