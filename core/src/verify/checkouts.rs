//! I13, I14 and I15 of checkouts: the way to an order, step by step, at the price that was quoted.

use std::collections::BTreeMap;

use crate::checkout::{AttemptEnded, Event, HoldAsked, Quote, QuoteLine, VoidReason};
use crate::ids::{CheckoutId, HoldId, PaymentId, StreamId};
use crate::journal::Recorded;
use crate::market::Market;
use crate::time::Timestamp;

use super::amounts::Terms;
use super::payments::Payments;
use super::{Invariant, PAYMENT_MARGIN_MS, Pending, Report};

#[derive(Clone, Debug, Default)]
pub(super) struct Checkouts {
    by_id: BTreeMap<CheckoutId, Session>,
}

/// Where a checkout is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    New,
    Cart,
    Quoting,
    Quoted,
    Holding,
    Authorising,
    Committing,
    Capturing,
    Voiding,
    Placed,
    Expired,
    Failed,
}

/// One checkout.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) phase: Phase,
    market: Option<Market>,
    quote: Option<Quote>,
    pub(super) attempts: BTreeMap<PaymentId, Attempt>,
    current: Option<PaymentId>,
    /// Why the money was last to be let go.
    voiding: Option<VoidReason>,
    seq: u64,
    deadline: Option<Timestamp>,
}

/// One round of holds and its payment.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) quote: Option<Quote>,
    pub(super) holds: BTreeMap<HoldId, Round>,
    /// Every hold was answered with a yes.
    pub(super) taken: bool,
    /// The payment was asked to take the money.
    pub(super) capture_asked: bool,
    captured_early: bool,
    pub(super) ended: Option<Timestamp>,
}

/// One hold of a round.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Round {
    held: bool,
    committed: bool,
}

impl Checkouts {
    pub(super) fn get(&self, id: &CheckoutId) -> Option<&Session> {
        self.by_id.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (CheckoutId, &Session)> {
        self.by_id.iter().map(|(id, session)| (*id, session))
    }

    pub(super) fn event(
        &mut self,
        recorded: &Recorded,
        event: &Event,
        payments: &Payments,
        report: &mut Report,
    ) {
        let StreamId::Checkout(id) = recorded.stream else { return };
        let at = (recorded.stream, recorded.seq);
        let session = self.by_id.entry(id).or_insert_with(Session::new);
        if let (Event::AttemptEnded { .. }, Some(payment)) = (event, session.asked_for_money()) {
            report.check(Invariant::I13, payments.is_over(&payment), at, || {
                format!("units are released while {payment} may still take the money")
            });
        }
        let from = session.phase;
        let to = next(from, session.voiding, event);
        report.check(Invariant::I14, to.is_some(), at, || format!("{event:?} while {from:?}"));
        session.phase = to.unwrap_or(from);
        session.seq = recorded.seq;
        session.note(id, event, recorded, report);
    }

    pub(super) fn finish(&self, report: &mut Report) {
        for (id, session) in &self.by_id {
            let Some(deadline) = session.deadline else { continue };
            report.pending.push(Pending {
                invariant: Invariant::I14,
                stream: StreamId::Checkout(*id),
                seq: session.seq,
                deadline: deadline.plus_millis(PAYMENT_MARGIN_MS),
                what: format!("{id} is {:?}", session.phase),
            });
        }
    }
}

/// The edges. `None` is no edge.
fn next(from: Phase, voiding: Option<VoidReason>, event: &Event) -> Option<Phase> {
    use Phase::{
        Authorising, Capturing, Cart, Committing, Expired, Failed, Holding, New, Placed, Quoted, Quoting,
        Voiding,
    };
    let paying = matches!(from, Authorising | Committing | Capturing | Voiding);
    match event {
        Event::Opened(_) => (from == New).then_some(Cart),
        Event::LineSet(_) | Event::Addressed(_) | Event::ShippingChosen { .. } => {
            matches!(from, Cart | Quoting | Quoted).then_some(Cart)
        }
        Event::QuoteAsked { .. } => matches!(from, Cart | Quoted).then_some(Quoting),
        Event::OfferAnswered { .. } | Event::TermsAnswered { .. } => (from == Quoting).then_some(Quoting),
        Event::Quoted(_) => (from == Quoting).then_some(Quoted),
        Event::QuoteDropped { .. } => matches!(from, Quoting | Quoted).then_some(Cart),
        Event::PayStarted { .. } => (from == Quoted).then_some(Holding),
        Event::HoldAnswered { .. } => (from == Holding).then_some(Holding),
        Event::HoldsTaken { .. } => (from == Holding).then_some(Authorising),
        Event::ActionNeeded { .. } | Event::AwaitingPayment { .. } => {
            (from == Authorising).then_some(Authorising)
        }
        // Out of a void only by money that came at the last moment of an attempt that took too long.
        Event::CommitAsked { captured, .. } => {
            let late = from == Voiding && *captured && voiding == Some(VoidReason::TimedOut);
            (from == Authorising || late).then_some(Committing)
        }
        Event::LineCommitted { .. } => (from == Committing).then_some(from),
        Event::CaptureAsked { .. } => (from == Committing).then_some(Capturing),
        Event::CapturedEarly { .. } => (from == Committing).then_some(from),
        Event::VoidAsked { .. } => matches!(from, Authorising | Committing).then_some(Voiding),
        Event::AttemptEnded { why } => match why {
            AttemptEnded::OutOfStock { .. } | AttemptEnded::HoldsTimedOut => {
                (from == Holding).then_some(Quoted)
            }
            AttemptEnded::NotForSale { .. } => (from == Holding).then_some(Cart),
            AttemptEnded::Abandoned => matches!(from, Holding | Voiding).then_some(Expired),
            AttemptEnded::PaymentFailed { .. } => paying.then_some(Quoted),
            AttemptEnded::TimedOut => (from == Voiding).then_some(Quoted),
            AttemptEnded::CommitRefused => matches!(from, Committing | Capturing | Voiding).then_some(Failed),
        },
        Event::HoldUndone { .. } => Some(from),
        Event::Placed(_) => matches!(from, Committing | Capturing).then_some(Placed),
        Event::Abandoned | Event::Expired => matches!(from, Cart | Quoting | Quoted).then_some(Expired),
    }
}

impl Session {
    fn new() -> Self {
        Session {
            phase: Phase::New,
            market: None,
            voiding: None,
            quote: None,
            attempts: BTreeMap::new(),
            current: None,
            seq: 0,
            deadline: None,
        }
    }

