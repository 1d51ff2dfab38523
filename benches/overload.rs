//! Too much: a server on one core, and on the other clients who come at fixed times whether or not those before them
//! were answered, half of whom ask again when they are refused.
//!
//! 1. Once, three and ten times what the server does, which its configuration keeps small
//!    (`limits.all_requests_per_minute`): well below what its core can do, and a tenth of what the clients can ask.
//! 2. One vendor who asks a hundred times as often as each of the others, under a limit per key and without.
//! 3. A crowd that is no customer: ten thousand idle connections, heads and bodies that drip, bodies without an end.
//!
//! `cargo xtask bench --embedded overload [-- --seconds 10 --capacity 500 --idle-connections 10000]`. Fails where a goal
//! is missed, after everything was measured.

mod rig;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use rig::figures::figure;
use rig::numbers;
use rig::program::{Demo, Program, keep_to_own_core};
use rig::traffic::{Answer, Connection, Times};

const SOUK: &str = env!("CARGO_BIN_EXE_souk");
const CARTS: &str = "/v1/store/carts";
/// Connections of the clients together; who finds none is counted as not answered.
const CONNECTIONS_MAX: usize = 4_000;
/// How often one who was refused comes back.
const RETRIES: u32 = 3;
/// Later than this is late.
const LATE: Duration = Duration::from_millis(250);

fn main() -> anyhow::Result<()> {
    let [seconds, capacity, idle] =
        numbers([("--seconds", 10), ("--capacity", 500), ("--idle-connections", 10_000)])?;
    keep_to_own_core()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let lasts = Duration::from_secs(seconds);
        let mut goals = Goals::default();
        levels(lasts, capacity, &mut goals).await?;
        neighbours(lasts, &mut goals).await?;
        crowd(lasts, idle, &mut goals).await?;
        ensure!(goals.missed.is_empty(), "missed: {}", goals.missed.join("; "));
        println!("\nevery goal was reached");
        Ok(())
    })
}

/// What was to be reached.
#[derive(Default)]
struct Goals {
    missed: Vec<String>,
}

impl Goals {
    fn reach(&mut self, what: &str, is_reached: bool) {
        println!("  {} {what}", if is_reached { "reached" } else { "MISSED " });
        if !is_reached {
            self.missed.push(what.to_owned());
        }
    }
}

/// A request that is made again and again.
#[derive(Clone)]
struct Asked {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    /// `{n}` is a number of its own in every request.
    body: String,
    comes_again: bool,
}

impl Asked {
    fn cart() -> Self {
        Asked {
            method: Method::POST,
            path: CARTS.into(),
            headers: vec![],
            body: String::new(),
            comes_again: true,
        }
    }

    async fn ask(&self, connection: &mut Connection, n: u32) -> anyhow::Result<Answer> {
        let key = format!("n-{n}");
        let mut headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if self.method != Method::GET {
            headers.push(("idempotency-key", &key));
        }
        let body = Bytes::from(self.body.replace("{n}", &n.to_string()));
        connection.ask(self.method.clone(), &self.path, &headers, body).await
    }
}

/// What became of requests.
#[derive(Default)]
struct Outcome {
    due: u32,
    yes: u32,
    refused: u32,
    /// Neither, or not at all.
    other: u32,
    late: u32,
    yes_times: Times,
    refused_times: Times,
    /// Of the yeses, by the second they were due in: how many, and how many of those late.
    seconds: Vec<(u32, u32)>,
    lasted: Duration,
}

impl Outcome {
    fn goodput(&self) -> f64 {
        f64::from(self.yes) / self.lasted.as_secs_f64()
    }

