//! The product as a [`Machine`].

use crate::any::{AnyEvent, AnyOutcome};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest, OpenAsks};
use crate::ids::StreamId;
use crate::machine::{Ctx, Decision, Due, EventMeta, Machine, Outcome};
use crate::time::Timestamp;

use super::{Command, Event, Rejection, Reply, State, decide};

/// The product machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Product;

impl Machine for Product {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Rejection = Rejection;
    /// Nothing is said but that it has changed.
    type Published = ();

    const SNAPSHOT_VERSION: u32 = 1;
    const SNAPSHOT_EVERY: u64 = 200;

    fn initial(stream: StreamId) -> State {
        State::new(stream)
    }

    fn due(_: &State, _: &Ctx) -> Due<Self> {
        Due::nothing()
    }

    fn decide(state: &State, command: &Command, ctx: &Ctx) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, meta: EventMeta, event: &Event) {
        state.fold(meta, event);
    }

    fn next_deadline(_: &State) -> Option<Timestamp> {
        None
    }

    fn open_asks(state: &State) -> Option<&OpenAsks> {
        Some(&state.asks)
    }

    /// It may have changed: the host before this one may have ended before it could say so.
    fn publish_all(_: &State) -> Option<()> {
        Some(())
    }

    /// That it has changed; what it is, whoever wants to know reads.
    fn publish(_: &State, events: &[Event]) -> Option<()> {
        (!events.is_empty()).then_some(())
    }

    fn event(any: &AnyEvent) -> Option<&Event> {
        match any {
            AnyEvent::Product(event) => Some(event),
            _ => None,
        }
    }

    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome {
        AnyOutcome::Product(outcome.clone())
    }

    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>> {
        match any {
            AnyOutcome::Product(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    fn command_of_ask(ask: &Ask) -> Option<Command> {
        match &ask.request {
            AskRequest::Product(request) => Some(Command::Ask(request.clone())),
            _ => None,
        }
    }

    /// A question is never refused: the only no it can meet is that there is no such product.
    fn answer_of(outcome: &Outcome<Self>) -> AskAnswer {
        match outcome {
            Ok(Reply::Answer(answer)) => AskAnswer::Product(answer.clone()),
            _ => AskAnswer::Unknown,
        }
    }

    fn command_of_answer(id: AskId, answer: AskAnswer) -> Option<Command> {
        Some(Command::Answered { id, answer })
    }
}
