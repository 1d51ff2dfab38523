//! Teams, as somebody sees them who is invited to one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::VendorId;

use crate::http::Shared;
use crate::http::auth::SignedIn;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::wire::TeamRole;

use super::sessions;
use crate::http::request_id::Traced;

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "InvitationAcceptance")]
#[serde(deny_unknown_fields)]
pub(super) struct AcceptIn {
    /// The whole token of the letter.
    token: String,
}

/// Whose team somebody is in by now.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Joined")]
pub(super) struct JoinedOut {
    vendor: String,
    role: TeamRole,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "VendorChoice")]
#[serde(deny_unknown_fields)]
pub(super) struct GoOnIn {
    #[schemars(with = "String")]
    vendor: VendorId,
}

pub(super) async fn accept(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    Body(asked): Body<AcceptIn>,
) -> Result<Json<JoinedOut>, ApiError> {
    let (vendor, role) = services.people.join(person, &asked.token, trace).await?;
    Ok(Json(JoinedOut { vendor: vendor.to_string(), role: role.into() }))
}

pub(super) async fn go_on(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    Body(asked): Body<GoOnIn>,
) -> Result<Response, ApiError> {
    let tokens = services.people.go_on_for(person, asked.vendor, trace).await?;
    Ok(sessions::told(StatusCode::CREATED, &tokens))
}
