//! The layer that makes all machines alike, so that one world runs them all.
//!
//! A new machine joins by its line in `machines.rs`; the world routes by [`StreamId`] and never looks inside.

mod machines;

use souk_core::any::{AnyEvent, AnyOutcome, Effect};
use souk_core::ask::{Ask, AskAnswer, AskId};
use souk_core::host::{
    Action, Answer, Host, Input, KnownReply, Loaded, Look, Request, Seen, Snapshot, WayBack,
};
use souk_core::ids::StreamId;
use souk_core::inventory::{self, Inventory};
use souk_core::journal::{Append, EffectId, Epoch, Incarnation, Origin, Recorded, Refusal};
use souk_core::machine::{CommandKey, EventMeta, Machine};
use souk_core::time::Timestamp;

pub use machines::{AnyCommand, AnyState, load};

/// Names a try of somebody's request.
pub type CallId = usize;

/// The way back of whoever commands a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// Somebody's request.
    Call(CallId),
    /// The provider's notice of this number.
    Notice(usize),
    /// Whoever works this outbox row.
    Lane(EffectId),
}

impl WayBack for Port {}

/// What any machine shows its readers.
#[derive(Clone, Debug)]
pub enum AnyView {
    /// A stock shard.
    Stock(inventory::Published),
}

/// What any request is told.
#[derive(Clone, PartialEq, Debug)]
pub enum AnyAnswer {
    /// Decided now.
    Fresh(AnyOutcome),
    /// Decided before.
    Repeated(AnyOutcome),
    /// The name was used for another body.
    KeyReused,
    /// The first request of this name has no answer yet.
    InFlight,
}

/// [`Input`] of any host.
#[derive(Debug)]
pub enum AnyInput {
    /// A command from outside, and what is known of its name.
    Command(AnyCommand, Option<CommandKey>, Port, Seen),
    /// Another machine's order.
    Ask(Ask),
    /// The answer to one of its asks, resting on this seq of the other stream.
    Answer(AskId, AskAnswer, (StreamId, u64)),
    /// Somebody wants to see the state.
    Read(CallId),
    /// An outbox row was carried out, and there is nothing to record.
    Worked(EffectId),
    /// Something may be due.
    Tick,
    /// Appends up to this ordinal are durable, ending at this position.
    Durable(u64, u64),
    /// An append did not happen.
    Refused(Refusal),
    /// Nothing came for a while.
    Idle,
}

/// [`Action`] of any host.
#[derive(Debug)]
pub enum AnyAction {
    /// To the writer.
    Append(Append),
    /// To the writer.
    Snapshot(AnySnapshot),
    /// To whoever asked.
    Reply(Port, AnyAnswer),
    /// To whoever asked: the journal may know.
    LookUp(Port, Look),
    /// To whoever reads: the state at this seq.
    Show(Port, AnyState, u64),
    /// To another stream.
    Ask(Ask),
    /// To the asking stream: the answer, resting on this seq.
    AnswerAsk(AskId, AskAnswer, u64),
    /// To the outside.
    Effect(EffectId, Effect),
    /// To the readers.
    Publish(AnyView),
    /// To the wheel.
    Timer(Option<Timestamp>),
    /// The host may end.
    Passivate,
    /// The host must be built anew.
    Fail,
}

/// A state at a seq, on its way to the journal.
#[derive(Clone, Debug)]
pub struct AnySnapshot {
    /// Whose.
    pub stream: StreamId,
    /// By which start.
    pub incarnation: Incarnation,
    /// The last event it contains.
    pub seq: u64,
    /// The state.
    pub state: AnyState,
}

/// What the journal knows of a stream.
#[derive(Debug)]
pub struct AnyLoaded {
    /// The newest snapshot.
    pub snapshot: Option<(u64, AnyState)>,
    /// The events after it.
    pub events: Vec<Recorded>,
    /// Requests answered lately.
    pub replies: Vec<(CommandKey, Timestamp, AnyOutcome)>,
    /// Whether others were answered before those.
    pub has_older_replies: bool,
    /// The stream's row in `wakes`.
    pub wake: Option<Timestamp>,
    /// Position and time of its last event.
    pub last: Option<(u64, Timestamp)>,
}

/// What hosts of one history do differently from those of another.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// A snapshot is taken after so many events.
    pub snapshots_every: u64,
    /// How long a host itself knows what it answered.
    pub repeats_kept_ms: i64,
}

/// A host of some machine.
pub trait AnyHost: std::fmt::Debug {
    /// Takes one input, appends what must be done.
    fn step(&mut self, now: Timestamp, input: AnyInput, actions: &mut Vec<AnyAction>);
    /// The state, with what is not durable yet.
    fn state(&self) -> AnyState;
    /// The seq of the last event applied.
    fn applied_seq(&self) -> u64;
    /// Whether nothing is on its way to the journal.
    fn is_settled(&self) -> bool;
}

