//! Questions about products and offers: what is listed, what is a vendor's own, what operators see.

use std::collections::BTreeMap;
use std::sync::Arc;

use souk_core::ids::{ProductId, SkuId, VendorId};
use souk_core::market::MarketId;
use souk_core::money::Money;
use souk_core::product::{Price, Status};

use crate::journal::JournalError;
use crate::tenants::{OperatorScope, StoreScope, VendorScope};

use super::predicate::Scope;
use super::products::{OfferRow, ProductRow, ProductRows, STATUSES};
use super::recent::{Asked, Listing, ReadAt};
use super::statement::{Texts, Value, values};
use super::{Page, ReadModels, of_word, page_limit, parsed, word};

/// An offer that the filter of a list means: price, vendor and market must be those of one and the same.
macro_rules! offer_is_meant {
    () => {
        "{offers} AND offers.market = $1 AND (CAST($2 AS TEXT) IS NULL OR offers.vendor = $2) \
         AND (CAST($3 AS BIGINT) IS NULL OR price_minor >= $3) AND (CAST($4 AS BIGINT) IS NULL OR price_minor <= $4)"
    };
}

const LISTED: &str = concat!(
    "SELECT id, seq, status, title, category, steward, version FROM products \
     WHERE {products} AND id > $5 AND (CAST($6 AS TEXT) IS NULL OR category = $6) \
     AND (CAST($7 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM offers WHERE ",
    offer_is_meant!(),
    " AND offers.product = products.id)) ORDER BY id LIMIT $8"
);
/// `$5` is a list of products.
const MEANT: Texts = Texts {
    sqlite: concat!(
        "SELECT sku, market, product, variant, vendor, code, price_minor, shipping_minor, currency, for_sale \
         FROM offers WHERE ",
        offer_is_meant!(),
        " AND product IN (SELECT value FROM json_each($5)) ORDER BY sku"
    ),
    postgres: concat!(
        "SELECT sku, market, product, variant, vendor, code, price_minor, shipping_minor, currency, for_sale \
         FROM offers WHERE ",
        offer_is_meant!(),
        " AND product = ANY(ARRAY(SELECT json_array_elements_text($5::json))) ORDER BY sku"
    ),
};
const ALL: &str = "SELECT id, seq, status, title, category, steward, version FROM products \
     WHERE {products} AND id > $1 AND (CAST($2 AS TEXT) IS NULL OR status = $2) ORDER BY id LIMIT $3";
const ONE: &str =
    "SELECT id, seq, status, title, category, steward, version FROM products WHERE {products} AND id = $1";
const OFFERS_OF_PRODUCT: &str = "SELECT sku, market, product, variant, vendor, code, price_minor, shipping_minor, \
     currency, for_sale FROM offers WHERE {offers} AND product = $1 ORDER BY sku, market";
const OFFERS: &str = "SELECT sku, market, product, variant, vendor, code, price_minor, shipping_minor, \
     currency, for_sale FROM offers WHERE {offers} AND (sku, market) > ($1, $2) ORDER BY sku, market LIMIT $3";

/// Which products of the store are meant.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ProductFilter {
    /// Those of this category.
    pub category: Option<String>,
    /// The market in which offers count.
    pub market: MarketId,
    /// Those that have such an offer for sale.
    pub offers: OfferFilter,
}

impl ProductFilter {
    /// All that is listed.
    pub fn all(market: MarketId) -> Self {
        ProductFilter { category: None, market, offers: OfferFilter::default() }
    }

    /// `$1` to `$4` of what says which offers are meant.
    fn offer_values(&self) -> Vec<Value> {
        let OfferFilter { vendor, price_min, price_max, .. } = self.offers;
        values![self.market.0.as_str(), vendor.map(|vendor| vendor.to_string()), price_min, price_max]
    }
}

/// Which offers are meant. All that is said must be true of one and the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct OfferFilter {
    /// Those of this vendor.
    pub vendor: Option<VendorId>,
    /// Those whose unit costs at least so much, in minor units.
    pub price_min: Option<i64>,
    /// Those whose unit costs at most so much, in minor units.
    pub price_max: Option<i64>,
    /// Whether products without any offer are left out even if nothing else is said.
    pub must_exist: bool,
}

