//! Looking for products: words, filters, counts. From the search index, which follows the journal a moment behind.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::VendorId;
use souk_core::market::LocalizedText;

use crate::adapters::search::{
    self, Document, Facets, Filter, Found, LIMIT_MAX, Place, TEXT_MAX, VendorEntry,
};
use crate::http::Shared;
use crate::http::error::{ApiError, Code};
use crate::http::lists::{Asked, wrong};
use crate::tenants::StoreScope;

/// The products of a page when nothing else is asked for.
const PAGE: u32 = 20;
/// The longest category that is compared, as long as one can be.
const CATEGORY_BYTES_MAX: usize = souk_core::product::CODE_MAX;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchIn {
    /// Words. Typing errors are allowed for, and the last word may be the beginning of one.
    #[serde(default)]
    q: String,
    category: Option<String>,
    #[schemars(with = "Option<String>")]
    vendor: Option<VendorId>,
    /// In minor units of the market's currency.
    price_min: Option<i64>,
    price_max: Option<i64>,
    in_stock: Option<bool>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A page of what was found.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Found")]
pub(super) struct FoundOut {
    items: Vec<ItemOut>,
    next_cursor: Option<String>,
    /// Over all pages.
    total: u64,
    facets: FacetsOut,
    /// Whether another search than the usual one answered.
    degraded: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FoundProduct")]
struct ItemOut {
    id: String,
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    title: LocalizedText,
    category: String,
    /// The lowest of its offers.
    price_minor: Option<i64>,
    currency: Option<String>,
    in_stock: bool,
    vendors: Vec<VendorOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FoundVendor")]
struct VendorOut {
    id: String,
    name: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Facets")]
struct FacetsOut {
    category: Vec<CategoryCount>,
    vendor: Vec<VendorCount>,
}

#[derive(Serialize, JsonSchema)]
struct CategoryCount {
    value: String,
    count: u64,
}

#[derive(Serialize, JsonSchema)]
struct VendorCount {
    value: String,
    name: String,
    count: u64,
}

impl From<Document> for ItemOut {
    fn from(document: Document) -> Self {
        let vendor = |VendorEntry { id, name }| VendorOut { id: id.to_string(), name };
        ItemOut {
            id: document.id.to_string(),
            title: document.title,
            category: document.category,
            price_minor: document.price.map(|price| price.minor),
            currency: document.price.map(|price| price.currency.to_string()),
            in_stock: document.in_stock,
            vendors: document.vendors.into_iter().map(vendor).collect(),
        }
    }
}

impl From<Facets> for FacetsOut {
    fn from(facets: Facets) -> Self {
        let category = |(value, count)| CategoryCount { value, count };
        let vendor = |(VendorEntry { id, name }, count)| VendorCount { value: id.to_string(), name, count };
        FacetsOut {
            category: facets.categories.into_iter().map(category).collect(),
            vendor: facets.vendors.into_iter().map(vendor).collect(),
        }
    }
}

pub(super) async fn search(
    State(services): State<Shared>,
    Asked(asked): Asked<SearchIn>,
) -> Result<Json<FoundOut>, ApiError> {
    if asked.q.chars().count() > TEXT_MAX {
        return Err(wrong(format!("q is longer than {TEXT_MAX} characters: search for fewer words")));
    }
    if asked.category.as_ref().is_some_and(|category| category.len() > CATEGORY_BYTES_MAX) {
        return Err(wrong(format!("no category has more than {CATEGORY_BYTES_MAX} characters")));
    }
    let SearchIn { q, category, vendor, price_min, price_max, in_stock, limit, cursor } = asked;
    let filter = Filter { category, vendor, price_min, price_max, in_stock };
    let query = search::Query { text: q, filter };
    let after = match cursor {
        None => None,
        Some(text) => Some(Place::parse(&text, &query).map_err(|_| {
            wrong("cursor must be next_cursor as this very search told it: begin without one")
        })?),
    };
    let index = services.search.as_ref().ok_or_else(|| {
        ApiError::new(Code::SearchUnavailable, "this server has no search index: list the products instead")
    })?;
    let limit = limit.unwrap_or(PAGE).clamp(1, LIMIT_MAX);
    let Found { items, total, facets, next } =
        index.find(&StoreScope::of_anybody(), &query, after, limit).await?;
    Ok(Json(FoundOut {
        items: items.into_iter().map(ItemOut::from).collect(),
        next_cursor: next.map(|place| place.to_string()),
        total,
        facets: facets.into(),
        degraded: false,
    }))
}
