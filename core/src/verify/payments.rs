//! I12, I14 and I20 of payments: what was taken, what goes back, and that each is somebody's.

use std::collections::BTreeMap;

use crate::ids::{PaymentId, StreamId};
use crate::journal::Recorded;
use crate::money::Money;
use crate::payment::{CallKind, Event, Intent, RefundId};
use crate::time::Timestamp;

use super::orders::Orders;
use super::{Invariant, LATE_MONEY_MARGIN_MS, PAYMENT_MARGIN_MS, Pending, REFUND_MARGIN_MS, Report};

#[derive(Clone, Debug, Default)]
pub(super) struct Payments {
    by_id: BTreeMap<PaymentId, Paid>,
    refunds: BTreeMap<RefundId, Money>,
}

/// How far a payment is. A later stage wins; none is left for an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    Created,
    ActionNeeded,
    AwaitingPayment,
    Authorised,
    Failed,
    Voided,
    Captured,
}

#[derive(Clone, Debug)]
struct Paid {
    amount: Money,
    until: Timestamp,
    stage: Stage,
    /// The provider has never heard of it, and nobody will call again. Should it be heard of after all, that counts.
    never_reached: bool,
    /// How long it is asked all the same, and until when.
    late_ms: i64,
    late_until: Option<Timestamp>,
    capture_started: bool,
    capture_refused: bool,
    /// The capture has ended without telling what happened.
    capture_unknown: bool,
    void_requested: bool,
    void_started: bool,
    refunds: BTreeMap<RefundId, Returned>,
    seq: u64,
    at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Returned {
    amount: i128,
    /// The provider has declined its latest try.
    failed: bool,
    done: bool,
    seq: u64,
    at: Timestamp,
}

/// What the books say of a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) stage: Stage,
    pub(super) never_reached: bool,
    /// It is asked on whether it has arrived after all.
    pub(super) watched: bool,
    /// What has gone back.
    pub(super) given_back: i128,
}

impl Payments {
    /// How this payment stands.
    pub(super) fn seen(&self, id: &PaymentId) -> Option<Seen> {
        let paid = self.by_id.get(id)?;
        let captured = paid.stage == Stage::Captured;
        Some(Seen {
            stage: paid.stage,
            never_reached: paid.never_reached && !captured,
            watched: paid.late_until.is_some() && !captured,
            given_back: paid.refunds.values().filter(|back| back.done).map(|back| back.amount).sum(),
        })
    }

    /// What this payment took.
    pub(super) fn captured(&self, id: &PaymentId) -> Option<Money> {
        self.by_id.get(id).filter(|paid| paid.stage == Stage::Captured).map(|paid| paid.amount)
    }

    /// What this refund gave back, once it has gone through.
    pub(super) fn refund(&self, id: &RefundId) -> Option<Money> {
        self.refunds.get(id).copied()
    }

    /// Whether the provider has said the last word about this payment, or had never heard of it: a call that
    /// arrives after that is undone by the payment itself.
    pub(super) fn is_over(&self, id: &PaymentId) -> bool {
        self.by_id.get(id).is_some_and(|paid| paid.never_reached || paid.is_over())
    }

