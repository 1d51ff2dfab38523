//! A founded market on a database of its own, the servers that serve it, and the judgement at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use souk::adapters::payments::test_bank::{LOG_FILE, Settings};
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use souk::store::{keys, plain};
use souk::tenants::keys::issue;
use souk::tenants::{OperatorScope, Role};
use souk_core::ids::VendorId;
use tokio::process::Command;
use tokio::time::Instant;

use super::deeds::Deeds;
use super::judgement::Judgement;
use super::load::Load;
use crate::sales::{VENDORS, stock_the_shop};
use crate::served::{LOG, Served, program};
use crate::servers::Backend;

/// How long everything may take to come to rest once nobody asks for anything.
const RESTS_WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Lines of the server's log that a failure shows.
const LOG_LINES: usize = 60;

/// Seconds instead of minutes and days, so that a scenario sees the end of what it began.
const SETTINGS: [(&str, u32); 9] = [
    ("SOUK_CHECKOUT__HOLD_TTL_MS", 4_000),
    ("SOUK_CHECKOUT__ATTEMPT_CARD_MS", 8_000),
    ("SOUK_CHECKOUT__ATTEMPT_INSTANT_MS", 8_000),
    ("SOUK_CHECKOUT__ATTEMPT_PAY_LATER_MS", 8_000),
    ("SOUK_CHECKOUT__LOOK_UP_EVERY_MS", 200),
    ("SOUK_CHECKOUT__LATE_MONEY_MS", 2_000),
    ("SOUK_CHECKOUT__PAY_ANSWER_MS", 1_000),
    ("SOUK_PAYMENTS__TEST_BANK_DELAY_MS", 0),
    ("SOUK_PAYMENTS__NOTICE_DELAY_MS", 100),
];

pub struct Market {
    backend: Backend,
    pub environment: Vec<(&'static str, String)>,
    pub deeds: Arc<Deeds>,
    vendor_keys: [String; 2],
    /// The logs of the banks that were called, in this order.
    pub banks: Vec<PathBuf>,
}

impl Market {
    /// Two vendors with one offer each, closed in order.
    pub async fn found(backend: Backend) -> Self {
        let dir = backend.data_dir();
        let database: Database = backend.url().parse().expect("an address");
        let options = ShopOptions { bank: Settings::default(), search: None, ..ShopOptions::default() };
        let shop = Shop::open(&database, dir, Clock::system(), options).await.expect("the shop opens");
        stock_the_shop(&shop.node).await;
        shop.close().await;
        let pool = plain::open(&database).await.expect("the keys open");
        let mut vendor_keys = [String::new(), String::new()];
        for (slot, vendor) in vendor_keys.iter_mut().zip(VENDORS) {
            let role = Role::Vendor(VendorId(vendor));
            let (text, record) = issue(role, "test", Clock::system().now()).expect("a key");
            keys::create(&pool, &OperatorScope::of_console(), &record).await.expect("stored");
            *slot = text.expose().to_owned();
        }
        pool.close().await;
        let mut environment: Vec<_> =
            SETTINGS.iter().map(|(name, value)| (*name, value.to_string())).collect();
        environment.push(("SOUK_DATABASE__URL", backend.url().to_owned()));
        environment.push(("SOUK_DATABASE__LEASE_MS", "2000".to_owned()));
        let (deeds, banks) = (Arc::new(Deeds::open(dir)), vec![dir.join(LOG_FILE)]);
        Market { backend, environment, deeds, vendor_keys, banks }
    }

    /// A server of another directory on the same database, with the same keys, at this address. It may stand by.
    pub fn another(&self, dir: &Path, addr: &str) -> Served {
        Served::spawn(&[], dir, addr, &self.environment)
    }

    pub fn dir(&self) -> PathBuf {
        self.backend.data_dir().to_owned()
    }

    pub fn url(&self) -> &str {
        self.backend.url()
    }

    pub fn set(&mut self, name: &'static str, value: impl ToString) {
        self.environment.retain(|(other, _)| *other != name);
        self.environment.push((name, value.to_string()));
    }

    /// A server; one that does not come up is a failure.
    pub async fn serve(&self) -> Served {
        let served = Served::start(self.backend.data_dir(), &self.environment).await;
        served.unwrap_or_else(|| panic!("it does not start\n{}", self.log()))
    }

    pub fn load(&self, clients: u64) -> Load {
        Load::start(clients, &self.deeds, &self.vendor_keys)
    }

    pub fn load_of(&self, clients: u64, tokens: &'static [&'static str]) -> Load {
        Load::of_tokens(clients, &self.deeds, &self.vendor_keys, tokens)
    }

    /// Waits until clients were told `more` than `before`.
    pub async fn told_more(&self, before: u64, more: u64) {
        let deadline = Instant::now() + RESTS_WITHIN;
        while self.deeds.count() < before + more {
            assert!(Instant::now() < deadline, "nobody is told anything any more\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everything that was begun is finished on this server and comes to rest; then everything must hold. Returns the
    /// number of facts that were found again.
    pub async fn end(&self, served: Served, load: Load) -> u64 {
        self.comes_to_rest(&served, load).await;
        self.stop(served).await;
        self.verify().await;
        self.deeds.count()
    }

    /// The same while the server goes on.
    pub async fn comes_to_rest(&self, served: &Served, load: Load) {
        load.serve_at(&served.addr);
        load.settle().await;
        let (database, acknowledged) = (self.url().parse().expect("an address"), self.deeds.read());
        let deadline = Instant::now() + RESTS_WITHIN;
        loop {
            let judgement = Judgement::read(&database, &self.banks).await;
            // The partitions are read one after the other: what a running server does meanwhile may look wrong once.
            let Err(why) = judgement.is_at_rest(&acknowledged) else {
                assert!(judgement.orders() > 0, "nothing was sold");
                break;
            };
            assert!(Instant::now() < deadline, "it never came to rest: {why}\n{}", self.log());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Ends a server in order.
    pub async fn stop(&self, served: Served) {
        assert!(served.ends_in_order().await, "it does not end in order, or not in time\n{}", self.log());
    }

    /// As an operator does, with everything that clients were told.
    pub async fn verify(&self) {
        let mut verify = Command::new(program());
        verify.args(["verify", "--database", self.url(), "--acks"]).arg(self.deeds.acks());
        let output = verify.kill_on_drop(true).output().await.expect("souk can be started");
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "not verified:\n{text}\n{errors}\n{}", self.log());
        assert!(self.deeds.read().placed.is_empty() || text.contains("ok     I8"), "{text}");
    }

    /// Waits until clients have hung up so often, and some were told something all the same.
    pub async fn times_hung_up(&self, wanted: u64) {
        let deadline = Instant::now() + 5 * RESTS_WITHIN;
        while self.deeds.hung_up() < wanted || self.deeds.count() == 0 {
            assert!(Instant::now() < deadline, "hung up {} times\n{}", self.deeds.hung_up(), self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a server has logged this.
    pub async fn until_it_logs(&self, what: &str) {
        let deadline = Instant::now() + RESTS_WITHIN;
        while !self.log().contains(what) {
            assert!(Instant::now() < deadline, "it never logs {what:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What was logged is not looked at any more.
    pub fn forget_the_log(&self) {
        std::fs::write(self.backend.data_dir().join(LOG), "").expect("the log");
    }

    /// The last lines of what its servers have logged.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.backend.data_dir().join(LOG)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}
