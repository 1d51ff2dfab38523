//! Accounts and sign-ins. None of these takes an `Idempotency-Key`: each has something of its own that is good once, or does
//! no harm when it is done twice.

mod account;
mod buyers;
mod factors;
mod sessions;
mod teams;

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use souk_core::ids::UserId;

use crate::people::PeopleError;
use crate::tenants::access_tokens::AccessRefused;
use crate::tenants::passwords::PasswordError;
use crate::tenants::scope::StepUpNeeded;
use crate::tenants::service_keys::ServiceKeyRefused;

use super::error::{ApiError, Code};
use super::rate_limits::Peer;
use super::routes::{Caller, Naming, Operation, Routes, delete, get, post, put};

pub(super) fn routes() -> Routes {
    let of_commands = [Code::Overloaded, Code::Quarantined, Code::OutcomeUnknown, Code::Unavailable];
    let of_letters = [Code::InvalidValue];
    let of_tokens = [Code::TokenInvalid, Code::TokenSpent, Code::PasswordRefused];
    let plain = |operation: Operation| operation.named(Naming::None).refuses(&of_commands);
    let routes = Routes::under("/v1/auth")
        .with(
            plain(post("sign_up", "/sign-ups", "Asks for an account; what to do comes by letter"))
                .takes::<account::MailIn>()
                .answers::<account::LetterSent>(202)
                .refuses(&of_letters),
            account::sign_up,
        )
        .with(
            plain(post("verify_mail", "/verifications", "Shows the letter's token and chooses a password"))
                .takes::<account::ChoiceIn>()
                .answers::<account::AccountOut>(200)
                .refuses(&of_tokens),
            account::verify,
        )
        .with(
            plain(post(
                "ask_reset",
                "/reset-letters",
                "Has forgotten the password; what to do comes by letter",
            ))
            .takes::<account::MailIn>()
            .answers::<account::LetterSent>(202)
            .refuses(&of_letters),
            account::ask_reset,
        )
        .with(
            plain(post("reset_password", "/resets", "Shows the letter's token and chooses another password"))
                .takes::<account::ChoiceIn>()
                .answers::<account::AccountOut>(200)
                .refuses(&of_tokens),
            account::reset,
        )
        .with(
            plain(post("sign_in", "/sessions", "Signs in with mail address and password"))
                .takes::<sessions::SignInIn>()
                .answers::<sessions::SignedInOut>(201)
                .refuses(&[
                    Code::InvalidValue,
                    Code::WrongPassword,
                    Code::SecondFactorRequired,
                    Code::WrongCode,
                ]),
            sessions::sign_in,
        )
        .with(
            plain(post("refresh", "/refreshes", "Gets the next tokens; the refresh token is spent"))
                .takes::<sessions::RefreshIn>()
                .answers::<sessions::SignedInOut>(200)
                .refuses(&[Code::TokenInvalid, Code::SignedOut]),
            sessions::refresh,
        )
        .with(
            plain(delete("sign_out", "/sessions/current", "Signs out here"))
                .by(Caller::Person)
                .answers::<sessions::SignedOutOut>(200),
            sessions::sign_out,
        )
        .with(
            plain(delete("sign_out_everywhere", "/sessions", "Signs out everywhere"))
                .by(Caller::Person)
                .answers::<sessions::SignedOutOut>(200),
            sessions::sign_out_everywhere,
        )
        .with(
            plain(post(
                "go_on_for_vendor",
                "/sessions/vendor",
                "Goes on for a vendor, with tokens of its own",
            ))
            .by(Caller::Person)
            .takes::<teams::GoOnIn>()
            .answers::<sessions::SignedInOut>(201)
            .refuses(&[Code::NotFound, Code::InvalidField]),
            teams::go_on,
        )
        .with(
            plain(post("accept_invitation", "/invitations", "Accepts an invitation to a vendor's team"))
                .by(Caller::Person)
                .takes::<teams::AcceptIn>()
                .answers::<teams::JoinedOut>(200)
                .refuses(&[Code::TokenInvalid, Code::TokenSpent, Code::AlreadyExists]),
            teams::accept,
        )
        .with(
            plain(post("go_on_as_operator", "/sessions/operator", "Goes on as an operator, likewise"))
                .by(Caller::Person)
                .answers::<sessions::SignedInOut>(201)
                .refuses(&[Code::WrongRole]),
            sessions::go_on_as_operator,
        )
        .with(
            plain(post(
                "adopt_cart",
                "/me/carts",
                "Shows a guest's cart: what is ordered with it is one's own",
            ))
            .by(Caller::Person)
            .takes::<buyers::AdoptIn>()
            .answers::<buyers::AdoptedOut>(200)
            .refuses(&[Code::TokenInvalid, Code::AlreadyExists, Code::TooMany]),
            buyers::adopt,
        )
        .with(
            get("show_me", "/me", "Who is signed in").by(Caller::Person).answers::<account::MeOut>(200),
            account::me,
        )
        .with(
            plain(put("change_password", "/me/password", "Chooses another password; signs out everywhere"))
                .by(Caller::Person)
                .takes::<account::ChangeIn>()
                .answers::<account::AccountOut>(200)
                .refuses(&[Code::PasswordRefused]),
            account::change_password,
        );
    factor_routes(routes, plain)
}

