//! What is listed: pages of the read model, which follows the journal a moment behind, with the stock as it is now.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{ProductId, VendorId};
use souk_core::market::LocalizedText;

use crate::http::error::ApiError;
use crate::http::lists::{Asked, Listed, page_size};
use crate::http::{Services, Shared};
use crate::store::read::{OfferFilter, OfferRow, ProductFilter, ProductRow};
use crate::tenants::StoreScope;

use super::products::available;

/// Products that one request looks at in search of those in stock. When these were not enough the page is short, and
/// its cursor goes on behind them.
const LOOKED_AT_MAX: u32 = 1_000;

/// Which products. Prices are of one unit, in minor units; price, vendor and stock must be those of one and the same
/// offer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    category: Option<String>,
    #[schemars(with = "Option<String>")]
    vendor: Option<VendorId>,
    /// The lowest price of a unit.
    price_min: Option<i64>,
    /// The highest.
    price_max: Option<i64>,
    /// true for what can be bought now, false for what is sold out.
    in_stock: Option<bool>,
    #[schemars(with = "Option<String>")]
    cursor: Option<ProductId>,
    /// 1 to 200; 50 when it is left out.
    limit: Option<u32>,
}

/// A product in a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProductItem")]
pub(super) struct Item {
    id: String,
    #[schemars(with = "BTreeMap<String, String>")]
    title: LocalizedText,
    category: String,
    /// The lowest price of a unit among the offers that are meant; null when there is none.
    price_minor: Option<i64>,
    currency: Option<String>,
    /// How many offers are meant.
    offers: usize,
    in_stock: bool,
}

pub(super) async fn list(
    State(services): State<Shared>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Listed<Item>>, ApiError> {
    let limit = page_size(filter.limit);
    let offers = OfferFilter {
        vendor: filter.vendor,
        price_min: filter.price_min,
        price_max: filter.price_max,
        must_exist: filter.in_stock == Some(true),
    };
    let wanted = ProductFilter { category: filter.category, market: services.market.id.clone(), offers };
    let (mut items, mut after, mut looked_at) = (Vec::new(), filter.cursor, 0);
    loop {
        let missing = limit - items.len() as u32;
        let page = services.models.products(&StoreScope::of_anybody(), &wanted, after, missing).await?;
        looked_at += page.items.len() as u32;
        let found = with_offers(&services, &wanted, page.items).await?;
        items.extend(
            found.into_iter().filter(|item| filter.in_stock.is_none_or(|wish| item.in_stock == wish)),
        );
        after = page.next_cursor;
        if after.is_none() || items.len() as u32 >= limit || looked_at >= LOOKED_AT_MAX {
            return Ok(Json(Listed { items, next_cursor: after.map(|id| id.to_string()) }));
        }
    }
}

/// The products with what their offers come to.
async fn with_offers(
    services: &Services,
    wanted: &ProductFilter,
    products: Vec<ProductRow>,
) -> Result<Vec<Item>, ApiError> {
    let ids: Vec<ProductId> = products.iter().map(|product| product.id).collect();
    let offers = services.models.offers_for_sale(&StoreScope::of_anybody(), wanted, &ids).await?;
    let mut by_product: BTreeMap<ProductId, Vec<OfferRow>> = BTreeMap::new();
    for offer in offers {
        by_product.entry(offer.product).or_default().push(offer);
    }
    let mut items = Vec::with_capacity(products.len());
    for product in products {
        let offers = by_product.remove(&product.id).unwrap_or_default();
        let mut in_stock = false;
        for offer in &offers {
            in_stock = in_stock || available(services, offer.sku).await? > 0;
        }
        let cheapest = offers.iter().map(|offer| offer.price.unit).min_by_key(|price| price.minor);
        items.push(Item {
            id: product.id.to_string(),
            title: product.title,
            category: product.category,
            price_minor: cheapest.map(|price| price.minor),
            currency: cheapest.map(|price| price.currency.to_string()),
            offers: offers.len(),
            in_stock,
        });
    }
    Ok(items)
}
