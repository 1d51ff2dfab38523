//! Who is an operator.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::UserId;
use souk_core::person::Standing;

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::ApiError;
use crate::http::lists::Whole;
use crate::http::request_id::Traced;
use crate::http::wire::OperatorRoleWord;

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "OperatorRoleChoice")]
#[serde(deny_unknown_fields)]
pub(super) struct RoleIn {
    role: OperatorRoleWord,
}

/// What a person may do for the marketplace.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Operator")]
pub(super) struct OperatorOut {
    person: String,
    /// Null is nothing.
    role: Option<OperatorRoleWord>,
}

impl From<Standing> for OperatorOut {
    fn from(standing: Standing) -> Self {
        OperatorOut { person: standing.person.to_string(), role: standing.operator.map(Into::into) }
    }
}

pub(super) async fn list(
    State(services): State<Shared>,
    Operator(operator): Operator,
) -> Result<Json<Whole<OperatorOut>>, ApiError> {
    let operators = services.people.operators(&operator).await?;
    Ok(Json(Whole { items: operators.into_iter().map(Into::into).collect() }))
}

pub(super) async fn set(
    State(services): State<Shared>,
    Traced(trace): Traced,
    Operator(operator): Operator,
    Ids(person): Ids<UserId>,
    Body(choice): Body<RoleIn>,
) -> Result<Json<OperatorOut>, ApiError> {
    let role = Some(choice.role.into());
    Ok(Json(services.people.set_operator(&operator, person, role, trace).await?.into()))
}

pub(super) async fn dismiss(
    State(services): State<Shared>,
    Traced(trace): Traced,
    Operator(operator): Operator,
    Ids(person): Ids<UserId>,
    NoBody: NoBody,
) -> Result<Json<OperatorOut>, ApiError> {
    Ok(Json(services.people.set_operator(&operator, person, None, trace).await?.into()))
}
