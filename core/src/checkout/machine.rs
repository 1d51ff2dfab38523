//! The checkout as a [`Machine`].

use crate::any::{AnyEvent, AnyOutcome};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest, OpenAsks};
use crate::ids::{CheckoutId, StreamId};
use crate::machine::{CommandKey, Ctx, Decision, Due, EventMeta, Machine, Outcome};
use crate::time::Timestamp;

use super::{Command, Event, Rejection, Reply, Request, State, cart, decide};

/// The checkout machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkout;

impl Machine for Checkout {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Rejection = Rejection;
    type Published = ();

    const SNAPSHOT_VERSION: u32 = 2;
    const SNAPSHOT_EVERY: u64 = 200;

    fn initial(stream: StreamId) -> State {
        State::new(match stream {
            StreamId::Checkout(id) => id,
            _ => CheckoutId(0),
        })
    }

    fn due(state: &State, ctx: &Ctx) -> Due<Self> {
        cart::due(state, ctx)
    }

    fn decide(state: &State, command: &Command, ctx: &Ctx) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, meta: EventMeta, event: &Event) {
        state.fold(meta, event);
    }

    fn next_deadline(state: &State) -> Option<Timestamp> {
        state.deadline()
    }

    fn open_asks(state: &State) -> Option<&OpenAsks> {
        Some(&state.asks)
    }

    fn parked_commands(state: &State) -> Vec<CommandKey> {
        state.parked().into_iter().collect()
    }

    fn event(any: &AnyEvent) -> Option<&Event> {
        match any {
            AnyEvent::Checkout(event) => Some(event),
            _ => None,
        }
    }

    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome {
        AnyOutcome::Checkout(outcome.clone())
    }

    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>> {
        match any {
            AnyOutcome::Checkout(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    fn command_of_ask(ask: &Ask) -> Option<Command> {
        match &ask.request {
            AskRequest::Checkout(Request::PaymentMoved { payment, news }) => {
                Some(Command::PaymentMoved { asked: ask.id.seq, payment: *payment, news: news.clone() })
            }
            _ => None,
        }
    }

    fn answer_of(outcome: &Outcome<Self>) -> AskAnswer {
        match outcome {
            Ok(Reply::Told(answer)) => AskAnswer::Checkout(answer.clone()),
            Ok(_) => AskAnswer::Waiting,
            Err(Rejection::Stale) => AskAnswer::Stale,
            Err(_) => AskAnswer::Unknown,
        }
    }

    fn command_of_answer(ask: AskId, answer: AskAnswer) -> Option<Command> {
        Some(Command::Answered { ask, answer })
    }
}
