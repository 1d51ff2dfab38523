//! What a host actor can be told.

use souk_core::ask::{Ask, AskAnswer, AskId};
use souk_core::host::{Answer, Look, Request, WayBack};
use souk_core::journal::{EffectId, Origin};
use souk_core::machine::Machine;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::admission::Permit;
use super::trap::Handling;

/// A message to the actor that hosts a machine. What is large lies on the heap: a message has a place in every actor,
/// whether there is one or not.
#[derive(Debug)]
pub(super) enum HostMessage<M: Machine> {
    /// A command from outside. Not started after the deadline: whoever asked has gone.
    Command { request: Box<Request<M, Port<M>>>, deadline: Instant },
    /// Another machine's order.
    Ask(Box<(Ask, Origin)>),
    /// The answer to one of this machine's own asks.
    Answer(Box<(AskId, AskAnswer, Origin)>),
    /// Somebody wants to see the state.
    Read(Port<M>),
    /// A timer fired, or the stream's wake came due.
    Tick,
    /// The journal has settled something; the outcome waits in the host's own channel.
    Settled,
    /// An order of this stream to the outside world has been carried out, and that is all there is to say.
    Worked(EffectId),
    /// Nobody has written for a while.
    Idle,
}

impl<M: Machine> HostMessage<M> {
    pub(super) fn handling(&self) -> Handling {
        match self {
            HostMessage::Command { .. } => Handling::Command,
            HostMessage::Ask(..) => Handling::Ask,
            HostMessage::Answer(..) => Handling::Answer,
            HostMessage::Read(_) => Handling::Read,
            HostMessage::Tick => Handling::Tick,
            HostMessage::Settled => Handling::Settled,
            HostMessage::Worked(_) => Handling::Worked,
            HostMessage::Idle => Handling::Idle,
        }
    }
}

#[cfg(feature = "cluster")]
impl<M: Machine> ractor::Message for HostMessage<M> {}

/// The way back to whoever asked. The permit is given back when the answer leaves, when the answer is to come much
/// later (a payment that waits for a person or a bank), or when the actor dies.
#[derive(Debug)]
pub(super) struct Port<M: Machine> {
    pub(super) reply: oneshot::Sender<Reply<M>>,
    pub(super) permit: Option<Permit>,
}

impl<M: Machine> WayBack for Port<M> {
    fn waits(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.give_back();
        }
    }
}

/// What comes back through a [`Port`].
#[derive(Debug)]
pub(super) enum Reply<M: Machine> {
    Answer {
        answer: Answer<M>,
        position: u64,
    },
    State {
        state: Box<M::State>,
        seq: u64,
    },
    /// The host does not remember that far back: whether the command is a repeat, only the journal can say.
    LookUp(Look),
    /// The deadline had passed before the command was started.
    TooLate,
}
