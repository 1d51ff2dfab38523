//! I1 to I4: the books of the stock, kept a second time.

use std::collections::BTreeMap;

use crate::ids::{HoldId, LocationId, SkuId, StreamId};
use crate::inventory::{Event, Level};
use crate::journal::Recorded;
use crate::time::Timestamp;

use super::{Invariant, Pending, Report, Told};

#[derive(Clone, Debug, Default)]
pub(super) struct Stock {
    levels: BTreeMap<(SkuId, LocationId), Books>,
    holds: BTreeMap<HoldId, Claim>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Books {
    came: i64,
    adjusted: i64,
    shipped: i64,
    held: i64,
    allocated: i64,
}

#[derive(Clone, Debug)]
struct Claim {
    stream: StreamId,
    seq: u64,
    place: (SkuId, LocationId),
    quantity: i64,
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
    pub(super) fn event(&mut self, recorded: &Recorded, event: &Event, report: &mut Report) {
        let at = (recorded.stream, recorded.seq);
        let place = match event {
            Event::Opened { sku, .. } | Event::Closed { sku, .. } => {
                report.check(Invariant::I2, StreamId::Stock(sku.shard()) == recorded.stream, at, || {
                    format!("{sku} does not belong to this shard")
                });
                return;
            }
            Event::Received(movement) | Event::Restocked(movement) => {
                let place = (movement.sku, movement.location);
                self.levels.entry(place).or_default().came += i64::from(movement.quantity);
                place
            }
            Event::Adjusted { sku, location, delta, .. } => {
                let place = (*sku, *location);
                self.levels.entry(place).or_default().adjusted += delta;
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
                    quantity: i64::from(*quantity),
                    stage,
                    committed: false,
                };
                self.holds.insert(*hold, claim);
                self.levels.entry(place).or_default().held += i64::from(*quantity);
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
                return;
            }
            Event::Pinned { hold, .. } => {
                // Again, when a later order found it pinned.
                let held = |stage| matches!(stage, Stage::Held(_) | Stage::Pinned);
                self.step(*hold, at, report, held, Stage::Pinned);
                return;
            }
            Event::Unpinned { hold, deadline, .. } => {
                // Again, when it overtook the pin.
                let held = |stage| matches!(stage, Stage::Held(_) | Stage::Pinned);
                self.step(*hold, at, report, held, Stage::Held(*deadline));
                return;
            }
            Event::Committed { hold, .. } => {
                let moved = self.step(*hold, at, report, |stage| stage == Stage::Pinned, Stage::Allocated);
                let Some((place, quantity)) = moved else { return };
                let books = self.levels.entry(place).or_default();
                books.held -= quantity;
                books.allocated += quantity;
                place
            }
            Event::Released { hold } => {
                let held = |stage| matches!(stage, Stage::Held(_) | Stage::Pinned);
                let Some((place, quantity)) = self.step(*hold, at, report, held, Stage::Ended) else {
                    return;
                };
                self.levels.entry(place).or_default().held -= quantity;
                place
            }
            Event::Expired { hold } => {
                let due = |stage| matches!(stage, Stage::Held(deadline) if deadline <= recorded.at);
                let Some((place, quantity)) = self.step(*hold, at, report, due, Stage::Ended) else { return };
                self.levels.entry(place).or_default().held -= quantity;
                place
            }
            Event::Deallocated { hold } => {
                let sold = |stage| stage == Stage::Allocated;
                let Some((place, quantity)) = self.step(*hold, at, report, sold, Stage::Ended) else {
                    return;
                };
                self.levels.entry(place).or_default().allocated -= quantity;
                place
            }
            Event::Shipped { hold } => {
                let sold = |stage| stage == Stage::Allocated;
                let Some((place, quantity)) = self.step(*hold, at, report, sold, Stage::Ended) else {
                    return;
                };
                let books = self.levels.entry(place).or_default();
                books.allocated -= quantity;
                books.shipped += quantity;
                place
            }
        };
        self.check_level(place, at, report);
    }

    /// Moves a hold along its automaton; says where its units are when the move was allowed.
    fn step(
        &mut self,
        id: HoldId,
        at: (StreamId, u64),
        report: &mut Report,
        allowed: impl FnOnce(Stage) -> bool,
        to: Stage,
    ) -> Option<((SkuId, LocationId), i64)> {
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
        let promised = books.held + books.allocated + books.shipped;
        let came = books.came + books.adjusted;
        report.check(Invariant::I3, promised <= came, at, || {
            format!("{sku} at {location}: {promised} promised of {came} that came")
        });
        report.check(Invariant::I1, StreamId::Stock(sku.shard()) == at.0, at, || {
            format!("{sku} does not belong to this shard")
        });
    }

    pub(super) fn level(&self, sku: SkuId, location: LocationId) -> Level {
        let books = self.levels.get(&(sku, location)).copied().unwrap_or_default();
        Level {
            on_hand: books.came + books.adjusted - books.shipped,
            held: books.held,
            allocated: books.allocated,
        }
    }

    /// Whether the journal bears out what a client was told.
    pub(super) fn bears_out(&self, told: &Told) -> bool {
        let stage = |hold| self.holds.get(hold).map(|claim| claim.stage);
        match told {
            Told::Held(hold) => stage(hold).is_some_and(|stage| stage != Stage::Barred),
            Told::Committed(hold) => self.holds.get(hold).is_some_and(|claim| claim.committed),
            Told::Undone(hold) => matches!(stage(hold), Some(Stage::Ended | Stage::Barred)),
            Told::Placed(_) => false,
        }
    }

    pub(super) fn finish(self, report: &mut Report) {
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
}
