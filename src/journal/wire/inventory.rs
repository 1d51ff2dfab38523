//! Events and outcomes of a stock shard.

use serde::{Deserialize, Serialize};
use souk_core::ids::{HoldId, LocationId, MovementId, PaymentId, SkuId};
use souk_core::inventory::{self, EndedHold, Event, Rejection, Reply};
use souk_core::time::Timestamp;

use super::{Encoded, WireError, read, unknown, write};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSku {
    sku: SkuId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Movement {
    movement: MovementId,
    sku: SkuId,
    location: LocationId,
    quantity: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Adjusted {
    movement: MovementId,
    sku: SkuId,
    location: LocationId,
    delta: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    hold: HoldId,
    sku: SkuId,
    location: LocationId,
    quantity: u32,
    deadline: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<PaymentId>,
    asked: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    hold: HoldId,
    payment: PaymentId,
    asked: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unpinned {
    hold: HoldId,
    deadline: Timestamp,
    asked: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Committed {
    hold: HoldId,
    asked: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfHold {
    hold: HoldId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Barred {
    hold: HoldId,
    until: Timestamp,
}

impl From<inventory::Movement> for Movement {
    fn from(it: inventory::Movement) -> Self {
        Movement { movement: it.movement, sku: it.sku, location: it.location, quantity: it.quantity }
    }
}

impl From<Movement> for inventory::Movement {
    fn from(it: Movement) -> Self {
        inventory::Movement {
            movement: it.movement,
            sku: it.sku,
            location: it.location,
            quantity: it.quantity,
        }
    }
}

pub(super) fn encode(event: &Event) -> Result<Encoded, WireError> {
    match *event {
        Event::Opened { sku } => write("stock.opened", 1, &OfSku { sku }),
        Event::Closed { sku } => write("stock.closed", 1, &OfSku { sku }),
        Event::Received(movement) => write("stock.received", 1, &Movement::from(movement)),
        Event::Restocked(movement) => write("stock.restocked", 1, &Movement::from(movement)),
        Event::Adjusted { movement, sku, location, delta } => {
            write("stock.adjusted", 1, &Adjusted { movement, sku, location, delta })
        }
        Event::Held { hold, sku, location, quantity, deadline, pin, asked } => {
            write("stock.held", 1, &Held { hold, sku, location, quantity, deadline, pin, asked })
        }
        Event::Pinned { hold, payment, asked } => write("stock.pinned", 1, &Pinned { hold, payment, asked }),
        Event::Unpinned { hold, deadline, asked } => {
            write("stock.unpinned", 1, &Unpinned { hold, deadline, asked })
        }
        Event::Committed { hold, asked } => write("stock.committed", 1, &Committed { hold, asked }),
        Event::Released { hold } => write("stock.released", 1, &OfHold { hold }),
        Event::Expired { hold } => write("stock.expired", 1, &OfHold { hold }),
        Event::Deallocated { hold } => write("stock.deallocated", 1, &OfHold { hold }),
        Event::Barred { hold, until } => write("stock.barred", 1, &Barred { hold, until }),
        Event::Shipped { hold } => write("stock.shipped", 1, &OfHold { hold }),
    }
}

pub(super) fn decode(name: &str, kind: &str, version: i64, payload: &str) -> Result<Event, WireError> {
    Ok(match (name, version) {
        ("opened", 1) => Event::Opened { sku: read::<OfSku>("event", kind, payload)?.sku },
        ("closed", 1) => Event::Closed { sku: read::<OfSku>("event", kind, payload)?.sku },
        ("received", 1) => Event::Received(read::<Movement>("event", kind, payload)?.into()),
        ("restocked", 1) => Event::Restocked(read::<Movement>("event", kind, payload)?.into()),
        ("adjusted", 1) => {
            let Adjusted { movement, sku, location, delta } = read("event", kind, payload)?;
            Event::Adjusted { movement, sku, location, delta }
        }
        ("held", 1) => {
            let Held { hold, sku, location, quantity, deadline, pin, asked } = read("event", kind, payload)?;
            Event::Held { hold, sku, location, quantity, deadline, pin, asked }
        }
        ("pinned", 1) => {
            let Pinned { hold, payment, asked } = read("event", kind, payload)?;
            Event::Pinned { hold, payment, asked }
        }
        ("unpinned", 1) => {
            let Unpinned { hold, deadline, asked } = read("event", kind, payload)?;
            Event::Unpinned { hold, deadline, asked }
        }
        ("committed", 1) => {
            let Committed { hold, asked } = read("event", kind, payload)?;
            Event::Committed { hold, asked }
        }
        ("released", 1) => Event::Released { hold: read::<OfHold>("event", kind, payload)?.hold },
        ("expired", 1) => Event::Expired { hold: read::<OfHold>("event", kind, payload)?.hold },
        ("deallocated", 1) => Event::Deallocated { hold: read::<OfHold>("event", kind, payload)?.hold },
        ("barred", 1) => {
            let Barred { hold, until } = read("event", kind, payload)?;
            Event::Barred { hold, until }
        }
        ("shipped", 1) => Event::Shipped { hold: read::<OfHold>("event", kind, payload)?.hold },
        _ => return Err(unknown("event", kind, version)),
    })
}

/// A shard's yes, as a stored reply holds it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Yes {
    Stock { available: i64 },
    Held { location: LocationId, deadline: Timestamp },
    Pinned,
    Unpinned,
    Committed { location: LocationId },
    Undone,
    Shipped,
}

/// A shard's no, as a stored reply holds it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum No {
    OutOfStock { available: i64 },
    NotForSale,
    UnknownSku,
    InvalidQuantity,
    OutOfRange,
    InvalidDeadline,
    UnknownHold,
    HoldEnded { how: How },
    Mismatch,
    WrongState,
    Stale,
}

/// How a hold ended.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    Released,
    Expired,
    Deallocated,
    Barred,
    Shipped,
}

impl From<&Reply> for Yes {
    fn from(reply: &Reply) -> Self {
        match *reply {
            Reply::Stock { available } => Yes::Stock { available },
            Reply::Held { location, deadline } => Yes::Held { location, deadline },
            Reply::Pinned => Yes::Pinned,
            Reply::Unpinned => Yes::Unpinned,
            Reply::Committed { location } => Yes::Committed { location },
            Reply::Undone => Yes::Undone,
            Reply::Shipped => Yes::Shipped,
        }
    }
}

impl From<Yes> for Reply {
    fn from(yes: Yes) -> Self {
        match yes {
            Yes::Stock { available } => Reply::Stock { available },
            Yes::Held { location, deadline } => Reply::Held { location, deadline },
            Yes::Pinned => Reply::Pinned,
            Yes::Unpinned => Reply::Unpinned,
            Yes::Committed { location } => Reply::Committed { location },
            Yes::Undone => Reply::Undone,
            Yes::Shipped => Reply::Shipped,
        }
    }
}

impl From<&Rejection> for No {
    fn from(rejection: &Rejection) -> Self {
        match *rejection {
            Rejection::OutOfStock { available } => No::OutOfStock { available },
            Rejection::NotForSale => No::NotForSale,
            Rejection::UnknownSku => No::UnknownSku,
            Rejection::InvalidQuantity => No::InvalidQuantity,
            Rejection::OutOfRange => No::OutOfRange,
            Rejection::InvalidDeadline => No::InvalidDeadline,
            Rejection::UnknownHold => No::UnknownHold,
            Rejection::HoldEnded { how } => No::HoldEnded {
                how: match how {
                    EndedHold::Released => How::Released,
                    EndedHold::Expired => How::Expired,
                    EndedHold::Deallocated => How::Deallocated,
                    EndedHold::Barred => How::Barred,
                    EndedHold::Shipped => How::Shipped,
                },
            },
            Rejection::Mismatch => No::Mismatch,
            Rejection::WrongState => No::WrongState,
            Rejection::Stale => No::Stale,
        }
    }
}

impl From<No> for Rejection {
    fn from(no: No) -> Self {
        match no {
            No::OutOfStock { available } => Rejection::OutOfStock { available },
            No::NotForSale => Rejection::NotForSale,
            No::UnknownSku => Rejection::UnknownSku,
            No::InvalidQuantity => Rejection::InvalidQuantity,
            No::OutOfRange => Rejection::OutOfRange,
            No::InvalidDeadline => Rejection::InvalidDeadline,
            No::UnknownHold => Rejection::UnknownHold,
            No::HoldEnded { how } => Rejection::HoldEnded {
                how: match how {
                    How::Released => EndedHold::Released,
                    How::Expired => EndedHold::Expired,
                    How::Deallocated => EndedHold::Deallocated,
                    How::Barred => EndedHold::Barred,
                    How::Shipped => EndedHold::Shipped,
                },
            },
            No::Mismatch => Rejection::Mismatch,
            No::WrongState => Rejection::WrongState,
            No::Stale => Rejection::Stale,
        }
    }
}
