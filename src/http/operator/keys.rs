//! API keys for vendors.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{StreamId, VendorId};
use souk_core::vendor::Vendor;

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Body, Ids};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::{Named, key_reused, tell_replayed};
use crate::store::keys;
use crate::tenants::Role;

/// How long after it was made a repeat is shown the key: long enough for an answer that was lost.
const SHOWN_FOR_MS: i64 = 10 * 60 * 1_000;

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct KeyIn {
    /// What people call it.
    name: String,
}

/// A key that was made. It is shown for ten minutes, to whoever repeats the request.
#[derive(Serialize, JsonSchema)]
pub(super) struct KeyMade {
    id: String,
    vendor: String,
    name: String,
    key: String,
}

/// The key derives from the request's name, so that a repeat makes no second one.
pub(super) async fn create(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<VendorId>,
    named: Named,
    Body(key): Body<KeyIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Vendor(id);
    let who = (operator.tenant(), operator.principal());
    let call = named.required()?.about(&services, who, stream, &key)?;
    let (state, _) = services.node.handle::<Vendor>().read(stream, services.patience).await?;
    if state.profile.is_none() {
        return Err(ApiError::not_found());
    }
    let (role, now) = (Role::Vendor(id), services.node.clock().now());
    let issued = services.server_key.issue(call.derive("key"), role, &key.name, now);
    let (text, record) =
        issued.map_err(|error| ApiError::new(Code::InvalidValue, error.to_string()).with("field", "name"))?;
    // Stored first and looked at afterwards: of two first requests at the same time one finds the other's.
    let is_repeat = !keys::create_once(&services.plain, &operator, &record).await?;
    let known = if is_repeat { keys::find(&services.plain, record.id).await? } else { None };
    match known {
        Some(known) if known.name != record.name => return Err(key_reused()),
        Some(known) if now.millis_since(known.created_at) > SHOWN_FOR_MS => {
            let detail = "make another key with a new Idempotency-Key, and revoke this one if nobody has it";
            return Err(ApiError::new(Code::SecretShown, detail).with("id", record.id.to_string()));
        }
        Some(_) | None => {}
    }
    let body = KeyMade {
        id: record.id.to_string(),
        vendor: id.to_string(),
        name: record.name,
        key: text.expose().to_owned(),
    };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if is_repeat {
        tell_replayed(response.headers_mut());
    }
    Ok(response)
}
