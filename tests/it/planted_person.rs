//! A person with a name like nobody else's buys from the real server, which logs all it can. Afterwards the name is in
//! that person's letters, and nowhere else.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use serde_json::{Value, json};
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::{Database, audit};
use souk::store::vault::{Vault, VaultKeys};
use souk_core::any::AnyEvent;
use souk_core::ids::SubjectId;
use souk_core::order;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tokio::time::Instant;

use crate::sales::stock_the_shop;
use crate::served::{LOG, Served};
use crate::servers::Backend;
use crate::shopper::Shopper;
use crate::traces::{Spans, collector};

const PATIENCE: Duration = Duration::from_secs(30);
const LETTERS: &str = "outbox";

/// Whatever of them is found gives the person away; compared without regard to case.
const PLANTED: [&str; 5] = ["Zyxquill", "Brambleworth", "Quarfmoor", "Vexlingham", "zq-planted"];

fn planted() -> Value {
    json!({
        "name": "Zyxquill Brambleworth",
        "street": "Quarfmoor Lane 77",
        "postal_code": "10115",
        "city": "Vexlingham",
        "country": "DE",
        "email": "zq-planted@example.org",
    })
}

/// Whether these bytes give the person away, also as hexadecimal text, which is how Postgres shows bytes.
fn gives_away(bytes: &[u8]) -> Option<&'static str> {
    let bytes = bytes.to_ascii_lowercase();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    PLANTED.into_iter().find(|word| {
        let lower = word.to_ascii_lowercase();
        [lower.clone(), hex(word), hex(&lower)].iter().any(|form| holds(form.as_bytes()))
    })
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Looks through every file but the letters; returns how many it looked through.
fn look_through_files(dir: &Path) -> usize {
    let mut found = Vec::new();
    files(dir, &mut found);
    found.retain(|path| !path.starts_with(dir.join(LETTERS)));
    for path in &found {
        let word = gives_away(&std::fs::read(path).expect("readable"));
        assert_eq!(word, None, "in {}", path.display());
    }
    found.len()
}

/// Looks through every row of every table; returns how many.
async fn look_through_tables(url: &str) -> usize {
    let mut connection =
        PgConnectOptions::from_str(url).expect("an address").connect().await.expect("connected");
    let tables = "SELECT table_schema || '.' || table_name FROM information_schema.tables \
                  WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'";
    let tables: Vec<(String,)> = sqlx::query_as(tables).fetch_all(&mut connection).await.expect("tables");
    let mut rows = 0;
    for (table,) in &tables {
        let every = AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
        let every: Vec<(String,)> = sqlx::query_as(every).fetch_all(&mut connection).await.expect("rows");
        for (row,) in &every {
            assert_eq!(gives_away(row.as_bytes()), None, "in {table}: {row}");
        }
        rows += every.len();
    }
    rows
}

/// Looks through everything that a collector of traces was sent.
fn look_through_spans(spans: &Spans) {
    let spans = spans.lock().expect("no panic");
    for kind in ["request", "handle", "append"] {
        assert!(spans.iter().any(|span| span.name == kind), "no span {kind}");
    }
    for span in spans.iter() {
        let text = format!("{span:?}");
        assert_eq!(gives_away(text.as_bytes()), None, "in a span: {text}");
    }
}

async fn look_through(backend: &Backend, database: &Database) {
    let files = look_through_files(backend.data_dir());
    assert!(files >= 3, "only {files} files were looked through");
    if let Database::Postgres { .. } = database {
        let rows = look_through_tables(backend.url()).await;
        assert!(rows > 100, "only {rows} rows were looked through");
    }
}

