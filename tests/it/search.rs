//! Search through the doors: typing errors, filters and counts, what vanishes, what a restart and a rebuild leave.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use souk::actors::Node;
use souk::adapters::search::{Change, Document, Search, Stand};
use souk::app::{Doors, SEARCH_INDEX};
use souk::clock::Clock;
use souk::config::{Config, Flag, Sources};
use souk::http::{Opening, serve};
use souk_core::ids::{LocationId, MovementId, ProductId, SkuId, StreamId, VariantId, VendorId};
use souk_core::inventory::{self, Inventory, Movement};
use souk_core::market::{LocalizedText, MarketId};
use souk_core::money::Currency;
use souk_core::money::Rate;
use souk_core::product::{self, Condition, Facts, NewOffer, Price, Product, Variant};
use souk_core::vendor::{self, Application, Commission, LegalEntity, Vendor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::sales::{eur, give};
use crate::servers::Backend;

const SEARCH: &str = "/v1/store/search";
const BOWL: u128 = 1;
const WOODEN: u128 = 2;
const VASE: u128 = 3;

/// A server in this process.
struct Server {
    addr: String,
    node: Arc<Node>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Server {
    async fn on(backend: &Backend) -> Self {
        let flag = |flag, key, value: String| Flag { flag, key, value };
        let flags = vec![
            flag("--data", "database.data_dir", backend.data_dir().display().to_string()),
            flag("--database", "database.url", backend.url().to_owned()),
        ];
        let config = Config::load(Sources { flags, ..Sources::default() }).expect("good settings").config;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        let doors = Doors::open(&config, Clock::system()).await.expect("the shop opens");
        let node = Arc::clone(&doors.services.node);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(listener, doors.services.clone(), doors.limits, &Opening::default(), stopped).await;
            doors.close().await;
        });
        Server { addr, node, stop, served }
    }

    async fn close(self) {
        drop(self.stop);
        self.served.await.expect("it ends in order");
    }

    async fn get(&self, query: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.addr).await.expect("it listens");
        let request = format!("GET {SEARCH}?{query} HTTP/1.1\r\nhost: souk\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }

    async fn found(&self, query: &str) -> Value {
        let (status, body) = self.get(query).await;
        assert_eq!(status, 200, "{query}: {body}");
        body
    }

    /// The products on the first page, in order.
    async fn ids(&self, query: &str) -> Vec<u128> {
        ids(&self.found(query).await)
    }

    /// The index follows a moment behind.
    async fn until(&self, query: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.found(query).await;
            if holds(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "{query} never came true: {found}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_ids(&self, query: &str, expected: &[u128]) {
        self.until(query, |found| ids(found) == expected).await;
    }
}

fn ids(found: &Value) -> Vec<u128> {
    let items = found["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item["id"].as_str().and_then(|id| id.parse::<ProductId>().ok()).expect("an id").0)
        .collect()
}

async fn vendor(node: &Arc<Node>, n: u128, name: &str) {
    let legal_entity =
        LegalEntity { name: name.to_owned(), country: "DE".to_owned(), tax_id: None, series: "A".to_owned() };
    let application = Application {
        name: name.to_owned(),
        legal_entity,
        settlement: Currency::EUR,
        seller_of_record: true,
        contact: None,
    };
    let home = StreamId::Vendor(VendorId(n));
    give::<Vendor>(node, home, vendor::Command::Apply(application)).await.expect("applied");
    let commission = Commission { rate: Rate(1_000), rule: "default".to_owned() };
    give::<Vendor>(node, home, vendor::Command::Approve(commission)).await.expect("approved");
}

fn text(locale: &str, text: &str) -> (String, String) {
    (locale.to_owned(), text.to_owned())
}

/// One offer, by this vendor.
async fn product(node: &Arc<Node>, n: u128, vendor: u128, titles: LocalizedText, category: &str, minor: i64) {
    let home = StreamId::Product(ProductId(n));
    let (vendor, variant) = (VendorId(vendor), VariantId(n));
    let by = product::Actor::Vendor(vendor);
    let facts = Facts { title: titles, description: LocalizedText::new(), category: category.to_owned() };
    let variants =
        vec![Variant { id: variant, options: BTreeMap::new(), barcode: None, weight_g: None, size: None }];
    let create = product::Command::Create { by, steward: vendor, facts, variants };
    give::<Product>(node, home, create).await.expect("created");
    let prices = BTreeMap::from([(MarketId::main(), Price { unit: eur(minor), shipping: eur(0) })]);
    let offer =
        NewOffer { sku: SkuId(n), variant, vendor, code: "C".to_owned(), condition: Condition::New, prices };
    give::<Product>(node, home, product::Command::AttachOffer { by, offer }).await.expect("offered");
    give::<Product>(node, home, product::Command::Submit { by }).await.expect("submitted");
    give::<Product>(node, home, product::Command::Approve { list: true }).await.expect("listed");
}

async fn receive(node: &Arc<Node>, n: u128, movement: u128) {
    let movement =
        Movement { movement: MovementId(movement), sku: SkuId(n), location: LocationId::MAIN, quantity: 1 };
    let shard = StreamId::Stock(SkuId(n).shard());
    give::<Inventory>(node, shard, inventory::Command::Receive(movement)).await.expect("received");
}

async fn a_shop_is_searched(backend: Backend) {
    let server = Server::on(&backend).await;
    let node = &server.node;
    vendor(node, 1, "Ada's Kiln").await;
    vendor(node, 2, "Holz & Co").await;
    let bowl = LocalizedText::from([text("en", "Ceramic bowl"), text("de", "Keramikschüssel")]);
    product(node, BOWL, 1, bowl, "kitchen", 2_500).await;
    product(node, WOODEN, 2, LocalizedText::from([text("en", "Wooden bowl")]), "kitchen", 3_000).await;
    product(node, VASE, 2, LocalizedText::from([text("en", "Ceramic vase")]), "living", 4_000).await;
    for n in [BOWL, WOODEN, VASE] {
        receive(node, n, n).await;
    }
    let all_in_stock = |found: &Value| found["total"] == 3 && found["items"][2]["in_stock"] == true;
    server.until("", all_in_stock).await;

    // Typing errors, other forms, other languages, the vendor's name.
    let typos = server.found("q=seramic+bwol").await;
    assert_eq!(ids(&typos)[0], BOWL, "{typos}");
    let item = &typos["items"][0];
    assert_eq!(
        (&item["title"]["en"], &item["price_minor"], &item["currency"]),
        (&"Ceramic bowl".into(), &2_500.into(), &"EUR".into())
    );
    assert_eq!((&item["vendors"][0]["name"], &item["in_stock"]), (&"Ada's Kiln".into(), &true.into()));
    assert_eq!(typos["degraded"], false);
    assert_eq!(server.ids("q=keramikschussel").await, [BOWL]);
    assert_eq!(server.ids("q=bowls").await, [BOWL, WOODEN]);
    assert_eq!(server.ids("q=holz").await, [WOODEN, VASE]);

    // Filters and counts.
    let kitchen = server.found("category=kitchen").await;
    assert_eq!((ids(&kitchen), &kitchen["total"]), (vec![BOWL, WOODEN], &2.into()));
    let vendors = kitchen["facets"]["vendor"].as_array().expect("counts");
    assert_eq!(
        (vendors.len(), &vendors[0]["count"], &vendors[0]["name"]),
        (2, &1.into(), &"Ada's Kiln".into())
    );
    assert_eq!(
        server.found("").await["facets"]["category"][0],
        serde_json::json!({"value": "kitchen", "count": 2})
    );
    assert_eq!(server.ids(&format!("vendor={}", VendorId(2))).await, [WOODEN, VASE]);
    assert_eq!(server.ids("price_min=2501&price_max=3000").await, [WOODEN]);
    let first = server.found("q=bowl&limit=1").await;
    let cursor = first["next_cursor"].as_str().expect("a second page");
    let second = server.found(&format!("q=bowl&limit=1&cursor={cursor}")).await;
    assert_eq!((ids(&first), ids(&second), &second["next_cursor"]), (vec![BOWL], vec![WOODEN], &Value::Null));

    // What is not understood is said so.
    let long = format!("q={}", "x".repeat(201));
    let foreign = format!("q=vase&cursor={cursor}");
    for bad in [
        "colour=red",
        "limit=many",
        "in_stock=maybe",
        "vendor=ven_x",
        "price_min=1.5",
        "cursor=1",
        &long,
        &foreign,
    ] {
        let (status, body) = server.get(bad).await;
        assert_eq!((status, &body["code"]), (400, &"invalid_query".into()), "{bad}");
    }

    // Sold out, and there again.
    let shard = StreamId::Stock(SkuId(BOWL).shard());
    let lost = inventory::Command::Adjust {
        movement: MovementId(100),
        sku: SkuId(BOWL),
        location: LocationId::MAIN,
        delta: -1,
    };
    give::<Inventory>(node, shard, lost).await.expect("adjusted");
    server.until_ids("in_stock=false", &[BOWL]).await;
    receive(node, BOWL, 101).await;
    server.until_ids("in_stock=false", &[]).await;

    // A vendor that may not sell, and may again; a product that is gone, and one that costs something else.
    let reason = "late".to_owned();
    give::<Vendor>(node, StreamId::Vendor(VendorId(2)), vendor::Command::Suspend { reason })
        .await
        .expect("suspended");
    server.until_ids("", &[BOWL]).await;
    give::<Vendor>(node, StreamId::Vendor(VendorId(2)), vendor::Command::Reinstate)
        .await
        .expect("reinstated");
    server.until_ids("", &[BOWL, WOODEN, VASE]).await;
    let home = |n| StreamId::Product(ProductId(n));
    let archive = product::Command::Archive { by: product::Actor::Operator };
    give::<Product>(node, home(VASE), archive).await.expect("archived");
    server.until_ids("", &[BOWL, WOODEN]).await;
    let set = product::Command::SetPrice {
        by: product::Actor::Operator,
        sku: SkuId(WOODEN),
        market: MarketId::main(),
        price: Price { unit: eur(99), shipping: eur(0) },
    };
    give::<Product>(node, home(WOODEN), set).await.expect("priced");
    server.until_ids("price_max=99", &[WOODEN]).await;

    // The same after a restart, and what happens then is found too.
    let before = server.found("q=bowl").await;
    server.close().await;
    let server = Server::on(&backend).await;
    assert_eq!(server.found("q=bowl").await, before);
    let lost = inventory::Command::Adjust {
        movement: MovementId(102),
        sku: SkuId(BOWL),
        location: LocationId::MAIN,
        delta: -1,
    };
    give::<Inventory>(&server.node, shard, lost).await.expect("adjusted");
    server.until_ids("in_stock=false", &[BOWL]).await;
    let before = server.found("q=bowl").await;
    // Nobody else may write to it meanwhile.
    let refused = rebuild(&backend);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("in use by another process"), "{said}");
    server.close().await;

    // A rebuilt one answers the same; so does one that was ahead of the journal, or of another.
    let rebuilt = rebuild(&backend);
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    let filled: Value = serde_json::from_slice(&rebuilt.stdout).expect("JSON");
    assert_eq!(filled[0]["rows"], 2);
    answers(&backend, &before).await;
    for (journal, position) in [("another", 0), ("", u64::MAX)] {
        tamper(backend.data_dir(), journal, position).await;
        answers(&backend, &before).await;
    }
}

async fn answers(backend: &Backend, expected: &Value) {
    let server = Server::on(backend).await;
    server.until("q=bowl", |found| found == expected).await;
    server.close().await;
}

fn rebuild(backend: &Backend) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_souk"))
        .args(["rebuild", "search", "--json", "--database", backend.url(), "--data"])
        .arg(backend.data_dir())
        .output()
        .expect("souk runs")
}

/// Writes a document of what never happened, and that the index stands where it does not; as the journal it was of
/// when none is named.
async fn tamper(data_dir: &Path, journal: &str, position: u64) {
    let search = Search::embedded(&data_dir.join(SEARCH_INDEX), &MarketId::main()).expect("opens");
    let stand = search.stand().await.expect("readable").expect("it was filled");
    let documents = search.documents(vec![ProductId(BOWL)]).await.expect("readable");
    // Nothing that happens is about it, so nothing but starting over takes it away.
    let bowl = documents[0].clone();
    let ghost = Document { id: ProductId(99), sellers: Vec::new(), skus: Vec::new(), ..bowl };
    let journal_id = if journal.is_empty() { stand.journal_id } else { journal.to_owned() };
    let stand = Stand { journal_id, positions: vec![position; stand.positions.len()] };
    let change = Change { product: ghost.id, document: Some(ghost) };
    search.write(vec![change], stand).await.expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_is_searched_on_sqlite() {
    a_shop_is_searched(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_is_searched_on_postgres() {
    if let Some(backend) = Backend::postgres("search on Postgres") {
        a_shop_is_searched(backend).await;
    }
}
