//! The closed world: every machine's events, outcomes and effects under one name each, for the parts that
//! serve all machines (journal, verifier, simulator).

use crate::inventory;
use crate::machine::Outcome;

/// An event of any machine.
#[derive(Clone, PartialEq, Debug)]
pub enum AnyEvent {
    /// Of a stock shard.
    Stock(inventory::Event),
}

impl From<inventory::Event> for AnyEvent {
    fn from(event: inventory::Event) -> Self {
        AnyEvent::Stock(event)
    }
}

/// The answer of any machine to a request from outside.
#[derive(Clone, PartialEq, Debug)]
pub enum AnyOutcome {
    /// Of a stock shard.
    Stock(Outcome<inventory::Inventory>),
}

/// An order to the outside world. There is none yet: payments and mail bring the first.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {}
