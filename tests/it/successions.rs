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
/// How many visitors come a second; more when the machine has nothing else to do.
const RATE: &str = "SOUK_TEST_SUCCESSION_RATE";
const RATE_BY_DEFAULT: u32 = 60;
/// Between two of them: as many as come in that time see the server that is there.
const PAUSE: Duration = Duration::from_millis(200);
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

/// A cart is made, or the catalogue looked at, on a connection of its own.
async fn visit(n: u64, addr: String) -> Result<Option<(String, String)>, String> {
    if !n.is_multiple_of(2) {
        let listed = ask(&addr, "GET", "/v1/store/products?limit=1", &[], "").await;
        let listed = listed.map_err(|_| format!("list {n} was not answered"))?;
        let is_told = listed.status == 200;
        return if is_told {
            Ok(None)
        } else {
            Err(format!("a list was told {}: {}", listed.status, listed.body))
        };
    }
    let key = format!("cart-{n}");
    let made = ask(&addr, "POST", "/v1/store/carts", &[("idempotency-key", &key)], "").await;
    let made = made.map_err(|_| format!("{key} was not answered"))?;
    if made.status != 201 {
        return Err(format!("{key} was told {}: {}", made.status, made.body));
    }
    Ok(Some((made.text("id"), made.text("token"))))
}

/// Visitors who come at fixed times, whether or not those before them were answered, until the end.
async fn crowd(
    addr: String,
    per_second: u32,
    ends: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
) -> Result<Vec<(String, String)>, String> {
    let (mut carts, mut visits) = (Vec::new(), JoinSet::new());
    let mut due = tokio::time::interval(Duration::from_secs(1) / per_second);
    for n in 0u64.. {
        if ends.load(Ordering::Relaxed) {
            break;
        }
        due.tick().await;
        visits.spawn(visit(n, addr.clone()));
        while let Some(visit) = visits.try_join_next() {
            carts.extend(visit.expect("no panic")?);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    }
    while let Some(visit) = visits.join_next().await {
        carts.extend(visit.expect("no panic")?);
        asked.fetch_add(1, Ordering::Relaxed);
    }
    Ok(carts)
}

/// A number out of the environment.
fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

async fn nobody_is_refused(backend: &Backend) {
    let (rounds, rate) = (number(ROUNDS, ROUNDS_BY_DEFAULT), number(RATE, RATE_BY_DEFAULT).max(1));
    let dir: &Path = backend.data_dir();
    // On a machine that has much to do a take-over takes longer than anybody should wait.
    let environment =
        [("SOUK_DATABASE__URL", backend.url().to_owned()), ("SOUK_SERVER__PARK_MS", "25000".to_owned())];
    let first = Served::start(dir, &environment).await.expect("it serves");
    let current = Current(dir.join("souk.pid"));
    let addr = first.addr.clone();
    let (ends, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut visitors = JoinSet::new();
    visitors.spawn(crowd(addr.clone(), rate, Arc::clone(&ends), Arc::clone(&asked)));
    let started = Instant::now();
    let mut longest = Duration::ZERO;
    for round in 1..=rounds {
        let (before, begun) = (current.pid().expect("it said its number"), Instant::now());
        let enough = asked.load(Ordering::Relaxed) + 10;
        current.signal("-USR2");
        let is_over = || {
            let now = current.pid();
            now.is_some_and(|now| now != before && runs(now)) && !runs(before)
        };
        while !is_over() || asked.load(Ordering::Relaxed) < enough {
            assert!(begun.elapsed() < SUCCEEDS_WITHIN, "round {round}: nobody succeeded {before}");
            if let Some(ended) = visitors.try_join_next() {
                panic!("round {round}: {:?}", ended.expect("no panic"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        longest = longest.max(begun.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    let lasted = started.elapsed();
    ends.store(true, Ordering::Relaxed);
    let mut carts = Vec::new();
    while let Some(ended) = visitors.join_next().await {
        carts.extend(ended.expect("no panic").expect("nobody was refused"));
    }
    println!(
        "{} requests, {:.0} a second, through {rounds} successions, the longest {} ms; none refused",
        asked.load(Ordering::Relaxed),
        asked.load(Ordering::Relaxed) as f64 / lasted.as_secs_f64(),
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
    assert_eq!(current.pid(), None, "nobody is named who is not there");
}
