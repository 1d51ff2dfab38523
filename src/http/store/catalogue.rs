//! What is listed: a page of the read model, which follows the journal a moment behind.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use souk_core::ids::{ProductId, VendorId};

use crate::http::Shared;
use crate::http::error::{ApiError, Code};
use crate::store::read::{ProductFilter, ProductRow};
use crate::tenants::StoreScope;

/// The products of a page when nothing else is asked for, and the most of one.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    category: Option<String>,
    vendor: Option<VendorId>,
    cursor: Option<ProductId>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(services): State<Shared>,
    query: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(filter) = query.map_err(|_| {
        ApiError::new(
            Code::InvalidQuery,
            "the parameters are category, vendor, limit, and cursor as next_cursor told it",
        )
    })?;
    let limit = filter.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let wanted = ProductFilter { category: filter.category, vendor: filter.vendor };
    let page = services.models.products(&StoreScope::of_anybody(), &wanted, filter.cursor, limit).await?;
    let item = |product: &ProductRow| json!({ "id": product.id.to_string(), "title": product.title, "category": product.category });
    let items: Vec<Value> = page.items.iter().map(item).collect();
    Ok(Json(json!({ "items": items, "next_cursor": page.next_cursor.map(|id| id.to_string()) })))
}
