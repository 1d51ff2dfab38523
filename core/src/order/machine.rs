//! The order as a [`Machine`].

use crate::any::{AnyEvent, AnyOutcome};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest, OpenAsks};
use crate::ids::StreamId;
use crate::machine::{Ctx, Decision, Due, EventMeta, Machine, Outcome};
use crate::time::Timestamp;

use super::{Answer, Command, Event, Rejection, Reply, Request, State, decide};

/// The order machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order;

impl Machine for Order {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Rejection = Rejection;
    /// Orders are read from projections: nobody watches one live.
    type Published = ();

    const SNAPSHOT_VERSION: u32 = 2;
    const SNAPSHOT_EVERY: u64 = 200;

    fn initial(_: StreamId) -> State {
        State::default()
    }

    /// Nothing of an order happens by itself; what it asked is repeated by its host.
    fn due(_: &State, _: &Ctx) -> Due<Self> {
        Due::nothing()
    }

    fn decide(state: &State, command: &Command, _: &Ctx) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command)
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

    fn event(any: &AnyEvent) -> Option<&Event> {
        match any {
            AnyEvent::Order(event) => Some(event),
            _ => None,
        }
    }

    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome {
        AnyOutcome::Order(outcome.clone())
    }

    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>> {
        match any {
            AnyOutcome::Order(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    fn command_of_ask(ask: &Ask) -> Option<Command> {
        match &ask.request {
            AskRequest::Order(Request::RefundMoved { refund }) => {
                Some(Command::RefundMoved { refund: *refund })
            }
            AskRequest::Order(Request::RefundFailed { refund }) => {
                Some(Command::RefundFailed { refund: *refund })
            }
            _ => None,
        }
    }

    fn answer_of(outcome: &Outcome<Self>) -> AskAnswer {
        match outcome {
            Ok(_) => AskAnswer::Order(Answer::Noted),
            Err(_) => AskAnswer::Unknown,
        }
    }

    fn command_of_answer(id: AskId, answer: AskAnswer) -> Option<Command> {
        Some(Command::Answered { ask: id, answer })
    }
}
