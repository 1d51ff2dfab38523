//! What the journal says of a directory's only sale, what the bank says, and whether the two agree.

use std::collections::{BTreeMap, BTreeSet};

use souk::adapters::payments::test_bank::{self, EffectKind, LOG_FILE, MethodKind, Record, Request, Said};
use souk::clock::Clock;
use souk::journal::{Database, audit, wire};
use souk_core::any::AnyEvent;
use souk_core::ids::{PaymentId, StreamId};
use souk_core::inventory::{HoldState, Inventory, Level};
use souk_core::machine::{EventMeta, Machine};
use souk_core::payment::{Payment, Standing};
use souk_core::verify::{Report, Told, Verifier};

use crate::sales::UNITS;
use crate::servers::Backend;

pub struct Books {
    report: Report,
    damage: Vec<String>,
    /// Every kind of event there is.
    pub kinds: BTreeSet<String>,
    stock: BTreeMap<StreamId, <Inventory as Machine>::State>,
    payments: BTreeMap<PaymentId, <Payment as Machine>::State>,
    pub orders: usize,
    bank: Vec<Record>,
}

impl Books {
    /// Reads both; the server may be running. `acknowledged` is the order that the shopper was told of.
    pub async fn read(backend: &Backend, acknowledged: Option<&str>) -> Self {
        // The bank first: what it tells later, the journal may know already, never the other way round.
        let bank = test_bank::read(&backend.data_dir().join(LOG_FILE)).expect("the bank's log");
        let mut verifier = Verifier::new();
        let (mut kinds, mut orders) = (BTreeSet::new(), 0);
        let (mut stock, mut payments) = (BTreeMap::new(), BTreeMap::new());
        let database: Database = backend.url().parse().expect("an address");
        let damage = audit::read(&database, |recorded, _| {
            verifier.event(recorded);
            kinds.insert(wire::encode(&recorded.event).expect("an event").kind.to_owned());
            let meta = EventMeta { seq: recorded.seq, at: recorded.at };
            match (&recorded.event, recorded.stream) {
                (AnyEvent::Stock(event), stream) => {
                    let shard = stock.entry(stream).or_insert_with(|| Inventory::initial(stream));
                    Inventory::apply(shard, meta, event);
                }
                (AnyEvent::Payment(event), StreamId::Payment(id)) => {
                    let payment = payments.entry(id).or_insert_with(|| Payment::initial(recorded.stream));
                    Payment::apply(payment, meta, event);
                }
                (AnyEvent::Order(souk_core::order::Event::Placed(_)), _) => orders += 1,
                _ => {}
            }
        });
        let damage = damage.await.expect("readable");
        if let Some(order) = acknowledged {
            verifier.acknowledged(&Told::Placed(order.parse().expect("an order's id")));
        }
        Books { report: verifier.finish(), damage, kinds, stock, payments, orders, bank }
    }

    /// Whether there is an event of this kind, or a call of this name.
    pub fn has(&self, name: &str) -> bool {
        self.kinds.contains(name) || self.calls().contains(name)
    }

    /// What the bank was asked for, as kill points name it.
    pub fn calls(&self) -> BTreeSet<&'static str> {
        let named = |record: &Record| match record {
            Record::Answered { request, .. } => Some(match request {
                Request::Authorise { .. } => "call.authorise",
                Request::Capture { .. } => "call.capture",
                Request::Void => "call.void",
                Request::Refund { .. } => "call.refund",
            }),
            _ => None,
        };
        self.bank.iter().filter_map(named).collect()
    }

    /// What is still under way; nothing once everything has come to rest.
    pub fn under_way(&self) -> Vec<String> {
        let mut found: Vec<String> = self.report.pending.iter().map(|it| format!("{it:?}")).collect();
        for (id, payment) in &self.payments {
            if !payment.is_over() {
                found.push(format!("{id} is {:?}", payment.standing));
            }
            let moved = |kind| self.moved(*id, kind);
            let captured = if payment.is_captured() { payment.intent.as_ref() } else { None };
            let captured = captured.map_or(0, |intent| i128::from(intent.amount.minor));
            let said = (moved(EffectKind::Capture), moved(EffectKind::Refund));
            if said != (captured, payment.refunded_minor()) {
                found.push(format!("{id}: {said:?} at the bank, {captured} captured in the journal"));
            }
            if self.has_unpaid_slip(*id) {
                found.push(format!("{id}: the slip is paid despite the void, one day"));
            }
        }
        found
    }

    fn moved(&self, payment: PaymentId, kind: EffectKind) -> i128 {
        let effects = self.bank.iter().filter_map(Record::effect);
        let of = effects.filter(|(id, _, effect)| *id == payment && effect.kind == kind);
        of.map(|(_, _, effect)| i128::from(effect.amount.minor)).sum()
    }

    fn has_unpaid_slip(&self, payment: PaymentId) -> bool {
        let handed_out = |record: &&Record| {
            matches!(record, Record::Answered {
                payment: id,
                request: Request::Authorise { method: MethodKind::PayLater, token, .. },
                said: Said::AwaitingPayment { .. },
                ..
            } if *id == payment && token == "pay_later_despite_void")
        };
        let is_paid = |record: &Record| matches!(record, Record::Paid { payment: id, .. } if *id == payment);
        self.bank.iter().any(|record| handed_out(&record)) && !self.bank.iter().any(is_paid)
    }

    /// What must never be, at any time.
    pub fn is_sound(&self) -> Result<(), String> {
        let faults = test_bank::audit(&self.bank).faults;
        if self.damage.is_empty() && self.report.violations.is_empty() && faults.is_empty() {
            return Ok(());
        }
        Err(format!("{:?}\n{:#?}\n{faults:?}", self.damage, self.report.violations))
    }

    /// What must be once everything has come to rest.
    pub fn is_at_rest(&self) -> Result<(), String> {
        self.is_sound()?;
        if !self.report.is_green(Clock::system().now()) {
            return Err(format!("not green: {:?}", self.report.pending));
        }
        for (id, payment) in &self.payments {
            if payment.standing == Standing::Unknown && !payment.never_reached {
                return Err(format!("{id} is unknown"));
            }
            let [reserved, taken, let_go, back] =
                [EffectKind::Authorise, EffectKind::Capture, EffectKind::Void, EffectKind::Refund]
                    .map(|kind| self.moved(*id, kind));
            if reserved > 0 && reserved != taken + let_go {
                return Err(format!("{id}: {reserved} reserved, {taken} taken, {let_go} let go"));
            }
            if (taken > back) != (self.orders == 1) {
                return Err(format!("{id}: {taken} taken, {back} given back, {} orders", self.orders));
            }
        }
        let sold = self.orders as i64;
        for (sku, known) in self.stock.values().flat_map(|shard| &shard.skus) {
            let level = |of: fn(&Level) -> i64| known.levels.values().map(of).sum::<i64>();
            let seen = (known.available(), level(|it| it.held), level(|it| it.allocated));
            if seen != (i64::from(UNITS) - sold, 0, sold) {
                return Err(format!("{sku}: {seen:?} available, held, allocated after {sold} sold"));
            }
        }
        let holds = self.stock.values().flat_map(|shard| shard.holds.values());
        match holds.filter(|hold| hold.state != HoldState::Allocated).count() {
            0 => Ok(()),
            left => Err(format!("{left} holds are left")),
        }
    }
}
