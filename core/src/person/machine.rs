//! The person as a [`Machine`].

use crate::any::{AnyEvent, AnyOutcome};
use crate::ids::StreamId;
use crate::machine::{Ctx, Decision, Due, EventMeta, Machine, Outcome};
use crate::time::Timestamp;

use super::{Command, Event, Rejection, Reply, Standing, State, decide};

/// The person machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person;

impl Machine for Person {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Rejection = Rejection;
    type Published = Standing;

    const SNAPSHOT_VERSION: u32 = 4;
    const SNAPSHOT_EVERY: u64 = 100;

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

    fn publish_all(state: &State) -> Option<Standing> {
        state.standing()
    }

    fn publish(state: &State, _: &[Event]) -> Option<Standing> {
        state.standing()
    }

    fn event(any: &AnyEvent) -> Option<&Event> {
        match any {
            AnyEvent::Person(event) => Some(event),
            _ => None,
        }
    }

    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome {
        AnyOutcome::Person(*outcome)
    }

    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>> {
        match any {
            AnyOutcome::Person(outcome) => Some(*outcome),
            _ => None,
        }
    }
}
