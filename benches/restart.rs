//! A server that was killed with a million SKUs and five million events behind it: how long until its first correct
//! answer, beside a replay of the whole journal.
//!
//! A process of this bench fills the shop through its actors and goes on bringing units until it is killed (`kill -9`) in the
//! middle of writing. Then the real program is started on what is left, asked for a product with its stock, and killed
//! again while it fills its read models, some times: the first start has a journal to recover, the others a warm cache. The
//! server has one core, the replay both; it reads every event and folds every stock shard, as a shop without snapshots
//! would have to.
//!
//! `cargo xtask bench --embedded restart [-- --skus 1000000 --events-each 5 --rounds 5]`

mod rig;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use hyper::Method;
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::{Database, audit};
use souk_core::any::AnyEvent;
use souk_core::ids::{LocationId, MovementId, ProductId, SkuId, StreamId};
use souk_core::inventory::{Command, Inventory, Movement};
use souk_core::machine::{EventMeta, Machine as _};
use tokio::task::{JoinSet, LocalSet};

use rig::figures::figure;
use rig::program::Program;
use rig::traffic::{Connection, median};
use rig::{found, give_named, numbers};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
/// Names the directory that this program is to fill, and how much there is to be.
const FILL: &str = "SOUK_BENCH_FILL";
const FILLED: &str = "filled";
/// Products that are really for sale; the other SKUs lie in the shards beside them.
const STALLS: u128 = 10;
const UNITS: u32 = 1_000;
/// The first of the other SKUs.
const FIRST: u128 = 1_000;
/// Commands under way at a time while it is filled.
const HANDS: u128 = 512;
/// What was wanted.
const WITHIN: Duration = Duration::from_secs(2);

fn main() -> anyhow::Result<()> {
    let [skus, events_each, rounds] =
        numbers([("--skus", 1_000_000), ("--events-each", 5), ("--rounds", 5)])?;
    if let Some(dir) = std::env::var_os(FILL).map(PathBuf::from) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(fill(&dir, u128::from(skus), events_each));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(skus, events_each, rounds))
}

fn database(dir: &Path) -> Database {
    Database::Sqlite { dir: dir.join("db") }
}

async fn fill(dir: &Path, skus: u128, events_each: u64) -> anyhow::Result<()> {
    // Nobody reads meanwhile: the read models are filled for the products for sale, and later for the rest.
    let options = ShopOptions { search: None, projectors: false, ..ShopOptions::default() };
    let shop = Arc::new(Shop::open(&database(dir), dir, Clock::system(), options).await?);
    found(&shop.node, STALLS, UNITS).await?;
    bring(&shop, skus, 0, events_each).await?;
    println!("{FILLED}");
    // Until it is killed.
    for more in events_each.. {
        bring(&shop, skus, more, more + 1).await?;
    }
    Ok(())
}

/// One event of every SKU, and the next of every SKU.
async fn bring(shop: &Arc<Shop>, skus: u128, from: u64, to: u64) -> anyhow::Result<()> {
    for nth in from..to {
        let mut hands = JoinSet::new();
        for hand in 0..HANDS {
            let shop = Arc::clone(shop);
            hands.spawn(async move {
                for n in (hand..skus).step_by(HANDS as usize) {
                    let sku = SkuId(FIRST + n);
                    let movement = MovementId((u128::from(nth) << 64) | (FIRST + n));
                    let received = Movement { movement, sku, location: LocationId::MAIN, quantity: 1 };
                    let stream = StreamId::Stock(sku.shard());
                    give_named::<Inventory>(&shop.node, stream, Command::Receive(received), None).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = hands.join_next().await {
            done??;
        }
    }
    Ok(())
}

async fn run(skus: u64, events_each: u64, rounds: u64) -> anyhow::Result<()> {
    println!("a shop of {skus} SKUs and {} events, killed and started again, SQLite\n", skus * events_each);
    let scratch = tempfile::tempdir()?;
    let dir = scratch.path();
    filled(dir, skus, events_each)?;
    let data = dir.to_str().context("a plain path")?;
    let url = format!("sqlite:{data}/db");
    let path = format!("/v1/store/products/{}", ProductId(1));
    let mut took = Vec::new();
    for round in 0..=rounds {
        let begun = Instant::now();
        let arguments = ["serve", "--addr", "127.0.0.1:0", "--data", data];
        let settings = [("SOUK_DATABASE__URL", url.as_str()), ("SOUK_TELEMETRY__LOG", "error")];
        let mut server = Program::start(SOUK, &arguments, &settings)?;
        let line = server.until_it_says("souk listens on")?;
        let addr = line.rsplit('/').next().context("no address")?.to_owned();
        let mut connection = Connection::open(&addr).await?;
        let available = loop {
            let told = connection.ask(Method::GET, &path, &[], "").await?;
            // Only at the very first start the product has yet to come into the read models.
            if let Ok(seen) = told.ok() {
                break seen["offers"][0]["available"]
                    .as_u64()
                    .with_context(|| format!("no stock in {seen}"))?;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let first = begun.elapsed();
        ensure!(available == u64::from(UNITS), "{available} of {UNITS} units");
        println!(
            "{} first correct answer after {:.2} s",
            if round == 0 { "(unread)" } else { "        " },
            first.as_secs_f64()
        );
        if round == 0 {
            figure("restart: the same, killed in the middle of writing", first.as_secs_f64(), "s");
        } else {
            figure("restart: first correct answer after kill -9", first.as_secs_f64(), "s");
            took.push(first.as_secs_f64());
        }
        // While it reads what it has missed.
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.kill()?;
    }
    let first = median(took);
    let whole = replay(&database(dir)).await?;
    println!(
        "\nmedian {first:.2} s; reading and folding the whole journal {:.1} s, {:.0} times as long",
        whole.as_secs_f64(),
        whole.as_secs_f64() / first
    );
    figure("restart: reading and folding the whole journal", whole.as_secs_f64(), "s");
    figure("restart: the whole journal beside the first answer", whole.as_secs_f64() / first, "x");
    ensure!(first <= WITHIN.as_secs_f64(), "it was to be within {WITHIN:?}");
    Ok(())
}

/// Lets a process fill the shop, and kills it while it goes on.
fn filled(dir: &Path, skus: u64, events_each: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut filling = Process::new(std::env::current_exe()?)
        .args(["--skus", &skus.to_string(), "--events-each", &events_each.to_string()])
        .env(FILL, dir)
        .stdout(Stdio::piped())
        .spawn()?;
    let said = std::io::BufRead::lines(std::io::BufReader::new(filling.stdout.take().context("piped")?));
    let mut said = said.map_while(Result::ok);
    if !said.any(|line| line == FILLED) {
        bail!("it was not filled: {}", filling.wait()?);
    }
    std::thread::sleep(Duration::from_millis(500));
    filling.kill()?;
    filling.wait()?;
    println!("filled in {:.0} s, and killed while it went on", begun.elapsed().as_secs_f64());
    Ok(())
}

/// How long it takes to read every event and to fold every shard.
async fn replay(database: &Database) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let mut shards = BTreeMap::new();
    audit::read(database, |recorded, _| {
        if let AnyEvent::Stock(event) = &recorded.event {
            let state = shards.entry(recorded.stream).or_insert_with(|| Inventory::initial(recorded.stream));
            Inventory::apply(state, EventMeta { seq: recorded.seq, at: recorded.at }, event);
        }
    })
    .await?;
    ensure!(!shards.is_empty(), "nothing was folded");
    Ok(begun.elapsed())
}
