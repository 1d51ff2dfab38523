//! A checkout driven by hand, and a whole small market driven at random.

mod bank;
mod bus;
mod histories;
mod log;
mod market;
mod properties;
mod scripts;
mod ways_out;

use crate::any::{AnyEvent, Effect};
use crate::ask::{Ask, AskAnswer, AskRequest};
use crate::ids::{
    BuyerId, CheckoutId, HoldId, LocationId, OrderId, PaymentId, ProductId, QuoteId, SkuId, StreamId,
    SubjectId, VariantId, VendorId,
};
use crate::machine::{CommandId, CommandKey, Creation, Ctx, EventMeta, Machine, Outcome, Reply as Replied};
use crate::market::{Market, MarketId};
use crate::money::{Currency, Money, Rate};
use crate::payment::{self, Method, News};
use crate::time::Timestamp;
use crate::{inventory, product, vendor};

use super::*;

pub(super) const CHECKOUT: CheckoutId = CheckoutId(900);
pub(super) const BUYER: BuyerId = BuyerId(5);
pub(super) const SUBJECT: SubjectId = SubjectId(6);

pub(super) fn brl(minor: i64) -> Money {
    Money::new(minor, Currency::BRL)
}

pub(super) fn limits() -> Limits {
    Limits {
        cart_ttl_ms: 1_000_000,
        quote_ttl_ms: 100_000,
        hold_ttl_ms: 20_000,
        card_ms: 30_000,
        instant_ms: 30_000,
        pay_later_ms: 200_000,
        look_up_every_ms: 1_000,
        late_money_ms: 300_000,
    }
}

pub(super) fn opening() -> Opening {
    let market = Market {
        id: MarketId::main(),
        countries: vec!["BR".to_owned()],
        currency: Currency::BRL,
        locale: "pt-BR".to_owned(),
        prices_include_tax: true,
        tax: None,
    };
    Opening { market, buyer: BUYER, limits: limits(), reference: None }
}

pub(super) fn line(sku: u128, quantity: u32) -> CartLine {
    CartLine { sku: SkuId(sku), product: ProductId(sku), quantity }
}

pub(super) fn address() -> Address {
    Address { subject: SUBJECT, country: "BR".to_owned() }
}

pub(super) fn card() -> Method {
    Method::Card { token: "tok".to_owned() }
}

/// Offers cost ten times their number, shipping one more; odd ones are vendor 1's, even ones vendor 2's.
pub(super) fn offer(sku: SkuId) -> AskAnswer {
    let n = sku.0 as i64;
    AskAnswer::Product(product::Answer::Offer {
        sku,
        variant: VariantId(sku.0),
        vendor: VendorId(2 - sku.0 % 2),
        unit_price: brl(10 * n),
        unit_shipping: brl(n),
        version: 3,
    })
}

pub(super) fn terms(active: bool) -> AskAnswer {
    AskAnswer::Vendor(vendor::Answer::Terms {
        active,
        commission: Rate(1_000),
        rule: "default".to_owned(),
        settlement: Currency::BRL,
        seller_of_record: true,
        version: 2,
    })
}

pub(super) fn held() -> AskAnswer {
    let location = LocationId::MAIN;
    let deadline = Timestamp::ZERO;
    AskAnswer::Stock(inventory::Answer::Done(inventory::Reply::Held { location, deadline }))
}

pub(super) fn out_of_stock() -> AskAnswer {
    AskAnswer::Stock(inventory::Answer::Refused(inventory::Rejection::OutOfStock { available: 0 }))
}

pub(super) fn committed() -> AskAnswer {
    AskAnswer::Stock(inventory::Answer::Done(inventory::Reply::Committed { location: LocationId::MAIN }))
}

pub(super) fn undone() -> AskAnswer {
    AskAnswer::Stock(inventory::Answer::Done(inventory::Reply::Undone))
}

/// A checkout with its history.
pub(super) struct Run {
    pub state: State,
    pub events: Vec<(EventMeta, Event)>,
    pub created: Vec<Creation>,
    pub effects: Vec<Effect>,
    /// Requests that were parked, in order, and what they were told.
    pub parked: Vec<CommandKey>,
    pub resolved: Vec<(CommandKey, Outcome<Checkout>)>,
    pub now: Timestamp,
    keys: u128,
    /// The seq of the payments' asks.
    moved: u64,
}

impl Run {
    pub fn new() -> Self {
        Run {
            state: Checkout::initial(StreamId::Checkout(CHECKOUT)),
            events: Vec::new(),
            created: Vec::new(),
            effects: Vec::new(),
            parked: Vec::new(),
            resolved: Vec::new(),
            now: Timestamp::ZERO,
            keys: 0,
            moved: 1,
        }
    }

    /// A cart of these lines that was quoted.
    pub fn quoted(lines: &[CartLine]) -> Self {
        let mut run = Run::new();
        run.shop(lines);
        run.send(Command::RequestQuote);
        run.answer_quote();
        assert_eq!(run.state.step(), Step::Quoted);
        run
    }

    /// The same, with every hold taken and the money asked for.
    pub fn authorising(lines: &[CartLine]) -> Self {
        let mut run = Run::quoted(lines);
        run.pay();
        run.answer_all(|_| held());
        assert_eq!(run.state.step(), Step::Paying(PayingStep::Authorising));
        run
    }

