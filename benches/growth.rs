//! What an order costs (event rows, bytes, CPU) while there are ten times as many orders, and a thousand times as many vendors.
//!
//! The engine alone sells: host, journal, vault, the test bank without delay, and the read models that follow. Every
//! figure is taken over windows of as many orders each, at the beginning and at the end of a market of ten vendors, and in
//! one of ten thousand; all in one run, on SQLite.
//!
//! `cargo xtask bench --embedded growth [-- --orders 2000 --windows 5 --vendors 10000 --shoppers 16]`

mod rig;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use souk::adapters::payments::test_bank::Settings as BankSettings;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk_core::ids::CheckoutId;
use tokio::task::JoinSet;

use rig::figures::figure;
use rig::traffic::median;
use rig::{Offered, PATIENCE, buy, cpu_seconds, found, numbers, verified};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Of the small market.
const FEW: u128 = 10;
/// As many times more orders.
const TIMES: u64 = 10;
/// What was wanted of CPU: flat within this share.
const FLAT: f64 = 0.15;

fn main() -> anyhow::Result<()> {
    let [orders, windows, vendors, shoppers] =
        numbers([("--orders", 2_000), ("--windows", 5), ("--vendors", 10_000), ("--shoppers", 16)])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(orders / windows, windows, u128::from(vendors), shoppers))
}

async fn run(window: u64, windows: u64, vendors: u128, shoppers: u64) -> anyhow::Result<()> {
    println!("what an order costs, {windows} windows of {window} orders each, {shoppers} shoppers, SQLite\n");
    let scratch = tempfile::tempdir()?;
    let few = Market::found(&scratch.path().join("few"), FEW, shoppers).await?;
    few.sell(window).await?;
    let at_first = few.windows(&format!("{FEW} vendors, the first orders"), window, windows).await?;
    let so_far = few.sold.load(Ordering::Relaxed);
    few.sell((so_far * TIMES).saturating_sub(so_far + window * windows)).await?;
    let later = few.windows(&format!("{FEW} vendors, {TIMES} times as many orders"), window, windows).await?;
    few.close().await?;
    let many = Market::found(&scratch.path().join("many"), vendors, shoppers).await?;
    many.sell(window).await?;
    let in_many = many.windows(&format!("{vendors} vendors, the first orders"), window, windows).await?;
    many.close().await?;
    println!();
    for (name, cost) in
        [(format!("{TIMES} times as many orders"), &later), (format!("{vendors} vendors"), &in_many)]
    {
        let ratio = cost.cpu_us / at_first.cpu_us;
        println!(
            "{name:<28} CPU {ratio:.2}x ({}), events {:.2}x, bytes {:.2}x",
            if (ratio - 1.0).abs() <= FLAT { "flat within 15 %" } else { "NOT flat within 15 %" },
            cost.events / at_first.events,
            cost.bytes / at_first.bytes,
        );
        figure(&format!("growth: CPU of an order, {name}"), ratio, "x");
        figure(&format!("growth: events of an order, {name}"), cost.events / at_first.events, "x");
    }
    for cost in [&later, &in_many] {
        // An event that came after its order was told may fall into the next window.
        let ratio = cost.events / at_first.events;
        ensure!((ratio - 1.0).abs() < 0.01, "events of an order must stay equal");
        ensure!(
            (cost.cpu_us / at_first.cpu_us - 1.0).abs() <= FLAT,
            "CPU of an order was to be flat within 15 %"
        );
    }
    Ok(())
}

/// What an order costs.
struct Cost {
    cpu_us: f64,
    events: f64,
    bytes: f64,
}

struct Market {
    shop: Arc<Shop>,
    database: Database,
    offers: Arc<[Offered]>,
    shoppers: u64,
    sold: AtomicU64,
}

impl Market {
    async fn found(dir: &Path, vendors: u128, shoppers: u64) -> anyhow::Result<Self> {
        let database = Database::Sqlite { dir: dir.join("db") };
        std::fs::create_dir_all(dir)?;
        let bank = BankSettings { answer_delay_ms: 0, ..BankSettings::default() };
        let options = ShopOptions { bank, letters: false, search: None, ..ShopOptions::default() };
        let shop = Arc::new(Shop::open(&database, dir, Clock::system(), options).await?);
        let offers = found(&shop.node, vendors, 1_000_000).await?.into();
        Ok(Market { shop, database, offers, shoppers, sold: AtomicU64::new(0) })
    }

    /// Sells so many, and waits until what follows the journal has followed.
    async fn sell(&self, orders: u64) -> anyhow::Result<()> {
        let first = self.sold.fetch_add(orders, Ordering::Relaxed);
        let mut tasks = JoinSet::new();
        for shopper in 0..self.shoppers {
            let (shop, offers, shoppers) = (Arc::clone(&self.shop), Arc::clone(&self.offers), self.shoppers);
            tasks.spawn(async move {
                for n in (first + shopper..first + orders).step_by(shoppers as usize) {
                    // By a multiplier without common factors, so that shoppers do not walk in step.
                    let offer = offers[(n.wrapping_mul(7_919) % offers.len() as u64) as usize];
                    buy(&shop, CheckoutId(u128::from(n + 1) << 16), offer).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        if let Some(projectors) = &self.shop.projectors {
            ensure!(projectors.caught_up(PATIENCE).await?, "the read models never caught up");
        }
        Ok(())
    }

    async fn windows(&self, name: &str, window: u64, windows: u64) -> anyhow::Result<Cost> {
        let (mut cpu, mut events) = (Vec::new(), Vec::new());
        // Over all windows: files grow in steps.
        let stored = self.stored()?;
        for _ in 0..windows {
            let (used, there) = (cpu_seconds("self")?, self.events().await?);
            self.sell(window).await?;
            let each = window as f64;
            cpu.push((cpu_seconds("self")? - used) * 1e6 / each);
            events.push((self.events().await? - there) as f64 / each);
        }
        let bytes = (self.stored()? as f64 - stored as f64) / (window * windows) as f64;
        let cost = Cost { cpu_us: median(cpu), events: median(events), bytes };
        println!(
            "{name:<44} {:>8.0} us CPU   {:>5.1} event rows   {:>7.0} bytes on disk",
            cost.cpu_us, cost.events, cost.bytes
        );
        figure(&format!("growth: {name}: CPU of an order"), cost.cpu_us, "us");
        figure(&format!("growth: {name}: bytes of an order"), cost.bytes, "bytes");
        Ok(cost)
    }

    async fn events(&self) -> anyhow::Result<u64> {
        Ok(self.shop.node.journal().reader().ends().await?.iter().sum())
    }

    /// Bytes of all files of the database.
    fn stored(&self) -> anyhow::Result<u64> {
        let Database::Sqlite { dir } = &self.database else { return Ok(0) };
        let mut bytes = 0;
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            // What is still in a log is written over again and again.
            if entry.path().extension().is_some_and(|ending| ending == "db") {
                bytes += entry.metadata()?.len();
            }
        }
        Ok(bytes)
    }

    async fn close(self) -> anyhow::Result<()> {
        if let Ok(shop) = Arc::try_unwrap(self.shop) {
            shop.close().await;
        }
        verified(&self.database).await?;
        Ok(())
    }
}
