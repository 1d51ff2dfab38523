//! What an awake, idle checkout costs in memory: opens so many carts, looks at the process's resident set, lets them
//! fall asleep, and opens as many again, which must cost nothing more.
//!
//! `cargo xtask bench --embedded idle_checkouts [-- --checkouts 100000 --idle-seconds 20]`. Fails above the budget.

mod rig;

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use souk::actors::NodeOptions;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk_core::checkout::{self, Checkout};
use souk_core::ids::{CheckoutId, StreamId};
use tokio::time::Instant;

use rig::figures::figure;
use rig::{PATIENCE, give, numbers, opening, resident};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BUDGET_BYTES: f64 = 13.0 * 1024.0;
const SECOND_ROUND: f64 = 1.05;
const OPENERS: u64 = 256;

fn main() -> anyhow::Result<()> {
    let [checkouts, idle] = numbers([("--checkouts", 100_000), ("--idle-seconds", 20)])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(checkouts, Duration::from_secs(idle)))
}

async fn run(checkouts: u64, idle: Duration) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let database = Database::Sqlite { dir: scratch.path().join("db") };
    let options = ShopOptions {
        node: NodeOptions { idle, ..NodeOptions::default() },
        projectors: false,
        letters: false,
        ..ShopOptions::default()
    };
    let shop = Arc::new(Shop::open(&database, scratch.path(), Clock::system(), options).await?);
    // Everything that is made once has been made.
    open(&shop, 0, 1_000).await?;
    let before = resident("self")?;
    open(&shop, 1, checkouts).await?;
    let awake = shop.node.awake() as u64;
    ensure!(awake >= checkouts, "only {awake} are awake: give them more --idle-seconds");
    let first = resident("self")?;
    let each = (first - before) as f64 / checkouts as f64;
    println!("{checkouts} awake idle checkouts: {:.1} MiB, {each:.0} bytes each", mib(first - before));

    figure("idle_checkouts: an awake idle checkout", each, "bytes");

    asleep(&shop).await?;
    println!("all asleep: {:.1} MiB of {:.1} MiB still in the process", mib(resident("self")?), mib(first));
    open(&shop, 2, checkouts).await?;
    let second = resident("self")?;
    let ratio = second as f64 / first as f64;
    println!("{checkouts} others awake: {:.1} MiB, {ratio:.3} of the first round's peak", mib(second));
    figure("idle_checkouts: others after them, of the first peak", ratio, "x");
    asleep(&shop).await?;
    if let Ok(shop) = Arc::try_unwrap(shop) {
        shop.close().await;
    }
    ensure!(each <= BUDGET_BYTES, "an idle checkout may cost {BUDGET_BYTES} bytes");
    ensure!(ratio <= SECOND_ROUND, "a second round may cost 5 % more");
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

async fn open(shop: &Arc<Shop>, round: u128, checkouts: u64) -> anyhow::Result<()> {
    let mut openers = tokio::task::JoinSet::new();
    for opener in 0..OPENERS {
        let shop = Arc::clone(shop);
        openers.spawn(async move {
            for n in (opener..checkouts).step_by(OPENERS as usize) {
                let checkout = CheckoutId((round << 100) | (u128::from(n) << 4));
                let command = checkout::Command::Open(opening(checkout));
                give::<Checkout>(&shop.node, StreamId::Checkout(checkout), command, checkout.0 | 1).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = openers.join_next().await {
        done??;
    }
    Ok(())
}

async fn asleep(shop: &Arc<Shop>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE * 3;
    while shop.node.awake() > 0 {
        ensure!(Instant::now() < deadline, "{} never fell asleep", shop.node.awake());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
