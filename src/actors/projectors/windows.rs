//! Reading on in every partition, a window at a time, for those that follow the journal with a cursor per partition.

use souk_core::ids::{PARTITIONS, Partition};
use souk_core::journal::Recorded;

use crate::journal::{JournalError, Reader, Window};
use crate::store::read::{Advance, Cursor};

/// Positions that one transaction takes, about.
const BATCH: u64 = 2_000;
/// Positions of one partition that are looked through at a time.
const WINDOW: u64 = 500;

/// What one transaction will take.
#[derive(Debug)]
pub(super) struct Gathered {
    /// How far each cursor goes.
    pub(super) advances: Vec<Advance>,
    /// The events in between.
    pub(super) events: Vec<Recorded>,
    /// Whether some are left.
    pub(super) more: bool,
}

/// A way through all partitions that starves none.
#[derive(Debug)]
pub(super) struct Windows {
    reader: Reader,
    /// How the kinds of the wanted events begin.
    kinds: &'static [&'static str],
    /// Where the next batch begins.
    turn: u16,
}

impl Windows {
    pub(super) fn new(reader: Reader, kinds: &'static [&'static str]) -> Self {
        Windows { reader, kinds, turn: 0 }
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The positions these cursors stand at, by partition. `None` for cursors of another journal, or ahead of this one
    /// (a backup was restored): the rows beside them are of events that never happened here.
    pub(super) fn stand(&self, cursors: Vec<Cursor>, ends: &[u64]) -> Option<Vec<u64>> {
        let mut positions = vec![0; usize::from(PARTITIONS)];
        for cursor in cursors {
            let at = usize::from(cursor.partition.0);
            let known = cursor.journal_id == self.reader.meta().journal_id
                && ends.get(at).is_some_and(|end| cursor.position <= *end);
            *positions.get_mut(at).filter(|_| known)? = cursor.position;
        }
        Some(positions)
    }

    /// Reads on from these positions.
    pub(super) async fn gather(&mut self, cursors: &[u64], ends: &[u64]) -> Result<Gathered, JournalError> {
        let (mut advances, mut positions, mut more) = (Vec::new(), 0, false);
        let first = self.turn;
        for turn in 0..PARTITIONS {
            let partition = Partition((first + turn) % PARTITIONS);
            let at = usize::from(partition.0);
            let (from, end) = (cursors.get(at).copied().unwrap_or(0), ends.get(at).copied().unwrap_or(0));
            if from >= end {
                continue;
            }
            if positions >= BATCH {
                self.turn = partition.0;
                more = true;
                break;
            }
            let to = end.min(from + WINDOW);
            more |= to < end;
            positions += to - from;
            advances.push(Advance { partition, from, to });
        }
        advances.sort_by_key(|advance| advance.partition);
        let window = |advance: &Advance| Window {
            partition: advance.partition,
            after: advance.from,
            up_to: advance.to,
        };
        let events = if advances.is_empty() {
            Vec::new()
        } else {
            let windows: Vec<Window> = advances.iter().map(window).collect();
            self.reader.windows(&windows, self.kinds).await?
        };
        Ok(Gathered { advances, events, more })
    }
}
