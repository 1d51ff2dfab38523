//! Whole sales through the actors on a real journal: every magic card, and a kill in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use souk::actors::{Hosted, Node};
use souk::adapters::payments::test_bank::{self, LOG_FILE, Settings};
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::{Database, audit};
use souk_core::checkout::{self, CartLine, Checkout, Limits, Opening};
use souk_core::host::Answer;
use souk_core::ids::{
    BuyerId, CheckoutId, LocationId, MovementId, OrderId, ProductId, SkuId, StreamId, SubjectId, VariantId,
    VendorId,
};
use souk_core::inventory::{self, Inventory, Movement};
use souk_core::journal::Origin;
use souk_core::machine::{CommandId, CommandKey, Outcome};
use souk_core::market::{LocalizedText, Market, MarketId};
use souk_core::money::{Currency, Money, Rate};
use souk_core::order::{self, Order};
use souk_core::payment::Method;
use souk_core::product::{self, Condition, Facts, NewOffer, Price, Product, Variant};
use souk_core::vendor::{self, Application, Commission, LegalEntity, Vendor};
use souk_core::verify::{Report, Verifier};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::servers::Backend;

pub const PATIENCE: Duration = Duration::from_secs(20);
/// Two vendors, one offer each, so that every cart is split.
pub const VENDORS: [u128; 2] = [1, 2];
pub const UNITS: u32 = 500;

/// What a shopper who paid is told.
type Paid = Answer<Checkout>;

/// Seconds instead of minutes and days, so that everything comes to an end while the test looks on.
pub fn limits() -> Limits {
    Limits {
        card_ms: 2_500,
        instant_ms: 2_500,
        pay_later_ms: 3_000,
        hold_ttl_ms: 2_000,
        look_up_every_ms: 200,
        late_money_ms: 2_000,
        ..Limits::default()
    }
}

pub fn options() -> ShopOptions {
    let bank = Settings {
        patience_ms: 300,
        slow_delay_ms: 600,
        silence_ms: 100,
        late_notice_delay_ms: 400,
        pay_later_delay_ms: 300,
        redeliver_after_ms: 500,
        ..Settings::default()
    };
    ShopOptions { bank, ..ShopOptions::default() }
}

pub async fn open(backend: &Backend) -> Shop {
    let database: Database = backend.url().parse().expect("an address");
    Shop::open(&database, backend.data_dir(), Clock::system(), options()).await.expect("the shop opens")
}

pub async fn give<M: Hosted>(node: &Arc<Node>, stream: StreamId, command: M::Command) -> Outcome<M> {
    let told = node.handle::<M>().command(stream, command, None, Origin::default(), PATIENCE).await;
    match told.expect("an answer").answer {
        Answer::Fresh(outcome) | Answer::Repeated(outcome) => outcome,
        other => panic!("{stream} was told {other:?}"),
    }
}

pub fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

pub fn sku(vendor: u128) -> SkuId {
    SkuId(100 + vendor)
}

pub async fn stock_the_shop(node: &Arc<Node>) {
    let text = |text: &str| LocalizedText::from([("en".to_owned(), text.to_owned())]);
    for n in VENDORS {
        let (vendor, product) = (VendorId(n), ProductId(10 + n));
        let application = Application {
            name: format!("Vendor {n}"),
            legal_entity: LegalEntity {
                name: format!("Vendor {n} Ltd"),
                country: "DE".to_owned(),
                tax_id: None,
                series: "A".to_owned(),
            },
            settlement: Currency::EUR,
            seller_of_record: true,
            contact: None,
        };
        let home = StreamId::Vendor(vendor);
        give::<Vendor>(node, home, vendor::Command::Apply(application)).await.expect("applied");
        let commission = Commission { rate: Rate(1_000), rule: "default".to_owned() };
        give::<Vendor>(node, home, vendor::Command::Approve(commission)).await.expect("approved");
        let by = product::Actor::Vendor(vendor);
        let variant = VariantId(20 + n);
        let create = product::Command::Create {
            by,
            steward: vendor,
            facts: Facts {
                title: text("Thing"),
                description: text("A thing"),
                category: "things".to_owned(),
            },
            variants: vec![Variant {
                id: variant,
                options: BTreeMap::new(),
                barcode: None,
                weight_g: None,
                size: None,
            }],
        };
        let home = StreamId::Product(product);
        give::<Product>(node, home, create).await.expect("created");
        let price = Price { unit: eur(1_999), shipping: eur(499) };
        let offer = NewOffer {
            sku: sku(n),
            variant,
            vendor,
            code: "T-1".to_owned(),
            condition: Condition::New,
            prices: BTreeMap::from([(MarketId::main(), price)]),
        };
        give::<Product>(node, home, product::Command::AttachOffer { by, offer }).await.expect("offered");
        give::<Product>(node, home, product::Command::Submit { by }).await.expect("submitted");
        give::<Product>(node, home, product::Command::Approve { list: true }).await.expect("listed");
        let movement =
            Movement { movement: MovementId(n), sku: sku(n), location: LocationId::MAIN, quantity: UNITS };
        let shard = StreamId::Stock(sku(n).shard());
        give::<Inventory>(node, shard, inventory::Command::Receive(movement)).await.expect("received");
    }
    until("everything is for sale", || {
        VENDORS.iter().all(|n| node.stock_view().is_open(sku(*n)) == Some(true))
    })
    .await;
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    until_async(what, async || holds()).await;
}

