//! Whole sales by the real machines are green, and as short as promised.

use super::super::*;
use super::bank::Mood;
use super::world::*;
use crate::inventory::Inventory;
use crate::order::{self, Actor, CancelReason, Order, Scope, Status};
use crate::payment::{Method, Payment};
use crate::time::Timestamp;
use crate::{checkout, ids::ParcelId, inventory};

/// Reads the whole journal and outbox.
pub(super) fn verify(world: &World) -> Report {
    let mut verifier = Verifier::new();
    for recorded in &world.journal {
        verifier.event(recorded);
        assert_eq!(verifier.violations(), &[], "{:?}", recorded.event);
    }
    for (id, effect) in &world.outbox {
        verifier.effect(*id, effect);
    }
    verifier.finish()
}

/// Nothing is wrong and nothing is left to do.
fn settled(world: &World) -> Report {
    let report = verify(world);
    assert_eq!(report.violations, []);
    assert_eq!(report.pending, []);
    report
}

fn events_of(world: &World, wanted: impl Fn(StreamId) -> bool) -> usize {
    world.journal.iter().filter(|recorded| wanted(recorded.stream)).count()
}

pub(super) fn placed(lines: usize) -> World {
    let mut world = World::new();
    world.quoted(lines);
    world.pay(card());
    world
}

pub(super) fn order(world: &mut World, command: order::Command) -> Result<order::Reply, order::Rejection> {
    world.command::<Order>(StreamId::Order(ORDER), command).unwrap()
}

pub(super) fn cancel(world: &mut World, scope: Scope) {
    order(world, order::Command::Cancel { by: Actor::Buyer, scope, reason: CancelReason::BuyerChangedMind })
        .unwrap();
}

pub(super) fn ship(world: &mut World, vendor_order: u32, parcel: u128) {
    let parcel = ParcelId(parcel);
    let by = Actor::Operator;
    order(world, order::Command::Ship { by, vendor_order, parcel, lines: None, tracking: None }).unwrap();
}

#[test]
fn a_card_checkout_of_one_line_is_twenty_events() {
    let world = placed(1);
    let report = settled(&world);
    let checkout = events_of(&world, |stream| matches!(stream, StreamId::Checkout(_)));
    let payment = events_of(&world, |stream| matches!(stream, StreamId::Payment(_)));
    let order = events_of(&world, |stream| matches!(stream, StreamId::Order(_)));
    // Two shards were opened and filled before.
    let stock = events_of(&world, |stream| matches!(stream, StreamId::Stock(_))) - 4;
    assert_eq!((checkout, payment, stock, order), (12, 5, 2, 1));
    for invariant in
        [Invariant::I12, Invariant::I13, Invariant::I14, Invariant::I15, Invariant::I17, Invariant::I19]
    {
        assert!(report.facts.contains_key(&invariant), "{invariant} was not checked");
    }
}

#[test]
fn an_order_of_two_vendors_is_shipped_and_delivered() {
    let mut world = placed(2);
    ship(&mut world, 1, 1);
    ship(&mut world, 2, 2);
    for parcel in [1, 2] {
        let parcel = ParcelId(parcel);
        order(&mut world, order::Command::Deliver { by: Actor::Operator, parcel }).unwrap();
    }
    settled(&world);
    let state = world.state::<Order>(StreamId::Order(ORDER));
    assert_eq!(order::summary(&state).unwrap().status, Status::Delivered);
    assert!(state.asks.is_empty());
    let shard = world.state::<Inventory>(StreamId::Stock(SKUS[0].shard()));
    assert_eq!(shard.skus[&SKUS[0]].available(), 3);
    assert!(shard.holds.is_empty());
}

#[test]
fn a_cancelled_line_brings_units_and_money_back() {
    let mut world = placed(2);
    cancel(&mut world, Scope::Line(1));
    ship(&mut world, 2, 1);
    settled(&world);
    let state = world.state::<Order>(StreamId::Order(ORDER));
    let at_a_glance = order::summary(&state).unwrap();
    assert_eq!((at_a_glance.refund_pending.minor, at_a_glance.refunded.minor), (0, 2 * 1_150 + 100));
    assert!(!at_a_glance.flagged && state.asks.is_empty());
    let shard = world.state::<Inventory>(StreamId::Stock(SKUS[0].shard()));
    assert_eq!(shard.skus[&SKUS[0]].available(), 5);
}

#[test]
fn methods_that_take_the_money_at_once_are_fine() {
    let mut world = World::new();
    world.quoted(2);
    world.pay(Method::Instant { token: "tok".to_owned() });
    settled(&world);
    assert!(events_of(&world, |stream| matches!(stream, StreamId::Order(_))) == 1);
}

#[test]
fn methods_that_pay_later_are_fine() {
    let mut world = World::new();
    world.quoted(1);
    world.pay(Method::PayLater { token: "tok".to_owned() });
    let report = verify(&world);
    assert_eq!(report.violations, []);
    assert!(!report.pending.is_empty());
    assert!(report.is_green(world.now));
    assert!(!report.is_green(world.now.plus_millis(30 * 24 * 60 * 60 * 1000)));
    world.shopper_acts(1);
    settled(&world);
}

