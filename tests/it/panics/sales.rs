//! Whole sales, from the cart to a parcel and a refund. In each, one actor panics once, at another kind of message.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use souk::actors::Handling::{Answer, Ask, Command, Idle, Read, Settled, Start, Stop, Tick, Worked};
use souk::actors::{Handling, Node, NodeOptions, Trap};
use souk::adapters::payments::test_bank::{self, LOG_FILE};
use souk::app::{Shop, ShopOptions};
use souk::clock::Clock;
use souk::journal::audit;
use souk_core::any::AnyEvent;
use souk_core::checkout::{self, Checkout, Limits};
use souk_core::ids::{CheckoutId, OrderId, PARTITIONS, ParcelId, Partition, PaymentId, StreamId, VendorId};
use souk_core::machine::{CommandId, CommandKey};
use souk_core::order::{self, Actor, CancelReason, Order, RefundStage, Scope};
use souk_core::payment::Payment;
use souk_core::time::Timestamp;
use tokio::task::LocalSet;

use super::both;
use crate::sales::{
    PATIENCE, comes_to_rest, fill_within, give, insist, limits, options, stock_the_shop, until_async,
    with_token,
};
use crate::servers::Backend;

/// Whose actor panics.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// The checkout's, while it is being quoted.
    Quoting,
    /// The checkout's, while it is being paid.
    Paying,
    Payment,
    Order,
}

/// What each of them is told in such a sale. A tick comes when a panic is over: there it is the second one.
const CASES: [(Who, &[Handling]); 4] = [
    (Who::Quoting, &[Start, Command, Answer, Settled, Tick]),
    (Who::Paying, &[Command, Ask, Answer, Read, Settled, Tick, Idle, Stop]),
    (Who::Payment, &[Start, Command, Ask, Answer, Read, Settled, Tick, Idle, Stop]),
    (Who::Order, &[Start, Command, Ask, Answer, Read, Settled, Tick, Worked, Idle, Stop]),
];

/// One sale with its trap.
#[derive(Clone, Copy)]
struct Sale {
    checkout: CheckoutId,
    who: Who,
    trap: Trap,
}

impl Sale {
    fn payment(self) -> StreamId {
        StreamId::Payment(PaymentId { checkout: self.checkout, attempt: 1 })
    }

    fn order(self) -> StreamId {
        StreamId::Order(OrderId(self.checkout.0))
    }

    fn stream(self) -> StreamId {
        match self.who {
            Who::Quoting | Who::Paying => StreamId::Checkout(self.checkout),
            Who::Payment => self.payment(),
            Who::Order => self.order(),
        }
    }

    fn set(self, node: &Node) {
        if matches!(self.trap, Trap::Before(Tick) | Trap::After(Tick)) {
            node.set_trap(self.stream(), Trap::Before(Settled));
        }
        node.set_trap(self.stream(), self.trap);
    }
}

fn sales() -> Vec<Sale> {
    let mut sales = Vec::new();
    for (who, kinds) in CASES {
        for trap in kinds.iter().copied().flat_map(both) {
            sales.push(Sale { checkout: CheckoutId(5_000 + sales.len() as u128), who, trap });
        }
    }
    sales
}

/// Long enough that no attempt is given up because an actor had to be loaded anew meanwhile.
fn patient() -> Limits {
    Limits { card_ms: 60_000, hold_ttl_ms: 60_000, ..limits() }
}

async fn sell(node: Arc<Node>, sale: Sale) {
    let Sale { checkout, who, .. } = sale;
    if matches!(who, Who::Quoting) {
        sale.set(&node);
    }
    let pay = with_token(fill_within(&node, checkout, patient()).await, "card_success");
    if !matches!(who, Who::Quoting) {
        sale.set(&node);
    }
    let key = CommandKey { id: CommandId((checkout.0 << 8) | 1), fingerprint: 2 };
    let paid = insist(&node, checkout, pay, key).await;
    let Ok(checkout::Reply::Placed { order, .. }) = paid else { panic!("{checkout} was told {paid:?}") };
    let home = StreamId::Order(order);
    let parcel = ParcelId(checkout.0);
    let by = Actor::Vendor(VendorId(1));
    let ship = order::Command::Ship { by, vendor_order: 1, parcel, lines: None, tracking: None };
    give::<Order>(&node, home, ship).await.expect("shipped");
    let cancel = order::Command::Cancel {
        by: Actor::Operator,
        scope: Scope::VendorOrder(2),
        reason: CancelReason::NotAvailable,
    };
    give::<Order>(&node, home, cancel).await.expect("cancelled");
    node.handle::<Checkout>().read(StreamId::Checkout(checkout), PATIENCE).await.expect("a state");
    node.handle::<Payment>().read(sale.payment(), PATIENCE).await.expect("a state");
    until_async("the refund has moved", async || {
        let (state, _) = node.handle::<Order>().read(home, PATIENCE).await.expect("a state");
        state.asks.is_empty() && state.refunds.values().all(|refund| refund.stage == RefundStage::Done)
    })
    .await;
    // Left alone, all of them fall asleep.
    until_async("asleep", async || {
        [StreamId::Checkout(checkout), sale.payment(), home]
            .iter()
            .all(|stream| node.pulse(*stream).is_none())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_go_through_whatever_their_actors_panic_at() {
    let backend = Backend::sqlite();
    let database = backend.url().parse().expect("an address");
    let node = NodeOptions { idle: Duration::from_millis(100), ..NodeOptions::default() };
    let shop = Shop::open(&database, backend.data_dir(), Clock::system(), ShopOptions { node, ..options() })
        .await
        .expect("the shop opens");
    stock_the_shop(&shop.node).await;
    let sales = sales();
    // All at once; on this thread, since the closures that are waited for are no `Send`.
    let selling = LocalSet::new();
    let sold: Vec<_> =
        sales.iter().map(|sale| selling.spawn_local(sell(Arc::clone(&shop.node), *sale))).collect();
    selling.await;
    for (sold, sale) in sold.into_iter().zip(&sales) {
        assert!(sold.await.is_ok(), "{:?} {:?}: the sale did not go through", sale.who, sale.trap);
    }
    assert_eq!(shop.node.traps_waiting(), Vec::new(), "somebody came by everywhere");
    assert_eq!(shop.node.quarantined(), Vec::new());
    let report = comes_to_rest(&backend, "panics").await;
    assert!(report.events > 0);
    // Whatever was to be carried out outside has been, and is known to have been.
    let (everywhere, later): (Vec<_>, _) =
        ((0..PARTITIONS).map(Partition).collect(), Timestamp::from_millis(i64::MAX));
    for lane in ["payment", "mail"] {
        until_async("the outbox is empty", async || {
            let reader = shop.node.journal().reader();
            reader.open_effects(lane, &everywhere, later, 10).await.expect("readable").is_empty()
        })
        .await;
    }
    shop.close().await;

    let mut placed: BTreeMap<StreamId, u32> = BTreeMap::new();
    let count = |recorded: &souk_core::journal::Recorded, _: usize| {
        if let AnyEvent::Order(order::Event::Placed(_)) = &recorded.event {
            *placed.entry(recorded.stream).or_default() += 1;
        }
    };
    audit::read(&database, count).await.expect("readable");
    assert_eq!(placed, sales.iter().map(|sale| (sale.order(), 1)).collect(), "each placed once");
    let log = test_bank::read(&backend.data_dir().join(LOG_FILE)).expect("the bank's log");
    assert_eq!(test_bank::audit(&log).faults, Vec::new(), "one effect per key");
}
