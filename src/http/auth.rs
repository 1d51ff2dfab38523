//! Who calls: a shopper with a signed token, a person with an access token, a vendor or an operator with an API key.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use souk_core::ids::{BuyerId, CheckoutId, OrderId, Principal};

use crate::store;
use crate::tenants::access_tokens::Surface;
use crate::tenants::keys::KeyRefused;
use crate::tenants::policy::{OperatorPower, Power};
use crate::tenants::{
    Access, BuyerScope, BuyersScope, OperatorScope, PersonScope, PresentedKey, PresentedServiceKey, Tenant,
    VendorScope, service_keys,
};

use super::error::{ApiError, Code};
use super::wire::KeyScopeWord;
use super::{Services, Shared};

/// A shopper, by the token of a cart or an order.
pub(super) struct Shopper(pub(super) BuyerScope);

/// Whoever may look at an order: its shopper by a token, or the person who has shown to be that shopper.
pub(super) enum Owner {
    /// By the token of the cart or the order.
    Token(BuyerScope),
    /// By an access token.
    Person(BuyersScope),
}

/// A person who is signed in to the store.
pub(super) struct SignedIn(pub(super) PersonScope);

/// Somebody who acts for a vendor.
pub(super) struct Seller(pub(super) VendorScope);

/// Somebody who acts for the marketplace.
pub(super) struct Operator(pub(super) OperatorScope);

/// How keys and tokens of souk's own begin.
const KEYS: &str = "souk_";

fn unauthenticated(detail: impl Into<String>) -> ApiError {
    ApiError::new(Code::AuthenticationRequired, detail)
}

/// An API key that was looked up already, while the request was counted.
#[derive(Clone)]
pub(super) struct Authenticated(pub(super) Result<Access, ApiError>);

fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
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
        let scope = services.server_key.open_token(bearer(&parts.headers)?);
        scope.map(Shopper).map_err(|refused| unauthenticated(refused.to_string()))
    }
}

impl FromRequestParts<Shared> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        Ok(SignedIn(services.people.admit(bearer(&parts.headers)?, Surface::Store).await?))
    }
}

impl Shopper {
    /// The token that shows this shopper's order.
    pub(super) fn order_token(&self, services: &Services, order: OrderId) -> String {
        services.server_key.order_token(order, self.0.buyer()).expose().to_owned()
    }

    /// The cart of the path, when the token is for it. Another's cart is not there.
    pub(super) fn cart(&self, id: CheckoutId) -> Result<CheckoutId, ApiError> {
        if self.0.checkout() == Some(id) { Ok(id) } else { Err(ApiError::not_found()) }
    }
}

impl FromRequestParts<Shared> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers)?;
        // Whatever does not look like a token of souk's own is an access token, or nothing.
        if token.starts_with(KEYS) {
            let Shopper(scope) = Shopper::from_request_parts(parts, services).await?;
            return Ok(Owner::Token(scope));
        }
        let person = services.people.admit(token, Surface::Store).await?;
        Ok(Owner::Person(services.people.buyers(&person).await?))
    }
}

impl Owner {
    /// Whether this order of that shopper may be looked at.
    pub(super) fn may_see(&self, order: OrderId, buyer: BuyerId) -> bool {
        match self {
            Owner::Token(scope) => scope.order() == order,
            Owner::Person(scope) => scope.covers(buyer),
        }
    }

    /// Whether it may be cancelled: an order's own token is passed on to whoever receives the parcel, it shows, and cancels
    /// nothing.
    pub(super) fn may_cancel(&self, order: OrderId, buyer: BuyerId) -> bool {
        let by_order_token = matches!(self, Owner::Token(scope) if scope.checkout().is_none());
        self.may_see(order, buyer) && !by_order_token
    }

    /// Where, and who.
    pub(super) fn who(&self) -> (Tenant, Principal) {
        match self {
            Owner::Token(scope) => (scope.tenant(), scope.principal()),
            Owner::Person(scope) => (scope.tenant(), scope.principal()),
        }
    }
}

/// An API key as somebody sent it.
pub(super) enum Presented {
    /// One that was made at souk's own command line.
    Key(PresentedKey),
    /// One that a vendor made for its programs.
    Service(PresentedServiceKey),
}

fn presented(token: &str) -> Result<Presented, ApiError> {
    let read = if token.starts_with(service_keys::PREFIX) {
        token.parse().map(Presented::Service)
    } else {
        token.parse().map(Presented::Key)
    };
    read.map_err(|error| unauthenticated(error.to_string()))
}

/// What looks like an API key, if the request has one.
pub(super) fn presented_key(headers: &HeaderMap) -> Option<Presented> {
    presented(bearer(headers).ok()?).ok()
}

/// Who acts.
pub(super) fn principal(access: &Access) -> Principal {
    match access {
        Access::Operator(scope) => scope.principal(),
        Access::Vendor(scope) => scope.principal(),
    }
}

async fn access(parts: &Parts, services: &Shared) -> Result<Access, ApiError> {
    if let Some(Authenticated(access)) = parts.extensions.get::<Authenticated>() {
        return access.clone();
    }
    verify(services, &presented(bearer(&parts.headers)?)?).await
}

/// What a key gives, if it is good.
pub(super) async fn verify(services: &Services, presented: &Presented) -> Result<Access, ApiError> {
    let presented = match presented {
        Presented::Key(key) => key,
        Presented::Service(key) => return Ok(Access::Vendor(services.people.admit_key(key).await?)),
    };
    let record = store::keys::find(&services.plain, presented.id()).await?;
    let admitted = record.ok_or(KeyRefused::Wrong).and_then(|record| record.admit(presented));
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
        let Some(power) = parts.extensions.get::<Power>().copied() else {
            unreachable!("a vendor's route is mounted with the power that it takes")
        };
        // Whatever does not look like a key is an access token, or nothing.
        let token = bearer(&parts.headers)?;
        if !token.starts_with(KEYS) {
            return Ok(Seller(services.people.admit_member(token, power).await?));
        }
        let vendor = access(parts, services).await?.vendor().ok_or_else(|| wrong_role("a vendor"))?;
        match power.scope() {
            None => Err(ApiError::new(Code::WrongRole, "sign in as a member of the team: a key is none")),
            Some(_) if vendor.has(power) => Ok(Seller(vendor)),
            Some(scope) => {
                let scope: serde_json::Value = KeyScopeWord::from(scope).into();
                Err(ApiError::new(
                    Code::WrongRole,
                    "this key has not the scope: let an owner make one that has",
                )
                .with("scope", scope))
            }
        }
    }
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        let Some(power) = parts.extensions.get::<OperatorPower>().copied() else {
            unreachable!("an operators' route is mounted with the power that it takes")
        };
        let token = bearer(&parts.headers)?;
        if !token.starts_with(KEYS) {
            let operator = services.people.admit_operator(token, power).await?;
            if power.asks_who_one_is() && parts.method != Method::GET {
                operator.stepped_up(services.node.clock().now())?;
            }
            return Ok(Operator(operator));
        }
        access(parts, services).await?.operator().map(Operator).ok_or_else(|| wrong_role("an operator"))
    }
}
