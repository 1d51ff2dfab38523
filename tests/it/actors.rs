//! The actors on a real journal: repeats, admission, wakes, draining.

use std::sync::Arc;
use std::time::Duration;

use souk::actors::{CallError, Node, NodeOptions, Told};
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::{Database, audit};
use souk_core::host::Answer;
use souk_core::ids::{CheckoutId, HoldId, LocationId, MovementId, PaymentId, SkuId, StreamId};
use souk_core::inventory::{Command, Inventory, Movement, Rejection, Reply, Request};
use souk_core::journal::Origin;
use souk_core::machine::{CommandId, CommandKey};
use souk_core::verify::{Report, Verifier};
use tokio::time::Instant;

use crate::servers::Backend;

const SKU: SkuId = SkuId(1);
const PATIENCE: Duration = Duration::from_secs(20);

fn stream() -> StreamId {
    StreamId::Stock(SKU.shard())
}

async fn node(backend: &Backend, options: NodeOptions) -> Arc<Node> {
    let database: Database = backend.url().parse().expect("an address");
    let options = ShopOptions { node: options, ..ShopOptions::default() };
    let shop = Shop::open(&database, backend.data_dir(), Clock::system(), options).await;
    Arc::clone(&shop.expect("the shop opens").node)
}

async fn tell(node: &Arc<Node>, command: Command) -> Told<Inventory> {
    node.stock().command(stream(), command, None, Origin::default(), PATIENCE).await.expect("an answer")
}

async fn prepare(node: &Arc<Node>, quantity: u32) {
    let movement = Movement { movement: MovementId(1), sku: SKU, location: LocationId::MAIN, quantity };
    for command in [Command::open(SKU), Command::Receive(movement)] {
        let told = tell(node, command).await;
        assert!(matches!(told.answer, Answer::Fresh(Ok(_))), "{told:?}");
    }
}

fn hold(n: u128, node: &Node, ttl_ms: i64) -> (HoldId, Command) {
    let hold = HoldId { checkout: CheckoutId(n), n: 1 };
    let deadline = node.clock().now().plus_millis(ttl_ms);
    let request = Request::Hold { hold, sku: SKU, quantity: 1, deadline, pin: None };
    (hold, Command::Hold { asked: 1, request })
}

async fn verified(backend: &Backend) -> Report {
    let mut verifier = Verifier::new();
    let database = backend.url().parse().expect("an address");
    let damage = audit::read(&database, |recorded, _| verifier.event(recorded)).await.expect("readable");
    assert_eq!(damage, Vec::<String>::new());
    let report = verifier.finish();
    assert_eq!(report.violations, Vec::new());
    report
}

