//! Keys and bodies: what a real provider refuses, this one refuses.

use super::*;

fn bank() -> TestBank {
    TestBank::in_memory(Settings::default(), Clock::default().now())
}

#[tokio::test]
async fn another_body_under_a_used_key_is_refused_and_changes_nothing() {
    let bank = bank();
    let id = payment(1);
    let first = authorise(id, "card_success");
    assert_eq!(bank.call(&first).await, ProviderFact::Authorised);
    let money = |minor| Money::new(minor, EUR);
    let bodies = [
        Operation::Authorise { amount: money(PRICE + 1), method: method("card_success") },
        Operation::Authorise { amount: money(PRICE), method: method("card_declined") },
        Operation::Authorise { amount: Money::new(PRICE, Currency::BRL), method: method("card_success") },
        Operation::Authorise {
            amount: money(PRICE),
            method: Method::Instant { token: "card_success".to_owned() },
        },
        Operation::Capture { amount: money(PRICE) },
        Operation::Void,
        Operation::Refund { amount: money(1) },
    ];
    for operation in bodies {
        let other = ProviderCall { operation, ..first.clone() };
        assert_eq!(bank.call(&other).await, failed("key_reused"), "{other:?}");
    }
    let foreign = ProviderCall { payment: payment(2), ..first.clone() };
    assert_eq!(bank.call(&foreign).await, failed("key_reused"));
    assert_eq!(bank.call(&look_up(&foreign)).await, ProviderFact::Nothing);
    assert_eq!(bank.call(&first).await, ProviderFact::Authorised);
    assert_eq!(bank.call(&capture(id)).await, ProviderFact::Captured);
}

#[tokio::test]
async fn no_money_beyond_the_amount() {
    let bank = bank();
    let id = payment(1);
    bank.call(&authorise(id, "card_success")).await;
    let take = |key: &str, amount| ProviderCall {
        payment: id,
        key: format!("{id}/{key}"),
        operation: Operation::Capture { amount },
    };
    for (key, amount, reason) in [
        ("a", Money::new(PRICE + 1, EUR), "amount_too_large"),
        ("b", Money::new(0, EUR), "invalid_amount"),
        ("c", Money::new(-5, EUR), "invalid_amount"),
        ("d", Money::new(PRICE, Currency::BRL), "currency_mismatch"),
    ] {
        assert_eq!(bank.call(&take(key, amount)).await, failed(reason));
    }
    assert_eq!(bank.call(&refund(id, 1, 1)).await, failed("not_captured"));
    assert_eq!(bank.call(&capture(id)).await, ProviderFact::Captured);
    // A second key finds the money taken and takes none.
    assert_eq!(bank.call(&take("e", Money::new(PRICE, EUR))).await, ProviderFact::Captured);
    for (n, minor, refused) in [
        (2, PRICE + 1, Some("refund_exceeds_captured")),
        (3, 600, None),
        (4, 401, Some("refund_exceeds_captured")),
        (5, 0, Some("invalid_amount")),
        (6, i64::MAX, Some("refund_exceeds_captured")),
        (7, 400, None),
        (8, 1, Some("refund_exceeds_captured")),
    ] {
        let call = refund(id, n, minor);
        let expected = refused.map_or(ProviderFact::Refunded { key: call.key.clone() }, failed);
        assert_eq!(bank.call(&call).await, expected, "{n}");
        assert_eq!(bank.call(&look_up(&call)).await, expected, "{n}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let bank = bank();
    let open = |n: u128, minor, method| {
        call(payment(n), CallKind::Authorise, Operation::Authorise { amount: Money::new(minor, EUR), method })
    };
    for (n, minor, method, reason) in [
        (1, 0, method("card_success"), "invalid_amount"),
        (2, -1, method("instant"), "invalid_amount"),
        (3, 5, Method::Card { token: "4111111111111111".to_owned() }, "unknown_token"),
        (4, 5, Method::Card { token: "instant".to_owned() }, "token_of_another_method"),
        (5, 5, Method::PayLater { token: "card_success".to_owned() }, "token_of_another_method"),
    ] {
        let call = open(n, minor, method);
        assert_eq!(bank.call(&call).await, failed(reason));
        assert_eq!(bank.call(&look_up(&call)).await, failed(reason));
    }
    // A second key does not open a payment twice.
    bank.call(&authorise(payment(6), "card_success")).await;
    let twice = ProviderCall { key: "another".to_owned(), ..authorise(payment(6), "card_success") };
    assert_eq!(bank.call(&twice).await, failed("payment_exists"));
    assert_eq!(bank.call(&look_up(&authorise(payment(6), "card_success"))).await, ProviderFact::Authorised);
}

#[tokio::test]
async fn calls_about_a_payment_that_is_not_there_leave_nothing_behind() {
    let bank = bank();
    let id = payment(1);
    for call in [capture(id), void(id), refund(id, 1, 5)] {
        assert_eq!(bank.call(&call).await, ProviderFact::Nothing);
        assert_eq!(bank.call(&look_up(&call)).await, ProviderFact::Nothing);
    }
    // The same keys work once the payment is there.
    bank.call(&authorise(id, "card_success")).await;
    assert_eq!(bank.call(&capture(id)).await, ProviderFact::Captured);
    assert_eq!(word(&bank.call(&refund(id, 1, 5)).await), "refunded");
}

#[tokio::test]
async fn a_card_number_is_not_written_down() {
    let dir = tempfile::tempdir().expect("a directory");
    let bank = TestBank::open(dir.path(), Settings::default(), Clock::default().now()).expect("it opens");
    bank.call(&authorise(payment(1), "4111111111111111")).await;
    drop(bank);
    let text = std::fs::read_to_string(dir.path().join(LOG_FILE)).expect("the log");
    assert!(!text.contains("4111") && text.contains("unknown_token"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_at_the_same_time_moves_money_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let bank = TestBank::open(dir.path(), Settings::default(), Clock::default().now()).expect("it opens");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..400u128 {
        let bank = bank.clone();
        tasks.spawn(async move {
            let id = payment(n % 50);
            let first = bank.call(&authorise(id, "card_success")).await;
            let second = bank.call(&capture(id)).await;
            (first, second)
        });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.expect("no panic"), (ProviderFact::Authorised, ProviderFact::Captured));
    }
    drop(bank);
    let audit = audit(&log_of(dir.path()));
    assert_eq!((audit.faults, audit.moved.len(), audit.totals.len()), (Vec::new(), 100, 50));
    assert!(audit.totals.values().all(|totals| totals.captured == totals.asked));
}
