//! The bank does what comes under one key once, and notices whoever tries to be served twice.

use souk_core::ids::CheckoutId;
use souk_core::money::{Currency, Money};

use super::*;

const PAYMENT: PaymentId = PaymentId { checkout: CheckoutId(1), attempt: 1 };

fn brl(minor: i64) -> Money {
    Money::new(minor, Currency::BRL)
}

fn call(kind: CallKind, operation: Operation) -> ProviderCall {
    ProviderCall { payment: PAYMENT, key: kind.key(PAYMENT), operation }
}

fn authorise(token: &str) -> ProviderCall {
    let method = Method::Card { token: token.to_owned() };
    call(CallKind::Authorise, Operation::Authorise { amount: brl(500), method })
}

fn capture() -> ProviderCall {
    call(CallKind::Capture, Operation::Capture { amount: brl(500) })
}

fn refund(key: &str, minor: i64) -> ProviderCall {
    ProviderCall {
        payment: PAYMENT,
        key: key.to_owned(),
        operation: Operation::Refund { amount: brl(minor) },
    }
}

/// A bank that has taken 500.
fn taken() -> (Bank, Rng) {
    let (mut bank, mut rng) = (Bank { late_max: 1_000, ..Bank::default() }, Rng::new(1));
    assert_eq!(bank.call(&authorise("card:yes:plain"), 0, &mut rng), Some(ProviderFact::Authorised));
    assert_eq!(bank.call(&capture(), 0, &mut rng), Some(ProviderFact::Captured));
    (bank, rng)
}

#[test]
fn a_call_that_is_repeated_is_one_deed() {
    let (mut bank, mut rng) = taken();
    for _ in 0..3 {
        let fact = ProviderFact::Refunded { key: "r-1".to_owned() };
        assert_eq!(bank.call(&refund("r-1", 200), 0, &mut rng), Some(fact));
        assert_eq!(bank.call(&capture(), 0, &mut rng), Some(ProviderFact::Captured));
    }
    assert_eq!(bank.mistake(), None);
    assert_eq!(bank.accounts[&PAYMENT].kept(), 300);
    let done: Vec<&str> = bank.deeds().iter().map(|deed| deed.what).collect();
    assert_eq!(done, ["authorise", "capture", "refund"]);
}

#[test]
fn mistakes_of_callers_are_noticed() {
    let (mut bank, mut rng) = taken();
    bank.call(&refund("r-1", 400), 0, &mut rng);
    assert_eq!(bank.mistake(), None);
    bank.call(&refund("r-1", 100), 0, &mut rng);
    assert!(bank.mistake().is_some(), "one key, two amounts");
    bank.call(&refund("r-2", 400), 0, &mut rng);
    assert!(bank.mistake().is_some(), "more goes back than was taken");
    bank.call(&ProviderCall { key: "another".to_owned(), ..authorise("card:yes:plain") }, 0, &mut rng);
    assert!(bank.mistake().is_some(), "one payment, two keys");
}

#[test]
fn words_get_lost_as_the_token_says() {
    for (delivery, first, second) in [
        ("plain", Some(ProviderFact::Authorised), Some(ProviderFact::Authorised)),
        ("silent", None, None),
        ("deaf", None, Some(ProviderFact::Authorised)),
        ("late", None, None),
        ("late_silent", None, None),
    ] {
        let (mut bank, mut rng) = (Bank { late_max: 1_000, ..Bank::default() }, Rng::new(1));
        let pay = authorise(&format!("card:yes:{delivery}"));
        assert_eq!(bank.call(&pay, 0, &mut rng), first, "{delivery}");
        assert_eq!(bank.call(&pay, 1, &mut rng), second, "{delivery}");
        bank.catch_up(2_000, &mut rng);
        let key = format!("{}/lookup", CallKind::Authorise.key(PAYMENT));
        let of = CallKind::Authorise.key(PAYMENT);
        let look = ProviderCall { payment: PAYMENT, key, operation: Operation::LookUp { of } };
        assert_eq!(bank.call(&look, 2_000, &mut rng), Some(ProviderFact::Authorised), "{delivery}");
        assert_eq!(bank.deeds().len(), 1, "{delivery}");
    }
}
