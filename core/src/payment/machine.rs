//! The payment as a [`Machine`].

use crate::any::{AnyEvent, AnyOutcome};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest, OpenAsks};
use crate::ids::StreamId;
use crate::machine::{Ctx, Decision, Due, EventMeta, Machine, Outcome};
use crate::time::Timestamp;

use super::{Command, Event, Rejection, Reply, Request, State, decide};

/// The payment machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payment;

impl Machine for Payment {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Rejection = Rejection;
    type Published = ();

    const SNAPSHOT_VERSION: u32 = 2;
    const SNAPSHOT_EVERY: u64 = 200;

    fn initial(_: StreamId) -> State {
        State::default()
    }

    fn due(state: &State, ctx: &Ctx) -> Due<Self> {
        decide::due(state, ctx)
    }

    fn decide(state: &State, command: &Command, ctx: &Ctx) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, meta: EventMeta, event: &Event) {
        state.fold(meta, event);
    }

    fn next_deadline(state: &State) -> Option<Timestamp> {
        state.look_up_at
    }

    fn open_asks(state: &State) -> Option<&OpenAsks> {
        Some(&state.asks)
    }

    fn event(any: &AnyEvent) -> Option<&Event> {
        match any {
            AnyEvent::Payment(event) => Some(event),
            _ => None,
        }
    }

    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome {
        AnyOutcome::Payment(outcome.clone())
    }

    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>> {
        match any {
            AnyOutcome::Payment(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    fn command_of_ask(ask: &Ask) -> Option<Command> {
        match &ask.request {
            AskRequest::Payment(Request::Capture) => Some(Command::Capture { asked: ask.id.seq }),
            AskRequest::Payment(Request::Void) => Some(Command::Void { asked: ask.id.seq }),
            AskRequest::Payment(Request::Refund { refund, amount }) => {
                Some(Command::Refund { refund: *refund, amount: *amount })
            }
            _ => None,
        }
    }

    fn answer_of(outcome: &Outcome<Self>) -> AskAnswer {
        match outcome {
            Ok(Reply::Answer(answer)) => AskAnswer::Payment(answer.clone()),
            Ok(Reply::Waiting | Reply::Noted) => AskAnswer::Waiting,
            Err(Rejection::Stale) => AskAnswer::Stale,
            Err(Rejection::UnknownPayment) => AskAnswer::Unknown,
        }
    }

    fn command_of_answer(ask: AskId, answer: AskAnswer) -> Option<Command> {
        Some(Command::Answered { ask, answer })
    }
}
