//! What an operator writes for a shopper: the lines of an assisted order, some of them perhaps of one offer.

use crate::ids::{ProductId, SkuId};
use crate::money::Money;

use super::{CartLine, Rejection, WrittenLine};

/// So many units of an offer at a price of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AssistedLine {
    /// Which offer.
    pub sku: SkuId,
    /// Of which product.
    pub product: ProductId,
    /// How many.
    pub quantity: u32,
    /// What one unit costs.
    pub unit_price: Money,
    /// What shipping one unit costs.
    pub unit_shipping: Money,
}

impl AssistedLine {
    /// The cart that holds these lines, and its prices. A cart has one line per offer, so lines of one offer are parts
    /// of it; those that cost the same are one.
    ///
    /// # Errors
    /// When one offer is said to be of two products, or more units are wanted than there can be.
    pub fn cart(lines: &[AssistedLine]) -> Result<(Vec<CartLine>, Vec<WrittenLine>), Rejection> {
        let mut cart: Vec<CartLine> = Vec::new();
        let mut written: Vec<WrittenLine> = Vec::new();
        for line in lines {
            let AssistedLine { sku, product, quantity, unit_price, unit_shipping } = *line;
            match cart.iter_mut().find(|known| known.sku == sku) {
                Some(known) if known.product != product => return Err(Rejection::QuoteMismatch),
                Some(known) => known.quantity = sum(known.quantity, quantity)?,
                None => cart.push(CartLine { sku, product, quantity }),
            }
            let part = WrittenLine { sku, quantity: Some(quantity), unit_price, unit_shipping };
            let alike = |known: &&mut WrittenLine| WrittenLine { quantity: part.quantity, ..**known } == part;
            match written.iter_mut().find(alike) {
                Some(known) => known.quantity = Some(sum(known.quantity.unwrap_or(0), quantity)?),
                None => written.push(part),
            }
        }
        Ok((cart, written))
    }
}

fn sum(units: u32, more: u32) -> Result<u32, Rejection> {
    units.checked_add(more).ok_or(Rejection::InvalidQuantity)
}
