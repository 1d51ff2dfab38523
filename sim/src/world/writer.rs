//! The journal's writer of a node: its queue, the real sequencer, and one group under way.

use std::collections::{BTreeMap, VecDeque};

use souk_core::ids::{Partition, StreamId};
use souk_core::journal::{Append, Epoch, Incarnation, Refusal};
use souk_core::planted::{self, Bug};
use souk_core::sequencer::{Group, Sequencer};

use super::node::{Local, Stage};
use super::{Happening, World};
use crate::database::{Checked, Inserted, Rows, TransactionId};
use crate::kind::AnySnapshot;
use crate::schedule::MS;
use crate::stats::Situation;

/// What waits for the writer.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are appends")]
pub(crate) enum Item {
    Append(Append),
    Snapshot(AnySnapshot),
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub sequencer: Sequencer,
    queue: VecDeque<Item>,
    pub(super) under_way: Option<UnderWay>,
    /// It is about to look into its queue.
    turns: bool,
    /// So many appends are offered one by one, to find the guilty one.
    singly: usize,
}

#[derive(Debug)]
pub(super) struct UnderWay {
    pub group: Group<Append>,
    /// Snapshots, each behind so many of the group's appends.
    snapshots: Vec<(usize, AnySnapshot)>,
    /// Of the last offer; `None` between two.
    transaction: Option<TransactionId>,
    alone: bool,
    offers: u32,
    pub unknown: bool,
}

impl UnderWay {
    fn epochs(&self) -> BTreeMap<Partition, Epoch> {
        self.group.placed.iter().map(|placed| (placed.append.partition, placed.append.epoch)).collect()
    }

    fn rows(&self) -> Rows {
        let snapshots = self.snapshots.iter().map(|(_, snapshot)| snapshot.clone()).collect();
        Rows { placed: self.group.placed.clone(), snapshots }
    }
}

impl Writer {
    /// The barrier: nothing of this stream is on its way.
    pub fn is_settled(&self, stream: StreamId) -> bool {
        let about = |append: &Append| {
            append.stream == stream || append.creates.iter().any(|creation| creation.stream == stream)
        };
        let waits = self.queue.iter().any(|item| matches!(item, Item::Append(append) if about(append)));
        let goes = self.under_way.as_ref().is_some_and(|u| u.group.placed.iter().any(|p| about(&p.append)));
        !waits && !goes
    }
}

impl World {
    pub(super) fn queue(&mut self, node: usize, item: Item) {
        let writer = &mut self.nodes[node].writer;
        writer.queue.push_back(item);
        // Whatever ends the group under way looks into the queue.
        if writer.under_way.is_none() && !writer.turns {
            writer.turns = true;
            self.later(self.process(node), 1, Local::Turn);
        }
    }

    /// What waits becomes a group, if none is under way.
    pub(super) fn turn(&mut self, node: usize) {
        let largest = self.plan.group_max;
        let writer = &mut self.nodes[node].writer;
        writer.turns = false;
        if writer.under_way.is_some() || writer.queue.is_empty() {
            return;
        }
        let alone = writer.singly > 0;
        let largest = if alone { 1 } else { largest };
        writer.singly = writer.singly.saturating_sub(1);
        let mut group = Group::default();
        let mut snapshots = Vec::new();
        while let Some(item) = writer.queue.pop_front() {
            match item {
                Item::Append(append) if group.placed.len() == largest => {
                    writer.queue.push_front(Item::Append(append));
                    break;
                }
                Item::Append(append) => {
                    writer.sequencer.place_next(&mut group, append);
                }
                Item::Snapshot(snapshot) => {
                    if writer.sequencer.is_open(snapshot.stream, snapshot.incarnation) {
                        snapshots.push((group.placed.len(), snapshot));
                    }
                }
            }
        }
        for (id, stream, refusal) in std::mem::take(&mut group.refused) {
            self.refuse(node, stream, id.incarnation, refusal);
        }
        if group.placed.is_empty() && snapshots.is_empty() {
            return self.done(node);
        }
        let under_way = UnderWay { group, snapshots, transaction: None, alone, offers: 0, unknown: false };
        self.nodes[node].writer.under_way = Some(under_way);
        self.begin_transaction(node);
    }

