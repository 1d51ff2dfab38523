//! Publishable keys: which pages of others may use the store.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::PublishableKeyId;

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::{Named, key_reused, tell_replayed};
use crate::http::lists::Whole;
use crate::store::publishable_keys;
use crate::tenants::publishable_keys::ORIGINS_MAX;
use crate::tenants::{Origin, PublishableKey, keys};

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PublishableKeyDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct KeyIn {
    /// What people call it.
    name: String,
    /// Where its pages come from, as browsers say it, such as `https://shop.example`; at most twenty.
    origins: Vec<String>,
}

/// A key that stands in pages for everybody to read.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PublishableKey")]
pub(super) struct KeyOut {
    /// The key itself.
    key: String,
    name: String,
    market: String,
    origins: Vec<String>,
    /// Unix time in ms.
    created_at_ms: i64,
    /// Unix time in ms; null while it is good.
    revoked_at_ms: Option<i64>,
}

impl From<&PublishableKey> for KeyOut {
    fn from(key: &PublishableKey) -> Self {
        KeyOut {
            key: key.id.to_string(),
            name: key.name.clone(),
            market: key.market.0.clone(),
            origins: key.origins.iter().map(ToString::to_string).collect(),
            created_at_ms: key.created_at.as_millis(),
            revoked_at_ms: key.revoked_at.map(|at| at.as_millis()),
        }
    }
}

pub(super) async fn list(
    State(services): State<Shared>,
    Operator(_): Operator,
) -> Result<Json<Whole<KeyOut>>, ApiError> {
    let keys = services.cross_origin.look().await?;
    Ok(Json(Whole { items: keys.iter().map(Into::into).collect() }))
}

/// The key derives from the request's name, so that a repeat makes no second one.
pub(super) async fn create(
    State(services): State<Shared>,
    Operator(operator): Operator,
    named: Named,
    Body(draft): Body<KeyIn>,
) -> Result<Response, ApiError> {
    let invalid = |field: &str, why: String| ApiError::new(Code::InvalidValue, why).with("field", field);
    let call = named.creating(&services, (operator.tenant(), operator.principal()), &draft)?;
    let name = keys::checked(&draft.name).map_err(|error| invalid("name", error.to_string()))?;
    let read = |text: &String| text.parse::<Origin>();
    let origins: Result<Vec<Origin>, _> = draft.origins.iter().map(read).collect();
    let origins = origins.map_err(|error| invalid("origins", error.to_string()))?;
    if origins.is_empty() || origins.len() > ORIGINS_MAX {
        return Err(invalid("origins", format!("a key has 1 to {ORIGINS_MAX} origins")));
    }
    let key = PublishableKey {
        id: PublishableKeyId(call.derive("pk")),
        name: name.to_owned(),
        market: services.market.id.clone(),
        origins,
        created_at: services.node.clock().now(),
        revoked_at: None,
    };
    // Stored first and looked at afterwards: of two first requests at the same time one finds the other's.
    let is_new = publishable_keys::create_publishable(&services.plain, &operator, &key).await?;
    let keys = services.cross_origin.look().await?;
    let known = keys.iter().find(|known| known.id == key.id).unwrap_or(&key);
    if (&known.name, &known.origins) != (&key.name, &key.origins) {
        return Err(key_reused());
    }
    let mut response = (StatusCode::CREATED, Json(KeyOut::from(known))).into_response();
    if !is_new {
        tell_replayed(response.headers_mut());
    }
    Ok(response)
}

pub(super) async fn revoke(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<PublishableKeyId>,
    NoBody: NoBody,
) -> Result<Json<KeyOut>, ApiError> {
    let now = services.node.clock().now();
    if !publishable_keys::revoke_publishable(&services.plain, &operator, id, now).await? {
        return Err(ApiError::not_found());
    }
    let keys = services.cross_origin.look().await?;
    let known = keys.iter().find(|known| known.id == id).ok_or_else(ApiError::not_found)?;
    Ok(Json(known.into()))
}
