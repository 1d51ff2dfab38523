//! A small marketplace in memory: the real checkout, shard, payment and order machines, asks delivered at once, and
//! a bank that answers every call. Products and vendors are played by fixed answers.

use std::collections::{BTreeMap, VecDeque};

use crate::any::{AnyEvent, Effect};
use crate::ask::{Ask, AskAnswer, AskRequest};
use crate::checkout::{self, Checkout};
use crate::ids::{
    BuyerId, CheckoutId, LocationId, MovementId, OrderId, Partition, PaymentId, ProductId, SkuId, StreamId,
    SubjectId, VariantId, VendorId,
};
use crate::inventory::{self, Inventory};
use crate::journal::{AppendId, EffectId, Epoch, Incarnation, Origin, Recorded};
use crate::machine::{Machine, Outcome};
use crate::market::{Market, MarketId, TaxRule};
use crate::money::{Currency, Money, Rate};
use crate::order::Order;
use crate::payment::{self, Method, Payment, ProviderFact};
use crate::time::Timestamp;
use crate::{product, vendor};

use super::bank::Bank;
use super::cell::{Actor, Cell, Happened};

pub(super) const CHECKOUT: CheckoutId = CheckoutId(77);
pub(super) const ORDER: OrderId = OrderId(77);
pub(super) const SKUS: [SkuId; 2] = [SkuId(1), SkuId(2)];

pub(super) fn payment_id(attempt: u32) -> PaymentId {
    PaymentId { checkout: CHECKOUT, attempt }
}

pub(super) fn card() -> Method {
    Method::Card { token: "tok".to_owned() }
}

/// What happens to the delivery of an ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weather {
    /// It arrives, and so does its answer.
    Fair,
    /// It is lost.
    Lost,
    /// It arrives; the answer is lost.
    AnswerLost,
    /// It arrives twice, and so does its answer.
    Doubled,
}

pub(super) struct World {
    actors: BTreeMap<StreamId, Box<dyn Actor>>,
    positions: BTreeMap<Partition, u64>,
    pub(super) journal: Vec<Recorded>,
    pub(super) outbox: Vec<(EffectId, Effect)>,
    calls: Vec<(EffectId, payment::ProviderCall)>,
    pub(super) now: Timestamp,
    pub(super) bank: Bank,
    /// What happens to the next deliveries of asks; empty: they arrive.
    pub(super) weather: VecDeque<Weather>,
}

impl World {
    /// Five units of each SKU.
    pub(super) fn new() -> Self {
        let mut world = World {
            actors: BTreeMap::new(),
            positions: BTreeMap::new(),
            journal: Vec::new(),
            outbox: Vec::new(),
            calls: Vec::new(),
            now: Timestamp::from_millis(1_000_000),
            bank: Bank::default(),
            weather: VecDeque::new(),
        };
        for sku in SKUS {
            let stream = StreamId::Stock(sku.shard());
            let open = inventory::SkuRequest::Open { sku };
            world.command::<Inventory>(stream, inventory::Command::Sku { asked: 1, request: open });
            let movement = inventory::Movement {
                movement: MovementId(sku.0),
                sku,
                location: LocationId::MAIN,
                quantity: 5,
            };
            world.command::<Inventory>(stream, inventory::Command::Receive(movement));
        }
        world
    }

    fn actor(&mut self, stream: StreamId) -> &mut Box<dyn Actor> {
        self.actors.entry(stream).or_insert_with(|| match stream {
            StreamId::Stock(_) => Box::new(Cell::<Inventory>::new(stream)),
            StreamId::Checkout(_) => Box::new(Cell::<Checkout>::new(stream)),
            StreamId::Payment(_) => Box::new(Cell::<Payment>::new(stream)),
            StreamId::Order(_) => Box::new(Cell::<Order>::new(stream)),
            _ => panic!("{stream} is played by fixed answers"),
        })
    }

