//! The model journal: what a database promises, and no more.
//!
//! What is durable lives in tables. A group becomes durable in steps, each of which another process, a pause or
//! the end of a process may follow: `begin`, `check` (locks the lease rows of its partitions against take-over and
//! compares epochs), `insert` (staged, seen by nobody), `commit`. The database itself does not fail; its clients
//! and their connections do.

mod leases;
mod reads;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};

use souk_core::any::{AnyOutcome, Effect};
use souk_core::ids::{Partition, StreamId};
use souk_core::journal::{Append, AppendId, EffectId, Incarnation, Recorded, WakeChange};
use souk_core::machine::{CommandId, CommandKey, Creation};
use souk_core::planted::{self, Bug};
use souk_core::sequencer::Placed;
use souk_core::time::Timestamp;

use crate::kind::{AnyLoaded, AnySnapshot, AnyState};
use crate::projection::Projection;
use crate::schedule::MS;

use leases::Lease;
pub use leases::{Lot, Renewed, TakeOver};
use transactions::Transaction;
pub use transactions::{Checked, Inserted};

/// One life of one node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Process {
    /// Which node.
    pub node: usize,
    /// Its how-manyeth life.
    pub life: u64,
}

/// Names a transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TransactionId(pub u64);

/// A row of `replies`.
#[derive(Clone, Debug)]
pub struct ReplyRow {
    /// The request.
    pub key: CommandKey,
    /// When it was answered.
    pub at: Timestamp,
    /// What it was told.
    pub outcome: AnyOutcome,
    /// Who answered.
    pub stream: StreamId,
}

/// What a transaction brings.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Appends with their places.
    pub placed: Vec<Placed<Append>>,
    /// Snapshots.
    pub snapshots: Vec<AnySnapshot>,
}

/// An append that has just become durable.
#[derive(Debug)]
pub struct Written {
    /// The append.
    pub append: Append,
    /// Its events, and those of the streams it created.
    pub events: Vec<Recorded>,
    /// What the partition's lease says at this moment.
    pub lease_epoch: u64,
    /// What the stream's row in `wakes` says from this moment on.
    pub wake: Option<Timestamp>,
}

/// A snapshot as the tables hold it.
#[derive(Debug)]
struct StoredSnapshot {
    seq: u64,
    state: AnyState,
    /// Its hash is that of its state.
    is_sound: bool,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Database {
    streams: BTreeMap<StreamId, Vec<Recorded>>,
    positions: BTreeMap<Partition, u64>,
    appends: BTreeSet<AppendId>,
    snapshots: BTreeMap<StreamId, StoredSnapshot>,
    wakes: BTreeMap<StreamId, Timestamp>,
    replies: BTreeMap<CommandId, ReplyRow>,
    outbox: BTreeMap<EffectId, Effect>,
    /// Every row the outbox ever had.
    effects: BTreeMap<EffectId, Effect>,
    /// By partition.
    leases: Vec<Lease>,
    /// In how many lots they change hands.
    lots: u16,
    transactions: BTreeMap<TransactionId, Transaction>,
    /// The journal by partition and position: where each event lies.
    log: BTreeMap<Partition, Vec<(u64, StreamId, u64)>>,
    /// The read tables.
    pub projection: Projection,
    /// Appends that some constraint of the tables will always refuse.
    cursed: BTreeSet<AppendId>,
    last_transaction: u64,
    last_incarnation: u64,
}

impl Database {
    /// The durable events of a stream.
    pub fn events(&self, stream: StreamId) -> &[Recorded] {
        self.streams.get(&stream).map_or(&[], Vec::as_slice)
    }

    /// The seq of the stream's last durable event.
    pub fn seq(&self, stream: StreamId) -> u64 {
        self.events(stream).len() as u64
    }

    /// The stored reply of a request.
    pub fn reply(&self, id: CommandId) -> Option<&ReplyRow> {
        self.replies.get(&id)
    }

    /// The stream's row in `wakes`.
    pub fn wake(&self, stream: StreamId) -> Option<Timestamp> {
        self.wakes.get(&stream).copied()
    }

    /// Streams whose wake is due.
    pub fn due(&self, now: Timestamp) -> Vec<StreamId> {
        self.wakes.iter().filter(|(_, at)| **at <= now).map(|(stream, _)| *stream).collect()
    }

    /// The partition's last position.
    pub fn position(&self, partition: Partition) -> u64 {
        self.positions.get(&partition).copied().unwrap_or_default()
    }

    /// Orders to the outside whose outcome is not recorded yet.
    pub fn outbox(&self) -> impl Iterator<Item = (&EffectId, &Effect)> {
        self.outbox.iter()
    }

    /// Every order to the outside there ever was.
    pub fn effects(&self) -> &BTreeMap<EffectId, Effect> {
        &self.effects
    }

    /// Every stored reply.
    pub fn replies(&self) -> impl Iterator<Item = &ReplyRow> {
        self.replies.values()
    }

    /// Whether this append is durable.
    pub fn has(&self, append: AppendId) -> bool {
        self.appends.contains(&append)
    }

    /// The earliest row in `wakes` of these streams.
    pub fn first_wake(&self, of: impl Fn(StreamId) -> bool) -> Option<Timestamp> {
        self.wakes.iter().filter(|(stream, _)| of(**stream)).map(|(_, at)| *at).min()
    }

