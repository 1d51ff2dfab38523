//! How each actor does, for people who look: how much waits for it, and how far its stream is.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use souk_core::ids::StreamId;

/// Counted by whoever sends and by the actor itself.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Signed: a message may be taken up before its sender has counted on.
    queued: AtomicI64,
    last_seq: AtomicU64,
}

impl Pulse {
    /// A message is about to be sent.
    pub(super) fn sent(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    /// A message was taken up, or could not be sent.
    pub(super) fn taken(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    /// The stream is on disk up to here.
    pub(super) fn is_at(&self, seq: u64) {
        self.last_seq.store(seq, Ordering::Relaxed);
    }

    pub(super) fn of(&self, stream: StreamId) -> ActorPulse {
        ActorPulse {
            stream,
            queued: self.queued.load(Ordering::Relaxed).max(0).unsigned_abs(),
            last_seq: self.last_seq.load(Ordering::Relaxed),
        }
    }
}

/// How one actor does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActorPulse {
    /// Whose.
    pub stream: StreamId,
    /// Messages that wait.
    pub queued: u64,
    /// The last event of its stream that is on disk.
    pub last_seq: u64,
}

/// How the actors of one kind do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KindOverview {
    /// Which: `checkout`, `stock`, …
    pub kind: &'static str,
    /// How many are awake.
    pub awake: usize,
    /// Messages that wait, over all of them.
    pub queued: u64,
    /// How often one was loaded anew after a failure, since the start.
    pub restarts: u64,
    /// How many streams are kept apart.
    pub quarantined: usize,
    /// Those with the longest queues, the longest first.
    pub busiest: Vec<ActorPulse>,
}
