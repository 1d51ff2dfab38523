//! The shard as a [`Machine`].

use std::collections::BTreeSet;

use crate::any::{AnyEvent, AnyOutcome};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest};
use crate::ids::{SkuId, StreamId};
use crate::machine::{Ctx, Decision, Due, EventMeta, Machine, Outcome};
use crate::time::Timestamp;

use super::{Answer, Command, Event, Published, Rejection, Reply, State, decide};

/// The stock shard machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inventory;

impl Machine for Inventory {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Rejection = Rejection;
    type Published = Published;

    const SNAPSHOT_VERSION: u32 = 4;
    const SNAPSHOT_EVERY: u64 = 10_000;

    fn initial(_: StreamId) -> State {
        State::default()
    }

    fn things(state: &State) -> u64 {
        (state.skus.len() + state.holds.len() + state.ended.len()) as u64
    }

    fn due(state: &State, ctx: &Ctx) -> Due<Self> {
        Due::events(decide::expired(state, ctx.now))
    }

    fn decide(state: &State, command: &Command, ctx: &Ctx) -> Result<Decision<Self>, Rejection> {
        decide::decide(state, command, ctx)
    }

    fn apply(state: &mut State, meta: EventMeta, event: &Event) {
        state.fold(meta, event);
    }

    fn next_deadline(state: &State) -> Option<Timestamp> {
        state.expiries.first().map(|(deadline, _)| *deadline)
    }

    fn publish_all(state: &State) -> Option<Published> {
        view(state, state.skus.keys().copied())
    }

    fn publish(state: &State, events: &[Event]) -> Option<Published> {
        let skus: BTreeSet<SkuId> = events.iter().filter_map(|event| sku_of(state, event)).collect();
        view(state, skus)
    }

    fn event(any: &AnyEvent) -> Option<&Event> {
        match any {
            AnyEvent::Stock(event) => Some(event),
            _ => None,
        }
    }

    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome {
        AnyOutcome::Stock(outcome.clone())
    }

    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>> {
        match any {
            AnyOutcome::Stock(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    fn command_of_ask(ask: &Ask) -> Option<Command> {
        match &ask.request {
            AskRequest::Stock(request) => {
                Some(Command::Hold { asked: rank(&ask.id), request: request.clone() })
            }
            AskRequest::StockSku(request) => {
                Some(Command::Sku { asked: ask.id.seq, request: request.clone() })
            }
            _ => None,
        }
    }

    fn answer_of(outcome: &Outcome<Self>) -> AskAnswer {
        match outcome {
            Ok(reply) => AskAnswer::Stock(Answer::Done(reply.clone())),
            Err(Rejection::Stale) => AskAnswer::Stale,
            Err(rejection) => AskAnswer::Stock(Answer::Refused(*rejection)),
        }
    }
}

/// How late an ask about a hold is. A hold's checkout asks first, its order afterwards: two streams with seqs of
/// their own. The order exists only when everything its checkout asked has been answered, so what it asks (to ship
/// or to undo, which end the hold) is later than anything its checkout did.
fn rank(id: &AskId) -> u64 {
    match id.stream {
        StreamId::Order(_) => u64::MAX,
        _ => id.seq,
    }
}

fn view(state: &State, skus: impl IntoIterator<Item = SkuId>) -> Option<Published> {
    let stock = skus
        .into_iter()
        .filter_map(|id| state.skus.get(&id).map(|sku| (id, sku.available(), sku.open)))
        .collect::<Vec<_>>();
    (!stock.is_empty()).then_some(Published { stock })
}

/// The SKU whose free units or sale an event changed.
fn sku_of(state: &State, event: &Event) -> Option<SkuId> {
    match event {
        Event::Opened { sku, .. }
        | Event::Closed { sku, .. }
        | Event::Adjusted { sku, .. }
        | Event::Held { sku, .. } => Some(*sku),
        Event::Received(movement) | Event::Restocked(movement) => Some(movement.sku),
        Event::Released { hold } | Event::Expired { hold } | Event::Deallocated { hold } => {
            state.ended.get(hold).and_then(|ended| ended.sku)
        }
        Event::Pinned { .. }
        | Event::Unpinned { .. }
        | Event::Committed { .. }
        | Event::Barred { .. }
        | Event::Shipped { .. } => None,
    }
}