    pub(super) fn state<M: Machine>(&mut self, stream: StreamId) -> M::State {
        self.actor(stream).as_any().downcast_ref::<Cell<M>>().unwrap().state.clone()
    }

    /// Gives a command and lets everything that follows from it happen.
    pub(super) fn command<M: Machine>(
        &mut self,
        stream: StreamId,
        command: M::Command,
    ) -> Option<Outcome<M>> {
        let now = self.now;
        let cell = self.actor(stream).as_any().downcast_mut::<Cell<M>>().unwrap();
        let (outcome, happened) = cell.run(Some(&command), now);
        self.append(stream, happened);
        self.settle();
        outcome
    }

    /// Time passes, and everybody looks at the clock.
    pub(super) fn later(&mut self, millis: i64) {
        self.now = self.now.plus_millis(millis);
        let now = self.now;
        let streams: Vec<StreamId> = self.actors.keys().copied().collect();
        for stream in streams {
            let happened = self.actor(stream).tick(now);
            self.append(stream, happened);
        }
        self.settle();
    }

    fn append(&mut self, stream: StreamId, happened: Happened) {
        let now = self.now;
        let first = self.actor(stream).seq() + 1 - happened.events.len() as u64;
        for (seq, event) in (first..).zip(&happened.events) {
            self.record(stream, seq, event.clone());
        }
        let seq = self.actor(stream).seq();
        let own = happened.effects.into_iter().enumerate();
        let mut effects: Vec<(EffectId, Effect)> =
            own.map(|(n, effect)| (EffectId { stream, seq, n: n as u16 }, effect)).collect();
        for creation in happened.creates {
            effects.extend(creation.outbox().map(|(id, effect)| (id, effect.clone())));
            for (seq, event) in (1..).zip(&creation.events) {
                self.record(creation.stream, seq, event.clone());
            }
            self.actor(creation.stream).create(&creation.events, now);
        }
        for (id, effect) in effects {
            if let Effect::Payment(call) = &effect {
                self.calls.push((id, call.clone()));
            }
            self.outbox.push((id, effect));
        }
    }

    fn record(&mut self, stream: StreamId, seq: u64, event: AnyEvent) {
        let partition = stream.partition();
        let position = self.positions.entry(partition).or_default();
        *position += 1;
        self.journal.push(Recorded {
            partition,
            position: *position,
            stream,
            seq,
            epoch: Epoch(1),
            append_id: AppendId { incarnation: Incarnation(1), ordinal: self.outbox.len() as u64 },
            at: self.now,
            origin: Origin::default(),
            event,
        });
    }

    /// Delivers asks and answers, and works the outbox, until nothing more happens.
    fn settle(&mut self) {
        for _ in 0..200 {
            let before = self.journal.len();
            let asks: Vec<Ask> = self.actors.values().flat_map(|actor| actor.asks()).collect();
            let rough = !self.weather.is_empty() && !asks.is_empty();
            for ask in asks {
                self.deliver(&ask);
            }
            for (id, call) in std::mem::take(&mut self.calls) {
                for fact in self.bank.call(&call) {
                    self.provider(call.payment, Some(id), &call.key, fact);
                }
            }
            if self.journal.len() == before && self.calls.is_empty() && !rough {
                return;
            }
        }
        panic!("it never ends");
    }

    fn deliver(&mut self, ask: &Ask) {
        let weather = self.weather.pop_front().unwrap_or(Weather::Fair);
        if weather == Weather::Lost {
            return;
        }
        let times = if weather == Weather::Doubled { 2 } else { 1 };
        for _ in 0..times {
            let answer = self.asked(ask);
            if weather != Weather::AnswerLost {
                let now = self.now;
                let happened = self.actor(ask.id.stream).answer(ask.id, answer, now);
                self.append(ask.id.stream, happened);
            }
        }
    }

