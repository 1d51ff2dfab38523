//! An order: lines, one vendor order per vendor, parcels, cancellations, and the ledger transactions they cause.
//!
//! The stream is created by its checkout's last append, so it exists exactly once or not at all. Whatever is
//! decided first about a line, its shipment or its cancellation, wins here; the stock shard and the payment are
//! told afterwards and only carry it out.

mod decide;
#[cfg(test)]
pub(crate) mod fixture;
mod machine;
mod placed;
mod state;
mod summary;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::any::AnyEvent;
use crate::ask::{AskAnswer, AskId};
use crate::ids::{OrderId, ParcelId, PaymentId, StreamId, VendorId};
use crate::ledger::Transaction;
use crate::machine::Creation;
use crate::money::Money;
use crate::payment::{RefundId, RefundRefused};
use crate::{any, inventory};

pub use machine::Order;
pub use placed::{Commission, Discount, LineHold, OrderLine, PlacedOrder, sale};
pub use state::{Flag, LineStage, LineState, Parcel, Refund, RefundStage, State, VendorOrder};
pub use summary::{Status, Summary, VendorOrderSummary, summary};

/// The longest tracking reference, in characters.
pub const TRACKING_MAX: usize = 100;

/// What another machine may ask an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// A refund this order asked for has gone through.
    RefundMoved {
        /// Which.
        refund: RefundId,
    },
    /// The provider has declined a refund this order asked for, for good.
    RefundFailed {
        /// Which.
        refund: RefundId,
    },
}

/// What an order answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Seen.
    Noted,
}

/// The first events of `ord_X`, for the checkout's last append, and the mail that thanks for it.
pub fn place(order: PlacedOrder) -> Creation {
    let id = OrderId(order.checkout.0);
    let template = any::OrderTemplate::OrderPlaced;
    let mail = any::Mail::Order(any::OrderMail { template, to: order.subject, order: id });
    Creation {
        stream: StreamId::Order(id),
        events: vec![AnyEvent::Order(Event::Placed(order))],
        effects: vec![any::Effect::Mail(mail)],
    }
}

/// On whose behalf a command comes; who may speak for whom was settled before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Actor {
    /// A vendor, about its own vendor order.
    Vendor(VendorId),
    /// The shop's operator, about anything.
    Operator,
    /// The shopper whose order it is: may cancel, nothing else.
    Buyer,
}

/// What is to be cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One line.
    Line(u32),
    /// What has not been shipped of one vendor order.
    VendorOrder(u32),
    /// What has not been shipped of the whole order.
    Order,
}

/// Why something is cancelled. A code, not a text: texts may hold personal data, and events must not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CancelReason {
    /// The shopper does not want it any more.
    BuyerChangedMind,
    /// The vendor cannot send it.
    NotAvailable,
    /// It cannot be delivered there.
    Undeliverable,
    /// The price was wrong.
    WrongPrice,
    /// It looks like fraud.
    SuspectedFraud,
    /// Something else.
    Other,
}

/// An order to an order.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// The vendor takes its part on.
    Accept {
        /// On whose behalf.
        by: Actor,
        /// Which vendor order.
        vendor_order: u32,
    },
    /// A parcel leaves. Shipping a vendor order that nobody has accepted accepts it.
    Ship {
        /// On whose behalf.
        by: Actor,
        /// Which vendor order.
        vendor_order: u32,
        /// Names the parcel, so that a repeat is known.
        parcel: ParcelId,
        /// Which lines; all that are left when `None`.
        lines: Option<Vec<u32>>,
        /// What the carrier calls it.
        tracking: Option<String>,
    },
    /// A parcel arrived.
    Deliver {
        /// On whose behalf.
        by: Actor,
        /// Which.
        parcel: ParcelId,
    },
    /// Something will not be sent: its units and its money go back.
    Cancel {
        /// On whose behalf.
        by: Actor,
        /// What.
        scope: Scope,
        /// Why.
        reason: CancelReason,
    },
    /// A refund that was refused is to be tried again: for the same debt, under a new name.
    RetryRefund {
        /// On whose behalf.
        by: Actor,
        /// The number of the one that was refused.
        refund: u32,
    },
    /// A refund of this order went through (the payment says so by an ask of its own).
    RefundMoved {
        /// Which.
        refund: RefundId,
    },
    /// The provider declined a refund of this order (likewise).
    RefundFailed {
        /// Which.
        refund: RefundId,
    },
    /// One of this order's asks was answered.
    Answered {
        /// Which ask.
        ask: AskId,
        /// The answer.
        answer: AskAnswer,
    },
}