impl OfferFilter {
    fn narrows(&self) -> bool {
        self.must_exist || self.vendor.is_some() || self.price_min.is_some() || self.price_max.is_some()
    }
}

type Columns = (String, i64, String, String, String, String, i64);

fn row((id, seq, status, title, category, steward, version): Columns) -> Result<ProductRow, JournalError> {
    let title = serde_json::from_str(&title).map_err(|_| JournalError::Column {
        table: "products",
        column: "title",
        value: title,
    })?;
    Ok(ProductRow {
        id: parsed("products", "id", &id)?,
        seq: seq as u64,
        status: of_word(STATUSES, "products", "status", &status)?,
        title,
        category,
        steward: parsed("products", "steward", &steward)?,
        version: version as u64,
    })
}

type OfferColumns = (String, String, String, String, String, String, i64, i64, String, i64);

fn offer(columns: OfferColumns) -> Result<OfferRow, JournalError> {
    let (sku, market, product, variant, vendor, code, price, shipping, currency, for_sale) = columns;
    let currency = parsed("offers", "currency", &currency)?;
    Ok(OfferRow {
        sku: parsed("offers", "sku", &sku)?,
        market: MarketId(market),
        product: parsed("offers", "product", &product)?,
        variant: parsed("offers", "variant", &variant)?,
        vendor: parsed("offers", "vendor", &vendor)?,
        code,
        price: Price { unit: Money::new(price, currency), shipping: Money::new(shipping, currency) },
        for_sale: for_sale == 1,
    })
}

impl ReadModels {
    /// Listed products by id, behind the one named, each with those of its offers that are for sale and meant by the
    /// filter. May be what the tables said up to a second ago, if another process fills them.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn listing(
        &self,
        scope: &StoreScope,
        filter: &ProductFilter,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Arc<Listing>, JournalError> {
        let asked = Asked { filter: filter.clone(), after, limit };
        if let Some(listing) = self.recent.find(&asked) {
            return Ok(listing);
        }
        let read = self.recent.now();
        let page = self.products_of("listing", scope, filter, after, limit).await?;
        let ids: Vec<ProductId> = page.items.iter().map(|product| product.id).collect();
        let mut by_product: BTreeMap<ProductId, Vec<OfferRow>> = BTreeMap::new();
        for offer in self.offers_of("listing", scope, filter, &ids).await? {
            by_product.entry(offer.product).or_default().push(offer);
        }
        let with_offers = |product: ProductRow| {
            let offers = by_product.remove(&product.id).unwrap_or_default();
            (product, offers)
        };
        let items = page.items.into_iter().map(with_offers).collect();
        let listing = Arc::new(Listing { page: Page { items, next_cursor: page.next_cursor }, read });
        self.recent.keep(asked, &listing);
        Ok(listing)
    }

    /// Whether what was listed then is what would be listed now, as far as this process knows. After a second it is not
    /// said any more: another process may fill these tables, too.
    pub fn is_still_listed(&self, read: ReadAt) -> bool {
        self.recent.is_still(read)
    }

    /// Listed products by id, behind the one named.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn products(
        &self,
        scope: &StoreScope,
        filter: &ProductFilter,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Page<ProductRow, ProductId>, JournalError> {
        self.products_of("products", scope, filter, after, limit).await
    }

