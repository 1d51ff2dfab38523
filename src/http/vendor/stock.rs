//! A vendor's units: what arrives, and what a count finds.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{LocationId, MovementId, ProductId, SkuId, StreamId};
use souk_core::inventory::{Command, Inventory, Movement, Reply};
use souk_core::product::Product;

use crate::http::auth::Seller;
use crate::http::body::{Body, Ids};
use crate::http::error::ApiError;
use crate::http::idempotency::Named;
use crate::http::{Services, Shared, wire};
use crate::tenants::VendorScope;

/// A shard owns the offers of many vendors and knows none of them, so whose an offer is, is asked of its product.
async fn own(
    services: &Services,
    vendor: &VendorScope,
    product: ProductId,
    sku: SkuId,
) -> Result<(), ApiError> {
    let stream = StreamId::Product(product);
    let (state, _) = services.node.handle::<Product>().read(stream, services.patience).await?;
    let offer = state.known.as_ref().and_then(|known| known.offers.get(&sku));
    match offer {
        Some(offer) if offer.vendor == vendor.vendor() => Ok(()),
        _ => Err(ApiError::not_found()),
    }
}

/// What a movement comes to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stock")]
pub(super) struct StockTold {
    sku: String,
    /// Units that can be held now.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<i64>,
}

async fn moved<T: Serialize>(
    services: &Services,
    vendor: &VendorScope,
    (product, sku): (ProductId, SkuId),
    named: Named,
    request: &T,
    command: impl FnOnce(MovementId) -> Command,
) -> Result<Response, ApiError> {
    own(services, vendor, product, sku).await?;
    let stream = StreamId::Stock(sku.shard());
    // The offer as well as the shard: a shard has many offers.
    let call = named.about(services, (vendor.tenant(), vendor.principal()), stream, &(sku, request))?;
    let command = command(MovementId(call.derive("mov")));
    let given = call.give::<Inventory>(services, stream, command).await?;
    Ok(given.answer(StatusCode::OK, |reply| match reply {
        Reply::Stock { available } => StockTold { sku: sku.to_string(), available: Some(available) },
        // What a shard says of holds.
        _ => StockTold { sku: sku.to_string(), available: None },
    }))
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Receipt")]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiveIn {
    #[schemars(range(min = 1, max = 1_000_000))]
    quantity: i64,
}

pub(super) async fn receive(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(ids): Ids<(ProductId, SkuId)>,
    named: Named,
    Body(receive): Body<ReceiveIn>,
) -> Result<Response, ApiError> {
    let quantity = wire::quantity(receive.quantity)?;
    moved(&services, &vendor, ids, named, &receive, |movement| {
        Command::Receive(Movement { movement, sku: ids.1, location: LocationId::MAIN, quantity })
    })
    .await
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Adjustment")]
#[serde(deny_unknown_fields)]
pub(super) struct AdjustIn {
    /// More or fewer units than were counted before.
    delta: i64,
}

pub(super) async fn adjust(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(ids): Ids<(ProductId, SkuId)>,
    named: Named,
    Body(adjust): Body<AdjustIn>,
) -> Result<Response, ApiError> {
    moved(&services, &vendor, ids, named, &adjust, |movement| Command::Adjust {
        movement,
        sku: ids.1,
        location: LocationId::MAIN,
        delta: adjust.delta,
    })
    .await
}
