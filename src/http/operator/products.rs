//! What may be shown.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use souk_core::ids::{ProductId, StreamId};
use souk_core::product::{Command, Product};

use crate::http::auth::Operator;
use crate::http::body::{Body, Ids};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::vendor::told;
use crate::http::{Services, Shared};
use crate::tenants::OperatorScope;

use super::vendors::ReasonIn;

#[derive(Serialize, Deserialize)]
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
