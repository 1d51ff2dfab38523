//! I12, I14, I15 and I20 of orders: each is placed once, for money that was taken, and every line goes one way.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{OrderId, ParcelId, PaymentId, SkuId, StreamId};
use crate::journal::Recorded;
use crate::money::{Currency, Money};
use crate::order::{Event, OrderLine, PlacedOrder, RefundPart};
use crate::payment::RefundId;
use crate::time::Timestamp;

use super::amounts::Terms;
use super::payments::Payments;
use super::{ASK_MARGIN_MS, Invariant, Pending, Report};

#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    by_id: BTreeMap<OrderId, Sold>,
    paid_by: BTreeMap<PaymentId, Vec<OrderId>>,
    refunds: BTreeMap<RefundId, Back>,
}

/// What was sold, and how far each line is.
#[derive(Clone, Debug)]
pub(super) struct Sold {
    pub(super) placed: PlacedOrder,
    pub(super) lines: BTreeMap<u32, Line>,
    parcels: BTreeMap<ParcelId, Vec<u32>>,
    accepted: BTreeSet<u32>,
}

/// One line's way, and since when it is where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) stage: Stage,
    pub(super) seq: u64,
    pub(super) at: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Open,
    Shipped,
    Delivered,
    Cancelled,
}

#[derive(Clone, Copy, Debug)]
struct Back {
    part: RefundPart,
    seq: u64,
    at: Timestamp,
    stage: BackStage,
}

/// How far a refund is, as its order knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BackStage {
    Pending,
    Done,
    Refused,
    Replaced,
}

impl Orders {
    /// Whether this order was placed.
    pub(super) fn knows(&self, order: OrderId) -> bool {
        self.by_id.contains_key(&order)
    }

    /// The orders that name this payment.
    pub(super) fn paid_by(&self, payment: &PaymentId) -> &[OrderId] {
        self.paid_by.get(payment).map_or(&[], Vec::as_slice)
    }

    /// Of which payment an order asked this refund, and how much.
    pub(super) fn refund(&self, id: &RefundId) -> Option<(PaymentId, Money)> {
        self.refunds.get(id).map(|back| (back.part.payment, back.part.amount))
    }

    /// The order of this id.
    pub(super) fn get(&self, order: &OrderId) -> Option<&Sold> {
        self.by_id.get(order)
    }

    /// The refunds of an order, by their numbers.
    pub(super) fn backs(&self, order: OrderId) -> impl Iterator<Item = (RefundPart, BackStage)> {
        let own = RefundId { order, n: 0 }..=RefundId { order, n: u32::MAX };
        self.refunds.range(own).map(|(_, back)| (back.part, back.stage))
    }

    /// What was sold and not cancelled, all orders together.
    pub(super) fn sold(&self) -> BTreeMap<SkuId, i128> {
        let mut sold: BTreeMap<SkuId, i128> = BTreeMap::new();
        for order in self.by_id.values() {
            let stands =
                |number: &u32| order.lines.get(number).is_some_and(|line| line.stage != Stage::Cancelled);
            for line in order.placed.lines.iter().filter(|line| stands(&line.number)) {
                *sold.entry(line.sku).or_default() += i128::from(line.quantity);
            }
        }
        sold
    }

