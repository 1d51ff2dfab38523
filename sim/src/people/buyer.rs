//! A shopper: fills a cart, asks what it costs, pays, and does at the bank's what is to be done there. Or walks away
//! in the middle of it.

use std::collections::VecDeque;

use souk_core::any::AnyOutcome;
use souk_core::checkout::{
    self, Address, CartLine, Command, Opening, PayStep, Rejection, Reply, Stage, State, WrittenLine,
};
use souk_core::ids::{CheckoutId, OrderId, PaymentId, QuoteId, StreamId, SubjectId};
use souk_core::money::Money;
use souk_core::order::{self, CancelReason, Scope};
use souk_core::payment::Method;

use crate::kind::{AnyCommand, AnyState};
use crate::rng::Rng;
use crate::schedule::MS;
use crate::shop::{self, Shop, brl};

use super::{Errand, Next, Outcome, Person, Scene};

/// What a shopper is about to do.
#[derive(Clone, Debug)]
enum Doing {
    /// Fills the cart.
    Shopping,
    Quote,
    Pay(QuoteId, Money),
    /// Goes to the bank.
    Bank(PaymentId),
    /// Looks how it stands.
    Watch,
    /// Looks at the order, which may not be there yet.
    Peek,
    /// Does not want the order any more.
    Cancel(OrderId),
    GiveUp,
    Nothing,
}

#[derive(Debug)]
pub(super) struct Buyer {
    n: usize,
    checkout: CheckoutId,
    /// How many carts it still fills after this one.
    carts: u64,
    cart: VecDeque<Command>,
    lines: Vec<CartLine>,
    doing: Doing,
    /// How often it still tries to pay.
    tries: u64,
    /// An operator prices its cart.
    assisted: bool,
    /// The payment it has been to the bank for.
    acted: Option<PaymentId>,
    /// The order it was told of.
    placed: Option<OrderId>,
    /// It has waited a while since it last looked.
    rested: bool,
    /// How often it has looked.
    looks: u64,
}

impl Buyer {
    pub fn new(n: usize, carts: u64, shop: &Shop, rng: &mut Rng) -> Self {
        let lines = draw_lines(shop, rng);
        let mut buyer = Buyer {
            n,
            checkout: shop::checkout(n, carts),
            carts,
            cart: VecDeque::new(),
            lines,
            doing: Doing::Shopping,
            tries: shop.tries,
            assisted: rng.chance(100),
            acted: None,
            placed: None,
            rested: false,
            looks: 0,
        };
        buyer.fill_cart(shop.opening(n), n, rng);
        buyer
    }

    fn fill_cart(&mut self, opening: Opening, n: usize, rng: &mut Rng) {
        self.cart.push_back(Command::Open(opening));
        self.cart.extend(self.lines.iter().map(|line| Command::SetLine(*line)));
        if rng.chance(100) {
            // It comes back to the cart and changes its mind.
            self.cart.push_back(Command::SetLine(CartLine { quantity: 3, ..self.lines[0] }));
            self.cart.push_back(Command::SetLine(self.lines[0]));
        }
        let subject = SubjectId(1 + n as u128);
        self.cart.push_back(Command::SetAddress(Address { subject, country: "BR".to_owned() }));
        self.cart.push_back(Command::ChooseShipping { method: "standard".to_owned() });
    }

    fn give(&self, command: Command) -> Next {
        let (to, command) = (StreamId::Checkout(self.checkout), AnyCommand::Checkout(command));
        Next::give(to, command)
    }

    /// What the operator writes for the cart as it is now: some lines whole, some in two parts.
    fn written(&self, rng: &mut Rng) -> Vec<WrittenLine> {
        let mut written = Vec::new();
        for line in &self.lines {
            let parts = if line.quantity > 1 && rng.chance(400) {
                let first = rng.range(1, u64::from(line.quantity) - 1) as u32;
                vec![Some(first), Some(line.quantity - first)]
            } else {
                vec![None]
            };
            written.extend(parts.into_iter().map(|quantity| WrittenLine {
                sku: line.sku,
                quantity,
                unit_price: brl(rng.range(1, 9_000) as i64),
                unit_shipping: brl(rng.range(0, 99) as i64),
            }));
        }
        written
    }

