//! Events and outcomes of a stock shard.

use souk_core::ids::{HoldId, LocationId, MovementId, PaymentId, SkuId};
use souk_core::inventory::{EndedHold, Event, Movement, Rejection, Reply};
use souk_core::time::Timestamp;

events! {
    Event:
    "stock.opened" 1 => Opened { sku: SkuId, asked: u64 },
    "stock.closed" 1 => Closed { sku: SkuId, asked: u64 },
    "stock.received" 1 => Received(movement: Moved),
    "stock.restocked" 1 => Restocked(movement: Moved),
    "stock.adjusted" 1 => Adjusted { movement: MovementId, sku: SkuId, location: LocationId, delta: i64 },
    "stock.held" 1 => Held {
        hold: HoldId,
        sku: SkuId,
        location: LocationId,
        quantity: u32,
        deadline: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        pin: Option<PaymentId>,
        asked: u64,
    },
    "stock.pinned" 1 => Pinned { hold: HoldId, payment: PaymentId, asked: u64 },
    "stock.unpinned" 1 => Unpinned { hold: HoldId, deadline: Timestamp, asked: u64 },
    "stock.committed" 1 => Committed { hold: HoldId, asked: u64 },
    "stock.released" 1 => Released { hold: HoldId },
    "stock.expired" 1 => Expired { hold: HoldId },
    "stock.deallocated" 1 => Deallocated { hold: HoldId },
    "stock.barred" 1 => Barred { hold: HoldId, until: Timestamp },
    "stock.shipped" 1 => Shipped { hold: HoldId },
}

mirror! {
    struct Moved = Movement { movement: MovementId, sku: SkuId, location: LocationId, quantity: u32 }

    /// A shard's yes, as a stored reply holds it.
    enum Yes = Reply {
        Stock { available: i64 },
        Held { location: LocationId, deadline: Timestamp },
        Pinned,
        Unpinned,
        Committed { location: LocationId },
        Undone,
        Shipped,
    }

    /// A shard's no, as stored replies hold it, and events of those that asked.
    enum No = Rejection {
        OutOfStock { available: i64 },
        NotForSale,
        UnknownSku,
        InvalidQuantity,
        MovementReused,
        OutOfRange,
        InvalidDeadline,
        UnknownHold,
        HoldEnded { how: How },
        Mismatch,
        WrongState,
        Stale,
    }

    /// How a hold ended.
    enum How = EndedHold { Released, Expired, Deallocated, Barred, Shipped }
}
