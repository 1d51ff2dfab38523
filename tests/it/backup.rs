//! A backup of a shop that is selling: the copy verifies, its read models fill again, and it goes on selling.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use souk::actors::Node;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk_core::checkout::{self, Checkout};
use souk_core::host::Answer;
use souk_core::ids::{CheckoutId, StreamId};
use souk_core::journal::Origin;
use souk_core::machine::{CommandId, CommandKey};
use tokio::time::Instant;

use crate::sales::{PATIENCE, fill, open, stock_the_shop, with_token};
use crate::servers::{Backend, skipped};

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
/// Sales that must be done when the copy is made.
const SOLD_BEFORE: u64 = 5;
/// No more than this: there are 50 units.
const SOLD_MAX: u64 = 30;

async fn sell(node: &Arc<Node>, n: u64) {
    let checkout = CheckoutId(5_000 + u128::from(n));
    let pay = with_token(fill(node, checkout).await, "card_success");
    let key = CommandKey { id: CommandId((checkout.0 << 8) | 1), fingerprint: 2 };
    let stream = StreamId::Checkout(checkout);
    let told = node.handle::<Checkout>().command(stream, pay, Some(key), Origin::default(), PATIENCE).await;
    match told.expect("an answer").answer {
        Answer::Fresh(Ok(checkout::Reply::Placed { .. })) => {}
        other => panic!("not placed: {other:?}"),
    }
}

async fn run(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.expect("no panic").expect("it can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn souk(arguments: &[&str]) -> Value {
    let mut command = Command::new(SOUK);
    command.args(arguments).arg("--json");
    let output = run(command).await;
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Backs a shop up into `copy` while it sells, and closes it.
async fn backed_up_while_selling(backend: &Backend, copy: &Path) -> Value {
    let shop = open(backend).await;
    stock_the_shop(&shop.node).await;
    let (sold, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let selling = tokio::spawn({
        let (node, sold, stop) = (Arc::clone(&shop.node), Arc::clone(&sold), Arc::clone(&stop));
        async move {
            for n in 0..SOLD_MAX {
                sell(&node, n).await;
                sold.fetch_add(1, Ordering::Relaxed);
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    while sold.load(Ordering::Relaxed) < SOLD_BEFORE {
        assert!(Instant::now() < deadline, "nothing is sold");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let data = path(backend.data_dir());
    let told = souk(&["backup", path(copy), "--database", backend.url(), "--data", data]).await;
    stop.store(true, Ordering::Relaxed);
    selling.await.expect("all are sold");
    shop.close().await;
    told
}

/// What must be true of a restored shop, once its keys are there.
async fn is_a_shop(database: &str, data: &Path) {
    let place = ["--database", database, "--data", path(data)];
    assert_eq!(souk(&[&["verify"], &place[..]].concat()).await["verified"], true);
    let options = ShopOptions::default();
    let address: Database = database.parse().expect("an address");
    let shop = Shop::open(&address, data, Clock::system(), options).await.expect("the copy opens");
    sell(&shop.node, 10_000).await;
    shop.close().await;
    assert_eq!(souk(&[&["verify"], &place[..]].concat()).await["verified"], true);
    let filled = souk(&[&["rebuild", "orders"], &place[..]].concat()).await;
    let tables = filled.as_array().expect("a list");
    let orders = tables.iter().find(|table| table["table"] == "orders").expect("orders");
    assert!(orders["rows"].as_u64().expect("a number") > SOLD_BEFORE, "{filled}");
}

fn names(told: &Value) -> Vec<&str> {
    let files = told["files"].as_array().expect("files");
    files.iter().map(|file| file["name"].as_str().expect("a name")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_shop_that_sells_is_a_shop() {
    let backend = Backend::sqlite();
    let scratch = tempfile::tempdir().expect("a directory");
    let copy = scratch.path().join("copies").join("monday");
    let told = backed_up_while_selling(&backend, &copy).await;
    assert_eq!(names(&told), ["journal.db", "plain.db", "test-bank.log"]);
    let keys = told["keys_not_copied"].as_array().expect("keys");
    assert!(keys.iter().any(|key| key == path(&backend.data_dir().join("vault.key"))), "{told}");
    let left = std::fs::read_dir(scratch.path().join("copies")).expect("readable").count();
    assert_eq!(left, 1, "only the backup itself is left");

    // A second one is not written over it, and says why.
    let mut again = Command::new(SOUK);
    again.args(["backup", path(&copy), "--database", backend.url()]);
    let refused = run(again).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is not empty"), "{}", text(&refused.stderr));

    std::fs::copy(backend.data_dir().join("vault.key"), copy.join("vault.key")).expect("the key is copied");
    is_a_shop(&format!("sqlite:{}", copy.display()), &copy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_a_shop_that_sells_is_a_shop() {
    let suite = "backup on Postgres";
    let Some(backend) = Backend::postgres(suite) else { return };
    if let Err(error) = Command::new("pg_dump").arg("--version").output() {
        return skipped(suite, &format!("pg_dump cannot be started: {error}"));
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let copy = scratch.path().join("monday");
    let told = backed_up_while_selling(&backend, &copy).await;
    assert_eq!(names(&told), ["souk.dump", "test-bank.log"]);

    let restored = Backend::postgres(suite).expect("a second database");
    let mut restore = Command::new("pg_restore");
    restore.args(["--no-owner", "--exit-on-error", "--dbname", restored.url()]).arg(copy.join("souk.dump"));
    let output = run(restore).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::copy(backend.data_dir().join("vault.key"), copy.join("vault.key")).expect("the key is copied");
    is_a_shop(restored.url(), &copy).await;
}

#[tokio::test]
async fn without_a_shop_there_is_nothing_to_back_up() {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut backup = Command::new(SOUK);
    let target = scratch.path().join("copy");
    backup.arg("backup").arg(&target).arg("--data").arg(scratch.path().join("no-shop"));
    let refused = run(backup).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("there is no journal"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read_dir(scratch.path()).expect("readable").count(), 0, "nothing is left behind");
}