    fn cancel(&self, to: StreamId, rng: &mut Rng) -> Errand {
        let (by, reason) = (order::Actor::Buyer, CancelReason::BuyerChangedMind);
        let scope = if rng.chance(500) { Scope::Order } else { Scope::Line(1) };
        Errand::Give { to, command: AnyCommand::Order(order::Command::Cancel { by, scope, reason }) }
    }

    /// After a payment that came to nothing.
    fn try_again(&mut self) {
        self.doing = if self.tries == 0 { Doing::GiveUp } else { Doing::Quote };
    }

    /// Some lines cannot be had: the rest will do, if there is any.
    fn do_without(&mut self, lines: &[u32]) {
        let gone = |n: usize| lines.contains(&(n as u32 + 1));
        let (without, with): (Vec<_>, Vec<_>) = (0..).zip(self.lines.clone()).partition(|(n, _)| gone(*n));
        self.lines = with.into_iter().map(|(_, line)| line).collect();
        if self.lines.is_empty() {
            self.doing = Doing::GiveUp;
            return;
        }
        self.cart =
            without.iter().map(|(_, line)| Command::SetLine(CartLine { quantity: 0, ..*line })).collect();
        self.doing = Doing::Shopping;
    }

    fn is_placed(&mut self, order: OrderId, rng: &mut Rng) -> Result<(), String> {
        if order.0 != self.checkout.0 || self.placed.is_some_and(|placed| placed != order) {
            return Err(format!("{} is said to be placed as {order}", self.checkout));
        }
        self.doing = match self.placed {
            None if rng.chance(250) => Doing::Cancel(order),
            None if rng.chance(300) => Doing::Watch,
            _ => Doing::Nothing,
        };
        self.placed = Some(order);
        Ok(())
    }

    fn hears_of_checkout(
        &mut self,
        outcome: &Result<Reply, Rejection>,
        command: &Command,
        rng: &mut Rng,
    ) -> Result<(), String> {
        match outcome {
            Ok(Reply::Placed { order, total }) => {
                if let Command::Pay { total: seen, .. } = command
                    && seen != total
                {
                    return Err(format!("agreed to pay {seen} and paid {total}"));
                }
                self.is_placed(*order, rng)?;
            }
            Err(Rejection::Placed { order }) => self.is_placed(*order, rng)?,
            _ if self.placed.is_some() => {
                return Err(format!("was told of {:?} and now {outcome:?}", self.placed));
            }
            Ok(Reply::At { .. }) => match command {
                Command::Abandon => self.doing = Doing::Nothing,
                _ if self.cart.is_empty() => self.doing = Doing::Quote,
                _ => {}
            },
            Ok(Reply::Quoted { quote, total, .. }) => {
                // Now and then it has seen another total.
                let seen = if rng.chance(50) { brl(total.minor + 1) } else { *total };
                self.doing = Doing::Pay(*quote, seen);
            }
            Ok(Reply::ActionNeeded { payment } | Reply::AwaitingPayment { payment }) => {
                self.doing = Doing::Bank(*payment);
            }
            Ok(Reply::Told(_) | Reply::Waiting | Reply::Noted) => {
                return Err(format!("is told {outcome:?} to {command:?}"));
            }
            Err(why) => self.is_refused(why, command, rng)?,
        }
        Ok(())
    }

