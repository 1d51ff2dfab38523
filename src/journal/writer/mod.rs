//! The journal's one writer: takes decisions of many hosts, commits them together, tells each host.

mod health;
mod task;

use std::fmt;
use std::sync::Arc;

use souk_core::host::Input;
use souk_core::ids::{Partition, StreamId};
use souk_core::journal::{EffectId, Epoch, Incarnation, Refusal};
use souk_core::machine::Machine;
use souk_core::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

pub use health::WriterHealth;

use super::backend::{Backend, Tail, Upkeep};
use super::encode::EncodedAppend;
use super::error::JournalError;
use super::lease::Lease;
use super::now;
use super::wire::EncodedSnapshot;

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

/// How a host is told. Not its mailbox: a host that is ending still hears of its last append.
#[derive(Clone)]
pub struct OutcomeSink {
    /// The outcomes, in order.
    pub outcomes: mpsc::UnboundedSender<Settled>,
    /// Called after something was sent, once per host and group; must return at once.
    pub poke: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for OutcomeSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutcomeSink").finish_non_exhaustive()
    }
}

impl OutcomeSink {
    /// A sink into `outcomes` that calls `poke` after each sending.
    pub fn new(outcomes: mpsc::UnboundedSender<Settled>, poke: Arc<dyn Fn() + Send + Sync>) -> Self {
        OutcomeSink { outcomes, poke }
    }

    /// A sink without a poke, and the end it drops into.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Settled>) {
        let (outcomes, received) = mpsc::unbounded_channel();
        (OutcomeSink { outcomes, poke: Arc::new(|| ()) }, received)
    }

    fn send(&self, settled: Settled) {
        // Nobody listens any more: the host is gone and does not care.
        let _ = self.outcomes.send(settled);
        (self.poke)();
    }
}

/// A host may load now, and send under these names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Started {
    /// This start.
    pub incarnation: Incarnation,
    /// The partition's term.
    pub epoch: Epoch,
}

/// Why a host cannot start here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// The partition has another owner.
    #[error("this process does not own the partition of the stream; its owner does")]
    NotOwner,
    /// The writer has ended.
    #[error("the journal's writer has ended; restart the process")]
    WriterGone,
}

/// The writer has ended: nothing is taken any more, and what was sent last has no known outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the journal's writer has ended; restart the process")]
pub struct WriterGone;

#[derive(Debug)]
enum Message {
    Append(Box<EncodedAppend>),
    Snapshot(Box<EncodedSnapshot>),
    Start { stream: StreamId, sink: OutcomeSink, answer: oneshot::Sender<Result<Started, StartError>> },
    End { stream: StreamId, incarnation: Incarnation },
    Own { tails: Vec<Tail>, answer: oneshot::Sender<()> },
    Lose { partitions: Vec<Partition> },
    Upkeep { upkeep: Upkeep, answer: oneshot::Sender<Result<u64, String>> },
    Close { answer: oneshot::Sender<()> },
}

/// How to reach the writer; cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
    health: watch::Receiver<WriterHealth>,
    grown: watch::Receiver<u64>,
}

impl Writer {
    pub(super) fn spawn(backend: Backend, lease: Lease, start: u32, queue: usize, group_max: usize) -> Self {
        let (sender, receiver) = mpsc::channel(queue);
        let (told, health) = watch::channel(WriterHealth::Healthy);
        let (growing, grown) = watch::channel(0);
        let task = task::Task::new(backend, lease, start, told, growing);
        tokio::spawn(task.run(receiver, group_max));
        Writer { queue: sender, health, grown }
    }

