//! The order machine: scripts and properties.

mod properties;
mod scripts;

use crate::ask::{Ask, AskAnswer};
use crate::ids::{ParcelId, StreamId, VendorId};
use crate::machine::{Ctx, Decision, EventMeta, Machine, Reply as Told};
use crate::time::Timestamp;
use crate::{ids::Principal, inventory};

use super::fixture::{HIGH_VENDOR, LOW_VENDOR, ORDER, two_vendors};
use super::*;

/// An order as its host would run it, without the host.
#[derive(Clone)]
struct Run {
    state: State,
    seq: u64,
    log: Vec<(EventMeta, Event)>,
    effects: Vec<any::Effect>,
}

impl Run {
    fn new(placed: PlacedOrder) -> Self {
        let mut run = Run {
            state: Order::initial(StreamId::Order(ORDER)),
            seq: 0,
            log: Vec::new(),
            effects: Vec::new(),
        };
        run.apply(vec![Event::Placed(placed)]);
        run
    }

    fn apply(&mut self, events: Vec<Event>) {
        for event in events {
            self.seq += 1;
            let meta = EventMeta { seq: self.seq, at: Timestamp::from_millis(self.seq as i64 * 1_000) };
            Order::apply(&mut self.state, meta, &event);
            self.log.push((meta, event));
        }
    }

    fn decide(&self, command: &Command) -> Result<Decision<Order>, Rejection> {
        let ctx = Ctx {
            stream: StreamId::Order(ORDER),
            now: Timestamp::from_millis(self.seq as i64 * 1_000 + 1),
            next_seq: self.seq + 1,
            key: None,
            principal: Principal::System,
        };
        Order::decide(&self.state, command, &ctx)
    }

    fn does(&mut self, command: Command) -> Result<Reply, Rejection> {
        let decision = self.decide(&command)?;
        self.apply(decision.events);
        self.effects.extend(decision.effects);
        match decision.reply {
            Told::Now(reply) => Ok(reply),
            Told::Parked => panic!("an order parks nothing"),
        }
    }

    /// Answers one ask; says how many events that made.
    fn answers(&mut self, ask: &Ask, answer: AskAnswer) -> usize {
        let before = self.log.len();
        let command = Order::command_of_answer(ask.id, answer).unwrap();
        assert_eq!(self.does(command), Ok(Reply::Noted));
        self.log.len() - before
    }

    fn open_asks(&self) -> Vec<Ask> {
        Order::open_asks(&self.state).unwrap().iter().cloned().collect()
    }

    fn last(&self) -> &Event {
        &self.log.last().unwrap().1
    }
}

fn ship(by: Actor, vendor_order: u32, parcel: u128, lines: Option<Vec<u32>>) -> Command {
    Command::Ship { by, vendor_order, parcel: ParcelId(parcel), lines, tracking: None }
}

fn cancel(by: Actor, scope: Scope) -> Command {
    Command::Cancel { by, scope, reason: CancelReason::Other }
}

fn done() -> AskAnswer {
    AskAnswer::Stock(inventory::Answer::Done(inventory::Reply::Shipped))
}

const HIGH: Actor = Actor::Vendor(HIGH_VENDOR);
const LOW: Actor = Actor::Vendor(LOW_VENDOR);
const STRANGER: Actor = Actor::Vendor(VendorId(1));
