//! The invariants, checked over a journal: one implementation for `souk verify` and the simulator.
//!
//! The verifier keeps its own, deliberately naive books beside the machines' fold: a mistake in `apply` must
//! not be able to hide itself. Invariants of one stream are checked at every prefix, those across streams over
//! the whole.

mod amounts;
mod checkouts;
mod factors;
mod folds;
mod ledger;
mod orders;
mod outside;
mod payments;
mod people;
mod placing;
mod report;
mod stock;
mod streams;
#[cfg(test)]
mod tests;
mod told;
mod tries;

use crate::any::{AnyEvent, AnyOutcome, Effect};
use crate::ids::{LocationId, Partition, SkuId, StreamId};
use crate::inventory::Level;
use crate::journal::{EffectId, Recorded};
use crate::machine::CommandId;

pub use report::{Invariant, Pending, Report, Violation};
pub use told::Told;

/// How long after its limit a payment attempt may take to come to an end: the provider is asked again and again,
/// and may be down.
pub const PAYMENT_MARGIN_MS: i64 = 15 * 60 * 1000;
/// How long after the last moment for late money somebody may still ask for it: one of the pauses between look-ups,
/// and what an answer may take.
pub const LATE_MONEY_MARGIN_MS: i64 = crate::payment::LATE_LOOK_UP_PAUSE_MAX_MS + PAYMENT_MARGIN_MS;
/// How long a refund may be under way.
pub const REFUND_MARGIN_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a person may take to see to a refund that was refused.
pub const PERSON_MARGIN_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long an ask may stay unanswered: ten times the longest pause between its repetitions.
pub const ASK_MARGIN_MS: i64 = 10 * 60 * 1000;

/// Reads a journal event by event, each partition in order.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    streams: streams::Streams,
    stock: stock::Stock,
    placing: placing::Placing,
    checkouts: checkouts::Checkouts,
    payments: payments::Payments,
    orders: orders::Orders,
    ledger: ledger::Ledger,
    people: people::People,
    folds: folds::Folds,
    outside: outside::Outside,
    report: Report,
}

impl Verifier {
    /// A verifier that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next event of its partition.
    pub fn event(&mut self, recorded: &Recorded) {
        let report = &mut self.report;
        report.events += 1;
        self.streams.event(recorded, report);
        let mut place = None;
        match &recorded.event {
            AnyEvent::Stock(event) => {
                place = self.stock.event(recorded, event, report);
                self.placing.stock(recorded, event);
            }
            AnyEvent::Checkout(event) => self.checkouts.event(recorded, event, &self.payments, report),
            AnyEvent::Payment(event) => {
                placing::payment(recorded, event, &self.checkouts, report);
                self.outside.payment(recorded, event, report);
                self.payments.event(recorded, event, &self.orders, report);
            }
            AnyEvent::Order(event) => {
                placing::order(recorded, event, &self.checkouts, report);
                self.orders.event(recorded, event, &self.payments, report);
                self.ledger.event(recorded, event, (&self.orders, &self.payments), report);
            }
            // What they promise is promised to checkouts and shards, and checked there.
            AnyEvent::Vendor(_) | AnyEvent::Product(_) => {}
            AnyEvent::Person(event) => self.people.person(recorded, event, report),
            AnyEvent::Family(event) => self.people.family(recorded, event, report),
        }
        let books = folds::Books {
            stock: &self.stock,
            checkouts: &self.checkouts,
            payments: &self.payments,
            orders: &self.orders,
        };
        self.folds.event(recorded, place, &books, report);
    }

    /// No more events of this partition will come: the machines' states of its streams are dropped. Whoever reads a
    /// journal partition by partition needs memory for the states of one.
    pub fn partition_was_read(&mut self, partition: Partition) {
        self.folds.forget(partition);
    }

    /// Reads a row of the outbox; before or after the events, in any order.
    pub fn effect(&mut self, id: EffectId, effect: &Effect) {
        self.outside.effect(id, effect, &mut self.report);
    }

    /// Reads a stored reply of this stream; `seq`: what the stream had come to then, where that is known.
    pub fn reply(&mut self, command: CommandId, stream: StreamId, seq: Option<u64>, outcome: &AnyOutcome) {
        self.outside.reply(command, (stream, seq), outcome, &mut self.report);
    }

    /// A snapshot was compared with what the stream's events fold to: the caller folds, since it alone knows how
    /// snapshots are kept.
    pub fn snapshot(&mut self, stream: StreamId, seq: u64, matches: bool) {
        self.report.check(Invariant::I11, matches, (stream, seq), || {
            "the snapshot is not what the events fold to".to_owned()
        });
    }

    /// Reads a projection's cursor.
    pub fn cursor(&mut self, partition: Partition, position: u64) {
        self.outside.cursor(partition, position);
    }

    /// The findings so far, without the checks that need the whole journal. For checks after every event.
    pub fn violations(&self) -> &[Violation] {
        &self.report.violations
    }

    /// One location's units of a SKU, by the verifier's own books.
    pub fn level(&self, sku: SkuId, location: LocationId) -> Level {
        self.stock.level(sku, location)
    }

    /// All events have been read: does the journal bear out what a client was told?
    pub fn acknowledged(&mut self, told: &Told) {
        let borne_out = match told {
            Told::Placed(order) => self.orders.knows(*order),
            of_stock => self.stock.bears_out(of_stock),
        };
        self.report.check(Invariant::I8, borne_out, (told.stream(), 0), || {
            format!("a client was told \"{told}\", the journal does not say so")
        });
    }

    /// All events have been read.
    pub fn finish(mut self) -> Report {
        let report = &mut self.report;
        report.streams = self.streams.count();
        self.stock.finish(&self.orders, report);
        self.checkouts.finish(report);
        self.payments.finish(&self.orders, report);
        self.orders.finish(report);
        self.placing.finish(&self.checkouts, &self.orders, report);
        self.ledger.finish(report);
        self.people.finish(report);
        self.outside.finish(&self.streams, &self.orders, report);
        self.report
    }
}
