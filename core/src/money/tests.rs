use proptest::prelude::*;

use super::*;

const EUR: Currency = Currency::EUR;

fn eur(minor: i64) -> Money {
    Money::new(minor, EUR)
}

fn currency(code: &str) -> Currency {
    code.parse().expect("a currency")
}

fn split(minor: i64, weights: &[u64]) -> Vec<i64> {
    eur(minor).split(weights).into_iter().map(|part| part.minor).collect()
}

#[test]
fn shares_round_half_away_from_zero() {
    for (minor, rate, share) in [
        (100, 1_000, 10),
        (5, 1_000, 1),
        (-5, 1_000, -1),
        (4, 1_000, 0),
        (-4, 1_000, 0),
        (15, 1_000, 2),
        (25, 1_000, 3),
        (-25, 1_000, -3),
        (1, 5_000, 1),
        (1, 4_999, 0),
        (0, 10_000, 0),
        (12_345, 0, 0),
        (12_345, 10_000, 12_345),
        (10, 20_000, 20),
        (AMOUNT_MAX, 10_000, AMOUNT_MAX),
        (AMOUNT_MAX, 20_000, AMOUNT_MAX),
        (-AMOUNT_MAX, u32::MAX, -AMOUNT_MAX),
    ] {
        assert_eq!(eur(minor).share(Rate(rate)), eur(share), "{rate} of {minor}");
    }
}

#[test]
fn a_price_contains_its_tax() {
    for (minor, rate, tax) in [
        (11_900, 1_900, 1_900),
        (-11_900, 1_900, -1_900),
        (100, 1_900, 16),
        // 3 × 10,000 / 20,000 = 1.5, and the whole of 10,001 + 10,000 is odd.
        (3, 10_000, 2),
        (-3, 10_000, -2),
        (1, 10_001, 1),
        (5, 0, 0),
        (5, u32::MAX, 5),
    ] {
        assert_eq!(eur(minor).contained(Rate(rate)), eur(tax), "{rate} in {minor}");
    }
}

#[test]
fn splits_give_the_rest_to_the_largest_remainders() {
    for (minor, weights, parts) in [
        (100, &[1, 1, 1][..], &[34, 33, 33][..]),
        (-100, &[1, 1, 1], &[-34, -33, -33]),
        (100, &[0, 0, 0], &[34, 33, 33]),
        (100, &[0, 1, 0], &[0, 100, 0]),
        (10, &[1, 2, 4], &[1, 3, 6]),
        (1, &[1, 1], &[1, 0]),
        (1, &[1, 3], &[0, 1]),
        (0, &[3, 4], &[0, 0]),
        (-1, &[1, 1, 1], &[-1, 0, 0]),
        (7, &[5], &[7]),
        (7, &[], &[]),
        (2, &[0, 1, 1, 1], &[0, 1, 1, 0]),
        (i64::MAX, &[u64::MAX, 0], &[i64::MAX, 0]),
        (i64::MIN, &[u64::MAX], &[i64::MIN]),
    ] {
        assert_eq!(split(minor, weights), parts, "{minor} by {weights:?}");
    }
}

