//! Read models: they say what a fold of the journal says, go on from their cursors, and can be thrown away.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use souk::actors::Node;
use souk::actors::projectors::Projector;
use souk::app::Shop;
use souk::journal::{Database, Reader, Set, audit};
use souk::store::read::{
    Balance, OrderRows, ProductFilter, ProductRows, Projection, ReadModels, StatementRow, VendorRow,
    account_name,
};
use souk::tenants::{Access, OperatorScope, PresentedKey, Role, StoreScope, VendorScope, keys};
use souk_core::any::AnyEvent;
use souk_core::checkout::{self, Checkout};
use souk_core::host::Answer;
use souk_core::ids::{CheckoutId, OrderId, ParcelId, ProductId, StreamId, VendorId};
use souk_core::journal::{Origin, Recorded};
use souk_core::ledger::Transaction;
use souk_core::machine::{CommandId, CommandKey, EventMeta, Machine};
use souk_core::market::MarketId;
use souk_core::money::{Money, Rate};
use souk_core::order::{self, Actor, CancelReason, Order, Scope};
use souk_core::product::Price;
use souk_core::time::Timestamp;
use souk_core::{product, vendor};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::sales::{PATIENCE, VENDORS, eur, fill, give, open, sku, stock_the_shop, with_token};
use crate::servers::Backend;

/// Sells one cart of both vendors.
pub async fn sell(node: &Arc<Node>, checkout: CheckoutId) -> OrderId {
    let pay = with_token(fill(node, checkout).await, "card_success");
    let key = CommandKey { id: CommandId((checkout.0 << 8) | 1), fingerprint: 2 };
    let stream = StreamId::Checkout(checkout);
    let told = node.handle::<Checkout>().command(stream, pay, Some(key), Origin::default(), PATIENCE).await;
    match told.expect("an answer").answer {
        Answer::Fresh(Ok(checkout::Reply::Placed { order, .. })) => order,
        other => panic!("not placed: {other:?}"),
    }
}

pub async fn ship(node: &Arc<Node>, order: OrderId, vendor: u128, deliver: bool) {
    let (by, parcel) = (Actor::Vendor(VendorId(vendor)), ParcelId(order.0 << 8 | vendor));
    let number = vendor as u32;
    let tracking = Some("T 1".to_owned());
    let ship = order::Command::Ship { by, vendor_order: number, parcel, lines: None, tracking };
    give::<Order>(node, StreamId::Order(order), ship).await.expect("shipped");
    if deliver {
        let deliver = order::Command::Deliver { by, parcel };
        give::<Order>(node, StreamId::Order(order), deliver).await.expect("delivered");
    }
}

pub async fn cancel(node: &Arc<Node>, order: OrderId, scope: Scope) {
    let cancel = order::Command::Cancel { by: Actor::Operator, scope, reason: CancelReason::NotAvailable };
    give::<Order>(node, StreamId::Order(order), cancel).await.expect("cancelled");
}

/// Everything that the read models show.
#[derive(PartialEq, Debug)]
struct Shown {
    vendors: Vec<VendorRow>,
    products: Vec<ProductRows>,
    orders: Vec<OrderRows>,
    balances: Vec<Balance>,
    statements: Vec<Vec<StatementRow>>,
}

fn vendor_scope(vendor: u128) -> VendorScope {
    let (text, record) = keys::issue(Role::Vendor(VendorId(vendor)), "test", Timestamp::ZERO).expect("a key");
    let presented: PresentedKey = text.expose().parse().expect("well formed");
    match record.admit(&presented).expect("admitted") {
        Access::Vendor(scope) => scope,
        Access::Operator(_) => panic!("not a vendor's"),
    }
}