    /// The last event read.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// The quote that the latest attempt was begun with.
    pub(super) fn pinned(&self) -> Option<&Quote> {
        self.attempts.get(self.current.as_ref()?)?.quote.as_ref()
    }

    /// The payment of the attempt under way, once it exists.
    fn asked_for_money(&self) -> Option<PaymentId> {
        self.current.filter(|payment| self.attempts.get(payment).is_some_and(|attempt| attempt.taken))
    }

    fn attempt(&mut self) -> Option<&mut Attempt> {
        self.attempts.get_mut(self.current.as_ref()?)
    }

    fn note(&mut self, id: CheckoutId, event: &Event, recorded: &Recorded, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        match event {
            Event::Opened(opening) => self.market = Some(opening.market.clone()),
            Event::LineSet(_)
            | Event::Addressed(_)
            | Event::ShippingChosen { .. }
            | Event::QuoteDropped { .. } => {
                self.quote = None;
                self.deadline = None;
            }
            Event::QuoteAsked { until, .. } => self.deadline = Some(*until),
            Event::Quoted(quote) => {
                check_quote(quote, self.market.as_ref(), at, report);
                self.quote = Some(quote.clone());
                self.deadline = None;
            }
            Event::PayStarted { payment, holds, deadline, .. } => {
                self.deadline = Some(*deadline);
                self.begin(id, *payment, holds, at, report);
            }
            Event::HoldAnswered { hold, answer, .. } => self.held(*hold, answer.is_ok(), at, report),
            Event::HoldsTaken { hold, until, .. } => {
                self.deadline = Some(*until);
                self.held(*hold, true, at, report);
                let Some(attempt) = self.attempt() else { return };
                attempt.taken = true;
                let all = attempt.holds.values().all(|round| round.held);
                report.check(Invariant::I13, all, at, || {
                    "money is asked for while a hold is missing".to_owned()
                });
            }
            Event::LineCommitted { hold, .. } => self.committed(*hold, at, report),
            Event::CaptureAsked { hold, .. } => {
                self.committed(*hold, at, report);
                let Some(attempt) = self.attempt() else { return };
                attempt.capture_asked = true;
                let missing = attempt.uncommitted();
                report.check(Invariant::I13, missing == 0, at, || {
                    format!("the money is taken while {missing} holds are not committed")
                });
            }
            Event::CommitAsked { captured, .. } => {
                if let Some(attempt) = self.attempt() {
                    attempt.captured_early |= captured;
                }
            }
            Event::CapturedEarly { .. } => {
                if let Some(attempt) = self.attempt() {
                    attempt.captured_early = true;
                }
            }
            Event::VoidAsked { why } => self.voiding = Some(*why),
            Event::AttemptEnded { why } => {
                self.deadline = None;
                if matches!(why, AttemptEnded::NotForSale { .. }) {
                    self.quote = None;
                }
                if let Some(attempt) = self.attempt() {
                    attempt.ended = Some(recorded.at);
                }
            }
            Event::Placed(paid) => {
                self.deadline = None;
                let own = paid.order.0 == id.0 && self.current == Some(paid.payment);
                report.check(Invariant::I14, own, at, || {
                    format!("placed as {} by {}", paid.order, paid.payment)
                });
                let Some(attempt) = self.attempt() else { return };
                // The answer that placed the order may itself be the last commit.
                let missing = attempt.uncommitted();
                report.check(
                    Invariant::I13,
                    missing == 0 || (missing == 1 && attempt.captured_early),
                    at,
                    || format!("placed while {missing} holds are not committed"),
                );
                let total = attempt.quote.as_ref().map(total);
                report.check(Invariant::I15, total == Some(i128::from(paid.total.minor)), at, || {
                    format!("{} was paid, the pinned quote comes to {total:?} minor", paid.total)
                });
            }
            Event::HoldUndone { .. } => {
                let over = self.attempts.values().any(|attempt| attempt.ended.is_some());
                report.check(Invariant::I14, over, at, || {
                    "a hold is undone and no attempt has ended".to_owned()
                });
            }
            Event::Abandoned | Event::Expired => self.deadline = None,
            _ => {}
        }
    }

