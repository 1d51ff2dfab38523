//! Every magic card, and a kill at every step of placing an order: quote, hold and pin (one message), check
//! and authorise (one append), commit, capture, placed, and what undoes them.
//!
//! Real processes that abort by themselves, see `src/kill_point.rs`. A run of its own sells every card undisturbed
//! first; what it leaves in the journal says where that card can be killed. `cargo xtask test` then runs each place with
//! one card and each card with at least one place, others every day; `cargo xtask kill --all` runs everything.

mod books;
mod cell;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use souk::adapters::payments::test_bank::{Settings, TOKENS};
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::Database;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::chaos::scenario::{Done, On, is_long, leave_out, run};
use crate::sales::stock_the_shop;
use crate::served::is_debug_build;
use crate::servers::Backend;
use cell::{Ended, killed_at, undisturbed};

/// `all`, or one cell as a failure prints it: `card_success before:checkout.quoted`.
const WANTED: &str = "SOUK_TEST_KILL";
/// Processes at once; most of them wait most of the time.
const AT_ONCE: usize = 8;
/// Days that a short run on Postgres takes for all places.
const PARTS: usize = 8;

/// Kinds of events, step by step. What is written in one append has one place.
const EVENTS: [&str; 23] = [
    // Quote.
    "checkout.quote_asked",
    "checkout.quoted",
    // Hold, pinned to the attempt at once.
    "checkout.pay_started",
    "stock.held",
    // Check, and the payment with its key.
    "checkout.holds_taken",
    // Authorise.
    "payment.action_needed",
    "payment.awaiting_payment",
    "payment.authorised",
    "payment.failed",
    // Commit.
    "checkout.commit_asked",
    "stock.committed",
    // Capture.
    "checkout.capture_asked",
    "payment.capture_started",
    "payment.capture_refused",
    "payment.captured",
    // Placed.
    "checkout.placed",
    // Void, release, deallocate, refund.
    "payment.void_started",
    "payment.voided",
    "checkout.attempt_ended",
    "stock.released",
    "stock.deallocated",
    "payment.refund_started",
    "payment.refunded",
];
const CALLS: [&str; 4] = ["call.authorise", "call.capture", "call.void", "call.refund"];
const REPLY: &str = "reply.pay";

type Cell = (&'static str, String);

/// The kinds of events that each card leaves behind, and the calls it makes.
type Reached = BTreeMap<&'static str, Vec<String>>;

/// Every place, like `before:checkout.quoted`.
fn points() -> Vec<String> {
    let sides =
        EVENTS.iter().chain(&CALLS).flat_map(|name| [format!("before:{name}"), format!("after:{name}")]);
    sides.chain([format!("before:{REPLY}")]).collect()
}

fn can_reach(reached: &Reached, token: &str, point: &str) -> bool {
    let (_, name) = point.split_once(':').expect("a side");
    name == REPLY || reached[token].iter().any(|seen| seen == name)
}

/// A shop with two offers, closed in order.
async fn found(place: &Backend) {
    let options = ShopOptions { bank: Settings::default(), search: None, ..ShopOptions::default() };
    let database: Database = place.url().parse().expect("an address");
    let shop = Shop::open(&database, place.data_dir(), Clock::system(), options).await;
    let shop = shop.expect("the shop opens");
    stock_the_shop(&shop.node).await;
    shop.close().await;
}

/// Runs `each` of these, a few at a time, and returns what came of them, in order of their ends. All are run, even when
/// some fail; which ones is said then.
async fn side_by_side<T, R, F>(at_once: usize, items: Vec<T>, each: impl Fn(T) -> F) -> Vec<R>
where
    T: fmt::Debug + Send + 'static,
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(at_once));
    let mut running = JoinSet::new();
    let mut names = HashMap::new();
    for item in items {
        let name = format!("{item:?}");
        let (permits, one) = (Arc::clone(&permits), each(item));
        let task = running.spawn(async move {
            let _permit = permits.acquire_owned().await.expect("never closed");
            one.await
        });
        names.insert(task.id(), name);
    }
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(result) => done.push(result),
            Err(error) => failed.push(names.remove(&error.id())),
        }
    }
    assert!(failed.is_empty(), "{} went well; these failed, see above: {failed:?}", done.len());
    done
}

async fn reached(at_once: usize, template: &Arc<Backend>) -> Reached {
    let tokens: Vec<&'static str> = TOKENS.iter().map(|token| token.name).collect();
    let sold = side_by_side(at_once, tokens, |token| {
        let template = Arc::clone(template);
        async move {
            let books = undisturbed(&template, token).await;
            let calls = books.calls().into_iter().map(str::to_owned);
            (token, books.kinds.iter().cloned().chain(calls).collect())
        }
    });
    sold.await.into_iter().collect()
}

