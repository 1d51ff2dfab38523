//! The writer's admission rules: which appends may go into a group, and at which positions.
//!
//! One sequencer stands in front of the database, in production and in the simulator. It knows the partitions
//! this process owns with their last positions, and of every running host its incarnation and the seq its next
//! append must state. What it lets through can still be refused by the database, which has the last word; what it
//! refuses never gets there.
//!
//! A refusal closes the incarnation from that append on: whatever of it comes later is refused too, so a host
//! that lost one decision never gets a later one through. A group that fails before COMMIT is either offered
//! again as it is, or given back with [`Sequencer::abandon`], which restores positions and seqs but never opens
//! what a refusal closed.

use std::collections::BTreeMap;

use crate::ids::{Partition, StreamId};
use crate::journal::{Append, AppendId, Epoch, Incarnation, Refusal};
use crate::planted::{self, Bug};

/// What the sequencer must know of an append.
pub trait Placeable {
    /// Its name.
    fn id(&self) -> AppendId;
    /// The partition it says it is of.
    fn partition(&self) -> Partition;
    /// The owner's term it was decided under.
    fn epoch(&self) -> Epoch;
    /// Who decided.
    fn stream(&self) -> StreamId;
    /// The seq of the stream's last event before it.
    fn expected_seq(&self) -> u64;
    /// How many events of the stream itself it carries.
    fn events(&self) -> u64;
    /// The streams it brings into being, each with its number of events.
    fn creations(&self) -> impl Iterator<Item = (StreamId, u64)>;
}

impl Placeable for Append {
    fn id(&self) -> AppendId {
        self.id
    }

    fn partition(&self) -> Partition {
        self.partition
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn stream(&self) -> StreamId {
        self.stream
    }

    fn expected_seq(&self) -> u64 {
        self.expected_seq
    }

    fn events(&self) -> u64 {
        self.events.len() as u64
    }

    fn creations(&self) -> impl Iterator<Item = (StreamId, u64)> {
        self.creates.iter().map(|creation| (creation.stream, creation.events.len() as u64))
    }
}

impl<A: Placeable> Placeable for Box<A> {
    fn id(&self) -> AppendId {
        (**self).id()
    }

    fn partition(&self) -> Partition {
        (**self).partition()
    }

    fn epoch(&self) -> Epoch {
        (**self).epoch()
    }

    fn stream(&self) -> StreamId {
        (**self).stream()
    }

    fn expected_seq(&self) -> u64 {
        (**self).expected_seq()
    }

    fn events(&self) -> u64 {
        (**self).events()
    }

    fn creations(&self) -> impl Iterator<Item = (StreamId, u64)> {
        (**self).creations()
    }
}

/// An append with its place: its own events first, then those of each creation, without a gap.
#[derive(Clone, Debug)]
pub struct Placed<A> {
    /// The append.
    pub append: A,
    /// The position of its first event; of no meaning when it has none.
    pub first_position: u64,
    /// The partition's last position once this append is in.
    pub last_position: u64,
    /// The streams it creates, each with the position of its first event.
    pub creations: Vec<(StreamId, u64)>,
    /// The first append of its host: where the stream stands is so far only the host's word, and the database
    /// must confirm it.
    pub is_first: bool,
}

/// Appends that go to the database in one transaction, and those that do not.
#[derive(Debug)]
pub struct Group<A> {
    /// What goes, in order.
    pub placed: Vec<Placed<A>>,
    /// What does not, and why.
    pub refused: Vec<(AppendId, StreamId, Refusal)>,
    /// Running hosts whose stream an append of this group creates: they started too early and must load anew.
    pub closed: Vec<(StreamId, Incarnation)>,
    undo: Vec<Undo>,
}

impl<A> Default for Group<A> {
    fn default() -> Self {
        Group { placed: Vec::new(), refused: Vec::new(), closed: Vec::new(), undo: Vec::new() }
    }
}

#[derive(Debug)]
enum Undo {
    Position { partition: Partition, epoch: Epoch, last: u64 },
    Seq { stream: StreamId, incarnation: Incarnation, seq: Option<u64> },
    Creation { stream: StreamId, head: Option<Head> },
}

#[derive(Clone, Copy, Debug)]
struct Owned {
    epoch: Epoch,
    last_position: u64,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    /// The running host; `None` for a stream that was only created.
    incarnation: Option<Incarnation>,
    /// The first ordinal of this incarnation that is refused.
    closed_from: Option<u64>,
    /// An append under way creates the stream: the running host started too early. Kept apart from refusals,
    /// because only this is taken back with the append.
    created: bool,
    /// The stream's last seq; not known until the first append states it.
    seq: Option<u64>,
}

impl Head {
    fn admits(&self, id: AppendId) -> bool {
        !self.created
            && self.incarnation == Some(id.incarnation)
            && self.closed_from.is_none_or(|from| id.ordinal < from)
    }

