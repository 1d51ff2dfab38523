//! Actors of every kind panic at every kind of message while clients buy over HTTP. The server is in this process, since
//! its traps are set by hand; `tests/it/panics/` goes through them one by one.

use std::sync::Arc;
use std::time::Duration;

use souk::actors::Handling::{Answer, Ask, Command, Idle, Read, Settled, Start, Stop, Tick, Worked};
use souk::actors::{Handling, Trap};
use souk::app::{Doors, ShopOptions};
use souk::clock::Clock;
use souk::config::{Config, Flag, Sources};
use souk::http::{Opening, serve};
use souk_core::ids::{OrderId, PaymentId, ProductId, StreamId, VendorId};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::market::Market;
use super::scenario::{Dice, Done, On, cycles, run};
use crate::sales::{VENDORS, sku};

const CLIENTS: u64 = 6;
const PATIENCE: Duration = Duration::from_secs(600);
const KINDS: [Handling; 10] = [Start, Command, Ask, Answer, Read, Settled, Tick, Worked, Idle, Stop];
/// Between two panics of those that everybody needs: three of one in ten seconds, and it would be kept apart.
const PAUSE: Duration = Duration::from_millis(1_000);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[test]
fn actors_that_panic_while_clients_buy_lose_nothing_on_sqlite() {
    let Some(backend) = On::Sqlite.open("panics") else { return };
    run("panics", "an actor panics: every kind of actor and of message", On::Sqlite, || async move {
        let market = Market::found(backend).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        let config = settings(&market);
        let doors = Doors::open_with(&config, Clock::system(), ShopOptions::of(&config)).await;
        let doors = doors.expect("the shop opens");
        let (services, limits) = (Arc::clone(&doors.services), doors.limits);
        let (stop, stopped) = oneshot::channel::<()>();
        let node = Arc::clone(&services.node);
        let serving = tokio::spawn(async move {
            serve(listener, services, limits, &Opening::default(), async { drop(stopped.await) }).await;
            doors.close().await;
        });

        let (mut load, mut dice, cycles) = (market.load(CLIENTS), Dice::thrown(), cycles(15, 500));
        load.serve_at(&addr);
        let (deadline, mut next, mut turn) = (Instant::now() + PATIENCE, Instant::now(), 0);
        while node.restarts() < u64::from(cycles) {
            assert!(Instant::now() < deadline, "only {} panics", node.restarts());
            for checkout in market.deeds.take_entered() {
                let own = [
                    StreamId::Checkout(checkout),
                    StreamId::Payment(PaymentId { checkout, attempt: 1 }),
                    StreamId::Order(OrderId(checkout.0)),
                ];
                node.set_trap(own[dice.below(3) as usize], any_trap(&mut dice));
            }
            if Instant::now() >= next {
                let vendor = VENDORS[turn % 2];
                let shared = [
                    StreamId::Stock(sku(vendor).shard()),
                    StreamId::Product(ProductId(10 + vendor)),
                    StreamId::Vendor(VendorId(vendor)),
                ];
                node.set_trap(shared[turn / 2 % 3], any_trap(&mut dice));
                (next, turn) = (Instant::now() + PAUSE, turn + 1);
            }
            load.is_content();
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        assert_eq!(node.quarantined(), Vec::new());
        let panics = node.restarts() as u32;
        drop((node, stop));
        serving.await.expect("it ends in order");
        let served = market.serve().await;
        let facts = market.end(served, load).await;
        Done { cycles: panics, facts, remark: "the server in the test's process".to_owned() }
    });
}

fn any_trap(dice: &mut Dice) -> Trap {
    let kind = KINDS[dice.below(KINDS.len() as u64) as usize];
    if dice.below(2) == 0 { Trap::Before(kind) } else { Trap::After(kind) }
}

/// Those of the market's servers.
fn settings(market: &Market) -> Config {
    let mut flags: Vec<Flag> = Vec::new();
    let mut give = |key, value: String| flags.push(Flag { flag: "--test", key, value });
    give("database.url", market.url().to_owned());
    give("database.data_dir", market.dir().display().to_string());
    give("engine.actor_idle_ms", "1000".to_owned());
    give("checkout.hold_ttl_ms", "60000".to_owned());
    give("checkout.attempt_card_ms", "20000".to_owned());
    give("checkout.attempt_instant_ms", "20000".to_owned());
    give("checkout.attempt_pay_later_ms", "20000".to_owned());
    give("checkout.look_up_every_ms", "200".to_owned());
    give("checkout.late_money_ms", "2000".to_owned());
    give("checkout.pay_answer_ms", "1000".to_owned());
    give("payments.test_bank_delay_ms", "0".to_owned());
    give("payments.notice_delay_ms", "100".to_owned());
    Config::load(Sources { flags, ..Sources::default() }).expect("good settings").config
}
