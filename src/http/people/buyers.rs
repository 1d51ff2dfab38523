//! Guests' carts that a person shows to be theirs.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::Shared;
use crate::http::auth::SignedIn;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::request_id::Traced;

/// A cart, by what only its shopper has.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CartAdoption")]
#[serde(deny_unknown_fields)]
pub(super) struct AdoptIn {
    /// The cart's whole token. An order's token is not enough: it is passed on to whoever receives the parcel.
    token: String,
}

/// The shopper of a cart is this person from now on.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CartAdopted")]
pub(super) struct AdoptedOut {
    person: String,
    buyer: String,
}

pub(super) async fn adopt(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    Body(asked): Body<AdoptIn>,
) -> Result<Json<AdoptedOut>, ApiError> {
    let buyer = services.people.adopt(person, &asked.token, trace).await?;
    Ok(Json(AdoptedOut { person: person.person().to_string(), buyer: buyer.to_string() }))
}
