//! How a host hears what has become of its appends.

use std::fmt;
use std::sync::Arc;

use souk_core::host::Input;
use souk_core::journal::Refusal;
use souk_core::machine::Machine;
use tokio::sync::watch;

/// What has become of a host's appends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// Every append up to this ordinal is durable.
    Durable {
        /// The ordinal.
        ordinal: u64,
        /// The partition's position after the last of them.
        position: u64,
    },
    /// An append did not happen, nor will anything after it. The last thing a host is told.
    Refused(Refusal),
}

impl<M: Machine, P> From<Settled> for Input<M, P> {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Durable { ordinal, position } => Input::Durable { ordinal, position },
            Settled::Refused(refusal) => Input::Refused(refusal),
        }
    }
}

/// All that can be said of a host's appends: what is durable only grows, and a refusal is the end. So the latest is
/// enough, and a host that waits for nothing costs no queue.
#[derive(Clone, Copy, Default, Debug)]
struct SoFar {
    /// Ordinal and position.
    durable: Option<(u64, u64)>,
    refused: Option<Refusal>,
}

/// Where the writer tells a host. Not its mailbox: a host that is ending still hears of its last append.
pub struct OutcomeSink {
    so_far: watch::Sender<SoFar>,
    /// Called after something was told, once per host and group; must return at once.
    poke: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for OutcomeSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutcomeSink").finish_non_exhaustive()
    }
}

impl OutcomeSink {
    /// A sink that calls `poke` after each telling, and the end it drops into.
    pub fn new(poke: Arc<dyn Fn() + Send + Sync>) -> (Self, Outcomes) {
        let (so_far, receiver) = watch::channel(SoFar::default());
        (OutcomeSink { so_far, poke }, Outcomes { so_far: receiver, heard: None, was_refused: false })
    }

    /// A sink without a poke, and the end it drops into.
    pub fn channel() -> (Self, Outcomes) {
        Self::new(Arc::new(|| ()))
    }

    pub(super) fn send(&self, settled: Settled) {
        self.so_far.send_modify(|so_far| match settled {
            Settled::Durable { ordinal, position } => so_far.durable = Some((ordinal, position)),
            Settled::Refused(refusal) => so_far.refused = Some(refusal),
        });
        (self.poke)();
    }
}

/// What a host hears, the latest of it: what became durable first, then the refusal, if there is one.
#[derive(Debug)]
pub struct Outcomes {
    so_far: watch::Receiver<SoFar>,
    /// The last ordinal that was heard of.
    heard: Option<u64>,
    was_refused: bool,
}

impl Outcomes {
    /// What is there and was not heard yet.
    pub fn try_next(&mut self) -> Option<Settled> {
        let SoFar { durable, refused } = *self.so_far.borrow();
        if let Some((ordinal, position)) = durable.filter(|(ordinal, _)| self.heard != Some(*ordinal)) {
            self.heard = Some(ordinal);
            return Some(Settled::Durable { ordinal, position });
        }
        let refusal = refused.filter(|_| !self.was_refused)?;
        self.was_refused = true;
        Some(Settled::Refused(refusal))
    }

    /// Waits for the next; `None` when the writer has forgotten the host and nothing more will come.
    pub async fn next(&mut self) -> Option<Settled> {
        loop {
            if let Some(settled) = self.try_next() {
                return Some(settled);
            }
            // A change between the look and this is not lost: `changed` compares with what it saw last itself.
            if self.so_far.changed().await.is_err() {
                return self.try_next();
            }
        }
    }
}
