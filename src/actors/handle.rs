//! How the rest of the program speaks to a machine: by typed commands and answers, never by actor references.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use souk_core::host::{Answer, Request, Seen};
use souk_core::ids::StreamId;
use souk_core::journal::Origin;
use souk_core::machine::CommandKey;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::journal::JournalError;

use super::admission::{Overloaded, Permit};
use super::kinds::Hosted;
use super::message::{HostMessage, Port, Reply};
use super::node::Node;

/// The pause before a command whose actor ended under it is sent again, with the same name.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
/// The pause once a second actor has ended: the command may be why. By then the supervisor has forgotten both, so
/// that no command brings a stream into quarantine all by itself.
const AGAIN_AFTER_TWO: Duration = Duration::from_millis(10_100);

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
    /// Another server owns the stream's partition now; nothing was started here.
    NotOwner {
        /// Which.
        stream: StreamId,
    },
    /// The journal cannot be read at the moment; nothing was started.
    Unreadable,
    /// No answer in time. It may have happened: ask again with the same name.
    OutcomeUnknown,
}

impl From<Overloaded> for CallError {
    fn from(Overloaded { retry_after_ms }: Overloaded) -> Self {
        CallError::Overloaded { retry_after_ms }
    }
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
            CallError::NotOwner { stream } => write!(f, "{stream} belongs to another server now"),
            CallError::Unreadable => f.write_str("the journal cannot be read at the moment"),
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

/// What a command is called, when it has a name.
#[derive(Clone, Copy)]
struct Name {
    key: Option<CommandKey>,
    /// Whether it was used before.
    seen: Seen,
}

impl Name {
    const NONE: Name = Name { key: None, seen: Seen::Never };

    fn asked_before(&self) -> Option<CommandKey> {
        self.key.filter(|_| self.seen != Seen::Never)
    }
}

impl<M: Hosted> Handle<M> {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Handle { node, machine: PhantomData }
    }

    /// Gives a command to the machine of `stream` and waits for its answer.
    ///
    /// A command that was answered before, however long ago, gets the same answer. One whose actor ended before
    /// answering is sent again until the deadline. That is safe because machines know repeats: by the command's key,
    /// or by the ids inside it. A command with neither must not be given through here.
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
        self.admitted(stream, command, Name { key, seen: Seen::Perhaps }, origin, patience).await
    }

    /// The same with a name that was made for this very call: nobody can have used it before.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn command_of_new_name(
        &self,
        stream: StreamId,
        command: M::Command,
        key: Option<CommandKey>,
        origin: Origin,
        patience: Duration,
    ) -> Result<Told<M>, CallError> {
        self.admitted(stream, command, Name { key, seen: Seen::Never }, origin, patience).await
    }

    async fn admitted(
        &self,
        stream: StreamId,
        command: M::Command,
        name: Name,
        origin: Origin,
        patience: Duration,
    ) -> Result<Told<M>, CallError> {
        let permit = self.node.admission().admit()?;
        match self.give(stream, command, name, origin, Instant::now() + patience, Some(permit)).await {
            // What was answered before it failed stays answered.
            Err(CallError::Quarantined { stream }) if let Some(key) = name.asked_before() => {
                let told = self.recall(stream, key).await?;
                told.ok_or(CallError::Quarantined { stream })
            }
            told => told,
        }
    }

    /// What a command of this name was answered before, if it was. Its host remembers for minutes, the journal for
    /// weeks.
    ///
    /// # Errors
    /// [`CallError::Unreadable`] when the journal does not answer.
    pub async fn recall(&self, stream: StreamId, key: CommandKey) -> Result<Option<Told<M>>, CallError> {
        let reader = self.node.journal().reader();
        let unreadable = |error: JournalError| {
            tracing::error!(%stream, %error, "stored replies cannot be read");
            CallError::Unreadable
        };
        let Some(stored) = reader.reply(key.id).await.map_err(unreadable)? else { return Ok(None) };
        // Where it was written is not kept; the end of its partition is not before that.
        let position = reader.last_position(stream.partition()).await.map_err(unreadable)?;
        let is_this = stored.key.fingerprint == key.fingerprint && stored.stream == stream;
        // An outcome of another machine in this stream: the name's last 128 bits met another's, or a damaged row.
        let answer = match M::stored_outcome(&stored.outcome).filter(|_| is_this) {
            Some(outcome) => Answer::Repeated(outcome),
            None => Answer::KeyReused,
        };
        Ok(Some(Told { answer, position }))
    }

    async fn give(
        &self,
        stream: StreamId,
        command: M::Command,
        mut name: Name,
        origin: Origin,
        deadline: Instant,
        // One for all tries: refused at the second one, nobody could say that nothing was started.
        permit: Option<Permit>,
    ) -> Result<Told<M>, CallError> {
        let mut ended = 0;
        loop {
            // Whatever stands in the way later, an earlier try may have done it.
            let or_unknown = |error| if ended > 0 { CallError::OutcomeUnknown } else { error };
            let (reply, answered) = oneshot::channel();
            let port = Port { reply, permit: permit.clone() };
            let Name { key, seen } = name;
            let request = Box::new(Request { command: command.clone(), key, seen, origin, port });
            self.send(stream, HostMessage::Command { request, deadline }).map_err(or_unknown)?;
            match timeout_at(deadline, answered).await {
                Ok(Ok(Reply::Answer { answer, position })) => return Ok(Told { answer, position }),
                Ok(Ok(Reply::LookUp(look))) => {
                    if let Some(key) = name.key
                        && let Some(told) = self.recall(stream, key).await.map_err(or_unknown)?
                    {
                        return Ok(told);
                    }
                    name.seen = Seen::NotWhenLooked(look);
                }
                Ok(Ok(Reply::State { .. } | Reply::TooLate)) | Err(_) => {
                    return Err(CallError::OutcomeUnknown);
                }
                Ok(Err(_)) => {
                    ended += 1;
                    // By this very call: what the one that ended has written is not known here.
                    name.seen = Seen::Perhaps;
                    let pause = if ended < 2 { AGAIN_AFTER } else { AGAIN_AFTER_TWO };
                    self.pause(pause, deadline).await?;
                }
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
        self.give(stream, command, Name::NONE, origin, Instant::now() + patience, None).await
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
            let permit = Some(self.node.admission().admit_reader()?);
            let (reply, answered) = oneshot::channel();
            self.send(stream, HostMessage::Read(Port { reply, permit }))?;
            match timeout_at(deadline, answered).await {
                Ok(Ok(Reply::State { state, seq })) => return Ok((state, seq)),
                Ok(Ok(Reply::Answer { .. } | Reply::LookUp(_) | Reply::TooLate)) | Err(_) => {
                    return Err(CallError::OutcomeUnknown);
                }
                Ok(Err(_)) => self.pause(AGAIN_AFTER, deadline).await?,
            }
        }
    }

    fn send(&self, stream: StreamId, message: HostMessage<M>) -> Result<(), CallError> {
        if !self.node.journal().is_owner(stream.partition()) {
            return Err(CallError::NotOwner { stream });
        }
        M::kind(&self.node)
            .directory
            .send(&self.node, stream, message)
            .map_err(|quarantined| CallError::Quarantined { stream: quarantined.stream })
    }

    async fn pause(&self, pause: Duration, deadline: Instant) -> Result<(), CallError> {
        let again = Instant::now() + pause;
        if again >= deadline {
            return Err(CallError::OutcomeUnknown);
        }
        tokio::time::sleep_until(again).await;
        Ok(())
    }
}
