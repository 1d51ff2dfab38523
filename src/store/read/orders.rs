//! Orders, their lines, vendor orders and parcels: rows, and how they are written.

use souk_core::ids::{BuyerId, OrderId, ParcelId, ProductId, SkuId, VariantId, VendorId};
use souk_core::market::MarketId;
use souk_core::money::{Currency, Money};
use souk_core::order::{LineStage, Status};
use souk_core::time::Timestamp;

use super::statement::{Statement, values};
use super::word;

const PUT: &str = "INSERT INTO orders (id, seq, number, buyer, market, currency, placed_at, status, charged_minor, \
     refunded_minor, assisted, reference, flagged) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
     ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, status = excluded.status, \
     refunded_minor = excluded.refunded_minor, flagged = excluded.flagged WHERE orders.seq < excluded.seq";
const PUT_LINE: &str = "INSERT INTO order_lines (order_id, line, vendor_order, sku, product, variant, quantity, \
     unit_price_minor, goods_minor, freight_minor, stage, parcel) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
     ON CONFLICT (order_id, line) DO UPDATE SET stage = excluded.stage, parcel = excluded.parcel";
const PUT_VENDOR_ORDER: &str = "INSERT INTO vendor_orders (order_id, number, vendor, status, placed_at, currency, \
     goods_minor, freight_minor, commission_minor, payable_minor, reversed_minor) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (order_id, number) DO UPDATE SET \
     status = excluded.status, reversed_minor = excluded.reversed_minor";
const PUT_PARCEL: &str = "INSERT INTO parcels (order_id, id, number, vendor_order, tracking, shipped_at, delivered_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (order_id, id) DO UPDATE SET delivered_at = excluded.delivered_at";

pub(super) const STATUSES: &[(Status, &str)] = &[
    (Status::Placed, "placed"),
    (Status::Accepted, "accepted"),
    (Status::PartlyShipped, "partly_shipped"),
    (Status::Shipped, "shipped"),
    (Status::Delivered, "delivered"),
    (Status::Cancelled, "cancelled"),
];

/// An order at a glance.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderRow {
    /// Which.
    pub id: OrderId,
    /// The last event of its stream that this contains.
    pub seq: u64,
    /// The number that a person can read out.
    pub number: String,
    /// The shopper.
    pub buyer: BuyerId,
    /// Where it was sold.
    pub market: MarketId,
    /// When.
    pub placed_at: Timestamp,
    /// How far it is.
    pub status: Status,
    /// What the shopper paid.
    pub charged: Money,
    /// What is back.
    pub refunded: Money,
    /// Whether an operator wrote the quote.
    pub assisted: bool,
    /// What its source calls it, when it came from elsewhere.
    pub reference: Option<String>,
    /// Whether a person must look at it.
    pub flagged: bool,
}

/// A line of an order.
#[derive(Clone, PartialEq, Debug)]
pub struct LineRow {
    /// Its number within the order.
    pub line: u32,
    /// Of which vendor order.
    pub vendor_order: u32,
    /// The offer.
    pub sku: SkuId,
    /// Of which product.
    pub product: ProductId,
    /// Of which variant.
    pub variant: Option<VariantId>,
    /// How many units.
    pub quantity: u32,
    /// The list price of one.
    pub unit_price: Money,
    /// The line without shipping and without taxes that come on top.
    pub goods: Money,
    /// Its shipping.
    pub freight: Money,
    /// How far it is.
    pub stage: LineStage,
}

/// A vendor's part of an order. Amounts are as placed.
#[derive(Clone, PartialEq, Debug)]
pub struct VendorOrderRow {
    /// Of which order.
    pub order: OrderId,
    /// Its number within the order.
    pub number: u32,
    /// Whose.
    pub vendor: VendorId,
    /// How far it is.
    pub status: Status,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Its lines' goods.
    pub goods: Money,
    /// Their shipping.
    pub freight: Money,
    /// The marketplace's share.
    pub commission: Money,
    /// What the vendor is owed.
    pub payable: Money,
    /// What cancellations took back of that.
    pub reversed: Money,
}

/// Lines that travel together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParcelRow {
    /// Which.
    pub id: ParcelId,
    /// Its number within the order.
    pub number: u32,
    /// Of which vendor order.
    pub vendor_order: u32,
    /// What the carrier calls it.
    pub tracking: Option<String>,
    /// When it left.
    pub shipped_at: Timestamp,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
}

/// An order with everything that belongs to it.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderRows {
    /// The order.
    pub order: OrderRow,
    /// Its lines, by number.
    pub lines: Vec<LineRow>,
    /// Its vendor orders, by number.
    pub vendor_orders: Vec<VendorOrderRow>,
    /// What was sent, by number.
    pub parcels: Vec<ParcelRow>,
}

pub(super) fn put(rows: OrderRows) -> Statement {
    let OrderRows { order, lines, vendor_orders, parcels } = rows;
    let id = order.id.to_string();
    let currency: Currency = order.charged.currency;
    let mut then = Vec::with_capacity(lines.len() + vendor_orders.len() + parcels.len());
    then.extend(lines.into_iter().map(|line| put_line(&id, line)));
    then.extend(vendor_orders.into_iter().map(|part| put_vendor_order(&id, part)));
    then.extend(parcels.into_iter().map(|parcel| put_parcel(&id, parcel)));
    let values = values![
        id,
        order.seq,
        order.number,
        order.buyer.to_string(),
        order.market.0,
        currency.code(),
        order.placed_at.as_millis(),
        word(STATUSES, &order.status),
        order.charged.minor,
        order.refunded.minor,
        order.assisted,
        order.reference,
        order.flagged,
    ];
    Statement::new(PUT, values).then(then)
}

fn put_line(order: &str, line: LineRow) -> Statement {
    let (stage, parcel) = match line.stage {
        LineStage::Open => ("open", None),
        LineStage::Shipped(parcel) => ("shipped", Some(parcel.to_string())),
        LineStage::Delivered(parcel) => ("delivered", Some(parcel.to_string())),
        LineStage::Cancelled => ("cancelled", None),
    };
    let values = values![
        order,
        line.line,
        line.vendor_order,
        line.sku.to_string(),
        line.product.to_string(),
        line.variant.map(|variant| variant.to_string()),
        line.quantity,
        line.unit_price.minor,
        line.goods.minor,
        line.freight.minor,
        stage,
        parcel,
    ];
    Statement::new(PUT_LINE, values)
}

fn put_vendor_order(order: &str, part: VendorOrderRow) -> Statement {
    let values = values![
        order,
        part.number,
        part.vendor.to_string(),
        word(STATUSES, &part.status),
        part.placed_at.as_millis(),
        part.goods.currency.code(),
        part.goods.minor,
        part.freight.minor,
        part.commission.minor,
        part.payable.minor,
        part.reversed.minor,
    ];
    Statement::new(PUT_VENDOR_ORDER, values)
}

fn put_parcel(order: &str, parcel: ParcelRow) -> Statement {
    let values = values![
        order,
        parcel.id.to_string(),
        parcel.number,
        parcel.vendor_order,
        parcel.tracking,
        parcel.shipped_at.as_millis(),
        parcel.delivered_at.map(|at| at.as_millis()),
    ];
    Statement::new(PUT_PARCEL, values)
}
