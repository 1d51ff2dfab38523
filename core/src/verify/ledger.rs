//! I17 to I19: the books, added up a second time.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{OrderId, StreamId};
use crate::journal::Recorded;
use crate::ledger::{Account, Transaction};
use crate::money::Currency;
use crate::order::{Event, OrderLine};

use super::amounts::Terms;
use super::orders::Orders;
use super::payments::Payments;
use super::{Invariant, Report};

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    balances: BTreeMap<(Account, Currency), i128>,
    orders: BTreeMap<OrderId, Balance>,
}

/// What one order's transactions come to.
#[derive(Clone, Debug, Default)]
struct Balance {
    /// Per account, credits positive.
    owed: BTreeMap<(Account, Currency), i128>,
    /// What was captured for it, as the order says.
    captured: BTreeMap<Currency, i128>,
    /// What it sends back, and what of it is back.
    refunded: BTreeMap<Currency, i128>,
    back: BTreeMap<Currency, i128>,
}

impl Ledger {
    pub(super) fn event(
        &mut self,
        recorded: &Recorded,
        event: &Event,
        (orders, payments): (&Orders, &Payments),
        report: &mut Report,
    ) {
        let StreamId::Order(order) = recorded.stream else { return };
        let at = (recorded.stream, recorded.seq);
        let sold = orders.get(&order).map(|sold| &sold.placed);
        let balance = self.orders.entry(order).or_default();
        let transaction = match event {
            Event::Placed(placed) => {
                check_postings(&owed(&placed.lines), placed.currency, &placed.sale, at, report);
                for (payment, _) in &placed.payments {
                    // What the payment took, not what the order believes it took.
                    if let Some(amount) = payments.captured(payment) {
                        add(&mut balance.captured, amount.currency, amount.minor);
                    }
                }
                &placed.sale
            }
            Event::Cancelled { lines, refunds, transaction, .. } => {
                if let Some(placed) = sold {
                    let lines = placed.lines.iter().filter(|line| lines.contains(&line.number));
                    let back = cancelled(&owed(lines));
                    check_postings(&back, placed.currency, transaction, at, report);
                }
                for part in refunds {
                    add(&mut balance.refunded, part.amount.currency, part.amount.minor);
                }
                transaction
            }
            Event::Refunded { refund, transaction } => {
                if let Some((_, amount)) = orders.refund(refund) {
                    let minor = i128::from(amount.minor);
                    let back =
                        BTreeMap::from([(Account::Refunds, -minor), (Account::PaymentClearing, minor)]);
                    check_postings(&back, amount.currency, transaction, at, report);
                }
                if let Some(amount) = payments.refund(refund) {
                    add(&mut balance.back, amount.currency, amount.minor);
                }
                transaction
            }
            _ => return,
        };
        self.post(order, transaction, at, report);
        self.check_order(order, at, report);
    }

    fn post(&mut self, order: OrderId, transaction: &Transaction, at: (StreamId, u64), report: &mut Report) {
        let mut left: BTreeMap<Currency, i128> = BTreeMap::new();
        for posting in &transaction.postings {
            let key = (posting.account.clone(), posting.amount.currency);
            let minor = i128::from(posting.amount.minor);
            *left.entry(posting.amount.currency).or_default() += minor;
            *self.balances.entry(key.clone()).or_default() += minor;
            *self.orders.entry(order).or_default().owed.entry(key).or_default() -= minor;
        }
        if transaction.postings.is_empty() {
            report.check(Invariant::I17, true, at, String::new);
        }
        for (currency, minor) in left {
            report.check(Invariant::I17, minor == 0, at, || {
                format!("the postings leave {minor} {currency} minor")
            });
        }
    }

