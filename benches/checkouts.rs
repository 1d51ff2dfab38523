//! Whole checkouts per second: from an empty cart to a placed order, every step answered from disk, addresses in the
//! vault, the test bank without delay. Spread over many offers, and all for one.
//!
//! Beside it on the same Postgres the usual way to store the same facts, with tables and row locks: two transactions
//! (hold and intent; paid and order).
//!
//! `cargo xtask bench checkouts [-- --seconds 5 --shoppers 64 --offers 10000]`. Verifies what it wrote.

mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use souk::adapters::payments::test_bank::Settings as BankSettings;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk_core::ids::CheckoutId;
use tokio::time::Instant;

use rig::figures::figure;
use rig::pgbench::{Pgbench, Reached};
use rig::{Offered, buy, found, fresh_postgres, numbers, psql, verified};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let [seconds, shoppers, offers] = numbers([("--seconds", 5), ("--shoppers", 64), ("--offers", 10_000)])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(seconds, shoppers, u128::from(offers)))
}

async fn run(seconds: u64, shoppers: u64, spread: u128) -> anyhow::Result<()> {
    println!("whole checkouts (cart to placed), {shoppers} shoppers, {seconds} s each, fsync on\n");
    let scratch = tempfile::tempdir()?;
    let forms = [("spread", spread), ("one hot SKU", 1)];
    for (form, offers) in forms {
        let dir = scratch.path().join(form);
        measure("SQLite", form, &Database::Sqlite { dir }, offers, seconds, shoppers).await?;
    }
    let Ok(url) = std::env::var("SOUK_TEST_POSTGRES_URL") else {
        println!("\nSKIPPED Postgres: SOUK_TEST_POSTGRES_URL is not set");
        return Ok(());
    };
    let mut reached = Vec::new();
    for (form, offers) in forms {
        let database = fresh_postgres(&url, &format!("checkouts_{offers}"))?;
        let per_second = measure("Postgres", form, &database, offers, seconds, shoppers).await?;
        reached.push((form, offers, per_second));
    }
    println!();
    for (form, offers, souk) in reached {
        let rival = fresh_postgres(&url, &format!("checkouts_rival_{offers}"))?;
        let Database::Postgres { url: rival } = &rival else { bail!("not a Postgres address") };
        for Reached { name, connections, per_second } in usual_way(rival, form, offers, seconds)? {
            println!(
                "{name:<46} ({connections:>2} connections) {per_second:>7.0} checkouts/s   souk {:>5.2}x",
                souk / per_second
            );
            figure(&format!("checkouts: {name}"), per_second, "/s");
            figure(&format!("checkouts: souk beside {name}"), souk / per_second, "x");
        }
    }
    Ok(())
}

/// The tables of a usual shop, and a checkout as two transactions of it: 4 + 10 rows written, no bank between.
fn usual_way(url: &str, form: &str, offers: u128, seconds: u64) -> anyhow::Result<Vec<Reached>> {
    let Some(pgbench) = Pgbench::find(url, seconds)? else { return Ok(Vec::new()) };
    let tables = USUAL_TABLES.replace(":offers", &offers.to_string());
    psql(url, &tables)?;
    let script = USUAL_CHECKOUT.replace(":offers", &offers.to_string()).replace(":body", &"x".repeat(300));
    let name = format!("two transactions, {form}");
    Ok(vec![pgbench.run(&name, &script, 64)?, pgbench.best(&name, &script)?])
}

const USUAL_TABLES: &str = "
CREATE TABLE stock (sku BIGINT PRIMARY KEY, available BIGINT NOT NULL CHECK (available >= 0),
    held BIGINT NOT NULL, allocated BIGINT NOT NULL);
