//! I13 and I15 across streams: no money is asked for before the units are pinned, none is taken before they are
//! committed, and an order is what was quoted, held and paid.
//!
//! A checkout, its payments and its order share a partition, so their order in time can be read from it. A shard
//! lies elsewhere: of it is checked what it did for each hold, and that the checkout had its answer (which it can
//! only have had after the shard's own event) before it went on.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkout::QuoteLine;
use crate::ids::{HoldId, LocationId, OrderId, PaymentId, SkuId, StreamId};
use crate::inventory::Event as StockEvent;
use crate::journal::Recorded;
use crate::order::{self, OrderLine, PlacedOrder};
use crate::payment;

use super::checkouts::{Checkouts, Phase, Session, total};
use super::orders::{Line, Orders, Stage};
use super::{ASK_MARGIN_MS, Invariant, Pending, Report};

#[derive(Clone, Debug, Default)]
pub(super) struct Placing {
    claims: BTreeMap<HoldId, Claim>,
}

/// What a shard did for one hold.
#[derive(Clone, Debug)]
struct Claim {
    stream: StreamId,
    seq: u64,
    sku: SkuId,
    location: LocationId,
    quantity: u32,
    pinned: BTreeSet<PaymentId>,
    pinned_now: bool,
    committed: bool,
    end: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Released,
    Deallocated,
    Shipped,
}

impl Placing {
    pub(super) fn stock(&mut self, recorded: &Recorded, event: &StockEvent) {
        if let StockEvent::Held { hold, sku, location, quantity, pin, .. } = event {
            let claim = Claim {
                stream: recorded.stream,
                seq: recorded.seq,
                sku: *sku,
                location: *location,
                quantity: *quantity,
                pinned: pin.iter().copied().collect(),
                pinned_now: pin.is_some(),
                committed: false,
                end: None,
            };
            self.claims.insert(*hold, claim);
            return;
        }
        let (hold, change): (&HoldId, fn(&mut Claim)) = match event {
            StockEvent::Pinned { hold, .. } => (hold, |claim| claim.pinned_now = true),
            StockEvent::Unpinned { hold, .. } => (hold, |claim| claim.pinned_now = false),
            StockEvent::Committed { hold, .. } => (hold, |claim| claim.committed = true),
            StockEvent::Released { hold } | StockEvent::Expired { hold } => {
                (hold, |claim| claim.end = Some(End::Released))
            }
            StockEvent::Deallocated { hold } => (hold, |claim| claim.end = Some(End::Deallocated)),
            StockEvent::Shipped { hold } => (hold, |claim| claim.end = Some(End::Shipped)),
            _ => return,
        };
        let Some(claim) = self.claims.get_mut(hold) else { return };
        change(claim);
        claim.seq = recorded.seq;
        if let StockEvent::Pinned { payment, .. } = event {
            claim.pinned.insert(*payment);
        }
    }

    pub(super) fn finish(&self, checkouts: &Checkouts, orders: &Orders, report: &mut Report) {
        let mut used: BTreeMap<HoldId, OrderId> = BTreeMap::new();
        for (id, sold) in orders.iter() {
            for line in &sold.placed.lines {
                let at = (StreamId::Order(id), 1);
                let twice = used.insert(line.hold.id, id).is_some();
                report.check(Invariant::I13, !twice, at, || format!("{} is on two lines", line.hold.id));
                self.check_line(id, &sold.placed, line, report);
                if let Some(way) = sold.lines.get(&line.number) {
                    self.check_way(id, line, way, report);
                }
            }
        }
        for (id, session) in checkouts.iter().filter(|(_, session)| session.phase == Phase::Placed) {
            let at = (StreamId::Checkout(id), session.seq());
            let exists = orders.knows(OrderId(id.0));
            report.check(Invariant::I13, exists, at, || format!("{id} is placed and has no order"));
        }
        for (hold, claim) in &self.claims {
            if claim.end.is_none() && !used.contains_key(hold) {
                check_stray(*hold, claim, checkouts, report);
            }
        }
    }

    /// The units of a line are those the shard pinned to the line's payment, and committed.
    fn check_line(&self, id: OrderId, placed: &PlacedOrder, line: &OrderLine, report: &mut Report) {
        let at = (StreamId::Order(id), 1);
        let hold = line.hold.id;
        let Some(claim) = self.claims.get(&hold) else {
            report
                .check(Invariant::I13, false, at, || format!("line {}: {hold} was never taken", line.number));
            return;
        };
        let same = claim.stream == StreamId::Stock(line.hold.shard)
            && (claim.sku, claim.location, claim.quantity) == (line.sku, line.hold.location, line.quantity)
            && hold.checkout == placed.checkout;
        report.check(Invariant::I13, same, at, || {
            format!(
                "line {}: {hold} is {} of {} at {}",
                line.number, claim.quantity, claim.sku, claim.location
            )
        });
        let pinned = placed.payments.iter().any(|(payment, _)| claim.pinned.contains(payment));
        report.check(Invariant::I13, pinned, at, || {
            format!("line {}: {hold} was not pinned for it", line.number)
        });
        report.check(Invariant::I13, claim.committed, at, || {
            format!("line {}: {hold} was not committed", line.number)
        });
    }

