//! Real processes: servers that succeed each other under load. Nobody is refused, and nothing that was said is lost.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::served::{Served, ask};
use crate::servers::Backend;

/// How often the server is replaced; more when somebody has more time.
const ROUNDS: &str = "SOUK_TEST_SUCCESSIONS";
const ROUNDS_BY_DEFAULT: u32 = 3;
const SHOPPERS: u64 = 8;
/// Between two requests of a shopper.
const PAUSE: Duration = Duration::from_millis(16);
const SUCCEEDS_WITHIN: Duration = Duration::from_secs(60);

/// The server that runs now, whichever it is; killed when the test ends early.
struct Current(PathBuf);

impl Current {
    fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(&self.0).ok()?.trim().parse().ok()
    }

    fn signal(&self, name: &str) {
        let pid = self.pid().expect("a server has said its number").to_string();
        let told = Command::new("kill").args([name, &pid]).status().expect("kill can be run");
        assert!(told.success(), "kill {name} {pid}");
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        if let Some(pid) = self.pid().filter(|pid| runs(*pid)) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

fn runs(pid: u32) -> bool {
    // A zombie is one that nobody has waited for yet.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

/// Makes carts and looks at them and at the catalogue, each on a connection of its own, until the end.
async fn shop(
    shopper: u64,
    addr: String,
    ends: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
) -> Result<Vec<(String, String)>, String> {
    let mut carts = Vec::new();
    for visit in 0u64.. {
        if ends.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("cart-{shopper}-{visit}");
        let made = ask(&addr, "POST", "/v1/store/carts", &[("idempotency-key", &key)], "").await;
        let made = made.map_err(|_| format!("{key} was not answered"))?;
        if made.status != 201 {
            return Err(format!("{key} was told {}: {}", made.status, made.body));
        }
        carts.push((made.text("id"), made.text("token")));
        let listed = ask(&addr, "GET", "/v1/store/products?limit=1", &[], "").await;
        let listed = listed.map_err(|_| "a list was not answered".to_owned())?;
        if listed.status != 200 {
            return Err(format!("a list was told {}: {}", listed.status, listed.body));
        }
        asked.fetch_add(2, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(carts)
}

async fn nobody_is_refused(backend: &Backend) {
    let rounds = std::env::var(ROUNDS).ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS_BY_DEFAULT);
    let dir: &Path = backend.data_dir();
    // On a machine that has much to do a take-over takes longer than anybody should wait.
    let environment =
        [("SOUK_DATABASE__URL", backend.url().to_owned()), ("SOUK_SERVER__PARK_MS", "25000".to_owned())];
    let first = Served::start(dir, &environment).await.expect("it serves");
    let current = Current(dir.join("souk.pid"));
    let addr = first.addr.clone();
    let (ends, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut shoppers = JoinSet::new();
    for shopper in 0..SHOPPERS {
        shoppers.spawn(shop(shopper, addr.clone(), Arc::clone(&ends), Arc::clone(&asked)));
    }
    let mut longest = Duration::ZERO;
    for round in 1..=rounds {
        let (before, begun) = (current.pid().expect("it said its number"), Instant::now());
        let enough = asked.load(Ordering::Relaxed) + 50;
        current.signal("-USR2");
        let is_over = || {
            let now = current.pid();
            now.is_some_and(|now| now != before && runs(now)) && !runs(before)
        };
        while !is_over() || asked.load(Ordering::Relaxed) < enough {
            assert!(begun.elapsed() < SUCCEEDS_WITHIN, "round {round}: nobody succeeded {before}");
            if let Some(ended) = shoppers.try_join_next() {
                panic!("round {round}: {:?}", ended.expect("no panic"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        longest = longest.max(begun.elapsed());
    }
    ends.store(true, Ordering::Relaxed);
    let mut carts = Vec::new();
    while let Some(ended) = shoppers.join_next().await {
        carts.extend(ended.expect("no panic").expect("nobody was refused"));
    }
    println!(
        "{} requests through {rounds} successions, the longest {} ms; none refused",
        asked.load(Ordering::Relaxed),
        longest.as_millis()
    );
    for (cart, token) in carts {
        let bearer = format!("Bearer {token}");
        let path = format!("/v1/store/carts/{cart}");
        let seen = ask(&addr, "GET", &path, &[("authorization", &bearer)], "").await.expect("it answers");
        assert_eq!(seen.status, 200, "{cart} was acknowledged: {}", seen.body);
    }
    let last = current.pid().expect("it said its number");
    current.signal("-TERM");
    let deadline = Instant::now() + SUCCEEDS_WITHIN;
    while runs(last) {
        assert!(Instant::now() < deadline, "the last one does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let verified =
        Command::new(env!("CARGO_BIN_EXE_souk")).args(["verify", "--database", backend.url()]).output();
    let verified = verified.expect("souk can be run");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_servers_succeed_each_other_on_sqlite() {
    nobody_is_refused(&Backend::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_servers_succeed_each_other_on_postgres() {
    if let Some(backend) = Backend::postgres("successions") {
        nobody_is_refused(&backend).await;
    }
}

/// A successor that cannot start leaves the server as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_that_cannot_start_changes_nothing() {
    let backend = Backend::sqlite();
    let dir: &Path = backend.data_dir();
    let file = dir.join("souk.toml");
    std::fs::write(&file, "[server]\n").expect("written");
    let environment = [("SOUK_DATABASE__URL", backend.url().to_owned())];
    let with_file = format!("exec \"$@\" --config {}", file.display());
    let by = ["sh", "-c", &with_file, "sh"].map(str::to_owned);
    let server = Served::start_by(&by, dir, &environment).await;
    let server = server.expect("it serves");
    let current = Current(dir.join("souk.pid"));
    let before = current.pid().expect("it said its number");
    std::fs::write(&file, "[server]\nadress = \"x\"\n").expect("written");
    current.signal("-USR2");
    let log = dir.join(crate::served::LOG);
    let deadline = Instant::now() + SUCCEEDS_WITHIN;
    while !std::fs::read_to_string(&log).expect("a log").contains("the successor ended early") {
        assert!(Instant::now() < deadline, "it never noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told: Value = ask(&server.addr, "GET", "/readyz", &[], "").await.expect("it answers").json();
    assert_eq!((told["ready"].as_bool(), current.pid()), (Some(true), Some(before)), "{told}");
    server.stop().await;
}
