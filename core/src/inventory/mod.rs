//! A stock shard: owns its SKUs at all their locations, and every hold on them.
//!
//! `on_hand = available + held + allocated`, each at least zero, always. A hold is the only way to claim a unit:
//! held (with a deadline) → pinned (to a payment attempt, no deadline here) → committed (allocated) → shipped;
//! or released, expired, deallocated. However it ends, it ends once, and its id is never taken again.

mod decide;
mod machine;
#[cfg(test)]
mod sku_tests;
mod state;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::ids::{HoldId, LocationId, MovementId, PaymentId, SkuId};
use crate::time::Timestamp;

pub use machine::Inventory;
pub use state::{Ended, EndedHold, Hold, HoldState, Level, Moved, MovedAs, Sku, State};

/// The largest quantity of one command: far above any sale, far below any overflow.
pub const QUANTITY_MAX: u32 = 1_000_000;
/// The most units one location may hold of one SKU.
pub const ON_HAND_MAX: i64 = 1_000_000_000_000;
/// The latest deadline a hold may have, from when it is taken.
pub const HOLD_TTL_MAX_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a shipped hold is remembered, so that a late undo is refused rather than believed.
pub const SHIPPED_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// How long a receipt, a restock or an adjustment is remembered by its name: twice as long as a request's name is kept,
/// so that none is forgotten that a client may still repeat. For ever would be a list that only grows.
pub const MOVEMENT_KEPT_MS: i64 = 60 * 24 * 60 * 60 * 1000;

/// An order to a shard about one hold, from the checkout (or order) it belongs to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Claim units until the deadline; pinned from the start when the shopper pays at once.
    Hold {
        /// The claim's name, chosen by the checkout.
        hold: HoldId,
        /// What is claimed.
        sku: SkuId,
        /// How many, from 1.
        quantity: u32,
        /// Until when.
        deadline: Timestamp,
        /// The payment attempt it is pinned to, if any.
        pin: Option<PaymentId>,
    },
    /// Keep the units for a payment attempt, however long it takes.
    Pin {
        /// Which hold.
        hold: HoldId,
        /// Which attempt.
        payment: PaymentId,
    },
    /// The attempt is over; the hold has a deadline again.
    Unpin {
        /// Which hold.
        hold: HoldId,
        /// The new deadline.
        deadline: Timestamp,
    },
    /// The units are sold: held → allocated. Never refused for a pinned hold.
    Commit {
        /// Which hold.
        hold: HoldId,
    },
    /// Undo, whatever the hold has come to: held and pinned are released, allocated is deallocated, a hold
    /// never seen is barred, shipped refuses.
    Undo {
        /// Which hold.
        hold: HoldId,
        /// The deadline the hold was asked with: until then its name stays barred.
        deadline: Timestamp,
    },
    /// The units left the house.
    Ship {
        /// Which hold.
        hold: HoldId,
    },
}

impl Request {
    /// The hold this is about.
    pub fn hold(&self) -> HoldId {
        match self {
            Request::Hold { hold, .. }
            | Request::Pin { hold, .. }
            | Request::Unpin { hold, .. }
            | Request::Commit { hold }
            | Request::Undo { hold, .. }
            | Request::Ship { hold } => *hold,
        }
    }
}

/// A product's order about one of its SKUs. Of two orders about one SKU the higher asking seq wins, whichever
/// comes first; a SKU belongs to one product for ever, so the seqs are of one stream.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum SkuRequest {
    /// Sell it.
    Open {
        /// Which.
        sku: SkuId,
    },
    /// Take no new holds on it; what is held or sold stays so.
    Close {
        /// Which.
        sku: SkuId,
    },
}

impl SkuRequest {
    /// The SKU this is about.
    pub fn sku(&self) -> SkuId {
        match self {
            SkuRequest::Open { sku } | SkuRequest::Close { sku } => *sku,
        }
    }
}

/// What a shard answers to a [`Request`] or a [`SkuRequest`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is so now (or was already).
    Done(Reply),
    /// It cannot be; nothing changed.
    Refused(Rejection),
}

/// An order to a stock shard.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// The product opened or closed one of its SKUs. `asked` is the product's seq.
    Sku {
        /// The asking seq, from 1.
        asked: u64,
        /// What is asked.
        request: SkuRequest,
    },
    /// Units arrived from a supplier.
    Receive(Movement),
    /// Units came back into stock.
    Restock(Movement),
    /// A count found more or fewer units.
    Adjust {
        /// Names this adjustment.
        movement: MovementId,
        /// Of what.
        sku: SkuId,
        /// Where.
        location: LocationId,
        /// The difference, not zero.
        delta: i64,
    },
    /// An order about a hold. `asked` is the asking stream's seq: of two orders about one hold the higher wins,
    /// whichever comes first.
    Hold {
        /// The asking seq.
        asked: u64,
        /// What is asked.
        request: Request,
    },
}