#[test]
fn amounts_are_written_with_the_decimals_of_their_currency() {
    for (minor, code, text) in [
        (123_450, "BRL", "1234.50 BRL"),
        (5, "EUR", "0.05 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (-12_345, "USD", "-123.45 USD"),
        (0, "EUR", "0.00 EUR"),
        (1_234, "JPY", "1234 JPY"),
        (-7, "XPF", "-7 XPF"),
        (1_234, "KWD", "1.234 KWD"),
        (-5, "TND", "-0.005 TND"),
        (i64::MIN, "EUR", "-92233720368547758.08 EUR"),
    ] {
        assert_eq!(Money::new(minor, currency(code)).to_string(), text);
    }
    for (code, decimals) in [("JPY", 0), ("CLP", 0), ("EUR", 2), ("ZZZ", 2), ("BHD", 3)] {
        assert_eq!(currency(code).decimals(), decimals, "{code}");
    }
}

#[test]
fn currencies_are_three_capital_letters() {
    for bad in ["", "EU", "EURO", "eur", "E1R", "€"] {
        assert_eq!(bad.parse::<Currency>(), Err(InvalidCurrency), "{bad}");
    }
    let json = serde_json::to_string(&eur(-5)).expect("plain data");
    assert_eq!(json, r#"{"minor":-5,"currency":"EUR"}"#);
    assert_eq!(serde_json::from_str::<Money>(&json).expect("what was written"), eur(-5));
    assert!(serde_json::from_str::<Money>(r#"{"minor":1,"currency":"eur"}"#).is_err());
    assert!(serde_json::from_str::<Money>(r#"{"minor":1.5,"currency":"EUR"}"#).is_err());
}

#[test]
fn sums_refuse_what_does_not_add() {
    let brl = Money::new(1, Currency::BRL);
    assert_eq!(eur(1).plus(brl), Err(MoneyError::CurrencyMismatch));
    assert_eq!(eur(1).minus(brl), Err(MoneyError::CurrencyMismatch));
    assert_eq!(Money::sum(EUR, [eur(1), brl]), Err(MoneyError::CurrencyMismatch));
    assert_eq!(Money::sum(EUR, []), Ok(eur(0)));
    assert_eq!(Money::sum(EUR, [eur(3), eur(-5)]), Ok(eur(-2)));
    assert_eq!(eur(AMOUNT_MAX).plus(eur(1)), Err(MoneyError::TooLarge));
    assert_eq!(eur(0).minus(eur(i64::MIN)), Err(MoneyError::TooLarge));
    assert_eq!(eur(AMOUNT_MAX).times(2), Err(MoneyError::TooLarge));
    assert_eq!(eur(i64::MIN).times(u32::MAX), Err(MoneyError::TooLarge));
    assert_eq!(eur(-3).times(0), Ok(eur(0)));
}

/// A currency of each number of decimals.
fn any_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec![currency("JPY"), EUR, currency("KWD")])
}

proptest! {
    #[test]
    fn parts_sum_to_the_whole(
        minor in any::<i64>(),
        weights in prop::collection::vec(any::<u64>(), 1..20),
        currency in any_currency(),
    ) {
        let parts = Money::new(minor, currency).split(&weights);
        prop_assert_eq!(parts.len(), weights.len());
        let sum: i128 = parts.iter().map(|part| i128::from(part.minor)).sum();
        prop_assert_eq!(sum, i128::from(minor));
        prop_assert!(parts.iter().all(|part| part.currency == currency));
    }

    #[test]
    fn no_part_is_further_than_one_unit_from_its_share(
        minor in -AMOUNT_MAX..=AMOUNT_MAX,
        weights in prop::collection::vec(0u64..1_000_000, 1..20),
    ) {
        let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        prop_assume!(total > 0);
        for (part, weight) in eur(minor).split(&weights).iter().zip(&weights) {
            let off = i128::from(part.minor) * total - i128::from(minor) * i128::from(*weight);
            prop_assert!(off.abs() < total, "{part} of {minor} by {weight}/{total}");
            prop_assert!(part.minor == 0 || part.minor.signum() == minor.signum());
        }
    }

    #[test]
    fn a_share_is_the_nearest_unit_and_keeps_its_sign(minor in -AMOUNT_MAX..=AMOUNT_MAX, rate in 0u32..=10_000) {
        let share = eur(minor).share(Rate(rate));
        let off = 2 * (i128::from(share.minor) * 10_000 - i128::from(minor) * i128::from(rate));
        prop_assert!(off.abs() <= 10_000);
        prop_assert_eq!(eur(-minor).share(Rate(rate)).minor, -share.minor);
        prop_assert!(share.minor.abs() <= minor.abs());
    }

    #[test]
    fn what_a_price_contains_is_the_tax_on_its_rest(minor in -AMOUNT_MAX..=AMOUNT_MAX, rate in 0u32..=10_000) {
        let tax = eur(minor).contained(Rate(rate));
        let net = eur(minor).minus(tax).expect("smaller than the price");
        prop_assert!((net.share(Rate(rate)).minor - tax.minor).abs() <= 1);
    }
}
