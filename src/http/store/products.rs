//! A product, as anybody may see it, with the stock as it is now.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use souk_core::ids::{ProductId, SkuId, StreamId};
use souk_core::market::LocalizedText;
use souk_core::product::{Condition, Product, Status};

use crate::http::body::Ids;
use crate::http::error::ApiError;
use crate::http::{Services, Shared};

/// A product.
#[derive(Serialize)]
pub(super) struct ProductOut {
    id: String,
    title: LocalizedText,
    description: LocalizedText,
    category: String,
    variants: Vec<VariantOut>,
    offers: Vec<OfferOut>,
}

#[derive(Serialize)]
struct VariantOut {
    id: String,
    options: std::collections::BTreeMap<String, String>,
}

#[derive(Serialize)]
struct OfferOut {
    sku: String,
    variant: String,
    vendor: String,
    condition: &'static str,
    unit_price_minor: i64,
    unit_shipping_minor: i64,
    currency: String,
    available: i64,
}

pub(super) async fn show(
    State(services): State<Shared>,
    Ids(id): Ids<ProductId>,
) -> Result<Json<ProductOut>, ApiError> {
    let (state, _) = services.node.handle::<Product>().read(StreamId::Product(id), services.patience).await?;
    let known = state.known.filter(|known| known.status == Status::Listed).ok_or_else(ApiError::not_found)?;
    let mut offers = Vec::new();
    for (sku, offer) in known.offers.iter().filter(|(_, offer)| known.is_for_sale(offer)) {
        let Some(price) = offer.prices.get(&services.market.id) else { continue };
        offers.push(OfferOut {
            sku: sku.to_string(),
            variant: offer.variant.to_string(),
            vendor: offer.vendor.to_string(),
            condition: match offer.condition {
                Condition::New => "new",
                Condition::Refurbished => "refurbished",
                Condition::Used => "used",
            },
            unit_price_minor: price.unit.minor,
            unit_shipping_minor: price.shipping.minor,
            currency: price.unit.currency.to_string(),
            available: available(&services, *sku).await?,
        });
    }
    let variant = |variant: &souk_core::product::Variant| VariantOut {
        id: variant.id.to_string(),
        options: variant.options.clone(),
    };
    Ok(Json(ProductOut {
        id: id.to_string(),
        title: known.facts.title.clone(),
        description: known.facts.description.clone(),
        category: known.facts.category.clone(),
        variants: known.variants.values().map(variant).collect(),
        offers,
    }))
}

/// What the shard last published. One that has not spoken since the start is woken, and speaks then.
async fn available(services: &Services, sku: SkuId) -> Result<i64, ApiError> {
    if let Some(available) = services.node.stock_view().available(sku) {
        return Ok(available);
    }
    services.node.stock().read(StreamId::Stock(sku.shard()), services.patience).await?;
    Ok(services.node.stock_view().available(sku).unwrap_or(0))
}