#[test]
fn a_declined_card_frees_everything_and_the_next_one_pays() {
    let mut world = World::new();
    world.bank.mood = Some(Mood::Declines);
    world.quoted(2);
    world.pay(card());
    settled(&world);
    world.bank.mood = None;
    world.pay(card());
    settled(&world);
    assert!(events_of(&world, |stream| stream == StreamId::Payment(payment_id(2))) == 5);
}

#[test]
fn sold_out_frees_everything() {
    let mut world = World::new();
    world.quoted(2);
    let taken = inventory::Command::Adjust {
        movement: crate::ids::MovementId(99),
        sku: SKUS[1],
        location: crate::ids::LocationId::MAIN,
        delta: -5,
    };
    world.command::<Inventory>(StreamId::Stock(SKUS[1].shard()), taken);
    world.pay(card());
    settled(&world);
    assert_eq!(events_of(&world, |stream| matches!(stream, StreamId::Payment(_))), 0);
}

#[test]
fn money_that_comes_after_the_end_goes_back() {
    let mut world = World::new();
    world.bank.mood = Some(Mood::Later);
    world.quoted(1);
    world.pay(card());
    world.later(checkout::Limits::default().card_ms + 1);
    settled(&world);
    world.bank.mood = None;
    world.captured_after_all(1);
    let state = world.state::<Payment>(StreamId::Payment(payment_id(1)));
    assert!(state.refunds.iter().all(|refund| refund.done) && state.refunds.len() == 1);
    settled(&world);
}

#[test]
fn a_payment_that_never_arrived_is_pending_until_nobody_asks_for_it_any_more() {
    let mut world = World::new();
    world.bank.mood = Some(Mood::Deaf);
    world.quoted(1);
    world.pay(card());
    world.checkout(checkout::Command::Abandon);
    world.bank.mood = None;
    for _ in 0..10 {
        world.later(60_000);
    }
    let report = verify(&world);
    let [pending] = report.pending.as_slice() else { panic!("{:?}", report.pending) };
    assert_eq!((pending.invariant, pending.stream), (Invariant::I12, StreamId::Payment(payment_id(1))));
    assert!(report.is_green(world.now.plus_millis(checkout::Limits::default().late_money_ms)));
    for _ in 0..13 {
        world.later(6 * 60 * 60 * 1000);
    }
    settled(&world);
}

#[test]
fn an_attempt_under_way_is_pending_until_its_limit() {
    let mut world = World::new();
    world.bank.mood = Some(Mood::Later);
    world.quoted(1);
    world.pay(card());
    let report = verify(&world);
    assert_eq!(report.violations, []);
    assert!(report.is_green(world.now));
    let limit = checkout::Limits::default().card_ms + PAYMENT_MARGIN_MS;
    assert!(report.is_green(world.now.plus_millis(limit)));
    assert!(!report.is_green(world.now.plus_millis(limit + 1)));
    assert!(report.pending.iter().any(|pending| pending.invariant == Invariant::I12));
    assert!(report.pending.iter().all(|pending| pending.deadline > Timestamp::ZERO));
}

#[test]
fn a_refused_refund_waits_for_a_person_and_is_then_made() {
    let mut world = placed(2);
    world.bank.mood = Some(Mood::KeepsMoney);
    cancel(&mut world, Scope::Line(1));
    let report = verify(&world);
    assert_eq!(report.violations, []);
    let [pending] = report.pending.as_slice() else { panic!("{:?}", report.pending) };
    assert_eq!((pending.invariant, pending.stream), (Invariant::I20, StreamId::Order(ORDER)));
    assert!(report.is_green(world.now.plus_millis(PERSON_MARGIN_MS)));
    assert!(!report.is_green(world.now.plus_millis(PERSON_MARGIN_MS + 1)));
    let retry = |world: &mut World, refund| {
        order(world, order::Command::RetryRefund { by: Actor::Operator, refund }).unwrap();
    };
    retry(&mut world, 1);
    assert_eq!(verify(&world).pending.len(), 1, "declined once more");
    world.bank.mood = None;
    retry(&mut world, 2);
    settled(&world);
    assert_eq!(world.bank.kept(), 1_150 + 50, "the other line, with its tax");
}

#[test]
fn money_without_an_order_goes_back_by_itself_although_it_was_declined_at_first() {
    let mut world = World::new();
    world.bank.mood = Some(Mood::Later);
    world.quoted(1);
    world.pay(card());
    world.later(checkout::Limits::default().card_ms + 1);
    world.bank.mood = Some(Mood::KeepsMoney);
    world.captured_after_all(1);
    let report = verify(&world);
    assert!(report.pending.iter().any(|pending| pending.invariant == Invariant::I20), "{:?}", report.pending);
    world.bank.mood = None;
    world.later(60_000);
    settled(&world);
    assert_eq!(world.bank.kept(), 0);
}

#[test]
fn a_refund_under_way_is_pending() {
    let mut world = placed(1);
    world.bank.mood = Some(Mood::Deaf);
    cancel(&mut world, Scope::Order);
    let report = verify(&world);
    assert_eq!(report.violations, []);
    assert!(report.pending.iter().all(|pending| pending.invariant == Invariant::I20));
    assert_eq!(report.pending.len(), 2, "the order's and the payment's");
}