    /// Every order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (OrderId, &Sold)> {
        self.by_id.iter().map(|(id, sold)| (*id, sold))
    }

    pub(super) fn event(
        &mut self,
        recorded: &Recorded,
        event: &Event,
        payments: &Payments,
        report: &mut Report,
    ) {
        let StreamId::Order(id) = recorded.stream else { return };
        let at = (recorded.stream, recorded.seq);
        if let Event::Placed(placed) = event {
            self.place(id, placed, recorded, payments, report);
            return;
        }
        let Some(sold) = self.by_id.get_mut(&id) else {
            report.check(Invariant::I14, false, at, || format!("{id} was never placed"));
            return;
        };
        match event {
            Event::Placed(_) | Event::StockAnswered { refused: None, .. } => {}
            Event::Accepted { vendor_order } => {
                let fresh = sold.accepted.insert(*vendor_order);
                report.check(Invariant::I14, fresh, at, || {
                    format!("-{vendor_order} is accepted a second time")
                });
            }
            Event::Shipped { parcel, vendor_order, lines, .. } => {
                let accepted = sold.accepted.contains(vendor_order);
                report.check(Invariant::I14, accepted, at, || {
                    format!("-{vendor_order} ships without being accepted")
                });
                let fresh = sold.parcels.insert(*parcel, lines.clone()).is_none();
                report.check(Invariant::I14, fresh, at, || format!("{parcel} leaves a second time"));
                sold.step(lines, Stage::Open, Stage::Shipped, recorded, report);
            }
            Event::Delivered { parcel } => {
                let lines = sold.parcels.get(parcel).cloned();
                report.check(Invariant::I14, lines.is_some(), at, || {
                    format!("{parcel} arrives and never left")
                });
                sold.step(&lines.unwrap_or_default(), Stage::Shipped, Stage::Delivered, recorded, report);
            }
            Event::Cancelled { lines, refunds, .. } => {
                sold.step(lines, Stage::Open, Stage::Cancelled, recorded, report);
                let cost: i128 =
                    lines.iter().filter_map(|number| sold.placed.line(*number)).map(charged).sum();
                let back: i128 = refunds.iter().map(|part| i128::from(part.amount.minor)).sum();
                report.check(Invariant::I20, cost == back, at, || {
                    format!("the lines {lines:?} cost {cost} minor, {back} go back")
                });
                self.ask_back(id, refunds, recorded, report);
            }
            Event::Refunded { refund, .. } => self.gone_back(refund, at, payments, report),
            // Money cannot always go back where it came from: then a person sees to it.
            Event::RefundRefused { refund, .. } => {
                self.step_back(refund, BackStage::Pending, BackStage::Refused, recorded, report);
            }
            Event::RefundRetried { part, replaces } => {
                self.step_back(replaces, BackStage::Refused, BackStage::Replaced, recorded, report);
                let owed = self.refund(replaces);
                report.check(Invariant::I20, owed == Some((part.payment, part.amount)), at, || {
                    format!("{part:?} stands for {owed:?}")
                });
                self.ask_back(id, &[*part], recorded, report);
            }
            Event::StockAnswered { line, refused: Some(why), .. } => {
                report
                    .check(Invariant::I13, false, at, || format!("line {line}: the shard refuses: {why:?}"));
            }
        }
    }

    fn place(
        &mut self,
        id: OrderId,
        placed: &PlacedOrder,
        recorded: &Recorded,
        payments: &Payments,
        report: &mut Report,
    ) {
        let at = (recorded.stream, recorded.seq);
        let fresh = recorded.seq == 1 && placed.checkout.0 == id.0 && !self.by_id.contains_key(&id);
        report.check(Invariant::I14, fresh, at, || format!("{id} is placed a second time"));
        let cost: i128 = placed.lines.iter().map(charged).sum();
        let paid: i128 = placed.payments.iter().map(|(_, amount)| i128::from(amount.minor)).sum();
        report.check(Invariant::I15, cost == paid && one_currency(placed), at, || {
            format!("the lines cost {cost} minor, {paid} were charged")
        });
        for (payment, amount) in &placed.payments {
            let taken = payments.captured(payment);
            report.check(Invariant::I12, taken == Some(*amount), at, || {
                format!("paid by {amount} of {payment}, which took {taken:?}")
            });
            self.paid_by.entry(*payment).or_default().push(id);
        }
        let new = Line { stage: Stage::Open, seq: recorded.seq, at: recorded.at };
        let lines: BTreeMap<u32, Line> = placed.lines.iter().map(|line| (line.number, new)).collect();
        report.check(Invariant::I14, lines.len() == placed.lines.len(), at, || {
            "two lines share a number".to_owned()
        });
        let sold =
            Sold { placed: placed.clone(), lines, parcels: BTreeMap::new(), accepted: BTreeSet::new() };
        self.by_id.insert(id, sold);
    }

    fn ask_back(&mut self, id: OrderId, refunds: &[RefundPart], recorded: &Recorded, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        for part in refunds {
            let fresh =
                part.refund.order == id && part.refund.n > 0 && !self.refunds.contains_key(&part.refund);
            report
                .check(Invariant::I20, fresh, at, || format!("{:?} is asked for a second time", part.refund));
            let stage = BackStage::Pending;
            let back = Back { part: *part, seq: recorded.seq, at: recorded.at, stage };
            self.refunds.insert(part.refund, back);
            let Some(sold) = self.by_id.get(&id) else { continue };
            let paid = sold.placed.payments.iter().filter(|(payment, _)| *payment == part.payment);
            let paid: i128 = paid.map(|(_, amount)| i128::from(amount.minor)).sum();
            let own = RefundId { order: id, n: 0 }..=RefundId { order: id, n: u32::MAX };
            let counts = |back: &Back| back.part.payment == part.payment && back.stage != BackStage::Replaced;
            let asked = self.refunds.range(own).filter(|(_, back)| counts(back));
            let asked: i128 = asked.map(|(_, back)| i128::from(back.part.amount.minor)).sum();
            report.check(Invariant::I20, asked <= paid, at, || {
                format!("{asked} minor are to go back of {paid} that {} took", part.payment)
            });
        }
    }

    fn gone_back(&mut self, id: &RefundId, at: (StreamId, u64), payments: &Payments, report: &mut Report) {
        let known = self.refunds.get_mut(id);
        let amount = known.as_ref().map(|back| back.part.amount);
        let once = known.as_ref().is_some_and(|back| back.stage != BackStage::Done);
        // Two went back for one debt.
        let owed = known.as_ref().is_none_or(|back| back.stage != BackStage::Replaced);
        if let Some(back) = known {
            back.stage = BackStage::Done;
        }
        report.check(Invariant::I20, owed, at, || format!("{id:?} went back, and another one stands for it"));
        let moved = payments.refund(id);
        report.check(Invariant::I20, once && moved == amount, at, || {
            format!("{id:?} of {amount:?} is said to be back, the payment gave back {moved:?}")
        });
    }

    fn step_back(
        &mut self,
        id: &RefundId,
        from: BackStage,
        to: BackStage,
        recorded: &Recorded,
        report: &mut Report,
    ) {
        let at = (recorded.stream, recorded.seq);
        let was = self.refunds.get(id).map(|back| back.stage);
        report.check(Invariant::I14, was == Some(from), at, || {
            format!("the refund {id:?} goes from {was:?} to {to:?}")
        });
        if let Some(back) = self.refunds.get_mut(id) {
            (back.stage, back.seq, back.at) = (to, recorded.seq, recorded.at);
        }
    }

    pub(super) fn finish(&self, report: &mut Report) {
        for (id, back) in &self.refunds {
            let (margin, what) = match back.stage {
                BackStage::Done | BackStage::Replaced => continue,
                BackStage::Pending => (super::REFUND_MARGIN_MS, "is on its way back from"),
                BackStage::Refused => (super::PERSON_MARGIN_MS, "was refused and waits for a person at"),
            };
            report.pending.push(Pending {
                invariant: Invariant::I20,
                stream: StreamId::Order(id.order),
                seq: back.seq,
                deadline: back.at.plus_millis(margin),
                what: format!("{} {what} {}", back.part.amount, back.part.payment),
            });
        }
    }
}

