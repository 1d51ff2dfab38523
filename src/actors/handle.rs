//! How the rest of the program speaks to a machine: by typed commands and answers, never by actor references.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use souk_core::host::{Answer, Request};
use souk_core::ids::StreamId;
use souk_core::journal::Origin;
use souk_core::machine::CommandKey;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout_at};

use super::message::{HostMessage, Port, Reply};
use super::node::{Hosted, Node};

/// The pause before a command whose actor ended under it is sent again, with the same name.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What a command was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<M: Hosted> {
    /// The answer.
    pub answer: Answer<M>,
    /// The position of the stream's partition at which it is true.
    pub position: u64,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallError {
    /// Too much is under way; nothing was started.
    Overloaded {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The stream cannot be served until a person has looked.
    Quarantined {
        /// Which.
        stream: StreamId,
    },
    /// No answer in time. It may have happened: ask again with the same name.
    OutcomeUnknown,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Overloaded { retry_after_ms } => {
                write!(f, "too much is under way; try again in {retry_after_ms} ms")
            }
            CallError::Quarantined { stream } => {
                write!(f, "{stream} is in quarantine after repeated failures")
            }
            CallError::OutcomeUnknown => f.write_str("no answer in time; ask again with the same name"),
        }
    }
}

impl std::error::Error for CallError {}

/// Speaks to machines of one kind; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle<M> {
    node: Arc<Node>,
    machine: PhantomData<fn() -> M>,
}

impl<M: Hosted> Handle<M> {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Handle { node, machine: PhantomData }
    }

    /// Gives a command to the machine of `stream` and waits for its answer.
    ///
    /// A command whose actor ended before answering is sent again until the deadline. That is safe because
    /// machines know repeats: by the command's key, or by the ids inside it. A command with neither must not be
    /// given through here.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn command(
        &self,
        stream: StreamId,
        command: M::Command,
        key: Option<CommandKey>,
        origin: Origin,
        patience: Duration,
    ) -> Result<Told<M>, CallError> {
        // Once for all tries: refused at the second one, nobody could say that nothing was started.
        let permit = self
            .node
            .admission()
            .admit()
            .map_err(|overloaded| CallError::Overloaded { retry_after_ms: overloaded.retry_after_ms })?;
        self.give(stream, command, key, origin, Instant::now() + patience, Some(Arc::new(permit))).await
    }

    async fn give(
        &self,
        stream: StreamId,
        command: M::Command,
        key: Option<CommandKey>,
        origin: Origin,
        deadline: Instant,
        permit: Option<Arc<OwnedSemaphorePermit>>,
    ) -> Result<Told<M>, CallError> {
        loop {
            let (reply, answered) = oneshot::channel();
            let port = Port { reply, _permit: permit.clone() };
            let request = Request { command: command.clone(), key, origin, port };
            self.send(stream, HostMessage::Command { request, deadline })?;
            match timeout_at(deadline, answered).await {
                Ok(Ok(Reply::Answer { answer, position })) => return Ok(Told { answer, position }),
                Ok(Ok(Reply::State { .. } | Reply::TooLate)) | Err(_) => {
                    return Err(CallError::OutcomeUnknown);
                }
                Ok(Err(_)) => self.pause(deadline).await?,
            }
        }
    }

    /// Gives a command that belongs to work already admitted (what a provider said, what follows from an event), so it
    /// needs no permit.
    ///
    /// # Errors
    /// See [`CallError`]; never `Overloaded`.
    pub(super) async fn report(
        &self,
        stream: StreamId,
        command: M::Command,
        origin: Origin,
        patience: Duration,
    ) -> Result<Told<M>, CallError> {
        self.give(stream, command, None, origin, Instant::now() + patience, None).await
    }

    /// The machine's state, durable, and its seq.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn read(
        &self,
        stream: StreamId,
        patience: Duration,
    ) -> Result<(Box<M::State>, u64), CallError> {
        let deadline = Instant::now() + patience;
        loop {
            let (reply, answered) = oneshot::channel();
            self.send(stream, HostMessage::Read(Port { reply, _permit: None }))?;
            match timeout_at(deadline, answered).await {
                Ok(Ok(Reply::State { state, seq })) => return Ok((state, seq)),
                Ok(Ok(Reply::Answer { .. } | Reply::TooLate)) | Err(_) => {
                    return Err(CallError::OutcomeUnknown);
                }
                Ok(Err(_)) => self.pause(deadline).await?,
            }
        }
    }

    fn send(&self, stream: StreamId, message: HostMessage<M>) -> Result<(), CallError> {
        M::kind(&self.node)
            .directory
            .send(&self.node, stream, message)
            .map_err(|quarantined| CallError::Quarantined { stream: quarantined.stream })
    }

    async fn pause(&self, deadline: Instant) -> Result<(), CallError> {
        let again = Instant::now() + AGAIN_AFTER;
        if again >= deadline {
            return Err(CallError::OutcomeUnknown);
        }
        tokio::time::sleep_until(again).await;
        Ok(())
    }
}
