//! The journal's one writer: takes decisions of many hosts, commits them together, tells each host.

mod health;
mod outcomes;
mod task;

use souk_core::host::Snapshot;
use souk_core::ids::{Partition, StreamId};
use souk_core::journal::{Append, EffectId, Epoch, Incarnation};
use souk_core::machine::Machine;
use souk_core::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

pub use health::WriterHealth;
pub use outcomes::{OutcomeSink, Outcomes, Settled};
pub(super) use task::Task;

use super::backend::{Tail, Upkeep};
use super::encode::EncodedAppend;
use super::error::JournalError;
use super::now;
use super::wire::{EncodedSnapshot, WireError};

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

/// What a host has written, made into rows.
#[derive(Debug)]
pub enum ToWrite {
    /// A decision.
    Append(Box<EncodedAppend>),
    /// A state, behind the appends it contains: written with them or not at all.
    Snapshot(Box<EncodedSnapshot>),
}

impl ToWrite {
    /// The rows of an append.
    ///
    /// # Errors
    /// Only when a wire type is wrong.
    pub fn append(append: &Append) -> Result<Self, WireError> {
        Ok(ToWrite::Append(Box::new(EncodedAppend::encode(append)?)))
    }

    /// The row of a snapshot.
    ///
    /// # Errors
    /// When the state has no JSON form.
    pub fn snapshot<M: Machine>(snapshot: &Snapshot<M>) -> Result<Self, WireError> {
        Ok(ToWrite::Snapshot(Box::new(EncodedSnapshot::of(snapshot)?)))
    }
}

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
    pub(super) fn spawn(task: Task, queue: usize, group_max: usize) -> Self {
        let (sender, receiver) = mpsc::channel(queue);
        let (health, grown) = task.tells();
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

    /// Hands something over; what becomes of an append comes through the sink given at the start. One host's must be
    /// sent in order. Waits while the queue is full.
    ///
    /// # Errors
    /// When the writer has ended.
    pub async fn write(&self, written: ToWrite) -> Result<(), WriterGone> {
        // Its place first: this future lies in every host's actor, and the message would lie in it too.
        let place = self.queue.reserve().await.map_err(|_| WriterGone)?;
        place.send(match written {
            ToWrite::Append(append) => Message::Append(append),
            ToWrite::Snapshot(snapshot) => Message::Snapshot(snapshot),
        });
        Ok(())
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
