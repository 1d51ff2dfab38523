//! Transactions, step by step.

use std::collections::BTreeMap;

use souk_core::ids::{Partition, StreamId};
use souk_core::journal::{Append, AppendId, Epoch};
use souk_core::machine::CommandId;
use souk_core::planted::{self, Bug};
use souk_core::sequencer::Placed;

use super::{Database, Process, Rows, TransactionId, Written};
use crate::kind::AnySnapshot;
use crate::schedule::Micros;

#[derive(Debug)]
pub(super) struct Transaction {
    owner: Process,
    touched: Micros,
    rows: Option<Rows>,
}

/// What came of comparing epochs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Checked {
    /// All partitions are still owned at these epochs.
    Good,
    /// A take-over holds a lease row; ask again.
    Blocked,
    /// Some are not.
    Fenced(Vec<Partition>),
    /// The database has ended the transaction.
    Gone,
}

/// What came of inserting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inserted {
    /// All rows are staged.
    Staged,
    /// A row conflicts with one of the very same append: the group had landed before.
    LandedBefore,
    /// A row conflicts with another's.
    Conflict,
    /// A host that had missed nothing of its stream has decided what had been answered before.
    DecidedAgain(StreamId, CommandId),
    /// The database has ended the transaction.
    Gone,
}

impl Database {
    /// A connection opens a transaction.
    pub fn begin(&mut self, owner: Process, now: Micros) -> TransactionId {
        self.last_transaction += 1;
        let id = TransactionId(self.last_transaction);
        self.transactions.insert(id, Transaction { owner, touched: now, rows: None });
        id
    }

    /// Whether it is still open.
    pub fn is_open(&self, id: TransactionId) -> bool {
        self.transactions.contains_key(&id)
    }

    /// When its client last did something.
    pub fn touched(&self, id: TransactionId) -> Option<Micros> {
        self.transactions.get(&id).map(|transaction| transaction.touched)
    }

    /// The open transactions of a process.
    pub fn transactions_of(&self, owner: Process) -> Vec<TransactionId> {
        self.transactions.iter().filter(|(_, t)| t.owner == owner).map(|(id, _)| *id).collect()
    }

    /// Locks the lease rows against take-over and compares epochs.
    pub fn check(&mut self, id: TransactionId, epochs: &BTreeMap<Partition, Epoch>, now: Micros) -> Checked {
        let Some(transaction) = self.transactions.get_mut(&id) else { return Checked::Gone };
        transaction.touched = now;
        if epochs.keys().any(|partition| self.lease(*partition).is_some_and(|l| l.exclusive.is_some())) {
            return Checked::Blocked;
        }
        let fenced: Vec<Partition> = epochs
            .iter()
            .filter(|(partition, epoch)| self.lease(**partition).is_none_or(|lease| lease.epoch != epoch.0))
            .map(|(partition, _)| *partition)
            .collect();
        if !fenced.is_empty() && !planted::is(Bug::NoEpochCheck) {
            return Checked::Fenced(fenced);
        }
        if !planted::is(Bug::EpochWithoutLock) {
            for partition in epochs.keys() {
                if let Some(lease) = self.lease_mut(*partition) {
                    lease.shared.push(id);
                }
            }
        }
        Checked::Good
    }

    /// Stages the rows, unless one conflicts.
    pub fn insert(&mut self, id: TransactionId, rows: Rows, now: Micros) -> Inserted {
        if !self.is_open(id) {
            return Inserted::Gone;
        }
        if rows.placed.iter().any(|placed| self.appends.contains(&placed.append.id)) {
            return Inserted::LandedBefore;
        }
        if self.conflicts(&rows) {
            if planted::is(Bug::AnyConflictIsOurs) {
                return Inserted::LandedBefore;
            }
            return match self.decided_again(&rows) {
                Some((stream, command)) => Inserted::DecidedAgain(stream, command),
                None => Inserted::Conflict,
            };
        }
        if let Some(transaction) = self.transactions.get_mut(&id) {
            transaction.touched = now;
            transaction.rows = Some(rows);
        }
        Inserted::Staged
    }

    /// From now on a constraint of the tables refuses this append, whoever offers it.
    pub fn curse(&mut self, append: AppendId) {
        self.cursed.insert(append);
    }

    /// Unique keys: `(stream, seq)`, `(partition, position)`, command id. A gap is none of the database's business.
    fn conflicts(&self, rows: &Rows) -> bool {
        let mut seqs = BTreeMap::new();
        let mut commands: Vec<CommandId> = Vec::new();
        rows.placed.iter().any(|placed: &Placed<Append>| {
            let append = &placed.append;
            let seq = seqs.get(&append.stream).copied().unwrap_or_else(|| self.seq(append.stream));
            let taken = !append.events.is_empty() && append.expected_seq < seq;
            // The host's first word about where its stream stands is looked up.
            let misplaced = placed.is_first && append.expected_seq != seq;
            seqs.insert(append.stream, append.last_seq());

            let inserts = !append.events.is_empty() || !append.creates.is_empty();
            let position = inserts && placed.first_position <= self.position(append.partition);
            let exists = append.creates.iter().any(|creation| self.seq(creation.stream) > 0);
            let told = append.replies.iter().any(|(key, _)| {
                let twice = self.replies.contains_key(&key.id) || commands.contains(&key.id);
                commands.push(key.id);
                twice
            });
            taken || misplaced || position || exists || told || self.cursed.contains(&append.id)
        })
    }

    fn decided_again(&self, rows: &Rows) -> Option<(StreamId, CommandId)> {
        rows.placed.iter().map(|placed| &placed.append).find_map(|append| {
            let has_missed = append.expected_seq < self.seq(append.stream);
            let told = append.replies.iter().find(|(key, _)| self.replies.contains_key(&key.id));
            told.filter(|_| !has_missed).map(|(key, _)| (append.stream, key.id))
        })
    }

    /// COMMIT has arrived: everything staged is durable.
    pub fn commit(&mut self, id: TransactionId) -> Option<(Vec<Written>, Vec<AnySnapshot>)> {
        let rows = self.transactions.get_mut(&id)?.rows.take()?;
        let written = self.write(rows);
        self.end(id);
        Some(written)
    }

    /// Nothing of it happened; its locks are free.
    pub fn end(&mut self, id: TransactionId) {
        if self.transactions.remove(&id).is_some() {
            for lease in self.leases.iter_mut().filter(|lease| !lease.shared.is_empty()) {
                lease.shared.retain(|other| *other != id);
            }
        }
    }
}
