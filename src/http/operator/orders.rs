//! One order, whole; and what only an operator may do about it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use souk_core::ids::{OrderId, StreamId};
use souk_core::order::{Actor, Command, Order};

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Ids, NoBody};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::told_orders::{WholeOrder, changed};

/// Asks for a refund again that was refused.
pub(super) async fn retry_refund(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids((id, refund)): Ids<(OrderId, u32)>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let stream = StreamId::Order(id);
    let who = (operator.tenant(), operator.principal());
    let call = named.required()?.about(&services, who, stream, &refund)?;
    let command = Command::RetryRefund { by: Actor::Operator, refund };
    let given = call.give::<Order>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| changed(id, &reply)))
}

pub(super) async fn show(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(id): Ids<OrderId>,
) -> Result<Json<WholeOrder>, ApiError> {
    let (state, _) = services.node.handle::<Order>().read(StreamId::Order(id), services.patience).await?;
    WholeOrder::of(&state).map(Json).ok_or_else(ApiError::not_found)
}