async fn shown(models: &ReadModels) -> Shown {
    let (operator, store) = (OperatorScope::of_console(), StoreScope::of_anybody());
    let vendors = models.vendors(&operator, None, None, 100).await.expect("vendors").items;
    let mut products = Vec::new();
    for row in models
        .products(&store, &ProductFilter::all(MarketId::main()), None, 100)
        .await
        .expect("products")
        .items
    {
        products.push(models.product(&store, row.id).await.expect("readable").expect("listed"));
    }
    // A page each, so that pages are shown to join.
    let (mut orders, mut after) = (Vec::new(), None);
    loop {
        let page = models.orders(&operator, after, 1).await.expect("orders");
        for row in page.items {
            let whole = models.order(&operator, row.id).await.expect("readable").expect("there");
            assert_eq!(whole.order, row);
            orders.push(whole);
        }
        after = page.next_cursor;
        if after.is_none() {
            break;
        }
    }
    let mut statements = Vec::new();
    for vendor in VENDORS {
        let scope = vendor_scope(vendor);
        let own = models.vendor_orders(&scope, None, None, 100).await.expect("vendor orders").items;
        assert!(own.iter().all(|row| row.vendor == VendorId(vendor)), "only its own");
        assert_eq!(own.len(), orders.len(), "each order has a part of each vendor");
        let offers = models.own_offers(&scope, None, 100).await.expect("offers").items;
        assert_eq!(offers.iter().map(|offer| offer.sku).collect::<Vec<_>>(), vec![sku(vendor)]);
        statements.push(models.statement(&scope).await.expect("a statement"));
    }
    let balances = models.trial_balance(&operator).await.expect("balances");
    Shown { vendors, products, orders, balances, statements }
}

