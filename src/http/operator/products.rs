//! What may be shown.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{ProductId, SkuId, StreamId};
use souk_core::product::{Command, Product};

use crate::http::auth::Operator;
use crate::http::body::{Body, Ids};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::lists::{Asked, Listed, page_size};
use crate::http::store::products::available;
use crate::http::told_products::{WorkItem, WorkProduct, told};
use crate::http::wire::ProductState;
use crate::http::{Services, Shared};
use crate::tenants::OperatorScope;

use super::vendors::ReasonIn;

/// Which products.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<ProductState>,
    #[schemars(with = "Option<String>")]
    cursor: Option<ProductId>,
    /// 1 to 200; 50 when it is left out.
    limit: Option<u32>,
}

pub(super) async fn list(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Listed<WorkItem>>, ApiError> {
    let state = filter.state.map(Into::into);
    let page = services.models.all_products(&operator, state, filter.cursor, page_size(filter.limit)).await?;
    let items = page.items.iter().map(WorkItem::from).collect();
    Ok(Json(Listed { items, next_cursor: page.next_cursor.map(|id| id.to_string()) }))
}

pub(super) async fn show(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(id): Ids<ProductId>,
) -> Result<Json<WorkProduct>, ApiError> {
    let (state, _) = services.node.handle::<Product>().read(StreamId::Product(id), services.patience).await?;
    let known = state.known.ok_or_else(ApiError::not_found)?;
    let skus: Vec<SkuId> = known.offers.keys().copied().collect();
    let mut shown = WorkProduct::of(id, &known, &services.market.id, None);
    for (offer, sku) in shown.offers.iter_mut().zip(skus) {
        offer.available = available(&services, sku).await?;
        offer.open = services.node.stock_view().is_open(sku).unwrap_or(false);
    }
    Ok(Json(shown))
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProductApproval")]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveIn {
    /// Whether it is shown at once.
    #[serde(default = "yes")]
    list: bool,
}

fn yes() -> bool {
    true
}

async fn change<T: Serialize>(
    services: &Services,
    operator: &OperatorScope,
    id: ProductId,
    named: Named,
    request: &T,
    command: Command,
) -> Result<Response, ApiError> {
    let stream = StreamId::Product(id);
    let call = named.about(services, (operator.tenant(), operator.principal()), stream, request)?;
    let given = call.give::<Product>(services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| told(id, &reply)))
}

pub(super) async fn approve(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<ProductId>,
    named: Named,
    Body(approve): Body<ApproveIn>,
) -> Result<Response, ApiError> {
    change(&services, &operator, id, named, &approve, Command::Approve { list: approve.list }).await
}

pub(super) async fn reject(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<ProductId>,
    named: Named,
    Body(why): Body<ReasonIn>,
) -> Result<Response, ApiError> {
    let command = Command::Reject { reason: why.reason.clone() };
    change(&services, &operator, id, named, &why, command).await
}
