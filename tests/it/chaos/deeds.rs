//! The clients' log of what they were told: written before it counts, read again at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use souk::replay::AckLog;
use souk_core::ids::{CheckoutId, OrderId, SkuId};
use souk_core::verify::Told;

/// What the journal must bear out, beside what `souk verify --acks` checks.
#[derive(Default, Debug)]
pub struct Acknowledged {
    pub placed: Vec<OrderId>,
    pub cancelled: Vec<OrderId>,
    pub received: BTreeMap<SkuId, u64>,
}

pub struct Deeds {
    /// For `souk verify --acks`.
    acks: AckLog,
    /// A line each: `cancelled ORDER`, `received SKU UNITS`, `asked WHAT`.
    path: PathBuf,
    file: Mutex<File>,
    count: AtomicU64,
    /// Sales with a good card that ended without an order.
    unsold: AtomicU64,
    /// Requests that their client did not wait for.
    hung_up: AtomicU64,
    /// Checkouts that were begun since somebody looked.
    entered: Mutex<Vec<CheckoutId>>,
    /// Each has a number of its own, and with it names for what it asks.
    clients: AtomicU64,
}

impl Deeds {
    pub fn open(dir: &Path) -> Self {
        let acks = AckLog::open(&dir.join("acks")).expect("a log");
        let path = dir.join("deeds");
        let file = File::options().create(true).append(true).open(&path).expect("a log");
        Deeds {
            acks,
            path,
            file: Mutex::new(file),
            count: AtomicU64::new(0),
            unsold: AtomicU64::new(0),
            hung_up: AtomicU64::new(0),
            entered: Mutex::default(),
            clients: AtomicU64::new(0),
        }
    }

    pub fn acks(&self) -> &Path {
        self.acks.path()
    }

    /// Facts so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub fn entered(&self, checkout: &str) {
        let checkout = checkout.parse().expect("a checkout's id");
        self.entered.lock().unwrap_or_else(PoisonError::into_inner).push(checkout);
    }

    /// Checkouts that were begun since this was last asked.
    pub fn take_entered(&self) -> Vec<CheckoutId> {
        std::mem::take(&mut *self.entered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn next_client(&self) -> u64 {
        self.clients.fetch_add(1, Ordering::Relaxed)
    }

    pub fn hung_up(&self) -> u64 {
        self.hung_up.load(Ordering::Relaxed)
    }

    pub fn hangs_up(&self) {
        self.hung_up.fetch_add(1, Ordering::Relaxed);
    }

    pub fn unsold(&self) -> u64 {
        self.unsold.load(Ordering::Relaxed)
    }

    pub fn not_sold(&self) {
        self.unsold.fetch_add(1, Ordering::Relaxed);
    }

    pub fn placed(&self, order: &str) {
        self.acks.log(&Told::Placed(order.parse().expect("an order's id"))).expect("logged");
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn cancelled(&self, order: &str) {
        self.note(&format!("cancelled {order}\n"));
    }

    pub fn received(&self, sku: SkuId, units: u32) {
        self.note(&format!("received {sku} {units}\n"));
    }

    /// A yes that is asked for again.
    pub fn yes(&self, what: &str) {
        self.note(&format!("yes {what}\n"));
    }

    fn note(&self, line: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).expect("logged");
        drop(file);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it, as the files have it.
    pub fn read(&self) -> Acknowledged {
        let mut read = Acknowledged::default();
        for told in AckLog::read(self.acks.path()).expect("readable") {
            if let Told::Placed(order) = told {
                read.placed.push(order);
            }
        }
        for line in std::fs::read_to_string(&self.path).expect("readable").lines() {
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next()) {
                (Some("cancelled"), Some(order), None) => {
                    read.cancelled.push(order.parse().expect("an order's id"));
                }
                (Some("received"), Some(sku), Some(units)) => {
                    let units: u64 = units.parse().expect("a number");
                    *read.received.entry(sku.parse().expect("an offer's id")).or_default() += units;
                }
                (Some("yes"), ..) => {}
                _ => panic!("no deed: {line:?}"),
            }
        }
        read
    }
}
