//! Names a request, gives its command to one machine, and knows repeats.
//!
//! The name is a keyed hash over tenant, principal, route, *target stream* and the client's key. The target is part
//! of it because a stored reply is found by the name alone: one name in two streams would have two replies. What a
//! request makes (a cart, a product, a parcel) is called after the request's name, so a repeat makes nothing new.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use souk_core::host::Answer;
use souk_core::ids::{Principal, StreamId};
use souk_core::journal::Origin;
use souk_core::machine::{CommandId, CommandKey, Outcome};

use crate::actors::{Hosted, Told};
use crate::tenants::{IdempotencyKey, Tenant, derived_id};

use super::error::{ApiError, Code};
use super::request_id::Trace;
use super::{Services, Shared, positions};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// What only this client knows; without an account nothing else tells two strangers with the same key apart.
const CLIENT_SECRET: HeaderName = HeaderName::from_static("souk-client-secret");
/// The shortest secret: as many letters as a random UUID has.
const CLIENT_SECRET_MIN: usize = 32;
/// The longest.
const CLIENT_SECRET_MAX: usize = 255;
/// Who opens a cart before there is a shopper.
const NOBODY: Principal = Principal::System;

/// The key was used before, for something else.
pub(super) fn key_reused() -> ApiError {
    ApiError::new(
        Code::KeyReused,
        "send a new Idempotency-Key with every new request; the same key only repeats one",
    )
}

/// Says that this answer was given before.
pub(super) fn tell_replayed(headers: &mut HeaderMap) {
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
}

/// How a request is called by its client.
pub(super) struct Named {
    route: String,
    key: Option<IdempotencyKey>,
    client_secret: Option<String>,
    trace: Option<u128>,
}

impl FromRequestParts<Shared> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ApiError> {
        let text = |name| parts.headers.get(name).map(|value: &HeaderValue| value.to_str());
        let invalid = |detail: String| ApiError::new(Code::KeyInvalid, detail);
        let key = match text(HEADER) {
            None => None,
            Some(Err(_)) => {
                return Err(invalid("Idempotency-Key has a character that is not visible ASCII".to_owned()));
            }
            Some(Ok(text)) => {
                Some(text.parse::<IdempotencyKey>().map_err(|error| invalid(error.to_string()))?)
            }
        };
        let client_secret = match text(CLIENT_SECRET) {
            None => None,
            Some(Ok(secret)) if (CLIENT_SECRET_MIN..=CLIENT_SECRET_MAX).contains(&secret.len()) => {
                Some(secret.to_owned())
            }
            Some(_) => {
                return Err(invalid(format!(
                    "Souk-Client-Secret is {CLIENT_SECRET_MIN} to {CLIENT_SECRET_MAX} random letters"
                )));
            }
        };
        let matched = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let trace = parts.extensions.get::<Trace>().map(|Trace(trace)| *trace);
        Ok(Named { route: format!("{} {matched}", parts.method), key, client_secret, trace })
    }
}

impl Named {
    /// The same, where money moves: nobody may be left unable to repeat.
    pub(super) fn required(self) -> Result<Self, ApiError> {
        if self.key.is_none() {
            return Err(ApiError::new(
                Code::KeyMissing,
                "send Idempotency-Key with a new random text, such as a UUID, and the same one when you repeat",
            ));
        }
        Ok(self)
    }

    /// Names a request about something that exists.
    pub(super) fn about<T: Serialize>(
        self,
        services: &Services,
        who: (Tenant, Principal),
        stream: StreamId,
        request: &T,
    ) -> Result<Call, ApiError> {
        let route = format!("{} {stream}", self.route);
        self.call(services, who, &route, request)
    }

    /// Names a request that makes something; its id derives from the name.
    pub(super) fn creating<T: Serialize>(
        self,
        services: &Services,
        who: (Tenant, Principal),
        request: &T,
    ) -> Result<Call, ApiError> {
        let route = self.route.clone();
        self.call(services, who, &route, request)
    }

    /// The same for somebody who is nobody yet. Two strangers may choose the same key, and the answer holds a
    /// token: so a repeat is only known to whoever also sends the same secret. Without one every request is new,
    /// which does no harm where only an empty cart comes of it.
    pub(super) fn creating_for_nobody<T: Serialize>(
        mut self,
        services: &Services,
        request: &T,
    ) -> Result<Call, ApiError> {
        let route = match self.client_secret.take() {
            Some(secret) => format!("{} {secret}", self.route),
            None => {
                self.key = None;
                self.route.clone()
            }
        };
        self.call(services, (Tenant::Market, NOBODY), &route, request)
    }

