//! `souk replay olist` on a made-up directory: over HTTP and through the actors it comes to the same, it goes on where
//! it was killed, and it does not go on under other terms.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use souk::app::{Shop, ShopOptions, serve};
use souk::clock::Clock;
use souk::config::{Config, Flag, Sources};
use souk::journal::Database;
use souk::replay::AckLog;
use souk::replay::olist::drive::{self, Options};
use souk::replay::olist::plan::{Plan, Selection};
use souk::replay::olist::read::read;
use souk::replay::olist::shop::{Actors, Shop as OlistShop};
use souk::store::{keys, plain};
use souk::tenants::keys::issue;
use souk::tenants::{KeyId, OperatorScope, Role, ServerKey};
use souk_core::money::Rate;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
const SELLERS: u32 = 4;
const PRODUCTS: u32 = 9;

/// A directory of so many orders. Every seventh has a line at another price than the first sale, so an operator writes
/// it; every fifth has two vendors; every thirteenth has one offer at two prices; some are cancelled, some shipped, most
/// delivered; one has no items.
fn source(orders: u32) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let mut order_rows = "order_id,customer_id,order_status,order_purchase_timestamp,\
         order_delivered_carrier_date,order_delivered_customer_date\n"
        .to_owned();
    let mut items =
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n".to_owned();
    for n in 1..=orders {
        let status = match n % 11 {
            3 => "canceled",
            4 => "shipped",
            5 => "processing",
            _ => "delivered",
        };
        let time = format!("2020-01-{:02} {:02}:{:02}:00", 1 + n / 1_440, n / 60 % 24, n % 60);
        writeln!(order_rows, "order{n:06},c,{status},{time},,").expect("a line");
        if n == orders {
            continue;
        }
        let product = n % PRODUCTS;
        let price = if n % 7 == 0 { "12.34".to_owned() } else { format!("{}.90", 10 + product) };
        writeln!(items, "order{n:06},1,product{product},seller{},,{price},3.05", product % SELLERS)
            .expect("a line");
        if n % 13 == 0 {
            for (row, price, freight) in
                [(3, price.as_str(), "3.05"), (4, "9.99", "3.05"), (5, "9.99", "1.00")]
            {
                writeln!(
                    items,
                    "order{n:06},{row},product{product},seller{},,{price},{freight}",
                    product % SELLERS
                )
                .expect("a line");
            }
        }
        if n % 5 == 0 {
            let other = (product + 1) % PRODUCTS;
            let price = format!("{}.90", 10 + other);
            writeln!(items, "order{n:06},2,product{other},seller{},,{price},3.05", other % SELLERS)
                .expect("a line");
        }
    }
    let list = |header: &str, count: u32, row: fn(u32) -> String| {
        (0..count).fold(format!("{header}\n"), |text, n| text + &row(n) + "\n")
    };
    // One more product than is sold: a draft.
    let products = list("product_id,product_category_name", PRODUCTS + 1, |n| format!("product{n},mesas"));
    let sellers = list("seller_id,seller_city", SELLERS, |n| format!("seller{n},somewhere"));
    let translation = "product_category_name,product_category_name_english\nmesas,tables\n".to_owned();
    for (name, text) in [
        ("orders.csv", order_rows),
        ("order_items.csv", items),
        ("products.csv", products),
        ("sellers.csv", sellers),
        ("product_category_name_translation.csv", translation),
    ] {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    dir
}

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Place { dir: tempfile::tempdir().expect("a directory") }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn acks(&self) -> PathBuf {
        self.dir.path().join("acks")
    }

    fn replay(&self, source: &Path, more: &[&str]) -> Command {
        let mut souk = Command::new(SOUK);
        souk.args(["replay", "olist"]).arg(source).arg("--data").arg(self.data());
        souk.arg("--acks").arg(self.acks()).args(["--concurrency", "8", "--json"]).args(more);
        souk.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        souk
    }

    fn replayed(&self, source: &Path, more: &[&str]) -> Value {
        let output = self.replay(source, more).output().expect("souk can be started");
        assert!(output.status.success(), "{more:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn verified(&self) {
        let mut souk = Command::new(SOUK);
        souk.arg("verify").arg("--data").arg(self.data()).arg("--acks").arg(self.acks());
        let output = souk.output().expect("souk can be started");
        assert!(output.status.success(), "{}", said(&output));
    }

    fn acknowledged(&self) -> BTreeSet<String> {
        let text = std::fs::read_to_string(self.acks()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What does not depend on the machine.
fn without_speed(mut report: Value) -> Value {
    let fields = report.as_object_mut().expect("an object");
    for speed in ["orders_per_second", "p50_us", "p99_us"] {
        fields.remove(speed).expect("there");
    }
    report
}

#[test]
fn both_ways_come_to_the_same_under_the_same_ids() {
    let source = source(60);
    let (over_http, through_actors) = (Place::new(), Place::new());
    let report = over_http.replayed(source.path(), &[]);
    assert_eq!((report["orders_offered"].as_u64(), report["orders_placed"].as_u64()), (Some(59), Some(59)));
    assert!(report["orders_assisted"].as_u64() > Some(0) && report["orders_cancelled"].as_u64() > Some(0));
    assert!(report["refunded_minor"].as_u64() > Some(0) && report["orders_split"].as_u64() > Some(0));
    over_http.verified();

    // The server's secret names the commands; nothing else of the one shop is known to the other.
    std::fs::create_dir(through_actors.data()).expect("made");
    std::fs::copy(over_http.data().join("server.key"), through_actors.data().join("server.key"))
        .expect("copied");
    let direct = through_actors.replayed(source.path(), &["--through", "actors"]);
    assert_eq!(without_speed(direct), without_speed(report));
    assert_eq!(through_actors.acknowledged().len(), 59);
    assert_eq!(through_actors.acknowledged(), over_http.acknowledged());
    through_actors.verified();

    // Other terms are refused by name, and nothing is done.
    for (more, named) in [
        (["--orders", "5"], "other --orders: all, not 5"),
        (["--scarcity", "0.9"], "other --scarcity: 1, not 0.9"),
        (["--commission", "12.5"], "other --commission: 10.00, not 12.50"),
        (["--through", "actors"], "other --through: http, not actors"),
    ] {
        let output = over_http.replay(source.path(), &more).output().expect("souk can be started");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(named), "{}", said(&output));
    }
}

/// Adds rows to a file of the source.
fn add(source: &Path, file: &str, rows: &str) {
    let mut file = std::fs::File::options().append(true).open(source.join(file)).expect("there");
    file.write_all(rows.as_bytes()).expect("written");
}

#[test]
fn a_refusal_without_scarcity_is_a_fault_with_its_reason() {
    let (source, place) = (source(12), Place::new());
    add(source.path(), "orders.csv", "free,c,delivered,2020-02-01 00:00:00,,\n");
    add(source.path(), "order_items.csv", "free,1,product0,seller0,,0.00,0.00\n");
    let output = place.replay(source.path(), &[]).output().expect("souk can be started");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    for named in [
        "1 orders refused although everything is in stock: nothing_to_pay (1)",
        "orders_placed: 12 expected, 11 found (-1)",
    ] {
        assert!(said(&output).contains(named), "{}", said(&output));
    }
    place.verified();
}

#[test]
fn what_was_acknowledged_must_be_found_again() {
    let (source, place) = (source(12), Place::new());
    place.replayed(source.path(), &[]);
    // Half a line is what a kill leaves; it was told to nobody.
    let torn = |text: &str| {
        let mut acks = std::fs::File::options().append(true).open(place.acks()).expect("there");
        acks.write_all(text.as_bytes()).expect("written");
    };
    torn("placed ord_0000");
    place.verified();
    place.replayed(source.path(), &[]);
    place.verified();
    torn("placed ord_00000000000000000000000007\n");
    let output = place.replay(source.path(), &[]).output().expect("souk can be started");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let named = "acknowledged as placed are not: ord_00000000000000000000000007";
    assert!(said(&output).contains(named), "{}", said(&output));
}

#[test]
fn each_set_of_terms_has_a_directory_and_no_other_market_is_replayed_into() {
    let (source, cwd) = (source(6), tempfile::tempdir().expect("a directory"));
    let souk = |arguments: &[&str]| {
        let mut souk = Command::new(SOUK);
        souk.current_dir(cwd.path()).args(arguments).stdin(Stdio::null());
        souk.output().expect("souk can be started")
    };
    let replay = |more: &[&str]| {
        let source = source.path().display().to_string();
        souk(&[&["replay", "olist", source.as_str()], more].concat())
    };
    for more in [&["--orders", "5"][..], &["--orders", "4"], &["--orders", "5"]] {
        let output = replay(more);
        assert!(output.status.success(), "{}", said(&output));
    }
    let dirs = std::fs::read_dir(cwd.path().join("souk-replay")).expect("made");
    let dirs: Vec<PathBuf> = dirs.map(|entry| entry.expect("readable").path()).collect();
    assert_eq!(dirs.len(), 2, "{dirs:?}");
    for dir in &dirs {
        let acks = dir.join("replay-olist.acks").display().to_string();
        let output = souk(&["verify", "--data", &dir.display().to_string(), "--acks", &acks]);
        assert!(output.status.success(), "{}", said(&output));
    }

    let driven = souk(&["drive", "--data", "driven", "--seconds", "0", "--clients", "1"]);
    assert!(driven.status.success(), "{}", said(&driven));
    let output = replay(&["--data", "driven"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("holds another market already"), "{}", said(&output));
    let output = souk(&["replay", "olist", "nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

/// Kills the process when the test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_killed_replay_goes_on_over_http() {
    let source = source(400);
    let place = Place::new();
    for acknowledged in [1, 150] {
        let mut running = Running(place.replay(source.path(), &[]).spawn().expect("souk can be started"));
        let deadline = Instant::now() + Duration::from_secs(120);
        while place.acknowledged().len() < acknowledged {
            assert!(Instant::now() < deadline, "too few orders are acknowledged");
            let ended = running.0.try_wait().expect("can wait");
            assert!(ended.is_none(), "it ended before it could be killed");
            std::thread::sleep(Duration::from_millis(5));
        }
        running.0.kill().expect("can be killed");
        running.0.wait().expect("can be waited for");
        place.verified();
    }
    let before = place.acknowledged();
    let report = place.replayed(source.path(), &[]);
    assert_eq!(report["orders_placed"], 399);
    let after = place.acknowledged();
    assert_eq!(after.len(), 399, "the same orders are acknowledged again under the same ids");
    assert!(after.is_superset(&before));
    place.verified();
}

#[test]
fn what_is_scarce_is_refused_with_its_reason() {
    let source = source(60);
    let place = Place::new();
    let report = place.replayed(source.path(), &["--scarcity", "0.8"]);
    assert!(report["orders_refused"].as_u64() > Some(0), "{report}");
    assert_eq!(report["refusals"]["out_of_stock"], report["orders_refused"], "{report}");
    place.verified();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_runs_can_be_replayed_into() {
    let dir = tempfile::tempdir().expect("a directory");
    let flag = |key, value: String| Flag { flag: "--test", key, value };
    let flags = vec![
        flag("database.data_dir", dir.path().display().to_string()),
        flag("market.currency", "BRL".to_owned()),
        flag("market.countries", "BR".to_owned()),
        flag("payments.test_bank_delay_ms", "0".to_owned()),
    ];
    let config = Config::load(Sources { flags, ..Sources::default() }).expect("good settings").config;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell_opened, opened) = oneshot::channel();
    let served = tokio::spawn(async move {
        let told = || {
            let _ = tell_opened.send(());
        };
        let stopped = async { drop(stopped.await) };
        serve(&config, Clock::system(), ShopOptions::of(&config), listener, told, stopped).await
    });
    opened.await.expect("it opens");
    let pool = plain::open(&Database::Sqlite { dir: dir.path().to_owned() }).await.expect("the keys open");
    let (text, record) = issue(Role::Operator, "test", Clock::system().now()).expect("a key");
    keys::create(&pool, &OperatorScope::of_console(), &record).await.expect("stored");
    pool.close().await;

    let (place, source) = (Place::new(), source(40));
    let key = text.expose().to_owned();
    let place = tokio::task::spawn_blocking(move || {
        let into = ["--url", url.as_str(), "--key", key.as_str()];
        let first = place.replayed(source.path(), &into);
        assert_eq!(first["orders_placed"], 39);
        // Again: everything is told again, nothing is done twice.
        let again = place.replayed(source.path(), &into);
        assert_eq!(without_speed(again), without_speed(first));
        assert_eq!(place.acknowledged().len(), 39);
        place
    });
    let place = place.await.expect("replayed");
    let _ = stop.send(());
    served.await.expect("no panic").expect("it ends in order");
    let mut souk = Command::new(SOUK);
    souk.arg("verify").arg("--data").arg(dir.path()).arg("--acks").arg(place.acks());
    let output = souk.output().expect("souk can be started");
    assert!(output.status.success(), "{}", said(&output));
}

/// Without doors nobody asks the journal what was answered before but the replay itself, and actors forget after ten
/// minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_through_actors_goes_on_long_after_it_was_killed() {
    let (source, dir) = (source(12), tempfile::tempdir().expect("a directory"));
    let database = Database::Sqlite { dir: dir.path().to_owned() };
    let config = Config::load(Sources {
        flags: vec![
            Flag { flag: "--test", key: "market.currency", value: "BRL".to_owned() },
            Flag { flag: "--test", key: "database.data_dir", value: dir.path().display().to_string() },
            Flag { flag: "--test", key: "market.countries", value: "BR".to_owned() },
        ],
        ..Sources::default()
    });
    let config = config.expect("good settings").config;
    let clock = Clock::system();
    let mut ends = Vec::new();
    for _ in 0..2 {
        let options = ShopOptions { letters: false, bank: Default::default(), ..ShopOptions::of(&config) };
        let shop = Shop::open(&database, dir.path(), clock.clone(), options).await.expect("the shop opens");
        let server_key = ServerKey::load_or_create(&dir.path().join("server.key")).expect("a key");
        let actors = Actors {
            node: Arc::clone(&shop.node),
            vault: Arc::clone(&shop.vault),
            server_key,
            operator: KeyId(1),
            cart_secret: "secret".to_owned(),
            market: config.market.facts(),
            limits: config.checkout.limits(),
        };
        let plan = Plan::new(&read(source.path()).expect("readable"), Selection::default());
        let acks = AckLog::open(&dir.path().join("acks")).expect("opened");
        let options = Options { concurrency: 8, commission: Rate(1_000), acks };
        let outcomes = drive::run(OlistShop::Actors(actors), plan, options, Default::default()).await;
        let outcomes = outcomes.expect("replayed");
        assert_eq!(outcomes.report.check_against(&outcomes.expected), []);
        assert_eq!(outcomes.lost, []);
        assert_eq!(shop.node.restarts(), 0, "nothing was refused");
        ends.push(shop.node.journal().reader().ends().await.expect("readable"));
        shop.close().await;
        clock.advance(60 * 60 * 1_000);
    }
    assert_eq!(ends[0], ends[1], "nothing was done twice");
}