/// Holds what is shown against a fold of the whole journal.
async fn agrees_with_the_journal(database: &Database, models: &ReadModels) -> Shown {
    let mut states: BTreeMap<StreamId, order::State> = BTreeMap::new();
    let mut balances: BTreeMap<String, i64> = BTreeMap::new();
    let mut post = |transaction: &Transaction| {
        for posting in &transaction.postings {
            *balances.entry(account_name(&posting.account)).or_default() += posting.amount.minor;
        }
    };
    audit::read(database, |recorded: &Recorded, _| {
        let AnyEvent::Order(event) = &recorded.event else { return };
        let state = states.entry(recorded.stream).or_default();
        Order::apply(state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
        match event {
            order::Event::Placed(placed) => post(&placed.sale),
            order::Event::Cancelled { transaction, .. } | order::Event::Refunded { transaction, .. } => {
                post(transaction);
            }
            _ => {}
        }
    })
    .await
    .expect("readable");

    let shown = shown(models).await;
    assert_eq!(shown.orders.len(), states.len());
    for rows in &shown.orders {
        let state = &states[&StreamId::Order(rows.order.id)];
        let summary = order::summary(state).expect("placed");
        let row = &rows.order;
        assert_eq!(
            (row.status, row.charged, row.refunded),
            (summary.status, summary.charged, summary.refunded)
        );
        let parts: Vec<_> =
            rows.vendor_orders.iter().map(|part| (part.number, part.vendor, part.status)).collect();
        let wanted: Vec<_> =
            summary.vendor_orders.iter().map(|part| (part.number, part.vendor, part.status)).collect();
        assert_eq!(parts, wanted);
        let stages: Vec<_> = rows.lines.iter().map(|line| (line.line, line.stage)).collect();
        let wanted: Vec<_> = state.lines.iter().map(|(number, line)| (*number, line.stage)).collect();
        assert_eq!(stages, wanted);
        let parcels: Vec<_> = rows.parcels.iter().map(|parcel| (parcel.id, parcel.delivered_at)).collect();
        let wanted: Vec<_> = state.parcels.iter().map(|(id, parcel)| (*id, parcel.delivered_at)).collect();
        assert_eq!(parcels, wanted);
    }
    let found: BTreeMap<String, i64> =
        shown.balances.iter().map(|balance| (balance.account.clone(), balance.amount.minor)).collect();
    assert_eq!(found, balances);
    assert_eq!(found.values().sum::<i64>(), 0, "the books balance");
    for (vendor, statement) in VENDORS.into_iter().zip(&shown.statements) {
        let owed: i64 = statement.iter().map(|row| row.payable.minor - row.reversed.minor).sum();
        let account = format!("vendor_payable/{}", VendorId(vendor));
        assert_eq!(found[&account], -owed, "statement and ledger agree");
    }
    shown
}

async fn caught_up(shop: &Shop) {
    let projectors = shop.projectors.as_ref().expect("running");
    assert!(projectors.caught_up(Duration::from_secs(20)).await.expect("readable"), "they never caught up");
}

/// Waits until every refund has moved, so that nothing more will be said of the orders.
async fn at_rest(shop: &Shop, orders: &[OrderId]) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    for order in orders {
        loop {
            let (state, _) =
                shop.node.handle::<Order>().read(StreamId::Order(*order), PATIENCE).await.expect("read");
            let pending = state.refunds.values().any(|refund| refund.stage == order::RefundStage::Pending);
            if state.asks.is_empty() && !pending {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{order} did not come to rest");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    caught_up(shop).await;
}

/// Changes tables behind everybody's back.
pub async fn tamper(database: &Database, text: &'static str) {
    tamper_with(database, Set::Read, text).await;
}

async fn tamper_with(database: &Database, set: Set, text: &'static str) {
    match database {
        Database::Sqlite { dir } => {
            let mut connection = Database::sqlite_options(dir, set).connect().await.expect("connected");
            connection.execute(text).await.expect("tampered");
            connection.close().await.expect("closed");
        }
        Database::Postgres { .. } => {
            let options = database.postgres_options(set).expect("options");
            let mut connection = options.connect().await.expect("connected");
            connection.execute(text).await.expect("tampered");
            connection.close().await.expect("closed");
        }
    }
}

fn souk(backend: &Backend, arguments: &[&str]) -> serde_json::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_souk"))
        .args(arguments)
        .args(["--json", "--database", backend.url(), "--data"])
        .arg(backend.data_dir())
        .output()
        .expect("souk runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn read_models(backend: Backend) {
    let database: Database = backend.url().parse().expect("an address");
    let shop = open(&backend).await;
    stock_the_shop(&shop.node).await;
    let first = sell(&shop.node, CheckoutId(1)).await;
    let second = sell(&shop.node, CheckoutId(2)).await;
    ship(&shop.node, first, 1, true).await;
    ship(&shop.node, first, 2, false).await;
    cancel(&shop.node, second, Scope::VendorOrder(2)).await;
    at_rest(&shop, &[first, second]).await;
    let shown_first = agrees_with_the_journal(&database, &shop.models).await;
    assert_eq!(shown_first.orders.len(), 2);
    assert_eq!(shown_first.vendors.len(), 2);
    let vendor = &shown_first.vendors[0];
    assert_eq!((vendor.status, vendor.commission), (vendor::Status::Active, Some(Rate(1_000))));
    assert_eq!(shown_first.products.len(), 2);
    assert_eq!(shown_first.products[0].product.status, product::Status::Listed);
    let offer = &shown_first.products[0].offers[0];
    assert_eq!((offer.price.unit, offer.for_sale), (eur(1_999), true));
    let whole: Money = eur(2 * (1_999 + 499));
    assert!(shown_first.orders.iter().all(|rows| rows.order.charged == whole));

    // What was hidden from them stays hidden: they go on from their cursors and fill nothing twice.
    shop.close().await;
    tamper(&database, "UPDATE vendors SET name = 'Another'").await;
    let shop = open(&backend).await;
    let withhold = product::Command::Withhold { by: product::Actor::Operator, sku: sku(1) };
    give::<product::Product>(&shop.node, StreamId::Product(ProductId(11)), withhold).await.expect("withheld");
    caught_up(&shop).await;
    let now = shown(&shop.models).await;
    assert_eq!(now.vendors[0].name, "Another", "a stream that does not go on is not read again");
    assert_eq!(now.orders, shown_first.orders);
    assert_eq!(now.balances, shown_first.balances);
    let by_id = |id| now.products.iter().find(|rows| rows.product.id == id).expect("listed");
    assert!(by_id(ProductId(11)).offers.is_empty(), "withheld is not for sale");
    let resume = product::Command::Resume { by: product::Actor::Operator, sku: sku(1) };
    give::<product::Product>(&shop.node, StreamId::Product(ProductId(11)), resume).await.expect("resumed");
    // Enough of one stream that it gets a snapshot, for the verifier to compare.
    for minor in (1_789..=1_999).rev().chain([1_999]) {
        let set = product::Command::SetPrice {
            by: product::Actor::Operator,
            sku: sku(2),
            market: MarketId::main(),
            price: Price { unit: eur(minor), shipping: eur(499) },
        };
        give::<product::Product>(&shop.node, StreamId::Product(ProductId(12)), set).await.expect("priced");
    }
    let third = sell(&shop.node, CheckoutId(3)).await;
    cancel(&shop.node, third, Scope::Order).await;
    ship(&shop.node, second, 1, false).await;
    at_rest(&shop, &[second, third]).await;
    let before = agrees_with_the_journal(&database, &shop.models).await;
    shop.close().await;

    // Cursors of another journal, or ahead of this one: rebuilt by themselves.
    for text in
        ["UPDATE cursors SET journal_id = 'another'", "UPDATE cursors SET position = position + 1000000"]
    {
        tamper(&database, text).await;
        tamper(&database, "DELETE FROM order_lines").await;
        let shop = open(&backend).await;
        caught_up(&shop).await;
        let rebuilt = agrees_with_the_journal(&database, &shop.models).await;
        assert_eq!(rebuilt.orders, before.orders, "{text}");
        assert_ne!(rebuilt.vendors[0].name, "Another", "{text}");
        shop.close().await;
    }

    // Two that fill the same at once come to the same as one.
    let reader = Reader::open(&database, 2).await.expect("a reader");
    let models = ReadModels::open(&database, 2).await.expect("read models");
    let expected = shown(&models).await;
    for projection in Projection::ALL {
        let mut one = Projector::new(projection, reader.clone(), models.clone());
        let mut other = Projector::new(projection, reader.clone(), models.clone());
        other.step().await.expect("stands at the end");
        one.reset().await.expect("dropped");
        loop {
            let (first, second) = tokio::join!(one.step(), other.step());
            if !(first.expect("stepped") || second.expect("stepped")) {
                break;
            }
        }
        one.step().await.expect("at the end");
    }
    assert_eq!(shown(&models).await, expected);

    // The commands: a rebuild gives equal rows, and the verifier counts what stands beside the events.
    tamper(&database, "DELETE FROM vendor_orders").await;
    let filled = souk(&backend, &["rebuild", "all"]);
    let rows = |table: &str| {
        let tables = filled.as_array().expect("a list").iter();
        tables
            .filter(|row| row["table"] == table)
            .map(|row| row["rows"].as_u64().expect("a count"))
            .sum::<u64>()
    };
    assert_eq!((rows("orders"), rows("vendor_orders"), rows("vendors"), rows("offers")), (3, 6, 2, 2));
    assert_eq!(shown(&models).await, expected);
    models.close().await;
    let report = souk(&backend, &["verify"]);
    let facts = |id: &str| {
        let invariants = report["invariants"].as_array().expect("a list");
        invariants.iter().find(|row| row["id"] == id).map_or(0, |row| row["facts"].as_u64().expect("a count"))
    };
    assert!(facts("I10") > 0 && facts("I11") > 0 && facts("I24") > 0, "{report}");

    // A cursor ahead of the journal, and a snapshot of events that are not there.
    tamper(&database, "UPDATE cursors SET position = position + 1000000").await;
    tamper_with(&database, Set::Journal, "UPDATE snapshots SET seq = seq + 1000000").await;
    let output = Command::new(env!("CARGO_BIN_EXE_souk"))
        .args(["verify", "--database", backend.url()])
        .output()
        .expect("souk runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(said.contains("I10 violated") && said.contains("I11 violated"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_models_follow_the_journal() {
    Box::pin(read_models(Backend::sqlite())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_models_follow_the_journal_on_postgres() {
    if let Some(backend) = Backend::postgres("read models on Postgres") {
        Box::pin(read_models(backend)).await;
    }
}
