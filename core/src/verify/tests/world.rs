//! A small marketplace in memory: the real checkout, shard, payment and order machines, asks delivered at once, and
//! a bank that answers every call. Products and vendors are played by fixed answers.

use std::any::Any;
use std::collections::BTreeMap;

use crate::any::{AnyEvent, Effect};
use crate::ask::{Ask, AskAnswer, AskId, AskRequest};
use crate::checkout::{self, Checkout};
use crate::ids::{
    BuyerId, CheckoutId, LocationId, MovementId, OrderId, Partition, PaymentId, Principal, ProductId, SkuId, StreamId,
    SubjectId, VariantId, VendorId,
};
use crate::inventory::{self, Inventory};
use crate::journal::{AppendId, EffectId, Epoch, Incarnation, Origin, Recorded};
use crate::machine::{Creation, Ctx, EventMeta, Machine};
use crate::market::{Market, MarketId, TaxRule};
use crate::money::{Currency, Money, Rate};
use crate::order::Order;
use crate::payment::{self, Method, Operation, Payment, ProviderFact};
use crate::time::Timestamp;
use crate::{product, vendor};

pub(super) const CHECKOUT: CheckoutId = CheckoutId(77);
pub(super) const ORDER: OrderId = OrderId(77);
pub(super) const SKUS: [SkuId; 2] = [SkuId(1), SkuId(2)];

pub(super) fn payment_id(attempt: u32) -> PaymentId {
    PaymentId { checkout: CHECKOUT, attempt }
}

pub(super) fn card() -> Method {
    Method::Card { token: "tok".to_owned() }
}

/// What one step of a machine brought about.
#[derive(Default)]
struct Happened {
    events: Vec<AnyEvent>,
    creates: Vec<Creation>,
    effects: Vec<Effect>,
}

/// A machine whose kind does not matter.
trait Actor: Any {
    fn seq(&self) -> u64;
    fn create(&mut self, events: &[AnyEvent], now: Timestamp);
    fn ask(&mut self, ask: &Ask, now: Timestamp) -> (AskAnswer, Happened);
    fn answer(&mut self, id: AskId, answer: AskAnswer, now: Timestamp) -> Happened;
    fn asks(&self) -> Vec<Ask>;
    fn tick(&mut self, now: Timestamp) -> Happened;
    fn as_any(&mut self) -> &mut dyn Any;
}

struct Cell<M: Machine> {
    stream: StreamId,
    state: M::State,
    seq: u64,
}

impl<M: Machine> Cell<M> {
    fn new(stream: StreamId) -> Self {
        Cell { stream, state: M::initial(stream), seq: 0 }
    }

    fn ctx(&self, now: Timestamp) -> Ctx {
        Ctx { stream: self.stream, now, next_seq: self.seq + 1, key: None, principal: Principal::System }
    }

    fn apply(&mut self, events: Vec<M::Event>, now: Timestamp, happened: &mut Happened) {
        for event in events {
            self.seq += 1;
            M::apply(&mut self.state, EventMeta { seq: self.seq, at: now }, &event);
            happened.events.push(event.into());
        }
    }

    fn run(&mut self, command: Option<&M::Command>, now: Timestamp) -> (Option<Result<M::Reply, M::Rejection>>, Happened) {
        let mut happened = Happened::default();
        let due = M::due(&self.state, &self.ctx(now));
        self.apply(due.events, now, &mut happened);
        happened.effects = due.effects;
        let Some(command) = command else { return (None, happened) };
        match M::decide(&self.state, command, &self.ctx(now)) {
            Ok(decision) => {
                self.apply(decision.events, now, &mut happened);
                happened.creates = decision.creates;
                happened.effects.extend(decision.effects);
                match decision.reply {
                    crate::machine::Reply::Now(reply) => (Some(Ok(reply)), happened),
                    crate::machine::Reply::Parked => (None, happened),
                }
            }
            Err(rejection) => (Some(Err(rejection)), happened),
        }
    }
}

impl<M: Machine> Actor for Cell<M> {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn create(&mut self, events: &[AnyEvent], now: Timestamp) {
        let events = events.iter().filter_map(M::event).cloned().collect();
        self.apply(events, now, &mut Happened::default());
    }

