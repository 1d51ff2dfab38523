//! Stock shards under load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use souk::actors::{CallError, Handling, Node, NodeOptions, Trap};
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::{Database, audit};
use souk_core::any::AnyEvent;
use souk_core::host::Answer;
use souk_core::ids::{CheckoutId, HoldId, LocationId, MovementId, ProductId, SkuId, StreamId};
use souk_core::inventory::{Command, Event, Inventory, Movement, Rejection, Reply, Request};
use souk_core::journal::Origin;
use souk_core::product::{self, Product};
use tokio::task::JoinSet;

use super::{both, spring};
use crate::sales::{self, PATIENCE, comes_to_rest, give, options, stock_the_shop, until_async};
use crate::servers::Backend;

/// What a shard is told, each with a shard of its own, so that none panics three times in ten seconds.
const KINDS: [Handling; 4] = [Handling::Command, Handling::Read, Handling::Tick, Handling::Settled];
/// Asks come to the shard of this SKU, from its product.
const ASKED: u128 = sales::VENDORS[0];
/// A few of these are always ending, so that the shard's timer fires.
const TTL_MS: i64 = 400;

fn shard(sku: SkuId) -> StreamId {
    StreamId::Stock(sku.shard())
}

/// SKUs in shards of their own, apart from those of the catalogue.
fn skus(count: usize) -> Vec<SkuId> {
    let mut taken: BTreeSet<StreamId> = sales::VENDORS.map(|n| shard(sales::sku(n))).into();
    (1..).map(SkuId).filter(|sku| taken.insert(shard(*sku))).take(count).collect()
}

async fn open(backend: &Backend, node: NodeOptions) -> Shop {
    let database: Database = backend.url().parse().expect("an address");
    let options = ShopOptions { node, ..options() };
    Shop::open(&database, backend.data_dir(), Clock::system(), options).await.expect("the shop opens")
}

async fn prepare(node: &Arc<Node>, n: u128, sku: SkuId) {
    let movement =
        Movement { movement: MovementId(1_000 + n), sku, location: LocationId::MAIN, quantity: 1_000_000 };
    for command in [Command::open(sku), Command::Receive(movement)] {
        give::<Inventory>(node, shard(sku), command).await.expect("prepared");
    }
}

/// What clients were told.
#[derive(Default)]
struct Told {
    held: BTreeSet<HoldId>,
    /// Nothing was started, they said.
    refused: BTreeSet<HoldId>,
}

/// Clients that hold and look until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    /// Answers so far, by shard.
    answers: BTreeMap<SkuId, Arc<AtomicU64>>,
    clients: JoinSet<Told>,
}

impl Load {
    fn on(node: &Arc<Node>, skus: &[SkuId], clients_each: u128) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut answers, mut clients) = (BTreeMap::new(), JoinSet::new());
        for (n, sku) in (1u128..).zip(skus.iter().copied()) {
            let count = Arc::new(AtomicU64::new(0));
            answers.insert(sku, Arc::clone(&count));
            for client in 0..clients_each {
                let first = (n << 64) | (client << 32);
                clients.spawn(client_of(Arc::clone(node), sku, first, Arc::clone(&stop), Arc::clone(&count)));
            }
        }
        Load { stop, answers, clients }
    }

    /// Waits until this shard has answered so many more.
    async fn goes_on(&self, sku: SkuId, more: u64) {
        let answers = &self.answers[&sku];
        let wanted = answers.load(Ordering::Relaxed) + more;
        until_async("answered meanwhile", async || answers.load(Ordering::Relaxed) >= wanted).await;
    }

    async fn end(mut self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Told::default();
        while let Some(told) = self.clients.join_next().await {
            let Told { held, refused } = told.expect("no client failed");
            all.held.extend(held);
            all.refused.extend(refused);
        }
        all
    }
}