/// Waits for a condition with a bound.
pub async fn until_async(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A cart of both vendors, quoted; returns what Pay must name.
pub async fn fill(node: &Arc<Node>, checkout: CheckoutId) -> checkout::Command {
    fill_within(node, checkout, limits()).await
}

/// The same with other limits.
pub async fn fill_within(node: &Arc<Node>, checkout: CheckoutId, limits: Limits) -> checkout::Command {
    let stream = StreamId::Checkout(checkout);
    let market = Market {
        id: MarketId::main(),
        countries: vec!["DE".to_owned()],
        currency: Currency::EUR,
        locale: "en".to_owned(),
        prices_include_tax: true,
        tax: None,
    };
    let opening = Opening { market, buyer: BuyerId(checkout.0), limits, reference: None };
    give::<Checkout>(node, stream, checkout::Command::Open(opening)).await.expect("opened");
    for n in VENDORS {
        let line = CartLine { sku: sku(n), product: ProductId(10 + n), quantity: 1 };
        give::<Checkout>(node, stream, checkout::Command::SetLine(line)).await.expect("in the cart");
    }
    let address = checkout::Address { subject: SubjectId(checkout.0), country: "DE".to_owned() };
    give::<Checkout>(node, stream, checkout::Command::SetAddress(address)).await.expect("addressed");
    let method = "standard".to_owned();
    give::<Checkout>(node, stream, checkout::Command::ChooseShipping { method }).await.expect("chosen");
    let key = CommandKey { id: CommandId(checkout.0 << 8), fingerprint: 1 };
    let quoted = insist(node, checkout, checkout::Command::RequestQuote, key).await;
    let Ok(checkout::Reply::Quoted { quote, total, .. }) = quoted else { panic!("no quote: {quoted:?}") };
    assert_eq!(total, eur(2 * (1_999 + 499)));
    checkout::Command::Pay { quote, total, method: Method::Card { token: String::new() } }
}

/// Asks under the same name until there is an answer. One whose checkout ended under it is told that the first request
/// of its name is still under way.
pub async fn insist(
    node: &Arc<Node>,
    checkout: CheckoutId,
    command: checkout::Command,
    key: CommandKey,
) -> Outcome<Checkout> {
    let (stream, deadline) = (StreamId::Checkout(checkout), Instant::now() + 2 * PATIENCE);
    loop {
        let told = node.handle::<Checkout>();
        let told = told.command(stream, command.clone(), Some(key), Origin::default(), PATIENCE).await;
        match told.expect("an answer").answer {
            Answer::Fresh(outcome) | Answer::Repeated(outcome) => return outcome,
            Answer::InFlight => assert!(Instant::now() < deadline, "{checkout}: no answer"),
            Answer::KeyReused => panic!("the same body"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn with_token(pay: checkout::Command, token: &str) -> checkout::Command {
    let checkout::Command::Pay { quote, total, .. } = pay else { panic!("not a payment") };
    let token = token.to_owned();
    let method = match token.split('_').next() {
        Some("instant") => Method::Instant { token },
        Some("pay") => Method::PayLater { token },
        _ => Method::Card { token },
    };
    checkout::Command::Pay { quote, total, method }
}

/// Pays in the background: the answer may never come, when the shop is closed meanwhile. Whoever pays again pays
/// under the same name.
fn pay(node: &Arc<Node>, checkout: CheckoutId, command: checkout::Command) -> JoinHandle<Option<Paid>> {
    let node = Arc::clone(node);
    let key = CommandKey { id: CommandId((checkout.0 << 8) | 1), fingerprint: 2 };
    tokio::spawn(async move {
        let stream = StreamId::Checkout(checkout);
        let told =
            node.handle::<Checkout>().command(stream, command, Some(key), Origin::default(), PATIENCE).await;
        told.ok().map(|told| told.answer)
    })
}

pub async fn report(backend: &Backend) -> Report {
    let mut verifier = Verifier::new();
    let database = backend.url().parse().expect("an address");
    let damage = audit::read(&database, |recorded, _| verifier.event(recorded)).await.expect("readable");
    assert_eq!(damage, Vec::<String>::new());
    verifier.finish()
}

/// Waits until nothing is under way any more: no hold, no open payment, no refund; then everything must hold.
pub async fn comes_to_rest(backend: &Backend, what: &str) -> Report {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let report = report(backend).await;
        assert_eq!(report.violations, Vec::new(), "{what}");
        if report.pending.is_empty() {
            return report;
        }
        assert!(Instant::now() < deadline, "{what}: still under way: {:?}", report.pending);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Every token of the test bank, each with one checkout of its own.
const TOKENS: [&str; 16] = [
    "card_success",
    "card_declined",
    "card_3ds",
    "card_capture_declined",
    "card_refund_declined",
    "card_timeout_then_succeeded",
    "card_timeout_lost",
    "card_late_notice",
    "card_duplicate_notice",
    "card_slow",
    "instant",
    "instant_declined",
    "instant_late_notice",
    "pay_later",
    "pay_later_never",
    "pay_later_despite_void",
];

async fn every_card(backend: &Backend, close_after: Option<Duration>) {
    let mut shop = open(backend).await;
    stock_the_shop(&shop.node).await;
    let mut checkouts = Vec::new();
    for (n, token) in (1_000u128..).zip(TOKENS) {
        let checkout = CheckoutId(n);
        let command = with_token(fill(&shop.node, checkout).await, token);
        checkouts.push((checkout, command));
    }
    let all_pay = |shop: &Shop| -> Vec<_> {
        checkouts.iter().map(|(checkout, command)| pay(&shop.node, *checkout, command.clone())).collect()
    };
    let mut paying = all_pay(&shop);
    if let Some(after) = close_after {
        tokio::time::sleep(after).await;
        shop.close().await;
        drop(paying);
        shop = open(backend).await;
        paying = all_pay(&shop);
    }
    for (paid, token) in paying.into_iter().zip(TOKENS) {
        let answer = paid.await.expect("no panic");
        // Told before the shop was closed, or since, or still under way: never that it does not know.
        assert!(answer.is_some(), "{token}, closed after {close_after:?}: no answer");
    }
    comes_to_rest(backend, &format!("closed after {close_after:?}")).await;
    shop.close().await;
    let log = test_bank::read(&backend.data_dir().join(LOG_FILE)).expect("the bank's log");
    assert!(!log.is_empty(), "the bank was called");
    let found = test_bank::audit(&log);
    assert_eq!(found.faults, Vec::new(), "one effect per key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_the_bank_declines_is_flagged_and_made_when_a_person_says_so() {
    let backend = Backend::sqlite();
    let shop = open(&backend).await;
    stock_the_shop(&shop.node).await;
    let checkout = CheckoutId(2_000);
    let command = with_token(fill(&shop.node, checkout).await, "card_refund_declined");
    let told = pay(&shop.node, checkout, command).await.expect("no panic");
    assert!(matches!(told, Some(Answer::Fresh(Ok(checkout::Reply::Placed { .. })))), "{told:?}");
    let order = StreamId::Order(OrderId(checkout.0));
    let (by, scope, reason) =
        (order::Actor::Buyer, order::Scope::Order, order::CancelReason::BuyerChangedMind);
    give::<Order>(&shop.node, order, order::Command::Cancel { by, scope, reason }).await.expect("cancelled");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (state, _) = shop.node.handle::<Order>().read(order, PATIENCE).await.expect("read");
        if !state.flags.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "never flagged: {state:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let found = report(&backend).await;
    assert_eq!((found.violations.len(), found.pending.len()), (0, 1), "{found:?}");
    let retry = order::Command::RetryRefund { by: order::Actor::Operator, refund: 1 };
    give::<Order>(&shop.node, order, retry).await.expect("tried again");
    comes_to_rest(&backend, "declined and tried again").await;
    shop.close().await;
    let log = test_bank::read(&backend.data_dir().join(LOG_FILE)).expect("the bank's log");
    let found = test_bank::audit(&log);
    assert_eq!(found.faults, Vec::new(), "one effect per key");
    let totals = found.totals.values().next().expect("one payment");
    assert_eq!(totals.refunded, totals.captured, "all of it is back, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_magic_card_comes_to_rest() {
    let backend = Backend::sqlite();
    every_card(&backend, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_magic_card_comes_to_rest_on_postgres() {
    if let Some(backend) = Backend::postgres("magic cards on Postgres") {
        every_card(&backend, None).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_magic_card_comes_to_rest_when_the_shop_is_closed_meanwhile() {
    for after in [0, 20, 60, 150, 400] {
        let backend = Backend::sqlite();
        every_card(&backend, Some(Duration::from_millis(after))).await;
    }
}
