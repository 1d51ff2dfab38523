//! A projection: rows that follow the journal, and how far they have come.
//!
//! Read tables of the real server are many; what all of them promise is the same, and this one is enough to see whether
//! it is kept: every event of a partition is taken once, in the order of its stream, and what the rows say is what the
//! journal folds to.

use std::collections::BTreeMap;

use souk_core::any::AnyEvent;
use souk_core::ids::{Partition, SkuId, StreamId, VendorId};
use souk_core::journal::Recorded;
use souk_core::planted::{self, Bug};
use souk_core::{inventory, order};

/// What readers of the read tables see.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Tables {
    /// The last event of each stream.
    pub seen: BTreeMap<StreamId, u64>,
    /// Units that were ever received, per SKU.
    pub received: BTreeMap<SkuId, i64>,
    /// Units on lines of orders that are not cancelled, per SKU.
    pub sold: BTreeMap<SkuId, i64>,
    /// Money on its way to vendors before any commission: what their lines that are not cancelled cost.
    pub turnover: BTreeMap<VendorId, i64>,
    /// Every hold that was taken and has not ended.
    pub holds: i64,
}

impl Tables {
    /// Takes one event, unless it was taken before.
    pub fn apply(&mut self, recorded: &Recorded, placed: Option<&order::PlacedOrder>) {
        let seen = self.seen.entry(recorded.stream).or_default();
        if recorded.seq <= *seen && !planted::is(Bug::ProjectionTwice) {
            return;
        }
        *seen = recorded.seq;
        match &recorded.event {
            AnyEvent::Stock(event) => match event {
                inventory::Event::Received(movement) => {
                    *self.received.entry(movement.sku).or_default() += i64::from(movement.quantity);
                }
                inventory::Event::Held { .. } => self.holds += 1,
                inventory::Event::Released { .. }
                | inventory::Event::Expired { .. }
                | inventory::Event::Deallocated { .. }
                | inventory::Event::Shipped { .. } => self.holds -= 1,
                _ => {}
            },
            AnyEvent::Order(order::Event::Placed(placed)) => {
                placed.lines.iter().for_each(|line| self.line(line, 1));
            }
            AnyEvent::Order(order::Event::Cancelled { lines, .. }) => {
                let of_order = placed.into_iter().flat_map(|placed| &placed.lines);
                of_order.filter(|line| lines.contains(&line.number)).for_each(|line| self.line(line, -1));
            }
            _ => {}
        }
    }

    fn line(&mut self, line: &order::OrderLine, sign: i64) {
        *self.sold.entry(line.sku).or_default() += sign * i64::from(line.quantity);
        let charged = line.charged().map_or(0, |money| money.minor);
        *self.turnover.entry(line.vendor).or_default() += sign * charged;
    }
}

/// Rows and cursors, in one set of tables.
#[derive(Clone, Default, Debug)]
pub struct Projection {
    /// What readers see.
    pub rows: Tables,
    cursors: BTreeMap<Partition, u64>,
}

impl Projection {
    /// Up to which position this partition was taken.
    pub fn cursor(&self, partition: Partition) -> u64 {
        self.cursors.get(&partition).copied().unwrap_or_default()
    }

    /// One transaction: rows and cursor move together, if the cursor is where the projector read on from.
    pub fn write(&mut self, partition: Partition, from: u64, to: u64, rows: Tables) -> bool {
        if self.cursor(partition) != from {
            return false;
        }
        self.rows = rows;
        self.cursors.insert(partition, to);
        true
    }
}
