//! What a scope costs per read on Postgres: one vendor's page of orders, asked for again and again by one reader.
//!
//! `cargo xtask bench scopes [-- --reads 4000]`. Three ways in turn, in rounds: the question alone, as any pool asks it; in a
//! transaction with a scope, by a login that no policy binds; the same by one that they bind, as a shop in production reads.

mod rig;

use anyhow::{Context, ensure};
use souk::journal::{Database, Roles, Set, migrate, network_pool_options};
use souk::store::read::ReadModels;
use souk::tenants::{Access, PresentedKey, Role, VendorScope, keys};
use souk_core::ids::VendorId;
use souk_core::time::Timestamp;
use sqlx::PgPool;
use tokio::time::Instant;

use rig::figures::figure;
use rig::{fresh_postgres, numbers, psql};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DATABASE: &str = "souk_bench_scopes";
const LOGIN: &str = "souk_bench_app";
const ROUNDS: u64 = 5;
const PAGE: u32 = 20;

/// As a vendor's list of orders is asked for, without a scope.
const ALONE: &str = "SELECT order_id, number, vendor, status, placed_at, currency, goods_minor, freight_minor, \
     commission_minor, payable_minor, reversed_minor FROM vendor_orders WHERE vendor = $1 \
     AND (placed_at, order_id) < ($2, '') ORDER BY placed_at DESC, order_id DESC LIMIT 21";

type Columns = (String, i64, String, String, i64, String, i64, i64, i64, i64, i64);

fn main() -> anyhow::Result<()> {
    let [reads] = numbers([("--reads", 4_000)])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(reads))
}

fn vendor() -> anyhow::Result<VendorScope> {
    let (text, record) = keys::issue(Role::Vendor(VendorId(7)), "bench", Timestamp::ZERO)?;
    let presented: PresentedKey = text.expose().parse()?;
    match record.admit(&presented) {
        Ok(Access::Vendor(scope)) => Ok(scope),
        _ => anyhow::bail!("a vendor's key is not one"),
    }
}

/// A hundred vendors with a thousand orders each, and a login that may read them.
async fn market(url: &str) -> anyhow::Result<Roles> {
    let owner = fresh_postgres(url, DATABASE)?;
    psql(
        url,
        &format!(
            "SET client_min_messages = warning; DROP ROLE IF EXISTS {LOGIN}; CREATE ROLE {LOGIN} LOGIN PASSWORD 'bench'"
        ),
    )?;
    let Database::Postgres { url: own } = &owner else { anyhow::bail!("not a Postgres address") };
    let (_, place) = own.rsplit_once('@').context("the address names no login")?;
    let app = format!("postgres://{LOGIN}:bench@{place}").parse()?;
    let roles = Roles { app, ..Roles::from(&owner) };
    migrate::run(&roles).await?;
    let ids: Vec<String> = (0..100).map(|n| VendorId(n).to_string()).collect();
    let pool = PgPool::connect_with(owner.postgres_options(Set::Read)?).await?;
    sqlx::query(
        "INSERT INTO vendor_orders SELECT 'ord_' || lpad(n::text, 26, '0'), 1, ($1::text[])[n % 100 + 1], 'placed', n, \
         'EUR', 100, 0, 10, 90, 0 FROM generate_series(1, 100000) AS n",
    )
    .bind(ids)
    .execute(&pool)
    .await?;
    sqlx::query("ANALYZE vendor_orders").execute(&pool).await?;
    pool.close().await;
    Ok(roles)
}

async fn alone(pool: &PgPool, reads: u64) -> anyhow::Result<f64> {
    let vendor = VendorId(7).to_string();
    let started = Instant::now();
    for _ in 0..reads {
        let rows: Vec<Columns> = sqlx::query_as(ALONE).bind(&vendor).bind(i64::MAX).fetch_all(pool).await?;
        ensure!(rows.len() == 21, "{} rows", rows.len());
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / reads as f64)
}

async fn scoped(models: &ReadModels, scope: &VendorScope, reads: u64) -> anyhow::Result<f64> {
    let started = Instant::now();
    for _ in 0..reads {
        let page = models.vendor_orders(scope, None, None, PAGE).await?;
        ensure!(page.items.len() == PAGE as usize, "{} rows", page.items.len());
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / reads as f64)
}

async fn run(reads: u64) -> anyhow::Result<()> {
    let Ok(url) = std::env::var("SOUK_TEST_POSTGRES_URL") else {
        println!(
            "SQLite has no policies, and its reads no transaction: nothing to measure without a Postgres"
        );
        return Ok(());
    };
    let roles = market(&url).await?;
    let scope = vendor()?;
    let pool = network_pool_options::<sqlx::Postgres>(8)
        .connect_with(roles.engine.postgres_options(Set::Read)?)
        .await?;
    let unbound = ReadModels::open(Roles::from(&roles.engine), 8).await?;
    let bound = ReadModels::open(&roles, 8).await?;
    let mut sums = [0.0; 3];
    // The first round warms connections, statements and plans.
    for round in 0..=ROUNDS {
        let costs = [
            alone(&pool, reads / ROUNDS).await?,
            scoped(&unbound, &scope, reads / ROUNDS).await?,
            scoped(&bound, &scope, reads / ROUNDS).await?,
        ];
        if round == 0 {
            continue;
        }
        let names = ["the question alone", "with a scope, unbound", "with a scope, bound by policies"];
        for ((name, cost), sum) in names.into_iter().zip(costs).zip(&mut sums) {
            println!("round {round}: {cost:7.0} µs a read: {name}");
            figure(&format!("scopes: a page of a vendor's orders, {name}"), cost, "µs");
            *sum += cost / ROUNDS as f64;
        }
    }
    let [alone, unbound_cost, bound_cost] = sums;
    println!(
        "the transaction costs {:.0} µs a read, the policies {:.0} µs; the question alone {alone:.0} µs",
        unbound_cost - alone,
        bound_cost - unbound_cost
    );
    pool.close().await;
    unbound.close().await;
    bound.close().await;
    let (server, _) = url.rsplit_once('/').context("the Postgres address names no database")?;
    psql(&format!("{server}/{DATABASE}"), &format!("DROP OWNED BY {LOGIN}"))?;
    psql(&url, &format!("DROP DATABASE {DATABASE} WITH (FORCE); DROP ROLE {LOGIN}"))
}
