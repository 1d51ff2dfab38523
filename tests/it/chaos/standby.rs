//! Two servers on one Postgres. The owner is frozen for longer than its lease and then goes on: by then the other one
//! has taken over, and the frozen one must neither answer nor do anything any more.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use souk::adapters::payments::test_bank::{self, LOG_FILE, Record};
use souk::clock::Clock;
use souk_core::time::Timestamp;
use tempfile::TempDir;
use tokio::time::Instant;

use super::market::Market;
use super::scenario::{Dice, Done, On, cycles, run};
use crate::served::{LOG, Served, Told, ask};

const CLIENTS: u64 = 6;
/// A product that is sold, and the list that it is on, both with their stock.
const SHOWN: [&str; 2] = ["/v1/store/products/prd_0000000000000000000000000b", "/v1/store/products"];
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the one that lost is asked after it goes on.
const ASKED_FOR: Duration = Duration::from_millis(1_500);

#[test]
fn an_owner_that_was_frozen_past_its_lease_says_and_does_nothing_any_more_on_postgres() {
    let Some(backend) = On::Postgres.open("standby") else { return };
    run("standby", "the owner is stopped past its lease, and continued", On::Postgres, || async move {
        let mut market = Market::found(backend).await;
        market.set("SOUK_SERVER__KEY_FILE", market.dir().join("server.key").display());
        market.set("SOUK_VAULT__KEY_FILE", market.dir().join("vault.key").display());
        market.banks.clear();
        let (mut load, mut dice, cycles) = (market.load(CLIENTS), Dice::thrown(), cycles(1, 20));
        let mut owner = Member::start(&market);
        owner.until_it_serves().await;
        market.banks.push(owner.dir.path().join(LOG_FILE));
        let mut refused = 0;
        let (mut lost, mut members): (Option<Member>, Vec<TempDir>) = (None, Vec::new());
        for _ in 0..cycles {
            if let Some(Member { served, dir }) = lost.take() {
                served.kill().await;
                members.push(dir);
            }
            let mut standby = Member::start(&market);
            standby.until_it_stands_by().await;
            load.serve_at(&owner.served.addr);
            market.told_more(market.deeds.count(), 10).await;
            // What it has shown it keeps, and may show as long as it is the owner.
            for path in SHOWN {
                let told = ask(&owner.served.addr, "GET", path, &[], "").await.expect("it answers");
                assert_eq!(told.status, 200, "{path}: {told:?}");
            }
            // The moment itself: nothing is waited for.
            tokio::time::sleep(Duration::from_millis(dice.below(500))).await;

            owner.served.signal("STOP").await;
            // Both have the same provider: what it has done for the one, it knows when the other asks.
            let (from, to) = (owner.dir.path().join(LOG_FILE), standby.dir.path().join(LOG_FILE));
            std::fs::copy(from, to).expect("the bank's log");
            standby.until_it_serves().await;
            market.banks.push(standby.dir.path().join(LOG_FILE));
            load.serve_at(&standby.served.addr);
            market.told_more(market.deeds.count(), 5).await;

            // Asked while it cannot hear, answered when it can.
            let addr = owner.served.addr.clone();
            let asked = tokio::task::spawn_local(async move {
                tokio::join!(
                    ask(&addr, "POST", "/v1/store/carts", &[], ""),
                    ask(&addr, "GET", SHOWN[0], &[], ""),
                    ask(&addr, "GET", SHOWN[1], &[], ""),
                )
            });
            let continued = Clock::system().now();
            owner.served.signal("CONT").await;
            let (cart, product, list) = asked.await.expect("no panic");
            for told in [cart, product, list].iter().flatten() {
                says_no(told);
            }
            refused += owner.refuses().await;
            market.told_more(market.deeds.count(), 5).await;
            owner.does_nothing_since(continued);
            load.is_content();
            lost = Some(std::mem::replace(&mut owner, standby));
        }
        // The winner goes, and the one that had lost owns everything again: it must know what happened meanwhile.
        let mut again = lost.expect("somebody has lost");
        market.comes_to_rest(&owner.served, load).await;
        market.stop(owner.served).await;
        again.until_it_is_ready().await;
        assert!(!again.served.has_ended(), "{}", log(again.dir.path()));
        let load = market.load(CLIENTS);
        load.serve_at(&again.served.addr);
        market.told_more(market.deeds.count(), 20).await;
        let facts = market.end(again.served, load).await;
        drop((owner.dir, again.dir, members));
        Done { cycles, facts, remark: format!("{refused} requests refused by the one that lost") }
    });
}

/// A server with a directory of its own.
struct Member {
    served: Served,
    dir: TempDir,
}

impl Member {
    fn start(market: &Market) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        // Free until somebody takes it: a standby says only later where it listens.
        let addr = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        Member { served: market.another(dir.path(), &addr.to_string()), dir }
    }

    async fn until_it_serves(&mut self) {
        let serves = self.served.until_it_serves().await;
        assert!(serves, "{}", log(self.dir.path()));
    }

    async fn until_it_stands_by(&self) {
        self.until("stands by", |told| told.body.contains("\"standby\":true")).await;
    }

    async fn until_it_is_ready(&self) {
        self.until("is ready", |told| told.status == 200).await;
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Told) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = ask(&self.served.addr, "GET", "/readyz", &[], "").await;
            if told.as_ref().is_ok_and(&is_so) {
                return;
            }
            assert!(Instant::now() < deadline, "it never {what}: {told:?}\n{}", log(self.dir.path()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks for this and that, and sees that none of it is answered. Returns how often.
    async fn refuses(&self) -> u32 {
        let (until, mut asked) = (Instant::now() + ASKED_FOR, 0);
        self.until_it_stands_by().await;
        while Instant::now() < until {
            for (method, path) in
                [("POST", "/v1/store/carts"), ("GET", SHOWN[0]), ("GET", SHOWN[1]), ("GET", "/readyz")]
            {
                let told = ask(&self.served.addr, method, path, &[], "").await.expect("it answers again");
                says_no(&told);
                asked += 1;
            }
        }
        asked
    }

    /// Whether its bank was asked for anything after it went on.
    fn does_nothing_since(&self, continued: Timestamp) {
        let records = test_bank::read(&self.dir.path().join(LOG_FILE)).expect("the bank's log");
        let late: Vec<_> =
            records.iter().filter(|record| called_at(record).is_some_and(|at| at > continued)).collect();
        assert!(late.is_empty(), "the one that lost went on calling: {late:#?}\n{}", log(self.dir.path()));
    }
}

/// When the bank was called; what it does by itself is not the server's doing.
fn called_at(record: &Record) -> Option<Timestamp> {
    match record {
        Record::Answered { at, .. } | Record::Lost { at, .. } => Some(*at),
        _ => None,
    }
}

/// Neither a read nor a write is answered; what to do instead is said. Until its journal's writer has found out what
/// became of its last group, it has no room for more.
fn says_no(told: &Told) {
    let (code, is_standby) = (told.text("code"), told.body.contains("\"standby\":true"));
    let no = match told.status {
        503 => is_standby || code == "not_ready",
        429 => code == "overloaded",
        _ => false,
    };
    assert!(no, "{told:?}");
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join(LOG)).unwrap_or_default()
}
