//! Who owns the partitions.
//!
//! The first owner and the standby always take all partitions, in order, and hold the rows they have got while
//! they wait for the next: nobody can renew or commit past them.

use souk_core::ids::{PARTITIONS, Partition};

use super::{Database, Process, TransactionId};
use crate::schedule::Micros;

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
    /// All partitions are owned at this epoch.
    Done(u64),
}

fn all() -> impl Iterator<Item = Partition> {
    (0..PARTITIONS).map(Partition)
}

impl Database {
    /// Nobody owns anything yet.
    pub fn new() -> Self {
        let leases = all().map(|partition| (partition, Lease::default())).collect();
        Database { leases, ..Database::default() }
    }

    /// Whether the lease may be taken.
    pub fn has_lapsed(&self, now: Micros) -> bool {
        self.leases.values().all(|lease| lease.lapses <= now)
    }

    /// Extends the lease of its owner.
    pub fn renew(&mut self, owner: Process, now: Micros, length: Micros) -> Renewed {
        if self.leases.values().any(|lease| lease.owner != Some(owner)) {
            return Renewed::Lost;
        }
        if self.leases.values().any(|lease| lease.exclusive.is_some()) {
            return Renewed::Blocked;
        }
        for lease in self.leases.values_mut() {
            lease.lapses = now + length;
        }
        Renewed::Yes
    }

    /// One attempt to get on with a take-over.
    pub fn take_over(&mut self, taker: Process, now: Micros, length: Micros) -> TakeOver {
        for lease in self.leases.values_mut() {
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
        let epoch = 1 + self.leases.values().map(|lease| lease.epoch).max().unwrap_or_default();
        for lease in self.leases.values_mut() {
            lease.epoch = epoch;
            lease.owner = Some(taker);
            lease.lapses = now + length;
            lease.exclusive = None;
        }
        TakeOver::Done(epoch)
    }

    /// A process that may have been taking over is gone, or has given up.
    pub fn stop_taking_over(&mut self, taker: Process) {
        for lease in self.leases.values_mut().filter(|lease| lease.exclusive == Some(taker)) {
            lease.exclusive = None;
        }
    }
}
