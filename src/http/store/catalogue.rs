//! What is listed: pages of the read model, which follows the journal a moment behind, with the stock as it is now.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{ProductId, VendorId};
use souk_core::market::LocalizedText;

use crate::http::error::ApiError;
use crate::http::lists::{Asked, Listed, page_size};
use crate::http::shelf::MadeOf;
use crate::http::{Services, Shared};
use crate::store::read::{OfferFilter, OfferRow, ProductFilter, ProductRow};
use crate::tenants::StoreScope;

use super::products::available;

/// Products that one request looks at in search of those in stock. When these were not enough the page is short, and
/// its cursor goes on behind them.
const LOOKED_AT_MAX: u32 = 1_000;
/// The fewest of them that are read at a time: a page of one product must not take a thousand queries.
const READ_MIN: u32 = 100;

/// How many to read next, when so many are missing and so many were looked at.
fn read_next(missing: u32, looked_at: u32) -> u32 {
    missing.max(READ_MIN).min(LOOKED_AT_MAX.saturating_sub(looked_at)).max(1)
}

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
) -> Result<Response, ApiError> {
    let limit = page_size(filter.limit);
    let offers = OfferFilter {
        vendor: filter.vendor,
        price_min: filter.price_min,
        price_max: filter.price_max,
        must_exist: filter.in_stock == Some(true),
    };
    let wanted = ProductFilter { category: filter.category, market: services.market.id.clone(), offers };
    let Some(wish) = filter.in_stock else {
        let mut made_of = MadeOf::begin(&services);
        let listing =
            services.models.listing(&StoreScope::of_anybody(), &wanted, filter.cursor, limit).await?;
        made_of.listed(listing.read);
        let mut items = Vec::with_capacity(listing.page.items.len());
        for (product, offers) in &listing.page.items {
            offers.iter().for_each(|offer| made_of.stock(&services, offer.sku));
            items.push(item(&services, product, offers).await?);
        }
        let listed = Listed { items, next_cursor: listing.page.next_cursor.map(|id| id.to_string()) };
        return Ok((Extension(Arc::new(made_of)), Json(listed)).into_response());
    };
    let listed = in_stock(&services, &wanted, wish, filter.cursor, limit).await?;
    Ok(Json(listed).into_response())
}

/// Stock is not in the read model, so products are looked at one by one until there are enough. The cursor is the last
/// one that was looked at.
async fn in_stock(
    services: &Services,
    wanted: &ProductFilter,
    wish: bool,
    mut after: Option<ProductId>,
    limit: u32,
) -> Result<Listed<Item>, ApiError> {
    let (mut items, mut looked_at) = (Vec::new(), 0);
    loop {
        let next = read_next(limit - items.len() as u32, looked_at);
        let listing = services.models.listing(&StoreScope::of_anybody(), wanted, after, next).await?;
        let page = &listing.page;
        let is_last_page = page.next_cursor.is_none();
        let mut left = page.items.len();
        for (product, offers) in &page.items {
            let id = product.id;
            let item = item(services, product, offers).await?;
            (after, looked_at, left) = (Some(id), looked_at + 1, left - 1);
            if item.in_stock == wish {
                items.push(item);
            }
            if items.len() as u32 >= limit || looked_at >= LOOKED_AT_MAX {
                let is_end = is_last_page && left == 0;
                return Ok(Listed { items, next_cursor: (!is_end).then(|| id.to_string()) });
            }
        }
        if is_last_page {
            return Ok(Listed { items, next_cursor: None });
        }
    }
}

/// A product with what its offers come to.
async fn item(services: &Services, product: &ProductRow, offers: &[OfferRow]) -> Result<Item, ApiError> {
    let mut in_stock = false;
    for offer in offers {
        in_stock = in_stock || available(services, offer.sku).await? > 0;
    }
    let cheapest = offers.iter().map(|offer| offer.price.unit).min_by_key(|price| price.minor);
    Ok(Item {
        id: product.id.to_string(),
        title: product.title.clone(),
        category: product.category.clone(),
        price_minor: cheapest.map(|price| price.minor),
        currency: cheapest.map(|price| price.currency.to_string()),
        offers: offers.len(),
        in_stock,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_for_stock_takes_few_reads_however_small_the_page() {
        for limit in [1, 2, 50, 99, 100, 101, 200] {
            let (mut looked_at, mut reads) = (0, 0);
            while looked_at < LOOKED_AT_MAX {
                looked_at += read_next(limit, looked_at);
                reads += 1;
            }
            assert!(reads <= 10 && looked_at == LOOKED_AT_MAX, "{limit}: {looked_at} in {reads} reads");
        }
    }
}
