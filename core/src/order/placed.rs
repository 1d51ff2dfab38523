//! What was sold: the facts of an order that never change, and what they add up to.

use serde::{Deserialize, Serialize};

use crate::ids::{
    BuyerId, CheckoutId, HoldId, LocationId, OrderId, PaymentId, ProductId, ShardNo, SkuId, SubjectId,
    VariantId, VendorId,
};
use crate::ledger::{self, LineAmounts, Transaction};
use crate::market::{MarketId, TaxLine};
use crate::money::{Currency, Money, MoneyError, Rate};

/// A sale as its checkout leaves it: everything that is fixed from now on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlacedOrder {
    /// The checkout that placed it; the order's id has the same key.
    pub checkout: CheckoutId,
    /// The shopper.
    pub buyer: BuyerId,
    /// Whose name and address lie in the vault.
    pub subject: SubjectId,
    /// Where it goes: ISO 3166 alpha-2.
    pub country: String,
    /// Where it was sold.
    pub market: MarketId,
    /// The one currency of every amount below.
    pub currency: Currency,
    /// What was sold, by line number.
    pub lines: Vec<OrderLine>,
    /// What was captured for it.
    pub payments: Vec<(PaymentId, Money)>,
    /// How the money splits: [`crate::ledger::sale`] of the lines.
    pub sale: Transaction,
    /// A number that a person can read out: [`OrderId::number`].
    pub number: String,
    /// What the source of the order calls it, when it came from elsewhere.
    pub reference: Option<String>,
    /// Whether an operator wrote the quote.
    pub assisted: bool,
}

/// One line of an order: one offer, with everything that was agreed about it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OrderLine {
    /// Its number within the order, from 1.
    pub number: u32,
    /// The offer.
    pub sku: SkuId,
    /// Of which product.
    pub product: ProductId,
    /// Of which variant, when the product has any.
    pub variant: Option<VariantId>,
    /// Who sold it.
    pub vendor: VendorId,
    /// How many units, from 1.
    pub quantity: u32,
    /// What the product asked for one unit.
    pub list_price: Money,
    /// What one unit was sold for: the list price, unless an operator wrote another.
    pub unit_price: Money,
    /// What was taken off the line, each amount positive.
    pub discounts: Vec<Discount>,
    /// The taxes on the line: included ones are part of the price, others come on top.
    pub taxes: Vec<TaxLine>,
    /// What shipping the whole line costs.
    pub shipping: Money,
    /// The marketplace's share, frozen at sale.
    pub commission: Commission,
    /// Whether the vendor (rather than the marketplace) is the seller of record.
    pub seller_of_record: bool,
    /// The units themselves.
    pub hold: LineHold,
}

/// Something taken off a line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Discount {
    /// Names the rule, coupon or decision it came from.
    pub rule: String,
    /// How much, for the whole line; positive.
    pub amount: Money,
}

/// The marketplace's share of a line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Commission {
    /// Of the line's goods.
    pub rate: Rate,
    /// Names the rule the rate came from.
    pub rule: String,
    /// How much.
    pub amount: Money,
}

/// Where a line's units are, as the shard answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineHold {
    /// The claim.
    pub id: HoldId,
    /// The shard that keeps it.
    pub shard: ShardNo,
    /// Where the units lie.
    pub location: LocationId,
}

impl PlacedOrder {
    /// The order's id: the checkout's key under another prefix.
    pub fn id(&self) -> OrderId {
        OrderId(self.checkout.0)
    }

    /// The line of this number.
    pub fn line(&self, number: u32) -> Option<&OrderLine> {
        self.lines.iter().find(|line| line.number == number)
    }
}

impl OrderLine {
    /// What the line costs before shipping and before taxes that come on top: unit price times quantity, less
    /// the discounts.
    ///
    /// # Errors
    /// When currencies differ or the amount is too large.
    pub fn goods(&self) -> Result<Money, MoneyError> {
        let list = self.unit_price.times(self.quantity)?;
        self.discounts.iter().try_fold(list, |left, discount| left.minus(discount.amount))
    }

    /// The amounts that the ledger needs of this line.
    ///
    /// # Errors
    /// As [`OrderLine::goods`].
    pub fn amounts(&self) -> Result<LineAmounts, MoneyError> {
        Ok(LineAmounts {
            vendor: self.vendor,
            goods: self.goods()?,
            commission: self.commission.amount,
            shipping: self.shipping,
            taxes: self.taxes.clone(),
        })
    }

    /// What the shopper pays for the line.
    ///
    /// # Errors
    /// As [`OrderLine::goods`].
    pub fn charged(&self) -> Result<Money, MoneyError> {
        self.amounts()?.charged()
    }
}

/// The ledger transaction that selling these lines causes.
///
/// # Errors
/// As [`OrderLine::goods`].
pub fn sale(currency: Currency, lines: &[OrderLine]) -> Result<Transaction, MoneyError> {
    let amounts = lines.iter().map(OrderLine::amounts).collect::<Result<Vec<_>, _>>()?;
    ledger::sale(currency, &amounts)
}
