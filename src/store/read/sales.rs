//! Questions about orders: the operator's list, a vendor's own part, the shopper's own order.

use souk_core::ids::OrderId;
use souk_core::market::MarketId;
use souk_core::money::{Currency, Money};
use souk_core::order::{LineStage, Status};
use souk_core::time::Timestamp;

use crate::journal::JournalError;
use crate::tenants::{BuyerScope, OperatorScope, VendorScope};

use super::orders::{LineRow, OrderRow, OrderRows, ParcelRow, STATUSES, VendorOrderRow};
use super::scoped::Asking;
use super::statement::values;
use super::{Page, ReadModels, of_word, page_limit, parsed, parsed_if, word};

/// The columns of an order, spelled out in each text so that the texts stay constant.
macro_rules! select_orders {
    ($rest:literal) => {
        concat!(
            "SELECT id, seq, number, buyer, market, currency, placed_at, status, charged_minor, refunded_minor, ",
            "assisted, reference, flagged FROM orders ",
            $rest
        )
    };
}

macro_rules! select_vendor_orders {
    ($rest:literal) => {
        concat!(
            "SELECT order_id, number, vendor, status, placed_at, currency, goods_minor, freight_minor, ",
            "commission_minor, payable_minor, reversed_minor FROM vendor_orders ",
            $rest
        )
    };
}

pub(super) const LIST: &str =
    select_orders!("WHERE {orders} AND (placed_at, id) < ($1, $2) ORDER BY placed_at DESC, id DESC LIMIT $3");
const ONE: &str = select_orders!("WHERE {orders} AND id = $1");
/// Which one says the scope: there is no other.
const OF_BUYER: &str = select_orders!("WHERE {orders}");
const LINES: &str = "SELECT line, vendor_order, sku, product, variant, quantity, unit_price_minor, goods_minor, \
     freight_minor, stage, parcel FROM order_lines WHERE {order_lines} AND order_id = $1 ORDER BY line";
const PARTS: &str = select_vendor_orders!("WHERE {vendor_orders} AND order_id = $1 ORDER BY number");
const PARCELS: &str = "SELECT id, number, vendor_order, tracking, shipped_at, delivered_at FROM parcels \
     WHERE {parcels} AND order_id = $1 ORDER BY number";
const OF_VENDOR: &str = select_vendor_orders!(
    "WHERE {vendor_orders} AND (placed_at, order_id) < ($1, $2) AND (CAST($3 AS TEXT) IS NULL OR status = $3) \
     ORDER BY placed_at DESC, order_id DESC LIMIT $4"
);
const STATEMENT: &str = "SELECT currency, COUNT(*), CAST(SUM(goods_minor) AS BIGINT), \
     CAST(SUM(freight_minor) AS BIGINT), CAST(SUM(commission_minor) AS BIGINT), \
     CAST(SUM(payable_minor) AS BIGINT), CAST(SUM(reversed_minor) AS BIGINT) \
     FROM vendor_orders WHERE {vendor_orders} GROUP BY currency ORDER BY currency";

/// A place in a list that begins with what was placed last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlacedCursor {
    /// When the page's last order was placed.
    pub placed_at: Timestamp,
    /// Which it is.
    pub order: OrderId,
}

impl PlacedCursor {
    /// What a query compares with: before everything when there is no cursor.
    pub(super) fn bounds(after: Option<PlacedCursor>) -> (i64, String) {
        after.map_or_else(
            || (i64::MAX, String::new()),
            |cursor| (cursor.placed_at.as_millis(), cursor.order.to_string()),
        )
    }
}

/// What a vendor's orders come to in one currency, as placed, and what cancellations took back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatementRow {
    /// How many vendor orders.
    pub vendor_orders: u64,
    /// Their goods.
    pub goods: Money,
    /// Their shipping.
    pub freight: Money,
    /// The marketplace's share.
    pub commission: Money,
    /// What the vendor was owed when they were placed.
    pub payable: Money,
    /// What cancellations took back of that.
    pub reversed: Money,
}

pub(super) type OrderColumns =
    (String, i64, String, String, String, String, i64, String, i64, i64, i64, Option<String>, i64);