    /// Counts an answer to what was due so long ago, in this second. When it asks to be asked again, after how long.
    fn add(&mut self, told: Option<&Answer>, took: Duration, second: usize) -> Option<Duration> {
        match told {
            Some(told) if told.status.is_success() => {
                if self.seconds.len() <= second {
                    self.seconds.resize(second + 1, (0, 0));
                }
                let late = u32::from(took > LATE);
                self.yes += 1;
                self.late += late;
                self.seconds[second].0 += 1;
                self.seconds[second].1 += late;
                self.yes_times.add(took);
                None
            }
            Some(told) if told.status == StatusCode::TOO_MANY_REQUESTS && told.retry_after().is_some() => {
                self.refused += 1;
                self.refused_times.add(took);
                told.retry_after()
            }
            _ => {
                self.other += 1;
                None
            }
        }
    }

    /// The share of what was due that was not answered well in time.
    fn unwell(&self) -> f64 {
        f64::from(self.due - self.yes + self.late) / f64::from(self.due)
    }
}

/// Idle connections that anybody may take.
#[derive(Default)]
struct Pool {
    idle: RefCell<Vec<Connection>>,
    open: Cell<usize>,
}

impl Pool {
    async fn take(&self, addr: &str) -> Option<Connection> {
        if let Some(connection) = self.idle.borrow_mut().pop() {
            return Some(connection);
        }
        if self.open.get() >= CONNECTIONS_MAX {
            return None;
        }
        let opened = Connection::open(addr).await.ok()?;
        self.open.set(self.open.get() + 1);
        Some(opened)
    }
}

/// Requests at fixed times. Times are counted from when each was due.
async fn at_rate(addr: &str, asked: &Asked, per_second: f64, lasts: Duration) -> Outcome {
    let (pool, outcome) = (Rc::new(Pool::default()), Rc::new(RefCell::new(Outcome::default())));
    let every = Duration::from_secs_f64(1.0 / per_second);
    let begun = Instant::now();
    let mut under_way = JoinSet::new();
    // Keys are not to be those of an earlier run.
    let first = FIRST.get();
    for n in 0.. {
        let due = begun + every * n;
        if due - begun >= lasts {
            FIRST.set(first + n);
            break;
        }
        sleep_until(due).await;
        while under_way.try_join_next().is_some() {}
        outcome.borrow_mut().due += 1;
        let (pool, outcome) = (Rc::clone(&pool), Rc::clone(&outcome));
        let (addr, asked) = (addr.to_owned(), asked.clone());
        under_way.spawn_local(async move {
            let tries = if asked.comes_again && n % 2 == 0 { 1 + RETRIES } else { 1 };
            let mut due = due;
            for _ in 0..tries {
                let told = match pool.take(&addr).await {
                    Some(mut connection) => match asked.ask(&mut connection, first + n).await {
                        Ok(told) => {
                            pool.idle.borrow_mut().push(connection);
                            Some(told)
                        }
                        Err(_) => {
                            pool.open.set(pool.open.get() - 1);
                            None
                        }
                    },
                    None => None,
                };
                let took = due.elapsed();
                let second = (due - begun).as_secs() as usize;
                let Some(again) = outcome.borrow_mut().add(told.as_ref(), took, second) else { return };
                // Not all at the same moment.
                due = Instant::now() + again + Duration::from_millis(u64::from(n % 1_000));
                if due > begun + lasts {
                    return;
                }
                sleep_until(due).await;
            }
        });
    }
    let lasted = begun.elapsed();
    while under_way.join_next().await.is_some() {}
    let mut outcome = outcome.take();
    outcome.lasted = lasted;
    outcome
}

thread_local! {
    static FIRST: Cell<u32> = const { Cell::new(0) };
}

