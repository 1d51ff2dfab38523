//! Events and outcomes of an order.

use souk_core::ids::{
    BuyerId, CheckoutId, HoldId, LocationId, ParcelId, PaymentId, ProductId, ShardNo, SkuId, SubjectId,
    VariantId, VendorId,
};
use souk_core::market::MarketId;
use souk_core::money::{Currency, Money};
use souk_core::order::{self, Event};

use super::inventory;
use super::outcome::Lines;
use super::values::{Ask, Commission, Discount, NoRefund, RefundId, TaxLine, Transaction};

events! {
    Event:
    "order.placed" 1 => Placed(order: PlacedOrder),
    "order.accepted" 1 => Accepted { vendor_order: u32 },
    "order.shipped" 1 => Shipped {
        parcel: ParcelId,
        vendor_order: u32,
        lines: Vec<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracking: Option<String>,
    },
    "order.delivered" 1 => Delivered { parcel: ParcelId },
    "order.cancelled" 1 => Cancelled {
        lines: Vec<u32>,
        by: Actor,
        reason: CancelReason,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        refunds: Vec<RefundPart>,
        transaction: Transaction,
    },
    "order.refunded" 1 => Refunded { refund: RefundId, transaction: Transaction },
    "order.refund_refused" 1 => RefundRefused {
        refund: RefundId,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<NoRefund>,
    },
    "order.refund_retried" 1 => RefundRetried { part: RefundPart, replaces: RefundId },
    "order.stock_answered" 1 => StockAnswered {
        ask: Ask,
        line: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        refused: Option<inventory::No>,
    },
}

mirror! {
    struct PlacedOrder = order::PlacedOrder {
        checkout: CheckoutId,
        buyer: BuyerId,
        subject: SubjectId,
        country: String,
        market: MarketId,
        currency: Currency,
        lines: Vec<OrderLine>,
        payments: Vec<(PaymentId, Money)>,
        sale: Transaction,
        number: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        assisted: bool,
    }

    struct OrderLine = order::OrderLine {
        number: u32,
        sku: SkuId,
        product: ProductId,
        #[serde(skip_serializing_if = "Option::is_none")]
        variant: Option<VariantId>,
        vendor: VendorId,
        quantity: u32,
        list_price: Money,
        unit_price: Money,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        discounts: Vec<Discount>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        taxes: Vec<TaxLine>,
        shipping: Money,
        commission: Commission,
        seller_of_record: bool,
        hold: LineHold,
    }

    struct LineHold = order::LineHold { id: HoldId, shard: ShardNo, location: LocationId }

    enum Actor = order::Actor {
        Vendor(vendor: VendorId),
        Operator,
        Buyer,
    }

    enum CancelReason = order::CancelReason {
        BuyerChangedMind,
        NotAvailable,
        Undeliverable,
        WrongPrice,
        SuspectedFraud,
        Other,
    }

    struct RefundPart = order::RefundPart { refund: RefundId, payment: PaymentId, amount: Money }

    /// An order's yes, as a stored reply holds it.
    enum Yes = order::Reply {
        Accepted,
        Shipped { number: u32, lines: Lines },
        Delivered,
        Cancelled { lines: Lines, refunded: Money },
        RefundRetried { refund: RefundId },
        Noted,
    }

    /// An order's no, as a stored reply holds it.
    enum No = order::Rejection {
        UnknownOrder,
        UnknownVendorOrder,
        UnknownLine,
        UnknownParcel,
        NotYours,
        AlreadyShipped { line: u32 },
        AlreadyCancelled { line: u32 },
        NothingToShip,
        ParcelMismatch,
        InvalidTracking,
        UnknownRefund,
        RefundNotRefused,
        Unbalanced,
    }
}
