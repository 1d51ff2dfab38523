//! What this process owns, and until when.
//!
//! The journal's rows fence every write by themselves. This is for what is not written: an owner that has lost
//! its lease must stop answering reads from memory and calling the outside world, and it must notice by its own
//! clock, since the one who took over cannot tell it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use souk_core::ids::{PARTITIONS, Partition};
use souk_core::journal::Epoch;
use tokio::sync::watch;

/// No deadline: nobody can take the lease while this process lives.
const FOREVER: u64 = u64::MAX;

/// A view of this process's leases; cheap to clone, cheap to ask.
#[derive(Clone, Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    owner: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Shared {
    /// Deadlines count from here, on the monotonic clock.
    started: Instant,
    held_until_ms: AtomicU64,
    /// The term per partition; 0 when not owned.
    epochs: Vec<AtomicU64>,
    /// How often a partition was taken or lost.
    changes: AtomicU64,
    owner: watch::Sender<bool>,
}

impl Lease {
    pub(super) fn new() -> Self {
        let (owner, seen) = watch::channel(false);
        let shared = Shared {
            started: Instant::now(),
            held_until_ms: AtomicU64::new(0),
            epochs: (0..PARTITIONS).map(|_| AtomicU64::new(0)).collect(),
            changes: AtomicU64::new(0),
            owner,
        };
        Lease { shared: Arc::new(shared), owner: seen }
    }

    /// The term under which this process owns the partition now; `None` when it does not, or can no longer be
    /// sure.
    pub fn epoch(&self, partition: Partition) -> Option<Epoch> {
        if self.is_over() {
            return None;
        }
        let epoch = self.shared.epochs.get(usize::from(partition.0))?.load(Ordering::Acquire);
        (epoch > 0).then_some(Epoch(epoch))
    }

    fn is_over(&self) -> bool {
        let until = self.shared.held_until_ms.load(Ordering::Acquire);
        until != FOREVER && self.shared.started.elapsed().as_millis() as u64 >= until
    }

    /// A number that stays the same as long as this process owns what it owns without a break; `None` when its time is
    /// over. What was read from memory under one number says nothing under another: somebody else may have written in
    /// between, or an actor of this process have ended without a word.
    pub fn term(&self) -> Option<u64> {
        let term = self.shared.changes.load(Ordering::Acquire);
        (!self.is_over()).then_some(term)
    }

    /// Whether this process owns the partition, by a clock that runs out a margin before the lease does.
    pub fn is_held(&self, partition: Partition) -> bool {
        self.epoch(partition).is_some()
    }

    /// Whether this process owns any partition; false for a standby.
    pub fn is_owner(&self) -> bool {
        (0..PARTITIONS).any(|partition| self.is_held(Partition(partition)))
    }

    /// The partitions this process owns now.
    pub fn held(&self) -> Vec<Partition> {
        (0..PARTITIONS).map(Partition).filter(|partition| self.is_held(*partition)).collect()
    }

    /// Waits until this process has taken the leases over.
    pub async fn wait_until_owner(&self) {
        // The sender lives as long as `shared`, which this holds.
        let _ = self.owner.clone().wait_for(|owner| *owner).await;
    }

    /// Whether it was taken and not lost, even if its time may be over by now.
    pub(super) fn was_taken(&self) -> bool {
        self.shared.epochs.iter().any(|slot| slot.load(Ordering::Acquire) > 0)
    }

    pub(super) fn hold(&self, epochs: impl Iterator<Item = (Partition, Epoch)>) {
        for (partition, epoch) in epochs {
            if let Some(slot) = self.shared.epochs.get(usize::from(partition.0)) {
                slot.store(epoch.0, Ordering::Release);
            }
        }
        self.shared.changes.fetch_add(1, Ordering::AcqRel);
        self.shared.owner.send_replace(true);
    }

    /// `asked` is when the database was asked: it counted from later.
    pub(super) fn extend(&self, asked: Instant, length: Duration) {
        if self.is_over() {
            self.shared.changes.fetch_add(1, Ordering::AcqRel);
        }
        let until = asked.saturating_duration_since(self.shared.started) + length;
        self.shared.held_until_ms.store(until.as_millis() as u64, Ordering::Release);
    }

    pub(super) fn extend_for_ever(&self) {
        self.shared.held_until_ms.store(FOREVER, Ordering::Release);
    }

    pub(super) fn lose(&self, partition: Partition) {
        if let Some(slot) = self.shared.epochs.get(usize::from(partition.0)) {
            slot.store(0, Ordering::Release);
        }
        self.shared.changes.fetch_add(1, Ordering::AcqRel);
        if !self.was_taken() {
            self.shared.owner.send_replace(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_by_itself() {
        let lease = Lease::new();
        lease.hold([(Partition(3), Epoch(7))].into_iter());
        assert!(!lease.is_held(Partition(3)), "no deadline was ever set");
        lease.extend(Instant::now(), Duration::from_secs(60));
        assert_eq!(lease.epoch(Partition(3)), Some(Epoch(7)));
        assert!(!lease.is_held(Partition(4)));
        lease.extend(Instant::now(), Duration::ZERO);
        assert!(!lease.is_held(Partition(3)), "its time is over");
        lease.extend_for_ever();
        lease.lose(Partition(3));
        assert!(!lease.is_owner());
    }

    #[test]
    fn a_term_ends_with_what_is_owned() {
        let lease = Lease::new();
        lease.hold([(Partition(3), Epoch(7))].into_iter());
        assert_eq!(lease.term(), None, "its time never began");
        lease.extend(Instant::now(), Duration::ZERO);
        assert_eq!(lease.term(), None, "it is over at once");
        lease.extend(Instant::now(), Duration::from_secs(60));
        let term = lease.term();
        assert!(term.is_some());
        lease.extend(Instant::now(), Duration::from_secs(60));
        assert_eq!(lease.term(), term, "it went on");
        lease.extend(Instant::now(), Duration::ZERO);
        lease.extend(Instant::now(), Duration::from_secs(60));
        assert!(lease.term().is_some() && lease.term() != term, "it was over in between");
        lease.extend_for_ever();
        let term = lease.term();
        assert_eq!(lease.term(), term, "nothing has changed");
        lease.lose(Partition(3));
        let without = lease.term();
        lease.hold([(Partition(3), Epoch(7))].into_iter());
        assert!(without != term && lease.term() != without && lease.term() != term);
    }
}
