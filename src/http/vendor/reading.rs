//! What a vendor has: its products, and what its orders come to.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use souk_core::ids::{ProductId, SkuId, StreamId};
use souk_core::product::Product;

use crate::http::Shared;
use crate::http::auth::Seller;
use crate::http::body::Ids;
use crate::http::error::ApiError;
use crate::http::lists::{Asked, Listed, Whole, page_size};
use crate::http::store::products::available;
use crate::http::told_products::{WorkItem, WorkProduct};
use crate::http::wire::ProductState;
use crate::store::read::StatementRow;

/// Which products.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<ProductState>,
    #[schemars(with = "Option<String>")]
    cursor: Option<ProductId>,
    /// 1 to 200; 50 when it is left out.
    limit: Option<u32>,
}

pub(super) async fn products(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Listed<WorkItem>>, ApiError> {
    let state = filter.state.map(Into::into);
    let page = services.models.own_products(&vendor, state, filter.cursor, page_size(filter.limit)).await?;
    let items = page.items.iter().map(WorkItem::from).collect();
    Ok(Json(Listed { items, next_cursor: page.next_cursor.map(|id| id.to_string()) }))
}

pub(super) async fn product(
    State(services): State<Shared>,
    Seller(vendor): Seller,
    Ids(id): Ids<ProductId>,
) -> Result<Json<WorkProduct>, ApiError> {
    let (state, _) = services.node.handle::<Product>().read(StreamId::Product(id), services.patience).await?;
    let known = state.known.ok_or_else(ApiError::not_found)?;
    let own: Vec<SkuId> = known
        .offers
        .iter()
        .filter(|(_, offer)| offer.vendor == vendor.vendor())
        .map(|(sku, _)| *sku)
        .collect();
    if known.steward != vendor.vendor() && own.is_empty() {
        return Err(ApiError::not_found());
    }
    let mut shown = WorkProduct::of(id, &known, &services.market.id, Some(vendor.vendor()));
    for (offer, sku) in shown.offers.iter_mut().zip(own) {
        offer.available = available(&services, sku).await?;
        offer.open = services.node.stock_view().is_open(sku).unwrap_or(false);
    }
    Ok(Json(shown))
}

/// What a vendor's orders come to in one currency: as placed, and what cancellations took back.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Statement")]
pub(super) struct StatementOut {
    currency: String,
    vendor_orders: u64,
    goods_minor: i64,
    shipping_minor: i64,
    commission_minor: i64,
    payable_minor: i64,
    reversed_minor: i64,
    /// What the vendor is owed: payable less reversed.
    balance_minor: i64,
}

impl From<&StatementRow> for StatementOut {
    fn from(row: &StatementRow) -> Self {
        StatementOut {
            currency: row.goods.currency.to_string(),
            vendor_orders: row.vendor_orders,
            goods_minor: row.goods.minor,
            shipping_minor: row.freight.minor,
            commission_minor: row.commission.minor,
            payable_minor: row.payable.minor,
            reversed_minor: row.reversed.minor,
            balance_minor: row.payable.minor - row.reversed.minor,
        }
    }
}

pub(super) async fn statement(
    State(services): State<Shared>,
    Seller(vendor): Seller,
) -> Result<Json<Whole<StatementOut>>, ApiError> {
    let rows = services.models.statement(&vendor).await?;
    Ok(Json(Whole { items: rows.iter().map(StatementOut::from).collect() }))
}
