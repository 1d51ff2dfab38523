//! A vendor's team: who is in it, and who is asked to be.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{Principal, StreamId, SubjectId, UserId, VendorId};
use souk_core::vendor::team::{By, Order};
use souk_core::vendor::{Command, Reply, Vendor};

use crate::http::auth::Seller;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::{Call, Named};
use crate::http::wire::{TeamRole, mail};
use crate::http::{Services, Shared};
use crate::store::vault::Address;
use crate::tenants::{Tenant, VendorScope};

/// Who is asked to join, and as what.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "InvitationDraft")]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct InvitationIn {
    mail: String,
    role: TeamRole,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RoleChoice")]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RoleIn {
    role: TeamRole,
}

impl RoleIn {
    /// The order that it is.
    pub(in crate::http) fn order(&self, by: By, person: UserId) -> Order {
        Order::SetRole { by, person, role: self.role.into() }
    }
}

/// A team.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Team")]
pub(in crate::http) struct TeamOut {
    vendor: String,
    members: Vec<MemberOut>,
    /// Those that can be accepted.
    invitations: Vec<InvitationOut>,
}

/// A member of a team.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub(super) struct MemberOut {
    person: String,
    role: TeamRole,
}

/// Somebody is asked to join.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub(super) struct InvitationOut {
    invitation: u32,
    role: TeamRole,
    asked_at_ms: i64,
}

/// What an order did to a team.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TeamChanged")]
pub(in crate::http) struct TeamChanged {
    vendor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// What they are; left out when they are not in the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<TeamRole>,
    version: u64,
}

fn told(id: VendorId, reply: &Reply) -> TeamChanged {
    let none = TeamChanged { vendor: id.to_string(), invitation: None, person: None, role: None, version: 0 };
    match *reply {
        Reply::Invited { invitation, version, .. } => {
            TeamChanged { invitation: Some(invitation), version, ..none }
        }
        Reply::Member { person, role, version, .. } => {
            TeamChanged { person: Some(person.to_string()), role: role.map(Into::into), version, ..none }
        }
        Reply::Vendor { version, .. } | Reply::Key { version, .. } => TeamChanged { version, ..none },
        // Said between machines only.
        Reply::Answer(_) => none,
    }
}

/// Puts the address where the letter finds it, and invites.
pub(in crate::http) async fn invite_by(
    services: &Services,
    call: Call,
    (vendor, by): (VendorId, By),
    invitation: &InvitationIn,
) -> Result<Response, ApiError> {
    let stream = StreamId::Vendor(vendor);
    let email = mail(&invitation.mail)?.expose().into();
    let address = Address { email, ..Address::default() };
    let mail = SubjectId(call.derive("invited"));
    services.vault.put(mail, stream, &address).await?;
    let order = Order::Invite { by, mail, role: invitation.role.into() };
    let given = call.give::<Vendor>(services, stream, Command::Team(order)).await?;
    Ok(given.answer(StatusCode::CREATED, |reply| told(vendor, &reply)))
}

/// Only people have a place in a team, and decide about keys; and who decides must have shown lately who they are.
pub(super) fn by(services: &Services, vendor: &VendorScope) -> Result<By, ApiError> {
    match vendor.principal() {
        Principal::Person(person) => {
            vendor.stepped_up(services.node.clock().now())?;
            Ok(By::Person(person))
        }
        _ => Err(ApiError::new(Code::WrongRole, "sign in as a member of the team: a key is none")),
    }
}

async fn change<T: Serialize>(
    services: &Services,
    vendor: &VendorScope,
    named: Named,
    request: &T,
    order: Order,
) -> Result<Response, ApiError> {
    let who = (vendor.tenant(), vendor.principal());
    change_by(services, who, vendor.vendor(), named, request, order).await
}

/// Gives an order about a team.
pub(in crate::http) async fn change_by<T: Serialize>(
    services: &Services,
    who: (Tenant, Principal),
    vendor: VendorId,
    named: Named,
    request: &T,
    order: Order,
) -> Result<Response, ApiError> {
    let stream = StreamId::Vendor(vendor);
    let call = named.about(services, who, stream, request)?;
    let given = call.give::<Vendor>(services, stream, Command::Team(order)).await?;
    Ok(given.answer(StatusCode::OK, |reply| told(vendor, &reply)))
}

pub(super) async fn show(
    State(services): State<Shared>,
    Seller(vendor): Seller,
) -> Result<Json<TeamOut>, ApiError> {
    Ok(Json(team_of(&services, vendor.vendor()).await?))
}

/// A vendor's team as it is.
pub(in crate::http) async fn team_of(services: &Services, vendor: VendorId) -> Result<TeamOut, ApiError> {
    let stream = StreamId::Vendor(vendor);
    let (state, _) = services.node.handle::<Vendor>().read(stream, services.patience).await?;
    if state.profile.is_none() {
        return Err(ApiError::not_found());
    }
    let now = services.node.clock().now();
    let members = state.team.members.iter();
    let open = state.team.invitations.iter().filter(|(_, invitation)| invitation.is_open(now));
    Ok(TeamOut {
        vendor: vendor.to_string(),
        members: members
            .map(|(person, role)| MemberOut { person: person.to_string(), role: (*role).into() })
            .collect(),
        invitations: open
            .map(|(number, invitation)| InvitationOut {
                invitation: *number,
                role: invitation.role.into(),
                asked_at_ms: invitation.asked_at.as_millis(),
            })
            .collect(),
    })
}

pub(super) async fn invite(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    named: Named,
    Body(invitation): Body<InvitationIn>,
) -> Result<Response, ApiError> {
    let (by, stream) = (by(&services, &vendor)?, StreamId::Vendor(vendor.vendor()));
    let call = named.about(&services, (vendor.tenant(), vendor.principal()), stream, &invitation)?;
    invite_by(&services, call, (vendor.vendor(), by), &invitation).await
}

pub(super) async fn withdraw(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(invitation): Ids<u32>,
    named: Named,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let order = Order::Withdraw { by: by(&services, &vendor)?, invitation };
    change(&services, &vendor, named, &invitation, order).await
}

pub(super) async fn set_role(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(person): Ids<UserId>,
    named: Named,
    Body(choice): Body<RoleIn>,
) -> Result<Response, ApiError> {
    let order = choice.order(by(&services, &vendor)?, person);
    change(&services, &vendor, named, &(person, &choice), order).await
}

pub(super) async fn dismiss(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(person): Ids<UserId>,
    named: Named,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let order = Order::Dismiss { by: by(&services, &vendor)?, person };
    change(&services, &vendor, named, &person, order).await
}
