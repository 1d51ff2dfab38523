//! What the journal says of many sales, what the bank says, what clients were told, and whether all agree.

use std::collections::BTreeMap;
use std::path::PathBuf;

use souk::adapters::payments::test_bank::{self, EffectKind, Record};
use souk::clock::Clock;
use souk::journal::{Database, audit};
use souk_core::any::AnyEvent;
use souk_core::ids::{OrderId, PaymentId, SkuId, StreamId};
use souk_core::inventory::{self, HoldState, Inventory};
use souk_core::machine::{EventMeta, Machine};
use souk_core::order::{LineStage, Order};
use souk_core::payment::Payment;
use souk_core::verify::{Report, Verifier};

use super::deeds::Acknowledged;
use crate::sales::{UNITS, VENDORS, sku};

pub struct Judgement {
    report: Report,
    damage: Vec<String>,
    stock: BTreeMap<StreamId, <Inventory as Machine>::State>,
    payments: BTreeMap<PaymentId, <Payment as Machine>::State>,
    orders: BTreeMap<OrderId, <Order as Machine>::State>,
    received: BTreeMap<SkuId, u64>,
    bank: Vec<Record>,
}

impl Judgement {
    /// Reads everything; the server may be running. `banks` are the logs of the banks that were called, one after the
    /// other.
    pub async fn read(database: &Database, banks: &[PathBuf]) -> Self {
        // The banks first: what they tell later, the journal may know already, never the other way round.
        let bank = merged(banks);
        let mut verifier = Verifier::new();
        let (mut stock, mut payments, mut orders) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut received: BTreeMap<SkuId, u64> = BTreeMap::new();
        let damage = audit::read(database, |recorded, _| {
            verifier.event(recorded);
            let meta = EventMeta { seq: recorded.seq, at: recorded.at };
            match (&recorded.event, recorded.stream) {
                (AnyEvent::Stock(event), stream) => {
                    let shard = stock.entry(stream).or_insert_with(|| Inventory::initial(stream));
                    Inventory::apply(shard, meta, event);
                    if let inventory::Event::Received(movement) = event {
                        *received.entry(movement.sku).or_default() += u64::from(movement.quantity);
                    }
                }
                (AnyEvent::Payment(event), StreamId::Payment(id)) => {
                    let payment = payments.entry(id).or_insert_with(|| Payment::initial(recorded.stream));
                    Payment::apply(payment, meta, event);
                }
                (AnyEvent::Order(event), StreamId::Order(id)) => {
                    let order = orders.entry(id).or_insert_with(|| Order::initial(recorded.stream));
                    Order::apply(order, meta, event);
                }
                _ => {}
            }
        });
        let damage = damage.await.expect("the journal can be read");
        Judgement { report: verifier.finish(), damage, stock, payments, orders, received, bank }
    }

    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// What must be once everything has come to rest; `Err` says what is not.
    pub fn is_at_rest(&self, acknowledged: &Acknowledged) -> Result<(), String> {
        let faults = test_bank::audit(&self.bank).faults;
        if !(self.damage.is_empty() && self.report.violations.is_empty() && faults.is_empty()) {
            return Err(format!("{:?}\n{:#?}\n{faults:?}", self.damage, self.report.violations));
        }
        if !self.report.is_green(Clock::system().now()) || !self.report.pending.is_empty() {
            let first: Vec<_> = self.report.pending.iter().take(5).collect();
            return Err(format!("{} under way, like {first:#?}", self.report.pending.len()));
        }
        for (id, payment) in &self.payments {
            self.agrees_with_the_bank(*id, payment)?;
        }
        self.bears_out(acknowledged)?;
        self.units_add_up()
    }

