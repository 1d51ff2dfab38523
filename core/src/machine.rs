//! What a machine is: plain data and pure functions.
//!
//! ```text
//! due(&state, ctx)              -> events whose time has come
//! decide(&state, command, ctx)  -> Ok(Decision) | Err(Rejection)     reads only
//! apply(&mut state, meta, event)                                     cannot fail
//! next_deadline(&state)         -> when `due` will next have something to say
//! ```
//!
//! The host calls `due` before every `decide`, so a late timer never gives a wrong answer.

use std::fmt::Debug;

use crate::any::{AnyEvent, AnyOutcome, Effect};
use crate::ask::{Ask, AskAnswer, AskId, OpenAsks};
use crate::ids::{Principal, StreamId};
use crate::journal::EffectId;
use crate::time::Timestamp;

/// The name a request has, so that a repeat is known: a keyed hash over tenant, principal, route and the
/// caller's idempotency key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct CommandId(pub u128);

/// A request's name together with a fingerprint of what it asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct CommandKey {
    /// Which request this is.
    pub id: CommandId,
    /// Keyed hash of the typed request; another value under the same id is a mistake of the caller.
    pub fingerprint: u128,
}

/// What a decision may look at besides the state.
#[derive(Clone, Copy, Debug)]
pub struct Ctx {
    /// The stream that decides.
    pub stream: StreamId,
    /// Now; never goes back within a stream.
    pub now: Timestamp,
    /// The seq that the first event of this decision will get.
    pub next_seq: u64,
    /// The request this command came with, when it came from outside.
    pub key: Option<CommandKey>,
    /// Who asked.
    pub principal: Principal,
}

/// What `apply` may look at besides the event.
#[derive(Clone, Copy, Debug)]
pub struct EventMeta {
    /// The event's place in its stream, from 1.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
}

/// What a machine decided: what happened, what to tell whom.
#[derive(Clone, Debug)]
pub struct Decision<M: Machine> {
    /// What happened, in order.
    pub events: Vec<M::Event>,
    /// First events of a stream of the same partition that this append brings into being.
    pub creates: Vec<Creation>,
    /// Orders to the outside world; each becomes an outbox row of the same append.
    pub effects: Vec<Effect>,
    /// Outbox rows whose outcome this decision records.
    pub closes: Vec<EffectId>,
    /// The answer to the command.
    pub reply: Reply<M>,
    /// Answers to earlier commands that were parked.
    pub resolves: Vec<(CommandKey, Outcome<M>)>,
}

/// Whether a command is answered now or by a later decision.
#[derive(Clone, Debug)]
pub enum Reply<M: Machine> {
    /// Answered as soon as this decision is durable.
    Now(M::Reply),
    /// Answered by a later decision's `resolves`; until then a repeat is told that it is in flight.
    Parked,
}

/// The first events of another stream.
#[derive(Clone, Debug)]
pub struct Creation {
    /// The stream; it must not exist yet.
    pub stream: StreamId,
    /// Its events from seq 1.
    pub events: Vec<AnyEvent>,
    /// Orders to the outside world that these events gave; the new stream's outbox rows.
    pub effects: Vec<Effect>,
}

/// A machine's answer to a command.
pub type Outcome<M> = Result<<M as Machine>::Reply, <M as Machine>::Rejection>;

impl Creation {
    /// The new stream's outbox rows, with their ids.
    pub fn outbox(&self) -> impl Iterator<Item = (EffectId, &Effect)> {
        let (stream, seq) = (self.stream, self.events.len() as u64);
        self.effects
            .iter()
            .enumerate()
            .map(move |(n, effect)| (EffectId { stream, seq, n: n as u16 }, effect))
    }
}

impl<M: Machine> Decision<M> {
    /// Nothing happens; the command is answered from the state as it is.
    pub fn unchanged(reply: M::Reply) -> Self {
        Self::of(Vec::new(), reply)
    }

    /// These events happen and the command gets this answer.
    pub fn of(events: Vec<M::Event>, reply: M::Reply) -> Self {
        Decision {
            events,
            creates: Vec::new(),
            effects: Vec::new(),
            closes: Vec::new(),
            reply: Reply::Now(reply),
            resolves: Vec::new(),
        }
    }
}

