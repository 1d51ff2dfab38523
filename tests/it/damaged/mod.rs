//! A real journal, damaged by hand in one place: `souk verify` fails, and names the promise that is broken, the stream
//! and the event.

mod beside;
mod events;
mod rows;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use souk::journal::Set;
use souk_core::ids::{CheckoutId, OrderId, PaymentId, StreamId};
use souk_core::order::Scope;
use tempfile::TempDir;

use crate::projections::{cancel, sell, ship};
use crate::sales::{comes_to_rest, open, sku, stock_the_shop};
use crate::servers::Backend;
use rows::tables;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
const CHECKOUT: CheckoutId = CheckoutId(77);
const CHK: StreamId = StreamId::Checkout(CHECKOUT);
const PAY: StreamId = StreamId::Payment(PaymentId { checkout: CHECKOUT, attempt: 1 });
const ORD: StreamId = StreamId::Order(OrderId(77));
const CAUGHT_UP: Duration = Duration::from_secs(30);

/// The shard of the offer of this vendor.
fn shard(vendor: u128) -> StreamId {
    StreamId::Stock(sku(vendor).shard())
}

/// An order of two vendors: the second has sent its part, the first's was cancelled and refunded.
async fn history() -> TempDir {
    let backend = Backend::sqlite();
    let shop = open(&backend).await;
    stock_the_shop(&shop.node).await;
    let order = sell(&shop.node, CHECKOUT).await;
    assert_eq!(StreamId::Order(order), ORD);
    ship(&shop.node, order, 2, false).await;
    cancel(&shop.node, order, Scope::Line(1)).await;
    comes_to_rest(&backend, "the history").await;
    let caught_up = shop.projectors.as_ref().expect("projectors run").caught_up(CAUGHT_UP).await;
    assert!(caught_up.expect("readable"), "everything is followed to the end");
    shop.close().await;
    let dir = tempfile::tempdir().expect("a directory");
    copy(&backend.data_dir().join("data"), dir.path());
    dir
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

fn copy_of(history: &TempDir) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    copy(history.path(), dir.path());
    dir
}

/// What the program says of a journal: whether it is green, and its report.
fn verify(dir: &Path, more: &[&str]) -> (bool, Value) {
    let database = format!("sqlite:{}", dir.display());
    let output = Command::new(SOUK)
        .args(["verify", "--json", "--database", &database])
        .args(more)
        .output()
        .expect("souk can be started");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{errors}"));
    match output.status.code() {
        Some(0) => (true, report),
        Some(1) => (false, report),
        code => panic!("verify ended with {code:?}: {text}{errors}"),
    }
}

/// The seqs at which this promise is said to be broken in this stream.
fn named(report: &Value, invariant: &str, stream: StreamId) -> Vec<u64> {
    let violations = report["violations"].as_array().expect("a list");
    let of = violations
        .iter()
        .filter(|found| found["invariant"] == invariant && found["stream"] == stream.to_string());
    of.map(|found| found["seq"].as_u64().expect("a number")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_taken_out_and_put_back_is_green() {
    let history = history().await;
    let (green, before) = verify(history.path(), &[]);
    assert!(green, "{before}");
    let mut journal = tables(history.path(), Set::Journal).await;
    let mut events = rows::take_out(&mut journal).await;
    rows::renumber(&mut events);
    rows::put_back(&mut journal, &events).await;
    let (green, after) = verify(history.path(), &[]);
    assert!(green, "{after}");
    assert_eq!(before["events"], after["events"]);
}
