//! Who calls: a shopper with a signed token, a vendor or an operator with an API key.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use souk_core::ids::CheckoutId;

use crate::store;
use crate::tenants::keys::KeyRefused;
use crate::tenants::{Access, BuyerScope, OperatorScope, PresentedKey, VendorScope};

use super::Shared;
use super::error::{ApiError, Code};

/// A shopper, by the token of a cart or an order.
pub(super) struct Shopper(pub(super) BuyerScope);

/// Somebody who acts for a vendor.
pub(super) struct Seller(pub(super) VendorScope);

/// Somebody who acts for the marketplace.
pub(super) struct Operator(pub(super) OperatorScope);

fn unauthenticated(detail: impl Into<String>) -> ApiError {
    ApiError::new(Code::AuthenticationRequired, detail)
}

fn bearer(parts: &Parts) -> Result<&str, ApiError> {
    let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token
        .map(|(_, token)| token.trim())
        .ok_or_else(|| unauthenticated("send Authorization: Bearer and the token or key"))
}

impl FromRequestParts<Shared> for Shopper {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        let scope = services.server_key.open_token(bearer(parts)?);
        scope.map(Shopper).map_err(|refused| unauthenticated(refused.to_string()))
    }
}

impl Shopper {
    /// The cart of the path, when the token is for it. Another's cart is not there.
    pub(super) fn cart(&self, id: CheckoutId) -> Result<CheckoutId, ApiError> {
        if self.0.checkout() == Some(id) { Ok(id) } else { Err(ApiError::not_found()) }
    }
}

async fn access(parts: &Parts, services: &Shared) -> Result<Access, ApiError> {
    let presented: PresentedKey =
        bearer(parts)?.parse().map_err(|error| unauthenticated(format!("{error}")))?;
    let record = store::keys::find(&services.keys, presented.id()).await?;
    let admitted = record.ok_or(KeyRefused::Wrong).and_then(|record| record.admit(&presented));
    admitted.map_err(|refused| match refused {
        KeyRefused::Wrong => unauthenticated(refused.to_string()),
        KeyRefused::Revoked => ApiError::new(Code::KeyRevoked, refused.to_string()),
    })
}

fn wrong_role(needed: &str) -> ApiError {
    ApiError::new(Code::WrongRole, format!("use {needed}'s key here"))
}

impl FromRequestParts<Shared> for Seller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        access(parts, services).await?.vendor().map(Seller).ok_or_else(|| wrong_role("a vendor"))
    }
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        access(parts, services).await?.operator().map(Operator).ok_or_else(|| wrong_role("an operator"))
    }
}
