//! What people want. Whoever wants something keeps asking until it knows what came of it, or gives up not knowing.

mod buyer;
mod clerk;
mod holders;
mod keeper;

use std::fmt;
use std::rc::Rc;

use souk_core::any::AnyOutcome;
use souk_core::ids::{CheckoutId, OrderId, PaymentId, SkuId, StreamId, VendorId};
use souk_core::inventory::{self, Rejection, Reply};
use souk_core::payment::RefundId;
use souk_core::time::Timestamp;

use crate::kind::{AnyCommand, AnyState};
use crate::plan::Plan;
use crate::rng::Rng;
use crate::schedule::Micros;

pub(crate) use buyer::has_ended;

use buyer::Buyer;
use clerk::Clerk;
use holders::Holder;
use keeper::Keeper;

/// One thing wanted.
#[derive(Clone, Debug)]
pub(crate) enum Errand {
    /// A command to a shard, under a name or without one.
    Order { command: inventory::Command, named: bool, sku: SkuId },
    /// An order about a hold, the way one machine gives it to another.
    Ask { asked: u64, checkout: CheckoutId, request: inventory::Request, sku: SkuId },
    /// The state of the SKU's shard.
    Read(SkuId),
    /// Something else under another one's name.
    Misuse { of: usize },
    /// A command to any machine, under a name.
    Give { to: StreamId, command: AnyCommand },
    /// Any machine's state.
    Look(StreamId),
}

/// What somebody does next.
#[derive(Debug)]
pub(crate) enum Next {
    Rest(Micros),
    Want(Box<Errand>),
    /// Does at the bank's what this payment waits for, or fails to.
    AtTheBank(PaymentId, bool),
    /// Has nothing to do unless something new comes up.
    Idle,
    Content,
}

impl Errand {
    /// What it wants to hold.
    pub fn holds(&self) -> Option<SkuId> {
        match self {
            Errand::Order { command: inventory::Command::Hold { request, .. }, sku, .. }
            | Errand::Ask { request, sku, .. } => {
                matches!(request, inventory::Request::Hold { .. }).then_some(*sku)
            }
            _ => None,
        }
    }
}

impl Next {
    /// Gives this command to this machine.
    fn give(to: StreamId, command: AnyCommand) -> Self {
        Next::want(Errand::Give { to, command })
    }

    fn want(errand: Errand) -> Self {
        Next::Want(Box::new(errand))
    }
}

/// What came of an errand.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// A shard's answer.
    Told(Result<Reply, Rejection>),
    /// Any machine's answer.
    Heard(AnyOutcome),
    Shown(Rc<AnyState>),
    /// Somebody else has used its name.
    NameTaken,
}

/// What everybody can see.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub now: Timestamp,
    /// Everything is on sale.
    pub open: bool,
    pub plan: &'a Plan,
    /// What was sold, oldest first.
    pub sold: &'a [Sold],
    /// Refunds that were refused, oldest first.
    pub refused: &'a [RefundId],
}

/// An order as those who handle it see it.
#[derive(Clone, Debug)]
pub(crate) struct Sold {
    pub order: OrderId,
    /// The vendor and the lines of each vendor order, from number 1.
    pub vendor_orders: Vec<(VendorId, Vec<u32>)>,
}

/// Somebody with a plan.
pub(crate) trait Person: fmt::Debug {
    fn next(&mut self, scene: &Scene, rng: &mut Rng) -> Next;

    /// Whether it stops waiting for this, not knowing what became of it.
    fn gives_up(&mut self, errand: &Errand, rng: &mut Rng) -> bool;

    /// Learns what came of an errand. Says whether everything is on sale now.
    fn hears(&mut self, errand: &Errand, outcome: Outcome, rng: &mut Rng) -> Result<bool, String>;

    /// The stream it speaks for, which then has no host.
    fn speaks_for(&self) -> Option<StreamId> {
        None
    }
}

/// Everybody of a history; the first is the operator.
pub(crate) fn everybody(plan: &Plan, rng: &mut Rng) -> Vec<Box<dyn Person>> {
    let mut people: Vec<Box<dyn Person>> = Vec::new();
    match &plan.shop {
        None => {
            people.push(Box::new(Holder::operator(plan, rng)));
            for n in 0..plan.shoppers {
                people.push(Box::new(Holder::shopper(n, plan, rng)));
            }
        }
        Some(shop) => {
            people.push(Box::new(Keeper::new(plan, shop, rng)));
            for vendor in &shop.vendors {
                people.push(Box::new(Clerk::new(*vendor, shop)));
            }
            for n in 0..plan.shoppers {
                people.push(Box::new(Buyer::new(n, shop.carts, shop, rng)));
            }
        }
    }
    people
}