/// One refund that a cancellation needs: a payment can only give back what it took, so an order that was paid by
/// several may need several.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefundPart {
    /// Names it.
    pub refund: RefundId,
    /// Which payment gives it back.
    pub payment: PaymentId,
    /// How much.
    pub amount: Money,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The checkout placed it.
    Placed(PlacedOrder),
    /// The vendor took its part on.
    Accepted {
        /// Which vendor order.
        vendor_order: u32,
    },
    /// A parcel left; each line's shard is asked to ship its hold.
    Shipped {
        /// Which parcel.
        parcel: ParcelId,
        /// Of which vendor order.
        vendor_order: u32,
        /// With which lines, ascending.
        lines: Vec<u32>,
        /// What the carrier calls it.
        tracking: Option<String>,
    },
    /// A parcel arrived.
    Delivered {
        /// Which.
        parcel: ParcelId,
    },
    /// Lines will not be sent; each line's shard is asked to undo its hold, each payment for its refund.
    Cancelled {
        /// Which lines, ascending.
        lines: Vec<u32>,
        /// On whose behalf.
        by: Actor,
        /// Why.
        reason: CancelReason,
        /// What goes back to the shopper, per payment; empty when nothing was charged.
        refunds: Vec<RefundPart>,
        /// The lines' share of the sale, reversed: [`crate::ledger::cancellation`].
        transaction: Transaction,
    },
    /// A refund went through: [`crate::ledger::refund`].
    Refunded {
        /// Which.
        refund: RefundId,
        /// What it posts.
        transaction: Transaction,
    },
    /// A payment will not give back what it was asked for. A person must look at it.
    RefundRefused {
        /// Which refund.
        refund: RefundId,
        /// Why; `None` when there is no such payment.
        why: Option<RefundRefused>,
    },
    /// A person has seen to a refund that was refused: its payment is asked for the same amount under a new name.
    RefundRetried {
        /// What is asked for now.
        part: RefundPart,
        /// Which one it stands for from now on.
        replaces: RefundId,
    },
    /// A shard answered what it was asked about a line's hold.
    StockAnswered {
        /// Which ask.
        ask: AskId,
        /// About which line.
        line: u32,
        /// Why it would not; a person must look at it. `None` when it is done.
        refused: Option<inventory::Rejection>,
    },
}

/// An order's yes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The vendor order is accepted.
    Accepted,
    /// The parcel is on its way.
    Shipped {
        /// The parcel's number within the order, from 1.
        number: u32,
        /// With these lines.
        lines: Vec<u32>,
    },
    /// The parcel has arrived.
    Delivered,
    /// Cancelled, now or before.
    Cancelled {
        /// The lines of this command that are cancelled.
        lines: Vec<u32>,
        /// What this command sends back to the shopper; nothing for a repeat.
        refunded: Money,
    },
    /// A refund that was refused is asked for again, as this one.
    RefundRetried {
        /// Which.
        refund: RefundId,
    },
    /// Seen.
    Noted,
}

/// An order's no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    /// There is no such order.
    UnknownOrder,
    /// It has no such vendor order.
    UnknownVendorOrder,
    /// It has no such line, or not in the vendor order that was named.
    UnknownLine,
    /// It has no such parcel.
    UnknownParcel,
    /// It belongs to somebody else, or is not for this actor to do. Told to outsiders as "not found".
    NotYours,
    /// The line has left already.
    AlreadyShipped {
        /// Which line.
        line: u32,
    },
    /// The line is cancelled.
    AlreadyCancelled {
        /// Which line.
        line: u32,
    },
    /// Nothing is left to ship.
    NothingToShip,
    /// The parcel exists with other lines, or another tracking reference, or in another vendor order.
    ParcelMismatch,
    /// The tracking reference is empty, too long, or holds characters that none has.
    InvalidTracking,
    /// The order has no such refund.
    UnknownRefund,
    /// The refund is under way or has gone through: there is nothing to try again.
    RefundNotRefused,
    /// The order's amounts do not add up; a person must look at it.
    Unbalanced,
}