    pub(super) fn event(&mut self, recorded: &Recorded, event: &Event, orders: &Orders, report: &mut Report) {
        let StreamId::Payment(id) = recorded.stream else { return };
        let at = (recorded.stream, recorded.seq);
        if let Event::Created(intent) = event {
            self.create(id, intent, recorded, report);
            return;
        }
        let Some(paid) = self.by_id.get_mut(&id) else {
            report.check(Invariant::I14, false, at, || format!("{id} was never created"));
            return;
        };
        paid.seq = recorded.seq;
        paid.at = recorded.at;
        match event {
            Event::ActionNeeded { .. } => paid.step(at, report, Stage::ActionNeeded),
            Event::AwaitingPayment { .. } => paid.step(at, report, Stage::AwaitingPayment),
            Event::Authorised => paid.step(at, report, Stage::Authorised),
            Event::NeverReached => {
                let unheard = paid.stage == Stage::Created && !paid.never_reached;
                report.check(Invariant::I14, unheard, at, || "the provider had heard of it".to_owned());
                paid.never_reached = true;
                paid.late_until = Some(recorded.at.plus_millis(paid.late_ms));
            }
            Event::NeverCame => {
                let over = paid.late_until.take().is_some_and(|until| until <= recorded.at);
                report.check(Invariant::I14, over && paid.stage == Stage::Created, at, || {
                    "nobody asks for it any more, too early or not for the first time".to_owned()
                });
            }
            Event::Failed { .. } => paid.step(at, report, Stage::Failed),
            Event::Voided => paid.step(at, report, Stage::Voided),
            Event::Captured => paid.step(at, report, Stage::Captured),
            Event::CaptureStarted { .. } => {
                let ready = paid.stage == Stage::Authorised && !paid.capture_started && !paid.is_unwanted();
                let stage = paid.stage;
                report.check(Invariant::I14, ready, at, || format!("a capture begins at {stage:?}"));
                paid.capture_started = true;
            }
            Event::CaptureRefused { .. } => {
                let open = paid.capture_started && !paid.capture_refused && !paid.is_over();
                paid.allow(open, at, report, "a capture is refused");
                paid.capture_refused = true;
            }
            Event::VoidRequested { .. } => {
                let open = !paid.void_requested && !paid.is_over();
                paid.allow(open, at, report, "a void is asked for");
                paid.void_requested = true;
            }
            Event::VoidStarted { .. } => {
                let reserved =
                    matches!(paid.stage, Stage::ActionNeeded | Stage::AwaitingPayment | Stage::Authorised);
                // A capture that may still take the money is waited for.
                let taking = paid.capture_started && !paid.capture_refused && !paid.capture_unknown;
                let open = reserved && paid.is_unwanted() && !paid.void_started && !taking;
                paid.allow(open, at, report, "a void begins");
                paid.void_started = true;
            }
            Event::OutcomeUnknown { key } => paid.capture_unknown |= *key == CallKind::Capture.key(id),
            Event::CallRepeated { key } => paid.capture_unknown &= *key != CallKind::Capture.key(id),
            Event::RefundStarted { refund, amount, .. } => {
                paid.give_back(*refund, *amount, recorded, report);
                let asked = orders.refund(refund);
                let wanted = refund.n == 0 || asked == Some((id, *amount));
                report.check(Invariant::I20, wanted, at, || {
                    format!("no order asked for {refund:?} of {amount}")
                });
            }
            Event::Refunded { refund } => {
                let known = paid.refunds.get_mut(refund);
                let once = known.as_ref().is_some_and(|known| !known.done);
                report.check(Invariant::I20, once, at, || {
                    format!("{refund:?} goes through without being under way")
                });
                if let Some(known) = known {
                    known.done = true;
                    let amount = Money::new(known.amount as i64, paid.amount.currency);
                    self.refunds.insert(*refund, amount);
                }
            }
            Event::RefundFailed { refund, .. } => paid.refund_step(*refund, at, report, false),
            Event::RefundRetried { refund, .. } => {
                report.check(Invariant::I20, refund.n == 0, at, || {
                    format!("{refund:?} is tried again, and its order did not say so")
                });
                paid.refund_step(*refund, at, report, true);
            }
            _ => {}
        }
    }

    fn create(&mut self, id: PaymentId, intent: &Intent, recorded: &Recorded, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        let fresh = recorded.seq == 1 && intent.payment == id && !self.by_id.contains_key(&id);
        report.check(Invariant::I14, fresh, at, || format!("{id} is created a second time"));
        let paid = Paid {
            amount: intent.amount,
            until: intent.limits.attempt_until,
            stage: Stage::Created,
            never_reached: false,
            late_ms: intent.limits.late_money_ms,
            late_until: None,
            capture_started: false,
            capture_refused: false,
            capture_unknown: false,
            void_requested: false,
            void_started: false,
            refunds: BTreeMap::new(),
            seq: recorded.seq,
            at: recorded.at,
        };
        self.by_id.insert(id, paid);
    }

    pub(super) fn finish(&self, orders: &Orders, report: &mut Report) {
        for (id, paid) in &self.by_id {
            let stream = StreamId::Payment(*id);
            if paid.stage == Stage::Captured {
                paid.check_owner(*id, orders, report);
            } else if let (Stage::Created, Some(until)) = (paid.stage, paid.late_until) {
                report.pending.push(Pending {
                    invariant: Invariant::I12,
                    stream,
                    seq: paid.seq,
                    deadline: until.plus_millis(LATE_MONEY_MARGIN_MS),
                    what: format!("{id} never reached the provider, which is asked on whether it has"),
                });
            } else if !paid.is_over() {
                report.pending.push(Pending {
                    invariant: Invariant::I12,
                    stream,
                    seq: paid.seq,
                    deadline: paid.until.plus_millis(PAYMENT_MARGIN_MS),
                    what: format!("{id} is at {:?}", paid.stage),
                });
            }
            // One that was declined and that an order asked for is that order's to see to.
            let open = |id: &RefundId, back: &Returned| !back.done && (!back.failed || id.n == 0);
            for (refund, back) in paid.refunds.iter().filter(|(id, back)| open(id, back)) {
                report.pending.push(Pending {
                    invariant: Invariant::I20,
                    stream,
                    seq: back.seq,
                    deadline: back.at.plus_millis(REFUND_MARGIN_MS),
                    what: format!("{refund:?} of {} minor is under way", back.amount),
                });
            }
        }
    }
}

