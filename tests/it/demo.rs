//! The demo market: founded whole, opened again as it is, and gone on with after a kill.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use souk::adapters::payments::test_bank::Settings;
use souk::adapters::search::Query;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::demo::{self, Fate, Ground, Marker, Opened, Plan, Progress};
use souk::journal::{Database, Reader, audit};
use souk::store::read::{PAGE_MAX, ProductFilter};
use souk::tenants::{OperatorScope, StoreScope};
use souk_core::checkout::Limits;
use souk_core::ids::{ProductId, StreamId};
use souk_core::market::{LocalizedText, Market, MarketId};
use souk_core::money::{Currency, Rate};
use souk_core::verify::Verifier;

use crate::sales::give;

const PATIENCE: Duration = Duration::from_secs(60);

/// As the settings have it by default.
fn market() -> Market {
    let countries = ["AT", "BE", "DE", "ES", "FI", "FR", "IE", "IT", "NL", "PT"];
    Market {
        id: MarketId::main(),
        countries: countries.map(str::to_owned).to_vec(),
        currency: Currency::EUR,
        locale: "en".to_owned(),
        prices_include_tax: true,
        tax: None,
    }
}

fn database(dir: &Path) -> Database {
    Database::Sqlite { dir: dir.to_owned() }
}

async fn open(dir: &Path) -> Shop {
    open_at(dir, Clock::system()).await
}

async fn open_at(dir: &Path, clock: Clock) -> Shop {
    let options = ShopOptions { bank: Settings::default(), ..ShopOptions::default() };
    Shop::open(&database(dir), dir, clock, options).await.expect("the shop opens")
}

async fn found(shop: &Shop, dir: &Path, seed: Option<u64>) -> anyhow::Result<Opened> {
    let ground = Ground {
        node: Arc::clone(&shop.node),
        vault: Arc::clone(&shop.vault),
        market: market(),
        limits: Limits::default(),
        commission: Rate(1_000),
    };
    demo::open(&ground, dir, seed, &Arc::new(Progress::default())).await
}

async fn titles(shop: &Shop) -> BTreeMap<ProductId, LocalizedText> {
    let caught_up = shop.projectors.as_ref().expect("projectors run").caught_up(PATIENCE).await;
    assert!(caught_up.expect("readable"), "the read models did not catch up");
    let (scope, filter) = (StoreScope::of_anybody(), ProductFilter::all(souk_core::market::MarketId::main()));
    let page = shop.models.products(&scope, &filter, None, PAGE_MAX).await.expect("readable");
    page.items.into_iter().map(|product| (product.id, product.title)).collect()
}

/// The whole market is there, and everything holds.
async fn is_whole(shop: &Shop, dir: &Path, plan: &Plan) {
    let listed = titles(shop).await;
    let planned: BTreeMap<_, _> =
        plan.products.iter().map(|product| (product.id, product.facts.title.clone())).collect();
    assert_eq!(listed, planned);
    let operator = OperatorScope::of_console();
    let vendors = shop.models.vendors(&operator, None, None, PAGE_MAX).await.expect("readable");
    assert_eq!(vendors.items.len(), 12);
    let orders = shop.models.orders(&operator, None, PAGE_MAX).await.expect("readable").items;
    assert_eq!(orders.len(), plan.orders.len());
    let cancelled = plan.orders.iter().filter(|order| order.fate == Fate::Cancelled).count();
    let refunded = orders.iter().filter(|order| order.refunded == order.charged).count();
    assert!(cancelled > 0 && refunded == cancelled, "{cancelled} cancelled, {refunded} refunded");

    let search = shop.search.as_ref().expect("there is an index");
    let find = async |query: Query| {
        search.find(&StoreScope::of_anybody(), &query, None, 10).await.expect("it answers")
    };
    let all = find(Query::default()).await;
    assert_eq!((all.total, all.facets.categories.len(), all.facets.vendors.len()), (240, 12, 12));
    let bowls = find(Query { text: "seramic bwol".to_owned(), ..Query::default() }).await;
    assert!(bowls.items[0].title["en"].contains("ceramic bowl"), "{:?}", bowls.items[0]);
    let filter = souk::adapters::search::Filter { in_stock: Some(false), ..Default::default() };
    assert_eq!(find(Query { filter, ..Query::default() }).await.total, 1, "one is sold out");

    let mut verifier = Verifier::new();
    let damage = audit::read(&database(dir), |recorded, _| verifier.event(recorded)).await.expect("readable");
    let report = verifier.finish();
    assert_eq!((damage, &report.violations), (Vec::new(), &Vec::new()));
    assert!(report.is_green(Clock::system().now()), "{:?}", report.pending);
}

