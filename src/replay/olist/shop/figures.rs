//! An order's own figures, wherever they come from.

use souk_core::ids::VendorId;
use souk_core::order::{LineStage, RefundStage, State};

use super::super::expected::Sums;

/// What an order says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figures {
    /// Whether an operator wrote its prices.
    pub assisted: bool,
    /// What the shopper paid, in minor units.
    pub charged_minor: i64,
    /// What is back, in minor units.
    pub refunded_minor: i64,
    /// Its lines.
    pub lines: Vec<LineFigures>,
    /// How many vendors have a part in it.
    pub vendor_orders: u64,
    /// Parcels that left.
    pub parcels_shipped: u64,
    /// Of those, the ones that arrived.
    pub parcels_delivered: u64,
    /// Whether everything it asked of stock and payments has been answered.
    pub settled: bool,
}

/// What a line says of itself; amounts are of all its units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineFigures {
    /// Its number within the order.
    pub number: u32,
    /// Who sells it.
    pub vendor: VendorId,
    /// How many units.
    pub quantity: u32,
    /// What one unit cost, in minor units.
    pub unit_price_minor: i64,
    /// What the shipping cost, in minor units.
    pub shipping_minor: i64,
    /// What the marketplace keeps, in minor units.
    pub commission_minor: i64,
    /// Whether it was cancelled.
    pub cancelled: bool,
}

impl Figures {
    /// Of an order as its actor knows it; `None` when there is none.
    pub(super) fn of(state: &State) -> Option<Figures> {
        let placed = state.placed.as_ref()?;
        let line = |line: &souk_core::order::OrderLine| LineFigures {
            number: line.number,
            vendor: line.vendor,
            quantity: line.quantity,
            unit_price_minor: line.unit_price.minor,
            shipping_minor: line.shipping.minor,
            commission_minor: line.commission.amount.minor,
            cancelled: state.lines.get(&line.number).is_some_and(|line| line.stage == LineStage::Cancelled),
        };
        let back = state.refunds.values().filter(|refund| refund.stage == RefundStage::Done);
        let pending = state.refunds.values().any(|refund| refund.stage == RefundStage::Pending);
        let arrived = state.parcels.values().filter(|parcel| parcel.delivered_at.is_some());
        Some(Figures {
            assisted: placed.assisted,
            charged_minor: placed.payments.iter().map(|(_, amount)| amount.minor).sum(),
            refunded_minor: back.map(|refund| refund.part.amount.minor).sum(),
            lines: placed.lines.iter().map(line).collect(),
            vendor_orders: state.vendor_orders.len() as u64,
            parcels_shipped: state.parcels.len() as u64,
            parcels_delivered: arrived.count() as u64,
            settled: state.asks.is_empty() && !pending,
        })
    }

    /// The order's part of all counts and sums.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums {
            orders_placed: 1,
            orders_plain: u64::from(!self.assisted),
            orders_assisted: u64::from(self.assisted),
            vendor_orders: self.vendor_orders,
            orders_split: u64::from(self.vendor_orders > 1),
            charged_minor: self.charged_minor,
            refunded_minor: self.refunded_minor,
            parcels_shipped: self.parcels_shipped,
            parcels_delivered: self.parcels_delivered,
            orders_cancelled: u64::from(self.lines.iter().all(|line| line.cancelled)),
            ..Sums::default()
        };
        for line in &self.lines {
            let goods = line.unit_price_minor * i64::from(line.quantity);
            let payable = goods + line.shipping_minor - line.commission_minor;
            sums.items += u64::from(line.quantity);
            sums.goods_minor += goods;
            sums.freight_minor += line.shipping_minor;
            sums.commission_minor += line.commission_minor;
            sums.vendor_payable_minor += payable;
            if line.cancelled {
                sums.commission_reversed_minor += line.commission_minor;
                sums.vendor_payable_reversed_minor += payable;
            }
        }
        sums
    }
}
