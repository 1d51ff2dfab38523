//! A vendor's service keys: what its programs act with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{KeyId, StreamId, VendorId};
use souk_core::time::Timestamp;
use souk_core::vendor::keys::Order;
use souk_core::vendor::{By, Command, KeyScope, Reply, Vendor};

use crate::http::auth::Seller;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::{Call, Named};
use crate::http::lists::Whole;
use crate::http::wire::KeyScopeWord;
use crate::http::{Services, Shared};
use crate::people::KeyTold;
use crate::tenants::{Tenant, service_keys};

use super::team::by;

/// How long after it was made a repeat is shown the key: long enough for an answer that was lost.
const SHOWN_FOR_MS: i64 = 10 * 60 * 1_000;

/// What a key is to be.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ServiceKeyDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct KeyIn {
    /// What people call it.
    name: String,
    /// What it may do, each once.
    scopes: Vec<KeyScopeWord>,
    /// After how long it ends by itself; left out: it does not. At most two years.
    #[schemars(range(min = 1, max = 63_072_000_000_i64))]
    lasts_ms: Option<i64>,
}

/// How a key is rolled.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ServiceKeyRoll")]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RollIn {
    /// How long the old key goes on beside its successor. At most thirty days; 0 ends it at once.
    #[schemars(range(min = 0, max = 2_592_000_000_i64))]
    overlap_ms: i64,
}

/// A key that was made. It is shown for ten minutes, to whoever repeats the request.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct KeyMade {
    id: String,
    vendor: String,
    name: String,
    key: String,
}

/// A key that opens nothing any more.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct KeyRevoked {
    id: String,
    vendor: String,
}

/// A key that was not revoked, without its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceKey")]
pub(in crate::http) struct KeyOut {
    id: String,
    name: String,
    /// What its text begins with.
    begins_with: String,
    scopes: Vec<KeyScopeWord>,
    /// Unix time in ms.
    made_at_ms: i64,
    /// Unix time in ms; null when it does not end by itself.
    ends_at_ms: Option<i64>,
    /// Whether it opens anything now.
    is_good: bool,
    /// The key that takes its place.
    successor: Option<String>,
    /// Unix time in ms, about a minute exactly; null when it never was.
    last_used_at_ms: Option<i64>,
}

impl KeyOut {
    fn of(vendor: VendorId, key: KeyTold, now: Timestamp) -> Self {
        let KeyTold { id, name, known, used_at } = key;
        KeyOut {
            id: id.to_string(),
            name,
            begins_with: service_keys::beginning(vendor, id),
            scopes: known.scopes.iter().copied().map(Into::into).collect(),
            made_at_ms: known.made_at.as_millis(),
            ends_at_ms: known.ends_at.map(Timestamp::as_millis),
            is_good: known.is_good(now),
            successor: known.successor.map(|key| key.to_string()),
            last_used_at_ms: used_at.map(Timestamp::as_millis),
        }
    }
}

/// Whose key it is to be, and who says so.
pub(in crate::http) type For = (VendorId, By);

/// Makes a key. It derives from the request's name, so that a repeat makes no second one.
pub(in crate::http) async fn make_by(
    services: &Services,
    call: Call,
    (vendor, by): For,
    name: &str,
    scopes: Vec<KeyScope>,
    lasts_ms: Option<i64>,
) -> Result<Response, ApiError> {
    let key = KeyId(call.derive("key"));
    let order = Order::Make { by, key, scopes, lasts_ms };
    show_once(services, call, vendor, (key, name), order).await
}

/// Makes another in the place of one, under its name.
pub(in crate::http) async fn roll_by(
    services: &Services,
    call: Call,
    (vendor, by): For,
    key: KeyId,
    roll: &RollIn,
) -> Result<Response, ApiError> {
    let name = services.people.key_name(vendor, key).await?.ok_or_else(ApiError::not_found)?;
    let successor = KeyId(call.derive("key"));
    let order = Order::Roll { by, key, successor, overlap_ms: roll.overlap_ms };
    show_once(services, call, vendor, (successor, &name), order).await
}

