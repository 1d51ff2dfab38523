//! What goes into a host, and what comes out of it.

use crate::any::Effect;
use crate::ask::{Ask, AskAnswer, AskId};
use crate::ids::StreamId;
use crate::journal::{Append, EffectId, Incarnation, Origin, Recorded, Refusal};
use crate::machine::{CommandKey, Machine, Outcome};
use crate::time::Timestamp;

use super::repeats::{Look, Seen};

/// The way back to whoever asked, as the host keeps it.
pub trait WayBack {
    /// The answer will come much later, and what was decided so far is durable: whatever this holds for being under
    /// way goes back.
    fn waits(&mut self) {}
}

/// A command from outside, with the way back.
#[derive(Debug)]
pub struct Request<M: Machine, P> {
    /// What is wanted.
    pub command: M::Command,
    /// Its name, when repeats must be known.
    pub key: Option<CommandKey>,
    /// Whether that name was seen before.
    pub seen: Seen,
    /// Where it came from.
    pub origin: Origin,
    /// Where the answer goes.
    pub port: P,
}

/// What can happen to a host.
#[derive(Debug)]
pub enum Input<M: Machine, P> {
    /// A command from outside.
    Command(Request<M, P>),
    /// Another machine's order.
    Ask(Ask, Origin),
    /// The answer to one of this machine's asks, and the event of the other stream it rests on.
    Answer(AskId, AskAnswer, Origin),
    /// Somebody wants to see the state.
    Read(P),
    /// A timer fired, or the stream's wake came due, or the host has just been loaded.
    Tick,
    /// Every append up to this ordinal is durable; the last of them ended at this position.
    Durable {
        /// The append's ordinal.
        ordinal: u64,
        /// The position of the partition it ended at.
        position: u64,
    },
    /// An append did not happen, nor will any after it.
    Refused(Refusal),
    /// An order of this stream to the outside world has been carried out, and its outcome is no event (a mail was
    /// sent): its outbox row goes.
    Worked(EffectId),
    /// Nothing came for a while: may this host be put to sleep?
    Idle,
}

/// What a host wants done.
#[derive(Debug)]
pub enum Action<M: Machine, P> {
    /// Hand this to the journal writer; appends of one host stay in order.
    Append(Append),
    /// Hand this to the journal writer, behind the appends before it.
    Snapshot(Snapshot<M>),
    /// Answer a command.
    Reply {
        /// Where to.
        port: P,
        /// What.
        answer: Answer<M>,
        /// The partition's position at which the answer is true.
        position: u64,
    },
    /// This name may have been used longer ago than the host remembers: look whether the journal holds its reply, and
    /// give the command again if it does not. Nothing was decided.
    LookUp {
        /// Where to.
        port: P,
        /// To be shown when the command is given again.
        look: Look,
    },
    /// Show the state.
    Show {
        /// Where to.
        port: P,
        /// As of now, durable.
        state: Box<M::State>,
        /// The stream's seq of that state.
        seq: u64,
    },
    /// Deliver an ask.
    Ask {
        /// What is asked.
        ask: Ask,
        /// The trace of the request behind it; unknown when it is repeated.
        trace: Option<u128>,
    },
    /// Deliver the answer to an ask.
    AnswerAsk {
        /// Which ask.
        id: AskId,
        /// What it is answered.
        answer: AskAnswer,
        /// This stream's seq on which it rests.
        seq: u64,
        /// The trace of the request behind it.
        trace: Option<u128>,
    },
    /// An outbox row of this stream is durable and can be worked.
    Effect {
        /// The row's name.
        id: EffectId,
        /// What is ordered.
        effect: Effect,
        /// The trace of the request behind it.
        trace: Option<u128>,
    },
    /// Let readers see this.
    Publish(M::Published),
    /// Tick this host then (replaces what was set before); `None` cancels.
    Timer(Option<Timestamp>),
    /// Every append is durable and nothing is waiting: this host may end.
    Passivate,
    /// This host is no longer true. Drop it, and load the stream anew after a barrier in the writer.
    Fail(Refusal),
}

/// A machine's state at a seq.
#[derive(Clone, Debug)]
pub struct Snapshot<M: Machine> {
    /// Whose.
    pub stream: StreamId,
    /// By which start; a closed one's snapshots are dropped.
    pub incarnation: Incarnation,
    /// The last event it contains.
    pub seq: u64,
    /// The state.
    pub state: M::State,
}

/// What a request is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<M: Machine> {
    /// Decided now.
    Fresh(Outcome<M>),
    /// Decided before; this is what was said then.
    Repeated(Outcome<M>),
    /// The name was used for another body.
    KeyReused,
    /// The first request of this name has no answer yet.
    InFlight,
}

/// What the journal knows of a stream, for [`Host::load`].
#[derive(Clone, Debug)]
pub struct Loaded<M: Machine> {
    /// The newest usable snapshot: its seq and state.
    pub snapshot: Option<(u64, M::State)>,
    /// The events after it, in order.
    pub events: Vec<Recorded>,
    /// Requests answered in the last ten minutes.
    pub replies: Vec<KnownReply<M>>,
    /// Whether others were answered before that.
    pub has_older_replies: bool,
    /// The stream's row in `wakes`.
    pub wake: Option<Timestamp>,
    /// Position and time of the stream's last event, which a snapshot does not tell: time never goes back within
    /// a stream, even when its new owner's clock is behind.
    pub last: Option<(u64, Timestamp)>,
}

impl<M: Machine> Default for Loaded<M> {
    fn default() -> Self {
        Loaded {
            snapshot: None,
            events: Vec::new(),
            replies: Vec::new(),
            has_older_replies: false,
            wake: None,
            last: None,
        }
    }
}

/// A stored reply.
#[derive(Clone, Debug)]
pub struct KnownReply<M: Machine> {
    /// The request.
    pub key: CommandKey,
    /// When it was answered.
    pub at: Timestamp,
    /// What it was told.
    pub outcome: Outcome<M>,
}

/// The journal holds an event of another machine in this stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForeignEvent {
    /// Where.
    pub seq: u64,
}
