//! A vendor's part of an order. The parts of others are not there.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{OrderId, ParcelId, StreamId};
use souk_core::order::{Actor, Command, Order, Scope};

use crate::http::auth::Seller;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::lists::{Asked, Listed, page_size, placed_cursor, read_placed_cursor};
use crate::http::told_orders::changed;
use crate::http::told_parts::{OwnPart, PartItem, ShipTo};
use crate::http::wire::{OrderState, Reason};
use crate::http::{Services, Shared, caching};
use crate::tenants::VendorScope;
use crate::tenants::policy::Power;

/// Which vendor orders.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<OrderState>,
    cursor: Option<String>,
    /// 1 to 200; 50 when it is left out.
    limit: Option<u32>,
}

pub(super) async fn own(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Listed<PartItem>>, ApiError> {
    let (state, after) = (filter.state.map(Into::into), read_placed_cursor(filter.cursor.as_deref())?);
    let page = services.models.vendor_orders(&vendor, state, after, page_size(filter.limit)).await?;
    let sees_money = vendor.has(Power::SeeMoney);
    let items = page.items.iter().map(|row| PartItem::of(row, sees_money)).collect();
    Ok(Json(Listed { items, next_cursor: page.next_cursor.map(placed_cursor) }))
}

pub(super) async fn show(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<OrderId>,
) -> Result<Response, ApiError> {
    let (state, _) = services.node.handle::<Order>().read(StreamId::Order(id), services.patience).await?;
    let mut part = OwnPart::of(&state, vendor.vendor()).ok_or_else(ApiError::not_found)?;
    if let Some(placed) = state.placed.as_ref().filter(|_| part.is_under_way()) {
        part.ship_to = services.vault.get(placed.subject).await?.as_ref().map(ShipTo::from);
    }
    Ok(([(header::CACHE_CONTROL, caching::NO_STORE)], Json(part)).into_response())
}

/// The number of the vendor's part: one of each order at most, and it never changes.
async fn own_part(services: &Services, vendor: &VendorScope, id: OrderId) -> Result<u32, ApiError> {
    let (state, _) = services.node.handle::<Order>().read(StreamId::Order(id), services.patience).await?;
    let part = state.vendor_orders.iter().find(|(_, part)| part.vendor == vendor.vendor());
    part.map(|(number, _)| *number).ok_or_else(ApiError::not_found)
}

pub(super) async fn accept(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<OrderId>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    let vendor_order = own_part(&services, &vendor, id).await?;
    let stream = StreamId::Order(id);
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &())?;
    let command = Command::Accept { by: Actor::Vendor(vendor.vendor()), vendor_order };
    let given = call.give::<Order>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| changed(id, &reply)))
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Shipment")]
#[serde(deny_unknown_fields)]
pub(super) struct ShipIn {
    /// Which lines; all that are left when there is none.
    lines: Option<Vec<u32>>,
    /// What the carrier calls the parcel.
    tracking: Option<String>,
}

pub(super) async fn ship(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<OrderId>,
    named: Named,
    Body(ship): Body<ShipIn>,
) -> Result<Response, ApiError> {
    let vendor_order = own_part(&services, &vendor, id).await?;
    let stream = StreamId::Order(id);
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &ship)?;
    let parcel = ParcelId(call.derive("pcl"));
    let by = Actor::Vendor(vendor.vendor());
    let command = Command::Ship { by, vendor_order, parcel, lines: ship.lines, tracking: ship.tracking };
    let given = call.give::<Order>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| {
        let mut body = changed(id, &reply);
        body.parcel = Some(parcel.to_string());
        body
    }))
}

pub(super) async fn deliver(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids((id, parcel)): Ids<(OrderId, ParcelId)>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    own_part(&services, &vendor, id).await?;
    let stream = StreamId::Order(id);
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &parcel)?;
    let command = Command::Deliver { by: Actor::Vendor(vendor.vendor()), parcel };
    let given = call.give::<Order>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| changed(id, &reply)))
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LineCancellation")]
#[serde(deny_unknown_fields)]
pub(super) struct CancelIn {
    reason: Reason,
}

pub(super) async fn cancel_line(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids((id, line)): Ids<(OrderId, u32)>,
    named: Named,
    Body(cancel): Body<CancelIn>,
) -> Result<Response, ApiError> {
    own_part(&services, &vendor, id).await?;
    let request = (line, &cancel);
    cancel_within(&services, &vendor, id, named, &request, (Scope::Line(line), cancel.reason)).await
}

pub(super) async fn cancel(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<OrderId>,
    named: Named,
    Body(cancel): Body<CancelIn>,
) -> Result<Response, ApiError> {
    let part = own_part(&services, &vendor, id).await?;
    cancel_within(&services, &vendor, id, named, &cancel, (Scope::VendorOrder(part), cancel.reason)).await
}

async fn cancel_within<T: Serialize>(
    services: &Services,
    vendor: &VendorScope,
    id: OrderId,
    named: Named,
    request: &T,
    (scope, reason): (Scope, Reason),
) -> Result<Response, ApiError> {
    let stream = StreamId::Order(id);
    let who = (vendor.tenant(), vendor.principal());
    let call = named.required()?.about(services, who, stream, request)?;
    let command = Command::Cancel { by: Actor::Vendor(vendor.vendor()), scope, reason: reason.into() };
    let given = call.give::<Order>(services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| changed(id, &reply)))
}
