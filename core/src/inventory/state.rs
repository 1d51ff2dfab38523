//! What a shard knows, and how an event changes it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{HoldId, LocationId, MovementId, PaymentId, SkuId};
use crate::machine::EventMeta;
use crate::time::Timestamp;

use super::{Event, MOVEMENT_KEPT_MS, Movement, SHIPPED_KEPT_MS};

/// A stock shard's state.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Stock by SKU.
    pub skus: BTreeMap<SkuId, Sku>,
    /// Holds that have not ended.
    pub holds: BTreeMap<HoldId, Hold>,
    /// Holds with a deadline, by deadline.
    pub expiries: BTreeSet<(Timestamp, HoldId)>,
    /// Holds that ended, until nobody can ask for them any more.
    pub ended: BTreeMap<HoldId, Ended>,
    /// The same, by when they may be forgotten.
    pub forget: BTreeSet<(Timestamp, HoldId)>,
    /// Movements, by when they may be forgotten.
    pub forget_movements: BTreeSet<(Timestamp, SkuId, MovementId)>,
    /// When the last event happened. However often the shard moves, and whatever its next owner's clock says, time
    /// never goes back behind this; behind a later time that left no event it may.
    pub last_at: Timestamp,
}

/// One SKU's stock.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sku {
    /// Whether it can be held.
    pub open: bool,
    /// The highest asking seq of its product seen; zero before the first.
    pub asked: u64,
    /// Units by location.
    pub levels: BTreeMap<LocationId, Level>,
    /// Receipts, restocks and adjustments of late, see [`MOVEMENT_KEPT_MS`]: a repeat changes nothing.
    pub movements: BTreeMap<MovementId, Moved>,
}

/// What a movement did, so that another one under its name is known for what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moved {
    /// What it was.
    pub how: MovedAs,
    /// Where.
    pub location: LocationId,
    /// By how many units.
    pub delta: i64,
}

/// Kinds of movements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MovedAs {
    /// Units arrived from a supplier.
    Received,
    /// Units came back into stock.
    Restocked,
    /// A count differed.
    Adjusted,
}

impl Moved {
    /// Units that arrive.
    pub fn arrived(how: MovedAs, movement: &Movement) -> Self {
        Moved { how, location: movement.location, delta: i64::from(movement.quantity) }
    }
}

impl Sku {
    /// Units free at all locations together.
    pub fn available(&self) -> i64 {
        self.levels.values().map(Level::available).sum()
    }
}

/// Units of one SKU at one location.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Level {
    /// Physically there.
    pub on_hand: i64,
    /// Claimed by holds.
    pub held: i64,
    /// Sold, not shipped.
    pub allocated: i64,
}

impl Level {
    /// Units nobody has a claim on. Derived, so that it cannot disagree.
    pub fn available(&self) -> i64 {
        self.on_hand.saturating_sub(self.held).saturating_sub(self.allocated)
    }
}

/// A claim on units.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// On what.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// How many.
    pub quantity: u32,
    /// The deadline it was last given.
    pub deadline: Timestamp,
    /// The latest deadline it ever had: until then an order to take it may still be on its way.
    pub barred_until: Timestamp,
    /// What has become of it.
    pub state: HoldState,
    /// The highest asking seq seen for it.
    pub asked: u64,
}

/// What has become of a hold that has not ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum HoldState {
    /// Held until its deadline.
    Held,
    /// Held for a payment attempt.
    Pinned(PaymentId),
    /// Sold.
    Allocated,
}

/// What is remembered of a hold that ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// How it ended.
    pub how: EndedHold,
    /// When it may be forgotten.
    pub until: Timestamp,
    /// What it was on; `None` when it was never seen.
    pub sku: Option<SkuId>,
}

/// How a hold ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EndedHold {
    /// Given back before it was sold.
    Released,
    /// Its deadline passed.
    Expired,
    /// Given back after it was sold.
    Deallocated,
    /// Undone before it was ever seen.
    Barred,
    /// Shipped.
    Shipped,
}

/// Folding cannot fail: what no decision would have let happen, but a damaged journal may hold, stops at the end of what
/// can be counted.
fn count(units: &mut i64, delta: i64) {
    *units = units.saturating_add(delta);
}

impl State {
    pub(super) fn level(&mut self, sku: SkuId, location: LocationId) -> &mut Level {
        self.skus.entry(sku).or_default().levels.entry(location).or_default()
    }