async fn show_once(
    services: &Services,
    call: Call,
    vendor: VendorId,
    (id, name): (KeyId, &str),
    order: Order,
) -> Result<Response, ApiError> {
    let stream = StreamId::Vendor(vendor);
    let (text, is_new) = services.people.put_key(vendor, id, name).await?;
    let given = call.give::<Vendor>(services, stream, Command::Keys(order)).await?;
    if is_new && given.is_refused() {
        services.people.drop_key(id).await;
    }
    let now = services.node.clock().now();
    Ok(given.respond(|reply| {
        let Reply::Key { made_at: Some(made_at), .. } = reply else {
            unreachable!("a key that is made is told with its time")
        };
        if now.millis_since(made_at) > SHOWN_FOR_MS {
            let detail = "make another key with a new Idempotency-Key, and revoke this one if nobody has it";
            return ApiError::new(Code::SecretShown, detail).with("id", id.to_string()).into_response();
        }
        let (id, vendor, name) = (id.to_string(), vendor.to_string(), name.to_owned());
        let made = KeyMade { id, vendor, name, key: text.expose().to_owned() };
        (StatusCode::CREATED, Json(made)).into_response()
    }))
}

/// A vendor's keys as they are.
pub(in crate::http) async fn keys_of(
    services: &Services,
    vendor: VendorId,
) -> Result<Json<Whole<KeyOut>>, ApiError> {
    let now = services.node.clock().now();
    let keys = services.people.keys_of(vendor).await?;
    Ok(Json(Whole { items: keys.into_iter().map(|key| KeyOut::of(vendor, key, now)).collect() }))
}

/// Ends a key at once.
pub(in crate::http) async fn revoke_by(
    services: &Services,
    who: (Tenant, souk_core::ids::Principal),
    (vendor, by): For,
    named: Named,
    key: KeyId,
) -> Result<Response, ApiError> {
    let stream = StreamId::Vendor(vendor);
    let call = named.about(services, who, stream, &key)?;
    let given = call.give::<Vendor>(services, stream, Command::Keys(Order::Revoke { by, key })).await?;
    let told = |_| KeyRevoked { id: key.to_string(), vendor: vendor.to_string() };
    Ok(given.answer(StatusCode::OK, told))
}

pub(super) async fn list(
    State(services): State<Shared>,
    Seller(vendor): Seller,
) -> Result<Json<Whole<KeyOut>>, ApiError> {
    keys_of(&services, vendor.vendor()).await
}

pub(super) async fn make(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    named: Named,
    Body(draft): Body<KeyIn>,
) -> Result<Response, ApiError> {
    let (by, stream) = (by(&services, &vendor)?, StreamId::Vendor(vendor.vendor()));
    let who = (vendor.tenant(), vendor.principal());
    let call = named.required()?.about(&services, who, stream, &draft)?;
    let scopes = draft.scopes.iter().copied().map(Into::into).collect();
    make_by(&services, call, (vendor.vendor(), by), &draft.name, scopes, draft.lasts_ms).await
}

pub(super) async fn roll(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(key): Ids<KeyId>,
    named: Named,
    Body(roll): Body<RollIn>,
) -> Result<Response, ApiError> {
    let (by, stream) = (by(&services, &vendor)?, StreamId::Vendor(vendor.vendor()));
    let who = (vendor.tenant(), vendor.principal());
    let call = named.required()?.about(&services, who, stream, &(key, &roll))?;
    roll_by(&services, call, (vendor.vendor(), by), key, &roll).await
}

pub(super) async fn revoke(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(key): Ids<KeyId>,
    named: Named,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let by = by(&services, &vendor)?;
    let who = (vendor.tenant(), vendor.principal());
    revoke_by(&services, who, (vendor.vendor(), by), named, key).await
}
