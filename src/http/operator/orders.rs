//! An order with everything that the marketplace knows of it.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use souk_core::ids::{OrderId, StreamId};
use souk_core::order::{Order, OrderLine, Parcel, RefundStage, summary};

use crate::http::auth::Operator;
use crate::http::body::Ids;
use crate::http::error::ApiError;
use crate::http::{Shared, wire};

pub(super) async fn show(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(id): Ids<OrderId>,
) -> Result<Json<Value>, ApiError> {
    let (state, _) = services.node.handle::<Order>().read(StreamId::Order(id), services.patience).await?;
    let (Some(placed), Some(summary)) = (state.placed.as_ref(), summary(&state)) else {
        return Err(ApiError::not_found());
    };
    let pending = state.refunds.values().any(|refund| refund.stage == RefundStage::Pending);
    let line = |line: &OrderLine| {
        json!({
            "number": line.number,
            "sku": line.sku.to_string(),
            "product": line.product.to_string(),
            "vendor": line.vendor.to_string(),
            "quantity": line.quantity,
            "unit_price_minor": line.unit_price.minor,
            "shipping_minor": line.shipping.minor,
            "commission_minor": line.commission.amount.minor,
            "state": state.lines.get(&line.number).map_or("open", |known| wire::line_stage(known.stage)),
        })
    };
    let parcel = |parcel: &Parcel| {
        json!({
            "number": parcel.number,
            "vendor_order": parcel.vendor_order,
            "lines": parcel.lines,
            "tracking": parcel.tracking,
            "shipped_at_ms": parcel.shipped_at.as_millis(),
            "delivered_at_ms": parcel.delivered_at.map(|at| at.as_millis()),
        })
    };
    Ok(Json(json!({
        "id": placed.id().to_string(),
        "number": placed.number,
        "reference": placed.reference,
        "state": wire::order_status(summary.status),
        "assisted": placed.assisted,
        "placed_at_ms": state.placed_at.as_millis(),
        "currency": placed.currency.code(),
        "charged_minor": summary.charged.minor,
        "refund_pending_minor": summary.refund_pending.minor,
        "refunded_minor": summary.refunded.minor,
        // Whether everything that the order asked of stock and payments has been answered.
        "settled": state.asks.is_empty() && !pending,
        "flagged": summary.flagged,
        "lines": placed.lines.iter().map(line).collect::<Vec<_>>(),
        "vendor_orders": summary.vendor_orders.iter().map(|part| json!({
            "number": part.number,
            "vendor": part.vendor.to_string(),
            "state": wire::order_status(part.status),
        })).collect::<Vec<_>>(),
        "parcels": state.parcels.values().map(parcel).collect::<Vec<_>>(),
    })))
}
