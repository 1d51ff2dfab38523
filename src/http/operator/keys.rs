//! Vendors' service keys, as operators help them.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{KeyId, StreamId, VendorId};
use souk_core::vendor::{By, KeyScope};

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::lists::Whole;
use crate::http::vendor::keys::{KeyOut, RollIn, keys_of, make_by, revoke_by, roll_by};
use crate::http::wire::KeyScopeWord;

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeyDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct KeyIn {
    /// What people call it.
    name: String,
    /// What it may do, each once. Left out: everything that keys may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<KeyScopeWord>>,
    /// After how long it ends by itself; left out: it does not. At most two years.
    #[schemars(range(min = 1, max = 63_072_000_000_i64))]
    #[serde(skip_serializing_if = "Option::is_none")]
    lasts_ms: Option<i64>,
}

pub(super) async fn list(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(id): Ids<VendorId>,
) -> Result<Json<Whole<KeyOut>>, ApiError> {
    keys_of(&services, id).await
}

pub(super) async fn create(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<VendorId>,
    named: Named,
    Body(draft): Body<KeyIn>,
) -> Result<Response, ApiError> {
    let who = (operator.tenant(), operator.principal());
    let call = named.required()?.about(&services, who, StreamId::Vendor(id), &draft)?;
    let scopes = match &draft.scopes {
        Some(scopes) => scopes.iter().copied().map(Into::into).collect(),
        None => KeyScope::ALL.to_vec(),
    };
    make_by(&services, call, (id, By::Operator), &draft.name, scopes, draft.lasts_ms).await
}

pub(super) async fn roll(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids((id, key)): Ids<(VendorId, KeyId)>,
    named: Named,
    Body(roll): Body<RollIn>,
) -> Result<Response, ApiError> {
    let who = (operator.tenant(), operator.principal());
    let call = named.required()?.about(&services, who, StreamId::Vendor(id), &(key, &roll))?;
    roll_by(&services, call, (id, By::Operator), key, &roll).await
}

pub(super) async fn revoke(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids((id, key)): Ids<(VendorId, KeyId)>,
    named: Named,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let who = (operator.tenant(), operator.principal());
    revoke_by(&services, who, (id, By::Operator), named, key).await
}