fn serve(data: &str, settings: &[(&str, &str)]) -> anyhow::Result<(Program, String)> {
    let mut environment = vec![("SOUK_TELEMETRY__LOG", "error")];
    environment.extend(settings);
    let mut server = Program::start(SOUK, &["serve", "--addr", "127.0.0.1:0", "--data", data], &environment)?;
    let line = server.until_it_says("souk listens on")?;
    let addr = line.rsplit('/').next().context("no address")?.to_owned();
    Ok((server, addr))
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

async fn levels(lasts: Duration, capped: u64, goals: &mut Goals) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let data = scratch.path().to_str().context("a plain path")?;
    let per_minute = (capped * 60).to_string();
    // Carts sleep soon, so that memory tells of requests and not of how many carts there were.
    let settings = [
        ("SOUK_LIMITS__ALL_REQUESTS_PER_MINUTE", per_minute.as_str()),
        ("SOUK_ENGINE__ACTOR_IDLE_MS", "1000"),
    ];
    let (server, addr) = serve(data, &settings)?;
    let capacity = capped as f64;
    println!("new carts, {capacity:.0}/s allowed\n");
    ensure!(
        capacity <= 2_000.0,
        "that is more than the clients can outdo tenfold: give a smaller --capacity"
    );
    let calm = at_rate(&addr, &Asked::cart(), capacity / 2.0, lasts).await;
    let mut at = Vec::new();
    let mut memory = Vec::new();
    for times in [1.0, 3.0, 10.0] {
        let mut outcome = at_rate(&addr, &Asked::cart(), capacity * times, lasts).await;
        memory.push(server.resident()?);
        println!(
            "{times:>4}x  due {:>6.0}/s  yes {:>5.0}/s p50 {:>6.1} p99 {:>6.1} ms   refused {:>6.0}/s p50 {:>5.1} p99 \
             {:>5.1} ms   other {}   {:.0} MiB",
            capacity * times,
            outcome.goodput(),
            outcome.yes_times.percentile(50.0),
            outcome.yes_times.percentile(99.0),
            outcome.refused_times.len() as f64 / outcome.lasted.as_secs_f64(),
            outcome.refused_times.percentile(50.0),
            outcome.refused_times.percentile(99.0),
            outcome.other,
            mib(server.resident()?),
        );
        figure(&format!("overload: goodput at {times}x"), outcome.goodput(), "/s");
        figure(&format!("overload: refusals at {times}x, p99"), outcome.refused_times.percentile(99.0), "ms");
        at.push(outcome);
    }
    let after = at_rate(&addr, &Asked::cart(), capacity / 2.0, Duration::from_secs(8)).await;
    let expected = capacity / 2.0 * (1.0 - 1.5 * calm.unwell()) * 0.95;
    let is_normal = |(yes, late): &(u32, u32)| f64::from(yes - late) >= expected;
    let normal = after.seconds.iter().position(is_normal).map(|second| second as u64);
    println!(
        "calm {:.2} % not well; afterwards normal in second {normal:?} of half the load",
        calm.unwell() * 100.0
    );
    let peak = at.iter().map(Outcome::goodput).fold(0.0, f64::max);
    let tenfold = &mut at[2];
    figure("overload: goodput at 10x, of its peak", 100.0 * tenfold.goodput() / peak, "%");
    figure("overload: memory at 10x, of that at 1x", memory[2] as f64 / memory[0] as f64, "x");
    goals.reach("at 10x goodput is 90 % of its peak", tenfold.goodput() >= 0.9 * peak);
    goals.reach("refusals at 10x: p99 within 20 ms", tenfold.refused_times.percentile(99.0) <= 20.0);
    goals.reach("refusals have a Retry-After, nothing but yes and 429", at.iter().all(|o| o.other == 0));
    goals.reach("memory at 10x is within 1.5 of that at 1x", memory[2] as f64 <= 1.5 * memory[0] as f64);
    goals.reach("normal within 5 s", normal.is_some_and(|second| second < 5));
    server.stop().await
}

