//! What a replay must come to, computed from the plan alone.

use std::fmt;

use serde::{Deserialize, Serialize};
use souk_core::money::{Money, MoneyError, Rate};

use super::CURRENCY;
use super::plan::{Fulfilment, Order, Plan, Way};

/// Counts and sums, in minor units, of what was placed, and of what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sums {
    /// Orders that have items: every one is offered.
    pub orders_offered: u64,
    /// Orders that have none.
    pub orders_without_items: u64,
    /// Orders that were placed.
    pub orders_placed: u64,
    /// Of those, by cart, as a shopper would.
    pub orders_plain: u64,
    /// Of those, with the prices of an operator.
    pub orders_assisted: u64,
    /// Orders that were offered and refused.
    pub orders_refused: u64,
    /// Parts of placed orders, one per vendor.
    pub vendor_orders: u64,
    /// Placed orders with more than one vendor.
    pub orders_split: u64,
    /// Units sold.
    pub items: u64,
    /// The price of the goods.
    pub goods_minor: i64,
    /// Their shipping.
    pub freight_minor: i64,
    /// What the shoppers paid.
    pub charged_minor: i64,
    /// What the marketplace keeps, as placed.
    pub commission_minor: i64,
    /// What the vendors are owed, as placed.
    pub vendor_payable_minor: i64,
    /// Parcels that left, one per vendor order, those that arrived among them.
    pub parcels_shipped: u64,
    /// Parcels that arrived.
    pub parcels_delivered: u64,
    /// Placed orders that were cancelled, whole.
    pub orders_cancelled: u64,
    /// What goes back to the shoppers of those.
    pub refunded_minor: i64,
    /// The part of `commission_minor` that goes with it.
    pub commission_reversed_minor: i64,
    /// The part of `vendor_payable_minor` that goes with it.
    pub vendor_payable_reversed_minor: i64,
}

/// What a replay must come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// To the unit and the cent.
    pub sums: Sums,
    /// Units received: no more can be sold.
    pub units_received: u64,
    /// Units that all offered orders want.
    pub units_needed: u64,
}

/// What one order comes to.
struct Amounts {
    goods: Money,
    freight: Money,
    commission: Money,
}

impl Amounts {
    fn of(order: &Order, commission: Rate) -> Result<Amounts, MoneyError> {
        let zero = Money::zero(CURRENCY);
        let mut sums = Amounts { goods: zero, freight: zero, commission: zero };
        for line in &order.lines {
            let goods = line.goods()?;
            sums.goods = sums.goods.plus(goods)?;
            sums.freight = sums.freight.plus(line.shipping()?)?;
            // Rounded here, once, on the line.
            sums.commission = sums.commission.plus(goods.share(commission))?;
        }
        Ok(sums)
    }

    fn charged(&self) -> Result<Money, MoneyError> {
        self.goods.plus(self.freight)
    }

    fn payable(&self) -> Result<Money, MoneyError> {
        self.charged()?.minus(self.commission)
    }
}

impl Expected {
    /// What the plan comes to when exactly the orders for which `placed` says so were placed, and the others refused.
    /// When stock is scarce, which ones those are depends on timing, and is known only afterwards.
    ///
    /// # Errors
    /// When a sum is larger than souk handles.
    pub fn of(
        plan: &Plan,
        commission: Rate,
        placed: impl Fn(&Order) -> bool,
    ) -> Result<Expected, MoneyError> {
        let mut sums = Sums {
            orders_offered: plan.orders.len() as u64,
            orders_without_items: plan.orders_without_items,
            ..Sums::default()
        };
        for order in &plan.orders {
            if placed(order) {
                sums.place(order, &Amounts::of(order, commission)?)?;
            } else {
                sums.orders_refused += 1;
            }
        }
        let units_received = plan.offers().map(|(_, offer)| u64::from(offer.received)).sum();
        let units_needed = plan.offers().map(|(_, offer)| u64::from(offer.needed)).sum();
        Ok(Expected { sums, units_received, units_needed })
    }

    /// Whether less is received than the orders want, so that some of them must be refused.
    pub fn is_scarce(&self) -> bool {
        self.units_received < self.units_needed
    }

    /// What the plan comes to when every order is placed, as it must be when everything is received.
    ///
    /// # Errors
    /// As [`Expected::of`].
    pub fn all(plan: &Plan, commission: Rate) -> Result<Expected, MoneyError> {
        Expected::of(plan, commission, |_| true)
    }
}