    fn asked(&mut self, ask: &Ask) -> AskAnswer {
        let now = self.now;
        match &ask.request {
            AskRequest::Product(product::Request::Offer { sku, .. }) => AskAnswer::Product(offer(*sku)),
            AskRequest::Vendor(_) => AskAnswer::Vendor(terms()),
            _ => {
                let (answer, happened) = self.actor(ask.to).ask(ask, now);
                self.append(ask.to, happened);
                answer
            }
        }
    }

    /// The provider says something, to a call or by a notice.
    fn provider(&mut self, payment: PaymentId, effect: Option<EffectId>, key: &str, fact: ProviderFact) {
        let stream = StreamId::Payment(payment);
        let now = self.now;
        let command = payment::Command::Provider { effect, key: key.to_owned(), fact };
        let cell = self.actor(stream).as_any().downcast_mut::<Cell<Payment>>().unwrap();
        let (_, happened) = cell.run(Some(&command), now);
        self.append(stream, happened);
    }

    /// A notice from the provider, and everything that follows from it.
    fn notice(&mut self, attempt: u32, fact: ProviderFact) {
        let id = payment_id(attempt);
        self.provider(id, None, &payment::CallKind::Authorise.key(id), fact);
        self.settle();
    }

    /// The shopper does at the bank what is waited for, and the bank says so.
    pub(super) fn shopper_acts(&mut self, attempt: u32) {
        if let Some(fact) = self.bank.shopper_acts(payment_id(attempt)) {
            self.notice(attempt, fact);
        }
    }

    /// The bank took the money although it had said that it would not.
    pub(super) fn captured_after_all(&mut self, attempt: u32) {
        if self.bank.take(payment_id(attempt)) {
            self.notice(attempt, ProviderFact::Captured);
        }
    }

    pub(super) fn checkout(&mut self, command: checkout::Command) -> Option<Outcome<Checkout>> {
        self.command::<Checkout>(StreamId::Checkout(CHECKOUT), command)
    }

    /// Fills the cart and asks for a quote: two units of the first SKU, and one of the second when wanted.
    pub(super) fn quoted(&mut self, lines: usize) {
        self.checkout(checkout::Command::Open(opening()));
        for (sku, quantity) in SKUS.into_iter().zip([2, 1]).take(lines) {
            let line = checkout::CartLine { sku, product: ProductId(sku.0), quantity };
            self.checkout(checkout::Command::SetLine(line));
        }
        let address = checkout::Address { subject: SubjectId(5), country: "BR".to_owned() };
        self.checkout(checkout::Command::SetAddress(address));
        self.checkout(checkout::Command::ChooseShipping { method: "standard".to_owned() });
        self.checkout(checkout::Command::RequestQuote);
    }

    /// Pays what is quoted, if anything is.
    pub(super) fn pay(&mut self, method: Method) {
        let state = self.state::<Checkout>(StreamId::Checkout(CHECKOUT));
        let Some(quote) = state.quote else { return };
        self.checkout(checkout::Command::Pay { quote: quote.id, total: quote.total, method });
    }
}

fn opening() -> checkout::Opening {
    checkout::Opening {
        market: Market {
            id: MarketId::main(),
            countries: vec!["BR".to_owned()],
            currency: Currency::BRL,
            locale: "pt-BR".to_owned(),
            prices_include_tax: false,
            tax: Some(TaxRule { jurisdiction: "BR".to_owned(), rate: Rate(500) }),
        },
        buyer: BuyerId(6),
        limits: checkout::Limits::default(),
        reference: None,
    }
}

/// Each SKU is a product of its own and has a vendor of its own.
fn offer(sku: SkuId) -> product::Answer {
    product::Answer::Offer {
        sku,
        variant: VariantId(sku.0),
        vendor: VendorId(sku.0),
        unit_price: Money::new(1_000, Currency::BRL),
        unit_shipping: Money::new(150, Currency::BRL),
        version: 1,
    }
}

fn terms() -> vendor::Answer {
    vendor::Answer::Terms {
        active: true,
        commission: Rate(1_000),
        rule: "default".to_owned(),
        settlement: Currency::BRL,
        seller_of_record: false,
        version: 1,
    }
}
