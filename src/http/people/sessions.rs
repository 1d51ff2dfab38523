//! Sign-ins: from the first tokens to signing out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::family::Audience;

use crate::http::Shared;
use crate::http::auth::SignedIn;
use crate::http::body::{Body, NoBody};
use crate::http::error::{ApiError, Code};
use crate::http::rate_limits::{Peer, network};
use crate::http::wire::mail;
use crate::people::{Presented, Tokens};
use crate::tenants::passwords::Password;
use crate::tenants::refresh_tokens::PresentedRefresh;
use crate::tenants::second_factors::PresentedCode;

use super::Sender;
use crate::http::request_id::Traced;

/// Who, and for what.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SignIn")]
#[serde(deny_unknown_fields)]
pub(super) struct SignInIn {
    mail: String,
    password: String,
    audience: AudienceIn,
    /// Of whoever has a second factor: what the authenticator shows, or a recovery code.
    #[serde(default)]
    code: Option<String>,
}

/// What the tokens are good for.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "Audience")]
#[serde(rename_all = "snake_case")]
enum AudienceIn {
    /// Shopping, and one's own account.
    Store,
}

impl From<AudienceIn> for Audience {
    fn from(audience: AudienceIn) -> Self {
        match audience {
            AudienceIn::Store => Audience::Store,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Refresh")]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshIn {
    refresh_token: String,
}

/// Tokens of somebody who is signed in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignedIn")]
pub(super) struct SignedInOut {
    person: String,
    sign_in: String,
    /// Always `Bearer`.
    token_type: &'static str,
    access_token: String,
    /// Unix time in ms.
    access_expires_at_ms: i64,
    /// Good once; what it is exchanged for is told again within ten seconds.
    refresh_token: String,
    /// Unix time in ms.
    refresh_expires_at_ms: i64,
}

/// Nobody is signed in by these tokens any more.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignedOut")]
pub(super) struct SignedOutOut {
    /// `here` or `everywhere`.
    signed_out: &'static str,
}

pub(super) async fn sign_in(
    State(services): State<Shared>,
    Traced(trace): Traced,
    Sender(peer): Sender,
    Body(asked): Body<SignInIn>,
) -> Result<Response, ApiError> {
    let mail = mail(&asked.mail)?;
    services.rate_limits.try_with(services.server_key.mail_number(&mail), peer)?;
    let network = peer.map(|Peer(address)| network(address));
    let code = asked.code.map(PresentedCode::from);
    let presented = Presented { password: Password::from(asked.password), code, network };
    let tokens = services.people.sign_in(&mail, presented, asked.audience.into(), trace).await?;
    Ok(told(StatusCode::CREATED, &tokens))
}

pub(super) async fn refresh(
    State(services): State<Shared>,
    Traced(trace): Traced,
    Body(asked): Body<RefreshIn>,
) -> Result<Response, ApiError> {
    let presented: Result<PresentedRefresh, _> = asked.refresh_token.parse();
    let presented = presented.map_err(|refused| ApiError::new(Code::TokenInvalid, refused.to_string()))?;
    let tokens = services.people.refresh(&presented, trace).await?;
    Ok(told(StatusCode::OK, &tokens))
}

/// Tokens are kept by nobody on the way.
pub(super) fn told(status: StatusCode, tokens: &Tokens) -> Response {
    let body = SignedInOut {
        person: tokens.person.to_string(),
        sign_in: tokens.family.to_string(),
        token_type: "Bearer",
        access_token: tokens.access.expose().to_owned(),
        access_expires_at_ms: tokens.access_until.as_millis(),
        refresh_token: tokens.refresh.expose().to_owned(),
        refresh_expires_at_ms: tokens.refresh_until.as_millis(),
    };
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) async fn sign_out(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    NoBody: NoBody,
) -> Result<Json<SignedOutOut>, ApiError> {
    services.people.sign_out(person, trace).await?;
    Ok(Json(SignedOutOut { signed_out: "here" }))
}

pub(super) async fn sign_out_everywhere(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    NoBody: NoBody,
) -> Result<Json<SignedOutOut>, ApiError> {
    services.people.end_sign_ins(person, trace).await?;
    Ok(Json(SignedOutOut { signed_out: "everywhere" }))
}

pub(super) async fn go_on_as_operator(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let tokens = services.people.go_on_as_operator(person, trace).await?;
    Ok(told(StatusCode::CREATED, &tokens))
}
