//! An order, for whoever holds a token to it.

use axum::Json;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{OrderId, StreamId};
use souk_core::order::{Actor, CancelReason, Command, Order, Scope};

use crate::http::auth::Shopper;
use crate::http::body::{Body, Ids};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::Named;
use crate::http::lists::Asked;
use crate::http::told_orders::{OrderOut, changed};
use crate::http::{Shared, caching};
use crate::tenants::BuyerScope;

/// How a link shows an order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    /// The order's own token, instead of the header: links in letters have it. A cart's token may pay and cancel, so it
    /// stands in no link.
    token: Option<String>,
}

/// By a token in the header, or in the link that a letter told.
struct Holder {
    scope: BuyerScope,
    by_link: bool,
}

impl Holder {
    async fn of(services: &Shared, link: Link, parts: &mut Parts) -> Result<Holder, ApiError> {
        let Some(token) = link.token else {
            let Shopper(scope) = Shopper::from_request_parts(parts, services).await?;
            return Ok(Holder { scope, by_link: false });
        };
        let scope = services.server_key.open_token(&token).ok().filter(|scope| scope.checkout().is_none());
        let scope = scope.ok_or_else(|| {
            let detail =
                "use the whole link as the letter says it, or send Authorization: Bearer and the token";
            ApiError::new(Code::AuthenticationRequired, detail)
        })?;
        Ok(Holder { scope, by_link: true })
    }
}

pub(super) async fn show(
    State(services): State<Shared>,
    Ids(id): Ids<OrderId>,
    Asked(link): Asked<Link>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let holder = Holder::of(&services, link, &mut parts).await?;
    if holder.scope.order() != id {
        return Err(ApiError::not_found());
    }
    let (state, _) = services.node.handle::<Order>().read(StreamId::Order(id), services.patience).await?;
    let order = OrderOut::of(&state).ok_or_else(ApiError::not_found)?;
    let mut response = Json(order).into_response();
    if holder.by_link {
        // The address itself is the secret: it is kept nowhere and told to no other site.
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, caching::NO_STORE);
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    Ok(response)
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OrderCancellation")]
#[serde(deny_unknown_fields)]
pub(super) struct CancelIn {
    /// One line, or everything that has not left.
    line: Option<u32>,
}

pub(super) async fn cancel(
    State(services): State<Shared>,
    Shopper(shopper): Shopper,
    Ids(id): Ids<OrderId>,
    named: Named,
    Body(cancel): Body<CancelIn>,
) -> Result<Response, ApiError> {
    // An order's own token is passed on to whoever receives the parcel: it shows, and cancels nothing.
    if shopper.checkout().is_none() || shopper.order() != id {
        return Err(ApiError::not_found());
    }
    let stream = StreamId::Order(id);
    let call =
        named.required()?.about(&services, (shopper.tenant(), shopper.principal()), stream, &cancel)?;
    let scope = cancel.line.map_or(Scope::Order, Scope::Line);
    let command = Command::Cancel { by: Actor::Buyer, scope, reason: CancelReason::BuyerChangedMind };
    let given = call.give::<Order>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| changed(id, &reply)))
}
