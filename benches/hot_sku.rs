//! Durable holds per second on ONE SKU, through the real host and journal, the usual ways on the same Postgres in the
//! same run, and a decrement in Redis that is forced to disk, too.
//!
//! `cargo xtask bench hot_sku [-- --seconds 5]`. Prints one table with ratios, then verifies what it wrote.

mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk_core::host::Answer;
use souk_core::ids::{CheckoutId, HoldId, LocationId, MovementId, SkuId, StreamId};
use souk_core::inventory::{Command, Movement, Request};
use souk_core::journal::Origin;
use tokio::time::Instant;

use rig::figures::figure;
use rig::pgbench::{Pgbench, Reached};
use rig::redis::Redis;
use rig::{fresh_postgres, numbers, psql, verified};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SKU: SkuId = SkuId(1);
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> anyhow::Result<()> {
    let [seconds] = numbers([("--seconds", 5)])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(seconds))
}

async fn run(seconds: u64) -> anyhow::Result<()> {
    println!("durable holds on one SKU, {seconds} s each, fsync on, all on this machine\n");
    let scratch = tempfile::tempdir()?;
    let (mut best, mut embedded) = (Vec::new(), Vec::new());
    for in_flight in [64, 256] {
        let database = Database::Sqlite { dir: scratch.path().join(format!("sqlite-{in_flight}")) };
        let measured = measure(&database, in_flight, seconds).await?;
        measured.print(&format!("souk, SQLite, {in_flight} in flight"));
        embedded.push((in_flight, measured.per_second));
    }
    let redis = Redis::start(scratch.path())?;
    // It is asked over TCP, souk in its own process: what a server in front of either would cost is not in this.
    if let Some(redis) = redis {
        println!();
        for (in_flight, souk) in embedded {
            let per_second = redis.take_units(in_flight)?;
            let name = format!("Redis, one decrement in Lua, appendfsync always, {in_flight} connections");
            println!("{name:<70} {per_second:>9.0} /s   souk on SQLite {:>5.2}x", souk / per_second);
            figure(&format!("hot_sku: {name}"), per_second, "/s");
            figure(
                &format!("hot_sku: souk, SQLite, {in_flight} in flight, beside Redis"),
                souk / per_second,
                "x",
            );
        }
        println!();
    }
    let Ok(url) = std::env::var("SOUK_TEST_POSTGRES_URL") else {
        println!("\nSKIPPED the comparison on Postgres: SOUK_TEST_POSTGRES_URL is not set");
        return Ok(());
    };
    for in_flight in [64, 256] {
        let database = fresh_postgres(&url, &format!("hot_sku_{in_flight}"))?;
        let measured = measure(&database, in_flight, seconds).await?;
        measured.print(&format!("souk, Postgres, {in_flight} in flight"));
        best.push((in_flight, measured.per_second));
    }
    println!();
    let rival = fresh_postgres(&url, "hot_sku_rival")?;
    let Database::Postgres { url: rival } = &rival else { bail!("not a Postgres address") };
    let rivals = measure_rivals(rival, seconds)?;
    println!("\nratios on Postgres");
    for (in_flight, souk) in best {
        for Reached { name, per_second, .. } in &rivals {
            println!("  {in_flight:>4} in flight / {name:<46} {:>6.1}x", souk / per_second);
            figure(
                &format!("hot_sku: souk, Postgres, {in_flight} in flight, beside {name}"),
                souk / per_second,
                "x",
            );
        }
    }
    Ok(())
}

struct Measured {
    per_second: f64,
    p50_us: u32,
    p99_us: u32,
    rows_per_hold: f64,
    bytes_per_hold: f64,
}

impl Measured {
    fn print(&self, name: &str) {
        figure(&format!("hot_sku: {name}"), self.per_second, "/s");
        figure(&format!("hot_sku: {name}, p99"), f64::from(self.p99_us) / 1e3, "ms");
        println!(
            "{name:<34} {:>9.0} holds/s   p50 {:>6.2} ms   p99 {:>6.2} ms   {:.2} event rows, {:.0} payload bytes per hold; verified",
            self.per_second,
            f64::from(self.p50_us) / 1e3,
            f64::from(self.p99_us) / 1e3,
            self.rows_per_hold,
            self.bytes_per_hold
        );
    }
}

