//! The doors: what a request costs the server, over HTTP, with the server on one core and its clients on the other.
//!
//! Reads stand beside an axum handler that returns the very same bytes; a sale (cart to placed, six requests) beside
//! what the server can answer at all (`/livez`) under the same clients. Where the clients are the slower side, requests
//! a second say little, so every row also has the server's own CPU time, and ratios are of that.
//!
//! `cargo xtask bench --embedded doors [-- --seconds 3 --connections 16 --rounds 5]`. Figures are medians of the rounds.

mod rig;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use rig::figures::figure;
use rig::numbers;
use rig::program::{Demo, Program, keep_to_own_core};
use rig::traffic::{Connection, Times, closed_loop, median};

/// Names the file whose bytes this program is to serve, as the thing to be compared with.
const BYTES: &str = "SOUK_BENCH_BYTES";
const SOUK: &str = env!("CARGO_BIN_EXE_souk");
const AXUM_SAYS: &str = "axum listens on ";
/// Units of the one SKU that everybody wants.
const UNITS: u64 = 1_000_000;

fn main() -> anyhow::Result<()> {
    if let Ok(file) = std::env::var(BYTES) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(serve_bytes(&file));
    }
    let [seconds, connections, rounds] = numbers([("--seconds", 3), ("--connections", 16), ("--rounds", 5)])?;
    keep_to_own_core()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = run(Duration::from_secs(seconds), connections as usize, rounds);
    LocalSet::new().block_on(&runtime, run)
}

/// The handler to be compared with: the bytes of a file, and nothing else.
async fn serve_bytes(file: &str) -> anyhow::Result<()> {
    let bytes = axum::body::Bytes::from(std::fs::read(file)?);
    let answer = move || {
        let bytes = bytes.clone();
        async move { ([("content-type", "application/json")], bytes) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{AXUM_SAYS}{}", listener.local_addr()?);
    let service = hyper_util::service::TowerToHyperService::new(Router::new().route("/bytes", get(answer)));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let io = hyper_util::rt::TokioIo::new(stream);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service.clone()));
    }
}

/// What was measured of one kind of request, a figure per round.
struct Row {
    name: &'static str,
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
}

impl Row {
    const fn new(name: &'static str) -> Self {
        Row { name, per_second: vec![], cpu_us: vec![], p50_ms: vec![], p99_ms: vec![] }
    }

    fn add(&mut self, (per_second, mut times): (f64, Times), cpu_seconds: f64) {
        self.per_second.push(per_second);
        self.cpu_us.push(cpu_seconds * 1e6 / times.len() as f64);
        self.p50_ms.push(times.percentile(50.0));
        self.p99_ms.push(times.percentile(99.0));
    }

    fn cpu(&self) -> f64 {
        median(self.cpu_us.clone())
    }

    /// Prints it; with what it is compared with, also the share of that one's speed that a busy server reaches.
    fn print(&self, beside: Option<&Row>) {
        let [per_second, p50, p99] =
            [&self.per_second, &self.p50_ms, &self.p99_ms].map(|values| median(values.clone()));
        let share = beside.map_or(String::new(), |row| format!("{:>5.1} %", 100.0 * row.cpu() / self.cpu()));
        println!(
            "{:<44} {per_second:>8.0}/s  {:>8.1} us CPU  p50 {p50:>6.2} ms  p99 {p99:>6.2} ms  {share}",
            self.name,
            self.cpu(),
        );
        let name = self.name;
        for round in 0..self.cpu_us.len() {
            figure(&format!("doors: {name}"), self.per_second[round], "/s");
            figure(&format!("doors: {name}, CPU of the server"), self.cpu_us[round], "us");
            figure(&format!("doors: {name}, p99"), self.p99_ms[round], "ms");
            if let Some(beside) = beside {
                let share = 100.0 * beside.cpu_us[round] / self.cpu_us[round];
                figure(&format!("doors: {name}, of bare axum's per CPU second"), share, "%");
            }
        }
    }
}

/// What the demo market is asked.
struct Market {
    demo: Demo,
    product: String,
    sku: String,
}

