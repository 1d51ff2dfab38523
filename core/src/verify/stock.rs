//! I1 to I5: the books of the stock, kept a second time.

use std::collections::BTreeMap;

use crate::ids::{HoldId, LocationId, MovementId, SkuId, StreamId};
use crate::inventory::{Event, Level, MOVEMENT_KEPT_MS};
use crate::journal::Recorded;
use crate::time::Timestamp;

use super::orders::Orders;
use super::{Invariant, Pending, Report, Told};

#[derive(Clone, Debug, Default)]
pub(super) struct Stock {
    levels: BTreeMap<(SkuId, LocationId), Books>,
    holds: BTreeMap<HoldId, Claim>,
    /// When receipts, restocks and adjustments were booked.
    moved: BTreeMap<(SkuId, MovementId), Timestamp>,
    /// The last event about each SKU.
    seen: BTreeMap<SkuId, u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Books {
    came: i128,
    adjusted: i128,
    shipped: i128,
    held: i128,
    allocated: i128,
}

#[derive(Clone, Debug)]
struct Claim {
    stream: StreamId,
    seq: u64,
    place: (SkuId, LocationId),
    quantity: i128,
    stage: Stage,
    /// Whether it was ever sold, whatever came after.
    committed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Held(Timestamp),
    Pinned,
    Allocated,
    Ended,
    Barred,
}

impl Stock {
    /// Books an event; says which units it moved, if any.
    pub(super) fn event(
        &mut self,
        recorded: &Recorded,
        event: &Event,
        report: &mut Report,
    ) -> Option<(SkuId, LocationId)> {
        let place = self.book(recorded, event, report)?;
        let at = (recorded.stream, recorded.seq);
        self.seen.insert(place.0, recorded.seq);
        self.check_shard(place.0, at, report);
        self.check_level(place, at, report);
        Some(place)
    }

    fn check_shard(&self, sku: SkuId, at: (StreamId, u64), report: &mut Report) {
        report.check(Invariant::I5, StreamId::Stock(sku.shard()) == at.0, at, || {
            format!("{sku} does not belong to this shard")
        });
    }

    /// The same receipt twice would make units out of nothing.
    fn moved(&mut self, sku: SkuId, movement: MovementId, recorded: &Recorded, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        let first = self.moved.insert((sku, movement), recorded.at);
        let known = first.is_some_and(|first| recorded.at.millis_since(first) <= MOVEMENT_KEPT_MS);
        report.check(Invariant::I1, !known, at, || format!("{movement} of {sku} is booked a second time"));
    }

    fn book(
        &mut self,
        recorded: &Recorded,
        event: &Event,
        report: &mut Report,
    ) -> Option<(SkuId, LocationId)> {
        let at = (recorded.stream, recorded.seq);
        Some(match event {
            Event::Opened { sku, .. } | Event::Closed { sku, .. } => {
                self.check_shard(*sku, at, report);
                return None;
            }
            Event::Received(movement) | Event::Restocked(movement) => {
                self.moved(movement.sku, movement.movement, recorded, report);
                let place = (movement.sku, movement.location);
                self.levels.entry(place).or_default().came += i128::from(movement.quantity);
                place
            }
            Event::Adjusted { sku, location, delta, movement } => {
                self.moved(*sku, *movement, recorded, report);
                let place = (*sku, *location);
                self.levels.entry(place).or_default().adjusted += i128::from(*delta);
                place
            }
            Event::Held { hold, sku, location, quantity, deadline, pin, .. } => {
                let place = (*sku, *location);
                let fresh = !self.holds.contains_key(hold);
                report.check(Invariant::I4, fresh, at, || format!("{hold} is taken a second time"));
                let stage = if pin.is_some() { Stage::Pinned } else { Stage::Held(*deadline) };
                let claim = Claim {
                    stream: recorded.stream,
                    seq: recorded.seq,
                    place,
                    quantity: i128::from(*quantity),
                    stage,
                    committed: false,
                };
                self.holds.insert(*hold, claim);
                self.levels.entry(place).or_default().held += i128::from(*quantity);
                place
            }
            Event::Barred { hold, .. } => {
                let fresh = !self.holds.contains_key(hold);
                report.check(Invariant::I4, fresh, at, || format!("{hold} is barred although it was seen"));
                let claim = Claim {
                    stream: recorded.stream,
                    seq: recorded.seq,
                    place: (SkuId(0), LocationId::MAIN),
                    quantity: 0,
                    stage: Stage::Barred,
                    committed: false,
                };
                self.holds.insert(*hold, claim);
                return None;
            }
            Event::Pinned { hold, .. } => {
                // Again, when a later order found it pinned.
                let held = |stage| matches!(stage, Stage::Held(_) | Stage::Pinned);
                self.step(*hold, at, report, held, Stage::Pinned);
                return None;
            }
            Event::Unpinned { hold, deadline, .. } => {
                // Again, when it overtook the pin.
                let held = |stage| matches!(stage, Stage::Held(_) | Stage::Pinned);
                self.step(*hold, at, report, held, Stage::Held(*deadline));
                return None;
            }
            Event::Committed { hold, .. } => {
                let pinned = |stage| stage == Stage::Pinned;
                let (place, quantity) = self.step(*hold, at, report, pinned, Stage::Allocated)?;
                let books = self.levels.entry(place).or_default();
                books.held -= quantity;
                books.allocated += quantity;
                place
            }
            Event::Released { hold } => {
                let held = |stage| matches!(stage, Stage::Held(_) | Stage::Pinned);
                let (place, quantity) = self.step(*hold, at, report, held, Stage::Ended)?;
                self.levels.entry(place).or_default().held -= quantity;
                place
            }
            Event::Expired { hold } => {
                let due = |stage| matches!(stage, Stage::Held(deadline) if deadline <= recorded.at);
                let (place, quantity) = self.step(*hold, at, report, due, Stage::Ended)?;
                self.levels.entry(place).or_default().held -= quantity;
                place
            }
            Event::Deallocated { hold } => {
                let sold = |stage| stage == Stage::Allocated;
                let (place, quantity) = self.step(*hold, at, report, sold, Stage::Ended)?;
                self.levels.entry(place).or_default().allocated -= quantity;
                place
            }
            Event::Shipped { hold } => {
                let sold = |stage| stage == Stage::Allocated;
                let (place, quantity) = self.step(*hold, at, report, sold, Stage::Ended)?;
                let books = self.levels.entry(place).or_default();
                books.allocated -= quantity;
                books.shipped += quantity;
                place
            }
        })
    }

