//! Who may sell.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use souk_core::ids::{StreamId, VendorId};
use souk_core::money::Rate;
use souk_core::vendor::{Application, Command, Commission, LegalEntity, Reply, Vendor};

use crate::http::Shared;
use crate::http::auth::Operator;
use crate::http::body::{Body, Ids, NoBody};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::{Services, wire};
use crate::tenants::OperatorScope;

#[derive(Serialize, Deserialize)]
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LegalEntityIn {
    name: String,
    country: String,
    tax_id: Option<String>,
    series: String,
}

fn told(id: VendorId, reply: &Reply) -> Value {
    match reply {
        Reply::Vendor { status, version, .. } => {
            json!({ "id": id.to_string(), "state": wire::vendor_status(*status), "version": version })
        }
        // Said between machines only.
        Reply::Answer(_) => json!({ "id": id.to_string() }),
    }
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

pub(super) async fn show(
    State(services): State<Shared>,
    Operator(_): Operator,
    Ids(id): Ids<VendorId>,
) -> Result<Json<Value>, ApiError> {
    let (state, _) = services.node.handle::<Vendor>().read(StreamId::Vendor(id), services.patience).await?;
    let profile = state.profile.ok_or_else(ApiError::not_found)?;
    Ok(Json(json!({
        "id": id.to_string(),
        "name": profile.application.name,
        "state": wire::vendor_status(profile.status),
        "settlement": profile.application.settlement.code(),
        "commission_basis_points": profile.commission.map(|commission| commission.rate.0),
        "reason": profile.reason,
        "version": state.version,
    })))
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

#[derive(Serialize, Deserialize)]
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
        Some(points) => Commission { rate: Rate(points), rule: "agreed".to_owned() },
        None => Commission { rate: services.commission, rule: "default".to_owned() },
    };
    change(&services, &operator, id, named, &approve, Command::Approve(commission)).await
}

#[derive(Serialize, Deserialize)]
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
