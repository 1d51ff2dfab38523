//! What a checkout costs: pure arithmetic over what products and vendors answered.

use serde::{Deserialize, Serialize};

use crate::ids::{ProductId, QuoteId, SkuId, VariantId, VendorId};
use crate::ledger::{self, LineAmounts};
use crate::market::{Market, TaxLine, TaxRule};
use crate::money::{Money, MoneyError, Rate};
use crate::order::{Commission, Discount};
use crate::time::Timestamp;

use super::{CartLine, Quoting};

/// What a product answered about one of its offers.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Offered {
    /// Of which variant.
    pub variant: VariantId,
    /// Who sells it.
    pub vendor: VendorId,
    /// The list price of one unit.
    pub unit_price: Money,
    /// What shipping one unit costs.
    pub unit_shipping: Money,
    /// The product's version this is from.
    pub version: u64,
}

/// What a vendor answered about itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// The marketplace's share of goods.
    pub commission: Rate,
    /// Names the rule the rate came from.
    pub rule: String,
    /// Whether the vendor (rather than the marketplace) is the seller of record.
    pub seller_of_record: bool,
    /// The vendor's version this is from.
    pub version: u64,
}

/// An operator's price for units of one offer. An offer may be priced in parts: then each part is a line of the quote,
/// and later of the order, of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WrittenLine {
    /// Which offer.
    pub sku: SkuId,
    /// How many of the units in the cart; all of them when `None`. The parts of an offer come to what is in the cart.
    pub quantity: Option<u32>,
    /// What one unit costs.
    pub unit_price: Money,
    /// What shipping one unit costs.
    pub unit_shipping: Money,
}

/// What everything costs, until then.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quote {
    /// Its name.
    pub id: QuoteId,
    /// Line by line.
    pub lines: Vec<QuoteLine>,
    /// All goods.
    pub goods: Money,
    /// Shipping, per vendor.
    pub shipping: Vec<(VendorId, Money)>,
    /// Taxes that come on top.
    pub tax_added: Money,
    /// What the shopper pays.
    pub total: Money,
    /// When it ends.
    pub valid_until: Timestamp,
    /// Whether an operator wrote the prices.
    pub assisted: bool,
}

/// What one line costs, and everything that will be frozen when it is sold: a line of the cart, or a part of one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QuoteLine {
    /// Its number, from 1.
    pub number: u32,
    /// The offer.
    pub sku: SkuId,
    /// Of which product.
    pub product: ProductId,
    /// Of which variant.
    pub variant: VariantId,
    /// Who sells it.
    pub vendor: VendorId,
    /// How many.
    pub quantity: u32,
    /// What the product asks for one unit.
    pub list_price: Money,
    /// What one unit costs here: the list price, unless an operator wrote another.
    pub unit_price: Money,
    /// What is taken off the line.
    pub discounts: Vec<Discount>,
    /// The line's goods: unit price times quantity, less discounts.
    pub goods: Money,
    /// The line's shipping.
    pub shipping: Money,
    /// The line's taxes.
    pub taxes: Vec<TaxLine>,
    /// The marketplace's share.
    pub commission: Commission,
    /// Whether the vendor is the seller of record.
    pub seller_of_record: bool,
    /// The product's version the price is from.
    pub product_version: u64,
    /// The vendor's version the terms are from.
    pub vendor_version: u64,
}

impl QuoteLine {
    /// The amounts that the ledger needs of this line.
    pub fn amounts(&self) -> LineAmounts {
        LineAmounts {
            vendor: self.vendor,
            goods: self.goods,
            commission: self.commission.amount,
            shipping: self.shipping,
            taxes: self.taxes.clone(),
        }
    }
}

/// What keeps a complete set of answers from being a quote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unpriced {
    /// These lines cannot be bought.
    NotForSale(Vec<u32>),
    /// The sum is too large.
    TooLarge,
}

impl From<MoneyError> for Unpriced {
    fn from(_: MoneyError) -> Self {
        // Currencies were compared before: what is left is size.
        Unpriced::TooLarge
    }
}

/// Prices a cart, once everybody has answered. What is missing is told by its number in the cart.
pub(super) fn price(
    market: &Market,
    cart: &[CartLine],
    quoting: &Quoting,
    valid_until: Timestamp,
) -> Result<Quote, Unpriced> {
    let mut lines = Vec::with_capacity(cart.len());
    let mut missing = Vec::new();
    let mut numbers = 1..;
    for (in_cart, line) in (1..).zip(cart) {
        let Some((offer, terms)) = known(market, quoting, line.sku) else {
            missing.push(in_cart);
            continue;
        };
        for (part, number) in parts(line, offer, &quoting.written).into_iter().zip(&mut numbers) {
            lines.push(price_part(market, number, (line, part), offer, terms)?);
        }
    }
    if !missing.is_empty() {
        return Err(Unpriced::NotForSale(missing));
    }
    total(market, quoting, lines, valid_until)
}