async fn ends(dir: &Path) -> Vec<u64> {
    Reader::open(&database(dir), 1).await.expect("a journal").ends().await.expect("readable")
}

/// How many events of each stream were asked for from outside. What these led to (a checkout that tells its payment
/// that it knows) goes on after a founding and may be cut short by the end of the shop; payments are only ever led to.
async fn asked_for(dir: &Path) -> BTreeMap<StreamId, usize> {
    let mut found = BTreeMap::new();
    let database = database(dir);
    let damage = audit::read(&database, |recorded, _| {
        if recorded.origin.cause.is_none() && !matches!(recorded.stream, StreamId::Payment(..)) {
            *found.entry(recorded.stream).or_default() += 1;
        }
    });
    assert_eq!(damage.await.expect("readable"), Vec::<String>::new());
    assert!(!found.is_empty(), "a founding asks for much");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_is_founded_once_and_opened_again_as_it_is() {
    let temporary = tempfile::tempdir().expect("a directory");
    let dir = temporary.path();
    let shop = open(dir).await;
    let opened = found(&shop, dir, Some(3)).await.expect("founded");
    assert!(
        matches!(opened, Opened::Demo { seed: 3, is_new: true, counts: [12, 240, 36], .. }),
        "{opened:?}"
    );
    is_whole(&shop, dir, &Plan::new(3, &market())).await;
    shop.close().await;
    let before = asked_for(dir).await;

    let shop = open(dir).await;
    let opened = found(&shop, dir, None).await.expect("opened");
    assert!(matches!(opened, Opened::Demo { seed: 3, is_new: false, .. }), "{opened:?}");
    assert_eq!(asked_for(dir).await, before, "nothing happened");
    let refused = found(&shop, dir, Some(4)).await.expect_err("another market");
    assert!(refused.to_string().contains("the demo market of seed 3"), "{refused}");
    assert_eq!(asked_for(dir).await, before, "nothing happened");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_market_is_left_alone() {
    use souk_core::ids::SkuId;
    use souk_core::inventory::{Command, Inventory};
    let temporary = tempfile::tempdir().expect("a directory");
    let dir = temporary.path();
    let shop = open(dir).await;
    let sku = SkuId(1);
    give::<Inventory>(&shop.node, StreamId::Stock(sku.shard()), Command::open(sku)).await.expect("opened");
    let before = ends(dir).await;
    assert_eq!(found(&shop, dir, None).await.expect("opened"), Opened::Another);
    assert_eq!(ends(dir).await, before);
    assert!(!dir.join("demo.json").exists());
    shop.close().await;
}

/// Kills the process when the test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(dir: &Path) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_souk"))
        .args(["demo", "--addr", "127.0.0.1:0", "--seed", "5", "--data"])
        .arg(dir)
        .env("SOUK_PAYMENTS__TEST_BANK_DELAY_MS", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Running(child.expect("souk can be started"))
}

/// How many events there are; none while there is no journal.
async fn events(dir: &Path) -> u64 {
    match Reader::open(&database(dir), 1).await {
        Ok(reader) => reader.ends().await.map_or(0, |ends| ends.iter().sum()),
        Err(_) => 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founding_that_was_killed_goes_on() {
    let temporary = tempfile::tempdir().expect("a directory");
    let dir = temporary.path();
    // In the products, in the stock, in the orders.
    for enough in [300, 1_500, 2_800] {
        let mut running = start(dir);
        let deadline = Instant::now() + PATIENCE;
        while events(dir).await < enough {
            assert!(Instant::now() < deadline, "never came to {enough} events");
            assert!(
                running.0.try_wait().expect("can wait").is_none(),
                "ended by itself before {enough} events"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.0.kill().expect("can be killed");
        running.0.wait().expect("can be waited for");
    }
    let shop = open(dir).await;
    let opened = found(&shop, dir, None).await.expect("it goes on");
    assert!(matches!(opened, Opened::Demo { seed: 5, is_new: true, .. }), "{opened:?}");
    is_whole(&shop, dir, &Plan::new(5, &market())).await;
    shop.close().await;
}

/// What a server on this port says; `None` while nobody listens.
fn asked(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: souk\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    Some((status, text))
}

/// While it is founded the market answers that it is not ready, ends when it is told to, and goes on at the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_that_is_founded_answers_and_ends_when_it_is_told_to() {
    let temporary = tempfile::tempdir().expect("a directory");
    let dir = temporary.path();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a free port").port();
    let addr = format!("127.0.0.1:{port}");
    let souk = || {
        let child = Command::new(env!("CARGO_BIN_EXE_souk"))
            .args(["demo", "--addr", &addr, "--seed", "5", "--data"])
            .arg(dir)
            .env("SOUK_PAYMENTS__TEST_BANK_DELAY_MS", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running(child.expect("souk can be started"))
    };
    let mut running = souk();
    let deadline = Instant::now() + PATIENCE;
    while events(dir).await < 300 {
        assert!(Instant::now() < deadline, "never came to 300 events");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (live, ready) = (asked(port, "/livez"), asked(port, "/readyz"));
    assert_eq!(live.expect("it answers").0, 200);
    let (status, text) = ready.expect("it answers");
    assert!(status == 503 && text.contains("\"writer\":\"starting\""), "{text}");
    let told = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status();
    assert!(told.expect("kill can be started").success());
    let ended = running.0.wait().expect("it ends");
    assert!(ended.success(), "{ended:?}");
    assert!(Instant::now() < deadline, "it took too long to end");
    let mut said = String::new();
    running.0.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(said.contains("stopped before the market was complete"), "{said}");

    let _again = souk();
    let deadline = Instant::now() + PATIENCE;
    while asked(port, "/readyz").is_none_or(|(status, _)| status != 200) {
        assert!(Instant::now() < deadline, "it never went on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, products) = asked(port, "/v1/store/products?limit=1").expect("it answers");
    assert!(status == 200 && products.contains("\"next_cursor\":\"prd_"), "{products}");
}

/// Actors know what they were asked for ten minutes; who comes back later is told what the journal keeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founding_goes_on_long_after_it_was_cut_short() {
    let temporary = tempfile::tempdir().expect("a directory");
    let dir = temporary.path();
    let shop = open(dir).await;
    found(&shop, dir, Some(3)).await.expect("founded");
    shop.close().await;
    // As if it had been killed before it could say that everything is there.
    Marker { seed: 3, founded: false }.write(dir).expect("written");
    let before = asked_for(dir).await;
    let later = Clock::system();
    later.advance(60 * 60 * 1_000);
    let shop = open_at(dir, later).await;
    let opened = found(&shop, dir, None).await.expect("it goes on");
    assert!(matches!(opened, Opened::Demo { seed: 3, is_new: true, .. }), "{opened:?}");
    assert_eq!(asked_for(dir).await, before, "nothing was done twice");
    assert_eq!(shop.node.restarts(), 0, "nothing was refused");
    shop.close().await;
}
