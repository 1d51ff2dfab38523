//! Vendors' teams, as operators help them: a first owner, or one who is locked out by another.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use souk_core::ids::{StreamId, UserId, VendorId};
use souk_core::vendor::team::{By, Order};

use crate::http::auth::Operator;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::vendor::team::{InvitationIn, RoleIn, TeamOut, change_by, invite_by, team_of};
use crate::http::{Services, Shared};
use crate::tenants::OperatorScope;

async fn change<T: Serialize>(
    services: &Services,
    operator: &OperatorScope,
    vendor: VendorId,
    named: Named,
    request: &T,
    order: Order,
) -> Result<Response, ApiError> {
    let who = (operator.tenant(), operator.principal());
    change_by(services, who, vendor, named, request, order).await
}

pub(super) async fn show(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(id): Ids<VendorId>,
) -> Result<Json<TeamOut>, ApiError> {
    Ok(Json(team_of(&services, id).await?))
}

pub(super) async fn invite(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<VendorId>,
    named: Named,
    Body(invitation): Body<InvitationIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Vendor(id);
    let call = named.about(&services, (operator.tenant(), operator.principal()), stream, &invitation)?;
    invite_by(&services, call, (id, By::Operator), &invitation).await
}

pub(super) async fn withdraw(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids((id, invitation)): Ids<(VendorId, u32)>,
    named: Named,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let order = Order::Withdraw { by: By::Operator, invitation };
    change(&services, &operator, id, named, &invitation, order).await
}

pub(super) async fn set_role(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids((id, person)): Ids<(VendorId, UserId)>,
    named: Named,
    Body(choice): Body<RoleIn>,
) -> Result<Response, ApiError> {
    let order = choice.order(By::Operator, person);
    change(&services, &operator, id, named, &(person, &choice), order).await
}

pub(super) async fn dismiss(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids((id, person)): Ids<(VendorId, UserId)>,
    named: Named,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let order = Order::Dismiss { by: By::Operator, person };
    change(&services, &operator, id, named, &person, order).await
}
