//! How an event changes a checkout, and whom it asks.

use std::collections::BTreeMap;

use crate::ask::{Ask, AskId, AskRequest};
use crate::ids::{HoldId, LocationId, StreamId, VendorId};
use crate::machine::EventMeta;
use crate::time::Timestamp;
use crate::{inventory, payment, product, vendor};

use super::{
    Attempt, AttemptEnded, CartLine, Event, HoldAsked, HoldStage, PayStep, Quoting, RoundHold, Stage, State,
};

impl State {
    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        match event {
            Event::Opened(opening) => self.opening = Some(opening.clone()),
            Event::LineSet(line) => self.set_line(*line),
            Event::Addressed(address) => {
                self.address = Some(address.clone());
                self.shipping = None;
                self.drop_quote();
            }
            Event::ShippingChosen { method } => {
                self.shipping = Some(method.clone());
                self.drop_quote();
            }
            Event::QuoteDropped { .. } => self.drop_quote(),
            Event::Abandoned | Event::Expired => {
                self.drop_quote();
                self.stage = Stage::Expired;
            }
            Event::QuoteAsked { .. }
            | Event::OfferAnswered { .. }
            | Event::TermsAnswered { .. }
            | Event::Quoted(_) => self.fold_quoting(meta, event),
            _ => self.fold_paying(meta, event),
        }
        self.stay(meta.at, event);
    }

    /// Whatever is done to a cart keeps it alive; what only runs out does not.
    fn stay(&mut self, at: Timestamp, event: &Event) {
        let passive = matches!(event, Event::QuoteDropped { .. } | Event::HoldUndone { .. });
        if let Some(opening) = self.opening.as_ref().filter(|_| !passive) {
            self.expires_at = at.plus_millis(opening.limits.cart_ttl_ms);
        }
    }

    fn set_line(&mut self, line: CartLine) {
        match self.lines.iter().position(|known| known.sku == line.sku) {
            Some(at) if line.quantity == 0 => {
                self.lines.remove(at);
            }
            Some(at) => self.lines[at] = line,
            None if line.quantity == 0 => {}
            None => self.lines.push(line),
        }
        self.drop_quote();
    }

    /// What was quoted or asked for holds no longer.
    fn drop_quote(&mut self) {
        self.quote = None;
        self.stage = Stage::Cart;
        self.close_quote_asks();
    }

    fn close_quote_asks(&mut self) {
        self.asks.close_where(|ask| matches!(ask.request, AskRequest::Product(_) | AskRequest::Vendor(_)));
    }

    fn fold_quoting(&mut self, meta: EventMeta, event: &Event) {
        match event {
            Event::QuoteAsked { quote, written, until, key } => {
                self.drop_quote();
                self.stage = Stage::Quoting(Quoting {
                    quote: *quote,
                    written: written.clone(),
                    until: *until,
                    key: *key,
                    offers: BTreeMap::new(),
                    terms: BTreeMap::new(),
                });
                self.ask_products(meta);
            }
            Event::OfferAnswered { ask, sku, offer } => {
                self.asks.close(ask);
                if let Stage::Quoting(quoting) = &mut self.stage {
                    quoting.offers.insert(*sku, *offer);
                }
                if let Some(offer) = offer {
                    self.ask_vendor(meta, offer.vendor);
                }
            }
            Event::TermsAnswered { ask, vendor, terms } => {
                self.asks.close(ask);
                if let Stage::Quoting(quoting) = &mut self.stage {
                    quoting.terms.insert(*vendor, terms.clone());
                }
            }
            Event::Quoted(quote) => {
                self.close_quote_asks();
                self.quote = Some(quote.clone());
                self.stage = Stage::Quoted;
            }
            _ => {}
        }
    }

    fn fold_paying(&mut self, meta: EventMeta, event: &Event) {
        match event {
            Event::PayStarted { payment, method, holds, deadline, key } => {
                let attempt = Attempt {
                    payment: *payment,
                    method: method.clone(),
                    holds: holds.iter().map(RoundHold::asked).collect(),
                    deadline: *deadline,
                    until: *deadline,
                    key: *key,
                    step: PayStep::Holding,
                    captured: false,
                    heard: 0,
                };
                self.attempts = payment.attempt;
                self.holds = holds.iter().map(|hold| hold.hold.n).max().unwrap_or(self.holds);
                self.stage = Stage::Paying(attempt);
                self.ask_holds(meta, holds, *deadline);
            }
            Event::HoldAnswered { ask, hold, answer } => {
                self.asks.close(ask);
                self.answered(*hold, *answer);
            }
            Event::HoldsTaken { ask, hold, location, until, .. } => {
                self.asks.close(ask);
                self.answered(*hold, Ok(*location));
                self.go(PayStep::Authorising);
                if let Stage::Paying(attempt) = &mut self.stage {
                    attempt.until = *until;
                }
            }
            Event::ActionNeeded { asked, url } => {
                self.hear(*asked);
                self.go(PayStep::ActionNeeded { url: url.clone() });
                self.unpark();
            }
            Event::AwaitingPayment { asked, reference } => {
                self.hear(*asked);
                self.go(PayStep::AwaitingPayment { reference: reference.clone() });
                self.unpark();
            }
            Event::CommitAsked { asked, captured } => {
                self.hear(*asked);
                self.close_payment_asks();
                self.go(PayStep::Committing);
                if let Stage::Paying(attempt) = &mut self.stage {
                    attempt.captured = *captured;
                }
                self.ask_commits(meta);
            }
            Event::CapturedEarly { asked } => {
                self.hear(*asked);
                if let Stage::Paying(attempt) = &mut self.stage {
                    attempt.captured = true;
                }
            }
            Event::LineCommitted { ask, hold } => {
                self.asks.close(ask);
                self.committed(*hold);
            }
            Event::CaptureAsked { ask, hold } => {
                self.asks.close(ask);
                self.committed(*hold);
                self.go(PayStep::Capturing);
                self.ask_payment(meta, payment::Request::Capture);
            }
            Event::VoidAsked { why } => {
                self.close_payment_asks();
                self.close_hold_asks();
                self.go(PayStep::Voiding { why: *why });
                self.ask_payment(meta, payment::Request::Void);
            }
            Event::AttemptEnded { why } => self.end_attempt(meta, why),
            Event::HoldUndone { ask } => {
                self.asks.close(ask);
            }
            Event::Placed(paid) => {
                self.close_payment_asks();
                self.close_hold_asks();
                self.stage = Stage::Placed(*paid);
            }
            _ => {}
        }
    }

    fn go(&mut self, step: PayStep) {
        if let Stage::Paying(attempt) = &mut self.stage {
            attempt.step = step;
        }
    }

    fn hear(&mut self, asked: u64) {
        if let Stage::Paying(attempt) = &mut self.stage {
            attempt.heard = attempt.heard.max(asked);
        }
    }

    /// The request that waited has its answer.
    fn unpark(&mut self) {
        if let Stage::Paying(attempt) = &mut self.stage {
            attempt.key = None;
        }
    }

    fn hold(&mut self, id: HoldId) -> Option<&mut RoundHold> {
        match &mut self.stage {
            Stage::Paying(attempt) => attempt.holds.iter_mut().find(|hold| hold.hold == id),
            _ => None,
        }
    }

    fn answered(&mut self, id: HoldId, answer: Result<LocationId, inventory::Rejection>) {
        if let Some(hold) = self.hold(id) {
            hold.stage = answer.map_or_else(HoldStage::Refused, HoldStage::Pinned);
        }
    }

    fn committed(&mut self, id: HoldId) {
        if let Some(hold) = self.hold(id)
            && let Some(location) = hold.location()
        {
            hold.stage = HoldStage::Committed(location);
        }
    }

    /// Nothing of the attempt stays: every hold that was asked for is undone, whatever was answered.
    fn end_attempt(&mut self, meta: EventMeta, why: &AttemptEnded) {
        self.close_payment_asks();
        self.close_hold_asks();
        let next = match why {
            AttemptEnded::Abandoned => Stage::Expired,
            AttemptEnded::CommitRefused => Stage::Failed,
            AttemptEnded::NotForSale { .. } => Stage::Cart,
            _ => Stage::Quoted,
        };
        if next == Stage::Cart {
            self.quote = None;
        }
        let Stage::Paying(attempt) = std::mem::replace(&mut self.stage, next) else { return };
        for (n, hold) in numbers().zip(&attempt.holds) {
            let request = inventory::Request::Undo { hold: hold.hold, deadline: attempt.deadline };
            self.ask(meta, n, StreamId::Stock(hold.sku.shard()), AskRequest::Stock(request));
        }
    }

    fn close_payment_asks(&mut self) {
        self.asks.close_where(|ask| matches!(ask.request, AskRequest::Payment(_)));
    }

    /// Undos stay open until they are answered; nothing else about holds outlives its attempt.
    fn close_hold_asks(&mut self) {
        self.asks.close_where(|ask| match &ask.request {
            AskRequest::Stock(request) => !matches!(request, inventory::Request::Undo { .. }),
            _ => false,
        });
    }

    fn ask_products(&mut self, meta: EventMeta) {
        let Some(market) = self.opening.as_ref().map(|opening| opening.market.id.clone()) else { return };
        for (n, line) in numbers().zip(self.lines.clone()) {
            let request = product::Request::Offer { sku: line.sku, market: market.clone() };
            self.ask(meta, n, StreamId::Product(line.product), AskRequest::Product(request));
        }
    }

    /// A vendor is asked once per quote, however many of its offers are in the cart.
    fn ask_vendor(&mut self, meta: EventMeta, vendor: VendorId) {
        let to = StreamId::Vendor(vendor);
        let known = matches!(&self.stage, Stage::Quoting(quoting) if quoting.terms.contains_key(&vendor));
        if !known && !self.asks.iter().any(|ask| ask.to == to) {
            self.ask(meta, 0, to, AskRequest::Vendor(vendor::Request::Terms));
        }
    }

    fn ask_holds(&mut self, meta: EventMeta, holds: &[HoldAsked], deadline: Timestamp) {
        let Stage::Paying(attempt) = &self.stage else { return };
        let pin = Some(attempt.payment);
        for (n, hold) in numbers().zip(holds) {
            let (sku, quantity) = (hold.sku, hold.quantity);
            let request = inventory::Request::Hold { hold: hold.hold, sku, quantity, deadline, pin };
            self.ask(meta, n, StreamId::Stock(sku.shard()), AskRequest::Stock(request));
        }
    }

    fn ask_commits(&mut self, meta: EventMeta) {
        let Stage::Paying(attempt) = &self.stage else { return };
        let holds: Vec<_> = attempt.holds.iter().map(|hold| (hold.hold, hold.sku)).collect();
        for (n, (hold, sku)) in numbers().zip(holds) {
            let request = inventory::Request::Commit { hold };
            self.ask(meta, n, StreamId::Stock(sku.shard()), AskRequest::Stock(request));
        }
    }

    fn ask_payment(&mut self, meta: EventMeta, request: payment::Request) {
        let Stage::Paying(attempt) = &self.stage else { return };
        let to = StreamId::Payment(attempt.payment);
        self.ask(meta, 0, to, AskRequest::Payment(request));
    }

    fn ask(&mut self, meta: EventMeta, n: u16, to: StreamId, request: AskRequest) {
        let id = AskId { stream: StreamId::Checkout(self.id), seq: meta.seq, n };
        self.asks.insert(Ask { id, to, request });
    }
}

/// Tells the asks of one event apart. There are fewer than that; a damaged event with more is cut, not a panic.
fn numbers() -> impl Iterator<Item = u16> {
    0..=u16::MAX
}

impl RoundHold {
    fn asked(hold: &HoldAsked) -> Self {
        RoundHold {
            hold: hold.hold,
            line: hold.line,
            sku: hold.sku,
            quantity: hold.quantity,
            stage: HoldStage::Asked,
        }
    }
}