pub(super) fn order(columns: OrderColumns) -> Result<OrderRow, JournalError> {
    let (
        id,
        seq,
        number,
        buyer,
        market,
        currency,
        placed_at,
        status,
        charged,
        refunded,
        assisted,
        reference,
        flagged,
    ) = columns;
    let currency = parsed("orders", "currency", &currency)?;
    Ok(OrderRow {
        id: parsed("orders", "id", &id)?,
        seq: seq as u64,
        number,
        buyer: parsed("orders", "buyer", &buyer)?,
        market: MarketId(market),
        placed_at: Timestamp::from_millis(placed_at),
        status: of_word(STATUSES, "orders", "status", &status)?,
        charged: Money::new(charged, currency),
        refunded: Money::new(refunded, currency),
        assisted: assisted == 1,
        reference,
        flagged: flagged == 1,
    })
}

type LineColumns = (i64, i64, String, String, Option<String>, i64, i64, i64, i64, String, Option<String>);

fn line(columns: LineColumns, currency: Currency) -> Result<LineRow, JournalError> {
    let (number, vendor_order, sku, product, variant, quantity, unit, goods, freight, stage, parcel) =
        columns;
    let parcel = parsed_if("order_lines", "parcel", parcel)?;
    let stage = match (stage.as_str(), parcel) {
        ("open", None) => LineStage::Open,
        ("shipped", Some(parcel)) => LineStage::Shipped(parcel),
        ("delivered", Some(parcel)) => LineStage::Delivered(parcel),
        ("cancelled", None) => LineStage::Cancelled,
        _ => return Err(JournalError::Column { table: "order_lines", column: "stage", value: stage }),
    };
    Ok(LineRow {
        line: number as u32,
        vendor_order: vendor_order as u32,
        sku: parsed("order_lines", "sku", &sku)?,
        product: parsed("order_lines", "product", &product)?,
        variant: parsed_if("order_lines", "variant", variant)?,
        quantity: quantity as u32,
        unit_price: Money::new(unit, currency),
        goods: Money::new(goods, currency),
        freight: Money::new(freight, currency),
        stage,
    })
}

type PartColumns = (String, i64, String, String, i64, String, i64, i64, i64, i64, i64);

fn part(columns: PartColumns) -> Result<VendorOrderRow, JournalError> {
    let (order, number, vendor, status, placed_at, currency, goods, freight, commission, payable, reversed) =
        columns;
    let currency: Currency = parsed("vendor_orders", "currency", &currency)?;
    let money = |minor| Money::new(minor, currency);
    Ok(VendorOrderRow {
        order: parsed("vendor_orders", "order_id", &order)?,
        number: number as u32,
        vendor: parsed("vendor_orders", "vendor", &vendor)?,
        status: of_word(STATUSES, "vendor_orders", "status", &status)?,
        placed_at: Timestamp::from_millis(placed_at),
        goods: money(goods),
        freight: money(freight),
        commission: money(commission),
        payable: money(payable),
        reversed: money(reversed),
    })
}

type ParcelColumns = (String, i64, i64, Option<String>, i64, Option<i64>);

fn parcel(
    (id, number, vendor_order, tracking, shipped_at, delivered_at): ParcelColumns,
) -> Result<ParcelRow, JournalError> {
    Ok(ParcelRow {
        id: parsed("parcels", "id", &id)?,
        number: number as u32,
        vendor_order: vendor_order as u32,
        tracking,
        shipped_at: Timestamp::from_millis(shipped_at),
        delivered_at: delivered_at.map(Timestamp::from_millis),
    })
}