    fn is_open(&self, incarnation: Incarnation) -> bool {
        !self.created && self.incarnation == Some(incarnation) && self.closed_from.is_none()
    }
}

/// Decides what may be written. See the module's text.
#[derive(Debug, Default)]
pub struct Sequencer {
    partitions: BTreeMap<Partition, Owned>,
    streams: BTreeMap<StreamId, Head>,
}

impl Sequencer {
    /// Nothing is owned, nobody runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// This process owns the partition from now on; its last event is at `last_position`.
    pub fn own(&mut self, partition: Partition, epoch: Epoch, last_position: u64) {
        self.forget_streams(partition);
        self.partitions.insert(partition, Owned { epoch, last_position });
    }

    /// Somebody else owns the partition. Returns the hosts that must be told.
    pub fn lose(&mut self, partition: Partition) -> Vec<(StreamId, Incarnation)> {
        self.partitions.remove(&partition);
        self.forget_streams(partition)
    }

    fn forget_streams(&mut self, partition: Partition) -> Vec<(StreamId, Incarnation)> {
        let mut told = Vec::new();
        self.streams.retain(|stream, head| {
            let stays = stream.partition() != partition;
            if let Some(incarnation) = head.incarnation
                && !stays
            {
                told.push((*stream, incarnation));
            }
            stays
        });
        told
    }

    /// The term under which this process owns the partition.
    pub fn epoch(&self, partition: Partition) -> Option<Epoch> {
        self.partitions.get(&partition).map(|owned| owned.epoch)
    }

    /// The partition's last position, counting groups that are under way.
    pub fn last_position(&self, partition: Partition) -> Option<u64> {
        self.partitions.get(&partition).map(|owned| owned.last_position)
    }

    /// A host of this stream starts. An older incarnation is closed by it; returns that one.
    ///
    /// Call it only when everything that was placed for the stream is settled: that is the barrier behind which
    /// a host may load.
    pub fn start(&mut self, stream: StreamId, incarnation: Incarnation) -> Option<Incarnation> {
        let head = Head { incarnation: Some(incarnation), closed_from: None, created: false, seq: None };
        self.streams.insert(stream, head).and_then(|old| old.incarnation)
    }

    /// The host of this stream ended; does nothing when a newer one runs.
    pub fn end(&mut self, stream: StreamId, incarnation: Incarnation) {
        if self.streams.get(&stream).is_some_and(|head| head.incarnation == Some(incarnation)) {
            self.streams.remove(&stream);
        }
    }

    /// Whether what this incarnation sends is still taken.
    pub fn is_open(&self, stream: StreamId, incarnation: Incarnation) -> bool {
        self.streams.get(&stream).is_some_and(|head| head.is_open(incarnation))
    }

    /// Places what may go, in order, and refuses the rest.
    pub fn place<A: Placeable>(&mut self, appends: Vec<A>) -> Group<A> {
        let mut group = Group { placed: Vec::with_capacity(appends.len()), ..Group::default() };
        for append in appends {
            self.place_next(&mut group, append);
        }
        group
    }

    /// Places one more append into a group, or refuses it. Returns whether it was placed.
    pub fn place_next<A: Placeable>(&mut self, group: &mut Group<A>, append: A) -> bool {
        let (id, stream) = (append.id(), append.stream());
        match self.check(&append) {
            Ok(()) => {
                let placed = self.give_positions(append, group);
                group.placed.push(placed);
                true
            }
            Err(refusal) => {
                self.refuse(stream, id);
                group.refused.push((id, stream, refusal));
                false
            }
        }
    }

