//! Orders from one machine to another.
//!
//! An ask is part of the asking machine's state: "asked, not answered". Its id says where it came from, the
//! host repeats it until it is answered, and the answer comes back as a command. Asks may arrive late, twice or
//! out of order; the answering machine keeps, per thing, the highest asking seq it has seen.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::StreamId;
use crate::planted::{self, Bug};
use crate::{checkout, inventory, order, payment, product, vendor};

/// Names an ask by the event that made it: stream, seq, and a number within that event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AskId {
    /// Who asks.
    pub stream: StreamId,
    /// The seq of the event that made the ask.
    pub seq: u64,
    /// Tells asks of one event apart.
    pub n: u16,
}

impl fmt::Debug for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}.{}", self.stream, self.seq, self.n)
    }
}

/// An order to another machine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// Its name; the same in every repetition.
    pub id: AskId,
    /// Who is asked.
    pub to: StreamId,
    /// What is asked.
    pub request: AskRequest,
}

/// Everything one machine may ask another.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum AskRequest {
    /// To a stock shard, about a hold.
    Stock(inventory::Request),
    /// To a stock shard, about a SKU: the product opens or closes it.
    StockSku(inventory::SkuRequest),
    /// To a vendor.
    Vendor(vendor::Request),
    /// To a product.
    Product(product::Request),
    /// To a payment.
    Payment(payment::Request),
    /// To a checkout.
    Checkout(checkout::Request),
    /// To an order.
    Order(order::Request),
}

/// Everything one machine may answer another. Always given at once, if only to say "waiting".
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum AskAnswer {
    /// From a stock shard.
    Stock(inventory::Answer),
    /// From a vendor.
    Vendor(vendor::Answer),
    /// From a product.
    Product(product::Answer),
    /// From a payment.
    Payment(payment::Answer),
    /// From a checkout.
    Checkout(checkout::Answer),
    /// From an order.
    Order(order::Answer),
    /// Heard; what was asked takes time (a person, a bank). The one asked will say so by an ask of its own, which
    /// closes this one; until then it may be repeated.
    Waiting,
    /// The one asked has no history: there is no such thing.
    Unknown,
    /// A later ask about the same thing has already been answered; nothing changed.
    Stale,
}

/// Asks that have no answer yet, by id.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpenAsks {
    #[serde(with = "as_list")]
    open: BTreeMap<AskId, Ask>,
}

impl OpenAsks {
    /// Records that `ask` was made.
    pub fn insert(&mut self, ask: Ask) {
        self.open.insert(ask.id, ask);
    }

    /// Records that it was answered; returns it unless it was closed before.
    pub fn close(&mut self, id: &AskId) -> Option<Ask> {
        if planted::is(Bug::AnsweredAskStaysOpen) && matches!(id.stream, StreamId::Order(_)) {
            return self.open.get(id).cloned();
        }
        self.open.remove(id)
    }

    /// Records that these need no answer any more: something later has overtaken them.
    pub fn close_where(&mut self, overtaken: impl Fn(&Ask) -> bool) {
        self.open.retain(|_, ask| !overtaken(ask));
    }

    /// Whether this ask still waits for its answer.
    pub fn contains(&self, id: &AskId) -> bool {
        self.open.contains_key(id)
    }

    /// The open ask of this id.
    pub fn get(&self, id: &AskId) -> Option<&Ask> {
        self.open.get(id)
    }

    /// All open asks, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Ask> {
        self.open.values()
    }

    /// Whether nothing is waiting for an answer.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// How many asks wait.
    pub fn len(&self) -> usize {
        self.open.len()
    }
}

/// JSON maps want text keys, so the map travels as its values, each of which names itself.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Ask, AskId};

    pub fn serialize<S: Serializer>(open: &BTreeMap<AskId, Ask>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(open.values())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<AskId, Ask>, D::Error> {
        let asks = Vec::<Ask>::deserialize(deserializer)?;
        Ok(asks.into_iter().map(|ask| (ask.id, ask)).collect())
    }
}