impl Paid {
    fn is_over(&self) -> bool {
        self.stage >= Stage::Failed || (self.stage == Stage::Created && self.never_reached)
    }

    /// Whether whatever is reserved must be let go.
    fn is_unwanted(&self) -> bool {
        self.void_requested || self.never_reached || self.capture_refused
    }

    fn allow(&self, allowed: bool, at: (StreamId, u64), report: &mut Report, what: &str) {
        report.check(Invariant::I14, allowed, at, || format!("{what} at {self:?}"));
    }

    fn step(&mut self, at: (StreamId, u64), report: &mut Report, to: Stage) {
        let from = self.stage;
        // What the shopper must do may be told anew; everything else is told once.
        let again = to == from && to <= Stage::AwaitingPayment;
        report.check(Invariant::I14, to > from || again, at, || {
            format!("the payment goes from {from:?} to {to:?}")
        });
        self.stage = self.stage.max(to);
        if to == Stage::Captured {
            // Whatever was begun to avoid it has lost its meaning.
            (self.capture_refused, self.void_started) = (false, false);
        }
    }

    fn give_back(&mut self, refund: RefundId, amount: Money, recorded: &Recorded, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        let StreamId::Payment(id) = recorded.stream else { return };
        let fresh = !self.refunds.contains_key(&refund) && refund.order.0 == id.checkout.0;
        report.check(Invariant::I20, fresh, at, || {
            format!("{refund:?} is given back a second time, or by a stranger")
        });
        let given = self.refunds.iter().filter(|(id, back)| back.done || !back.failed || id.n == 0);
        let given: i128 = given.map(|(_, back)| back.amount).sum();
        let captured = if self.stage == Stage::Captured { i128::from(self.amount.minor) } else { 0 };
        let total = given + i128::from(amount.minor);
        let fits = total <= captured && amount.minor > 0 && amount.currency == self.amount.currency;
        report.check(Invariant::I20, fits, at, || format!("{total} minor go back of {captured} captured"));
        let amount = i128::from(amount.minor);
        let back = Returned { amount, failed: false, done: false, seq: at.1, at: recorded.at };
        self.refunds.insert(refund, back);
    }

    /// A refund fails only while it is under way, and is tried again only after it has failed.
    fn refund_step(&mut self, id: RefundId, at: (StreamId, u64), report: &mut Report, again: bool) {
        let known = self.refunds.get_mut(&id);
        let allowed = known.as_ref().is_some_and(|back| !back.done && back.failed == again);
        report.check(Invariant::I20, allowed, at, || {
            format!("{id:?} is {} out of turn", if again { "tried again" } else { "declined" })
        });
        if let Some(back) = known {
            back.failed = !again;
        }
    }

    /// Captured money belongs to exactly one order, or goes back by itself, all of it.
    fn check_owner(&self, id: PaymentId, orders: &Orders, report: &mut Report) {
        let at = (StreamId::Payment(id), self.seq);
        let owners = orders.paid_by(&id);
        let alone = self.refunds.iter().find(|(refund, _)| refund.n == 0).map(|(_, back)| *back);
        match (owners.len(), alone) {
            (0, None) => report.pending.push(Pending {
                invariant: Invariant::I12,
                stream: at.0,
                seq: at.1,
                deadline: self.until.max(self.at).plus_millis(PAYMENT_MARGIN_MS),
                what: format!("{id} is captured, neither ordered nor on its way back"),
            }),
            (0, Some(back)) => {
                report.check(Invariant::I12, back.amount == i128::from(self.amount.minor), at, || {
                    format!("{id} has no order and gives back {} minor of {}", back.amount, self.amount)
                });
            }
            (1, None) => report.check(Invariant::I12, true, at, String::new),
            (count, _) => report.check(Invariant::I12, false, at, || {
                format!("{id} paid {count} orders, gives itself back: {}", alone.is_some())
            }),
        }
    }
}
