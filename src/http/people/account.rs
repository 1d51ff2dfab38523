//! Accounts: asking for one, choosing a password.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::Shared;
use crate::http::auth::SignedIn;
use crate::http::body::Body;
use crate::http::error::{ApiError, Code};
use crate::http::wire::mail;
use crate::people::PeopleError;
use crate::tenants::passwords::{Password, PasswordError};

use super::account;
use crate::http::request_id::Traced;

/// Whose.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "MailDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct MailIn {
    mail: String,
}

/// The same whether or not there is an account: only the letter says which.
#[derive(Serialize, JsonSchema)]
pub(super) struct LetterSent {
    /// What to do next.
    next: &'static str,
}

/// What a letter asks for.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "PasswordChoice")]
#[serde(deny_unknown_fields)]
pub(super) struct ChoiceIn {
    /// The whole token of the letter.
    token: String,
    /// 12 to 128 characters.
    password: String,
}

/// Somebody who knows the password that holds chooses another.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "PasswordChange")]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeIn {
    old_password: String,
    /// 12 to 128 characters.
    new_password: String,
}

/// An account whose password was chosen.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub(super) struct AccountOut {
    pub(super) person: String,
}

/// Who is signed in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Me")]
pub(super) struct MeOut {
    person: String,
    /// The sign-in of the token.
    sign_in: String,
    /// `null` once it was erased.
    mail: Option<String>,
    /// Whether a code is asked for beside the password.
    second_factor: bool,
    /// Recovery codes that are left, of whoever has a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes_left: Option<u32>,
}

pub(super) async fn sign_up(
    State(services): State<Shared>,
    Traced(trace): Traced,
    Body(asked): Body<MailIn>,
) -> Result<(StatusCode, Json<LetterSent>), ApiError> {
    services.people.sign_up(&mail(&asked.mail)?, trace).await?;
    let next = "a letter is on its way to that address: show its token at /v1/auth/verifications";
    Ok((StatusCode::ACCEPTED, Json(LetterSent { next })))
}

pub(super) async fn ask_reset(
    State(services): State<Shared>,
    Traced(trace): Traced,
    Body(asked): Body<MailIn>,
) -> Result<(StatusCode, Json<LetterSent>), ApiError> {
    services.people.ask_reset(&mail(&asked.mail)?, trace).await?;
    let next =
        "if that address has an account a letter is on its way there: show its token at /v1/auth/resets";
    Ok((StatusCode::ACCEPTED, Json(LetterSent { next })))
}

pub(super) async fn verify(
    State(services): State<Shared>,
    Traced(trace): Traced,
    Body(ChoiceIn { token, password }): Body<ChoiceIn>,
) -> Result<Json<AccountOut>, ApiError> {
    Ok(Json(account(services.people.verify(&token, Password::from(password), trace).await?)))
}

pub(super) async fn reset(
    State(services): State<Shared>,
    Traced(trace): Traced,
    Body(ChoiceIn { token, password }): Body<ChoiceIn>,
) -> Result<Json<AccountOut>, ApiError> {
    Ok(Json(account(services.people.reset(&token, Password::from(password), trace).await?)))
}

pub(super) async fn me(
    State(services): State<Shared>,
    SignedIn(person): SignedIn,
) -> Result<Json<MeOut>, ApiError> {
    let second = services.people.second_factor(person).await?;
    Ok(Json(MeOut {
        person: person.person().to_string(),
        sign_in: person.family().to_string(),
        mail: services.people.mail_of(person).await?,
        second_factor: second.is_some(),
        recovery_codes_left: second.map(|second| second.codes_left),
    }))
}

pub(super) async fn change_password(
    State(services): State<Shared>,
    Traced(trace): Traced,
    SignedIn(person): SignedIn,
    Body(ChangeIn { old_password, new_password }): Body<ChangeIn>,
) -> Result<Json<AccountOut>, ApiError> {
    let (old, new) = (Password::from(old_password), Password::from(new_password));
    let changed = services.people.change_password(person, old, new, trace).await;
    changed.map_err(|error| match error {
        PeopleError::WrongPassword => {
            let detail = "old_password is not the one of this account: nothing was changed";
            ApiError::new(Code::PasswordRefused, detail).with("field", "old_password")
        }
        PeopleError::Password(PasswordError::Length | PasswordError::Common) => {
            ApiError::new(Code::PasswordRefused, error.to_string()).with("field", "new_password")
        }
        other => other.into(),
    })?;
    Ok(Json(account(person.person())))
}