    /// A number that no start of a host ever had.
    pub fn next_incarnation(&mut self) -> Incarnation {
        self.last_incarnation += 1;
        Incarnation(self.last_incarnation)
    }

    /// What is known of a stream, for a host that starts and wants the replies given since.
    pub fn load(&self, stream: StreamId, replies_since: Timestamp) -> AnyLoaded {
        let events = self.events(stream);
        // One whose hash is wrong is as good as none.
        let usable = |stored: &&StoredSnapshot| stored.is_sound || planted::is(Bug::SnapshotHashIgnored);
        let snapshot = self.snapshots.get(&stream).filter(usable);
        let snapshot = snapshot.map(|stored| (stored.seq, stored.state.clone()));
        // Nothing promises that a snapshot lies behind its events but the order of the writer's queue.
        let from = snapshot.as_ref().map_or(0, |(seq, _)| *seq as usize).min(events.len());
        let mut replies = Vec::new();
        let mut has_older_replies = false;
        for row in self.replies.values().filter(|row| row.stream == stream) {
            if row.at > replies_since {
                replies.push((row.key, row.at, row.outcome.clone()));
            } else {
                has_older_replies = true;
            }
        }
        AnyLoaded {
            snapshot,
            events: events[from..].to_vec(),
            replies,
            has_older_replies,
            wake: self.wake(stream),
            last: events.last().map(|last| (last.position, last.at)),
        }
    }

    /// A disk has eaten a stored snapshot; its hash is wrong from now on. Says whether there was one.
    pub fn damage_snapshot(&mut self, stream: StreamId) -> bool {
        let Some(stored) = self.snapshots.get_mut(&stream) else { return false };
        if let Some(initial) = AnyState::initial(stream) {
            (stored.state, stored.is_sound) = (initial, false);
        }
        true
    }

    /// Whether this stream's stored snapshot has a wrong hash.
    pub fn is_damaged(&self, stream: StreamId) -> bool {
        self.snapshots.get(&stream).is_some_and(|stored| !stored.is_sound)
    }

    /// Makes rows durable.
    fn write(&mut self, rows: Rows) -> (Vec<Written>, Vec<AnySnapshot>) {
        let written = rows.placed.into_iter().map(|placed| self.write_append(placed)).collect();
        for snapshot in &rows.snapshots {
            let AnySnapshot { stream, seq, state, .. } = snapshot;
            let stored = StoredSnapshot { seq: *seq, state: state.clone(), is_sound: true };
            self.snapshots.insert(*stream, stored);
        }
        (written, rows.snapshots)
    }

    fn write_append(&mut self, placed: Placed<Append>) -> Written {
        let append = placed.append;
        self.appends.insert(append.id);
        let mut events = Vec::new();
        let mut record = |stream, seq, position, event: &souk_core::any::AnyEvent| {
            events.push(Recorded {
                partition: append.partition,
                position,
                stream,
                seq,
                epoch: append.epoch,
                append_id: append.id,
                at: append.at,
                origin: append.origin,
                event: event.clone(),
            });
        };
        for (n, event) in append.events.iter().enumerate() {
            let n = n as u64;
            record(append.stream, append.expected_seq + 1 + n, placed.first_position + n, event);
        }
        for (creation, (stream, first)) in append.creates.iter().zip(&placed.creations) {
            for (n, event) in creation.events.iter().enumerate() {
                let n = n as u64;
                record(*stream, 1 + n, first + n, event);
            }
            // Whoever is created looks around once.
            self.wakes.insert(*stream, append.at);
        }
        for event in &events {
            self.streams.entry(event.stream).or_default().push(event.clone());
            self.positions.insert(event.partition, event.position);
            let log = self.log.entry(event.partition).or_default();
            log.push((event.position, event.stream, event.seq));
        }
        match append.wake {
            WakeChange::Keep => {}
            WakeChange::Set(at) => {
                self.wakes.insert(append.stream, at);
            }
            WakeChange::Clear => {
                self.wakes.remove(&append.stream);
            }
        }
        for (key, outcome) in &append.replies {
            let row = ReplyRow { key: *key, at: append.at, outcome: outcome.clone(), stream: append.stream };
            self.replies.insert(key.id, row);
        }
        let of_creations = append.creates.iter().flat_map(Creation::outbox);
        let rows = append.outbox.iter().cloned().chain(of_creations.map(|(id, e)| (id, e.clone())));
        for (id, effect) in rows {
            self.effects.insert(id, effect.clone());
            self.outbox.insert(id, effect);
        }
        for effect in &append.closes {
            self.outbox.remove(effect);
        }
        let lease_epoch = self.lease(append.partition).map_or(0, |lease| lease.epoch);
        let wake = self.wake(append.stream);
        Written { append, events, lease_epoch, wake }
    }
}

/// When the database's clock shows this.
pub fn when(time: Timestamp) -> crate::schedule::Micros {
    (time.millis_since(clock(0)).max(0) as u64) * MS
}

/// The database's clock at a virtual time. It starts late enough for clocks that are behind it.
pub fn clock(now: crate::schedule::Micros) -> Timestamp {
    Timestamp::from_millis(1_000_000 + (now / MS) as i64)
}
