//! A machine that asks, and that parks requests until it is answered: shards do neither.
//!
//! The set of events is closed, so it speaks with two of a shard's: `Received` for "asked" (the request's name in
//! place of movement and SKU, quantity 1 when it is parked) and `Opened` for "answered" (the ask's seq as SKU).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::any::{AnyEvent, AnyOutcome};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest, OpenAsks};
use crate::host::Loaded;
use crate::ids::{CheckoutId, LocationId, MovementId, SkuId, StreamId};
use crate::inventory::{self, Event, Movement, Rejection, Reply, Request};
use crate::machine::{self, CommandId, CommandKey, Ctx, Decision, Due, EventMeta, Machine, Outcome};
use crate::time::Timestamp;

pub const STREAM: StreamId = StreamId::Checkout(CheckoutId(9));

#[derive(Clone, Debug)]
pub struct Errand;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub asks: OpenAsks,
    /// By the ask's seq.
    pub parked: BTreeMap<u64, CommandKey>,
}

#[derive(Clone, Debug)]
pub enum Command {
    /// Asks the shard and says so at once.
    Ask,
    /// Asks the shard; answered when the shard is.
    AskAndWait,
    /// The shard answered.
    Answered(AskId, AskAnswer),
}

pub fn loaded_without_events() -> Loaded<Errand> {
    Loaded::default()
}

pub fn ask_id(seq: u64) -> AskId {
    AskId { stream: STREAM, seq, n: 0 }
}

pub fn done() -> AskAnswer {
    AskAnswer::Stock(inventory::Answer::Done(Reply::Undone))
}

impl Machine for Errand {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = Reply;
    type Rejection = Rejection;
    type Published = ();

    const SNAPSHOT_VERSION: u32 = 1;
    const SNAPSHOT_EVERY: u64 = 1_000;

    fn initial(_: StreamId) -> State {
        State::default()
    }

    fn due(_: &State, _: &Ctx) -> Due<Self> {
        Due::nothing()
    }

    fn decide(state: &State, command: &Command, ctx: &Ctx) -> Result<Decision<Self>, Rejection> {
        let key = ctx.key.unwrap_or(CommandKey { id: CommandId(0), fingerprint: 0 });
        let asked = |quantity| {
            let (movement, sku) = (MovementId(key.id.0), SkuId(key.fingerprint));
            Event::Received(Movement { movement, sku, location: LocationId::MAIN, quantity })
        };
        match command {
            Command::Ask => Ok(Decision::of(vec![asked(0)], Reply::Pinned)),
            Command::AskAndWait => {
                let mut decision = Decision::of(vec![asked(1)], Reply::Pinned);
                decision.reply = machine::Reply::Parked;
                Ok(decision)
            }
            Command::Answered(id, _) if !state.asks.contains(id) => Ok(Decision::unchanged(Reply::Undone)),
            Command::Answered(id, answer) => {
                let event = Event::Opened { sku: SkuId(u128::from(id.seq)), asked: 0 };
                let mut decision = Decision::of(vec![event], Reply::Undone);
                if let Some(key) = state.parked.get(&id.seq) {
                    let outcome = match answer {
                        AskAnswer::Stock(inventory::Answer::Done(reply)) => Ok(reply.clone()),
                        AskAnswer::Stock(inventory::Answer::Refused(rejection)) => Err(*rejection),
                        _ => Err(Rejection::Stale),
                    };
                    decision.resolves.push((*key, outcome));
                }
                Ok(decision)
            }
        }
    }

    fn apply(state: &mut State, meta: EventMeta, event: &Event) {
        match event {
            Event::Received(Movement { movement, sku, quantity, .. }) => {
                let hold = super::rig::hold_id(meta.seq as u32);
                let request = AskRequest::Stock(Request::Ship { hold });
                state.asks.insert(Ask { id: ask_id(meta.seq), to: super::rig::shard(), request });
                if *quantity == 1 {
                    let key = CommandKey { id: CommandId(movement.0), fingerprint: sku.0 };
                    state.parked.insert(meta.seq, key);
                }
            }
            Event::Opened { sku, .. } => {
                state.asks.close(&ask_id(sku.0 as u64));
                state.parked.remove(&(sku.0 as u64));
            }
            _ => {}
        }
    }

    fn next_deadline(_: &State) -> Option<Timestamp> {
        None
    }

    fn open_asks(state: &State) -> Option<&OpenAsks> {
        Some(&state.asks)
    }

    fn parked_commands(state: &State) -> Vec<CommandKey> {
        state.parked.values().copied().collect()
    }

    /// Knows its own two kinds only.
    fn event(any: &AnyEvent) -> Option<&Event> {
        inventory::Inventory::event(any)
            .filter(|event| matches!(event, Event::Received(_) | Event::Opened { .. }))
    }

    fn store_outcome(outcome: &Outcome<Self>) -> AnyOutcome {
        AnyOutcome::Stock(outcome.clone())
    }

    fn stored_outcome(any: &AnyOutcome) -> Option<Outcome<Self>> {
        inventory::Inventory::stored_outcome(any)
    }

    fn command_of_answer(id: AskId, answer: AskAnswer) -> Option<Command> {
        Some(Command::Answered(id, answer))
    }
}
