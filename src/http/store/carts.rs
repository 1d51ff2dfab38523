//! The open phase: a cart, its lines, where it goes, how it is sent.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::checkout::{Address, CartLine, Checkout, Command, Opening, Stage};
use souk_core::ids::{BuyerId, CheckoutId, Principal, ProductId, SkuId, StreamId, SubjectId};
use souk_core::product::{Product, Status};

use crate::http::auth::Shopper;
use crate::http::body::{Body, Ids, MaybeBody, NoBody};
use crate::http::error::{ApiError, Code};
use crate::http::idempotency::Named;
use crate::http::{Services, Shared, caching, wire};

use super::address::AddressIn;
use super::view::{CartOut, at};

/// What a new checkout begins with.
pub(in crate::http) fn opening(services: &Services, buyer: BuyerId, reference: Option<String>) -> Opening {
    Opening { market: services.market.clone(), buyer, limits: services.limits, reference }
}

/// A new cart. The token is all that a shopper has: whoever knows it may use the cart.
#[derive(Serialize, JsonSchema)]
pub(super) struct CartOpened {
    id: String,
    token: String,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CartDraft")]
#[serde(deny_unknown_fields)]
pub(super) struct CartIn {
    /// What the shopper's own system calls it; the order keeps it.
    reference: Option<String>,
}

pub(super) async fn create(
    State(services): State<Shared>,
    named: Named,
    MaybeBody(cart): MaybeBody<CartIn>,
) -> Result<Response, ApiError> {
    let call = named.creating_for_nobody(&services, &cart)?;
    let (id, buyer) = (CheckoutId(call.derive("chk")), BuyerId(call.derive("buy")));
    let call = call.on_behalf_of(Principal::Buyer(buyer.0));
    let command = Command::Open(opening(&services, buyer, cart.reference));
    let given = call.give::<Checkout>(&services, StreamId::Checkout(id), command).await?;
    let token = services.server_key.cart_token(id, buyer);
    Ok(given
        .answer(StatusCode::CREATED, |_| CartOpened { id: id.to_string(), token: token.expose().to_owned() }))
}

pub(super) async fn show(
    State(services): State<Shared>,
    shopper: Shopper,
    Ids(id): Ids<CheckoutId>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Checkout(shopper.cart(id)?);
    let (state, seq) = services.node.handle::<Checkout>().read(stream, services.patience).await?;
    if state.opening.is_none() {
        return Err(ApiError::not_found());
    }
    let tag = [(header::ETAG, caching::of_version(seq))];
    let mut cart = CartOut::of(&state);
    if let Stage::Placed(paid) = &state.stage {
        cart.order_token = Some(shopper.order_token(&services, paid.order));
    }
    Ok((tag, Json(cart)).into_response())
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CartLineIn")]
#[serde(deny_unknown_fields)]
pub(super) struct LineIn {
    #[schemars(with = "String")]
    product: ProductId,
    #[schemars(range(min = 1, max = 1_000_000))]
    quantity: i64,
}

pub(super) async fn set_line(
    State(services): State<Shared>,
    shopper: Shopper,
    Ids((id, sku)): Ids<(CheckoutId, SkuId)>,
    named: Named,
    Body(line): Body<LineIn>,
) -> Result<Response, ApiError> {
    let quantity = wire::quantity(line.quantity)?;
    let product = line.product;
    put_line(&services, &shopper, id, named, &(sku, &line), async || {
        let (state, _) =
            services.node.handle::<Product>().read(StreamId::Product(product), services.patience).await?;
        let known = state.known.as_ref().filter(|known| known.status == Status::Listed);
        if !known.is_some_and(|known| known.offers.contains_key(&sku)) {
            let detail = "no product that is listed has this offer: take sku and product from the catalogue";
            return Err(ApiError::new(Code::UnknownSku, detail));
        }
        Ok(CartLine { sku, product, quantity })
    })
    .await
}

pub(super) async fn remove_line(
    State(services): State<Shared>,
    shopper: Shopper,
    Ids((id, sku)): Ids<(CheckoutId, SkuId)>,
    named: Named,
    _: NoBody,
) -> Result<Response, ApiError> {
    // Nothing of a line that goes is looked at but its offer.
    put_line(&services, &shopper, id, named, &sku, async || {
        Ok(CartLine { sku, product: ProductId(0), quantity: 0 })
    })
    .await
}

/// A line is looked up only when the request is new: a repeat is answered although the product may be gone.
async fn put_line<T: Serialize>(
    services: &Services,
    shopper: &Shopper,
    id: CheckoutId,
    named: Named,
    request: &T,
    line: impl AsyncFnOnce() -> Result<CartLine, ApiError>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Checkout(shopper.cart(id)?);
    let call = named.about(services, (shopper.0.tenant(), shopper.0.principal()), stream, request)?;
    let given = match call.recall::<Checkout>(services, stream).await? {
        Some(given) => given,
        None => call.give::<Checkout>(services, stream, Command::SetLine(line().await?)).await?,
    };
    Ok(given.answer(StatusCode::OK, |reply| at(id, &reply)))
}

pub(super) async fn set_address(
    State(services): State<Shared>,
    shopper: Shopper,
    Ids(id): Ids<CheckoutId>,
    named: Named,
    Body(address): Body<AddressIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Checkout(shopper.cart(id)?);
    let sealed = address.checked()?;
    let call = named.about(&services, (shopper.0.tenant(), shopper.0.principal()), stream, &address)?;
    let given = match call.recall::<Checkout>(&services, stream).await? {
        Some(given) => given,
        None => {
            let subject = SubjectId(call.derive("sub"));
            // Before the event that names it: an event must never name what is not there.
            services.vault.put(subject, stream, &sealed).await?;
            let address = Address { subject, country: address.country };
            call.give::<Checkout>(&services, stream, Command::SetAddress(address)).await?
        }
    };
    Ok(given.answer(StatusCode::OK, |reply| at(id, &reply)))
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ShippingChoice")]
#[serde(deny_unknown_fields)]
pub(super) struct ShippingIn {
    method: String,
}

pub(super) async fn choose_shipping(
    State(services): State<Shared>,
    shopper: Shopper,
    Ids(id): Ids<CheckoutId>,
    named: Named,
    Body(shipping): Body<ShippingIn>,
) -> Result<Response, ApiError> {
    let stream = StreamId::Checkout(shopper.cart(id)?);
    let call = named.about(&services, (shopper.0.tenant(), shopper.0.principal()), stream, &shipping)?;
    let command = Command::ChooseShipping { method: shipping.method };
    let given = call.give::<Checkout>(&services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| at(id, &reply)))
}