/// Waits for the letters, which are to name the person.
async fn letters_came(dir: &Path) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut letters = Vec::new();
        if dir.join(LETTERS).is_dir() {
            files(&dir.join(LETTERS), &mut letters);
        }
        let text: Vec<u8> = letters.iter().flat_map(|path| std::fs::read(path).unwrap_or_default()).collect();
        if gives_away(&text).is_some() {
            return;
        }
        assert!(Instant::now() < deadline, "no letter came: {letters:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks for what cannot be, in ways that make a careless server repeat what it was sent.
async fn blunder(shopper: &Shopper, addr: &str) {
    let mut unknown_field = planted();
    unknown_field["Zyxquill"] = json!("Brambleworth");
    let mut wrong_type = planted();
    wrong_type["name"] = json!(["Zyxquill"]);
    let mut too_long = planted();
    too_long["street"] = json!("Quarfmoor".repeat(500));
    let mut wrong_country = planted();
    wrong_country["country"] = json!("Vexlingham");
    for body in [unknown_field, wrong_type, too_long, wrong_country, json!("zq-planted@example.org")] {
        let told = shopper.send(addr, "PUT", "address", &body).await.expect("an answer");
        assert!((400..500).contains(&told.status), "{told:?}");
    }
}

async fn nowhere_but_in_letters(backend: Backend) {
    let dir = backend.data_dir().to_owned();
    let database: Database = backend.url().parse().expect("an address");
    let options = ShopOptions { search: None, ..ShopOptions::default() };
    let shop = Shop::open(&database, &dir, Clock::system(), options).await.expect("the shop opens");
    stock_the_shop(&shop.node).await;
    shop.close().await;

    let (collector, spans) = collector().await;
    let settings = [
        ("SOUK_TELEMETRY__OTLP_ENDPOINT", collector),
        ("SOUK_DATABASE__URL", backend.url().to_owned()),
        ("SOUK_TELEMETRY__LOG", "trace".to_owned()),
        ("SOUK_PAYMENTS__TEST_BANK_DELAY_MS", "0".to_owned()),
        ("SOUK_PAYMENTS__NOTICE_DELAY_MS", "0".to_owned()),
    ];
    let served = Served::start(&dir, &settings).await.expect("it serves");
    let mut shopper = Shopper::with("card_success").living_at(planted());
    shopper.go_on(&served.addr).await.expect("it answers");
    assert!(shopper.order().is_some(), "the order is placed");
    blunder(&shopper, &served.addr).await;
    letters_came(&dir).await;
    look_through(&backend, &database).await;
    served.stop().await;
    look_through(&backend, &database).await;
    let log = std::fs::read_to_string(dir.join(LOG)).expect("a log");
    assert!(log.contains("INFO"), "it logs: {log}");
    look_through_spans(&spans);

    // The person is erased, and the server goes on.
    let mut subjects: Vec<SubjectId> = Vec::new();
    let damage = audit::read(&database, |recorded, _| {
        if let AnyEvent::Order(order::Event::Placed(placed)) = &recorded.event {
            subjects.push(placed.subject);
        }
    });
    assert_eq!(damage.await.expect("readable"), Vec::<String>::new());
    let keys = VaultKeys::load_or_create(&dir.join("vault.key")).expect("the vault's keys");
    let vault = Vault::open(&database, keys, Clock::system(), 1).await.expect("the vault opens");
    let [subject] = subjects[..] else { panic!("{subjects:?}") };
    let kept = vault.get(subject).await.expect("readable").expect("there");
    assert_eq!(kept.name.expose(), "Zyxquill Brambleworth");
    assert!(vault.erase(subject).await.expect("erased"));
    assert!(vault.get(subject).await.expect("readable").is_none());
    vault.close().await;
    let served = Served::start(&dir, &settings).await.expect("it serves again");
    look_through(&backend, &database).await;
    served.stop().await;
    look_through(&backend, &database).await;
    look_through_spans(&spans);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_person_is_found_in_letters_only() {
    nowhere_but_in_letters(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_person_is_found_in_letters_only_on_postgres() {
    if let Some(backend) = Backend::postgres("a planted person on Postgres") {
        nowhere_but_in_letters(backend).await;
    }
}