INSERT INTO stock SELECT n, 1000000000, 0, 0 FROM generate_series(1, :offers) n;
CREATE TABLE checkouts (id BIGINT PRIMARY KEY, state TEXT NOT NULL, address TEXT NOT NULL, quote TEXT NOT NULL);
CREATE TABLE holds (checkout BIGINT PRIMARY KEY, sku BIGINT NOT NULL, quantity BIGINT NOT NULL, state TEXT NOT NULL,
    deadline TIMESTAMPTZ NOT NULL);
CREATE TABLE payments (checkout BIGINT PRIMARY KEY, state TEXT NOT NULL, provider_key TEXT NOT NULL UNIQUE,
    amount BIGINT NOT NULL);
CREATE TABLE requests (key BIGINT PRIMARY KEY, answer TEXT NOT NULL);
CREATE TABLE orders (id BIGINT PRIMARY KEY, state TEXT NOT NULL, total BIGINT NOT NULL, body TEXT NOT NULL);
CREATE TABLE order_lines (order_id BIGINT NOT NULL, n BIGINT NOT NULL, sku BIGINT NOT NULL, quantity BIGINT NOT NULL,
    price BIGINT NOT NULL, PRIMARY KEY (order_id, n));
CREATE TABLE vendor_orders (order_id BIGINT NOT NULL, vendor BIGINT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (order_id, vendor));
CREATE TABLE postings (id BIGSERIAL PRIMARY KEY, order_id BIGINT NOT NULL, account TEXT NOT NULL, amount BIGINT NOT NULL);
CREATE TABLE mails (order_id BIGINT PRIMARY KEY, body TEXT NOT NULL)";

const USUAL_CHECKOUT: &str = "\\set id random(1, 9000000000000000000)
\\set sku random(1, :offers)
BEGIN;
SELECT available FROM stock WHERE sku = :sku FOR UPDATE;
UPDATE stock SET available = available - 1, held = held + 1 WHERE sku = :sku;
INSERT INTO checkouts VALUES (:id, 'paying', ':body', ':body');
INSERT INTO holds VALUES (:id, :sku, 1, 'held', now() + interval '15 minutes');
INSERT INTO payments VALUES (:id, 'created', 'key-' || :id, 2498);
COMMIT;
BEGIN;
SELECT state FROM payments WHERE checkout = :id FOR UPDATE;
UPDATE payments SET state = 'captured' WHERE checkout = :id;
UPDATE holds SET state = 'allocated' WHERE checkout = :id;
UPDATE stock SET held = held - 1, allocated = allocated + 1 WHERE sku = :sku;
UPDATE checkouts SET state = 'placed' WHERE id = :id;
INSERT INTO orders VALUES (:id, 'placed', 2498, ':body');
INSERT INTO order_lines VALUES (:id, 1, :sku, 1, 1999);
INSERT INTO vendor_orders VALUES (:id, :sku, 'placed');
INSERT INTO postings (order_id, account, amount) VALUES (:id, 'clearing', 2498), (:id, 'vendor', -2298),
    (:id, 'commission', -200);
INSERT INTO mails VALUES (:id, ':body');
INSERT INTO requests VALUES (:id, ':body');
COMMIT;
";

async fn measure(
    backend: &str,
    form: &str,
    database: &Database,
    offers: u128,
    seconds: u64,
    shoppers: u64,
) -> anyhow::Result<f64> {
    let data = tempfile::tempdir()?;
    let bank = BankSettings { answer_delay_ms: 0, ..BankSettings::default() };
    let options = ShopOptions { bank, letters: false, projectors: false, ..ShopOptions::default() };
    let shop = Arc::new(Shop::open(database, data.path(), Clock::system(), options).await?);
    let offers: Arc<[Offered]> = found(&shop.node, offers, 1_000_000).await?.into();
    let founding = shop.node.journal().reader().ends().await?.iter().sum::<u64>();
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
        (report.events - founding) as f64 / count as f64,
    );
    figure(&format!("checkouts: {backend}, {form}"), count as f64 / elapsed, "/s");
    Ok(count as f64 / elapsed)
}
