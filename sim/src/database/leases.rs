//! Who owns the partitions.
//!
//! Partitions change hands in lots: all of them at once, as an owner and its standby do it, or a few, or one by one.
//! A take-over locks the rows of its lot in order and holds those it has got while it waits for the next: nobody can
//! renew or commit past them.

use souk_core::ids::{PARTITIONS, Partition};

use super::{Database, Process, TransactionId};
use crate::schedule::Micros;

/// Partitions that change hands together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Lot(pub u16);

/// A row of `leases`.
#[derive(Clone, Debug, Default)]
pub(super) struct Lease {
    pub epoch: u64,
    owner: Option<Process>,
    lapses: Micros,
    /// Locked against take-over by these commits.
    pub shared: Vec<TransactionId>,
    /// Locked by a take-over.
    pub exclusive: Option<Process>,
}

/// What came of a renewal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Renewed {
    /// The lease lasts on.
    Yes,
    /// Somebody is taking over; ask again.
    Blocked,
    /// Somebody has taken over.
    Lost,
}

/// What came of an attempt to take over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TakeOver {
    /// The lease is good.
    NotLapsed,
    /// Another process is taking over.
    Contended,
    /// A commit is under way; the rows before it are locked. Ask again.
    Waits,
    /// All partitions of the lot are owned at this epoch.
    Done(u64),
}

impl Database {
    /// Nobody owns anything yet.
    pub fn new(lots: u16) -> Self {
        let leases = vec![Lease::default(); usize::from(PARTITIONS)];
        Database { leases, lots, ..Database::default() }
    }

    /// Every lot.
    pub fn lots(&self) -> impl Iterator<Item = Lot> + use<> {
        (0..self.lots).map(Lot)
    }

    /// The lot of a partition.
    pub fn lot(&self, partition: Partition) -> Lot {
        Lot(partition.0 % self.lots)
    }

    /// The partitions of a lot, in order.
    pub fn partitions(&self, lot: Lot) -> impl Iterator<Item = Partition> + use<> {
        (lot.0..PARTITIONS).step_by(usize::from(self.lots)).map(Partition)
    }

    pub(super) fn lease(&self, partition: Partition) -> Option<&Lease> {
        self.leases.get(usize::from(partition.0))
    }

    pub(super) fn lease_mut(&mut self, partition: Partition) -> Option<&mut Lease> {
        self.leases.get_mut(usize::from(partition.0))
    }

    fn of(&self, lot: Lot) -> impl Iterator<Item = &Lease> {
        self.leases.iter().skip(usize::from(lot.0)).step_by(usize::from(self.lots))
    }

    fn of_mut(&mut self, lot: Lot) -> impl Iterator<Item = &mut Lease> {
        self.leases.iter_mut().skip(usize::from(lot.0)).step_by(usize::from(self.lots))
    }

    /// Who the lease says owns the partition; it may have lapsed.
    pub fn owner(&self, partition: Partition) -> Option<Process> {
        self.lease(partition).and_then(|lease| lease.owner)
    }

    /// For how long the lot has had no good lease.
    pub fn lapsed_for(&self, lot: Lot, now: Micros) -> Option<Micros> {
        let last = self.of(lot).map(|lease| lease.lapses).max().unwrap_or_default();
        now.checked_sub(last)
    }

    /// For how long the lot's lease is still good.
    pub fn good_for(&self, lot: Lot, now: Micros) -> Micros {
        self.of(lot).map(|lease| lease.lapses).max().unwrap_or_default().saturating_sub(now)
    }

    /// Extends a lease of its owner.
    pub fn renew(&mut self, owner: Process, lot: Lot, epoch: u64, now: Micros, length: Micros) -> Renewed {
        if self.of(lot).any(|lease| lease.owner != Some(owner) || lease.epoch != epoch) {
            return Renewed::Lost;
        }
        if self.of(lot).any(|lease| lease.exclusive.is_some()) {
            return Renewed::Blocked;
        }
        for lease in self.of_mut(lot) {
            lease.lapses = now + length;
        }
        Renewed::Yes
    }

    /// One attempt to get on with a take-over.
    pub fn take_over(&mut self, taker: Process, lot: Lot, now: Micros, length: Micros) -> TakeOver {
        for lease in self.of_mut(lot) {
            match lease.exclusive {
                Some(other) if other != taker => return TakeOver::Contended,
                Some(_) => continue,
                None => {}
            }
            if lease.lapses > now {
                return TakeOver::NotLapsed;
            }
            if !lease.shared.is_empty() {
                return TakeOver::Waits;
            }
            lease.exclusive = Some(taker);
        }
        let epoch = 1 + self.of(lot).map(|lease| lease.epoch).max().unwrap_or_default();
        for lease in self.of_mut(lot) {
            lease.epoch = epoch;
            lease.owner = Some(taker);
            lease.lapses = now + length;
            lease.exclusive = None;
        }
        TakeOver::Done(epoch)
    }

    /// A process that may have been taking this lot over has given up.
    pub fn stop_taking_over(&mut self, taker: Process, lot: Lot) {
        for lease in self.of_mut(lot).filter(|lease| lease.exclusive == Some(taker)) {
            lease.exclusive = None;
        }
    }
}