    pub(super) fn fold(&mut self, meta: EventMeta, event: &Event) {
        self.last_at = meta.at;
        self.forget_ended(meta.at);
        match event {
            Event::Opened { sku, asked } => self.set_open(*sku, true, *asked),
            Event::Closed { sku, asked } => self.set_open(*sku, false, *asked),
            Event::Received(m) => {
                self.move_units(meta.at, m.sku, m.movement, Moved::arrived(MovedAs::Received, m));
            }
            Event::Restocked(m) => {
                self.move_units(meta.at, m.sku, m.movement, Moved::arrived(MovedAs::Restocked, m));
            }
            Event::Adjusted { movement, sku, location, delta } => {
                let moved = Moved { how: MovedAs::Adjusted, location: *location, delta: *delta };
                self.move_units(meta.at, *sku, *movement, moved);
            }
            Event::Held { hold, sku, location, quantity, deadline, pin, asked } => {
                count(&mut self.level(*sku, *location).held, i64::from(*quantity));
                if pin.is_none() {
                    self.expiries.insert((*deadline, *hold));
                }
                let state = pin.map_or(HoldState::Held, HoldState::Pinned);
                let new = Hold {
                    sku: *sku,
                    location: *location,
                    quantity: *quantity,
                    deadline: *deadline,
                    barred_until: *deadline,
                    state,
                    asked: *asked,
                };
                self.holds.insert(*hold, new);
            }
            Event::Pinned { hold, payment, asked } => {
                self.change(hold, *asked, None, HoldState::Pinned(*payment));
            }
            Event::Unpinned { hold, deadline, asked } => {
                self.change(hold, *asked, Some(*deadline), HoldState::Held);
            }
            Event::Committed { hold, asked } => {
                self.change(hold, *asked, None, HoldState::Allocated);
                if let Some(Hold { sku, location, quantity, .. }) = self.holds.get(hold).cloned() {
                    let level = self.level(sku, location);
                    count(&mut level.held, -i64::from(quantity));
                    count(&mut level.allocated, i64::from(quantity));
                }
            }
            Event::Released { hold } => self.end(hold, EndedHold::Released, meta.at),
            Event::Expired { hold } => self.end(hold, EndedHold::Expired, meta.at),
            Event::Deallocated { hold } => self.end(hold, EndedHold::Deallocated, meta.at),
            Event::Shipped { hold } => self.end(hold, EndedHold::Shipped, meta.at),
            Event::Barred { hold, until } => self.remember(*hold, EndedHold::Barred, *until, None),
        }
    }

    fn move_units(&mut self, at: Timestamp, sku: SkuId, movement: MovementId, moved: Moved) {
        count(&mut self.level(sku, moved.location).on_hand, moved.delta);
        self.skus.entry(sku).or_default().movements.insert(movement, moved);
        self.forget_movements.insert((at.plus_millis(MOVEMENT_KEPT_MS), sku, movement));
    }

    fn set_open(&mut self, sku: SkuId, open: bool, asked: u64) {
        let sku = self.skus.entry(sku).or_default();
        sku.open = open;
        sku.asked = sku.asked.max(asked);
    }

    fn change(&mut self, id: &HoldId, asked: u64, deadline: Option<Timestamp>, state: HoldState) {
        let Some(hold) = self.holds.get_mut(id) else { return };
        self.expiries.remove(&(hold.deadline, *id));
        hold.asked = hold.asked.max(asked);
        hold.state = state;
        if let Some(deadline) = deadline {
            hold.deadline = deadline;
            hold.barred_until = hold.barred_until.max(deadline);
            self.expiries.insert((deadline, *id));
        }
    }

    fn end(&mut self, id: &HoldId, how: EndedHold, at: Timestamp) {
        let Some(hold) = self.holds.remove(id) else { return };
        self.expiries.remove(&(hold.deadline, *id));
        let quantity = i64::from(hold.quantity);
        let level = self.level(hold.sku, hold.location);
        match how {
            EndedHold::Released | EndedHold::Expired => count(&mut level.held, -quantity),
            EndedHold::Deallocated => count(&mut level.allocated, -quantity),
            EndedHold::Shipped => {
                count(&mut level.allocated, -quantity);
                count(&mut level.on_hand, -quantity);
            }
            EndedHold::Barred => {}
        }
        let until = match how {
            EndedHold::Shipped => at.plus_millis(SHIPPED_KEPT_MS),
            // At least for the rest of this decision, whose views still ask which SKU it was on.
            _ => hold.barred_until.max(at),
        };
        self.remember(*id, how, until, Some(hold.sku));
    }

    fn remember(&mut self, id: HoldId, how: EndedHold, until: Timestamp, sku: Option<SkuId>) {
        self.ended.insert(id, Ended { how, until, sku });
        self.forget.insert((until, id));
    }

    /// A hold whose deadline has passed can never be taken again, so its end need not be remembered. Driven by
    /// the time of the event, so that every fold forgets the same.
    fn forget_ended(&mut self, at: Timestamp) {
        while let Some((until, id)) = self.forget.first().copied()
            && until < at
        {
            self.forget.pop_first();
            if self.ended.get(&id).is_some_and(|ended| ended.until == until) {
                self.ended.remove(&id);
            }
        }
        while let Some((until, sku, movement)) = self.forget_movements.first().copied()
            && until < at
        {
            self.forget_movements.pop_first();
            if let Some(sku) = self.skus.get_mut(&sku) {
                sku.movements.remove(&movement);
            }
        }
    }
}