    fn agrees_with_the_bank(
        &self,
        id: PaymentId,
        payment: &<Payment as Machine>::State,
    ) -> Result<(), String> {
        let [reserved, taken, let_go, back] =
            [EffectKind::Authorise, EffectKind::Capture, EffectKind::Void, EffectKind::Refund]
                .map(|kind| self.moved(id, kind));
        let captured = if payment.is_captured() { payment.intent.as_ref() } else { None };
        let captured = captured.map_or(0, |intent| i128::from(intent.amount.minor));
        if (taken, back) != (captured, payment.refunded_minor()) {
            return Err(format!(
                "{id}: {taken} taken and {back} back at the bank, {captured} in the journal"
            ));
        }
        if reserved > 0 && reserved != taken + let_go {
            return Err(format!("{id}: {reserved} reserved, {taken} taken, {let_go} let go"));
        }
        let order = self.orders.get(&OrderId(id.checkout.0));
        let is_kept =
            order.is_some_and(|order| order.lines.values().any(|line| line.stage != LineStage::Cancelled));
        if (taken > back) != is_kept && taken > 0 {
            return Err(format!("{id}: {taken} taken, {back} back, and the order stands: {is_kept}"));
        }
        Ok(())
    }

    fn moved(&self, payment: PaymentId, kind: EffectKind) -> i128 {
        let effects = self.bank.iter().filter_map(Record::effect);
        let of = effects.filter(|(id, _, effect)| *id == payment && effect.kind == kind);
        of.map(|(_, _, effect)| i128::from(effect.amount.minor)).sum()
    }

    fn bears_out(&self, acknowledged: &Acknowledged) -> Result<(), String> {
        let lost = acknowledged.placed.iter().find(|order| !self.orders.contains_key(order));
        if let Some(order) = lost {
            return Err(format!("{order} was told to its buyer, and is not there"));
        }
        for order in &acknowledged.cancelled {
            let lines = self.orders.get(order).map(|order| &order.lines);
            if !lines.is_some_and(|lines| lines.values().all(|line| line.stage == LineStage::Cancelled)) {
                return Err(format!("{order} was told to be cancelled, and stands"));
            }
        }
        for vendor in VENDORS {
            let sku = sku(vendor);
            let told = u64::from(UNITS) + acknowledged.received.get(&sku).copied().unwrap_or_default();
            let known = self.received.get(&sku).copied().unwrap_or_default();
            // Whoever brings units insists until it is told, so at rest nothing is there that nobody was told of.
            if known != told {
                return Err(format!("{told} units of {sku} were told to have come, {known} have"));
            }
        }
        Ok(())
    }

    fn units_add_up(&self) -> Result<(), String> {
        let mut sold: BTreeMap<SkuId, i64> = BTreeMap::new();
        for order in self.orders.values() {
            for line in order.placed.iter().flat_map(|placed| &placed.lines) {
                let stage = order.lines.get(&line.number).map(|it| it.stage);
                if stage != Some(LineStage::Cancelled) {
                    *sold.entry(line.sku).or_default() += i64::from(line.quantity);
                }
            }
        }
        for (sku, known) in self.stock.values().flat_map(|shard| &shard.skus) {
            let level = |of: fn(&inventory::Level) -> i64| known.levels.values().map(of).sum::<i64>();
            let sold = sold.get(sku).copied().unwrap_or_default();
            let received = self.received.get(sku).copied().unwrap_or_default() as i64;
            let seen = (known.available(), level(|it| it.held), level(|it| it.allocated));
            if seen != (received - sold, 0, sold) {
                return Err(format!(
                    "{sku}: {seen:?} available, held, allocated; {received} came, {sold} sold"
                ));
            }
        }
        let holds = self.stock.values().flat_map(|shard| shard.holds.values());
        match holds.filter(|hold| hold.state != HoldState::Allocated).count() {
            0 => Ok(()),
            left => Err(format!("{left} holds are left")),
        }
    }
}

/// The logs of banks that took each other's place, as one provider would have it: what was done under the same key
/// before is not done again.
fn merged(banks: &[PathBuf]) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    for path in banks {
        let known: Vec<String> =
            all.iter().filter_map(Record::effect).map(|(_, key, _)| key.to_owned()).collect();
        let records = test_bank::read(path).expect("the bank's log");
        let is_known =
            |record: &Record| record.effect().is_some_and(|(_, key, _)| known.iter().any(|it| it == key));
        all.extend(records.into_iter().filter(|record| !is_known(record)));
    }
    all
}
