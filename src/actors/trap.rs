//! Traps: a test sets one, and the actor of a stream panics when it comes by, once. To show what a panic does wherever
//! an actor can be. None can be set in a release.

use souk_core::ids::StreamId;

#[cfg(debug_assertions)]
use std::collections::BTreeSet;
#[cfg(debug_assertions)]
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an actor handles.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Handling {
    /// Its own start.
    Start,
    /// A command from outside.
    Command,
    /// Another machine's order.
    Ask,
    /// The answer to its own.
    Answer,
    /// A look at its state.
    Read,
    /// A timer, or the stream's wake.
    Tick,
    /// What the journal has settled.
    Settled,
    /// That an order to the outside world was carried out.
    Worked,
    /// That nobody has written for a while.
    Idle,
    /// Its own end.
    Stop,
}

/// A place that an actor comes by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trap {
    /// Before its host has heard of it.
    Before(Handling),
    /// After the host has decided, and before anything of that is done: what is in its memory, the journal will never
    /// hear of.
    After(Handling),
}

/// Those that are set.
#[derive(Debug, Default)]
pub(super) struct Traps {
    #[cfg(debug_assertions)]
    set: Mutex<BTreeSet<(StreamId, Trap)>>,
}

impl Traps {
    #[cfg(debug_assertions)]
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(StreamId, Trap)>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(debug_assertions)]
    pub(super) fn set(&self, stream: StreamId, trap: Trap) {
        self.lock().insert((stream, trap));
    }

    #[cfg(debug_assertions)]
    pub(super) fn waiting(&self) -> Vec<(StreamId, Trap)> {
        self.lock().iter().copied().collect()
    }

    /// Panics when one is set here.
    #[cfg(debug_assertions)]
    pub(super) fn pass(&self, stream: StreamId, trap: Trap) {
        let sprung = self.lock().remove(&(stream, trap));
        assert!(!sprung, "a trap at {stream}: {trap:?}");
    }

    #[cfg(not(debug_assertions))]
    #[inline]
    pub(super) fn pass(&self, _: StreamId, _: Trap) {}
}