impl Sums {
    /// Adds another's counts and sums.
    pub fn add(&mut self, other: &Sums) {
        self.orders_offered += other.orders_offered;
        self.orders_without_items += other.orders_without_items;
        self.orders_placed += other.orders_placed;
        self.orders_plain += other.orders_plain;
        self.orders_assisted += other.orders_assisted;
        self.orders_refused += other.orders_refused;
        self.vendor_orders += other.vendor_orders;
        self.orders_split += other.orders_split;
        self.items += other.items;
        self.goods_minor += other.goods_minor;
        self.freight_minor += other.freight_minor;
        self.charged_minor += other.charged_minor;
        self.commission_minor += other.commission_minor;
        self.vendor_payable_minor += other.vendor_payable_minor;
        self.parcels_shipped += other.parcels_shipped;
        self.parcels_delivered += other.parcels_delivered;
        self.orders_cancelled += other.orders_cancelled;
        self.refunded_minor += other.refunded_minor;
        self.commission_reversed_minor += other.commission_reversed_minor;
        self.vendor_payable_reversed_minor += other.vendor_payable_reversed_minor;
    }

    fn place(&mut self, order: &Order, amounts: &Amounts) -> Result<(), MoneyError> {
        let vendors = order.vendors().len() as u64;
        self.orders_placed += 1;
        match order.way {
            Way::Plain => self.orders_plain += 1,
            Way::Assisted => self.orders_assisted += 1,
        }
        self.vendor_orders += vendors;
        self.orders_split += u64::from(vendors > 1);
        self.items += order.lines.iter().map(|line| u64::from(line.quantity)).sum::<u64>();
        add(&mut self.goods_minor, amounts.goods)?;
        add(&mut self.freight_minor, amounts.freight)?;
        add(&mut self.charged_minor, amounts.charged()?)?;
        add(&mut self.commission_minor, amounts.commission)?;
        add(&mut self.vendor_payable_minor, amounts.payable()?)?;
        match order.fulfilment {
            Fulfilment::Placed => {}
            Fulfilment::Shipped => self.parcels_shipped += vendors,
            Fulfilment::Delivered => {
                self.parcels_shipped += vendors;
                self.parcels_delivered += vendors;
            }
            Fulfilment::Cancelled => {
                self.orders_cancelled += 1;
                add(&mut self.refunded_minor, amounts.charged()?)?;
                add(&mut self.commission_reversed_minor, amounts.commission)?;
                add(&mut self.vendor_payable_reversed_minor, amounts.payable()?)?;
            }
        }
        Ok(())
    }

    /// Every field by its name, so that two of these can be compared and told apart.
    pub fn named(&self) -> [(&'static str, i128); 20] {
        [
            ("orders_offered", self.orders_offered.into()),
            ("orders_without_items", self.orders_without_items.into()),
            ("orders_placed", self.orders_placed.into()),
            ("orders_plain", self.orders_plain.into()),
            ("orders_assisted", self.orders_assisted.into()),
            ("orders_refused", self.orders_refused.into()),
            ("vendor_orders", self.vendor_orders.into()),
            ("orders_split", self.orders_split.into()),
            ("items", self.items.into()),
            ("goods_minor", self.goods_minor.into()),
            ("freight_minor", self.freight_minor.into()),
            ("charged_minor", self.charged_minor.into()),
            ("commission_minor", self.commission_minor.into()),
            ("vendor_payable_minor", self.vendor_payable_minor.into()),
            ("parcels_shipped", self.parcels_shipped.into()),
            ("parcels_delivered", self.parcels_delivered.into()),
            ("orders_cancelled", self.orders_cancelled.into()),
            ("refunded_minor", self.refunded_minor.into()),
            ("commission_reversed_minor", self.commission_reversed_minor.into()),
            ("vendor_payable_reversed_minor", self.vendor_payable_reversed_minor.into()),
        ]
    }
}

fn add(sum: &mut i64, amount: Money) -> Result<(), MoneyError> {
    *sum = Money::new(*sum, CURRENCY).plus(amount)?.minor;
    Ok(())
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} orders to offer ({} plain, {} assisted when all are placed), {} of {} units in stock",
            self.sums.orders_offered,
            self.sums.orders_plain,
            self.sums.orders_assisted,
            self.units_received,
            self.units_needed,
        )
    }
}
