//! Products and offers: rows, and how they are written.

use souk_core::ids::{ProductId, SkuId, VariantId, VendorId};
use souk_core::market::{LocalizedText, MarketId};
use souk_core::product::{Price, Status};

use crate::journal::JournalError;

use super::statement::{Statement, values};
use super::word;

const PUT: &str = "INSERT INTO products (id, seq, status, title, category, steward, version) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, \
     status = excluded.status, title = excluded.title, category = excluded.category, \
     steward = excluded.steward, version = excluded.version WHERE products.seq < excluded.seq";
const DROP_OFFERS: &str = "DELETE FROM offers WHERE product = $1";
const PUT_OFFER: &str = "INSERT INTO offers (sku, market, product, variant, vendor, code, price_minor, \
     shipping_minor, currency, for_sale) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub(super) const STATUSES: &[(Status, &str)] = &[
    (Status::Draft, "draft"),
    (Status::Submitted, "submitted"),
    (Status::Approved, "approved"),
    (Status::Listed, "listed"),
    (Status::Archived, "archived"),
];

/// A product at a glance.
#[derive(Clone, PartialEq, Debug)]
pub struct ProductRow {
    /// Which.
    pub id: ProductId,
    /// The last event of its stream that this contains.
    pub seq: u64,
    /// Where it stands.
    pub status: Status,
    /// Its name.
    pub title: LocalizedText,
    /// The category's code.
    pub category: String,
    /// The vendor that keeps its facts.
    pub steward: VendorId,
    /// The seq of the last event that changed what anybody can see of it.
    pub version: u64,
}

/// An offer in one market.
#[derive(Clone, PartialEq, Debug)]
pub struct OfferRow {
    /// Which.
    pub sku: SkuId,
    /// Where.
    pub market: MarketId,
    /// On which product.
    pub product: ProductId,
    /// Of which variant.
    pub variant: VariantId,
    /// Who sells it.
    pub vendor: VendorId,
    /// What the vendor calls it.
    pub code: String,
    /// What a unit costs there.
    pub price: Price,
    /// Whether it can be bought, as far as product and vendor say.
    pub for_sale: bool,
}

/// A product with its offers.
#[derive(Clone, PartialEq, Debug)]
pub struct ProductRows {
    /// The product.
    pub product: ProductRow,
    /// Its offers, by SKU and market.
    pub offers: Vec<OfferRow>,
}

pub(super) fn put(rows: ProductRows) -> Result<Statement, JournalError> {
    let ProductRows { product: row, offers } = rows;
    let title = serde_json::to_string(&row.title).map_err(|error| JournalError::Column {
        table: "products",
        column: "title",
        value: error.to_string(),
    })?;
    let id = row.id.to_string();
    let mut then = vec![Statement::new(DROP_OFFERS, values![id.as_str()])];
    then.extend(offers.into_iter().map(|offer| {
        Statement::new(
            PUT_OFFER,
            values![
                offer.sku.to_string(),
                offer.market.0,
                offer.product.to_string(),
                offer.variant.to_string(),
                offer.vendor.to_string(),
                offer.code,
                offer.price.unit.minor,
                offer.price.shipping.minor,
                offer.price.unit.currency.code(),
                offer.for_sale,
            ],
        )
    }));
    let status = word(STATUSES, &row.status);
    let values = values![id, row.seq, status, title, row.category, row.steward.to_string(), row.version];
    Ok(Statement::new(PUT, values).then(then))
}
