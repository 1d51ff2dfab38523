//! A product, as anybody may see it, with the stock as it is now.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Serialize;
use souk_core::ids::{ProductId, SkuId, StreamId};
use souk_core::market::LocalizedText;
use souk_core::product::{Product, Status, Variant};

use crate::actors::CallError;
use crate::http::body::Ids;
use crate::http::error::ApiError;
use crate::http::shelf::MadeOf;
use crate::http::wire::ConditionWord;
use crate::http::{Services, Shared};

/// A product.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Product")]
pub(super) struct ProductOut {
    id: String,
    /// By language tag.
    #[schemars(with = "BTreeMap<String, String>")]
    title: LocalizedText,
    #[schemars(with = "BTreeMap<String, String>")]
    description: LocalizedText,
    category: String,
    variants: Vec<VariantOut>,
    offers: Vec<OfferOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Variant")]
pub(in crate::http) struct VariantOut {
    id: String,
    options: BTreeMap<String, String>,
}

impl From<&Variant> for VariantOut {
    fn from(variant: &Variant) -> Self {
        VariantOut { id: variant.id.to_string(), options: variant.options.clone() }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Offer")]
struct OfferOut {
    sku: String,
    variant: String,
    vendor: String,
    condition: ConditionWord,
    unit_price_minor: i64,
    unit_shipping_minor: i64,
    currency: String,
    /// Units that can be held now.
    available: i64,
}

pub(super) async fn show(
    State(services): State<Shared>,
    Ids(id): Ids<ProductId>,
) -> Result<(Extension<Arc<MadeOf>>, Json<ProductOut>), ApiError> {
    let mut made_of = MadeOf::begin(&services);
    made_of.product(&services, id);
    let (state, _) = services.node.handle::<Product>().read(StreamId::Product(id), services.patience).await?;
    let known = state.known.filter(|known| known.status == Status::Listed).ok_or_else(ApiError::not_found)?;
    let mut offers = Vec::new();
    for (sku, offer) in known.offers.iter().filter(|(_, offer)| known.is_for_sale(offer)) {
        let Some(price) = offer.prices.get(&services.market.id) else { continue };
        made_of.stock(&services, *sku);
        offers.push(OfferOut {
            sku: sku.to_string(),
            variant: offer.variant.to_string(),
            vendor: offer.vendor.to_string(),
            condition: offer.condition.into(),
            unit_price_minor: price.unit.minor,
            unit_shipping_minor: price.shipping.minor,
            currency: price.unit.currency.to_string(),
            available: available(&services, *sku).await?,
        });
    }
    let shown = ProductOut {
        id: id.to_string(),
        title: known.facts.title.clone(),
        description: known.facts.description.clone(),
        category: known.facts.category.clone(),
        variants: known.variants.values().map(VariantOut::from).collect(),
        offers,
    };
    Ok((Extension(Arc::new(made_of)), Json(shown)))
}

/// What the shard last published. One that has not spoken since the start is woken, and speaks then.
pub(in crate::http) async fn available(services: &Services, sku: SkuId) -> Result<i64, ApiError> {
    if let Some(available) = services.node.stock_view().available(sku) {
        return Ok(available);
    }
    let stream = StreamId::Stock(sku.shard());
    services.node.stock().read(stream, services.patience).await?;
    match services.node.stock_view().available(sku) {
        Some(available) => Ok(available),
        // It has never heard of it.
        None if services.node.journal().is_owner(stream.partition()) => Ok(0),
        None => Err(CallError::NotOwner { stream }.into()),
    }
}
