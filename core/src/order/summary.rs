//! What readers are told of an order: derived from its state, so that it cannot disagree with it.

use serde::{Deserialize, Serialize};

use crate::ids::VendorId;
use crate::money::Money;

use super::{LineStage, RefundStage, State, VendorOrder};

/// How far an order or a vendor order is. Cancelled lines do not count unless nothing else is left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Status {
    /// Paid; the vendor has not taken it on yet.
    Placed,
    /// The vendor has taken it on.
    Accepted,
    /// Some of it is on its way, some is not.
    PartlyShipped,
    /// All of it has left.
    Shipped,
    /// All of it has arrived.
    Delivered,
    /// None of it will be sent.
    Cancelled,
}

/// An order at a glance.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// How far it is.
    pub status: Status,
    /// Its vendor orders, by number.
    pub vendor_orders: Vec<VendorOrderSummary>,
    /// What the shopper paid.
    pub charged: Money,
    /// What is on its way back to the shopper.
    pub refund_pending: Money,
    /// What is back.
    pub refunded: Money,
    /// Whether a person must look at it.
    pub flagged: bool,
}

/// A vendor order at a glance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VendorOrderSummary {
    /// Its number within the order.
    pub number: u32,
    /// Whose.
    pub vendor: VendorId,
    /// How far it is.
    pub status: Status,
}

/// The order at a glance; `None` when there is no such order.
pub fn summary(state: &State) -> Option<Summary> {
    let placed = state.placed.as_ref()?;
    let vendor_orders: Vec<_> = state
        .vendor_orders
        .iter()
        .map(|(number, part)| VendorOrderSummary {
            number: *number,
            vendor: part.vendor,
            status: status_of(state, part),
        })
        .collect();
    let refunds = |stage| {
        let matching = state.refunds.values().filter(move |refund| refund.stage == stage);
        Money::new(matching.map(|refund| refund.part.amount.minor).sum(), placed.currency)
    };
    let charged = placed.payments.iter().map(|(_, amount)| amount.minor).sum();
    Some(Summary {
        status: together(vendor_orders.iter().map(|part| part.status)),
        vendor_orders,
        charged: Money::new(charged, placed.currency),
        refund_pending: refunds(RefundStage::Pending),
        refunded: refunds(RefundStage::Done),
        flagged: !state.flags.is_empty(),
    })
}

fn status_of(state: &State, part: &VendorOrder) -> Status {
    let open = if part.accepted { Status::Accepted } else { Status::Placed };
    together(part.lines.iter().filter_map(|number| state.lines.get(number)).map(|line| match line.stage {
        LineStage::Open => open,
        LineStage::Shipped(_) => Status::Shipped,
        LineStage::Delivered(_) => Status::Delivered,
        LineStage::Cancelled => Status::Cancelled,
    }))
}

/// The status of a whole from those of its parts: the least advanced one, except that a whole of which some has
/// left and some has not is partly shipped.
fn together(parts: impl Iterator<Item = Status>) -> Status {
    let going: Vec<Status> = parts.filter(|status| *status != Status::Cancelled).collect();
    let (Some(least), Some(most)) = (going.iter().min(), going.iter().max()) else {
        return Status::Cancelled;
    };
    if *most >= Status::PartlyShipped { (*least).max(Status::PartlyShipped) } else { *least }
}