/// What an order about the second factor is refused with.
const OF_FACTORS: &[Code] = &[Code::StepUpRequired, Code::NotFound];
/// What is shown and was not good.
const OF_PROOFS: &[Code] =
    &[Code::WrongPassword, Code::SecondFactorRequired, Code::WrongCode, Code::NotFound];

fn factor_routes(routes: Routes, plain: impl Fn(Operation) -> Operation) -> Routes {
    let plain = |operation: Operation| plain(operation).by(Caller::Person);
    routes
        .with(
            plain(post("step_up", "/step-ups", "Shows once more who one is, for what asks for it"))
                .takes::<factors::StepUpIn>()
                .answers::<factors::SteppedUpOut>(200)
                .refuses(OF_PROOFS),
            factors::step_up,
        )
        .with(
            plain(post("begin_totp", "/me/totp", "Begins a second factor: its secret, shown once"))
                .answers::<factors::EnrolmentOut>(201)
                .refuses(OF_FACTORS)
                .refuses(&[Code::AlreadyExists]),
            factors::begin,
        )
        .with(
            plain(post(
                "confirm_totp",
                "/me/totp/confirmations",
                "Shows a first code: from now on one is asked for; recovery codes, shown once",
            ))
            .takes::<factors::FirstCodeIn>()
            .answers::<factors::RecoveryOut>(200)
            .refuses(OF_PROOFS)
            .refuses(&[Code::StepUpRequired, Code::AlreadyExists]),
            factors::confirm,
        )
        .with(
            plain(delete("remove_totp", "/me/totp", "Removes the second factor"))
                .answers::<factors::RemovedOut>(200)
                .refuses(OF_FACTORS),
            factors::remove,
        )
        .with(
            plain(post(
                "renew_recovery_codes",
                "/me/recovery-codes",
                "Gets other recovery codes, shown once",
            ))
            .answers::<factors::RecoveryOut>(201)
            .refuses(OF_FACTORS),
            factors::renew,
        )
}

/// The other end of the connection.
struct Sender(Option<Peer>);

impl<S: Send + Sync> FromRequestParts<S> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Sender(parts.extensions.get::<Peer>().copied()))
    }
}

