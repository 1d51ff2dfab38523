//! The transactions of a sale: the sale itself, the cancellation of lines, the money that goes back.
//!
//! ```text
//! sale          clearing +charged    payable −  commission −  tax −
//! cancellation                       payable +  commission +  tax +    refunds −charged
//! refund        clearing −amount                                       refunds +amount
//! ```

use std::collections::BTreeMap;

use crate::money::{Currency, Money, MoneyError};

use super::{Account, LineAmounts, Posting, Transaction};

/// What selling these lines posts: the shopper's money is at the provider, and everybody's part of it is owed.
///
/// # Errors
/// When currencies differ or an amount is too large.
pub fn sale(currency: Currency, lines: &[LineAmounts]) -> Result<Transaction, MoneyError> {
    let mut books = Books::new(currency);
    for line in lines {
        books.debit(Account::PaymentClearing, line.charged()?)?;
        books.credit_parts(line)?;
    }
    Ok(books.transaction())
}

/// What cancelling these lines posts: nobody is owed his part any more, and the shopper's money is on its way
/// back.
///
/// # Errors
/// As [`sale`].
pub fn cancellation(currency: Currency, lines: &[LineAmounts]) -> Result<Transaction, MoneyError> {
    let mut books = Books::new(currency);
    for line in lines {
        books.credit_parts(line)?;
    }
    books.negate();
    for line in lines {
        books.credit(Account::Refunds, line.charged()?)?;
    }
    Ok(books.transaction())
}

/// What a refund posts when it has gone through: money that was on its way back has left the provider.
pub fn refund(amount: Money) -> Transaction {
    let out = Money::new(-amount.minor, amount.currency);
    let postings = vec![
        Posting { account: Account::PaymentClearing, amount: out },
        Posting { account: Account::Refunds, amount },
    ];
    Transaction { postings }
}

/// A transaction in the making: one sum per account, in the order of accounts.
struct Books {
    currency: Currency,
    sums: BTreeMap<Account, Money>,
}

impl Books {
    fn new(currency: Currency) -> Self {
        Books { currency, sums: BTreeMap::new() }
    }

    fn debit(&mut self, account: Account, amount: Money) -> Result<(), MoneyError> {
        let sum = self.sums.entry(account).or_insert(Money::zero(self.currency));
        *sum = sum.plus(amount)?;
        Ok(())
    }

    fn credit(&mut self, account: Account, amount: Money) -> Result<(), MoneyError> {
        self.debit(account, Money::new(-amount.minor, amount.currency))
    }

    /// What a line's sale owes to whom.
    fn credit_parts(&mut self, line: &LineAmounts) -> Result<(), MoneyError> {
        self.credit(Account::VendorPayable(line.vendor), line.payable()?)?;
        self.credit(Account::Commission, line.commission)?;
        for tax in &line.taxes {
            self.credit(Account::Tax { jurisdiction: tax.jurisdiction.clone() }, tax.amount)?;
        }
        Ok(())
    }

    fn negate(&mut self) {
        for sum in self.sums.values_mut() {
            sum.minor = -sum.minor;
        }
    }

    fn transaction(self) -> Transaction {
        let postings = self
            .sums
            .into_iter()
            .filter(|(_, amount)| amount.minor != 0)
            .map(|(account, amount)| Posting { account, amount })
            .collect();
        Transaction { postings }
    }
}