    fn check_order(&self, order: OrderId, at: (StreamId, u64), report: &mut Report) {
        let Some(balance) = self.orders.get(&order) else { return };
        let currencies: Vec<Currency> = balance.owed.keys().map(|(_, currency)| *currency).collect();
        for currency in currencies {
            let sum = |wanted: fn(&Account) -> bool| -> i128 {
                let matching =
                    balance.owed.iter().filter(|((account, of), _)| *of == currency && wanted(account));
                matching.map(|(_, minor)| minor).sum()
            };
            let of = |side: &BTreeMap<Currency, i128>| side.get(&currency).copied().unwrap_or_default();
            let kept = of(&balance.captured) - of(&balance.refunded);
            let owed = sum(|account| {
                matches!(
                    account,
                    Account::VendorPayable(_) | Account::Commission | Account::Tax { .. } | Account::Shipping
                )
            });
            report.check(Invariant::I19, kept == owed, at, || {
                format!("captured - refunded = {kept} {currency} minor, but payable + commission + tax + shipping = {owed}")
            });
            let clearing = -sum(|account| matches!(account, Account::PaymentClearing));
            let there = of(&balance.captured) - of(&balance.back);
            report.check(Invariant::I19, clearing == there, at, || {
                format!("clearing says {clearing} {currency} minor, captured - paid back = {there}")
            });
            let underway = sum(|account| matches!(account, Account::Refunds));
            let pending = of(&balance.refunded) - of(&balance.back);
            report.check(Invariant::I19, underway == pending, at, || {
                format!("refunds says {underway} {currency} minor, on their way are {pending}")
            });
        }
    }

    pub(super) fn finish(self, report: &mut Report) {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for ((_, currency), minor) in &self.balances {
            *sums.entry(*currency).or_default() += minor;
        }
        let Some(first) = self.orders.keys().next() else { return };
        for (currency, minor) in sums {
            report.check(Invariant::I18, minor == 0, (StreamId::Order(*first), 1), || {
                format!("all accounts together come to {minor} {currency} minor")
            });
        }
    }
}

/// What selling these lines owes to whom and takes from the shopper, credits positive: worked out from prices and
/// frozen rates, line by line.
fn owed<'a>(lines: impl IntoIterator<Item = &'a OrderLine>) -> BTreeMap<Account, i128> {
    let mut accounts = BTreeMap::new();
    for line in lines {
        let terms = Terms::from(line);
        terms.owe(&mut accounts);
        *accounts.entry(Account::PaymentClearing).or_default() -= terms.charged();
    }
    accounts
}

/// The same taken back; the shopper's money is on its way to him instead of here.
fn cancelled(owed: &BTreeMap<Account, i128>) -> BTreeMap<Account, i128> {
    let back = |(account, minor): (&Account, &i128)| match account {
        Account::PaymentClearing => (Account::Refunds, -minor),
        other => (other.clone(), -minor),
    };
    owed.iter().map(back).collect()
}

/// Account by account: postings that balance may still be somebody else's money.
fn check_postings(
    wanted: &BTreeMap<Account, i128>,
    currency: Currency,
    transaction: &Transaction,
    at: (StreamId, u64),
    report: &mut Report,
) {
    let mut posted: BTreeMap<(Account, Currency), i128> = BTreeMap::new();
    for posting in &transaction.postings {
        let key = (posting.account.clone(), posting.amount.currency);
        *posted.entry(key).or_default() -= i128::from(posting.amount.minor);
    }
    let wanted = wanted.iter().map(|(account, minor)| ((account.clone(), currency), *minor));
    let wanted: BTreeMap<_, _> = wanted.filter(|(_, minor)| *minor != 0).collect();
    posted.retain(|_, minor| *minor != 0);
    report.check(Invariant::I19, posted == wanted, at, || {
        let keys: BTreeSet<_> = posted.keys().chain(wanted.keys()).collect();
        let of = |side: &BTreeMap<_, i128>, key| side.get(key).copied().unwrap_or_default();
        let wrong = keys.into_iter().filter(|key| of(&posted, key) != of(&wanted, key));
        let wrong = wrong.map(|key| {
            let ((account, currency), posted, wanted) = (key, of(&posted, key), of(&wanted, key));
            format!("{account:?} is posted {posted} {currency} minor instead of {wanted}")
        });
        wrong.collect::<Vec<_>>().join("; ")
    });
}

fn add(side: &mut BTreeMap<Currency, i128>, currency: Currency, minor: i64) {
    *side.entry(currency).or_default() += i128::from(minor);
}
