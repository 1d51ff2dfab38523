//! Transactions balance, whatever the lines.

use proptest::prelude::*;

use super::*;
use crate::money::Rate;

fn brl(minor: i64) -> Money {
    Money::new(minor, Currency::BRL)
}

fn tax(amount: i64, included: bool) -> TaxLine {
    TaxLine { jurisdiction: "BR".to_owned(), rate: Rate(500), amount: brl(amount), included }
}

fn line(vendor: u128, goods: i64, commission: i64, shipping: i64, taxes: Vec<TaxLine>) -> LineAmounts {
    LineAmounts {
        vendor: VendorId(vendor),
        goods: brl(goods),
        commission: brl(commission),
        shipping: brl(shipping),
        taxes,
    }
}

fn postings(transaction: &Transaction) -> Vec<(Account, i64)> {
    transaction.postings.iter().map(|posting| (posting.account.clone(), posting.amount.minor)).collect()
}

fn balances(transactions: &[&Transaction]) -> BTreeMap<Account, i64> {
    let mut sums = BTreeMap::new();
    for posting in transactions.iter().flat_map(|transaction| &transaction.postings) {
        *sums.entry(posting.account.clone()).or_default() += posting.amount.minor;
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

#[test]
fn a_sale_says_who_is_owed_what() {
    let lines =
        [line(1, 1_000, 100, 150, Vec::new()), line(2, 900, 90, 0, vec![tax(90, false), tax(30, true)])];
    let sold = sale(Currency::BRL, &lines).unwrap();
    let wanted = vec![
        (Account::PaymentClearing, 1_150 + 990),
        (Account::VendorPayable(VendorId(1)), -1_050),
        (Account::VendorPayable(VendorId(2)), -(900 - 30 - 90)),
        (Account::Commission, -190),
        (Account::Tax { jurisdiction: "BR".to_owned() }, -120),
    ];
    assert_eq!(postings(&sold), wanted);
}

#[test]
fn a_cancelled_line_is_owed_to_the_shopper_until_it_is_back() {
    let lines = [line(1, 1_000, 100, 150, vec![tax(50, false)])];
    let sold = sale(Currency::BRL, &lines).unwrap();
    let cancelled = cancellation(Currency::BRL, &lines).unwrap();
    let after = balances(&[&sold, &cancelled]);
    assert_eq!(after, BTreeMap::from([(Account::PaymentClearing, 1_200), (Account::Refunds, -1_200)]));
    let back = refund(brl(1_200));
    assert_eq!(balances(&[&sold, &cancelled, &back]), BTreeMap::new());
}

#[test]
fn lines_that_cost_nothing_post_nothing() {
    let free = [line(1, 0, 0, 0, Vec::new())];
    assert!(sale(Currency::BRL, &free).unwrap().postings.is_empty());
}

#[test]
fn two_currencies_are_refused() {
    let mut mixed = line(1, 1_000, 100, 0, Vec::new());
    mixed.shipping = Money::new(1, Currency::EUR);
    assert_eq!(sale(Currency::BRL, &[mixed]), Err(MoneyError::CurrencyMismatch));
    assert_eq!(sale(Currency::EUR, &[line(1, 1, 0, 0, Vec::new())]), Err(MoneyError::CurrencyMismatch));
}

fn any_line() -> impl Strategy<Value = LineAmounts> {
    let taxes = proptest::collection::vec((0..500i64, any::<bool>()), 0..3);
    (0..4u128, 0..10_000i64, 0..2_000i64, 0..3_000i64, taxes).prop_map(
        |(vendor, goods, commission, shipping, taxes)| {
            let taxes = taxes.into_iter().map(|(amount, included)| tax(amount, included)).collect();
            line(vendor, goods, commission, shipping, taxes)
        },
    )
}

proptest! {
    #[test]
    fn every_transaction_balances(lines in proptest::collection::vec(any_line(), 0..6)) {
        prop_assert!(sale(Currency::BRL, &lines).unwrap().imbalance().is_empty());
        prop_assert!(cancellation(Currency::BRL, &lines).unwrap().imbalance().is_empty());
        let charged: i64 = lines.iter().map(|line| line.charged().unwrap().minor).sum();
        prop_assert!(refund(brl(charged)).imbalance().is_empty());
    }

    /// Cancelled one by one or all at once, in whatever parts, nothing is left but what goes back.
    #[test]
    fn cancelling_everything_undoes_the_sale(lines in proptest::collection::vec(any_line(), 1..6), at in 0..6usize) {
        let (first, second) = lines.split_at(at.min(lines.len()));
        let sold = sale(Currency::BRL, &lines).unwrap();
        let parts = [cancellation(Currency::BRL, first).unwrap(), cancellation(Currency::BRL, second).unwrap()];
        let after = balances(&[&sold, &parts[0], &parts[1]]);
        let charged: i64 = lines.iter().map(|line| line.charged().unwrap().minor).sum();
        let mut wanted = BTreeMap::from([(Account::PaymentClearing, charged), (Account::Refunds, -charged)]);
        wanted.retain(|_, sum| *sum != 0);
        prop_assert_eq!(after, wanted);
    }
}