/// What has become due by `ctx.now`.
#[derive(Clone, Debug)]
pub struct Due<M: Machine> {
    /// What happened.
    pub events: Vec<M::Event>,
    /// Orders to the outside world.
    pub effects: Vec<Effect>,
    /// Answers to parked commands that can wait no longer.
    pub resolves: Vec<(CommandKey, Outcome<M>)>,
}

impl<M: Machine> Due<M> {
    /// Nothing is due.
    pub fn nothing() -> Self {
        Due { events: Vec::new(), effects: Vec::new(), resolves: Vec::new() }
    }

    /// These events are due, and nothing else follows from them.
    pub fn events(events: Vec<M::Event>) -> Self {
        Due { events, effects: Vec::new(), resolves: Vec::new() }
    }
}

/// A state machine of the marketplace.
pub trait Machine: Sized + Send + Sync + Debug + Clone + 'static {
    /// Everything the machine knows: a pure fold of its events. Ordered maps only.
    type State: Clone + Debug + PartialEq + Send + Sync + serde::Serialize + serde::de::DeserializeOwned;
    /// An order; may be refused.
    type Command: Clone + Debug + Send + Sync;
    /// Something that happened.
    type Event: Clone + Debug + PartialEq + Send + Sync + Into<AnyEvent>;
    /// A yes, with what the caller needs to know.
    type Reply: Clone + Debug + PartialEq + Send + Sync;
    /// A no, as a fact about the state.
    type Rejection: Clone + Debug + PartialEq + Send + Sync;
    /// What readers that must not wait for this machine may see.
    type Published: Clone + Debug + Send + Sync;

    /// Changes whenever the shape or the meaning of [`Machine::State`] does; older snapshots are then ignored.
    const SNAPSHOT_VERSION: u32;
    /// A snapshot is taken when this many events have come since the last one, and no fewer than the state has
    /// [things](Machine::things).
    const SNAPSHOT_EVERY: u64;

    /// The state before the first event.
    fn initial(stream: StreamId) -> Self::State;

    /// About how many things the state holds, for machines whose state has no bound: writing all of them down after
    /// every few events would cost more than the events do. Must be cheap.
    fn things(_: &Self::State) -> u64 {
        0
    }

    /// What is due by `ctx.now`. Called before every `decide` and whenever a timer fires.
    fn due(state: &Self::State, ctx: &Ctx) -> Due<Self>;

    /// Decides one command. Reads only.
    ///
    /// # Errors
    /// A rejection states why the state as it is does not allow the command; nothing happens then.
    fn decide(
        state: &Self::State,
        command: &Self::Command,
        ctx: &Ctx,
    ) -> Result<Decision<Self>, Self::Rejection>;

    /// Folds one event into the state. Total: an event that was decided can always be applied.
    fn apply(state: &mut Self::State, meta: EventMeta, event: &Self::Event);

    /// When [`Machine::due`] will next have something to say.
    fn next_deadline(state: &Self::State) -> Option<Timestamp>;

    /// What this machine has asked others and not been answered. `None` for machines that never ask.
    fn open_asks(_state: &Self::State) -> Option<&OpenAsks> {
        None
    }

    /// Requests that were parked and have no answer yet; part of the state, so that a repeat is known after a
    /// restart.
    fn parked_commands(_state: &Self::State) -> Vec<CommandKey> {
        Vec::new()
    }

    /// What readers should see when a host has been loaded and nobody knows what they saw before.
    fn publish_all(_state: &Self::State) -> Option<Self::Published> {
        None
    }

    /// What readers should see after these events.
    fn publish(_state: &Self::State, _events: &[Self::Event]) -> Option<Self::Published> {
        None
    }

    /// This machine's event out of the closed set; `None` when it is another machine's.
    fn event(any: &AnyEvent) -> Option<&Self::Event>;

    /// The outcome as the closed set spells it, for the stored reply.
    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome;

    /// The outcome out of the closed set; `None` when it is another machine's.
    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>>;

    /// The command that another machine's ask stands for; `None` when it asks the wrong kind of machine.
    fn command_of_ask(_ask: &Ask) -> Option<Self::Command> {
        None
    }

    /// The outcome of such a command as an answer.
    fn answer_of(_outcome: &Outcome<Self>) -> AskAnswer {
        AskAnswer::Unknown
    }

    /// The command that an answer to this machine's own ask stands for.
    fn command_of_answer(_id: AskId, _answer: AskAnswer) -> Option<Self::Command> {
        None
    }
}
