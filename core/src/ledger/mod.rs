//! Double entry: a ledger transaction is part of the event that caused it and balances to zero by itself.
//!
//! There is no ledger actor and nothing is ever changed: a correction is another transaction. Debits are
//! positive, credits negative.

mod sale;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::VendorId;
use crate::market::TaxLine;
use crate::money::{Currency, Money, MoneyError};

pub use sale::{cancellation, refund, sale};

/// An account of the marketplace's books.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Account {
    /// Money at the payment provider, on its way to or from shoppers.
    PaymentClearing,
    /// Owed to a vendor.
    VendorPayable(VendorId),
    /// Earned by the marketplace.
    Commission,
    /// Owed to a tax authority.
    Tax {
        /// Which.
        jurisdiction: String,
    },
    /// Shipping that the marketplace keeps.
    Shipping,
    /// Kept by the payment provider.
    ProviderFees,
    /// On its way back to shoppers.
    Refunds,
    /// Contested by shoppers.
    Disputes,
    /// Held back from vendors.
    Reserves,
    /// Sent to vendors.
    Payouts,
}

/// One line of a transaction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Posting {
    /// Where.
    pub account: Account,
    /// Debit positive, credit negative.
    pub amount: Money,
}

/// Postings that belong together.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transaction {
    /// All of them.
    pub postings: Vec<Posting>,
}

impl Transaction {
    /// What is left per currency; a transaction that balances leaves nothing.
    pub fn imbalance(&self) -> BTreeMap<Currency, i128> {
        let mut left: BTreeMap<Currency, i128> = BTreeMap::new();
        for posting in &self.postings {
            *left.entry(posting.amount.currency).or_default() += i128::from(posting.amount.minor);
        }
        left.retain(|_, minor| *minor != 0);
        left
    }
}

/// What the ledger needs to know of one sold line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineAmounts {
    /// Who sold it.
    pub vendor: VendorId,
    /// The price of the goods after discounts, with the taxes it includes and without those that come on top.
    pub goods: Money,
    /// The marketplace's share of the goods.
    pub commission: Money,
    /// Shipping; the vendor's in full.
    pub shipping: Money,
    /// All taxes on the line. The marketplace owes them, so included ones are taken from the vendor's part.
    pub taxes: Vec<TaxLine>,
}

impl LineAmounts {
    /// What the shopper pays for the line.
    ///
    /// # Errors
    /// When currencies differ or the amount is too large.
    pub fn charged(&self) -> Result<Money, MoneyError> {
        let before_tax = self.goods.plus(self.shipping)?;
        self.taxes.iter().filter(|tax| !tax.included).try_fold(before_tax, |sum, tax| sum.plus(tax.amount))
    }

    /// What the vendor is owed for the line; negative when commission and taxes exceed the goods.
    ///
    /// # Errors
    /// As [`LineAmounts::charged`].
    pub fn payable(&self) -> Result<Money, MoneyError> {
        let before_tax = self.goods.plus(self.shipping)?.minus(self.commission)?;
        self.taxes.iter().filter(|tax| tax.included).try_fold(before_tax, |sum, tax| sum.minus(tax.amount))
    }
}