    /// Moves a hold along its automaton; says where its units are when the move was allowed.
    fn step(
        &mut self,
        id: HoldId,
        at: (StreamId, u64),
        report: &mut Report,
        allowed: impl FnOnce(Stage) -> bool,
        to: Stage,
    ) -> Option<((SkuId, LocationId), i128)> {
        let Some(claim) = self.holds.get_mut(&id) else {
            report.check(Invariant::I4, false, at, || format!("{id} was never taken"));
            return None;
        };
        let from = claim.stage;
        let same_shard = claim.stream == at.0;
        let allowed = same_shard && allowed(from);
        report.check(Invariant::I4, allowed, at, || format!("{id} goes from {from:?} to {to:?}"));
        if !allowed {
            return None;
        }
        claim.stage = to;
        claim.seq = at.1;
        claim.committed |= to == Stage::Allocated;
        Some((claim.place, claim.quantity))
    }

    fn check_level(&self, place: (SkuId, LocationId), at: (StreamId, u64), report: &mut Report) {
        let books = self.levels.get(&place).copied().unwrap_or_default();
        let on_hand = books.came + books.adjusted - books.shipped;
        let available = on_hand - books.held - books.allocated;
        let (sku, location) = place;
        report.check(Invariant::I1, on_hand >= 0, at, || format!("{sku} at {location}: on hand {on_hand}"));
        let split = available >= 0 && books.held >= 0 && books.allocated >= 0;
        report.check(Invariant::I2, split, at, || {
            format!(
                "{sku} at {location}: available {available}, held {}, allocated {}",
                books.held, books.allocated
            )
        });
    }

    pub(super) fn level(&self, sku: SkuId, location: LocationId) -> Level {
        let books = self.levels.get(&(sku, location)).copied().unwrap_or_default();
        Level {
            on_hand: clamped(books.came + books.adjusted - books.shipped),
            held: clamped(books.held),
            allocated: clamped(books.allocated),
        }
    }

    /// Whether the journal bears out what a client was told.
    pub(super) fn bears_out(&self, told: &Told) -> bool {
        let stage = |hold| self.holds.get(hold).map(|claim| claim.stage);
        match told {
            Told::Held(hold) => stage(hold).is_some_and(|stage| stage != Stage::Barred),
            Told::Committed(hold) => self.holds.get(hold).is_some_and(|claim| claim.committed),
            // One that was never seen may be undone without a trace, once its deadline is over: nothing was kept.
            Told::Undone(hold) => matches!(stage(hold), None | Some(Stage::Ended | Stage::Barred)),
            Told::Placed(_) => false,
        }
    }

    pub(super) fn finish(self, orders: &Orders, report: &mut Report) {
        self.check_sold(orders, report);
        for (id, claim) in self.holds {
            if let Stage::Held(deadline) = claim.stage {
                report.pending.push(Pending {
                    invariant: Invariant::I4,
                    stream: claim.stream,
                    seq: claim.seq,
                    deadline,
                    what: format!("{id} is held"),
                });
            }
        }
    }

    /// Oversold is what orders promise beyond what ever came, whatever the shards believe.
    fn check_sold(&self, orders: &Orders, report: &mut Report) {
        let mut came: BTreeMap<SkuId, i128> = BTreeMap::new();
        for ((sku, _), books) in &self.levels {
            *came.entry(*sku).or_default() += books.came + books.adjusted;
        }
        let mut sold = orders.sold();
        for sku in came.keys() {
            sold.entry(*sku).or_default();
        }
        for (sku, sold) in sold {
            let came = came.get(&sku).copied().unwrap_or_default();
            let at = (StreamId::Stock(sku.shard()), self.seen.get(&sku).copied().unwrap_or_default());
            report.check(Invariant::I3, sold <= came, at, || {
                format!("{sold} of {sku} are sold, {came} ever came")
            });
        }
    }
}

/// As far as the machines can count.
fn clamped(units: i128) -> i64 {
    i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
}