    fn call<T: Serialize>(
        self,
        services: &Services,
        (tenant, principal): (Tenant, Principal),
        route: &str,
        request: &T,
    ) -> Result<Call, ApiError> {
        let id = match &self.key {
            Some(key) => services.server_key.command_id(tenant, principal, route, key),
            None => random_id()?,
        };
        let fingerprint = services.server_key.fingerprint(request).map_err(|error| {
            tracing::error!(%error, "a request has no JSON form");
            ApiError::new(Code::InvalidField, "the request cannot be named: change it")
        })?;
        let origin = Origin { principal, cause: None, trace: self.trace };
        Ok(Call { key: CommandKey { id, fingerprint }, is_named: self.key.is_some(), origin })
    }
}

fn random_id() -> Result<CommandId, ApiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        ApiError::new(Code::Unavailable, "send the same request again after a moment").retry_after_ms(1_000)
    })?;
    Ok(CommandId(u128::from_be_bytes(bytes)))
}

/// A named request.
#[derive(Clone, Copy)]
pub(super) struct Call {
    key: CommandKey,
    is_named: bool,
    origin: Origin,
}

impl Call {
    /// The key of a thing that this request makes.
    pub(super) fn derive(&self, what: &str) -> u128 {
        derived_id(self.key.id, what)
    }

    /// A step of this request that is a command of its own.
    pub(super) fn step(&self, what: &str) -> Call {
        let id = CommandId(self.derive(what));
        Call { key: CommandKey { id, fingerprint: self.key.fingerprint }, ..*self }
    }

    /// The same request, on behalf of somebody else.
    pub(super) fn on_behalf_of(mut self, principal: Principal) -> Call {
        self.origin.principal = principal;
        self
    }

    /// What this request was answered before, if it was.
    pub(super) async fn recall<M: Hosted>(
        &self,
        services: &Services,
        stream: StreamId,
    ) -> Result<Option<Given<M>>, ApiError> {
        if !self.is_named {
            return Ok(None);
        }
        let told = services.node.handle::<M>().recall(stream, self.key).await?;
        told.map(|told| Given::of(services, stream, told)).transpose()
    }

    /// Gives the command, unless it was answered before.
    pub(super) async fn give<M: Hosted>(
        &self,
        services: &Services,
        stream: StreamId,
        command: M::Command,
    ) -> Result<Given<M>, ApiError> {
        self.give_within(services, stream, command, services.patience).await
    }

    /// The same, waiting no longer than this.
    pub(super) async fn give_within<M: Hosted>(
        &self,
        services: &Services,
        stream: StreamId,
        command: M::Command,
        patience: Duration,
    ) -> Result<Given<M>, ApiError> {
        let handle = services.node.handle::<M>();
        let key = Some(self.key);
        let told = if self.is_named {
            handle.command(stream, command, key, self.origin, patience).await?
        } else {
            handle.command_of_new_name(stream, command, key, self.origin, patience).await?
        };
        Given::of(services, stream, told)
    }
}

/// What a machine said to a request.
pub(super) struct Given<M: Hosted> {
    outcome: Outcome<M>,
    replayed: bool,
    /// Where, for readers that wait for it.
    written: Option<HeaderValue>,
}

impl<M: Hosted> Given<M> {
    fn of(services: &Services, stream: StreamId, told: Told<M>) -> Result<Self, ApiError> {
        let written = positions::written(services, stream, told.position);
        match told.answer {
            Answer::Fresh(outcome) => Ok(Given { outcome, replayed: false, written }),
            Answer::Repeated(outcome) => Ok(Given { outcome, replayed: true, written }),
            Answer::KeyReused => Err(key_reused()),
            Answer::InFlight => {
                let detail = "its outcome is not known yet: send the same request again after a moment";
                Err(ApiError::new(Code::InFlight, detail).retry_after_ms(1_000))
            }
        }
    }
}

impl<M: Hosted> Given<M>
where
    ApiError: From<M::Rejection>,
{
    /// The answer as bytes: a function of the outcome, so that a repeat is the same bytes.
    pub(super) fn answer<B: Serialize>(
        self,
        status: StatusCode,
        body: impl FnOnce(M::Reply) -> B,
    ) -> Response {
        self.respond(|reply| (status, Json(body(reply))).into_response())
    }

    /// The same where the status depends on the reply.
    pub(super) fn respond(self, with: impl FnOnce(M::Reply) -> Response) -> Response {
        let mut response = match self.outcome {
            Ok(reply) => with(reply),
            Err(rejection) => ApiError::from(rejection).into_response(),
        };
        positions::tell(response.headers_mut(), self.written);
        if self.replayed {
            tell_replayed(response.headers_mut());
        }
        response
    }

    /// Whether it was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.outcome.is_err()
    }
}
