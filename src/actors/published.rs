//! What machines last published of themselves, for requests that must not wait for them.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use souk_core::ids::StreamId;
use souk_core::journal::Epoch;

use crate::journal::Lease;

/// How many machines' words are kept. Of others nothing is known here, and they must be asked.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(100_000).expect("not zero");

/// What each machine of a kind last published, durable when it did. It holds as long as this server owns the stream under
/// the same epoch: a machine that has fallen asleep changes nothing, and one that wakes publishes first.
#[derive(Debug)]
pub struct Published<V> {
    lease: Lease,
    words: Mutex<LruCache<StreamId, (Epoch, V)>>,
}

impl<V: Clone> Published<V> {
    pub(super) fn new(lease: Lease) -> Self {
        Published { lease, words: Mutex::new(LruCache::new(KEPT_MAX)) }
    }

    /// What the machine of this stream said last; `None` when nothing is known, and it must be asked.
    pub fn get(&self, stream: StreamId) -> Option<V> {
        let said = self.words.lock().unwrap_or_else(PoisonError::into_inner).get(&stream).cloned();
        said.filter(|(epoch, _)| self.lease.epoch(stream.partition()) == Some(*epoch)).map(|(_, word)| word)
    }

    pub(super) fn publish(&self, stream: StreamId, epoch: Epoch, word: V) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).put(stream, (epoch, word));
    }

    /// The machine has more to say than it has said.
    pub(super) fn forget(&self, stream: StreamId) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).pop(&stream);
    }
}
