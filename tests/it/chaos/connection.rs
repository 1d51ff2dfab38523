//! The connection to Postgres is lost at the worst moments: before a COMMIT arrives, before its answer does, in silence,
//! and for longer than a lease.

use std::time::Duration;

use tokio::time::Instant;

use super::market::Market;
use super::scenario::{Done, On, cycles, is_long, run};
use crate::journal::proxy::{Cut, Proxy};
use crate::served::ask;

const CLIENTS: u64 = 6;
const PATIENCE: Duration = Duration::from_secs(60);
const CUTS: [Cut; 4] = [Cut::Before, Cut::After, Cut::During, Cut::Silence];

#[test]
fn a_connection_that_is_lost_at_commit_loses_and_doubles_nothing_on_postgres() {
    let Some(backend) = On::Postgres.open("connection") else { return };
    let fault = "connection cut before, at and after COMMIT, and fallen silent there";
    run("connection", fault, On::Postgres, || async move {
        let mut market = Market::found(backend).await;
        let proxy = through_a_proxy(&mut market);
        let cycles = cycles(4, 200);
        let mut load = market.load(CLIENTS);
        let mut served = market.serve().await;
        load.serve_at(&served.addr);
        for cycle in 0..cycles {
            proxy.cut_next_commit(CUTS[cycle as usize % CUTS.len()]);
            let deadline = Instant::now() + PATIENCE;
            while proxy.cuts() <= cycle {
                assert!(Instant::now() < deadline, "nothing is committed any more\n{}", market.log());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            market.told_more(market.deeds.count(), 3).await;
            load.is_content();
            assert!(!served.has_ended(), "it ended\n{}", market.log());
        }
        let facts = market.end(served, load).await;
        Done { cycles, facts, remark: String::new() }
    });
}

#[test]
fn a_database_that_falls_silent_for_longer_than_a_lease_is_gone_back_to_on_postgres() {
    // It waits for a lease, and for every query that has its time: longer than a test run should take.
    if !is_long() {
        return;
    }
    let Some(backend) = On::Postgres.open("blackhole") else { return };
    run("blackhole", "the database falls silent for longer than the lease", On::Postgres, || async move {
        let mut market = Market::found(backend).await;
        let proxy = through_a_proxy(&mut market);
        let cycles = cycles(1, 10);
        let mut load = market.load(CLIENTS);
        let mut served = market.serve().await;
        load.serve_at(&served.addr);
        for _ in 0..cycles {
            market.told_more(market.deeds.count(), 5).await;
            proxy.go_silent();
            ready(&market, &served.addr, false).await;
            let told = ask(&served.addr, "POST", "/v1/store/carts", &[], "").await.expect("it answers");
            assert!(matches!(told.status, 429 | 503), "{told:?}");
            assert!(told.head.contains("retry-after: "), "{told:?}");
            proxy.come_back();
            ready(&market, &served.addr, true).await;
            market.told_more(market.deeds.count(), 3).await;
            load.is_content();
            assert!(!served.has_ended(), "it ended\n{}", market.log());
        }
        let facts = market.end(served, load).await;
        Done { cycles, facts, remark: String::new() }
    });
}

/// Waits until the server says that it is ready, or that it is not.
async fn ready(market: &Market, addr: &str, wanted: bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = ask(addr, "GET", "/readyz", &[], "").await;
        if told.as_ref().is_ok_and(|told| (told.status == 200) == wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "ready is never {wanted}: {told:?}\n{}", market.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// From now on the market's servers reach their database through a proxy.
fn through_a_proxy(market: &mut Market) -> Proxy {
    let (before, rest) = market.url().split_once("//").expect("an address");
    let (login, rest) = rest.rsplit_once('@').map_or(("", rest), |(login, rest)| (login, rest));
    let (server, name) = rest.split_once('/').expect("an address");
    let server = if server.contains(':') { server.to_owned() } else { format!("{server}:5432") };
    let proxy = Proxy::start(server);
    let login = if login.is_empty() { String::new() } else { format!("{login}@") };
    let url = format!("{before}//{login}127.0.0.1:{}/{name}", proxy.port);
    market.set("SOUK_DATABASE__URL", url);
    proxy
}
