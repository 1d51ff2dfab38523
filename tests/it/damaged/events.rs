//! Damage in what events say: every promise that events alone can break, at the event where it shows.

use souk::journal::{Set, wire};
use souk_core::any::AnyEvent;
use souk_core::checkout;
use souk_core::ids::{HoldId, LocationId, PaymentId, StreamId};
use souk_core::inventory;
use souk_core::journal::{Epoch, Recorded};
use souk_core::ledger::{Account, Transaction};
use souk_core::money::Money;
use souk_core::order;
use souk_core::payment;

use super::rows::{put_back, renumber, tables, take_out};
use super::{CHECKOUT, CHK, ORD, PAY, copy_of, history, named, shard, verify};
use crate::sales::sku;

/// One place that is damaged, and what must be said of it.
struct Damage {
    invariant: &'static str,
    stream: StreamId,
    /// The kind of the event at which it is named.
    at: &'static str,
    how: fn(&mut Vec<Recorded>),
}

fn kind(recorded: &Recorded) -> &'static str {
    wire::encode(&recorded.event).expect("an event").kind
}

/// Where the first event of this kind is, among those of the sale's two lines.
fn find(events: &[Recorded], wanted: &str) -> usize {
    events.iter().position(|recorded| kind(recorded) == wanted).unwrap_or_else(|| panic!("no {wanted}"))
}

fn without(events: &mut Vec<Recorded>, wanted: &str) {
    events.remove(find(events, wanted));
}

fn twice(events: &mut Vec<Recorded>, wanted: &str) {
    let at = find(events, wanted);
    events.insert(at, events[at].clone());
}

macro_rules! change {
    ($events:expr, $machine:ident ( $pattern:pat ) => $change:expr) => {
        for recorded in $events.iter_mut() {
            if let AnyEvent::$machine($pattern) = &mut recorded.event {
                $change;
                return;
            }
        }
        panic!("no such event")
    };
}

fn in_placed(events: &mut [Recorded], damage: impl FnOnce(&mut order::PlacedOrder)) {
    change!(events, Order(order::Event::Placed(placed)) => damage(placed));
}

fn damages() -> Vec<Damage> {
    let damage = |invariant, stream, at, how| Damage { invariant, stream, at, how };
    vec![
        // Units.
        damage("I1", shard(2), "stock.shipped", |events| {
            events.retain(|recorded| {
                !matches!(&recorded.event, AnyEvent::Stock(inventory::Event::Received(it)) if it.sku == sku(2))
            });
        }),
        damage("I2", shard(1), "stock.held", |events| {
            let at = events.iter().position(|recorded| {
                matches!(&recorded.event, AnyEvent::Stock(inventory::Event::Received(it)) if it.sku == sku(1))
            });
            events.remove(at.expect("received"));
        }),
        // Known only when all orders have been read, and so named at the last event of what was sold.
        damage("I3", shard(2), "stock.shipped", |events| {
            events.retain(|recorded| {
                !matches!(&recorded.event, AnyEvent::Stock(inventory::Event::Received(it)) if it.sku == sku(2))
            });
        }),
        damage("I4", shard(1), "stock.deallocated", |events| twice(events, "stock.deallocated")),
        // Owners.
        damage("I7", CHK, "checkout.quoted", |events| {
            let at = find(events, "checkout.quoted");
            events[at].epoch = Epoch(0);
        }),
        // Calls to the provider.
        damage("I10", PAY, "payment.capture_started", |events| {
            let authorise = payment::CallKind::Authorise.key(PaymentId { checkout: CHECKOUT, attempt: 1 });
            change!(events, Payment(payment::Event::CaptureStarted { key, .. }) => *key = authorise);
        }),
        // Money and orders.
        damage("I12", ORD, "order.placed", |events| without(events, "payment.captured")),
        // Known only when all has been read, and so named at the payment's last event.
        damage("I12", PAY, "payment.told", |events| {
            in_placed(events, |placed| {
                let (payment, _) = placed.payments[0];
                placed.payments.push((payment, Money::zero(placed.currency)));
            });
        }),
        damage("I13", ORD, "order.placed", |events| {
            in_placed(events, |placed| placed.lines[0].hold.location = LocationId(8));
        }),
        damage("I13", ORD, "order.placed", |events| without(events, "stock.committed")),
        damage("I13", shard(1), "stock.held", |events| {
            let at = events
                .iter()
                .position(|recorded| recorded.stream == shard(1) && kind(recorded) == "stock.held");
            let at = at.expect("held");
            let mut stray = events[at].clone();
            if let AnyEvent::Stock(inventory::Event::Held { hold, .. }) = &mut stray.event {
                *hold = HoldId { checkout: CHECKOUT, n: 40 };
            }
            events.insert(at, stray);
        }),
        damage("I13", CHK, "checkout.holds_taken", |events| without(events, "checkout.hold_answered")),
        damage("I14", CHK, "checkout.pay_started", |events| twice(events, "checkout.pay_started")),
        damage("I14", PAY, "payment.captured", |events| twice(events, "payment.captured")),
        damage("I14", ORD, "order.shipped", |events| twice(events, "order.shipped")),
        damage("I15", CHK, "checkout.quoted", |events| {
            change!(events, Checkout(checkout::Event::Quoted(quote)) => quote.total.minor -= 1);
        }),
        damage("I15", ORD, "order.placed", |events| {
            in_placed(events, |placed| placed.lines[0].unit_price.minor -= 1);
        }),
        // The ledger.
        damage("I17", ORD, "order.placed", |events| {
            in_placed(events, |placed| placed.sale.postings[0].amount.minor += 1);
        }),
        damage("I18", ORD, "order.placed", |events| {
            in_placed(events, |placed| placed.sale.postings[0].amount.minor += 1);
        }),
        damage("I19", ORD, "order.cancelled", |events| {
            change!(events, Order(order::Event::Cancelled { transaction, .. }) => {
                *transaction = Transaction::default()
            });
        }),
        damage("I19", ORD, "order.placed", |events| {
            in_placed(events, |placed| {
                for posting in &mut placed.sale.postings {
                    if posting.account == Account::Commission {
                        posting.account = Account::ProviderFees;
                    }
                }
            });
        }),
        damage("I20", PAY, "payment.refund_started", |events| {
            change!(events, Payment(payment::Event::RefundStarted { amount, .. }) => amount.minor *= 10);
        }),
        damage("I20", ORD, "order.refunded", |events| twice(events, "order.refunded")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_that_events_can_break_is_named_where_it_breaks() {
    let history = history().await;
    let mut wrong = Vec::new();
    for Damage { invariant, stream, at, how } in damages() {
        let dir = copy_of(&history);
        let mut journal = tables(dir.path(), Set::Journal).await;
        let mut events = take_out(&mut journal).await;
        how(&mut events);
        renumber(&mut events);
        put_back(&mut journal, &events).await;
        let (green, report) = verify(dir.path(), &[]);
        let named = named(&report, invariant, stream);
        let is_named = events.iter().any(|recorded| {
            recorded.stream == stream && named.contains(&recorded.seq) && kind(recorded) == at
        });
        // The rows themselves are whole: it is what they say that is wrong.
        let is_whole = report["damaged"].as_array().is_some_and(Vec::is_empty);
        if green || !is_named || !is_whole {
            let found = (&report["violations"], &report["damaged"]);
            wrong.push(format!("{invariant} in {stream} at {at}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