    fn is_refused(&mut self, why: &Rejection, command: &Command, rng: &mut Rng) -> Result<(), String> {
        match why {
            Rejection::NotForSale { lines } => self.do_without(lines),
            Rejection::OutOfStock { lines } => {
                if rng.chance(500) {
                    self.try_again();
                } else {
                    self.do_without(lines);
                }
            }
            // The operator does not know that lines it takes for gone are still in the cart.
            Rejection::QuoteMismatch if self.assisted => {
                self.assisted = false;
                self.doing = Doing::Quote;
            }
            Rejection::QuoteChanged { quote, total } => self.doing = Doing::Pay(*quote, *total),
            Rejection::NoAnswer | Rejection::QuoteDropped | Rejection::NoQuote => self.doing = Doing::Quote,
            Rejection::PaymentFailed { .. } | Rejection::TimedOut => self.try_again(),
            // Something it gave up not knowing is still under way.
            Rejection::PaymentInProgress | Rejection::QuoteInProgress => self.doing = Doing::Watch,
            Rejection::Abandoned | Rejection::Ended | Rejection::Failed => self.doing = Doing::Nothing,
            _ => return Err(format!("is refused {command:?}: {why:?}")),
        }
        Ok(())
    }

    fn sees(&mut self, state: &State, rng: &mut Rng) -> Result<(), String> {
        if self.placed.is_some() {
            let stands = matches!(state.stage, Stage::Placed(_));
            self.doing = Doing::Nothing;
            return if stands { Ok(()) } else { Err(format!("was told of an order and sees {state:?}")) };
        }
        self.doing = match &state.stage {
            Stage::Placed(paid) => {
                return self.is_placed(paid.order, rng);
            }
            Stage::Expired | Stage::Failed => Doing::Nothing,
            Stage::Cart if state.opening.is_none() => Doing::Nothing,
            Stage::Cart => Doing::Quote,
            Stage::Quoting(_) => Doing::Watch,
            Stage::Quoted if self.tries == 0 => Doing::GiveUp,
            Stage::Quoted => match &state.quote {
                Some(quote) => Doing::Pay(quote.id, quote.total),
                None => Doing::Quote,
            },
            Stage::Paying(attempt) => match attempt.step {
                PayStep::ActionNeeded { .. } | PayStep::AwaitingPayment { .. }
                    if self.acted != Some(attempt.payment) =>
                {
                    Doing::Bank(attempt.payment)
                }
                _ if rng.chance(500) => Doing::Peek,
                _ => Doing::Watch,
            },
        };
        Ok(())
    }
}

/// Mostly one thing, and mostly what everybody wants.
fn draw_lines(shop: &Shop, rng: &mut Rng) -> Vec<CartLine> {
    let mut wanted: Vec<usize> = Vec::new();
    let first = if rng.chance(700) { 0 } else { rng.below(shop.goods.len() as u64) as usize };
    wanted.push(first);
    for n in 0..shop.goods.len() {
        if n != first && rng.chance(350) {
            wanted.push(n);
        }
    }
    let line = |n: &usize| {
        let goods = &shop.goods[*n];
        CartLine { sku: goods.sku, product: goods.product, quantity: 1 }
    };
    let mut lines: Vec<CartLine> = wanted.iter().map(line).collect();
    if rng.chance(150) {
        lines[0].quantity = 2;
    }
    lines
}

fn method(card: &str) -> Method {
    let token = card.to_owned();
    match card.split(':').next() {
        Some("instant") => Method::Instant { token },
        Some("later") => Method::PayLater { token },
        _ => Method::Card { token },
    }
}