    pub(super) fn refuse(
        &mut self,
        node: usize,
        stream: StreamId,
        incarnation: Incarnation,
        refusal: Refusal,
    ) {
        match refusal {
            Refusal::Closed => self.saw(Situation::ClosedIncarnation),
            Refusal::Fenced => self.saw(Situation::ZombieRefused),
            Refusal::WrongSeq => {}
        }
        self.later(self.process(node), 1, Local::Refused(stream, incarnation, refusal));
    }

    /// The group under way is no longer; what waited for it may go on.
    pub(super) fn done(&mut self, node: usize) {
        self.nodes[node].writer.under_way = None;
        let process = self.process(node);
        if !self.nodes[node].writer.queue.is_empty() && !self.nodes[node].writer.turns {
            self.nodes[node].writer.turns = true;
            self.later(process, 1, Local::Turn);
        }
        let waiting = self.nodes[node].slots.iter().filter(|(_, slot)| matches!(slot.stage, Stage::Barrier));
        for stream in waiting.map(|(stream, _)| *stream).collect::<Vec<_>>() {
            self.later(process, 1, Local::Rebuild(stream));
        }
    }

    pub(super) fn begin_transaction(&mut self, node: usize) {
        let process = self.process(node);
        if self.nodes[node].writer.under_way.is_none() {
            return;
        }
        if !self.reaches_database(node) {
            return self.later(process, 10 * MS, Local::Begin);
        }
        let Some(under_way) = &mut self.nodes[node].writer.under_way else { return };
        let id = self.database.begin(process, self.now);
        under_way.transaction = Some(id);
        under_way.offers += 1;
        let idle_at = self.now + self.plan.idle_in_transaction;
        self.schedule.push(idle_at, Happening::IdleTransaction(id));
        let step = self.within(self.plan.write_max);
        self.later(process, step, Local::Check(id));
    }

    /// The group under way, if it is this transaction that carries it.
    pub(super) fn carried(&self, node: usize, id: TransactionId) -> Option<&UnderWay> {
        self.nodes[node].writer.under_way.as_ref().filter(|under_way| under_way.transaction == Some(id))
    }

    pub(super) fn check(&mut self, node: usize, id: TransactionId) {
        let Some(under_way) = self.carried(node, id) else { return };
        if !self.reaches_database(node) {
            return self.connection_lost(node, id);
        }
        let epochs = under_way.epochs();
        let process = self.process(node);
        match self.database.check(id, &epochs, self.now) {
            Checked::Good => {
                if self.strikes("pause in a commit", self.plan.pause_in_commit) {
                    self.pause(node, 4);
                }
                let step = self.within(self.plan.write_max);
                self.later(process, step, Local::Insert(id));
            }
            Checked::Blocked => self.later(process, MS, Local::Check(id)),
            Checked::Fenced(partitions) => {
                self.database.end(id);
                self.fenced(node, &partitions);
            }
            Checked::Gone => self.rolled_back(node),
        }
    }

    pub(super) fn insert(&mut self, node: usize, id: TransactionId) {
        let Some(under_way) = self.carried(node, id) else { return };
        let (rows, unknown, first) = (under_way.rows(), under_way.unknown, under_way.offers == 1);
        if !self.reaches_database(node) {
            return self.connection_lost(node, id);
        }
        if self.strikes("roll back", self.plan.roll_back) {
            self.database.end(id);
            return self.rolled_back(node);
        }
        if first && !rows.placed.is_empty() && self.strikes("refusal", self.plan.refuse) {
            let guilty = self.rng.below(rows.placed.len() as u64) as usize;
            self.database.curse(rows.placed[guilty].append.id);
        }
        match self.database.insert(id, rows, self.now) {
            Inserted::Staged => {
                if unknown {
                    self.saw(Situation::UnknownHadNotLanded);
                }
                let step = self.within(self.plan.write_max);
                self.later(self.process(node), step, Local::Commit(id));
                if planted::is(Bug::AckAtInsert) {
                    self.tell_hosts_too_early(node);
                }
            }
            Inserted::LandedBefore => {
                self.saw(Situation::UnknownHadLanded);
                self.database.end(id);
                self.committed(node, id);
            }
            Inserted::DecidedAgain(stream, command) => {
                let what =
                    || format!("answers: {stream} decides {command:?} again, which was answered before");
                self.oracle.complain(what);
            }
            Inserted::Conflict => {
                self.database.end(id);
                self.conflict(node);
            }
            Inserted::Gone => self.rolled_back(node),
        }
    }