    /// The units follow their line: it is sent, they leave; it is cancelled, they come back.
    fn check_way(&self, id: OrderId, line: &OrderLine, way: &Line, report: &mut Report) {
        let Some(claim) = self.claims.get(&line.hold.id) else { return };
        let at = (StreamId::Order(id), way.seq);
        let wanted = match way.stage {
            Stage::Open => None,
            Stage::Shipped | Stage::Delivered => Some(End::Shipped),
            Stage::Cancelled => Some(End::Deallocated),
        };
        if claim.end.is_none() && wanted.is_some() {
            report.pending.push(Pending {
                invariant: Invariant::I13,
                stream: at.0,
                seq: at.1,
                deadline: way.deadline(),
                what: format!("line {}: {} is to end as {wanted:?}", line.number, line.hold.id),
            });
            return;
        }
        report.check(Invariant::I13, claim.end == wanted, at, || {
            format!("line {} is {:?}, {} has ended as {:?}", line.number, way.stage, line.hold.id, claim.end)
        });
    }
}

/// Units that are kept for nobody come back by themselves. (Shards can be driven without checkouts, by a load
/// test: then nobody can say what a hold is for.)
fn check_stray(hold: HoldId, claim: &Claim, checkouts: &Checkouts, report: &mut Report) {
    let Some(session) = checkouts.get(&hold.checkout) else { return };
    let at = (claim.stream, claim.seq);
    let attempt = session.attempts.values().find(|attempt| attempt.holds.contains_key(&hold));
    report
        .check(Invariant::I13, attempt.is_some(), at, || format!("{} never asked for {hold}", hold.checkout));
    let kept = claim.pinned_now || claim.committed;
    let Some(ended) = attempt.and_then(|attempt| attempt.ended).filter(|_| kept) else { return };
    report.pending.push(Pending {
        invariant: Invariant::I13,
        stream: at.0,
        seq: at.1,
        deadline: ended.plus_millis(ASK_MARGIN_MS),
        what: format!("{hold} is kept for an attempt that is over"),
    });
}

/// Money is asked for only once every hold stands, and taken by souk only once every hold is committed.
pub(super) fn payment(
    recorded: &Recorded,
    event: &payment::Event,
    checkouts: &Checkouts,
    report: &mut Report,
) {
    let StreamId::Payment(id) = recorded.stream else { return };
    let at = (recorded.stream, recorded.seq);
    let attempt = checkouts.get(&id.checkout).and_then(|session| session.attempts.get(&id));
    match event {
        payment::Event::Created(intent) => {
            let taken = attempt.is_some_and(|attempt| attempt.taken);
            report.check(Invariant::I13, taken, at, || format!("{id} is created before its holds are taken"));
            let quoted = attempt.and_then(|attempt| attempt.quote.as_ref()).map(total);
            report.check(Invariant::I15, quoted == Some(i128::from(intent.amount.minor)), at, || {
                format!("{id} is to take {}, the pinned quote comes to {quoted:?} minor", intent.amount)
            });
        }
        payment::Event::CaptureStarted { .. } => {
            let asked = attempt.is_some_and(|attempt| attempt.capture_asked);
            report
                .check(Invariant::I13, asked, at, || format!("{id} takes the money before all is committed"));
        }
        _ => {}
    }
}

/// An order is what was quoted, line by line.
pub(super) fn order(recorded: &Recorded, event: &order::Event, checkouts: &Checkouts, report: &mut Report) {
    let order::Event::Placed(placed) = event else { return };
    let at = (recorded.stream, recorded.seq);
    let session = checkouts.get(&placed.checkout);
    let own = session.is_some_and(|session| session.phase == Phase::Placed);
    report.check(Invariant::I13, own, at, || format!("{} placed no order", placed.checkout));
    let quote = session.and_then(Session::pinned);
    let quoted = quote.map_or(&[][..], |quote| &quote.lines);
    let same = placed.lines.len() == quoted.len() && placed.lines.iter().zip(quoted).all(same_line);
    report.check(Invariant::I15, same, at, || "the lines are not those of the pinned quote".to_owned());
}

fn same_line((line, quoted): (&OrderLine, &QuoteLine)) -> bool {
    (line.number, line.sku, line.product, line.vendor)
        == (quoted.number, quoted.sku, quoted.product, quoted.vendor)
        && (line.quantity, line.unit_price, line.shipping)
            == (quoted.quantity, quoted.unit_price, quoted.shipping)
        && (line.list_price, line.seller_of_record) == (quoted.list_price, quoted.seller_of_record)
        && line.discounts == quoted.discounts
        && line.taxes == quoted.taxes
        && line.commission == quoted.commission
}