/// Waits for a condition with a bound.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_is_told_the_same_also_after_a_restart() {
    for backend in [Some(Backend::sqlite()), Backend::postgres("repeats on Postgres")].into_iter().flatten() {
        let first = node(&backend, NodeOptions::default()).await;
        prepare(&first, 1).await;
        let key = |n| CommandKey { id: CommandId(n), fingerprint: 99 };
        let (_, win) = hold(1, &first, 60_000);
        let (_, lose) = hold(2, &first, 60_000);
        let ask = |node: Arc<Node>, command: Command, key| async move {
            let told = node.stock().command(stream(), command, Some(key), Origin::default(), PATIENCE).await;
            told.expect("an answer").answer
        };
        let won = ask(Arc::clone(&first), win.clone(), key(1)).await;
        let lost = ask(Arc::clone(&first), lose.clone(), key(2)).await;
        let (Answer::Fresh(Ok(yes)), Answer::Fresh(Err(no))) = (won, lost) else { panic!("not fresh") };
        assert_eq!(no, Rejection::OutOfStock { available: 0 });
        first.shut_down().await;

        let second = node(&backend, NodeOptions::default()).await;
        assert_eq!(ask(Arc::clone(&second), win.clone(), key(1)).await, Answer::Repeated(Ok(yes)));
        assert_eq!(ask(Arc::clone(&second), lose, key(2)).await, Answer::Repeated(Err(no)));
        let other_body = CommandKey { id: CommandId(1), fingerprint: 100 };
        assert_eq!(ask(Arc::clone(&second), win, other_body).await, Answer::KeyReused);
        let stored = second.journal().reader().reply(CommandId(1)).await.expect("readable").expect("stored");
        assert_eq!(stored.key, key(1));
        second.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_permit_left_is_told_at_once_while_work_under_way_goes_on() {
    let backend = Backend::sqlite();
    let node = node(&backend, NodeOptions { admission: 4, ..NodeOptions::default() }).await;
    prepare(&node, 1_000).await;
    until("the permits of the preparation are back", || node.admission().in_flight() == 0).await;
    // Whoever holds the permits: here the test itself, so that the fullness does not depend on timing.
    let held: Vec<_> = (0..4).map(|_| node.admission().admit().expect("a permit")).collect();
    let asked = Instant::now();
    let (_, command) = hold(1, &node, 60_000);
    let refused = node.stock().command(stream(), command, None, Origin::default(), PATIENCE).await;
    assert!(matches!(refused, Err(CallError::Overloaded { .. })), "{refused:?}");
    assert!(asked.elapsed() < Duration::from_millis(20), "a refusal takes no time");
    // What needs no permit passes: reads here, orders between machines likewise.
    let (state, _) = node.stock().read(stream(), PATIENCE).await.expect("a state");
    assert_eq!(state.holds.len(), 0, "nothing was started");
    drop(held);
    let (_, command) = hold(1, &node, 60_000);
    let told = node.stock().command(stream(), command, None, Origin::default(), PATIENCE).await;
    assert!(told.is_ok(), "{told:?}");
    node.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_expires_although_nobody_comes_back() {
    let backend = Backend::sqlite();
    let first = node(&backend, NodeOptions::default()).await;
    prepare(&first, 1).await;
    let (_, command) = hold(1, &first, 300);
    tell(&first, command).await;
    first.shut_down().await;

    // Nobody asks the shard for anything: its wake brings it back.
    let second = node(&backend, NodeOptions::default()).await;
    until("the unit is free again", || second.stock_view().available(SKU) == Some(1)).await;
    second.shut_down().await;
    let report = verified(&backend).await;
    assert_eq!(report.pending, Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_answers_everything_that_was_accepted() {
    let backend = Backend::sqlite();
    let node = node(&backend, NodeOptions::default()).await;
    prepare(&node, 1_000_000).await;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..200u128 {
        let node = Arc::clone(&node);
        clients.spawn(async move {
            let (hold, command) = hold(client, &node, 60_000);
            (hold, node.stock().command(stream(), command, None, Origin::default(), PATIENCE).await)
        });
    }
    until("some are under way", || node.admission().in_flight() > 0).await;
    node.shut_down().await;
    let mut answered = 0;
    while let Some(client) = clients.join_next().await {
        let (_, told) = client.expect("no panic");
        match told {
            Ok(told) => {
                assert!(matches!(told.answer, Answer::Fresh(Ok(Reply::Held { .. }))), "{told:?}");
                answered += 1;
            }
            Err(CallError::Overloaded { .. }) => {}
            Err(other) => panic!("accepted and not answered: {other}"),
        }
    }
    let report = verified(&backend).await;
    assert_eq!(report.pending.len(), answered, "exactly what was answered is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_is_committed_and_given_back_once() {
    let backend = Backend::sqlite();
    let node = node(&backend, NodeOptions::default()).await;
    prepare(&node, 1).await;
    let (id, command) = hold(1, &node, 60_000);
    tell(&node, command).await;
    let payment = PaymentId { checkout: id.checkout, attempt: 1 };
    let deadline = node.clock().now().plus_millis(60_000);
    for (asked, request, told) in [
        (2, Request::Pin { hold: id, payment }, Reply::Pinned),
        (3, Request::Commit { hold: id }, Reply::Committed { location: LocationId::MAIN }),
        (3, Request::Commit { hold: id }, Reply::Committed { location: LocationId::MAIN }),
        (4, Request::Undo { hold: id, deadline }, Reply::Undone),
        (4, Request::Undo { hold: id, deadline }, Reply::Undone),
    ] {
        let answer = tell(&node, Command::Hold { asked, request }).await.answer;
        assert_eq!(answer, Answer::Fresh(Ok(told)));
    }
    until("the unit is free again", || node.stock_view().available(SKU) == Some(1)).await;
    node.shut_down().await;
    verified(&backend).await;
}
