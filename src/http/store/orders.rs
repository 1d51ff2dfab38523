//! An order, for whoever holds a token to it.

use axum::Json;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{BuyerId, OrderId, StreamId};
use souk_core::order::{self, Actor, CancelReason, Command, Order, Scope};

use crate::http::auth::{Owner, SignedIn};
use crate::http::body::{Body, Ids};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::Named;
use crate::http::lists::{Asked, Listed, page_size, placed_cursor, read_placed_cursor};
use crate::http::told_orders::{OrderOut, OwnOrderItem, changed};
use crate::http::{Shared, caching};

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
    owner: Owner,
    by_link: bool,
}

impl Holder {
    async fn of(services: &Shared, link: Link, parts: &mut Parts) -> Result<Holder, ApiError> {
        let Some(token) = link.token else {
            let owner = Owner::from_request_parts(parts, services).await?;
            return Ok(Holder { owner, by_link: false });
        };
        let scope = services.server_key.open_token(&token).ok().filter(|scope| scope.checkout().is_none());
        let scope = scope.ok_or_else(|| {
            let detail =
                "use the whole link as the letter says it, or send Authorization: Bearer and the token";
            ApiError::new(Code::AuthenticationRequired, detail)
        })?;
        Ok(Holder { owner: Owner::Token(scope), by_link: true })
    }
}

fn buyer_of(state: &order::State) -> Option<BuyerId> {
    state.placed.as_ref().map(|placed| placed.buyer)
}

/// Which orders.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    cursor: Option<String>,
    /// 1 to 200; 50 when it is left out.
    limit: Option<u32>,
}

/// What a person ordered with the carts that they have shown to be theirs.
pub(super) async fn own(
    State(services): State<Shared>,
    SignedIn(person): SignedIn,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Listed<OwnOrderItem>>, ApiError> {
    let after = read_placed_cursor(filter.cursor.as_deref())?;
    let buyers = services.people.buyers(&person).await?;
    let page = services.models.orders_of_buyers(&buyers, after, page_size(filter.limit)).await?;
    let items = page.items.iter().map(OwnOrderItem::from).collect();
    Ok(Json(Listed { items, next_cursor: page.next_cursor.map(placed_cursor) }))
}

pub(super) async fn show(
    State(services): State<Shared>,
    Ids(id): Ids<OrderId>,
    Asked(link): Asked<Link>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let holder = Holder::of(&services, link, &mut parts).await?;
    let (state, _) = services.node.handle::<Order>().read(StreamId::Order(id), services.patience).await?;
    if !buyer_of(&state).is_some_and(|buyer| holder.owner.may_see(id, buyer)) {
        return Err(ApiError::not_found());
    }
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
    owner: Owner,
    Ids(id): Ids<OrderId>,
    named: Named,
    Body(cancel): Body<CancelIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Order(id);
    let (state, _) = services.node.handle::<Order>().read(stream, services.patience).await?;
    if !buyer_of(&state).is_some_and(|buyer| owner.may_cancel(id, buyer)) {
        return Err(ApiError::not_found());
    }
    let call = named.required()?.about(&services, owner.who(), stream, &cancel)?;
    let scope = cancel.line.map_or(Scope::Order, Scope::Line);
    let command = Command::Cancel { by: Actor::Buyer, scope, reason: CancelReason::BuyerChangedMind };
    let given = call.give::<Order>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| changed(id, &reply)))
}
