//! Whole checkouts per second: from an empty cart to a placed order, every step answered from disk, addresses in the
//! vault, the test bank without delay. Spread over many offers, and all for one.
//!
//! `cargo xtask bench checkouts [-- --seconds 5 --shoppers 64]`. Verifies what it wrote.

mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use souk::adapters::payments::test_bank::Settings as BankSettings;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk_core::ids::CheckoutId;
use tokio::time::Instant;

use rig::{Offered, buy, found, fresh_postgres, numbers, verified};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OFFERS: u128 = 200;

fn main() -> anyhow::Result<()> {
    let [seconds, shoppers] = numbers([("--seconds", 5), ("--shoppers", 64)])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(seconds, shoppers))
}

async fn run(seconds: u64, shoppers: u64) -> anyhow::Result<()> {
    println!("whole checkouts (cart to placed), {shoppers} shoppers, {seconds} s each, fsync on\n");
    let scratch = tempfile::tempdir()?;
    for (form, offers) in [("spread", OFFERS), ("one hot SKU", 1)] {
        let dir = scratch.path().join(form);
        measure("SQLite", form, &Database::Sqlite { dir }, offers, seconds, shoppers).await?;
    }
    let Ok(url) = std::env::var("SOUK_TEST_POSTGRES_URL") else {
        println!("\nSKIPPED Postgres: SOUK_TEST_POSTGRES_URL is not set");
        return Ok(());
    };
    for (form, offers) in [("spread", OFFERS), ("one hot SKU", 1)] {
        let database = fresh_postgres(&url, &format!("checkouts_{offers}"))?;
        measure("Postgres", form, &database, offers, seconds, shoppers).await?;
    }
    Ok(())
}

async fn measure(
    backend: &str,
    form: &str,
    database: &Database,
    offers: u128,
    seconds: u64,
    shoppers: u64,
) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let bank = BankSettings { answer_delay_ms: 0, ..BankSettings::default() };
    let options = ShopOptions { bank, letters: false, projectors: false, ..ShopOptions::default() };
    let shop = Arc::new(Shop::open(database, data.path(), Clock::system(), options).await?);
    let offers: Arc<[Offered]> = found(&shop.node, offers, 1_000_000).await?.into();
    let placed = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let until = started + Duration::from_secs(seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for shopper in 0..shoppers {
        let (shop, offers, placed) = (Arc::clone(&shop), Arc::clone(&offers), Arc::clone(&placed));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            for visit in 0u64.. {
                let begun = Instant::now();
                if begun >= until {
                    break;
                }
                // Spread by a multiplier without common factors, so that shoppers do not walk in step.
                let offer =
                    offers[((visit * shoppers + shopper).wrapping_mul(7_919) % offers.len() as u64) as usize];
                let checkout = CheckoutId((u128::from(shopper + 1) << 80) | (u128::from(visit) << 16));
                buy(&shop, checkout, offer).await?;
                placed.fetch_add(1, Ordering::Relaxed);
                latencies.push(begun.elapsed().as_micros() as u64);
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let elapsed = started.elapsed().as_secs_f64();
    if let Ok(shop) = Arc::try_unwrap(shop) {
        shop.close().await;
    }
    latencies.sort_unstable();
    let count = placed.load(Ordering::Relaxed);
    let (report, _) = verified(database).await?;
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!(
        "{:<24} {:>7.0} checkouts/s   p50 {:>6.1} ms   p99 {:>6.1} ms   {:.1} event rows each; verified",
        format!("{backend}, {form}"),
        count as f64 / elapsed,
        at(0.5),
        at(0.99),
        report.events as f64 / count as f64,
    );
    Ok(())
}