impl Person for Buyer {
    fn next(&mut self, scene: &Scene, rng: &mut Rng) -> Next {
        let Some(shop) = scene.plan.shop.as_ref().filter(|_| scene.open) else { return Next::Rest(20 * MS) };
        match self.doing.clone() {
            Doing::Shopping => match self.cart.pop_front() {
                Some(command) => self.give(command),
                None => {
                    self.doing = Doing::Quote;
                    Next::Rest(MS)
                }
            },
            Doing::Quote if self.assisted => self.give(Command::WriteQuote { lines: self.written(rng) }),
            Doing::Quote => self.give(Command::RequestQuote),
            Doing::Pay(..) if self.tries == 0 => {
                self.doing = Doing::GiveUp;
                Next::Rest(MS)
            }
            Doing::Pay(quote, total) => {
                self.tries -= 1;
                let card = &shop.cards[rng.below(shop.cards.len() as u64) as usize];
                self.give(Command::Pay { quote, total, method: method(card) })
            }
            Doing::Bank(payment) => {
                self.acted = Some(payment);
                self.doing = Doing::Watch;
                match rng.below(10) {
                    // It forgets about it.
                    0 | 1 => Next::Rest(MS),
                    2 => Next::AtTheBank(payment, false),
                    3 => {
                        self.doing = Doing::GiveUp;
                        Next::AtTheBank(payment, true)
                    }
                    _ => Next::AtTheBank(payment, true),
                }
            }
            Doing::Watch if self.rested => {
                self.rested = false;
                Next::want(Errand::Look(StreamId::Checkout(self.checkout)))
            }
            Doing::Watch => {
                self.rested = true;
                self.looks += 1;
                Next::Rest(rng.range(20, 300) * MS * self.looks.min(10))
            }
            Doing::Peek => {
                self.doing = Doing::Watch;
                let order = StreamId::Order(OrderId(self.checkout.0));
                Next::want(if rng.chance(500) { Errand::Look(order) } else { self.cancel(order, rng) })
            }
            Doing::Cancel(order) => {
                self.doing = Doing::Nothing;
                Next::want(self.cancel(StreamId::Order(order), rng))
            }
            Doing::GiveUp => {
                self.doing = Doing::Nothing;
                // One that walks away without a word leaves its cart to its deadline.
                if rng.chance(700) { self.give(Command::Abandon) } else { Next::Rest(MS) }
            }
            Doing::Nothing if self.carts == 0 => Next::Content,
            Doing::Nothing => {
                *self = Buyer::new(self.n, self.carts - 1, shop, rng);
                Next::Rest(rng.range(1, 500) * MS)
            }
        }
    }

    fn gives_up(&mut self, errand: &Errand, rng: &mut Rng) -> bool {
        // What is given up half way must not be missing from the cart.
        let patient = matches!(self.doing, Doing::Shopping) || !matches!(errand, Errand::Give { .. });
        if patient || !rng.chance(60) {
            return false;
        }
        self.doing = match rng.below(4) {
            0 => Doing::Nothing,
            1 => Doing::Watch,
            2 => Doing::Peek,
            _ => Doing::GiveUp,
        };
        true
    }

    fn hears(&mut self, errand: &Errand, outcome: Outcome, rng: &mut Rng) -> Result<bool, String> {
        match (&outcome, errand) {
            (
                Outcome::Heard(AnyOutcome::Checkout(outcome)),
                Errand::Give { command: AnyCommand::Checkout(command), .. },
            ) => self.hears_of_checkout(outcome, command, rng)?,
            (Outcome::Heard(AnyOutcome::Order(Ok(_))), _)
            | (Outcome::Heard(AnyOutcome::Order(Err(order::Rejection::AlreadyShipped { .. }))), _) => {}
            (Outcome::Heard(AnyOutcome::Order(Err(order::Rejection::UnknownOrder))), _)
                if self.placed.is_none() => {}
            (Outcome::Shown(state), _) => match &**state {
                AnyState::Order(state) if state.placed.is_none() && self.placed.is_some() => {
                    return Err(format!("was told of {:?}, which is not there", self.placed));
                }
                AnyState::Order(_) => {}
                AnyState::Checkout(state) => self.sees(state, rng)?,
                other => return Err(format!("sees {other:?}")),
            },
            _ => return Err(format!("is told {outcome:?} to {errand:?}")),
        }
        Ok(false)
    }
}

/// Whether this state has come to its end.
pub(crate) fn has_ended(state: &checkout::State) -> bool {
    matches!(state.stage, Stage::Placed(_) | Stage::Expired | Stage::Failed)
}