    async fn products_of(
        &self,
        function: &'static str,
        scope: &StoreScope,
        filter: &ProductFilter,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Page<ProductRow, ProductId>, JournalError> {
        let mut values = filter.offer_values();
        values.extend(values![
            after.map_or_else(String::new, |id| id.to_string()),
            filter.category.clone(),
            filter.offers.narrows(),
            page_limit(limit),
        ]);
        let mut asking = self.reads.within(scope, function).await?;
        let rows: Vec<Columns> = asking.all("list products", LISTED, values).await?;
        asking.end();
        let items = rows.into_iter().map(row).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit, |row: &ProductRow| row.id))
    }

    /// The offers on these products that are for sale and meant by the filter.
    ///
    /// # Errors
    /// As [`ReadModels::products`].
    pub async fn offers_for_sale(
        &self,
        scope: &StoreScope,
        filter: &ProductFilter,
        products: &[ProductId],
    ) -> Result<Vec<OfferRow>, JournalError> {
        self.offers_of("offers_for_sale", scope, filter, products).await
    }

    async fn offers_of(
        &self,
        function: &'static str,
        scope: &StoreScope,
        filter: &ProductFilter,
        products: &[ProductId],
    ) -> Result<Vec<OfferRow>, JournalError> {
        let ids: Vec<String> = products.iter().map(ToString::to_string).collect();
        let mut values = filter.offer_values();
        // Ids have no letter that JSON escapes.
        values.push(format!("{ids:?}").into());
        let mut asking = self.reads.within(scope, function).await?;
        let rows: Vec<OfferColumns> = asking.all("read products' offers", MEANT, values).await?;
        asking.end();
        rows.into_iter().map(offer).collect()
    }

    /// Every product by id, behind the one named, wherever it stands or in one state.
    ///
    /// # Errors
    /// As [`ReadModels::products`].
    pub async fn all_products(
        &self,
        scope: &OperatorScope,
        status: Option<Status>,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Page<ProductRow, ProductId>, JournalError> {
        self.every_product("all_products", scope, status, after, limit).await
    }

    async fn every_product(
        &self,
        function: &'static str,
        scope: &dyn Scope,
        status: Option<Status>,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Page<ProductRow, ProductId>, JournalError> {
        let after = after.map_or_else(String::new, |id| id.to_string());
        let status = status.map(|status| word(STATUSES, &status));
        let mut asking = self.reads.within(scope, function).await?;
        let rows: Vec<Columns> =
            asking.all("list all products", ALL, values![after, status, page_limit(limit)]).await?;
        asking.end();
        let items = rows.into_iter().map(row).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit, |row: &ProductRow| row.id))
    }

    /// Products whose facts a vendor keeps or on which it has an offer, by id, behind the one named.
    ///
    /// # Errors
    /// As [`ReadModels::products`].
    pub async fn own_products(
        &self,
        scope: &VendorScope,
        status: Option<Status>,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Page<ProductRow, ProductId>, JournalError> {
        self.every_product("own_products", scope, status, after, limit).await
    }

    /// A listed product with the offers that are for sale; `None` when nobody may see it.
    ///
    /// # Errors
    /// As [`ReadModels::products`].
    pub async fn product(
        &self,
        scope: &StoreScope,
        id: ProductId,
    ) -> Result<Option<ProductRows>, JournalError> {
        let values = values![id.to_string()];
        let mut asking = self.reads.within(scope, "product").await?;
        let found: Option<Columns> = asking.one("read a product", ONE, values.clone()).await?;
        let Some(found) = found else {
            asking.end();
            return Ok(None);
        };
        let offers: Vec<OfferColumns> =
            asking.all("read a product's offers", OFFERS_OF_PRODUCT, values).await?;
        asking.end();
        let offers = offers.into_iter().map(offer).collect::<Result<_, _>>()?;
        Ok(Some(ProductRows { product: row(found)?, offers }))
    }

    /// A vendor's own offers by SKU and market, behind the one named, for sale or not.
    ///
    /// # Errors
    /// As [`ReadModels::products`].
    pub async fn own_offers(
        &self,
        scope: &VendorScope,
        after: Option<(SkuId, MarketId)>,
        limit: u32,
    ) -> Result<Page<OfferRow, (SkuId, MarketId)>, JournalError> {
        let (sku, market) = after.map_or_else(Default::default, |(sku, market)| (sku.to_string(), market.0));
        let mut asking = self.reads.within(scope, "own_offers").await?;
        let rows: Vec<OfferColumns> =
            asking.all("list a vendor's offers", OFFERS, values![sku, market, page_limit(limit)]).await?;
        asking.end();
        let items = rows.into_iter().map(offer).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit, |row: &OfferRow| (row.sku, row.market.clone())))
    }
}
