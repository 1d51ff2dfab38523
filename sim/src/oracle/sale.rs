//! Whole sales: what leaves one machine for another or for the outside is durable, and in the end the journal, the
//! bank's books and what people were told agree.

use std::collections::{BTreeMap, BTreeSet};

use souk_core::any::Effect;
use souk_core::ask::{Ask, AskAnswer, AskId, AskRequest};
use souk_core::checkout::PayStep;
use souk_core::ids::{OrderId, PaymentId, SkuId, StreamId};
use souk_core::inventory;
use souk_core::journal::EffectId;
use souk_core::order::LineStage;
use souk_core::payment::Standing;
use souk_core::time::Timestamp;

use super::Oracle;
use crate::bank::{Bank, Deed, Stands};
use crate::database::Database;
use crate::kind::AnyState;
use crate::people::has_ended;

impl Oracle {
    /// An ask leaves its host: the event that made it is durable.
    pub fn ask_leaves(&mut self, ask: &Ask, database: &Database) {
        let durable = database.seq(ask.id.stream);
        self.demand(ask.id.seq <= durable, || {
            format!("gate: {:?} leaves while {durable} is durable of its stream", ask.id)
        });
        let base = database.seq(ask.to);
        self.asked.entry(ask.id).or_insert_with(|| (ask.clone(), base));
    }

    /// The answer to another machine's ask leaves: what it rests on is durable.
    pub fn answer_leaves(
        &mut self,
        id: AskId,
        answer: &AskAnswer,
        rests_on: (StreamId, u64),
        database: &Database,
    ) {
        let (stream, seq) = rests_on;
        let durable = database.seq(stream);
        self.demand(seq <= durable, || {
            format!("gate: the answer to {id:?} rests on {seq} of {stream}, durable is {durable}")
        });
        let Some((ask, base)) = self.asked.get(&id) else {
            return self.complain(|| format!("asks: {id:?} is answered and was never asked"));
        };
        let AskRequest::Stock(request) = &ask.request else { return };
        let outcome = match answer {
            AskAnswer::Stock(inventory::Answer::Done(reply)) => Ok(reply.clone()),
            AskAnswer::Stock(inventory::Answer::Refused(rejection)) => Err(*rejection),
            AskAnswer::Stale => Err(inventory::Rejection::Stale),
            _ => return self.complain(|| format!("asks: {id:?} is told {answer:?} by a shard")),
        };
        let command = inventory::Command::Hold { asked: id.seq, request: request.clone() };
        if let Err(what) = self.stock.bears_out(&command, &outcome, *base, durable) {
            self.complain(|| format!("asks: {stream} {what} (until {durable})"));
        }
    }

    /// An order to the outside leaves: its row is durable.
    pub fn effect_leaves(&mut self, id: EffectId, effect: &Effect, database: &Database) {
        let known = database.effects().get(&id);
        self.demand(known == Some(effect), || {
            format!("gate: {id:?} {effect:?} leaves, durable is {known:?}")
        });
    }

    /// Faults are off, and nothing is under way: every sale has come to an end, and every cent is somewhere.
    pub(super) fn sales_have_ended(&mut self, bank: &Bank) {
        let ends: Vec<String> =
            self.folds.iter().filter_map(|(stream, state)| open_end(*stream, state)).collect();
        if let Some(open) = ends.first() {
            self.complain(|| format!("quiet: {open}"));
        }
        let owed = self.owed();
        for (payment, account) in bank.accounts() {
            let open = matches!(account.stands, Stands::Challenged | Stands::Awaiting | Stands::Reserved);
            self.demand(!open, || format!("money: {payment} is still there: {account:?}"));
            let owed = owed.get(payment).copied().unwrap_or_default();
            let kept = account.kept();
            self.demand(kept == owed, || {
                format!("money: the bank keeps {kept} of {payment}, it was sold for {owed}: {account:?}")
            });
        }
        self.one_deed_per_key(bank.deeds());
    }

    /// What each payment was taken for: the lines of its order that are not cancelled.
    fn owed(&self) -> BTreeMap<PaymentId, i64> {
        let mut owed: BTreeMap<PaymentId, i64> = BTreeMap::new();
        for state in self.folds.values() {
            let AnyState::Order(order) = state else { continue };
            let Some(placed) = &order.placed else { continue };
            let stays = |number| order.lines.get(&number).is_some_and(|l| l.stage != LineStage::Cancelled);
            let lines = placed.lines.iter().filter(|line| stays(line.number));
            let kept: i64 = lines.filter_map(|line| line.charged().ok()).map(|money| money.minor).sum();
            for (payment, _) in &placed.payments {
                *owed.entry(*payment).or_default() += kept;
            }
        }
        owed
    }

    fn one_deed_per_key(&mut self, deeds: &[Deed]) {
        let mut done: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut taken: BTreeSet<PaymentId> = BTreeSet::new();
        for deed in deeds {
            let fresh = done.insert((&deed.key, deed.what));
            self.demand(fresh, || format!("money: {deed:?} was done twice"));
            let once = deed.what != "capture" || taken.insert(deed.payment);
            self.demand(once, || format!("money: {} was taken twice", deed.payment));
        }
    }

    /// Until when the attempt may take that this payment belongs to.
    pub fn attempt_until(&self, payment: PaymentId) -> Option<Timestamp> {
        match self.folds.get(&StreamId::Payment(payment)) {
            Some(AnyState::Payment(state)) => state.intent.as_ref().map(|intent| intent.limits.attempt_until),
            _ => None,
        }
    }

    /// How many checkouts are asking to hold this.
    pub fn checkouts_that_hold(&self, sku: SkuId) -> usize {
        let asks = |state: &AnyState| {
            let AnyState::Checkout(checkout) = state else { return false };
            checkout.attempt().is_some_and(|attempt| {
                attempt.step == PayStep::Holding && attempt.holds.iter().any(|hold| hold.sku == sku)
            })
        };
        self.folds.values().filter(|state| asks(state)).count()
    }

    /// Units that anybody could hold.
    pub fn available(&self, sku: SkuId) -> i64 {
        self.stock.available(sku)
    }

    /// What a client was told of an order.
    pub(super) fn told_placed(&mut self, order: OrderId) {
        self.placed.insert(order);
    }
}

/// What of this stream has not come to its end.
fn open_end(stream: StreamId, state: &AnyState) -> Option<String> {
    if let Some(ask) = state.open_asks().and_then(|asks| asks.iter().next()) {
        return Some(format!("{ask:?} has no answer"));
    }
    if let Some(key) = state.parked().first() {
        return Some(format!("{key:?} waits in {stream} for its answer"));
    }
    match state {
        AnyState::Checkout(state) if !has_ended(state) => Some(format!("{stream} is {:?}", state.stage)),
        AnyState::Payment(state) => {
            let unknown = state.standing == Standing::Unknown && !state.never_reached;
            let open = unknown
                || !state.is_over()
                || state.refunds.iter().any(|refund| !refund.done && refund.failed.is_none());
            open.then(|| format!("{stream} is {:?}, {:?}", state.standing, state.refunds))
        }
        AnyState::Order(state) => state.flags.first().map(|flag| format!("{stream} is flagged: {flag:?}")),
        _ => None,
    }
}
