//! Commands that race the falling asleep of the actors they are for: none may be lost, none may happen twice.
//!
//! `cargo xtask bench --embedded passivation [-- --commands 640000]`. Actors are offered sleep every few
//! milliseconds, so most commands meet one that is about to end, is ending, or has just begun. Afterwards the journal
//! must hold exactly one event for every command that was answered.

mod rig;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use souk::actors::NodeOptions;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::{Database, audit};
use souk_core::checkout::{self, CartLine, Checkout};
use souk_core::ids::{CheckoutId, ProductId, SkuId, StreamId};
use tokio::time::Instant;

use rig::figures::figure;
use rig::{give, give_named, numbers, opening, verified};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CHECKOUTS: u64 = 64;
const CALLERS: u64 = 96;

fn main() -> anyhow::Result<()> {
    let [commands] = numbers([("--commands", 640_000)])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(commands))
}

fn checkout(n: u64) -> CheckoutId {
    CheckoutId(u128::from(n + 1) << 64)
}

async fn run(commands: u64) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let database = Database::Sqlite { dir: scratch.path().join("db") };
    let options = ShopOptions {
        node: NodeOptions { idle: Duration::ZERO, ..NodeOptions::default() },
        projectors: false,
        letters: false,
        ..ShopOptions::default()
    };
    let shop = Arc::new(Shop::open(&database, scratch.path(), Clock::system(), options).await?);
    for n in 0..CHECKOUTS {
        let id = checkout(n);
        let command = checkout::Command::Open(opening(id));
        give::<Checkout>(&shop.node, StreamId::Checkout(id), command, id.0 | 1).await?;
    }
    let started = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let shop = Arc::clone(&shop);
        callers.spawn(async move {
            let mut given = 0u64;
            for n in (caller..commands).step_by(CALLERS as usize) {
                // A line of the caller's own, with a quantity that changes every time: one command, one event, and
                // a repeat is known without a name.
                let id = checkout(n.wrapping_mul(0x9e37_79b9) % CHECKOUTS);
                let line = CartLine {
                    sku: SkuId(u128::from(caller + 1)),
                    product: ProductId(1),
                    quantity: 1 + given as u32,
                };
                let command = checkout::Command::SetLine(line);
                give_named::<Checkout>(&shop.node, StreamId::Checkout(id), command, None).await?;
                given += 1;
            }
            anyhow::Ok(given)
        });
    }
    let mut answered = 0;
    while let Some(done) = callers.join_next().await {
        answered += done??;
    }
    let elapsed = started.elapsed().as_secs_f64();
    if let Ok(shop) = Arc::try_unwrap(shop) {
        shop.close().await;
    }
    let (report, _) = verified(&database).await?;
    let mut starts = BTreeSet::new();
    audit::read(&database, |recorded, _| {
        starts.insert((recorded.stream, recorded.append_id.incarnation));
    })
    .await?;
    let found = report.events - CHECKOUTS;
    println!(
        "{answered} commands answered in {elapsed:.1} s ({:.0}/s), {found} events, actors started {} times",
        answered as f64 / elapsed,
        starts.len()
    );
    figure("passivation: commands that race it, lost", commands.abs_diff(found) as f64, "of them");
    figure("passivation: such commands", answered as f64 / elapsed, "/s");
    ensure!(answered == commands && found == commands, "every command must be there exactly once");
    ensure!(starts.len() as u64 > CHECKOUTS * 10, "hardly any actor fell asleep: nothing was raced");
    Ok(())
}
