//! An order, for whoever holds a token to it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{OrderId, StreamId};
use souk_core::order::{Actor, CancelReason, Command, Order, Scope};

use crate::http::Shared;
use crate::http::auth::Shopper;
use crate::http::body::{Body, Ids};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::told_orders::{OrderOut, changed};

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

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OrderCancellation")]
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