async fn client_of(
    node: Arc<Node>,
    sku: SkuId,
    first: u128,
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
) -> Told {
    let mut told = Told::default();
    for visit in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let hold = HoldId { checkout: CheckoutId(first | visit), n: 1 };
        let ttl = if visit % 4 == 0 { TTL_MS } else { 600_000 };
        let deadline = node.clock().now().plus_millis(ttl);
        let request = Request::Hold { hold, sku, quantity: 1, deadline, pin: None };
        let command = Command::Hold { asked: 1, request };
        match node.stock().command(shard(sku), command, None, Origin::default(), PATIENCE).await {
            Ok(answer) => match answer.answer {
                Answer::Fresh(Ok(Reply::Held { .. })) => {
                    told.held.insert(hold);
                }
                // Its answer was lost with the actor, and it had ended when it was asked for again.
                Answer::Fresh(Err(Rejection::HoldEnded { .. } | Rejection::InvalidDeadline))
                    if ttl == TTL_MS => {}
                other => panic!("{hold:?} was told {other:?}"),
            },
            Err(CallError::Overloaded { .. }) => {
                told.refused.insert(hold);
                tokio::task::yield_now().await;
            }
            Err(other) => panic!("{sku}: {other}"),
        }
        if visit % 8 == 0 {
            match node.stock().read(shard(sku), PATIENCE).await {
                Ok(_) | Err(CallError::Overloaded { .. }) => {}
                Err(other) => panic!("{sku}: {other}"),
            }
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
    told
}

/// Every hold that was acknowledged is in the journal once; one that was never started is not there.
async fn agrees(backend: &Backend, told: &Told) {
    let mut held: BTreeMap<HoldId, u32> = BTreeMap::new();
    let database = backend.url().parse().expect("an address");
    let count = |recorded: &souk_core::journal::Recorded, _: usize| {
        if let AnyEvent::Stock(Event::Held { hold, .. }) = &recorded.event {
            *held.entry(*hold).or_default() += 1;
        }
    };
    let damage = audit::read(&database, count).await.expect("readable");
    assert_eq!(damage, Vec::<String>::new());
    let lost: Vec<_> = told.held.iter().filter(|hold| !held.contains_key(hold)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let twice: Vec<_> = held.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "more than once: {twice:?}");
    let started: Vec<_> = told.refused.iter().filter(|hold| held.contains_key(hold)).collect();
    assert!(started.is_empty(), "nothing was started, they said: {started:?}");
    let report = sales::report(backend).await;
    assert_eq!(report.violations, Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_under_load_panics_at_every_kind_of_message() {
    let backend = Backend::sqlite();
    let shop = open(&backend, NodeOptions::default()).await;
    let node = &shop.node;
    stock_the_shop(node).await;
    let skus = skus(KINDS.len() + 3);
    for (n, sku) in (0..).zip(&skus) {
        prepare(node, n, *sku).await;
    }
    let load = Load::on(node, &skus, 3);
    let [.., started, stopped, other] = skus.as_slice() else { panic!("some") };
    let mut panics = 0;
    for (handling, sku) in KINDS.into_iter().zip(&skus) {
        for trap in both(handling) {
            spring(node, shard(*sku), trap).await;
            panics += 1;
            load.goes_on(*other, 3).await;
            load.goes_on(*sku, 10).await;
        }
    }
    // What its product asks of a shard: to sell no more of a SKU, then to sell it again.
    let asked = shard(sales::sku(ASKED));
    let by = product::Actor::Operator;
    let sku = sales::sku(ASKED);
    let judge = async |command| {
        give::<Product>(node, StreamId::Product(ProductId(10 + ASKED)), command).await.expect("told");
    };
    for (trap, open) in both(Handling::Ask).into_iter().zip([false, true]) {
        node.set_trap(asked, trap);
        judge(if open {
            product::Command::Resume { by, sku }
        } else {
            product::Command::Withhold { by, sku }
        })
        .await;
        until_async("heard after all", async || node.stock_view().is_open(sku) == Some(open)).await;
        panics += 1;
        load.goes_on(*other, 3).await;
    }
    // A start comes after an end: one that fails is tried again likewise.
    node.set_trap(shard(*started), Trap::After(Handling::Start));
    spring(node, shard(*started), Trap::Before(Handling::Command)).await;
    panics += 2;
    until_async("started at last", async || node.traps_waiting().is_empty()).await;
    load.goes_on(*started, 10).await;

    assert_eq!(node.traps_waiting(), Vec::new());
    until_async("all were loaded anew", async || node.restarts() == panics).await;
    assert_eq!(node.quarantined(), Vec::new());
    let told = load.end().await;
    assert!(told.refused.is_empty(), "there were permits for all");
    // The last append of one that panics while it ends is not waited for, and is there all the same.
    node.set_trap(shard(*stopped), Trap::Before(Handling::Stop));
    let shutting = Arc::clone(node);
    shop.close().await;
    assert_eq!(shutting.traps_waiting(), Vec::new());
    agrees(&backend, &told).await;

    // Nothing is stuck: each hold ends when it is time.
    let shop = open(&backend, NodeOptions::default()).await;
    until_async("nothing is past its time", async || {
        sales::report(&backend).await.is_green(shop.node.clock().now())
    })
    .await;
    shop.close().await;
}

/// A command that is sent again because its actor ended under it has its permit already: it is never told that nothing
/// was started.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_was_never_started() {
    let backend = Backend::sqlite();
    let shop = open(&backend, NodeOptions { admission: 24, ..NodeOptions::default() }).await;
    let skus = skus(4);
    for (n, sku) in (0..).zip(&skus) {
        prepare(&shop.node, n, *sku).await;
    }
    let load = Load::on(&shop.node, &skus, 12);
    for sku in &skus {
        for trap in both(Handling::Settled) {
            spring(&shop.node, shard(*sku), trap).await;
            load.goes_on(*sku, 50).await;
        }
    }
    let told = load.end().await;
    assert!(!told.refused.is_empty(), "there were fewer permits than clients");
    shop.close().await;
    agrees(&backend, &told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_panics_in_ten_seconds_are_a_quarantine_and_others_go_on() {
    // Three of any kind, at the start too.
    for traps in [
        [Trap::Before(Handling::Read); 3],
        [Trap::After(Handling::Read), Trap::Before(Handling::Start), Trap::After(Handling::Start)],
    ] {
        let backend = Backend::sqlite();
        let shop = open(&backend, NodeOptions::default()).await;
        let node = &shop.node;
        let [sku, other] = skus(2)[..] else { panic!("two") };
        prepare(node, 1, sku).await;
        let stream = shard(sku);
        for trap in traps {
            node.set_trap(stream, trap);
            // Several at one place are one: each must be come by before the next is set.
            if traps[0] == traps[1] {
                let _ = node.stock().read(stream, PATIENCE).await;
            }
        }
        let _ = node.stock().read(stream, PATIENCE).await;
        until_async("quarantine", async || node.quarantined() == [stream]).await;
        let refused = node.stock().read(stream, PATIENCE).await;
        assert_eq!(refused.map(|_| ()), Err(CallError::Quarantined { stream }));
        prepare(node, 2, other).await;
        shop.close().await;
        comes_to_rest(&backend, "quarantine").await;
    }
}