/// A market with vendors, and a key for each of them.
async fn market(data: &str, settings: &[(&str, &str)]) -> anyhow::Result<(Program, String, Vec<String>)> {
    let mut environment = vec![("SOUK_TELEMETRY__LOG", "error")];
    environment.extend(settings);
    let Demo { server, addr, operator, .. } = Demo::open(SOUK, data, &environment)?;
    let mut connection = Connection::open(&addr).await?;
    let vendors = "/v1/operator/vendors?limit=50";
    let vendors = connection.get(vendors, &[("authorization", &operator)]).await?.ok()?;
    let mut keys = Vec::new();
    for vendor in vendors["items"].as_array().context("no list")? {
        let id = vendor["id"].as_str().context("no id")?;
        let headers = [("authorization", operator.as_str()), ("idempotency-key", id)];
        let path = format!("/v1/operator/vendors/{id}/keys");
        let body = json!({ "name": "bench" }).to_string();
        let made = connection.ask(Method::POST, &path, &headers, body).await?;
        // A suspended vendor has none.
        if let Ok(made) = made.ok() {
            keys.push(format!("Bearer {}", made["key"].as_str().context("no key")?));
        }
    }
    Ok((server, addr, keys))
}

async fn neighbours(lasts: Duration, goals: &mut Goals) -> anyhow::Result<()> {
    const EACH: f64 = 10.0;
    println!("\none vendor asks {:.0} times a second, each of the others {EACH:.0} times", EACH * 100.0);
    for (limit, name) in [("6000", "6,000 a minute and key"), ("0", "no limit")] {
        let scratch = tempfile::tempdir()?;
        let data = scratch.path().to_str().context("a plain path")?;
        let (server, addr, keys) = market(data, &[("SOUK_LIMITS__KEY_REQUESTS_PER_MINUTE", limit)]).await?;
        let (loud, others) = keys.split_first().context("no vendors")?;
        let asked = |key: &str| Asked {
            method: Method::GET,
            path: "/v1/vendor/products?limit=20".into(),
            headers: vec![("authorization", key.to_owned())],
            body: String::new(),
            comes_again: false,
        };
        let mut quiet = JoinSet::new();
        for key in others {
            let (addr, asked) = (addr.clone(), asked(key));
            quiet.spawn_local(async move { at_rate(&addr, &asked, EACH, lasts).await });
        }
        let mut loud = at_rate(&addr, &asked(loud), EACH * 100.0, lasts).await;
        let (mut due, mut unwell, mut times) = (0.0, 0.0, Times::default());
        while let Some(outcome) = quiet.join_next().await {
            let outcome = outcome?;
            due += f64::from(outcome.due);
            unwell += outcome.unwell() * f64::from(outcome.due);
            times.extend(outcome.yes_times);
        }
        println!(
            "{name:<24} the loud one: yes {:>4.0}/s, refused {:>4.0}/s p99 {:>5.1} ms; {} others: {:.2} % refused or \
             late, p99 {:.1} ms",
            loud.goodput(),
            f64::from(loud.refused) / loud.lasted.as_secs_f64(),
            loud.refused_times.percentile(99.0),
            others.len(),
            100.0 * unwell / due,
            times.percentile(99.0),
        );
        figure(
            &format!("overload: beside a loud vendor, {name}: refused or late"),
            100.0 * unwell / due,
            "%",
        );
        goals.reach("of the others at most 5 % refused or late", unwell <= 0.05 * due);
        server.stop().await?;
    }
    Ok(())
}