    fn begin(
        &mut self,
        id: CheckoutId,
        payment: PaymentId,
        holds: &[HoldAsked],
        at: (StreamId, u64),
        report: &mut Report,
    ) {
        let new = payment.checkout == id && self.attempts.keys().all(|known| *known < payment);
        report.check(Invariant::I14, new, at, || format!("{payment} is not a new attempt"));
        for asked in holds {
            let used = self.attempts.values().any(|attempt| attempt.holds.contains_key(&asked.hold));
            report.check(Invariant::I13, !used && asked.hold.checkout == id, at, || {
                format!("{} was used in an earlier round", asked.hold)
            });
        }
        let lines = self.quote.as_ref().map_or(&[][..], |quote| &quote.lines);
        let covers = |line: &QuoteLine| {
            let mut of_line = holds.iter().filter(|asked| asked.line == line.number);
            let first = of_line.next();
            first.is_some_and(|asked| (asked.sku, asked.quantity) == (line.sku, line.quantity))
                && of_line.next().is_none()
        };
        let whole = !lines.is_empty() && holds.len() == lines.len() && lines.iter().all(covers);
        report.check(Invariant::I13, whole, at, || "the holds are not those of the quote's lines".to_owned());
        let round = |asked: &HoldAsked| (asked.hold, Round::default());
        let attempt = Attempt {
            quote: self.quote.clone(),
            holds: holds.iter().map(round).collect(),
            taken: false,
            capture_asked: false,
            captured_early: false,
            ended: None,
        };
        self.attempts.insert(payment, attempt);
        self.current = Some(payment);
    }

    fn held(&mut self, hold: HoldId, yes: bool, at: (StreamId, u64), report: &mut Report) {
        let round = self.attempt().and_then(|attempt| attempt.holds.get_mut(&hold));
        report.check(Invariant::I13, round.is_some(), at, || format!("{hold} was not asked for"));
        if let Some(round) = round {
            round.held = yes;
        }
    }

    fn committed(&mut self, hold: HoldId, at: (StreamId, u64), report: &mut Report) {
        let round = self.attempt().and_then(|attempt| attempt.holds.get_mut(&hold));
        let ready = round.as_ref().is_some_and(|round| round.held);
        report.check(Invariant::I13, ready, at, || format!("{hold} is committed and was never held"));
        if let Some(round) = round {
            round.committed = true;
        }
    }
}

impl Attempt {
    fn uncommitted(&self) -> usize {
        self.holds.values().filter(|round| !round.committed).count()
    }
}

/// What a quote's lines come to: the one amount that may be charged for it.
pub(super) fn total(quote: &Quote) -> i128 {
    quote.lines.iter().map(|line| Terms::from(line).charged()).sum()
}

fn check_quote(quote: &Quote, market: Option<&Market>, at: (StreamId, u64), report: &mut Report) {
    let total = total(quote);
    report.check(Invariant::I15, total == i128::from(quote.total.minor), at, || {
        format!("the quote says {}, its lines come to {total} minor", quote.total)
    });
    for line in &quote.lines {
        let terms = Terms::from(line);
        let fault = terms.fault();
        report.check(Invariant::I15, fault.is_none(), at, || fault.unwrap_or_default());
        report.check(Invariant::I15, terms.goods() == i128::from(line.goods.minor), at, || {
            format!(
                "line {}: the goods are said to be {}, they are {}",
                line.number,
                line.goods,
                terms.goods()
            )
        });
        let listed = quote.assisted || line.unit_price == line.list_price;
        report.check(Invariant::I15, listed, at, || {
            format!(
                "line {}: {} and no operator wrote it, the list says {}",
                line.number, line.unit_price, line.list_price
            )
        });
        let rule = market.and_then(|market| market.tax.as_ref());
        let taxed = line.taxes.len() == usize::from(rule.is_some())
            && line.taxes.iter().zip(rule).all(|(tax, rule)| {
                let included = market.is_some_and(|market| market.prices_include_tax);
                (&tax.jurisdiction, tax.rate, tax.included) == (&rule.jurisdiction, rule.rate, included)
            });
        report.check(Invariant::I15, taxed, at, || {
            format!("line {}: {:?} in {market:?}", line.number, line.taxes)
        });
    }
}
