//! What actors publish for readers that must not wait for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use souk_core::ids::{ShardNo, SkuId, StreamId};
use souk_core::inventory::Published;
use souk_core::journal::Epoch;

use crate::journal::Lease;

/// What a shard said of a SKU, and under which epoch.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    available: i64,
    is_open: bool,
    epoch: Epoch,
}

/// Free units per SKU as the shards last published them, durable when they did. What was published under an epoch that is
/// over says nothing: another server may have sold since. Of a shard that ended before it had published everything nothing
/// is known either.
#[derive(Debug)]
pub struct StockView {
    lease: Lease,
    skus: RwLock<HashMap<SkuId, Spoken>>,
}

impl StockView {
    pub(super) fn new(lease: Lease) -> Self {
        StockView { lease, skus: RwLock::default() }
    }

    /// Free units of a SKU, zero when it is closed; `None` when no shard has spoken of it since the start, or since this
    /// server took it over.
    pub fn available(&self, sku: SkuId) -> Option<i64> {
        self.spoken(sku).map(|spoken| if spoken.is_open { spoken.available } else { 0 })
    }

    /// Whether a SKU can be held; `None` when no shard has spoken of it since the start, or since this server took it over.
    pub fn is_open(&self, sku: SkuId) -> Option<bool> {
        self.spoken(sku).map(|spoken| spoken.is_open)
    }

    fn spoken(&self, sku: SkuId) -> Option<Spoken> {
        let spoken = *self.skus.read().unwrap_or_else(PoisonError::into_inner).get(&sku)?;
        (self.lease.epoch(StreamId::Stock(sku.shard()).partition()) == Some(spoken.epoch)).then_some(spoken)
    }

    /// The shard has more to say than it has said.
    pub(super) fn forget(&self, shard: ShardNo) {
        let mut skus = self.skus.write().unwrap_or_else(PoisonError::into_inner);
        skus.retain(|sku, _| sku.shard() != shard);
    }

    pub(super) fn publish(&self, epoch: Epoch, published: &Published) {
        let mut skus = self.skus.write().unwrap_or_else(PoisonError::into_inner);
        for &(sku, available, is_open) in &published.stock {
            skus.insert(sku, Spoken { available, is_open, epoch });
        }
    }
}

/// Places in which changes are counted; a power of two. More would make fewer things share one.
const PLACES: usize = 4_096;

/// How often things have changed since the start, for readers that keep what they made of them. A few thousand counts for
/// all: two things that share one make a reader look again for nothing, and never keep what is old.
#[derive(Debug)]
pub struct Changes {
    counts: Box<[AtomicU64]>,
}

/// How often something had changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    place: u16,
    count: u64,
}

impl Default for Changes {
    fn default() -> Self {
        Changes { counts: (0..PLACES).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Changes {
    /// It has changed, and readers see that by now.
    pub(super) fn count(&self, thing: u128) {
        self.counts[place(thing)].fetch_add(1, Ordering::Release);
    }

    /// Any of them may have changed.
    pub(super) fn count_all(&self) {
        for count in &self.counts {
            count.fetch_add(1, Ordering::Release);
        }
    }

    /// To be taken before the thing, named by the bits of its id, is looked at.
    pub fn seen(&self, thing: u128) -> Seen {
        let place = place(thing);
        Seen { place: place as u16, count: self.counts[place].load(Ordering::Acquire) }
    }

    /// Whether it has not changed since.
    pub fn is_still(&self, seen: Seen) -> bool {
        self.counts[usize::from(seen.place)].load(Ordering::Acquire) == seen.count
    }
}

/// Ids differ in their last bits most, and small ones only there.
fn place(thing: u128) -> usize {
    let mixed = ((thing >> 64) as u64 ^ thing as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - PLACES.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_by_who_looked_before_it() {
        let changes = Changes::default();
        let (before, other) = (changes.seen(7), changes.seen(8));
        assert_ne!(before.place, other.place);
        assert!(changes.is_still(before));
        changes.count(7);
        assert!(!changes.is_still(before) && changes.is_still(other));
        assert!(changes.is_still(changes.seen(7)));
        changes.count_all();
        assert!(!changes.is_still(other));
    }

    #[test]
    fn things_are_spread_over_all_places() {
        let places: std::collections::HashSet<_> = (0..100_000u128).map(|n| place(n << 16)).collect();
        assert!(places.len() > PLACES * 9 / 10, "{}", places.len());
        assert!(places.iter().all(|place| *place < PLACES));
    }
}
