//! What this process made durable last, kept in memory for those who follow the journal: while it is the one that
//! writes, they need not ask the database for what it has just been given.
//!
//! Nothing is here before the database has said that it is durable, so whoever reads here sees what a query would have
//! shown then, row by row. A partition is unknown here from when the writer hears that it was lost until it is owned again;
//! before it hears, another server's events are missing here, which is a lag and nothing else: rows never change, and
//! cursors are only moved from where they stand. Where a follower stands is asked of the database all the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use souk_core::ids::{PARTITIONS, Partition};

use super::checksum::Hash;
use super::encode::{EncodedAppend, EventRow};
use super::offer::Offer;
use super::pages::Window;
use super::stored::StoredEvent;

/// Events that are kept, of all partitions together.
const EVENTS_MAX: usize = 8_192;
/// The bytes of their payloads.
const PAYLOADS_MAX: usize = 8 * 1024 * 1024;

/// For those who read; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Newest(Arc<Mutex<Kept>>);

/// For the one who writes. When it is gone nothing is known any more: what is written from then on is somebody else's.
#[derive(Debug)]
pub(super) struct Filling(Newest);

/// Nothing yet, and no partition is owned.
pub(super) fn kept() -> (Filling, Newest) {
    let partitions = (0..PARTITIONS).map(|_| Run::default()).collect();
    let kept = Kept { partitions, order: VecDeque::new(), payloads: 0 };
    let newest = Newest(Arc::new(Mutex::new(kept)));
    (Filling(newest.clone()), newest)
}

#[derive(Debug)]
struct Kept {
    partitions: Vec<Run>,
    /// Partition and position of everything that was kept, the oldest first; some may be gone already.
    order: VecDeque<(Partition, u64)>,
    payloads: usize,
}

/// The last events of a partition, without a gap.
#[derive(Debug, Default)]
struct Run {
    /// Its last position; `None` while this process does not own it.
    end: Option<u64>,
    rows: VecDeque<Row>,
}

#[derive(Debug)]
struct Row {
    of: Arc<Shared>,
    event: EventRow,
    position: u64,
    chain: Hash,
}

/// What the events of an append have in common.
#[derive(Debug)]
struct Shared {
    partition: Partition,
    epoch: u64,
    append_id: [u8; 16],
    principal: Arc<str>,
    cause: Option<(Arc<str>, u64)>,
    trace: Option<[u8; 16]>,
    recorded_at: i64,
}

impl Filling {
    /// From here on, as far as the writer knows, this process alone writes to the partition, behind this position.
    pub(super) fn own(&self, partition: Partition, position: u64) {
        self.0.kept().begin(partition, Some(position));
    }

    /// Somebody else may write to it.
    pub(super) fn lose(&self, partition: Partition) {
        self.0.kept().begin(partition, None);
    }

    /// The group is durable.
    pub(super) fn add(&self, offer: &Offer) {
        let mut kept = self.0.kept();
        let mut shared: Option<Arc<Shared>> = None;
        for row in offer.events() {
            let of = match &shared {
                Some(of) if of.append_id == row.append.append_id => Arc::clone(of),
                _ => Arc::new(Shared::of(row.append)),
            };
            shared = Some(Arc::clone(&of));
            kept.add(Row { of, event: row.event.clone(), position: row.position, chain: *row.chain });
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        (0..PARTITIONS).for_each(|partition| self.lose(Partition(partition)));
    }
}

impl Newest {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last position of every partition, by number; `None` unless all are this process's own.
    pub(super) fn ends(&self) -> Option<Vec<u64>> {
        self.kept().partitions.iter().map(|run| run.end).collect()
    }

    /// The events of a window whose kinds begin in one of these ways; `None` when not all of the window is here.
    pub(super) fn within(&self, window: &Window, kinds: &[&str]) -> Option<Vec<StoredEvent>> {
        let kept = self.kept();
        let run = kept.partitions.get(usize::from(window.partition.0))?;
        let end = run.end?;
        let first = end - run.rows.len() as u64;
        if window.after < first || window.after > window.up_to || window.up_to > end {
            return None;
        }
        let rows = run.rows.range((window.after - first) as usize..(window.up_to - first) as usize);
        let wanted = rows.filter(|row| kinds.iter().any(|kind| row.event.kind.starts_with(kind)));
        Some(wanted.map(Row::stored).collect())
    }
}

impl Kept {
    fn begin(&mut self, partition: Partition, end: Option<u64>) {
        if let Some(run) = self.partitions.get_mut(usize::from(partition.0)) {
            self.payloads -= run.rows.drain(..).map(|row| row.event.payload.len()).sum::<usize>();
            run.end = end;
        }
    }