async fn crowd(lasts: Duration, idle: u64, goals: &mut Goals) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let data = scratch.path().to_str().context("a plain path")?;
    let (server, addr) = serve(data, &[("SOUK_SERVER__HEADER_TIMEOUT_MS", "3000")])?;
    let mut asked = Asked::cart();
    asked.comes_again = false;
    let alone = at_rate(&addr, &asked, 200.0, lasts).await;
    let before = server.resident()?;
    let mut crowd = JoinSet::new();
    for n in 0..idle {
        let addr = addr.clone();
        // They come over some seconds, and stay.
        crowd.spawn_local(async move {
            sleep(Duration::from_micros(n * 300)).await;
            let Ok(mut stream) = TcpStream::connect(&addr).await else { return };
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
    }
    for n in 0..200u32 {
        let addr = addr.clone();
        crowd.spawn_local(async move {
            loop {
                let _ = drip(&addr, n).await;
                sleep(Duration::from_millis(50)).await;
            }
        });
    }
    sleep(Duration::from_micros(idle * 300)).await;
    let in_it = at_rate(&addr, &asked, 200.0, lasts).await;
    let after = server.resident()?;
    crowd.shutdown().await;
    let show = |name: &str, mut outcome: Outcome| {
        println!(
            "{name:<24} 200 due/s: {:.2} % refused or late, p50 {:.1} ms, p99 {:.1} ms",
            outcome.unwell() * 100.0,
            outcome.yes_times.percentile(50.0),
            outcome.yes_times.percentile(99.0)
        );
        outcome.unwell()
    };
    println!("\n{idle} idle connections, 200 that drip or never end");
    show("alone", alone);
    let unwell = show("in the crowd", in_it);
    println!("memory {:.0} MiB, in the crowd {:.0} MiB", mib(before), mib(after));
    figure("overload: in a crowd of idle connections: refused or late", 100.0 * unwell, "%");
    goals.reach("in the crowd at most 5 % refused or late", unwell <= 0.05);
    goals.reach(
        "an idle connection costs at most 32 KiB",
        after.saturating_sub(before) <= idle * 32 * 1024 + 64 * 1024 * 1024,
    );
    bounded(&addr, goals).await?;
    server.stop().await
}

/// One who is no customer: his head drips, or his body, or his body has no end.
async fn drip(addr: &str, n: u32) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    let head = format!("POST {CARTS} HTTP/1.1\r\nhost: souk\r\ncontent-type: application/json\r\n");
    match n % 3 {
        0 => {
            for byte in head.as_bytes() {
                stream.write_all(&[*byte]).await?;
                sleep(Duration::from_millis(200)).await;
            }
        }
        1 => {
            stream.write_all(format!("{head}content-length: 100\r\n\r\n").as_bytes()).await?;
            for _ in 0..100 {
                stream.write_all(b" ").await?;
                sleep(Duration::from_millis(500)).await;
            }
        }
        _ => {
            stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await?;
            let chunk = [b"1000\r\n".as_slice(), &[b' '; 4_096], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
                sleep(Duration::from_millis(2)).await;
            }
        }
    }
    Ok(())
}

/// What is larger than anything is told so, and nothing waits for it.
async fn bounded(addr: &str, goals: &mut Goals) -> anyhow::Result<()> {
    let long = "x".repeat(200_000);
    let asks = [
        ("a URL of 200 kB", format!("GET /{long} HTTP/1.1\r\nhost: souk\r\n\r\n"), ["400", "414", "431"]),
        (
            "a header of 200 kB",
            format!("GET / HTTP/1.1\r\nhost: souk\r\nx: {long}\r\n\r\n"),
            ["400", "431", "413"],
        ),
        (
            "a body said to be 1 TB",
            format!("POST {CARTS} HTTP/1.1\r\nhost: souk\r\ncontent-length: 1000000000000\r\n\r\n"),
            ["413", "400", "413"],
        ),
    ];
    for (name, ask, expected) in asks {
        let told = timeout(Duration::from_secs(15), async {
            let mut stream = TcpStream::connect(addr).await?;
            // It may answer and close before all was sent.
            let _ = stream.write_all(ask.as_bytes()).await;
            let mut answer = [0u8; 64];
            let read = stream.read(&mut answer).await.unwrap_or(0);
            std::io::Result::Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
        });
        let told = match told.await {
            Ok(told) => told?,
            Err(_) => "HTTP nothing".to_owned(),
        };
        let status = told.split_whitespace().nth(1).unwrap_or("closed").to_owned();
        goals.reach(&format!("{name} is refused ({status})"), expected.contains(&status.as_str()));
    }
    Ok(())
}
