//! One order, whole.

use axum::Json;
use axum::extract::State;
use souk_core::ids::{OrderId, StreamId};
use souk_core::order::Order;

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::Ids;
use crate::http::error::ApiError;
use crate::http::told_orders::WholeOrder;

pub(super) async fn show(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(id): Ids<OrderId>,
) -> Result<Json<WholeOrder>, ApiError> {
    let (state, _) = services.node.handle::<Order>().read(StreamId::Order(id), services.patience).await?;
    WholeOrder::of(&state).map(Json).ok_or_else(ApiError::not_found)
}
