//! Units: I1 to I5.

use super::*;

#[test]
fn units_that_never_came_break_i1_i2_i3() {
    let fewer = |journal: &mut Vec<Recorded>| {
        change!(journal, Stock(inventory::Event::Received(movement)) => { movement.quantity = 1; });
    };
    breaks(Invariant::I2, shard(), fewer);
    breaks_in(placed(1).journal, Invariant::I3, shard(), fewer);
    let other = StreamId::Stock(SKUS[1].shard());
    breaks(Invariant::I1, other, |journal| {
        let second = |event: &AnyEvent| matches!(event, AnyEvent::Stock(inventory::Event::Received(movement)) if movement.sku == SKUS[1]);
        without(journal, second);
    });
}

/// The shards' own books are right; two orders were made of one unit all the same.
#[test]
fn more_sold_than_ever_came_breaks_i3() {
    breaks_in(placed(1).journal, Invariant::I3, shard(), |journal| {
        in_placed(journal, |placed| placed.lines[0].quantity = 6);
    });
}

#[test]
fn a_movement_that_is_booked_twice_breaks_i1() {
    breaks(Invariant::I1, shard(), |journal| twice(journal, is!(Stock::inventory::Received)));
    let adjusted = |delta| {
        move |journal: &mut Vec<Recorded>| {
            let at = find(journal, is!(Stock::inventory::Received));
            let mut again = journal[at].clone();
            again.event = AnyEvent::Stock(inventory::Event::Adjusted {
                movement: crate::ids::MovementId(SKUS[0].0),
                sku: SKUS[0],
                location: LocationId::MAIN,
                delta,
            });
            journal.insert(at + 1, again);
        }
    };
    breaks(Invariant::I1, shard(), adjusted(1));
    // However damaged, it is told and not a panic.
    breaks(Invariant::I1, shard(), adjusted(i64::MAX));
    breaks(Invariant::I1, shard(), adjusted(i64::MIN));
}

#[test]
fn a_sku_in_a_foreign_shard_breaks_i5() {
    for event in [is!(Stock::inventory::Received), is!(Stock::inventory::Opened)] {
        let stranger = StreamId::Stock(SKUS[1].shard());
        breaks(Invariant::I5, stranger, |journal| {
            let at = find(journal, event);
            journal[at].stream = stranger;
            journal[at].partition = stranger.partition();
        });
    }
}

#[test]
fn a_hold_that_ends_twice_breaks_i4() {
    breaks(Invariant::I4, shard(), |journal| twice(journal, is!(Stock::inventory::Deallocated)));
}