impl ReadModels {
    /// All orders, the latest first, behind the one named.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn orders(
        &self,
        scope: &OperatorScope,
        after: Option<PlacedCursor>,
        limit: u32,
    ) -> Result<Page<OrderRow, PlacedCursor>, JournalError> {
        let (placed_at, id) = PlacedCursor::bounds(after);
        let mut asking = self.reads.within(scope, "orders").await?;
        let rows: Vec<OrderColumns> =
            asking.all("list orders", LIST, values![placed_at, id, page_limit(limit)]).await?;
        asking.end();
        let items = rows.into_iter().map(order).collect::<Result<_, _>>()?;
        Ok(Page::of(items, limit, |row: &OrderRow| PlacedCursor { placed_at: row.placed_at, order: row.id }))
    }

    /// Any order, whole; `None` when there is none, or none yet.
    ///
    /// # Errors
    /// As [`ReadModels::orders`].
    pub async fn order(&self, scope: &OperatorScope, id: OrderId) -> Result<Option<OrderRows>, JournalError> {
        let mut asking = self.reads.within(scope, "order").await?;
        let found = asking.one("read an order", ONE, values![id.to_string()]).await?;
        whole(asking, found).await
    }

    /// The shopper's own order, whole; `None` when there is none, or none yet.
    ///
    /// # Errors
    /// As [`ReadModels::orders`].
    pub async fn own_order(&self, scope: &BuyerScope) -> Result<Option<OrderRows>, JournalError> {
        let mut asking = self.reads.within(scope, "own_order").await?;
        let found = asking.one("read a shopper's order", OF_BUYER, values![]).await?;
        whole(asking, found).await
    }

    /// A vendor's own vendor orders, the latest first, behind the one named, in one state or any. A vendor has at
    /// most one of an order.
    ///
    /// # Errors
    /// As [`ReadModels::orders`].
    pub async fn vendor_orders(
        &self,
        scope: &VendorScope,
        status: Option<Status>,
        after: Option<PlacedCursor>,
        limit: u32,
    ) -> Result<Page<VendorOrderRow, PlacedCursor>, JournalError> {
        let (placed_at, id) = PlacedCursor::bounds(after);
        let status = status.map(|status| word(STATUSES, &status));
        let values = values![placed_at, id, status, page_limit(limit)];
        let mut asking = self.reads.within(scope, "vendor_orders").await?;
        let rows: Vec<PartColumns> = asking.all("list a vendor's orders", OF_VENDOR, values).await?;
        asking.end();
        let items = rows.into_iter().map(part).collect::<Result<_, _>>()?;
        let cursor = |row: &VendorOrderRow| PlacedCursor { placed_at: row.placed_at, order: row.order };
        Ok(Page::of(items, limit, cursor))
    }

    /// What a vendor's own orders come to, per currency.
    ///
    /// # Errors
    /// As [`ReadModels::orders`].
    pub async fn statement(&self, scope: &VendorScope) -> Result<Vec<StatementRow>, JournalError> {
        let mut asking = self.reads.within(scope, "statement").await?;
        let rows: Vec<(String, i64, i64, i64, i64, i64, i64)> =
            asking.all("read a vendor's statement", STATEMENT, values![]).await?;
        asking.end();
        rows.into_iter()
            .map(|(currency, vendor_orders, goods, freight, commission, payable, reversed)| {
                let currency: Currency = parsed("vendor_orders", "currency", &currency)?;
                let money = |minor| Money::new(minor, currency);
                Ok(StatementRow {
                    vendor_orders: vendor_orders as u64,
                    goods: money(goods),
                    freight: money(freight),
                    commission: money(commission),
                    payable: money(payable),
                    reversed: money(reversed),
                })
            })
            .collect()
    }
}

/// The order with everything that belongs to it.
async fn whole(
    mut asking: Asking<'_>,
    found: Option<OrderColumns>,
) -> Result<Option<OrderRows>, JournalError> {
    let Some(found) = found else {
        asking.end();
        return Ok(None);
    };
    let order = order(found)?;
    let id = || values![order.id.to_string()];
    let lines: Vec<LineColumns> = asking.all("read an order's lines", LINES, id()).await?;
    let parts: Vec<PartColumns> = asking.all("read an order's vendor orders", PARTS, id()).await?;
    let parcels: Vec<ParcelColumns> = asking.all("read an order's parcels", PARCELS, id()).await?;
    asking.end();
    let currency = order.charged.currency;
    Ok(Some(OrderRows {
        order,
        lines: lines.into_iter().map(|row| line(row, currency)).collect::<Result<_, _>>()?,
        vendor_orders: parts.into_iter().map(part).collect::<Result<_, _>>()?,
        parcels: parcels.into_iter().map(parcel).collect::<Result<_, _>>()?,
    }))
}
