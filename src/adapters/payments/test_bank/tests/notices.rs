//! Notices: at least once until acknowledged, late, doubled, in any order, and after a restart.

use super::*;

fn settings() -> Settings {
    Settings {
        notice_delay_ms: 10,
        late_notice_delay_ms: 500,
        pay_later_delay_ms: 200,
        redeliver_after_ms: 1_000,
        ..Settings::default()
    }
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

#[tokio::test]
async fn a_notice_comes_until_it_is_acknowledged() {
    let clock = Clock::default();
    let bank = TestBank::in_memory(settings(), clock.now());
    bank.call(&authorise(payment(1), "card_success")).await;
    assert_eq!(deliveries(&bank, true).await, Vec::<String>::new(), "not due yet");
    clock.pass(10);
    assert_eq!(deliveries(&bank, false).await, ["1 authorise authorised"]);
    assert_eq!(deliveries(&bank, false).await, Vec::<String>::new());
    for _ in 0..3 {
        clock.pass(1_000);
        assert_eq!(deliveries(&bank, false).await, ["1 authorise authorised"], "again");
    }
    clock.pass(1_000);
    assert_eq!(deliveries(&bank, true).await, ["1 authorise authorised"]);
    clock.pass(100_000);
    assert_eq!(deliveries(&bank, true).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_each_token_tells_and_when() {
    // token; within 10 ms; after 500 ms more.
    let table: &[(&str, &[&str], &[&str])] = &[
        ("card_success", &["1 authorise authorised", "1 capture captured", "1 refund-1 refunded"], &[]),
        ("card_declined", &["1 authorise declined"], &[]),
        ("card_3ds", &["1 authorise action"], &[]),
        ("card_capture_declined", &["1 authorise authorised"], &[]),
        ("card_refund_declined", &["1 authorise authorised", "1 capture captured"], &[]),
        ("card_timeout_then_succeeded", &[], &[]),
        ("card_timeout_lost", &[], &[]),
        ("card_late_notice", &[], &["1 authorise authorised", "1 capture captured", "1 refund-1 refunded"]),
        (
            "card_duplicate_notice",
            &["1 authorise authorised", "1 capture captured", "1 refund-1 refunded"],
            &["1 authorise authorised", "1 capture captured", "1 refund-1 refunded"],
        ),
        ("card_slow", &["1 authorise authorised", "1 capture captured", "1 refund-1 refunded"], &[]),
        ("instant", &["1 authorise captured", "1 refund-1 refunded"], &[]),
        ("instant_declined", &["1 authorise declined"], &[]),
        ("instant_late_notice", &[], &["1 authorise captured", "1 refund-1 refunded"]),
        ("pay_later", &["1 authorise awaiting"], &["1 authorise captured"]),
        ("pay_later_never", &["1 authorise awaiting"], &[]),
        ("pay_later_despite_void", &["1 authorise awaiting"], &["1 authorise captured"]),
    ];
    assert!(
        TOKENS.iter().map(|token| token.name).eq(table.iter().map(|(name, _, _)| *name)),
        "every token once"
    );
    for (token, soon, late) in table {
        let clock = Clock::default();
        let bank = TestBank::in_memory(settings(), clock.now());
        let id = payment(1);
        for call in [authorise(id, token), capture(id), refund(id, 1, 10)] {
            bank.call(&call).await;
        }
        clock.pass(10);
        assert_eq!(sorted(deliveries(&bank, true).await), *soon, "{token}");
        clock.pass(500);
        assert_eq!(sorted(deliveries(&bank, true).await), *late, "{token}");
        clock.pass(100_000);
        assert_eq!(deliveries(&bank, true).await, Vec::<String>::new(), "{token}");
    }
}

#[tokio::test]
async fn a_slip_is_paid_after_its_delay_unless_it_was_let_go() {
    for (token, void_first, standing, told) in [
        ("pay_later", false, "captured", Some("1 authorise captured")),
        ("pay_later", true, "voided", None),
        ("pay_later_despite_void", true, "captured", Some("1 authorise captured")),
        ("pay_later_never", false, "awaiting", None),
    ] {
        let clock = Clock::default();
        let bank = TestBank::in_memory(settings(), clock.now());
        let id = payment(1);
        let open = authorise(id, token);
        assert_eq!(word(&bank.call(&open).await), "awaiting");
        clock.pass(100);
        if void_first {
            assert_eq!(bank.call(&void(id)).await, ProviderFact::Voided);
        }
        clock.pass(50);
        deliveries(&bank, true).await;
        clock.pass(49);
        assert_ne!(word(&bank.call(&look_up(&open)).await), "captured");
        clock.pass(11);
        assert_eq!(word(&bank.call(&look_up(&open)).await), standing, "{token}");
        assert_eq!(deliveries(&bank, true).await, told.into_iter().collect::<Vec<_>>(), "{token}");
        let back = bank.call(&refund(id, 1, PRICE)).await;
        assert_eq!(word(&back), if told.is_some() { "refunded" } else { "not_captured" }, "{token}");
    }
}

#[tokio::test]
async fn due_notices_come_shuffled_but_always_in_the_same_order() {
    let mut orders = Vec::new();
    for _ in 0..2 {
        let clock = Clock::default();
        let bank = TestBank::in_memory(Settings::default(), clock.now());
        for n in 0..50 {
            bank.call(&authorise(payment(n), "card_success")).await;
            bank.call(&capture(payment(n))).await;
        }
        orders.push(deliveries(&bank, true).await);
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0].len(), 100);
    let at = |word: &str| orders[0].iter().position(|other| other == word).expect("delivered");
    let overtaken =
        (0..50).filter(|n| at(&format!("{n} capture captured")) < at(&format!("{n} authorise authorised")));
    assert!((5..45).contains(&overtaken.count()), "{:?}", orders[0]);
}

#[tokio::test]
async fn unacknowledged_notices_survive_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = Clock::default();
    let open = || TestBank::open(dir.path(), settings(), clock.now()).expect("it opens");
    let bank = open();
    bank.call(&authorise(payment(1), "card_success")).await;
    bank.call(&authorise(payment(2), "card_duplicate_notice")).await;
    bank.call(&authorise(payment(3), "pay_later")).await;
    clock.pass(10);
    let notices = Provider::TestBank(bank.clone()).notices();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let notice = notices.next().await;
        if notice.payment != payment(1) {
            notices.acknowledge(&notice.id);
        }
        seen.push(notice);
    }
    drop((bank, notices));

    let bank = open();
    // The unacknowledged one again, under its old name; the second copy of the doubled one only when it is due.
    let notices = Provider::TestBank(bank.clone()).notices();
    let again = notices.next().await;
    assert_eq!(again, *seen.iter().find(|notice| notice.payment == payment(1)).expect("it was delivered"));
    notices.acknowledge(&again.id);
    drop(notices);
    assert_eq!(deliveries(&bank, true).await, Vec::<String>::new());
    drop(bank);

    clock.pass(1_000);
    let bank = open();
    assert_eq!(sorted(deliveries(&bank, true).await), ["2 authorise authorised", "3 authorise captured"]);
    clock.pass(10_000);
    drop(bank);
    assert_eq!(deliveries(&open(), true).await, Vec::<String>::new());
    // Acknowledgements never hold up a call.
    let bank = open();
    assert_eq!(bank.call(&look_up(&authorise(payment(1), "card_success"))).await, ProviderFact::Authorised);
}

#[tokio::test]
async fn strange_acknowledgements_change_nothing() {
    let bank = TestBank::in_memory(Settings::default(), Clock::default().now());
    bank.call(&authorise(payment(1), "card_success")).await;
    for id in ["", "notice-", "notice-1", "notice-2", "notice-x", "evt_1", "notice-99999999999999999999999"] {
        bank.acknowledge(&NoticeId(id.to_owned()));
    }
    assert_eq!(
        deliveries(&bank, true).await,
        ["1 authorise authorised"],
        "notice-1 was not delivered before"
    );
}
