//! Delays, with a time that only tests let pass.

use tokio::time::Instant;

use super::*;

/// A clock that runs with tokio's paused time.
fn tokio_clock() -> Now {
    let start = Instant::now();
    Arc::new(move || Timestamp::from_millis(i64::try_from(start.elapsed().as_millis()).expect("short")))
}

fn settings() -> Settings {
    Settings {
        patience_ms: 1_000,
        answer_delay_ms: 50,
        slow_delay_ms: 700,
        silence_ms: 400,
        notice_delay_ms: 100,
        late_notice_delay_ms: 60_000,
        ..Settings::default()
    }
}

async fn timed(bank: &TestBank, call: &ProviderCall) -> (ProviderFact, u128) {
    let start = Instant::now();
    let fact = bank.call(call).await;
    (fact, start.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn answers_take_their_time() {
    let bank = TestBank::in_memory(settings(), tokio_clock());
    for (n, token, fact, millis) in [
        (1, "card_success", ProviderFact::Authorised, 50),
        (2, "card_slow", ProviderFact::Authorised, 700),
        (3, "card_timeout_then_succeeded", ProviderFact::Unknown, 400),
        (4, "card_timeout_lost", ProviderFact::Unknown, 400),
        (5, "card_late_notice", ProviderFact::Unknown, 400),
    ] {
        assert_eq!(timed(&bank, &authorise(payment(n), token)).await, (fact, millis), "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_beyond_the_patience_is_unknown_and_the_deed_is_done() {
    let bank = TestBank::in_memory(Settings { slow_delay_ms: 5_000, ..settings() }, tokio_clock());
    let open = authorise(payment(1), "card_slow");
    assert_eq!(timed(&bank, &open).await, (ProviderFact::Unknown, 1_000));
    assert_eq!(bank.call(&look_up(&open)).await, ProviderFact::Authorised);
    // Nobody is slow twice: the repeat finds the answer ready.
    assert_eq!(timed(&bank, &open).await, (ProviderFact::Authorised, 50));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_changes_nothing() {
    let bank = TestBank::in_memory(settings(), tokio_clock());
    let open = authorise(payment(1), "card_success");
    assert!(timeout(Duration::from_millis(5), bank.call(&open)).await.is_err());
    assert_eq!(bank.call(&look_up(&open)).await, ProviderFact::Authorised);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_listener_hears_what_comes_later() {
    let bank = TestBank::in_memory(settings(), tokio_clock());
    let notices = Provider::TestBank(bank.clone()).notices();
    let start = Instant::now();
    let listener = tokio::spawn(async move {
        let mut heard = Vec::new();
        for _ in 0..2 {
            let notice = notices.next().await;
            notices.acknowledge(&notice.id);
            heard.push((notice.payment.checkout.0, start.elapsed().as_millis()));
        }
        heard
    });
    // It sleeps without anything to wait for; a call wakes it up.
    sleep(Duration::from_millis(10_000)).await;
    bank.call(&authorise(payment(1), "card_success")).await;
    bank.call(&authorise(payment(2), "card_late_notice")).await;
    let heard = listener.await.expect("no panic");
    assert_eq!(heard[0], (1, 10_100));
    // The late one is due 60 s after its call, which came 50 ms after the first.
    assert_eq!(heard[1], (2, 70_050));
}