    fn ask(&mut self, ask: &Ask, now: Timestamp) -> (AskAnswer, Happened) {
        let command = M::command_of_ask(ask).unwrap();
        let (outcome, happened) = self.run(Some(&command), now);
        (M::answer_of(&outcome.unwrap()), happened)
    }

    fn answer(&mut self, id: AskId, answer: AskAnswer, now: Timestamp) -> Happened {
        let command = M::command_of_answer(id, answer).unwrap();
        self.run(Some(&command), now).1
    }

    fn asks(&self) -> Vec<Ask> {
        M::open_asks(&self.state).map(|asks| asks.iter().cloned().collect()).unwrap_or_default()
    }

    fn tick(&mut self, now: Timestamp) -> Happened {
        self.run(None, now).1
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// What the bank says to a call.
pub(super) type Bank = fn(&payment::ProviderCall) -> Vec<ProviderFact>;

/// A bank that does what it is told.
pub(super) fn obliging(call: &payment::ProviderCall) -> Vec<ProviderFact> {
    vec![match &call.operation {
        Operation::Authorise { method: Method::Card { .. }, .. } => ProviderFact::Authorised,
        Operation::Authorise { .. } | Operation::Capture { .. } => ProviderFact::Captured,
        Operation::Void => ProviderFact::Voided,
        Operation::Refund { .. } => ProviderFact::Refunded { key: call.key.clone() },
        Operation::LookUp { .. } => return Vec::new(),
    }]
}

pub(super) struct World {
    actors: BTreeMap<StreamId, Box<dyn Actor>>,
    positions: BTreeMap<Partition, u64>,
    pub(super) journal: Vec<Recorded>,
    pub(super) outbox: Vec<(EffectId, Effect)>,
    calls: Vec<(EffectId, payment::ProviderCall)>,
    pub(super) now: Timestamp,
    pub(super) bank: Bank,
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
            bank: obliging,
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
    pub(super) fn command<M: Machine>(&mut self, stream: StreamId, command: M::Command) -> Option<Result<M::Reply, M::Rejection>> {
        let now = self.now;
        let cell = self.actor(stream).as_any().downcast_mut::<Cell<M>>().unwrap();
        let (outcome, happened) = cell.run(Some(&command), now);
        self.append(stream, happened);
        self.settle();
        outcome
    }

    pub(super) fn tick(&mut self, stream: StreamId) {
        let now = self.now;
        let happened = self.actor(stream).tick(now);
        self.append(stream, happened);
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
        for _ in 0..100 {
            let before = self.journal.len();
            let asks: Vec<Ask> = self.actors.values().flat_map(|actor| actor.asks()).collect();
            for ask in asks {
                self.deliver(&ask);
            }
            for (id, call) in std::mem::take(&mut self.calls) {
                for fact in (self.bank)(&call) {
                    self.provider(call.payment, Some(id), &call.key, fact);
                }
            }
            if self.journal.len() == before && self.calls.is_empty() {
                return;
            }
        }
        panic!("it never ends");
    }

    fn deliver(&mut self, ask: &Ask) {
        let now = self.now;
        let answer = match &ask.request {
            AskRequest::Product(product::Request::Offer { sku, .. }) => AskAnswer::Product(offer(*sku)),
            AskRequest::Vendor(_) => AskAnswer::Vendor(terms()),
            _ => {
                let (answer, happened) = self.actor(ask.to).ask(ask, now);
                self.append(ask.to, happened);
                answer
            }
        };
        let happened = self.actor(ask.id.stream).answer(ask.id, answer, now);
        self.append(ask.id.stream, happened);
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
    pub(super) fn notice(&mut self, attempt: u32, fact: ProviderFact) {
        let id = payment_id(attempt);
        self.provider(id, None, &payment::CallKind::Authorise.key(id), fact);
        self.settle();
    }

    pub(super) fn checkout(&mut self, command: checkout::Command) -> Option<Result<checkout::Reply, checkout::Rejection>> {
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

    pub(super) fn pay(&mut self, method: Method) {
        let state = self.state::<Checkout>(StreamId::Checkout(CHECKOUT));
        let quote = state.quote.unwrap();
        self.checkout(checkout::Command::Pay { quote: quote.id, total: quote.total, method });
    }

    pub(super) fn later(&mut self, millis: i64) {
        self.now = self.now.plus_millis(millis);
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