const LIST: &str = "/v1/store/products?limit=20";

impl Market {
    async fn open(data: &str) -> anyhow::Result<Self> {
        let settings = [
            ("SOUK_PAYMENTS__TEST_BANK_DELAY_MS", "0"),
            ("SOUK_PAYMENTS__NOTICE_DELAY_MS", "0"),
            ("SOUK_TELEMETRY__LOG", "warn"),
        ];
        let demo = Demo::open(SOUK, data, &settings)?;
        let mut connection = Connection::open(&demo.addr).await?;
        let bearer = demo.vendor.clone();
        let listed =
            connection.get("/v1/vendor/products?limit=50", &[("authorization", &bearer)]).await?.ok()?;
        let items = listed["items"].as_array().context("no list")?;
        for item in items {
            let product = text(item, "id")?;
            let seen = connection.get(&format!("/v1/store/products/{product}"), &[]).await?;
            let Ok(seen) = seen.ok() else { continue };
            let Ok(sku) = text(&seen["offers"][0], "sku") else { continue };
            let path = format!("/v1/vendor/products/{product}/offers/{sku}/receive");
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", "for-the-bench")];
            let body = json!({ "quantity": UNITS }).to_string();
            connection.ask(Method::POST, &path, &headers, body).await?.ok()?;
            return Ok(Market { demo, product, sku });
        }
        anyhow::bail!("the demo's vendor sells nothing: {listed}")
    }
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    let found = value[name].as_str().with_context(|| format!("no {name} in {value}"))?;
    Ok(found.to_owned())
}

/// A shopper who buys one unit: six requests, one connection.
async fn buy(connection: &mut Connection, product: &str, sku: &str) -> anyhow::Result<()> {
    let cart = connection.ask(Method::POST, "/v1/store/carts", &[], "").await?.ok()?;
    let here = format!("/v1/store/carts/{}", text(&cart, "id")?);
    let bearer = format!("Bearer {}", text(&cart, "token")?);
    let mut step = async |method: Method, rest: &str, body: Value| -> anyhow::Result<Value> {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", rest)];
        connection.ask(method, &format!("{here}/{rest}"), &headers, body.to_string()).await?.ok()
    };
    step(Method::PUT, &format!("lines/{sku}"), json!({ "product": product, "quantity": 1 })).await?;
    let address = json!({
        "name": "Ada Example", "street": "Example 1", "postal_code": "10115", "city": "Berlin", "country": "DE",
        "email": "ada@example.org",
    });
    step(Method::PUT, "address", address).await?;
    step(Method::PUT, "shipping", json!({ "method": "standard" })).await?;
    let quote = step(Method::POST, "quote", json!({})).await?;
    let pay = json!({
        "quote": quote["quote"], "total_minor": quote["total_minor"], "currency": quote["currency"],
        "method": "card", "token": "card_success",
    });
    let paid = step(Method::POST, "pay", pay).await?;
    anyhow::ensure!(paid["state"] == "placed", "not placed: {paid}");
    Ok(())
}