/// The answers about one offer, when they allow a sale.
fn known<'a>(market: &Market, quoting: &'a Quoting, sku: SkuId) -> Option<(&'a Offered, &'a Terms)> {
    let offer = quoting.offers.get(&sku)?.as_ref()?;
    let terms = quoting.terms.get(&offer.vendor)?.as_ref()?;
    let sound = |price: Money| price.currency == market.currency && price.minor >= 0;
    (sound(offer.unit_price) && sound(offer.unit_shipping)).then_some((offer, terms))
}

/// Units of a cart's line that cost the same.
struct Part {
    quantity: u32,
    unit_price: Money,
    unit_shipping: Money,
}

/// The parts of a cart's line: as an operator wrote them, else all of it at the list price.
fn parts(line: &CartLine, offer: &Offered, written: &[WrittenLine]) -> Vec<Part> {
    let of_line = written.iter().filter(|written| written.sku == line.sku);
    let parts: Vec<Part> = of_line
        .map(|written| Part {
            quantity: written.quantity.unwrap_or(line.quantity),
            unit_price: written.unit_price,
            unit_shipping: written.unit_shipping,
        })
        .collect();
    if !parts.is_empty() {
        return parts;
    }
    let Offered { unit_price, unit_shipping, .. } = *offer;
    vec![Part { quantity: line.quantity, unit_price, unit_shipping }]
}

fn price_part(
    market: &Market,
    number: u32,
    (line, part): (&CartLine, Part),
    offer: &Offered,
    terms: &Terms,
) -> Result<QuoteLine, MoneyError> {
    let Part { quantity, unit_price, unit_shipping } = part;
    let goods = unit_price.times(quantity)?;
    Ok(QuoteLine {
        number,
        sku: line.sku,
        product: line.product,
        variant: offer.variant,
        vendor: offer.vendor,
        quantity,
        list_price: offer.unit_price,
        unit_price,
        discounts: Vec::new(),
        goods,
        shipping: unit_shipping.times(quantity)?,
        taxes: market.tax.iter().map(|rule| tax(rule, goods, market.prices_include_tax)).collect(),
        // Rounded once, on the line's total.
        commission: Commission {
            rate: terms.commission,
            rule: terms.rule.clone(),
            amount: goods.share(terms.commission),
        },
        seller_of_record: terms.seller_of_record,
        product_version: offer.version,
        vendor_version: terms.version,
    })
}

/// The tax on a line's goods, rounded half away from zero.
fn tax(rule: &TaxRule, goods: Money, included: bool) -> TaxLine {
    let amount = if included {
        // Of a price that contains the tax, the tax is rate / (1 + rate).
        let (rate, whole) = (i128::from(rule.rate.0), i128::from(Rate::ONE.0) + i128::from(rule.rate.0));
        let minor = (i128::from(goods.minor) * rate + whole / 2) / whole;
        Money::new(i64::try_from(minor).unwrap_or(goods.minor), goods.currency)
    } else {
        goods.share(rule.rate)
    };
    TaxLine { jurisdiction: rule.jurisdiction.clone(), rate: rule.rate, amount, included }
}

fn total(
    market: &Market,
    quoting: &Quoting,
    lines: Vec<QuoteLine>,
    valid_until: Timestamp,
) -> Result<Quote, Unpriced> {
    let currency = market.currency;
    let amounts: Vec<LineAmounts> = lines.iter().map(QuoteLine::amounts).collect();
    // What can be quoted can be booked.
    ledger::sale(currency, &amounts)?;
    let charged = amounts.iter().map(LineAmounts::charged).collect::<Result<Vec<_>, _>>()?;
    let added = |tax: &&TaxLine| !tax.included;
    let taxes = lines.iter().flat_map(|line| &line.taxes).filter(added).map(|tax| tax.amount);
    let mut shipping: Vec<(VendorId, Money)> = Vec::new();
    for line in &lines {
        match shipping.iter_mut().find(|(vendor, _)| *vendor == line.vendor) {
            Some((_, sum)) => *sum = sum.plus(line.shipping)?,
            None => shipping.push((line.vendor, line.shipping)),
        }
    }
    Ok(Quote {
        id: quoting.quote,
        goods: Money::sum(currency, lines.iter().map(|line| line.goods))?,
        shipping,
        tax_added: Money::sum(currency, taxes)?,
        total: Money::sum(currency, charged)?,
        valid_until,
        assisted: !quoting.written.is_empty(),
        lines,
    })
}
