//! Whatever shoppers, vendors, banks and networks do: nothing is ever wrong, and in the end nothing is left to do.

use proptest::prelude::*;

use super::super::*;
use super::bank::Mood;
use super::sales::verify;
use super::world::*;
use crate::checkout::{self, Checkout};
use crate::ids::{LocationId, MovementId, ParcelId};
use crate::inventory::{self, Inventory};
use crate::order::{self, Actor, CancelReason, LineStage, Order, Scope};
use crate::payment::Method;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
enum Step {
    Quote(usize),
    Pay(u8),
    Abandon,
    Mood(Mood),
    Weather(Vec<Weather>),
    Later(i64),
    ShopperActs(u32),
    CapturedAfterAll(u32),
    Stock(i64),
    Ship(u32),
    Cancel(Scope),
    RetryRefund(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let mood = prop_oneof![
        Just(Mood::Fine),
        Just(Mood::Fine),
        Just(Mood::Declines),
        Just(Mood::KeepsMoney),
        Just(Mood::TimesOut),
        Just(Mood::Deaf),
        Just(Mood::Later)
    ];
    let weather = prop_oneof![
        Just(Weather::Fair),
        Just(Weather::Lost),
        Just(Weather::AnswerLost),
        Just(Weather::Doubled)
    ];
    let pause = prop_oneof![Just(1_000), Just(40_000), Just(130_000), Just(16 * 60_000), Just(5 * DAY_MS)];
    let scope = prop_oneof![
        (1..3u32).prop_map(Scope::Line),
        (1..3u32).prop_map(Scope::VendorOrder),
        Just(Scope::Order)
    ];
    prop_oneof![
        2 => (1..3usize).prop_map(Step::Quote),
        4 => (0..3u8).prop_map(Step::Pay),
        1 => Just(Step::Abandon),
        3 => mood.prop_map(Step::Mood),
        3 => proptest::collection::vec(weather, 1..12).prop_map(Step::Weather),
        3 => pause.prop_map(Step::Later),
        2 => (1..4u32).prop_map(Step::ShopperActs),
        1 => (1..4u32).prop_map(Step::CapturedAfterAll),
        1 => prop_oneof![Just(-5), Just(5), Just(-1)].prop_map(Step::Stock),
        2 => (1..3u32).prop_map(Step::Ship),
        2 => scope.prop_map(Step::Cancel),
        2 => (1..6u32).prop_map(Step::RetryRefund),
    ]
}

fn method(kind: u8) -> Method {
    let token = "tok".to_owned();
    match kind {
        0 => Method::Card { token },
        1 => Method::Instant { token },
        _ => Method::PayLater { token },
    }
}

fn run(world: &mut World, step: Step, n: u128) {
    match step {
        Step::Quote(lines) => world.quoted(lines),
        Step::Pay(kind) => world.pay(method(kind)),
        Step::Abandon => drop(world.checkout(checkout::Command::Abandon)),
        Step::Mood(mood) => world.bank.mood = Some(mood),
        Step::Weather(weather) => world.weather.extend(weather),
        Step::Later(millis) => world.later(millis),
        Step::ShopperActs(attempt) => world.shopper_acts(attempt),
        Step::CapturedAfterAll(attempt) => world.captured_after_all(attempt),
        Step::Stock(delta) => {
            let adjust = inventory::Command::Adjust {
                movement: MovementId(n),
                sku: SKUS[0],
                location: LocationId::MAIN,
                delta,
            };
            world.command::<Inventory>(StreamId::Stock(SKUS[0].shard()), adjust);
        }
        Step::Ship(vendor_order) => {
            let by = Actor::Operator;
            let ship =
                order::Command::Ship { by, vendor_order, parcel: ParcelId(n), lines: None, tracking: None };
            world.command::<Order>(StreamId::Order(ORDER), ship);
        }
        Step::RetryRefund(refund) => retry_refund(world, refund),
        Step::Cancel(scope) => {
            let cancel = order::Command::Cancel { by: Actor::Buyer, scope, reason: CancelReason::Other };
            world.command::<Order>(StreamId::Order(ORDER), cancel);
        }
    }
}

fn retry_refund(world: &mut World, refund: u32) {
    world.command::<Order>(
        StreamId::Order(ORDER),
        order::Command::RetryRefund { by: Actor::Operator, refund },
    );
}

/// What the shopper is charged in the end is what he keeps.
fn charged_for_what_is_kept(world: &mut World) {
    let order = world.state::<Order>(StreamId::Order(ORDER));
    let lines = order.placed.iter().flat_map(|placed| &placed.lines);
    let kept = lines.filter(|line| order.lines[&line.number].stage != LineStage::Cancelled);
    let kept: i64 = kept.map(|line| line.charged().unwrap().minor).sum();
    assert_eq!(world.bank.kept(), kept);
    assert!(order.flags.is_empty(), "{:?}", order.flags);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn everything_comes_to_an_end(steps in proptest::collection::vec(step(), 1..25)) {
        let mut world = World::new();
        world.quoted(2);
        for (n, step) in (1_000..).zip(steps) {
            run(&mut world, step, n);
            verify(&world);
        }
        world.weather.clear();
        world.bank.mood = None;
        for refund in 1..40 {
            world.later(DAY_MS / 4);
            retry_refund(&mut world, refund);
        }
        let report = verify(&world);
        prop_assert_eq!(&report.violations, &Vec::new());
        prop_assert_eq!(&report.pending, &Vec::new());
        charged_for_what_is_kept(&mut world);
        let stage = world.state::<Checkout>(StreamId::Checkout(CHECKOUT)).asks;
        prop_assert!(stage.is_empty(), "{:?}", stage);
    }
}