    fn add(&mut self, row: Row) {
        let partition = row.of.partition;
        let Some(run) = self.partitions.get_mut(usize::from(partition.0)) else { return };
        // Not owned, or not the next one: what is not known to be whole is not kept.
        if run.end.is_none_or(|end| end + 1 != row.position) {
            return self.begin(partition, None);
        }
        run.end = Some(row.position);
        self.payloads += row.event.payload.len();
        self.order.push_back((partition, row.position));
        run.rows.push_back(row);
        while self.order.len() > EVENTS_MAX || self.payloads > PAYLOADS_MAX {
            let Some((partition, position)) = self.order.pop_front() else { return };
            let run = self.partitions.get_mut(usize::from(partition.0));
            if let Some(run) = run.filter(|run| run.rows.front().is_some_and(|row| row.position == position))
                && let Some(row) = run.rows.pop_front()
            {
                self.payloads -= row.event.payload.len();
            }
        }
    }
}

impl Shared {
    fn of(append: &EncodedAppend) -> Self {
        Shared {
            partition: append.partition,
            epoch: append.epoch.0,
            append_id: append.append_id,
            principal: Arc::clone(&append.principal),
            cause: append.cause.clone(),
            trace: append.trace,
            recorded_at: append.at.as_millis(),
        }
    }
}

impl Row {
    /// As a query would have read it.
    fn stored(&self) -> StoredEvent {
        let Shared { partition, epoch, append_id, principal, cause, trace, recorded_at } = &*self.of;
        StoredEvent {
            partition: i64::from(partition.0),
            position: self.position as i64,
            stream: self.event.stream.to_string(),
            seq: self.event.seq as i64,
            epoch: *epoch as i64,
            kind: self.event.kind.to_owned(),
            version: i64::from(self.event.version),
            append_id: append_id.to_vec(),
            principal: principal.to_string(),
            cause_stream: cause.as_ref().map(|(stream, _)| stream.to_string()),
            cause_seq: cause.as_ref().map(|(_, seq)| *seq as i64),
            trace: trace.map(|trace| trace.to_vec()),
            recorded_at: *recorded_at,
            payload: self.event.payload.to_string(),
            checksum: self.event.checksum.to_vec(),
            chain: self.chain.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(partition: u16, position: u64, bytes: usize) -> Row {
        let of = Shared {
            partition: Partition(partition),
            epoch: 1,
            append_id: [0; 16],
            principal: "system".into(),
            cause: None,
            trace: None,
            recorded_at: 0,
        };
        let event = EventRow {
            stream: "shd_0001".into(),
            seq: position,
            kind: "stock.received",
            version: 1,
            payload: "x".repeat(bytes).into(),
            checksum: [0; 32],
        };
        Row { of: Arc::new(of), event, position, chain: [0; 32] }
    }

    fn positions(newest: &Newest, partition: u16, after: u64, up_to: u64) -> Option<Vec<i64>> {
        let window = Window { partition: Partition(partition), after, up_to };
        let rows = newest.within(&window, &["stock."])?;
        Some(rows.iter().map(|row| row.position).collect())
    }

    #[test]
    fn a_window_that_is_not_wholly_here_is_not_shown() {
        let (filling, newest) = super::kept();
        filling.own(Partition(3), 10);
        (11..=14).for_each(|position| newest.kept().add(row(3, position, 5)));
        assert_eq!(positions(&newest, 3, 10, 14), Some(vec![11, 12, 13, 14]));
        assert_eq!(positions(&newest, 3, 12, 13), Some(vec![13]));
        assert_eq!(positions(&newest, 3, 14, 14), Some(vec![]));
        assert_eq!(positions(&newest, 3, 9, 14), None);
        assert_eq!(positions(&newest, 3, 13, 12), None);
        assert_eq!(positions(&newest, 3, 10, 15), None);
        assert_eq!(positions(&newest, 4, 0, 0), None, "not owned");
        filling.lose(Partition(3));
        assert_eq!(positions(&newest, 3, 10, 14), None);
        filling.own(Partition(3), 20);
        assert_eq!(positions(&newest, 3, 10, 14), None, "somebody else wrote meanwhile");
        assert_eq!(positions(&newest, 3, 20, 20), Some(vec![]));
        drop(filling);
        assert_eq!(positions(&newest, 3, 20, 20), None, "the writer has ended");
    }

    #[test]
    fn after_a_gap_nothing_is_known() {
        let (filling, newest) = super::kept();
        (0..PARTITIONS).for_each(|partition| filling.own(Partition(partition), 0));
        newest.kept().add(row(3, 1, 5));
        assert_eq!(newest.ends().map(|ends| ends[3]), Some(1));
        newest.kept().add(row(3, 3, 5));
        assert_eq!(newest.ends(), None);
        assert_eq!(positions(&newest, 3, 0, 1), None);
    }

    #[test]
    fn the_oldest_goes_first_whichever_partition_it_is_of() {
        for bytes in [1, PAYLOADS_MAX / 100] {
            let (filling, newest) = super::kept();
            (1..=2).for_each(|partition| filling.own(Partition(partition), 0));
            for position in 1..=EVENTS_MAX as u64 {
                (1..=2).for_each(|partition| newest.kept().add(row(partition, position, bytes)));
            }
            let kept = if bytes == 1 { EVENTS_MAX as u64 / 2 } else { 50 };
            let end = EVENTS_MAX as u64;
            assert_eq!(positions(&newest, 1, end - kept, end).map(|rows| rows.len() as u64), Some(kept));
            assert_eq!(positions(&newest, 2, end - kept - 1, end), None);
            assert!(newest.kept().order.len() <= EVENTS_MAX && newest.kept().payloads <= PAYLOADS_MAX);
            // What was dropped with its partition is not counted twice.
            filling.own(Partition(1), end);
            filling.own(Partition(2), end);
            assert_eq!(newest.kept().payloads, 0);
        }
    }
}