fn fold<M: Machine>(state: &mut M::State, recorded: &Recorded) {
    if let Some(event) = M::event(&recorded.event) {
        M::apply(state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
    }
}

/// How a machine's own types travel through the world.
trait Kind: Machine {
    fn command(any: AnyCommand) -> Option<Self::Command>;
    fn state(any: AnyState) -> Option<Self::State>;
    fn wrap_state(state: Self::State) -> AnyState;
    fn wrap_view(view: Self::Published) -> Option<AnyView>;
}

#[derive(Debug)]
struct Running<M: Machine> {
    host: Host<M, Port>,
    /// Kept between steps only to spare the allocation.
    actions: Vec<Action<M, Port>>,
}

impl<M: Kind> Running<M> {
    fn load(
        stream: StreamId,
        epoch: Epoch,
        incarnation: Incarnation,
        loaded: AnyLoaded,
        habits: Habits,
    ) -> Option<Box<dyn AnyHost>> {
        let replies = loaded.replies.iter().map(|(key, at, outcome)| {
            M::stored_outcome(outcome).map(|outcome| KnownReply::<M> { key: *key, at: *at, outcome })
        });
        let loaded = Loaded {
            replies: replies.collect::<Option<_>>()?,
            snapshot: match loaded.snapshot {
                Some((seq, state)) => Some((seq, M::state(state)?)),
                None => None,
            },
            events: loaded.events,
            has_older_replies: loaded.has_older_replies,
            wake: loaded.wake,
            last: loaded.last,
        };
        let host = Host::load(stream, epoch, incarnation, loaded).ok()?;
        let host =
            host.with_snapshots_every(habits.snapshots_every).with_repeats_kept(habits.repeats_kept_ms);
        Some(Box::new(Running { host, actions: Vec::new() }))
    }
}

impl<M: Kind> AnyHost for Running<M> {
    fn step(&mut self, now: Timestamp, input: AnyInput, actions: &mut Vec<AnyAction>) {
        let Some(input) = input_of::<M>(input) else { return };
        self.host.step(now, input, &mut self.actions);
        actions.extend(self.actions.drain(..).filter_map(action_of));
    }

    fn state(&self) -> AnyState {
        M::wrap_state(self.host.state().clone())
    }

    fn applied_seq(&self) -> u64 {
        self.host.applied_seq()
    }

    fn is_settled(&self) -> bool {
        self.host.is_settled()
    }
}

/// `None` for a command of another machine, which the world never sends.
fn input_of<M: Kind>(input: AnyInput) -> Option<Input<M, Port>> {
    Some(match input {
        AnyInput::Command(command, key, port, seen) => Input::Command(Request {
            command: M::command(command)?,
            key,
            seen,
            origin: Origin::default(),
            port,
        }),
        AnyInput::Ask(ask) => {
            let cause = Some((ask.id.stream, ask.id.seq));
            Input::Ask(ask, Origin { cause, ..Origin::default() })
        }
        AnyInput::Answer(id, answer, cause) => {
            Input::Answer(id, answer, Origin { cause: Some(cause), ..Origin::default() })
        }
        AnyInput::Read(call) => Input::Read(Port::Call(call)),
        AnyInput::Worked(effect) => Input::Worked(effect),
        AnyInput::Tick => Input::Tick,
        AnyInput::Durable(ordinal, position) => Input::Durable { ordinal, position },
        AnyInput::Refused(refusal) => Input::Refused(refusal),
        AnyInput::Idle => Input::Idle,
    })
}

fn action_of<M: Kind>(action: Action<M, Port>) -> Option<AnyAction> {
    Some(match action {
        Action::Append(append) => AnyAction::Append(append),
        Action::Snapshot(Snapshot { stream, incarnation, seq, state }) => {
            AnyAction::Snapshot(AnySnapshot { stream, incarnation, seq, state: M::wrap_state(state) })
        }
        Action::Reply { port, answer, .. } => AnyAction::Reply(
            port,
            match answer {
                Answer::Fresh(outcome) => AnyAnswer::Fresh(M::store_outcome(&outcome)),
                Answer::Repeated(outcome) => AnyAnswer::Repeated(M::store_outcome(&outcome)),
                Answer::KeyReused => AnyAnswer::KeyReused,
                Answer::InFlight => AnyAnswer::InFlight,
            },
        ),
        Action::LookUp { port, look } => AnyAction::LookUp(port, look),
        Action::Show { port, state, seq } => AnyAction::Show(port, M::wrap_state(*state), seq),
        Action::Ask { ask, .. } => AnyAction::Ask(ask),
        Action::AnswerAsk { id, answer, seq, .. } => AnyAction::AnswerAsk(id, answer, seq),
        Action::Effect { id, effect, .. } => AnyAction::Effect(id, effect),
        Action::Publish(view) => AnyAction::Publish(M::wrap_view(view)?),
        Action::Timer(at) => AnyAction::Timer(at),
        Action::Passivate => AnyAction::Passivate,
        Action::Fail(_) => AnyAction::Fail,
    })
}

/// The event of a shard, if it is one.
pub fn stock_event(any: &AnyEvent) -> Option<&inventory::Event> {
    Inventory::event(any)
}
