//! A bank with a clock that tests move, and the calls they make.

mod delays;
mod files;
mod keys;
mod notices;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use souk_core::ids::{CheckoutId, PaymentId};
use souk_core::money::{Currency, Money};
use souk_core::payment::{CallKind, Method, Operation, ProviderCall, ProviderFact};
use souk_core::time::Timestamp;

use super::*;
use crate::adapters::payments::Provider;

const EUR: Currency = Currency::EUR;
const PRICE: i64 = 1_000;

#[derive(Clone, Default)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn now(&self) -> Now {
        let time = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_millis(time.load(Ordering::Relaxed)))
    }

    fn pass(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

fn payment(n: u128) -> PaymentId {
    PaymentId { checkout: CheckoutId(n), attempt: 1 }
}

/// As a checkout would choose it: the method that the token's name begins with.
fn method(token: &str) -> Method {
    let name = token.to_owned();
    match token.split('_').next() {
        Some("instant") => Method::Instant { token: name },
        Some("pay") => Method::PayLater { token: name },
        _ => Method::Card { token: name },
    }
}

fn call(payment: PaymentId, kind: CallKind, operation: Operation) -> ProviderCall {
    ProviderCall { payment, key: kind.key(payment), operation }
}

fn authorise(payment: PaymentId, token: &str) -> ProviderCall {
    let operation = Operation::Authorise { amount: Money::new(PRICE, EUR), method: method(token) };
    call(payment, CallKind::Authorise, operation)
}

fn capture(payment: PaymentId) -> ProviderCall {
    call(payment, CallKind::Capture, Operation::Capture { amount: Money::new(PRICE, EUR) })
}

fn void(payment: PaymentId) -> ProviderCall {
    call(payment, CallKind::Void, Operation::Void)
}

fn refund(payment: PaymentId, n: u32, minor: i64) -> ProviderCall {
    call(payment, CallKind::Refund(n), Operation::Refund { amount: Money::new(minor, EUR) })
}

fn look_up(call: &ProviderCall) -> ProviderCall {
    let of = call.key.clone();
    ProviderCall { payment: call.payment, key: format!("{of}/lookup"), operation: Operation::LookUp { of } }
}

fn failed(reason: &str) -> ProviderFact {
    ProviderFact::Failed { reason: reason.to_owned() }
}

/// A fact as one word.
fn word(fact: &ProviderFact) -> &str {
    match fact {
        ProviderFact::Authorised => "authorised",
        ProviderFact::ActionNeeded { .. } => "action",
        ProviderFact::AwaitingPayment { .. } => "awaiting",
        ProviderFact::Captured => "captured",
        ProviderFact::Failed { reason } => reason,
        ProviderFact::Voided => "voided",
        ProviderFact::Refunded { .. } => "refunded",
        ProviderFact::Nothing => "nothing",
        ProviderFact::Unknown => "unknown",
    }
}

/// What is delivered until nothing more is due, each as `payment key fact`.
async fn deliveries(bank: &TestBank, acknowledge: bool) -> Vec<String> {
    // What becomes due now is on disk when a call has been answered.
    bank.call(&look_up(&void(payment(0)))).await;
    let notices = Provider::TestBank(bank.clone()).notices();
    let mut words = Vec::new();
    while let Ok(notice) = timeout(Duration::from_millis(1), notices.next()).await {
        assert!(notice.key.starts_with(&notice.payment.to_string()), "{notice:?}");
        let operation = notice.key.rsplit('/').next().expect("a key has parts");
        words.push(format!("{} {operation} {}", notice.payment.checkout.0, word(&notice.fact)));
        if acknowledge {
            notices.acknowledge(&notice.id);
        }
    }
    words
}

fn log_of(dir: &Path) -> Vec<Record> {
    read(&dir.join(LOG_FILE)).expect("the log can be read")
}

/// The effects in a log, each as `key amount`; and nothing in it is wrong.
fn effects(records: &[Record]) -> Vec<String> {
    let audit = audit(records);
    assert_eq!(audit.faults, Vec::new());
    let word = |moved: &Moved| {
        let operation = moved.key.rsplit('/').next().expect("a key has parts").to_owned();
        let kind = format!("{:?}", moved.effect.kind).to_lowercase();
        format!("{operation}:{kind} {}", moved.effect.amount.minor)
    };
    audit.moved.iter().map(word).collect()
}