impl Sold {
    fn step(&mut self, lines: &[u32], from: Stage, to: Stage, recorded: &Recorded, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        for number in lines {
            let was = self.lines.get(number).map(|line| line.stage);
            report.check(Invariant::I14, was == Some(from), at, || {
                format!("line {number} goes from {was:?} to {to:?}")
            });
            self.lines.insert(*number, Line { stage: to, seq: recorded.seq, at: recorded.at });
        }
    }
}

impl Line {
    /// By when the shard must have followed.
    pub(super) fn deadline(&self) -> Timestamp {
        self.at.plus_millis(ASK_MARGIN_MS)
    }
}

/// What a line costs.
fn charged(line: &OrderLine) -> i128 {
    Terms::from(line).charged()
}

fn one_currency(placed: &PlacedOrder) -> bool {
    let same = |currency: Currency| currency == placed.currency;
    let line_same = |line: &OrderLine| {
        same(line.unit_price.currency)
            && same(line.shipping.currency)
            && same(line.commission.amount.currency)
            && line.discounts.iter().all(|discount| same(discount.amount.currency))
            && line.taxes.iter().all(|tax| same(tax.amount.currency))
    };
    placed.lines.iter().all(line_same) && placed.payments.iter().all(|(_, amount)| same(amount.currency))
}