impl Command {
    /// Opens a SKU that no product asks for: lowest in rank, so that any product's order wins over it.
    pub fn open(sku: SkuId) -> Self {
        Command::Sku { asked: 0, request: SkuRequest::Open { sku } }
    }

    /// Closes a SKU, likewise.
    pub fn close(sku: SkuId) -> Self {
        Command::Sku { asked: 0, request: SkuRequest::Close { sku } }
    }
}

/// Units of one SKU that arrive at one location.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Movement {
    /// Names it, so that a repeat is known.
    pub movement: MovementId,
    /// What arrives.
    pub sku: SkuId,
    /// Where.
    pub location: LocationId,
    /// How many, from 1.
    pub quantity: u32,
}

/// Something that happened in a shard.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The SKU can be held.
    Opened {
        /// Which.
        sku: SkuId,
        /// The asking seq.
        asked: u64,
    },
    /// It cannot be held (any more, or although the order to open it is still to come).
    Closed {
        /// Which.
        sku: SkuId,
        /// The asking seq.
        asked: u64,
    },
    /// Units arrived from a supplier.
    Received(Movement),
    /// Units came back into stock.
    Restocked(Movement),
    /// A count differed.
    Adjusted {
        /// Names it.
        movement: MovementId,
        /// Of what.
        sku: SkuId,
        /// Where.
        location: LocationId,
        /// The difference.
        delta: i64,
    },
    /// Units were claimed: available → held.
    Held {
        /// The claim.
        hold: HoldId,
        /// On what.
        sku: SkuId,
        /// Where; the shard chose it.
        location: LocationId,
        /// How many.
        quantity: u32,
        /// Until when, unless pinned.
        deadline: Timestamp,
        /// The attempt it is pinned to.
        pin: Option<PaymentId>,
        /// The asking seq.
        asked: u64,
    },
    /// The hold waits for a payment attempt now, not for its deadline.
    Pinned {
        /// Which.
        hold: HoldId,
        /// The attempt.
        payment: PaymentId,
        /// The asking seq.
        asked: u64,
    },
    /// It has a deadline again.
    Unpinned {
        /// Which.
        hold: HoldId,
        /// The new deadline.
        deadline: Timestamp,
        /// The asking seq.
        asked: u64,
    },
    /// Sold: held → allocated.
    Committed {
        /// Which.
        hold: HoldId,
        /// The asking seq.
        asked: u64,
    },
    /// Given back before it was sold: held → available.
    Released {
        /// Which.
        hold: HoldId,
    },
    /// Its deadline passed: held → available.
    Expired {
        /// Which.
        hold: HoldId,
    },
    /// Given back after it was sold: allocated → available.
    Deallocated {
        /// Which.
        hold: HoldId,
    },
    /// An undo came for a hold that was never seen; should the hold still come, it is refused.
    Barred {
        /// Which.
        hold: HoldId,
        /// Its deadline.
        until: Timestamp,
    },
    /// Left the house: allocated → gone.
    Shipped {
        /// Which.
        hold: HoldId,
    },
}

/// A shard's yes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Opened, closed, received, restocked, adjusted: the units now available of the SKU, all locations.
    Stock {
        /// Available units.
        available: i64,
    },
    /// The hold stands.
    Held {
        /// Where the units lie.
        location: LocationId,
        /// Until when, unless pinned.
        deadline: Timestamp,
    },
    /// The hold is pinned.
    Pinned,
    /// The hold has a deadline again.
    Unpinned,
    /// The hold is sold.
    Committed {
        /// Where the units lie.
        location: LocationId,
    },
    /// The hold is gone and its units, if it had any, are available.
    Undone,
    /// The units are gone.
    Shipped,
}

/// A shard's no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    /// No single location has that many units free.
    OutOfStock {
        /// The most that one location has free.
        available: i64,
    },
    /// The SKU was never opened, or is closed.
    NotForSale,
    /// The SKU belongs to another shard, or the shard has never heard of it.
    UnknownSku,
    /// Zero, or above [`QUANTITY_MAX`].
    InvalidQuantity,
    /// The movement's name was used for another quantity, location or kind of movement.
    MovementReused,
    /// The count would fall below what is promised, or above [`ON_HAND_MAX`].
    OutOfRange,
    /// The deadline has passed, or is further away than [`HOLD_TTL_MAX_MS`].
    InvalidDeadline,
    /// No such hold.
    UnknownHold,
    /// The hold has ended.
    HoldEnded {
        /// How.
        how: EndedHold,
    },
    /// The hold exists with another SKU, quantity or attempt.
    Mismatch,
    /// The hold is not in a state in which this can be done (a commit of a hold that is not pinned, a shipment
    /// of one that is not sold, a pin of one that is).
    WrongState,
    /// A later order about this hold or SKU was already handled.
    Stale,
}

/// What readers may see of SKUs that changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Published {
    /// The SKUs, with their available units over all locations and whether they can be held.
    pub stock: Vec<(SkuId, i64, bool)>,
}
