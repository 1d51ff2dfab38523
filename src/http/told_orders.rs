//! Orders as they are told: whole to their shopper, a row to an operator. A vendor's part is in `told_parts`.

use schemars::JsonSchema;
use serde::Serialize;
use souk_core::ids::OrderId;
use souk_core::order::{OrderLine, Parcel, Refund, RefundStage, Reply, State, VendorOrderSummary, summary};

use crate::store::read::OrderRow;

use super::wire::{LineState, OrderState, RefundState};

/// An order as its shopper sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Order")]
pub(super) struct OrderOut {
    id: String,
    number: String,
    state: OrderState,
    placed_at_ms: i64,
    currency: String,
    charged_minor: i64,
    refund_pending_minor: i64,
    refunded_minor: i64,
    lines: Vec<LineOut>,
    vendor_orders: Vec<PartOut>,
    parcels: Vec<ParcelOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrderLine")]
pub(super) struct LineOut {
    number: u32,
    sku: String,
    product: String,
    vendor: String,
    quantity: u32,
    unit_price_minor: i64,
    shipping_minor: i64,
    /// What the marketplace keeps of it; not told to shoppers.
    #[serde(skip_serializing_if = "Option::is_none")]
    commission_minor: Option<i64>,
    state: LineState,
}

impl LineOut {
    pub(super) fn of(state: &State, line: &OrderLine) -> Self {
        LineOut {
            number: line.number,
            sku: line.sku.to_string(),
            product: line.product.to_string(),
            vendor: line.vendor.to_string(),
            quantity: line.quantity,
            unit_price_minor: line.unit_price.minor,
            shipping_minor: line.shipping.minor,
            commission_minor: None,
            state: state.lines.get(&line.number).map_or(LineState::Open, |known| known.stage.into()),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrderPart")]
struct PartOut {
    number: u32,
    vendor: String,
    state: OrderState,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Parcel")]
pub(super) struct ParcelOut {
    id: String,
    number: u32,
    /// The vendor's part of the order that it belongs to.
    vendor_order: u32,
    lines: Vec<u32>,
    tracking: Option<String>,
    shipped_at_ms: i64,
    delivered_at_ms: Option<i64>,
}

pub(super) fn parcels(state: &State, with: impl Fn(&Parcel) -> bool) -> Vec<ParcelOut> {
    let of = |(id, parcel): (&souk_core::ids::ParcelId, &Parcel)| ParcelOut {
        id: id.to_string(),
        number: parcel.number,
        vendor_order: parcel.vendor_order,
        lines: parcel.lines.clone(),
        tracking: parcel.tracking.clone(),
        shipped_at_ms: parcel.shipped_at.as_millis(),
        delivered_at_ms: parcel.delivered_at.map(|at| at.as_millis()),
    };
    let mut parcels: Vec<_> = state.parcels.iter().filter(|(_, parcel)| with(parcel)).map(of).collect();
    parcels.sort_by_key(|parcel| parcel.number);
    parcels
}

impl OrderOut {
    /// `None` when there is no such order.
    pub(super) fn of(state: &State) -> Option<Self> {
        let placed = state.placed.as_ref()?;
        let summary = summary(state)?;
        let part = |part: &VendorOrderSummary| PartOut {
            number: part.number,
            vendor: part.vendor.to_string(),
            state: part.status.into(),
        };
        Some(OrderOut {
            id: placed.id().to_string(),
            number: placed.number.clone(),
            state: summary.status.into(),
            placed_at_ms: state.placed_at.as_millis(),
            currency: placed.currency.to_string(),
            charged_minor: summary.charged.minor,
            refund_pending_minor: summary.refund_pending.minor,
            refunded_minor: summary.refunded.minor,
            lines: placed.lines.iter().map(|line| LineOut::of(state, line)).collect(),
            vendor_orders: summary.vendor_orders.iter().map(part).collect(),
            parcels: parcels(state, |_| true),
        })
    }
}

/// An order with everything that the marketplace knows of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WholeOrder")]
pub(super) struct WholeOrder {
    #[serde(flatten)]
    order: OrderOut,
    /// What whoever placed it calls it.
    reference: Option<String>,
    /// Whether an operator priced it.
    assisted: bool,
    /// Whether everything that the order asked of stock and payments has been answered.
    settled: bool,
    /// Whether somebody must look at it.
    flagged: bool,
    /// What goes back to the shopper, payment by payment.
    refunds: Vec<RefundOut>,
}

/// Money on its way back, or back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Refund")]
struct RefundOut {
    /// Its number within the order.
    number: u32,
    payment: String,
    amount_minor: i64,
    state: RefundState,
}

impl From<&Refund> for RefundOut {
    fn from(refund: &Refund) -> Self {
        RefundOut {
            number: refund.part.refund.n,
            payment: refund.part.payment.to_string(),
            amount_minor: refund.part.amount.minor,
            state: refund.stage.into(),
        }
    }
}

impl WholeOrder {
    /// `None` when there is no such order.
    pub(super) fn of(state: &State) -> Option<Self> {
        let placed = state.placed.as_ref()?;
        let mut order = OrderOut::of(state)?;
        for (out, line) in order.lines.iter_mut().zip(&placed.lines) {
            out.commission_minor = Some(line.commission.amount.minor);
        }
        let pending = state.refunds.values().any(|refund| refund.stage == RefundStage::Pending);
        Some(WholeOrder {
            order,
            reference: placed.reference.clone(),
            assisted: placed.assisted,
            settled: state.asks.is_empty() && !pending,
            flagged: summary(state)?.flagged,
            refunds: state.refunds.values().map(RefundOut::from).collect(),
        })
    }
}

/// An order in the operator's list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrderItem")]
pub(super) struct OrderItem {
    id: String,
    number: String,
    state: OrderState,
    placed_at_ms: i64,
    currency: String,
    charged_minor: i64,
    refunded_minor: i64,
    /// Whether an operator wrote the quote.
    assisted: bool,
    /// What its source calls it, when it came from elsewhere.
    reference: Option<String>,
    /// Whether a person must look at it.
    flagged: bool,
}

impl From<&OrderRow> for OrderItem {
    fn from(row: &OrderRow) -> Self {
        OrderItem {
            id: row.id.to_string(),
            number: row.number.clone(),
            state: row.status.into(),
            placed_at_ms: row.placed_at.as_millis(),
            currency: row.charged.currency.to_string(),
            charged_minor: row.charged.minor,
            refunded_minor: row.refunded.minor,
            assisted: row.assisted,
            reference: row.reference.clone(),
            flagged: row.flagged,
        }
    }
}

/// An order at a glance, as whoever ordered it sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OwnOrderItem")]
pub(super) struct OwnOrderItem {
    id: String,
    number: String,
    state: OrderState,
    placed_at_ms: i64,
    currency: String,
    charged_minor: i64,
    refunded_minor: i64,
}

impl From<&OrderRow> for OwnOrderItem {
    fn from(row: &OrderRow) -> Self {
        OwnOrderItem {
            id: row.id.to_string(),
            number: row.number.clone(),
            state: row.status.into(),
            placed_at_ms: row.placed_at.as_millis(),
            currency: row.charged.currency.to_string(),
            charged_minor: row.charged.minor,
            refunded_minor: row.refunded.minor,
        }
    }
}

/// What a command did to an order.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct OrderChanged {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<OrderState>,
    /// The parcel that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parcel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parcel_number: Option<u32>,
    /// The lines that it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<u32>>,
    /// What goes back because of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded_minor: Option<i64>,
    /// The refund that stands for the one that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

pub(super) fn changed(id: OrderId, reply: &Reply) -> OrderChanged {
    let now = |state| OrderChanged { id: id.to_string(), state, ..OrderChanged::default() };
    match reply {
        Reply::Accepted => now(Some(OrderState::Accepted)),
        Reply::Shipped { number, lines } => OrderChanged {
            parcel_number: Some(*number),
            lines: Some(lines.clone()),
            ..now(Some(OrderState::Shipped))
        },
        Reply::Delivered => now(Some(OrderState::Delivered)),
        Reply::Cancelled { lines, refunded } => OrderChanged {
            lines: Some(lines.clone()),
            refunded_minor: Some(refunded.minor),
            currency: Some(refunded.currency.to_string()),
            ..now(Some(OrderState::Cancelled))
        },
        Reply::RefundRetried { refund } => OrderChanged { refund: Some(refund.n), ..now(None) },
        // Said between machines only.
        Reply::Noted => now(None),
    }
}