    /// Starts a host: the barrier. Answered when everything sent before is settled, so what the journal then
    /// shows of the stream is all there is. Whatever an older start still sends is refused.
    ///
    /// # Errors
    /// When this process does not own the stream's partition, or the writer has ended.
    pub async fn start(&self, stream: StreamId, sink: OutcomeSink) -> Result<Started, StartError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.queue.send(Message::Start { stream, sink, answer }).await;
        sent.map_err(|_| StartError::WriterGone)?;
        answered.await.map_err(|_| StartError::WriterGone)?
    }

    /// Hands an append over; its outcome comes through the sink given at the start. Appends of one host must be
    /// sent in order. Waits while the queue is full.
    ///
    /// # Errors
    /// When the writer has ended.
    pub async fn append(&self, append: EncodedAppend) -> Result<(), WriterGone> {
        self.queue.send(Message::Append(Box::new(append))).await.map_err(|_| WriterGone)
    }

    /// Hands a snapshot over, behind the appends it contains. It is written with them or not at all.
    ///
    /// # Errors
    /// When the writer has ended.
    pub async fn snapshot(&self, snapshot: EncodedSnapshot) -> Result<(), WriterGone> {
        self.queue.send(Message::Snapshot(Box::new(snapshot))).await.map_err(|_| WriterGone)
    }

    /// Says that a host has ended and sends nothing more.
    ///
    /// # Errors
    /// When the writer has ended.
    pub async fn end(&self, stream: StreamId, incarnation: Incarnation) -> Result<(), WriterGone> {
        self.queue.send(Message::End { stream, incarnation }).await.map_err(|_| WriterGone)
    }

    /// How the writer is; new outside work is admitted only while [`WriterHealth::admits`].
    pub fn health(&self) -> watch::Receiver<WriterHealth> {
        self.health.clone()
    }

    /// Counts the groups that became durable: a tailer waits here for more.
    pub fn grown(&self) -> watch::Receiver<u64> {
        self.grown.clone()
    }

    /// Waits until the writer has ended by a fault after which it must not go on; returns the reason. The
    /// process must then exit: only a restart that reads what is really on disk knows the truth.
    pub async fn fatal(&self) -> String {
        let mut health = self.health.clone();
        let reason = match health.wait_for(|health| matches!(health, WriterHealth::Fatal { .. })).await {
            Ok(health) => health.reason(),
            Err(_) => None,
        };
        match reason {
            Some(reason) => reason,
            // It was closed in good order: never fatal.
            None if matches!(*self.health.borrow(), WriterHealth::Closed) => std::future::pending().await,
            None => "the writer's task ended unexpectedly".to_owned(),
        }
    }

    /// Records that an effect was tried and failed; `dead` gives it up until somebody retries it by hand.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn note_failure(
        &self,
        id: EffectId,
        error: &str,
        next_try_at: Timestamp,
        dead: bool,
    ) -> Result<(), JournalError> {
        let error = error.to_owned();
        self.upkeep(Upkeep::NoteFailure { id, error, next_try_at, dead }).await.map(|_| ())
    }

    /// Tries an effect again that was given up. Returns whether there was one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn retry_dead(&self, id: EffectId) -> Result<bool, JournalError> {
        Ok(self.upkeep(Upkeep::Revive { id, now: now() }).await? > 0)
    }

    /// Forgets replies older than `before`. Returns how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn prune_replies(&self, before: Timestamp) -> Result<u64, JournalError> {
        // Small steps, so that appends never wait long.
        const STEP: u32 = 500;
        let mut pruned = 0;
        loop {
            let step = self.upkeep(Upkeep::PruneReplies { before, limit: STEP }).await?;
            pruned += step;
            if step < u64::from(STEP) {
                return Ok(pruned);
            }
        }
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<u64, JournalError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.queue.send(Message::Upkeep { upkeep, answer }).await;
        sent.map_err(|_| JournalError::WriterGone)?;
        let done = answered.await.map_err(|_| JournalError::WriterGone)?;
        done.map_err(|reason| JournalError::Upkeep { reason })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.queue.is_closed()
    }

    pub(super) async fn own(&self, tails: Vec<Tail>) -> Result<(), WriterGone> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Own { tails, answer }).await.map_err(|_| WriterGone)?;
        answered.await.map_err(|_| WriterGone)
    }

    pub(super) async fn lose(&self, partitions: Vec<Partition>) -> Result<(), WriterGone> {
        self.queue.send(Message::Lose { partitions }).await.map_err(|_| WriterGone)
    }

    /// Settles what was sent before, then ends.
    pub(super) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Message::Close { answer }).await.is_ok() {
            let _ = answered.await;
        }
    }
}
