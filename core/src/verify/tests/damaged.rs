//! Histories damaged by hand, each in one place: the invariant it breaks is named, with stream and seq.

use std::collections::BTreeMap;

use super::super::*;
use super::bank::Mood;
use super::sales::{cancel, order, placed, ship};
use super::world::*;
use crate::ids::{CheckoutId, HoldId, LocationId, OrderId, PaymentId};
use crate::journal::Epoch;
use crate::ledger::{Account, Transaction};
use crate::money::Money;
use crate::order::{self, PlacedOrder, Scope};
use crate::payment;
use crate::time::Timestamp;
use crate::{checkout, inventory};

/// Everything that can be in a history: two lines, one sent, the other cancelled and refunded.
fn history() -> Vec<Recorded> {
    let mut world = placed(2);
    ship(&mut world, 2, 1);
    cancel(&mut world, Scope::Line(1));
    world.journal
}

fn read(journal: &[Recorded]) -> Report {
    let mut verifier = Verifier::new();
    for recorded in journal {
        verifier.event(recorded);
    }
    verifier.finish()
}

/// After something was taken out or put in: seqs and positions without gaps again.
fn renumber(journal: &mut [Recorded]) {
    let mut seqs: BTreeMap<StreamId, u64> = BTreeMap::new();
    let mut positions: BTreeMap<Partition, u64> = BTreeMap::new();
    for recorded in journal {
        let seq = seqs.entry(recorded.stream).or_default();
        *seq += 1;
        recorded.seq = *seq;
        let position = positions.entry(recorded.partition).or_default();
        *position += 1;
        recorded.position = *position;
    }
}

/// Reads the history after `damage`, and checks that this invariant is named, in this stream.
fn breaks(invariant: Invariant, stream: StreamId, damage: impl FnOnce(&mut Vec<Recorded>)) -> Report {
    breaks_in(history(), invariant, stream, damage)
}

/// The same, in another history.
fn breaks_in(
    mut journal: Vec<Recorded>,
    invariant: Invariant,
    stream: StreamId,
    damage: impl FnOnce(&mut Vec<Recorded>),
) -> Report {
    damage(&mut journal);
    renumber(&mut journal);
    let report = read(&journal);
    let mut named = report.violations.iter().filter(|violation| violation.invariant == invariant);
    assert!(
        named.any(|violation| violation.stream == stream && violation.seq > 0),
        "{invariant} in {stream} is not named: {:#?}",
        report.violations
    );
    report
}

fn find(journal: &[Recorded], wanted: impl Fn(&AnyEvent) -> bool) -> usize {
    journal.iter().position(|recorded| wanted(&recorded.event)).unwrap()
}

/// Takes out the first event like this.
fn without(journal: &mut Vec<Recorded>, wanted: impl Fn(&AnyEvent) -> bool) {
    journal.remove(find(journal, wanted));
}

/// Tells the first event like this a second time.
fn twice(journal: &mut Vec<Recorded>, wanted: impl Fn(&AnyEvent) -> bool) {
    let at = find(journal, wanted);
    journal.insert(at, journal[at].clone());
}

macro_rules! is {
    ($machine:ident :: $module:ident :: $variant:ident) => {
        |event: &AnyEvent| matches!(event, AnyEvent::$machine($module::Event::$variant { .. }))
    };
}

macro_rules! change {
    ($journal:expr, $machine:ident ( $pattern:pat ) => $change:block) => {
        for recorded in $journal.iter_mut() {
            if let AnyEvent::$machine($pattern) = &mut recorded.event {
                $change
                break;
            }
        }
    };
}

mod journal;
mod money;
mod sales;
mod stock;

const CHK: StreamId = StreamId::Checkout(CHECKOUT);
const ORD: StreamId = StreamId::Order(ORDER);

fn pay() -> StreamId {
    StreamId::Payment(payment_id(1))
}

/// The shard of the first SKU.
fn shard() -> StreamId {
    StreamId::Stock(SKUS[0].shard())
}

fn in_placed(journal: &mut [Recorded], damage: impl FnOnce(&mut PlacedOrder)) {
    let at = find(journal, is!(Order::order::Placed));
    if let AnyEvent::Order(order::Event::Placed(placed)) = &mut journal[at].event {
        damage(placed);
    }
}

#[test]
fn the_whole_history_is_green() {
    let report = read(&history());
    assert_eq!((report.violations, report.pending), (Vec::new(), Vec::new()));
}

#[test]
fn every_invariant_says_what_it_promises() {
    let promises: std::collections::BTreeSet<&str> =
        Invariant::ALL.iter().map(|invariant| invariant.promise()).collect();
    assert_eq!(promises.len(), Invariant::ALL.len());
    let told = include_str!("../../../../docs/INVARIANTS.md");
    for invariant in Invariant::ALL {
        assert!(told.contains(&format!("\n| {invariant} |")), "{invariant} has no row in docs/INVARIANTS.md");
    }
}
