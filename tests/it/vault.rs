//! The vault in a running shop: what no event came to name is swept away, everything else stays.

use std::time::Duration;

use souk::actors::NodeOptions;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk::store::vault::Address;
use souk_core::checkout::{self, Checkout};
use souk_core::ids::{CheckoutId, StreamId, SubjectId};
use sqlx::{Connection as _, Executor as _};

use crate::sales::{fill, give, options, stock_the_shop, until_async};
use crate::servers::Backend;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn open(backend: &Backend, clock: &Clock) -> Shop {
    let database: Database = backend.url().parse().expect("an address");
    let node = NodeOptions {
        sweep_after: Duration::ZERO,
        sweep_every: Duration::from_millis(20),
        ..NodeOptions::default()
    };
    let options = ShopOptions { node, ..options() };
    Shop::open(&database, backend.data_dir(), clock.clone(), options).await.expect("the shop opens")
}

fn home(n: u128) -> StreamId {
    StreamId::Checkout(CheckoutId(n))
}

async fn put(shop: &Shop, subject: u128, stream: u128) {
    let address = Address { name: format!("Ada {subject}").as_str().into(), ..Address::default() };
    shop.vault.put(SubjectId(subject), home(stream), &address).await.expect("put");
}

async fn is_there(shop: &Shop, subject: u128) -> bool {
    shop.vault.get(SubjectId(subject)).await.expect("readable").is_some()
}

/// Those that would be looked at by now.
async fn candidates(shop: &Shop, clock: &Clock) -> usize {
    let older_than = clock.now().plus_millis(-DAY_MS);
    shop.vault.forgotten_candidates(older_than, None, 1_000).await.expect("readable").len()
}

async fn what_no_event_names_is_swept(backend: Backend) {
    let clock = Clock::system();
    let shop = open(&backend, &clock).await;
    stock_the_shop(&shop.node).await;
    // 1 is named by its checkout, and was by nothing else since: 2 took its place.
    put(&shop, 1, 1).await;
    fill(&shop.node, CheckoutId(1)).await;
    put(&shop, 2, 1).await;
    let moved = checkout::Address { subject: SubjectId(2), country: "DE".to_owned() };
    give::<Checkout>(&shop.node, home(1), checkout::Command::SetAddress(moved)).await.expect("addressed");
    // 3 belongs to a stream that began and never came to name it, 4 to one that never began: the process ended between
    // the row and the event. Many such, so that more than one page is looked at.
    fill(&shop.node, CheckoutId(30)).await;
    put(&shop, 3, 30).await;
    put(&shop, 4, 4).await;
    for n in 1_000..1_250 {
        put(&shop, n, n).await;
    }
    shop.close().await;

    let shop = open(&backend, &clock).await;
    clock.advance(DAY_MS - 60_000);
    put(&shop, 5, 5).await;
    for n in 1..=5 {
        assert!(is_there(&shop, n).await, "{n} is not a day old");
    }
    clock.advance(120_000);
    until_async("swept", async || candidates(&shop, &clock).await == 0).await;
    for (n, there) in
        [(1, true), (2, true), (3, false), (4, false), (5, true), (1_000, false), (1_249, false)]
    {
        assert_eq!(is_there(&shop, n).await, there, "{n}");
    }
    // A repeat that comes after all puts the row again.
    put(&shop, 4, 4).await;
    shop.close().await;

    let shop = open(&backend, &clock).await;
    clock.advance(2 * DAY_MS);
    until_async("swept", async || candidates(&shop, &clock).await == 0).await;
    for (n, there) in [(1, true), (2, true), (4, false), (5, false)] {
        assert_eq!(is_there(&shop, n).await, there, "{n}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_event_names_is_swept_on_sqlite() {
    what_no_event_names_is_swept(Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_event_names_is_swept_on_postgres() {
    if let Some(backend) = Backend::postgres("sweeping the vault on Postgres") {
        what_no_event_names_is_swept(backend).await;
    }
}

/// One task fills the vault: while it waited for ever for a database that had fallen silent, nobody could say where they
/// live any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_database_never_answers_for_holds_up_no_others_on_postgres() {
    let Some(backend) = Backend::postgres("a vault that is not answered") else { return };
    let shop = open(&backend, &Clock::system()).await;
    let mut other = sqlx::PgConnection::connect(backend.url()).await.expect("connected");
    other.execute("BEGIN; LOCK TABLE plain.vault IN ACCESS EXCLUSIVE MODE").await.expect("locked");
    let address = Address::default();
    let given_up = shop.vault.put(SubjectId(1), home(1), &address);
    let given_up = tokio::time::timeout(Duration::from_secs(40), given_up).await.expect("it is given up");
    assert!(given_up.is_err());
    other.execute("ROLLBACK").await.expect("unlocked");
    put(&shop, 2, 2).await;
    assert!(is_there(&shop, 2).await);
    shop.close().await;
}