fn account(person: UserId) -> account::AccountOut {
    account::AccountOut { person: person.to_string() }
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        let said = error.to_string();
        match error {
            PeopleError::WrongPassword => {
                let detail = format!(
                    "{said}, or it waits after too many failures: check both, or choose another password by \
                     /v1/auth/reset-letters, which ends the wait"
                );
                ApiError::new(Code::WrongPassword, detail)
            }
            PeopleError::CodeNeeded => {
                let detail = format!("{said}: send code, too, of the authenticator or a recovery code");
                ApiError::new(Code::SecondFactorRequired, detail)
            }
            PeopleError::WrongCode => {
                let detail = format!("{said}: wait for the next one, or send a recovery code");
                ApiError::new(Code::WrongCode, detail)
            }
            PeopleError::NoFactor => {
                ApiError::new(Code::NotFound, format!("{said}: begin one by POST /v1/auth/me/totp"))
            }
            PeopleError::FactorExists => ApiError::new(
                Code::AlreadyExists,
                format!("{said}: remove it by DELETE /v1/auth/me/totp first"),
            ),
            PeopleError::StepUp(needed) => needed.into(),
            PeopleError::SecondFactorNeeded => {
                let detail = format!(
                    "{said}: begin one by POST /v1/auth/me/totp, or show its code at /v1/auth/step-ups"
                );
                ApiError::new(Code::SecondFactorNeeded, detail)
            }
            PeopleError::Delayed { retry_after_ms } => {
                let detail = format!(
                    "{said}: come again after Retry-After, or choose another password by /v1/auth/reset-letters, \
                     which ends the wait"
                );
                ApiError::new(Code::RateLimited, detail).retry_after_ms(retry_after_ms)
            }
            PeopleError::InvitationOver => {
                ApiError::new(Code::TokenSpent, format!("{said}: ask an owner for another"))
            }
            PeopleError::AlreadyMember => {
                ApiError::new(Code::AlreadyExists, format!("{said}: an owner gives you another role"))
            }
            PeopleError::NotInTeam | PeopleError::NoSuchPerson => ApiError::new(Code::NotFound, said),
            PeopleError::NoOperator => ApiError::new(Code::WrongRole, said),
            PeopleError::AdoptedByOther => ApiError::new(Code::AlreadyExists, said),
            PeopleError::TooManyBuyers => ApiError::new(Code::TooMany, said),
            PeopleError::ServiceKey(ServiceKeyRefused::Wrong) => {
                ApiError::new(Code::AuthenticationRequired, said)
            }
            PeopleError::ServiceKey(ServiceKeyRefused::Over) => ApiError::new(Code::KeyRevoked, said),
            PeopleError::Key(_) => ApiError::new(Code::InvalidValue, said).with("field", "name"),
            PeopleError::NoPower => {
                ApiError::new(Code::WrongRole, format!("{said}: ask somebody whose role does"))
            }
            PeopleError::TokenRefused => ApiError::new(Code::TokenInvalid, said),
            PeopleError::TokenSpent => ApiError::new(
                Code::TokenSpent,
                format!("{said}; if you have just chosen a password with it, sign in"),
            ),
            PeopleError::Password(PasswordError::Length | PasswordError::Common) => {
                ApiError::new(Code::PasswordRefused, said).with("field", "password")
            }
            PeopleError::Password(PasswordError::Busy) => {
                let detail = "nothing was started: send the same request again after a moment";
                ApiError::new(Code::Overloaded, detail).retry_after_ms(1_000)
            }
            PeopleError::Access(refused) => ApiError::new(refused_as(refused), said),
            PeopleError::Call(error) => error.into(),
            PeopleError::Journal(error) => error.into(),
            PeopleError::Vault(_)
            | PeopleError::Password(PasswordError::Failed)
            | PeopleError::Internal(_) => {
                tracing::error!(error = said, "a request could not be served");
                ApiError::new(Code::Unavailable, "send the same request again after a moment")
                    .retry_after_ms(1_000)
            }
        }
    }
}

impl From<StepUpNeeded> for ApiError {
    fn from(needed: StepUpNeeded) -> Self {
        ApiError::new(Code::StepUpRequired, needed.to_string())
    }
}

const fn refused_as(refused: AccessRefused) -> Code {
    match refused {
        AccessRefused::Malformed | AccessRefused::UnknownKey | AccessRefused::WrongAudience => {
            Code::AuthenticationRequired
        }
        AccessRefused::Expired => Code::AccessExpired,
        AccessRefused::SignedOut => Code::SignedOut,
    }
}
