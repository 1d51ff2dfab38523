//! An order, for whoever holds a token to it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_core::ids::{OrderId, StreamId};
use souk_core::order::{Actor, CancelReason, Command, Order, Reply, Scope, State as OrderState, summary};

use crate::http::auth::Shopper;
use crate::http::body::{Body, Ids};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::{Shared, wire};

/// An order as its shopper sees it.
#[derive(Serialize)]
pub(super) struct OrderOut {
    id: String,
    number: String,
    state: &'static str,
    placed_at_ms: i64,
    currency: String,
    charged_minor: i64,
    refund_pending_minor: i64,
    refunded_minor: i64,
    lines: Vec<LineOut>,
    vendor_orders: Vec<VendorOrderOut>,
    parcels: Vec<ParcelOut>,
}

#[derive(Serialize)]
struct LineOut {
    number: u32,
    sku: String,
    product: String,
    vendor: String,
    quantity: u32,
    unit_price_minor: i64,
    shipping_minor: i64,
    state: &'static str,
}

#[derive(Serialize)]
struct VendorOrderOut {
    number: u32,
    vendor: String,
    state: &'static str,
}

#[derive(Serialize)]
struct ParcelOut {
    number: u32,
    lines: Vec<u32>,
    tracking: Option<String>,
    shipped_at_ms: i64,
    delivered_at_ms: Option<i64>,
}

impl OrderOut {
    /// `None` when there is no such order.
    fn of(state: &OrderState) -> Option<Self> {
        let placed = state.placed.as_ref()?;
        let summary = summary(state)?;
        let line = |line: &souk_core::order::OrderLine| LineOut {
            number: line.number,
            sku: line.sku.to_string(),
            product: line.product.to_string(),
            vendor: line.vendor.to_string(),
            quantity: line.quantity,
            unit_price_minor: line.unit_price.minor,
            shipping_minor: line.shipping.minor,
            state: state.lines.get(&line.number).map_or("open", |known| wire::line_stage(known.stage)),
        };
        let mut parcels: Vec<_> = state
            .parcels
            .values()
            .map(|parcel| ParcelOut {
                number: parcel.number,
                lines: parcel.lines.clone(),
                tracking: parcel.tracking.clone(),
                shipped_at_ms: parcel.shipped_at.as_millis(),
                delivered_at_ms: parcel.delivered_at.map(|at| at.as_millis()),
            })
            .collect();
        parcels.sort_by_key(|parcel| parcel.number);
        let part = |part: &souk_core::order::VendorOrderSummary| VendorOrderOut {
            number: part.number,
            vendor: part.vendor.to_string(),
            state: wire::order_status(part.status),
        };
        Some(OrderOut {
            id: placed.id().to_string(),
            number: placed.number.clone(),
            state: wire::order_status(summary.status),
            placed_at_ms: state.placed_at.as_millis(),
            currency: placed.currency.to_string(),
            charged_minor: summary.charged.minor,
            refund_pending_minor: summary.refund_pending.minor,
            refunded_minor: summary.refunded.minor,
            lines: placed.lines.iter().map(line).collect(),
            vendor_orders: summary.vendor_orders.iter().map(part).collect(),
            parcels,
        })
    }
}

pub(super) async fn show(
    State(services): State<Shared>,
    Shopper(scope): Shopper,
    Ids(id): Ids<OrderId>,
) -> Result<Json<OrderOut>, ApiError> {
    if scope.order() != id {
        return Err(ApiError::not_found());
    }
    let (state, _) = services.node.handle::<Order>().read(StreamId::Order(id), services.patience).await?;
    OrderOut::of(&state).map(Json).ok_or_else(ApiError::not_found)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelIn {
    /// One line, or everything that has not left.
    line: Option<u32>,
}

pub(super) async fn cancel(
    State(services): State<Shared>,
    Shopper(shopper): Shopper,
    Ids(id): Ids<OrderId>,
    named: Named,
    Body(cancel): Body<CancelIn>,
) -> Result<Response, ApiError> {
    // An order's own token is passed on to whoever receives the parcel: it shows, and cancels nothing.
    if shopper.checkout().is_none() || shopper.order() != id {
        return Err(ApiError::not_found());
    }
    let stream = StreamId::Order(id);
    let call =
        named.required()?.about(&services, (shopper.tenant(), shopper.principal()), stream, &cancel)?;
    let scope = cancel.line.map_or(Scope::Order, Scope::Line);
    let command = Command::Cancel { by: Actor::Buyer, scope, reason: CancelReason::BuyerChangedMind };
    let given = call.give::<Order>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| changed(id, &reply)))
}

/// What a command did to an order.
pub(in crate::http) fn changed(id: OrderId, reply: &Reply) -> serde_json::Value {
    let id = id.to_string();
    match reply {
        Reply::Accepted => json!({ "id": id, "state": "accepted" }),
        Reply::Shipped { number, lines } => {
            json!({ "id": id, "state": "shipped", "parcel_number": number, "lines": lines })
        }
        Reply::Delivered => json!({ "id": id, "state": "delivered" }),
        Reply::Cancelled { lines, refunded } => json!({
            "id": id,
            "state": "cancelled",
            "lines": lines,
            "refunded_minor": refunded.minor,
            "currency": refunded.currency.code(),
        }),
        // Said between machines only.
        Reply::Noted => json!({ "id": id }),
    }
}
