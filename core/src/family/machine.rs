//! The family as a [`Machine`].

use crate::any::{AnyEvent, AnyOutcome};
use crate::ids::StreamId;
use crate::machine::{Ctx, Decision, Due, EventMeta, Machine, Outcome};
use crate::time::Timestamp;

use super::{Command, Event, Rejection, Reply, SignIn, State, decide};

/// The family machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Family;

impl Machine for Family {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Rejection = Rejection;
    type Published = SignIn;

    const SNAPSHOT_VERSION: u32 = 3;
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

    fn publish_all(state: &State) -> Option<SignIn> {
        state.sign_in
    }

    fn publish(state: &State, _: &[Event]) -> Option<SignIn> {
        state.sign_in
    }

    fn event(any: &AnyEvent) -> Option<&Event> {
        match any {
            AnyEvent::Family(event) => Some(event),
            _ => None,
        }
    }

    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome {
        AnyOutcome::Family(*outcome)
    }

    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>> {
        match any {
            AnyOutcome::Family(outcome) => Some(*outcome),
            _ => None,
        }
    }
}
