//! What a line comes to, worked out here once more from what was agreed: prices, quantities and rates. Nothing of the
//! arithmetic that quotes, orders and the ledger use is used here.

use std::collections::BTreeMap;

use crate::checkout::QuoteLine;
use crate::ids::VendorId;
use crate::ledger::Account;
use crate::market::TaxLine;
use crate::money::Money;
use crate::order::{Commission, Discount, OrderLine};

/// One in basis points.
const WHOLE: i128 = 10_000;

/// The terms of a line, of a quote or of an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    number: u32,
    vendor: VendorId,
    unit_price: Money,
    quantity: u32,
    discounts: &'a [Discount],
    shipping: Money,
    taxes: &'a [TaxLine],
    commission: &'a Commission,
}

impl<'a> From<&'a QuoteLine> for Terms<'a> {
    fn from(line: &'a QuoteLine) -> Self {
        Terms {
            number: line.number,
            vendor: line.vendor,
            unit_price: line.unit_price,
            quantity: line.quantity,
            discounts: &line.discounts,
            shipping: line.shipping,
            taxes: &line.taxes,
            commission: &line.commission,
        }
    }
}

impl<'a> From<&'a OrderLine> for Terms<'a> {
    fn from(line: &'a OrderLine) -> Self {
        Terms {
            number: line.number,
            vendor: line.vendor,
            unit_price: line.unit_price,
            quantity: line.quantity,
            discounts: &line.discounts,
            shipping: line.shipping,
            taxes: &line.taxes,
            commission: &line.commission,
        }
    }
}

impl Terms<'_> {
    /// All units at their price, less what was taken off.
    pub(super) fn goods(&self) -> i128 {
        let list = i128::from(self.unit_price.minor) * i128::from(self.quantity);
        list - self.discounts.iter().map(|discount| i128::from(discount.amount.minor)).sum::<i128>()
    }

    /// The marketplace's share of the goods, at the frozen rate.
    fn commission(&self) -> i128 {
        rounded(self.goods() * i128::from(self.commission.rate.0), WHOLE)
    }

    /// A tax on the goods: part of them, or on top.
    fn tax(&self, tax: &TaxLine) -> i128 {
        let rate = i128::from(tax.rate.0);
        rounded(self.goods() * rate, if tax.included { WHOLE + rate } else { WHOLE })
    }

    /// What the shopper pays.
    pub(super) fn charged(&self) -> i128 {
        let on_top = self.taxes.iter().filter(|tax| !tax.included);
        self.goods() + i128::from(self.shipping.minor) + on_top.map(|tax| self.tax(tax)).sum::<i128>()
    }

    /// What is written down and is not what the rates say.
    pub(super) fn fault(&self) -> Option<String> {
        let number = self.number;
        if i128::from(self.commission.amount.minor) != self.commission() {
            let (amount, rate) = (self.commission.amount, self.commission.rate.0);
            return Some(format!(
                "line {number}: {amount} commission at {rate} of {WHOLE} on {}",
                self.goods()
            ));
        }
        let wrong = self.taxes.iter().find(|tax| i128::from(tax.amount.minor) != self.tax(tax))?;
        let (amount, rate) = (wrong.amount, wrong.rate.0);
        Some(format!("line {number}: {amount} tax at {rate} of {WHOLE} on {}", self.goods()))
    }

    /// Adds to `accounts` what selling the line owes to whom; credits positive.
    pub(super) fn owe(&self, accounts: &mut BTreeMap<Account, i128>) {
        let mut owe = |account, minor| *accounts.entry(account).or_default() += minor;
        let mut taxed = 0;
        for tax in self.taxes {
            owe(Account::Tax { jurisdiction: tax.jurisdiction.clone() }, self.tax(tax));
            taxed += if tax.included { self.tax(tax) } else { 0 };
        }
        let commission = self.commission();
        owe(Account::Commission, commission);
        let payable = self.goods() + i128::from(self.shipping.minor) - commission - taxed;
        owe(Account::VendorPayable(self.vendor), payable);
    }
}

/// Divided by `whole`, which is positive, and rounded half away from zero.
fn rounded(product: i128, whole: i128) -> i128 {
    let (quotient, rest) = (product / whole, (product % whole).abs());
    if 2 * rest >= whole { quotient + product.signum() } else { quotient }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        for (product, whole, wanted) in [
            (5, 10, 1),
            (4, 10, 0),
            (-5, 10, -1),
            (-4, 10, 0),
            (15, 10, 2),
            (25, 10, 3),
            (0, 3, 0),
            (2, 3, 1),
        ] {
            assert_eq!(rounded(product, whole), wanted, "{product} / {whole}");
        }
    }
}
