//! A group as the rows that are offered to the database: the same rows, positions and ids every time, until it
//! is known whether they are in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use souk_core::ids::{PARTITIONS, Partition, StreamId};
use souk_core::journal::{Epoch, WakeChange};
use souk_core::sequencer::Group;
use souk_core::time::Timestamp;

use super::checksum::{CHAIN_START, Hash, next_chain};
use super::encode::{EncodedAppend, EventRow};
use super::wire::EncodedSnapshot;

/// An append on its way from the queue into a group: boxed, because it is large and moved often.
pub(super) type Sent = Box<EncodedAppend>;

/// The chain of every partition after its last event.
#[derive(Clone, Debug)]
pub(super) struct Chains(Vec<Hash>);

impl Chains {
    pub(super) fn new() -> Self {
        Chains(vec![CHAIN_START; usize::from(PARTITIONS)])
    }

    pub(super) fn get(&self, partition: Partition) -> &Hash {
        self.0.get(usize::from(partition.0)).unwrap_or(&CHAIN_START)
    }

    pub(super) fn set(&mut self, partition: Partition, chain: Hash) {
        if let Some(slot) = self.0.get_mut(usize::from(partition.0)) {
            *slot = chain;
        }
    }
}

/// Where an event got its place.
#[derive(Debug)]
struct Stamp {
    append: usize,
    event: usize,
    position: u64,
    chain: Hash,
}

/// A change of a row in `wakes`.
#[derive(Debug)]
pub(super) struct WakeRow {
    pub(super) stream: Arc<str>,
    pub(super) partition: Partition,
    /// `None` when the row goes.
    pub(super) due_at: Option<Timestamp>,
}

/// One event with everything its row needs.
pub(super) struct FullRow<'a> {
    pub(super) append: &'a EncodedAppend,
    pub(super) event: &'a EventRow,
    pub(super) position: u64,
    pub(super) chain: &'a Hash,
}

#[derive(Debug)]
pub(super) struct Offer {
    pub(super) group: Group<Sent>,
    pub(super) snapshots: Vec<EncodedSnapshot>,
    /// The partitions it writes to, in order, with the term under which it may.
    pub(super) leases: BTreeMap<Partition, Epoch>,
    /// At most one change per stream: the last one holds.
    pub(super) wakes: Vec<WakeRow>,
    stamps: Vec<Stamp>,
    tails: BTreeMap<Partition, Hash>,
}

impl Offer {
    /// `snapshots` come with the term under which their partition is owned.
    pub(super) fn build(
        group: Group<Sent>,
        snapshots: Vec<EncodedSnapshot>,
        epoch_of: impl Fn(Partition) -> Option<Epoch>,
        chains: &Chains,
    ) -> Self {
        let mut leases = BTreeMap::new();
        let mut stamps = Vec::with_capacity(group.placed.len());
        let mut tails: BTreeMap<Partition, Hash> = BTreeMap::new();
        let mut wakes = Wakes::default();
        for (append_no, placed) in group.placed.iter().enumerate() {
            let append = &placed.append;
            leases.insert(append.partition, append.epoch);
            if !append.events.is_empty() {
                let tail = tails.entry(append.partition).or_insert_with(|| *chains.get(append.partition));
                for (position, (event_no, event)) in
                    (placed.first_position..).zip(append.events.iter().enumerate())
                {
                    *tail = next_chain(tail, position, &event.checksum);
                    stamps.push(Stamp { append: append_no, event: event_no, position, chain: *tail });
                }
            }
            match append.wake {
                WakeChange::Keep => {}
                WakeChange::Set(at) => {
                    wakes.change(append.stream, &append.stream_text, append.partition, Some(at))
                }
                WakeChange::Clear => wakes.change(append.stream, &append.stream_text, append.partition, None),
            }
            for (stream, text, _) in &append.creations {
                wakes.change(*stream, text, append.partition, Some(append.at));
            }
        }
        for snapshot in &snapshots {
            let partition = snapshot.stream.partition();
            if let Some(epoch) = epoch_of(partition) {
                leases.insert(partition, epoch);
            }
        }
        Offer { group, snapshots, leases, wakes: wakes.rows, stamps, tails }
    }

    /// The rest, when these partitions have another owner.
    pub(super) fn without(
        mut self,
        partitions: &[Partition],
        epoch_of: impl Fn(Partition) -> Option<Epoch>,
        chains: &Chains,
    ) -> Self {
        self.group.placed.retain(|placed| !partitions.contains(&placed.append.partition));
        self.group.closed.retain(|(stream, _)| !partitions.contains(&stream.partition()));
        self.snapshots.retain(|snapshot| !partitions.contains(&snapshot.stream.partition()));
        Offer::build(self.group, self.snapshots, epoch_of, chains)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.group.placed.is_empty() && self.snapshots.is_empty()
    }

    pub(super) fn events(&self) -> impl ExactSizeIterator<Item = FullRow<'_>> + Clone {
        self.stamps.iter().map(|stamp| {
            let append = &self.group.placed[stamp.append].append;
            FullRow {
                append,
                event: &append.events[stamp.event],
                position: stamp.position,
                chain: &stamp.chain,
            }
        })
    }

    pub(super) fn appends(&self) -> impl Iterator<Item = &EncodedAppend> + Clone {
        self.group.placed.iter().map(|placed| &*placed.append)
    }

    /// Streams whose seq is only their host's word so far, with that seq.
    pub(super) fn unconfirmed(&self) -> impl Iterator<Item = (&Arc<str>, u64)> + Clone {
        self.group.placed.iter().filter_map(|placed| {
            let append = &placed.append;
            (placed.is_first && append.expected_seq > 0).then_some((&append.stream_text, append.expected_seq))
        })
    }

    /// The chain of every partition it wrote events to, once it is durable.
    pub(super) fn tails(&self) -> impl Iterator<Item = (Partition, Hash)> {
        self.tails.iter().map(|(partition, chain)| (*partition, *chain))
    }

    /// A row by which this very group can be recognised in the journal; `None` when it has none and doing it
    /// twice does no harm.
    pub(super) fn mark(&self) -> Option<Mark<'_>> {
        self.appends().find_map(|append| {
            let row = if let Some(event) = append.events.first() {
                MarkRow::Event { stream: &event.stream, seq: event.seq }
            } else if let Some(reply) = append.replies.first() {
                MarkRow::Reply { command_id: &reply.command_id }
            } else {
                let row = append.outbox.first()?;
                MarkRow::Outbox { stream: &row.stream, seq: row.id.seq, n: row.id.n }
            };
            Some(Mark { row, append_id: &append.append_id })
        })
    }
}

/// See [`Offer::mark`].
pub(super) struct Mark<'a> {
    pub(super) row: MarkRow<'a>,
    pub(super) append_id: &'a [u8; 16],
}

pub(super) enum MarkRow<'a> {
    Event { stream: &'a str, seq: u64 },
    Reply { command_id: &'a [u8; 16] },
    Outbox { stream: &'a str, seq: u64, n: u16 },
}

#[derive(Default)]
struct Wakes {
    rows: Vec<WakeRow>,
    by_stream: HashMap<StreamId, usize>,
}

impl Wakes {
    fn change(&mut self, stream: StreamId, text: &Arc<str>, partition: Partition, due_at: Option<Timestamp>) {
        let next = self.rows.len();
        let at = *self.by_stream.entry(stream).or_insert(next);
        match self.rows.get_mut(at) {
            Some(row) => row.due_at = due_at,
            None => self.rows.push(WakeRow { stream: Arc::clone(text), partition, due_at }),
        }
    }
}