async fn measure(database: &Database, in_flight: u32, seconds: u64) -> anyhow::Result<Measured> {
    let data = tempfile::tempdir()?;
    // The engine alone: host and journal. What follows the journal follows at its own pace.
    let options = ShopOptions { projectors: false, ..ShopOptions::default() };
    let shop = Shop::open(database, data.path(), Clock::system(), options).await?;
    let node = Arc::clone(&shop.node);
    let stream = StreamId::Stock(SKU.shard());
    let stock = Arc::new(node.stock());
    for command in prepare() {
        let told = stock.command(stream, command, None, Origin::default(), PATIENCE).await?;
        ensure!(matches!(told.answer, Answer::Fresh(Ok(_))), "preparing was told {:?}", told.answer);
    }
    let deadline = node.clock().now().plus_millis(20 * 60 * 60 * 1000);
    let holds = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let until = started + Duration::from_secs(seconds);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..in_flight {
        let (stock, holds) = (Arc::clone(&stock), Arc::clone(&holds));
        clients.spawn(async move {
            let mut latencies = Vec::new();
            for visit in 0u128.. {
                let begun = Instant::now();
                if begun >= until {
                    break;
                }
                let hold = HoldId { checkout: CheckoutId((u128::from(client) << 64) | visit), n: 1 };
                let request = Request::Hold { hold, sku: SKU, quantity: 1, deadline, pin: None };
                let command = Command::Hold { asked: 1, request };
                let told = stock.command(stream, command, None, Origin::default(), PATIENCE).await?;
                ensure!(matches!(told.answer, Answer::Fresh(Ok(_))), "a hold was told {:?}", told.answer);
                holds.fetch_add(1, Ordering::Relaxed);
                latencies.push(begun.elapsed().as_micros() as u32);
            }
            Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(client) = clients.join_next().await {
        latencies.extend(client??);
    }
    let elapsed = started.elapsed().as_secs_f64();
    drop((stock, node));
    shop.close().await;
    latencies.sort_unstable();
    let count = holds.load(Ordering::Relaxed);
    let (rows, bytes) = verify(database, count).await?;
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Ok(Measured {
        per_second: count as f64 / elapsed,
        p50_us: at(0.5),
        p99_us: at(0.99),
        rows_per_hold: rows as f64 / count as f64,
        bytes_per_hold: bytes as f64 / count as f64,
    })
}

fn prepare() -> [Command; 11] {
    std::array::from_fn(|at| match at {
        0 => Command::open(SKU),
        n => Command::Receive(Movement {
            movement: MovementId(n as u128),
            sku: SKU,
            location: LocationId::MAIN,
            quantity: 1_000_000,
        }),
    })
}

/// Everything that was answered must be there, and everything that is there must hold.
async fn verify(database: &Database, holds: u64) -> anyhow::Result<(u64, u64)> {
    let (report, bytes) = verified(database).await?;
    ensure!(
        report.pending.len() as u64 == holds,
        "{holds} holds answered, {} in the journal",
        report.pending.len()
    );
    Ok((report.events, bytes))
}

fn measure_rivals(url: &str, seconds: u64) -> anyhow::Result<Vec<Reached>> {
    let Some(pgbench) = Pgbench::find(url, seconds)? else { return Ok(Vec::new()) };
    psql(
        url,
        "CREATE TABLE stock (sku BIGINT PRIMARY KEY, available BIGINT NOT NULL CHECK (available >= 0));
         CREATE TABLE holds (id BIGSERIAL PRIMARY KEY, sku BIGINT NOT NULL, quantity BIGINT NOT NULL, body TEXT NOT NULL);
         INSERT INTO stock VALUES (1, 1000000000)",
    )?;
    let body = "x".repeat(200);
    let locked = format!(
        "BEGIN;\nSELECT available FROM stock WHERE sku = 1 FOR UPDATE;\n\
         UPDATE stock SET available = available - 1 WHERE sku = 1;\n\
         INSERT INTO holds (sku, quantity, body) VALUES (1, 1, '{body}');\nCOMMIT;\n"
    );
    let guarded = format!(
        "WITH taken AS (UPDATE stock SET available = available - 1 WHERE sku = 1 AND available >= 1 RETURNING sku) \
         INSERT INTO holds (sku, quantity, body) SELECT sku, 1, '{body}' FROM taken;\n"
    );
    let mut rivals = vec![pgbench.run("SELECT … FOR UPDATE", &locked, 64)?];
    rivals.push(pgbench.best("SELECT … FOR UPDATE", &locked)?);
    rivals.push(pgbench.best("one guarded statement", &guarded)?);
    for rival in &rivals {
        println!("{:<46} ({:>2} connections) {:>9.0} /s", rival.name, rival.connections, rival.per_second);
        figure(&format!("hot_sku: {}", rival.name), rival.per_second, "/s");
    }
    Ok(rivals)
}