fn today() -> usize {
    let day = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 86_400;
    usize::try_from(day).expect("a small number")
}

/// Every place once, with another card every day, and every card.
fn todays(reached: &Reached) -> Vec<Cell> {
    let day = today();
    let mut cells: Vec<Cell> = Vec::new();
    for (n, point) in points().into_iter().enumerate() {
        let able: Vec<_> = reached.keys().filter(|token| can_reach(reached, token, &point)).collect();
        assert!(!able.is_empty(), "no card ever comes to {point}");
        cells.push((able[(day + n) % able.len()], point));
    }
    for token in reached.keys() {
        if !cells.iter().any(|(other, _)| other == token) {
            let able: Vec<_> =
                points().into_iter().filter(|point| can_reach(reached, token, point)).collect();
            cells.push((token, able[day % able.len()].clone()));
        }
    }
    cells
}

/// How often a place that was missed is tried again.
const TRIES_MORE: usize = 2;

/// Every card with every place, whether it can come there or not.
fn everything() -> Vec<Cell> {
    let all = |point: String| TOKENS.iter().map(move |token| (token.name, point.clone()));
    points().into_iter().flat_map(all).collect()
}

fn wanted(reached: &Reached, on: On) -> Vec<Cell> {
    let Ok(text) = std::env::var(WANTED) else {
        let cells = todays(reached);
        // Where every start waits for the leases of the one that was killed, another part every day.
        let parts = if on == On::Postgres && !is_long() { PARTS } else { 1 };
        let part = today() % parts;
        return cells
            .into_iter()
            .enumerate()
            .filter(|(n, _)| n % parts == part)
            .map(|(_, cell)| cell)
            .collect();
    };
    if text == "all" {
        return everything();
    }
    let named = |(token, point): &Cell| format!("{token} {point}") == text;
    let cells: Vec<_> = everything().into_iter().filter(named).collect();
    assert!(!cells.is_empty(), "{WANTED}={text:?} names no cell: say `all`, or one as a failure prints it");
    cells
}

#[test]
fn every_card_comes_to_rest_after_a_kill_at_every_step_on_sqlite() {
    killed_everywhere(On::Sqlite, AT_ONCE);
}

#[test]
fn every_card_comes_to_rest_after_a_kill_at_every_step_on_postgres() {
    killed_everywhere(On::Postgres, AT_ONCE / 2);
}

fn killed_everywhere(on: On, at_once: usize) {
    let (name, what) = ("kill_points", "killed at every step of a sale, just before and just after");
    if on.is_wanted() && !is_debug_build() {
        return leave_out(name, what, on, "only a debug build has places to be killed at");
    }
    let Some(template) = on.open(name) else { return };
    run(name, what, on, || async move {
        found(&template).await;
        let template = Arc::new(template);
        let reached = reached(at_once, &template).await;
        let cells = wanted(&reached, on);
        let count = cells.len();
        let ended = side_by_side(at_once, cells, |(token, point)| {
            let template = Arc::clone(&template);
            async move {
                let ended = killed_at(&template, token, &point).await;
                println!("{token} {point}: {ended:?}");
                (token, point, ended)
            }
        });
        let mut ended = ended.await;

        // An undisturbed sale came there, so this one has to; unless the machine was so slow that it ended by its
        // limits, and another way.
        let is_missed = |(token, point, ended): &(&'static str, String, Ended)| {
            *ended == Ended::NotReached && can_reach(&reached, token, point)
        };
        for cell in ended.iter_mut().filter(|cell| is_missed(cell)) {
            for _ in 0..TRIES_MORE {
                if cell.2 == Ended::NotReached {
                    cell.2 = killed_at(&template, cell.0, &cell.1).await;
                    println!("{} {}, once more: {:?}", cell.0, cell.1, cell.2);
                }
            }
        }
        let missed: Vec<_> = ended.iter().filter(|cell| is_missed(cell)).collect();
        assert!(missed.is_empty(), "never killed: {missed:?}");
        let placed = ended.iter().filter(|(.., ended)| *ended == Ended::Killed { is_placed: true }).count();
        let not_reached = ended.iter().filter(|(.., ended)| *ended == Ended::NotReached).count();
        // Whoever always gave up would come to rest, too.
        let hopeful = ended.iter().filter(|(token, _, ended)| {
            *ended != Ended::NotReached && reached[token].iter().any(|seen| seen == "checkout.placed")
        });
        assert!(placed * 2 >= hopeful.count(), "only {placed} orders");
        let remark = format!("{} killed and at rest again, {not_reached} not reached", count - not_reached);
        Done { cycles: (count - not_reached) as u32, facts: placed as u64, remark }
    });
}
