//! Who may sell.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{StreamId, VendorId};
use souk_core::money::Rate;
use souk_core::vendor::{Application, Command, Commission, LegalEntity, Reply, Vendor};

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::lists::{Asked, Listed, page_size};
use crate::http::wire::VendorState;
use crate::http::{Services, wire};
use crate::store::read::VendorRow;
use crate::tenants::OperatorScope;

/// The rule of a commission that an operator named.
const AGREED: &str = "agreed";

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VendorApplication")]
#[serde(deny_unknown_fields)]
pub(super) struct ApplicationIn {
    name: String,
    legal_entity: LegalEntityIn,
    /// The currency it is paid in; the market's when there is none.
    settlement: Option<String>,
    #[serde(default = "yes")]
    seller_of_record: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LegalEntity")]
#[serde(deny_unknown_fields)]
struct LegalEntityIn {
    name: String,
    country: String,
    tax_id: Option<String>,
    series: String,
}

/// What a command did to a vendor.
#[derive(Serialize, JsonSchema)]
pub(super) struct VendorChanged {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<VendorState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

fn told(id: VendorId, reply: &Reply) -> VendorChanged {
    let (state, version) = match reply {
        Reply::Vendor { status, version, .. } => (Some((*status).into()), Some(*version)),
        // Said between machines only.
        Reply::Answer(_) => (None, None),
        Reply::Invited { version, .. } | Reply::Member { version, .. } | Reply::Key { version, .. } => {
            (None, Some(*version))
        }
    };
    VendorChanged { id: id.to_string(), state, version }
}

/// Which vendors.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<VendorState>,
    #[schemars(with = "Option<String>")]
    cursor: Option<VendorId>,
    /// 1 to 200; 50 when it is left out.
    limit: Option<u32>,
}

/// A vendor in a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VendorItem")]
pub(super) struct Item {
    id: String,
    name: String,
    state: VendorState,
    /// What the marketplace keeps of its goods; null until it is approved.
    commission_basis_points: Option<u32>,
    version: u64,
}

pub(super) async fn list(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Listed<Item>>, ApiError> {
    let state = filter.state.map(Into::into);
    let page = services.models.vendors(&operator, state, filter.cursor, page_size(filter.limit)).await?;
    let item = |row: &VendorRow| Item {
        id: row.id.to_string(),
        name: row.name.clone(),
        state: row.status.into(),
        commission_basis_points: row.commission.map(|rate| rate.0),
        version: row.version,
    };
    let items = page.items.iter().map(item).collect();
    Ok(Json(Listed { items, next_cursor: page.next_cursor.map(|id| id.to_string()) }))
}

pub(super) async fn apply(
    State(services): State<Shared>,
    Operator(operator): Operator,
    named: Named,
    Body(application): Body<ApplicationIn>,
) -> Result<Response, ApiError> {
    let settlement = match &application.settlement {
        Some(text) => wire::currency(text)?,
        None => services.market.currency,
    };
    let call = named.creating(&services, (operator.tenant(), operator.principal()), &application)?;
    let id = VendorId(call.derive("ven"));
    let entity = application.legal_entity;
    let command = Command::Apply(Application {
        name: application.name,
        legal_entity: LegalEntity {
            name: entity.name,
            country: entity.country,
            tax_id: entity.tax_id,
            series: entity.series,
        },
        settlement,
        seller_of_record: application.seller_of_record,
        contact: None,
    });
    let given = call.give::<Vendor>(&services, StreamId::Vendor(id), command).await?;
    Ok(given.answer(StatusCode::CREATED, |reply| told(id, &reply)))
}

/// A vendor.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Vendor")]
pub(super) struct VendorOut {
    id: String,
    name: String,
    state: VendorState,
    /// The currency it is paid in.
    settlement: String,
    commission_basis_points: Option<u32>,
    /// Why it was suspended or closed, if it was.
    reason: Option<String>,
    version: u64,
}

pub(super) async fn show(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(id): Ids<VendorId>,
) -> Result<Json<VendorOut>, ApiError> {
    let (state, _) = services.node.handle::<Vendor>().read(StreamId::Vendor(id), services.patience).await?;
    let profile = state.profile.ok_or_else(ApiError::not_found)?;
    Ok(Json(VendorOut {
        id: id.to_string(),
        name: profile.application.name,
        state: profile.status.into(),
        settlement: profile.application.settlement.to_string(),
        commission_basis_points: profile.commission.map(|commission| commission.rate.0),
        reason: profile.reason,
        version: state.version,
    }))
}

async fn change<T: Serialize>(
    services: &Services,
    operator: &OperatorScope,
    id: VendorId,
    named: Named,
    request: &T,
    command: Command,
) -> Result<Response, ApiError> {
    let stream = StreamId::Vendor(id);
    let call = named.about(services, (operator.tenant(), operator.principal()), stream, request)?;
    let given = call.give::<Vendor>(services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| told(id, &reply)))
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VendorApproval")]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveIn {
    /// What the marketplace keeps of its goods; by configuration when there is none.
    commission_basis_points: Option<u32>,
}

pub(super) async fn approve(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<VendorId>,
    named: Named,
    Body(approve): Body<ApproveIn>,
) -> Result<Response, ApiError> {
    let commission = match approve.commission_basis_points {
        Some(points) => Commission { rate: Rate(points), rule: AGREED.to_owned() },
        None => Commission { rate: services.commission, rule: "default".to_owned() },
    };
    change(&services, &operator, id, named, &approve, Command::Approve(commission)).await
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Reason")]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonIn {
    pub(super) reason: String,
}

pub(super) async fn suspend(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<VendorId>,
    named: Named,
    Body(why): Body<ReasonIn>,
) -> Result<Response, ApiError> {
    let command = Command::Suspend { reason: why.reason.clone() };
    change(&services, &operator, id, named, &why, command).await
}

pub(super) async fn reinstate(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<VendorId>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    change(&services, &operator, id, named, &(), Command::Reinstate).await
}

pub(super) async fn close(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<VendorId>,
    named: Named,
    Body(why): Body<ReasonIn>,
) -> Result<Response, ApiError> {
    let command = Command::Close { reason: why.reason.clone() };
    change(&services, &operator, id, named, &why, command).await
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VendorCommission")]
#[serde(deny_unknown_fields)]
pub(super) struct CommissionIn {
    /// What the marketplace keeps of its goods. What was quoted or sold before keeps its rate.
    commission_basis_points: u32,
}

pub(super) async fn set_commission(
    State(services): State<Shared>,
    Operator(operator): Operator,
    Ids(id): Ids<VendorId>,
    named: Named,
    Body(set): Body<CommissionIn>,
) -> Result<Response, ApiError> {
    let commission = Commission { rate: Rate(set.commission_basis_points), rule: AGREED.to_owned() };
    change(&services, &operator, id, named, &set, Command::SetCommission(commission)).await
}