async fn run(seconds: Duration, connections: usize, rounds: u64) -> anyhow::Result<()> {
    println!("the doors, {connections} connections, {rounds} rounds of {} s each\n", seconds.as_secs());
    let scratch = tempfile::tempdir()?;
    let data = scratch.path().join("demo");
    let Market { demo, product, sku } = Market::open(data.to_str().context("a plain path")?).await?;
    let detail = format!("/v1/store/products/{product}");
    let (mut axums, mut bytes) = (Vec::new(), Vec::new());
    for path in [detail.as_str(), LIST] {
        let body = Connection::open(&demo.addr).await?.get(path, &[]).await?.body;
        let file = scratch.path().join(format!("{}.json", bytes.len()));
        std::fs::write(&file, &body)?;
        bytes.push(body.len());
        let this = std::env::current_exe()?;
        let (this, file) = (this.to_str().context("a plain path")?, file.to_str().context("a plain path")?);
        let mut axum = Program::start(this, &[], &[(BYTES, file)])?;
        let line = axum.until_it_says(AXUM_SAYS)?;
        let addr = line.trim_start_matches(AXUM_SAYS).to_owned();
        axums.push((axum, addr));
    }
    let mut rows = [
        Row::new("/livez"),
        Row::new("axum, the bytes of a product"),
        Row::new("a product, with its stock"),
        Row::new("axum, the bytes of a list of 20"),
        Row::new("a list of 20 products, with their stock"),
        Row::new("a sale on one SKU, cart to placed"),
    ];
    let read = |path: &str| {
        let path = path.to_owned();
        async move |_: usize, connection: &mut Connection| -> anyhow::Result<()> {
            let told = connection.get(&path, &[]).await?;
            anyhow::ensure!(told.status.is_success(), "{path} was told {}", told.status);
            Ok(())
        }
    };
    for _ in 0..rounds {
        let reads = [
            (&demo.server, demo.addr.as_str(), "/livez"),
            (&axums[0].0, axums[0].1.as_str(), "/bytes"),
            (&demo.server, demo.addr.as_str(), detail.as_str()),
            (&axums[1].0, axums[1].1.as_str(), "/bytes"),
            (&demo.server, demo.addr.as_str(), LIST),
        ];
        for (row, (server, addr, path)) in rows.iter_mut().zip(reads) {
            let before = server.cpu_seconds()?;
            let measured = closed_loop(addr, connections, seconds, read(path)).await?;
            row.add(measured, server.cpu_seconds()? - before);
        }
        let (product, sku) = (product.clone(), sku.clone());
        let before = demo.server.cpu_seconds()?;
        let sale = async move |_: usize, connection: &mut Connection| buy(connection, &product, &sku).await;
        let measured = closed_loop(&demo.addr, connections, seconds, sale).await?;
        rows[5].add(measured, demo.server.cpu_seconds()? - before);
    }
    let [livez, axum_detail, detail, axum_list, list, sale] = &rows;
    livez.print(None);
    axum_detail.print(None);
    detail.print(Some(axum_detail));
    axum_list.print(None);
    list.print(Some(axum_list));
    sale.print(None);
    println!(
        "\na product is {} bytes, a list {}; a sale is six requests, and costs as much CPU as {:.0} of /livez",
        bytes[0],
        bytes[1],
        sale.cpu() / livez.cpu(),
    );
    steady((&demo.addr, &product, &sku), connections, median(sale.per_second.clone())).await?;
    demo.server.stop().await
}

/// Sales at four fifths of what was reached: shoppers come at fixed times, whether or not those before them are done.
async fn steady(
    (addr, product, sku): (&str, &str, &str),
    connections: usize,
    reached: f64,
) -> anyhow::Result<()> {
    let every = Duration::from_secs_f64(1.0 / (reached * 0.8));
    let begun = tokio::time::Instant::now();
    let next = Rc::new(Cell::new(0u32));
    let mut shoppers = tokio::task::JoinSet::new();
    for _ in 0..connections * 4 {
        let (next, addr) = (Rc::clone(&next), addr.to_owned());
        let (product, sku) = (product.to_owned(), sku.to_owned());
        shoppers.spawn_local(async move {
            let mut connection = Connection::open(&addr).await?;
            let mut times = Times::default();
            loop {
                let due = begun + every * next.replace(next.get() + 1);
                if due - begun > Duration::from_secs(10) {
                    return anyhow::Ok(times);
                }
                tokio::time::sleep_until(due).await;
                buy(&mut connection, &product, &sku).await?;
                times.add(due.elapsed());
            }
        });
    }
    let mut times = Times::default();
    while let Some(done) = shoppers.join_next().await {
        times.extend(done??);
    }
    figure("doors: sales at 80 % of that, p99", times.percentile(99.0), "ms");
    println!(
        "at 80 % of that, {:.0} sales/s at fixed times: p50 {:.1} ms, p99 {:.1} ms from due to placed",
        reached * 0.8,
        times.percentile(50.0),
        times.percentile(99.0),
    );
    Ok(())
}
