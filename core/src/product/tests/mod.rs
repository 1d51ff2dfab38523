//! One product, driven by hand, by table and at random.

mod asks;
mod facts;
mod life;
mod offers;
mod random;

use crate::ask::{Ask, AskAnswer};
use crate::ids::{Principal, ProductId, SkuId, StreamId, VariantId, VendorId};
use crate::inventory;
use crate::machine::{self, Ctx, EventMeta, Machine};
use crate::market::{LocalizedText, MarketId};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

use super::*;

const ID: ProductId = ProductId(9);
const STREAM: StreamId = StreamId::Product(ID);
const STEWARD: VendorId = VendorId(1);
const OTHER: VendorId = VendorId(2);
const VARIANT: VariantId = VariantId(10);
const SKU: SkuId = SkuId(100);

type Outcome = Result<Reply, Rejection>;

/// A product with its history.
struct Live {
    state: State,
    events: Vec<Event>,
}

impl Live {
    fn new() -> Self {
        Live { state: Product::initial(STREAM), events: Vec::new() }
    }

    /// A draft with one variant.
    fn draft() -> Self {
        let mut live = Live::new();
        live.run(&create()).expect("new");
        live
    }

    /// A listed product with one variant and the steward's offer on it; the shard has answered.
    fn listed() -> Self {
        let mut live = Live::draft();
        live.run(&attach(STEWARD, offer(SKU, STEWARD))).expect("its own draft");
        live.run(&Command::Submit { by: Actor::Vendor(STEWARD) }).expect("a draft");
        live.run(&Command::Approve { list: true }).expect("submitted");
        live.answer_all();
        live
    }

    fn run(&mut self, command: &Command) -> Outcome {
        let next_seq = self.events.len() as u64 + 1;
        let now = Timestamp::from_millis(next_seq as i64);
        let ctx = Ctx { stream: STREAM, now, next_seq, key: None, principal: Principal::System };
        let decision = Product::decide(&self.state, command, &ctx)?;
        for event in decision.events {
            let meta = EventMeta { seq: self.events.len() as u64 + 1, at: now };
            Product::apply(&mut self.state, meta, &event);
            self.events.push(event);
        }
        match decision.reply {
            machine::Reply::Now(reply) => Ok(reply),
            machine::Reply::Parked => panic!("a product never parks"),
        }
    }

    fn open_asks(&self) -> Vec<Ask> {
        self.state.asks.iter().cloned().collect()
    }

    /// Answers every open ask as a shard does.
    fn answer_all(&mut self) {
        for ask in self.open_asks() {
            self.run(&Command::Answered { id: ask.id, answer: done() }).expect("always heard");
        }
    }

    fn status(&self) -> Option<Status> {
        self.state.known.as_ref().map(|known| known.status)
    }

    fn version(&self) -> u64 {
        self.state.known.as_ref().map_or(0, |known| known.version)
    }
}

fn done() -> AskAnswer {
    AskAnswer::Stock(inventory::Answer::Done(inventory::Reply::Stock { available: 0 }))
}

fn text(text: &str) -> LocalizedText {
    LocalizedText::from([("en".to_owned(), text.to_owned())])
}

fn facts(title: &str) -> Facts {
    Facts { title: text(title), description: LocalizedText::new(), category: "home/lamps".to_owned() }
}

fn variant(id: u128, color: &str) -> Variant {
    Variant {
        id: VariantId(id),
        options: [("color".to_owned(), color.to_owned())].into(),
        barcode: Some("4006381333931".to_owned()),
        weight_g: Some(1_200),
        size: Some(Size { length_mm: 300, width_mm: 200, height_mm: 100 }),
    }
}

fn create() -> Command {
    Command::Create {
        by: Actor::Vendor(STEWARD),
        steward: STEWARD,
        facts: facts("Lamp"),
        variants: vec![variant(VARIANT.0, "red")],
    }
}

fn eur(unit: i64, shipping: i64) -> Price {
    Price { unit: Money::new(unit, Currency::EUR), shipping: Money::new(shipping, Currency::EUR) }
}

fn offer(sku: SkuId, vendor: VendorId) -> NewOffer {
    NewOffer {
        sku,
        variant: VARIANT,
        vendor,
        code: "LAMP-1".to_owned(),
        condition: Condition::New,
        prices: [(MarketId::main(), eur(1_999, 499))].into(),
    }
}

fn attach(by: VendorId, offer: NewOffer) -> Command {
    Command::AttachOffer { by: Actor::Vendor(by), offer }
}

fn quote(sku: SkuId, market: &str) -> Command {
    Command::Ask(Request::Offer { sku, market: MarketId(market.to_owned()) })
}

fn wrong(status: Status) -> Outcome {
    Err(Rejection::WrongState { status })
}

fn stands(status: Status, version: u64) -> Outcome {
    Ok(Reply::Product { product: ID, status, version })
}

/// Runs a script: every command with what it must be told.
fn script(live: &mut Live, steps: impl IntoIterator<Item = (Command, Outcome)>) {
    for (step, (command, expected)) in steps.into_iter().enumerate() {
        assert_eq!(live.run(&command), expected, "step {step}: {command:?}");
    }
}