    /// Some partitions have another owner. If the group is not in the journal already, it goes on without theirs.
    fn fenced(&mut self, node: usize, partitions: &[Partition]) {
        self.trace(|| format!("node {node} is fenced off from {partitions:?}"));
        self.saw(Situation::ZombieRefused);
        let Some(under_way) = self.nodes[node].writer.under_way.take() else { return };
        let UnderWay { group, snapshots, alone, offers, unknown, .. } = under_way;
        if unknown && group.placed.iter().all(|placed| self.database.has(placed.append.id)) {
            self.saw(Situation::UnknownHadLandedFenced);
            return self.is_durable(node, &group);
        }
        for placed in &group.placed {
            let append = &placed.append;
            let lot = self.database.lot(append.partition);
            let own = |term: &super::node::Term| term.epoch == append.epoch.0;
            if partitions.contains(&append.partition) && self.nodes[node].terms.get(&lot).is_some_and(own) {
                self.step_down(node, lot);
            }
        }
        let sequencer = &mut self.nodes[node].writer.sequencer;
        let lost = |partition: Partition| partitions.contains(&partition);
        // Places stay as they are: they are given back and given out again in the same order.
        let appends = sequencer.abandon(group);
        let mut snapshots = VecDeque::from(snapshots);
        let (mut left, mut left_snapshots) = (Group::default(), Vec::new());
        for (n, append) in appends.into_iter().enumerate() {
            while let Some((_, snapshot)) = snapshots.pop_front_if(|(behind, _)| *behind <= n) {
                left_snapshots.push((left.placed.len(), snapshot));
            }
            if !lost(append.partition) {
                sequencer.place_next(&mut left, append);
            }
        }
        left_snapshots.extend(snapshots.into_iter().map(|(_, snapshot)| (left.placed.len(), snapshot)));
        left_snapshots.retain(|(_, snapshot)| !lost(snapshot.stream.partition()));
        for (id, stream, refusal) in std::mem::take(&mut left.refused) {
            self.refuse(node, stream, id.incarnation, refusal);
        }
        if left.placed.is_empty() && left_snapshots.is_empty() {
            return self.done(node);
        }
        if !left.placed.is_empty() {
            self.saw(Situation::FencedInPart);
        }
        let under_way =
            UnderWay { group: left, snapshots: left_snapshots, transaction: None, alone, offers, unknown };
        self.nodes[node].writer.under_way = Some(under_way);
        self.begin_transaction(node);
    }

    /// Before COMMIT, so nothing happened: the same group again, after a while.
    pub(super) fn rolled_back(&mut self, node: usize) {
        self.saw(Situation::RolledBack);
        let process = self.process(node);
        let Some(under_way) = &mut self.nodes[node].writer.under_way else { return };
        under_way.transaction = None;
        let back_off = MS << under_way.offers.min(6);
        self.later(process, back_off, Local::Begin);
    }

    /// One append of the group is not wanted. Alone, it is the guilty one; else each is offered alone.
    fn conflict(&mut self, node: usize) {
        let writer = &mut self.nodes[node].writer;
        let Some(UnderWay { group, snapshots, alone, .. }) = writer.under_way.take() else { return };
        let appends = writer.sequencer.abandon(group);
        if appends.len() == 1 {
            let guilty = &appends[0];
            let (id, stream) = (guilty.id, guilty.stream);
            writer.sequencer.refuse(stream, id);
            self.trace(|| format!("{id:?} of {stream} is guilty"));
            if alone {
                self.saw(Situation::GuiltyAlone);
            }
            self.refuse(node, stream, id.incarnation, Refusal::WrongSeq);
            return self.done(node);
        }
        writer.singly = appends.len();
        let mut snapshots = snapshots.into_iter().rev().peekable();
        for (n, append) in appends.into_iter().enumerate().rev() {
            while let Some((_, snapshot)) = snapshots.next_if(|(behind, _)| *behind > n) {
                writer.queue.push_front(Item::Snapshot(snapshot));
            }
            writer.queue.push_front(Item::Append(append));
        }
        for (_, snapshot) in snapshots {
            writer.queue.push_front(Item::Snapshot(snapshot));
        }
        self.done(node);
    }
}
