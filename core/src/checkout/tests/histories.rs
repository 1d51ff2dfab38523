//! Whole sales under every misfortune: in the end everything is sold and paid, or nothing is held and nothing
//! kept.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::bank::{Bank, Dice, Stands};
use super::bus::{Bus, Faults};
use super::market::{self, Shopper};
use super::*;

/// How a history ended, to see that all ends are reached.
#[derive(Default, Debug)]
struct Ends {
    placed: usize,
    expired: usize,
    failed: usize,
    refunded: usize,
    released: usize,
    declined: usize,
}

fn history(seed: u64, faults: Faults) -> Ends {
    let mut bus = Bus::new(seed, Faults::NONE);
    for sku in 1..=3 {
        market::stock(&mut bus, SkuId(sku), 3);
    }
    while bus.deliver() {}
    bus.faults = faults;
    let mut dice = Dice::new(seed ^ 0xfeed);
    let mut shoppers: Vec<Shopper> = (1..=3).map(|n| Shopper::new(n, &mut dice)).collect();
    for _ in 0..1_500 {
        let idle = match bus.dice.roll(100) {
            0..8 => true,
            8 => !bus.pass_time(20_000),
            _ => !bus.deliver() && !bus.pass_time(20_000),
        };
        if idle {
            let who = bus.dice.roll(shoppers.len() as u64) as usize;
            shoppers[who].act(&mut bus);
        }
    }
    bus.come_to_rest();
    check(&mut bus, &shoppers)
}

fn check(bus: &mut Bus, shoppers: &[Shopper]) -> Ends {
    bus.log.verify(bus.now);
    assert_eq!(bus.open_asks(), [], "somebody still waits for an answer");
    let mut ends = Ends::default();
    let mut sold: BTreeSet<PaymentId> = BTreeSet::new();
    for shopper in shoppers {
        let stream = StreamId::Checkout(shopper.checkout);
        if !bus.log.has(stream) {
            continue;
        }
        let state = bus.checkout(stream);
        let order = bus.log.has(StreamId::Order(OrderId(shopper.checkout.0)));
        match &state.stage {
            Stage::Placed(paid) => {
                ends.placed += 1;
                sold.insert(paid.payment);
                assert!(order, "placed and no order");
            }
            Stage::Expired | Stage::Failed => {
                ends.expired += usize::from(state.stage == Stage::Expired);
                ends.failed += usize::from(state.stage == Stage::Failed);
                assert!(!order, "an order of nothing");
            }
            other => panic!("{} never came to an end: {other:?}", shopper.checkout),
        }
    }
    check_bank(&bus.bank, &sold, &mut ends);
    for sku in 1..=3 {
        let shard = bus.shard(StreamId::Stock(SkuId(sku).shard()));
        for (id, hold) in &shard.holds {
            let payment = sold.iter().find(|payment| payment.checkout == id.checkout);
            assert!(payment.is_some(), "{id} is held for nobody");
            assert_eq!(hold.state, inventory::HoldState::Allocated);
        }
        let level = shard.skus[&SkuId(sku)].levels[&LocationId::MAIN];
        assert!(level.available() >= 0 && level.held == 0, "{level:?}");
    }
    ends
}

fn check_bank(bank: &Bank, sold: &BTreeSet<PaymentId>, ends: &mut Ends) {
    for (payment, account) in &bank.accounts {
        let back: i64 = account.refunds.values().sum();
        let kept = if account.stands == Stands::Taken { account.amount - back } else { 0 };
        let owed = if sold.contains(payment) { account.amount } else { 0 };
        assert_eq!(kept, owed, "{payment}: {account:?}");
        match account.stands {
            Stands::Challenged | Stands::Awaiting | Stands::Reserved => {
                panic!("still there: {payment}, {account:?}")
            }
            Stands::Taken => ends.refunded += usize::from(back > 0),
            Stands::Released => ends.released += 1,
            Stands::Declined => ends.declined += 1,
            Stands::Nowhere => {}
        }
    }
}

fn faults() -> impl Strategy<Value = Faults> {
    (0..20u64, 0..20u64, 0..4u64, 0..10u64, 0..20u64).prop_map(|(doubled, lost, crash, sleep, jump)| Faults {
        doubled,
        lost,
        crash,
        sleep,
        jump,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn everything_ends_well(seed in any::<u64>(), faults in faults()) {
        history(seed, faults);
    }
}

#[test]
fn every_end_is_reached() {
    let mut all = Ends::default();
    for seed in 0..60 {
        let faults = Faults { doubled: 10, lost: 10, crash: 2, sleep: 5, jump: 10 };
        let ends = history(seed, faults);
        all.placed += ends.placed;
        all.expired += ends.expired;
        all.refunded += ends.refunded;
        all.released += ends.released;
        all.declined += ends.declined;
        all.failed += ends.failed;
    }
    let reached = [all.placed, all.expired, all.refunded, all.released, all.declined];
    assert!(reached.iter().all(|count| *count > 0), "{all:?}");
}

#[test]
fn a_checkout_of_one_line_takes_twenty_events() {
    let mut fewest = usize::MAX;
    for seed in 0..40 {
        let mut bus = Bus::new(seed, Faults::NONE);
        market::stock(&mut bus, SkuId(1), 3);
        let mut shopper = Shopper::of_one_line(1);
        while bus.deliver() {}
        let before: usize = bus.log.all.len();
        for _ in 0..400 {
            shopper.act(&mut bus);
            while bus.deliver() {}
        }
        if bus.log.has(StreamId::Order(OrderId(shopper.checkout.0))) {
            bus.come_to_rest();
            let after: usize = bus.log.all.len();
            let by_card = bus.log.all.iter().any(|recorded| {
                matches!(&recorded.event, AnyEvent::Payment(payment::Event::CaptureStarted { .. }))
            });
            if by_card {
                fewest = fewest.min(after - before);
            }
        }
    }
    assert_eq!(fewest, 20);
}
