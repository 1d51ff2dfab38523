//! Second factors, and showing once more who one is.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::Shared;
use crate::http::auth::SignedIn;
use crate::http::body::{Body, NoBody};
use crate::http::error::{ApiError, Code};
use crate::people::{RecoveryCodes, ShownAgain};
use crate::tenants::passwords::Password;
use crate::tenants::second_factors::PresentedCode;

use crate::http::request_id::Traced;

/// What is put into an authenticator. Shown once; it holds when a code of it was shown.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Enrolment")]
pub(super) struct EnrolmentOut {
    totp: String,
    /// To be typed: base 32, for codes of six digits every half minute.
    secret: String,
    /// The same for a picture.
    otpauth_uri: String,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "FirstCode")]
#[serde(deny_unknown_fields)]
pub(super) struct FirstCodeIn {
    /// What the authenticator shows.
    code: String,
}

/// For whoever has lost the authenticator: each is good once, in the place of a code. Shown once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
pub(super) struct RecoveryOut {
    recovery_codes: Vec<String>,
}

/// One of both: a code, or the password of whoever has no second factor.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "StepUp")]
#[serde(deny_unknown_fields)]
pub(super) struct StepUpIn {
    password: Option<String>,
    /// What the authenticator shows, or a recovery code.
    code: Option<String>,
}

/// Until when this sign-in may do what asks for it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SteppedUp")]
pub(super) struct SteppedUpOut {
    /// Unix time in ms.
    good_until_ms: i64,
}

/// Nothing but the password is asked for any more.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FactorRemoved")]
pub(super) struct RemovedOut {
    /// Always `totp`.
    removed: &'static str,
}

/// Secrets are kept by nobody on the way.
fn secret(status: StatusCode, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn codes(status: StatusCode, codes: &RecoveryCodes) -> Response {
    let recovery_codes = codes.0.iter().map(|code| code.to_string()).collect();
    secret(status, RecoveryOut { recovery_codes })
}

pub(super) async fn begin(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let enrolment = services.people.begin_totp(person, trace).await?;
    let body = EnrolmentOut {
        totp: enrolment.totp.to_string(),
        secret: enrolment.secret.to_string(),
        otpauth_uri: enrolment.uri.to_string(),
    };
    Ok(secret(StatusCode::CREATED, body))
}

pub(super) async fn confirm(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    Body(FirstCodeIn { code }): Body<FirstCodeIn>,
) -> Result<Response, ApiError> {
    let made = services.people.confirm_totp(person, &PresentedCode::from(code), trace).await?;
    Ok(codes(StatusCode::OK, &made))
}

pub(super) async fn renew(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    Ok(codes(StatusCode::CREATED, &services.people.renew_recovery(person, trace).await?))
}

pub(super) async fn remove(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    NoBody: NoBody,
) -> Result<Json<RemovedOut>, ApiError> {
    services.people.remove_factor(person, trace).await?;
    Ok(Json(RemovedOut { removed: "totp" }))
}

pub(super) async fn step_up(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    Body(StepUpIn { password, code }): Body<StepUpIn>,
) -> Result<Json<SteppedUpOut>, ApiError> {
    let shown = match (password, code) {
        (Some(password), None) => ShownAgain::Password(Password::from(password)),
        (None, Some(code)) => ShownAgain::Code(PresentedCode::from(code)),
        (None, None) | (Some(_), Some(_)) => {
            let detail = "show one of both: password, or code when there is a second factor";
            return Err(ApiError::new(Code::InvalidField, detail).with("field", "code"));
        }
    };
    let good_until = services.people.step_up(person, shown, trace).await?;
    Ok(Json(SteppedUpOut { good_until_ms: good_until.as_millis() }))
}