    pub fn shop(&mut self, lines: &[CartLine]) {
        self.ok(Command::Open(opening()));
        for line in lines {
            self.ok(Command::SetLine(*line));
        }
        self.ok(Command::SetAddress(address()));
        self.ok(Command::ChooseShipping { method: "standard".to_owned() });
    }

    pub fn pay(&mut self) -> Option<Outcome<Checkout>> {
        let quote = self.state.quote.clone().expect("there is a quote");
        self.send(Command::Pay { quote: quote.id, total: quote.total, method: card() })
    }

    fn ctx(&self, key: Option<CommandKey>) -> Ctx {
        Ctx {
            stream: StreamId::Checkout(CHECKOUT),
            now: self.now,
            next_seq: self.events.len() as u64 + 1,
            key,
            principal: Default::default(),
        }
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let meta = EventMeta { seq: self.events.len() as u64 + 1, at: self.now };
            Checkout::apply(&mut self.state, meta, &event);
            self.events.push((meta, event));
        }
    }

    /// A command from outside, under a new name; `None` when it was parked.
    pub fn send(&mut self, command: Command) -> Option<Outcome<Checkout>> {
        self.keys += 1;
        let key = CommandKey { id: CommandId(self.keys), fingerprint: 0 };
        self.run(&command, Some(key))
    }

    pub fn ok(&mut self, command: Command) -> Reply {
        self.send(command).expect("it is answered at once").expect("it is allowed")
    }

    /// What is due, then the command: as the host does it.
    pub fn run(&mut self, command: &Command, key: Option<CommandKey>) -> Option<Outcome<Checkout>> {
        self.tick();
        let decision = match Checkout::decide(&self.state, command, &self.ctx(key)) {
            Ok(decision) => decision,
            Err(rejection) => return Some(Err(rejection)),
        };
        self.take(decision.events);
        self.created.extend(decision.creates);
        self.effects.extend(decision.effects);
        self.resolved.extend(decision.resolves);
        match decision.reply {
            Replied::Now(reply) => Some(Ok(reply)),
            Replied::Parked => {
                self.parked.extend(key);
                None
            }
        }
    }

    pub fn tick(&mut self) {
        let due = Checkout::due(&self.state, &self.ctx(None));
        self.take(due.events);
        self.effects.extend(due.effects);
        self.resolved.extend(due.resolves);
        assert!(self.state.deadline().is_none_or(|at| at > self.now), "what is due is done at once");
    }

    pub fn wait(&mut self, millis: i64) {
        self.now = self.now.plus_millis(millis);
        self.tick();
    }

    pub fn asks(&self) -> Vec<Ask> {
        self.state.asks.iter().cloned().collect()
    }

    pub fn answer(&mut self, ask: &Ask, answer: AskAnswer) {
        let command = Checkout::command_of_answer(ask.id, answer).expect("answers are commands");
        let outcome = self.run(&command, None).expect("answers are not parked");
        assert_eq!(outcome, Ok(Reply::Noted));
    }

    /// Answers everything that is open now.
    pub fn answer_all(&mut self, answer: impl Fn(&AskRequest) -> AskAnswer) {
        for ask in self.asks() {
            self.answer(&ask, answer(&ask.request));
        }
    }

    /// Products and vendors say what there is to say.
    pub fn answer_quote(&mut self) {
        for _ in 0..2 {
            self.answer_all(|request| match request {
                AskRequest::Product(product::Request::Offer { sku, .. }) => offer(*sku),
                _ => terms(true),
            });
        }
    }

    pub fn payment(&self) -> PaymentId {
        PaymentId { checkout: CHECKOUT, attempt: self.state.attempts }
    }

    /// The payment of the latest attempt says so.
    pub fn news(&mut self, news: News) -> AskAnswer {
        self.news_of(self.payment(), news)
    }

    pub fn news_of(&mut self, payment: PaymentId, news: News) -> AskAnswer {
        self.moved += 1;
        let outcome = self.run(&Command::PaymentMoved { asked: self.moved, payment, news }, None);
        Checkout::answer_of(&outcome.expect("asks are answered at once"))
    }

    /// What the request that was parked last has been told.
    pub fn told(&self) -> Option<&Outcome<Checkout>> {
        let last = self.parked.last()?;
        self.resolved.iter().find(|(key, _)| key == last).map(|(_, outcome)| outcome)
    }

    pub fn requests(&self) -> Vec<AskRequest> {
        self.state.asks.iter().map(|ask| ask.request.clone()).collect()
    }

    pub fn last(&self) -> &Event {
        &self.events.last().expect("something happened").1
    }

    pub fn intents(&self) -> Vec<payment::Intent> {
        let created = self.created.iter().flat_map(|creation| &creation.events);
        created
            .filter_map(|event| match event {
                AnyEvent::Payment(payment::Event::Created(intent)) => Some(intent.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn orders(&self) -> usize {
        self.created.iter().filter(|creation| matches!(creation.stream, StreamId::Order(_))).count()
    }

    /// The state is nothing but its events, and survives a snapshot.
    pub fn check_fold(&self) {
        let mut folded = Checkout::initial(StreamId::Checkout(CHECKOUT));
        for (meta, event) in &self.events {
            Checkout::apply(&mut folded, *meta, event);
        }
        assert_eq!(folded, self.state);
        let text = serde_json::to_string(&self.state).expect("a state is serialisable");
        let back: State = serde_json::from_str(&text).expect("and comes back");
        assert_eq!(back, self.state);
    }
}