    /// Reads only, so that a refused append leaves nothing behind.
    fn check<A: Placeable>(&self, append: &A) -> Result<(), Refusal> {
        let (id, stream, partition) = (append.id(), append.stream(), append.partition());
        if self.epoch(partition) != Some(append.epoch()) {
            return Err(Refusal::Fenced);
        }
        let head = self.streams.get(&stream);
        if !head.is_some_and(|head| head.admits(id)) && !planted::is(Bug::StaleIncarnation) {
            return Err(Refusal::Closed);
        }
        let known = head.and_then(|head| head.seq);
        if stream.partition() != partition || known.is_some_and(|seq| seq != append.expected_seq()) {
            return Err(Refusal::WrongSeq);
        }
        for (n, (created, events)) in append.creations().enumerate() {
            let exists = self.streams.get(&created).and_then(|head| head.seq).is_some_and(|seq| seq > 0);
            let twice = append.creations().take(n).any(|(earlier, _)| earlier == created);
            if created.partition() != partition || created == stream || exists || twice || events == 0 {
                return Err(Refusal::WrongSeq);
            }
        }
        Ok(())
    }

    fn give_positions<A: Placeable>(&mut self, append: A, group: &mut Group<A>) -> Placed<A> {
        let (id, stream, partition) = (append.id(), append.stream(), append.partition());
        let epoch = append.epoch();
        let owned = self.partitions.entry(partition).or_insert(Owned { epoch, last_position: 0 });
        group.undo.push(Undo::Position { partition, epoch, last: owned.last_position });
        let first_position = owned.last_position + 1;
        owned.last_position += append.events();

        let fresh = Head { incarnation: Some(id.incarnation), closed_from: None, created: false, seq: None };
        let head = self.streams.entry(stream).or_insert(fresh);
        group.undo.push(Undo::Seq { stream, incarnation: id.incarnation, seq: head.seq });
        let is_first = head.seq.is_none();
        head.seq = Some(append.expected_seq() + append.events());

        let mut creations = Vec::new();
        for (created, events) in append.creations() {
            creations.push((created, owned.last_position + 1));
            owned.last_position += events;
            let before = self.streams.get(&created).copied();
            if let Some(incarnation) = before.and_then(|head| head.incarnation) {
                group.closed.push((created, incarnation));
            }
            let (incarnation, closed_from) =
                before.map_or((None, None), |head| (head.incarnation, head.closed_from));
            let head = Head { incarnation, closed_from, created: true, seq: Some(events) };
            self.streams.insert(created, head);
            group.undo.push(Undo::Creation { stream: created, head: before });
        }
        let last_position = owned.last_position;
        Placed { append, first_position, last_position, creations, is_first }
    }

    /// The group is durable.
    pub fn commit<A>(&mut self, group: &Group<A>) {
        for undo in &group.undo {
            // A stream without a host needs no head: whoever starts one learns its seq from the journal.
            if let Undo::Creation { stream, .. } = undo
                && self.streams.get(stream).is_some_and(|head| head.incarnation.is_none())
            {
                self.streams.remove(stream);
            }
        }
    }

    /// Nothing of the group happened: its positions and seqs are given back, and its appends, to be placed anew
    /// or refused one by one.
    pub fn abandon<A>(&mut self, group: Group<A>) -> Vec<A> {
        for undo in group.undo.into_iter().rev() {
            match undo {
                Undo::Position { partition, epoch, last } => {
                    if let Some(owned) = self.partitions.get_mut(&partition)
                        && owned.epoch == epoch
                        && !planted::is(Bug::PositionsKept)
                    {
                        owned.last_position = last;
                    }
                }
                Undo::Seq { stream, incarnation, seq } => {
                    if let Some(head) = self.streams.get_mut(&stream)
                        && head.incarnation == Some(incarnation)
                    {
                        head.seq = seq;
                    }
                }
                Undo::Creation { stream, head } => match head {
                    Some(before) => {
                        if let Some(head) = self.streams.get_mut(&stream)
                            && head.incarnation == before.incarnation
                        {
                            head.created = before.created;
                            head.seq = before.seq;
                        }
                    }
                    None => {
                        self.streams.remove(&stream);
                    }
                },
            }
        }
        group.placed.into_iter().map(|placed| placed.append).collect()
    }

    /// This append was refused, here or by the database: it and everything later of its incarnation.
    pub fn refuse(&mut self, stream: StreamId, id: AppendId) {
        if let Some(head) = self.streams.get_mut(&stream)
            && head.incarnation == Some(id.incarnation)
        {
            head.closed_from = Some(head.closed_from.map_or(id.ordinal, |from| from.min(id.ordinal)));
        }
    }
}

#[cfg(test)]
mod tests;
