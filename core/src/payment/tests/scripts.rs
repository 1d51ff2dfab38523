//! Every way a payment can go, told as a script.

use super::*;

use CallKind::{Authorise, Capture, Void};
use ProviderFact as Fact;

fn failed(reason: &str) -> Fact {
    Fact::Failed { reason: reason.to_owned() }
}

fn is(news: News) -> Outcome<Payment> {
    Ok(Reply::Answer(Answer::Is(news)))
}

fn captured() -> Run {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::Authorised);
    run.command(&Command::Capture { asked: 10 }).expect("authorised money can be captured");
    run.outcome(Capture, Fact::Captured);
    run
}

#[test]
fn a_card_takes_five_events() {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::Authorised);
    assert_eq!(run.telling().map(|(_, news)| news), Some(News::Authorised));
    assert_eq!(run.command(&Command::Capture { asked: 10 }), Ok(Reply::Waiting));
    assert_eq!(run.telling(), None, "the ask to capture is the answer");
    run.outcome(Capture, Fact::Captured);
    let (ask, news) = run.telling().expect("the checkout is told");
    assert_eq!(news, News::Captured);
    run.answer(ask, AskAnswer::Waiting);
    assert!(run.telling().is_some(), "nobody has decided yet");
    run.answer(ask, AskAnswer::Checkout(checkout::Answer::Noted));
    assert_eq!(run.telling(), None);
    assert_eq!(run.events.len(), 5, "{:?}", run.kinds());
    assert_eq!(run.keys(), [key(Authorise), key(Capture)]);
    assert_eq!(run.closed.len(), 2, "both outbox rows are closed");
    assert_eq!(run.command(&Command::Capture { asked: 11 }), is(News::Captured));
    assert_eq!(run.command(&Command::Void { asked: 12 }), is(News::Captured));
    assert_eq!(run.events.len(), 5, "and nothing of that changes anything");
    assert_eq!(Payment::next_deadline(&run.state), None);
    run.check_fold();
}

#[test]
fn a_refused_card_is_told_and_stays_refused() {
    let mut run = Run::new();
    run.outcome(Authorise, failed("insufficient_funds"));
    let news = News::Failed { reason: "insufficient_funds".to_owned() };
    let (ask, told) = run.telling().expect("the checkout is told");
    assert_eq!(told, news);
    run.answer(ask, AskAnswer::Checkout(checkout::Answer::Noted));
    for late in [Fact::Authorised, Fact::ActionNeeded { url: "x".to_owned() }, failed("other"), Fact::Nothing]
    {
        run.notice(late);
    }
    assert_eq!(run.events.len(), 3, "{:?}", run.kinds());
    assert_eq!(run.command(&Command::Void { asked: 9 }), is(news));
    assert_eq!(run.state.look_up_at, None);
}

#[test]
fn news_is_told_once_and_overtaken_by_later_news() {
    let mut run = Run::new();
    let url = "https://bank.example/3ds".to_owned();
    run.outcome(Authorise, Fact::ActionNeeded { url: url.clone() });
    let (first, news) = run.telling().expect("the checkout is told");
    assert_eq!(news, News::ActionNeeded { url });
    run.notice(Fact::Authorised);
    run.notice(Fact::Authorised);
    let (second, news) = run.telling().expect("the checkout is told again");
    assert_eq!(news, News::Authorised);
    assert!(second.seq > first.seq);
    run.answer(first, AskAnswer::Checkout(checkout::Answer::Refund));
    assert_eq!(run.telling(), Some((second, News::Authorised)), "a late answer changes nothing");
    run.answer(second, AskAnswer::Stale);
    assert_eq!(run.telling(), None);
}

#[test]
fn an_ask_that_was_overtaken_is_stale() {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::Authorised);
    assert_eq!(run.command(&Command::Void { asked: 20 }), Ok(Reply::Waiting));
    assert_eq!(run.command(&Command::Capture { asked: 10 }), Err(Rejection::Stale));
    assert_eq!(Payment::answer_of(&Err(Rejection::Stale)), AskAnswer::Stale);
    assert_eq!(run.keys(), [key(Authorise), key(Void)]);
}

#[test]
fn a_timeout_is_looked_up_until_it_is_known() {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::Unknown);
    assert_eq!(run.telling(), None, "nobody is told what nobody knows");
    run.wait(EVERY_MS - 1);
    assert_eq!(run.calls.len(), 1);
    run.wait(1);
    assert_eq!(run.calls[1].operation, Operation::LookUp { of: key(Authorise) });
    run.looked_up(Authorise, Fact::Unknown);
    // The pause doubles.
    run.wait(EVERY_MS);
    assert_eq!(run.calls.len(), 2);
    run.wait(EVERY_MS);
    assert_eq!(run.calls.len(), 3);
    assert_eq!(run.calls[1].key, run.calls[2].key);
    run.looked_up(Authorise, Fact::Authorised);
    assert_eq!(run.telling().map(|(_, news)| news), Some(News::Authorised));
    assert_eq!(run.state.look_up_at, None, "what is authorised waits for the checkout");
    run.check_fold();
}

#[test]
fn a_call_that_never_arrived_is_made_again_under_its_key() {
    let mut run = Run::new();
    run.wait(EVERY_MS);
    run.looked_up(Authorise, Fact::Nothing);
    assert_eq!(run.calls.len(), 2, "the call may still be under way");
    run.outcome(Authorise, Fact::Unknown);
    run.wait(EVERY_MS * 2);
    run.looked_up(Authorise, Fact::Nothing);
    assert_eq!(run.keys(), [key(Authorise), look_up(Authorise), look_up(Authorise), key(Authorise)]);
    assert_eq!(run.calls[3], run.calls[0]);
    run.outcome(Authorise, Fact::Authorised);
    assert_eq!(run.telling().map(|(_, news)| news), Some(News::Authorised));
}

#[test]
fn a_call_that_never_arrived_is_not_made_again_when_nobody_wants_it() {
    for over in ["void", "limit"] {
        let mut run = Run::new();
        run.outcome(Authorise, Fact::Unknown);
        match over {
            "void" => {
                assert_eq!(run.command(&Command::Void { asked: 9 }), Ok(Reply::Waiting));
                assert_eq!(run.keys(), [key(Authorise), look_up(Authorise)], "looked up first");
                assert_eq!(run.telling(), None);
            }
            _ => run.wait(UNTIL.as_millis()),
        }
        run.looked_up(Authorise, Fact::Nothing);
        let gone = News::Failed { reason: "never_reached".to_owned() };
        assert_eq!(run.telling().map(|(_, news)| news), Some(gone.clone()));
        assert_eq!(run.command(&Command::Void { asked: 10 }), is(gone.clone()));
        assert!(run.state.look_up_at.is_some(), "it may still arrive");
        // It arrived after all: what is reserved is let go, what was taken is told.
        run.notice(Fact::Authorised);
        assert_eq!(run.keys().last(), Some(&key(Void).as_str()));
        run.outcome(Void, Fact::Unknown);
        run.wait(EVERY_MS);
        assert_eq!(run.keys().last(), Some(&look_up(Void).as_str()));
        run.notice(Fact::Captured);
        assert_eq!(run.telling().map(|(_, news)| news), Some(News::Captured));
        assert_eq!(run.state.look_up_at, None);
        run.check_fold();
    }
}

/// A payment that the provider had never heard of when its checkout gave it up.
fn never_reached() -> Run {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::Unknown);
    run.command(&Command::Void { asked: 9 }).expect("nothing is known of it");
    run.looked_up(Authorise, Fact::Nothing);
    let (ask, _) = run.telling().expect("the checkout is told");
    run.answer(ask, AskAnswer::Checkout(checkout::Answer::Noted));
    run
}

/// Waits for the next look-up, and says what it was answered.
fn asked_on(run: &mut Run, fact: Fact) {
    let at = run.state.look_up_at.expect("somebody asks on");
    let before = run.calls.len();
    run.wait(at.millis_since(run.now));
    assert_eq!(run.keys()[before..], [look_up(Authorise)]);
    run.looked_up(Authorise, fact);
}

#[test]
fn money_that_is_taken_late_and_in_silence_is_found_and_goes_back() {
    let mut run = never_reached();
    for _ in 0..5 {
        asked_on(&mut run, Fact::Nothing);
    }
    asked_on(&mut run, Fact::Captured);
    let (ask, news) = run.telling().expect("the checkout is told");
    assert_eq!(news, News::Captured);
    run.answer(ask, AskAnswer::Checkout(checkout::Answer::Refund));
    run.outcome(CallKind::Refund(0), Fact::Refunded { key: key(CallKind::Refund(0)) });
    assert_eq!((run.state.refunded_minor(), run.state.look_up_at), (10_000, None));
    run.check_fold();
}

#[test]
fn nobody_asks_for_ever_for_what_never_came() {
    let mut run = never_reached();
    let since = run.now;
    let mut asked = 0;
    while run.now.millis_since(since) < LATE_MS {
        let before = run.now;
        asked_on(&mut run, Fact::Nothing);
        assert!(run.now.millis_since(before) <= LATE_LOOK_UP_PAUSE_MAX_MS);
        asked += 1;
    }
    assert_eq!(run.now.millis_since(since), LATE_MS, "the last question comes at the very end");
    assert!(asked < 40, "{asked} questions in three days");
    assert_eq!(run.state.look_up_at, None);
    assert_eq!(run.kinds().last(), Some(&&Event::NeverCame));
    // A notice that comes even later is believed all the same.
    run.notice(Fact::Captured);
    assert_eq!(run.telling().map(|(_, news)| news), Some(News::Captured));
    run.check_fold();
}

#[test]
fn the_last_question_is_asked_until_it_is_answered() {
    let mut run = never_reached();
    run.wait(LATE_MS);
    run.looked_up(Authorise, Fact::Unknown);
    asked_on(&mut run, Fact::Unknown);
    asked_on(&mut run, Fact::Nothing);
    assert_eq!(run.state.look_up_at, None);
    run.check_fold();
}

#[test]
fn a_void_waits_until_something_is_known() {
    let mut run = Run::new();
    assert_eq!(run.command(&Command::Void { asked: 9 }), Ok(Reply::Waiting));
    assert_eq!(run.keys(), [key(Authorise)], "the call is under way");
    run.outcome(Authorise, Fact::Authorised);
    assert_eq!(run.telling(), None, "nobody wants to hear that");
    assert_eq!(run.keys(), [key(Authorise), key(Void)]);
    run.outcome(Void, Fact::Unknown);
    run.wait(EVERY_MS);
    run.looked_up(Void, Fact::Authorised);
    assert_eq!(run.keys(), [key(Authorise), key(Void), look_up(Void), key(Void)]);
    run.outcome(Void, Fact::Voided);
    assert_eq!(run.telling().map(|(_, news)| news), Some(News::Voided));
    run.check_fold();
}

#[test]
fn an_address_that_changes_does_not_keep_a_void_from_being_made_again() {
    let at = |url: &str| Fact::ActionNeeded { url: url.to_owned() };
    let mut run = Run::new();
    run.outcome(Authorise, at("https://bank/m"));
    // Each look-up tells another address: the newest is the one to go to, whichever sorts first.
    for url in ["https://bank/a", "https://bank/z"] {
        run.wait(LOOK_UP_PAUSE_MAX_MS);
        run.looked_up(Authorise, at(url));
        assert_eq!(run.telling().map(|(_, news)| news), Some(News::ActionNeeded { url: url.to_owned() }));
    }
    run.notice(at("https://bank/zz"));
    assert_eq!(
        run.state.standing,
        Standing::ActionNeeded { url: "https://bank/z".to_owned() },
        "of long ago, perhaps"
    );
    run.command(&Command::Void { asked: 9 }).expect("it can be let go");
    run.outcome(Void, Fact::Unknown);
    run.wait(LOOK_UP_PAUSE_MAX_MS);
    run.looked_up(Void, at("https://bank/b"));
    assert_eq!(run.keys().last(), Some(&key(Void).as_str()), "the void has not happened");
    run.outcome(Void, Fact::Voided);
    assert_eq!(run.telling().map(|(_, news)| news), Some(News::Voided));
    run.check_fold();
}

#[test]
fn a_void_that_comes_too_late_finds_the_money_taken() {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::AwaitingPayment { reference: "slip-1".to_owned() });
    run.command(&Command::Void { asked: 9 }).expect("a slip can be let go");
    run.outcome(Void, failed("already_paid"));
    assert_eq!(run.telling(), None, "why it could not be let go is not known yet");
    run.wait(EVERY_MS);
    run.looked_up(Void, Fact::Captured);
    let (ask, news) = run.telling().expect("the checkout is told");
    assert_eq!(news, News::Captured);
    run.answer(ask, AskAnswer::Checkout(checkout::Answer::Refund));
    assert_eq!(run.telling(), None);
    assert_eq!(run.keys().last(), Some(&"pay_0000000000000000000000002d-1/refund-0"));
    run.outcome(CallKind::Refund(0), Fact::Refunded { key: key(CallKind::Refund(0)) });
    assert!(run.state.refunds[0].done);
    assert!(run.state.asks.is_empty(), "nobody asked for this refund");
    run.check_fold();
}

#[test]
fn money_that_comes_after_everything_was_over_is_told() {
    let over: [fn(&mut Run); 3] = [
        |run| run.outcome(Authorise, failed("declined")),
        |run| {
            run.outcome(Authorise, Fact::Authorised);
            run.command(&Command::Void { asked: 9 }).expect("reserved money can be let go");
            run.outcome(Void, Fact::Voided);
        },
        |run| run.outcome(Authorise, Fact::Unknown),
    ];
    for over in over {
        let mut run = Run::new();
        over(&mut run);
        run.notice(Fact::Captured);
        let (ask, news) = run.telling().expect("the checkout is told");
        assert_eq!(news, News::Captured);
        run.answer(ask, AskAnswer::Checkout(checkout::Answer::Refund));
        run.answer(ask, AskAnswer::Checkout(checkout::Answer::Refund));
        assert_eq!(run.state.refunds.len(), 1);
        assert_eq!(run.state.refunds[0].amount, brl(10_000));
        run.check_fold();
    }
}

#[test]
fn a_capture_of_unknown_outcome_is_looked_up_and_made_again() {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::Authorised);
    run.command(&Command::Capture { asked: 9 }).expect("authorised money can be captured");
    run.looked_up(Capture, Fact::Authorised);
    assert_eq!(run.calls.len(), 2, "the call may still be under way");
    run.outcome(Capture, Fact::Unknown);
    run.wait(EVERY_MS);
    run.looked_up(Capture, Fact::Authorised);
    assert_eq!(run.keys(), [key(Authorise), key(Capture), look_up(Capture), key(Capture)]);
    run.outcome(Capture, Fact::Captured);
    assert_eq!(run.telling().map(|(_, news)| news), Some(News::Captured));
}

#[test]
fn a_refused_capture_lets_go_and_then_fails() {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::Authorised);
    run.command(&Command::Capture { asked: 9 }).expect("authorised money can be captured");
    run.outcome(Capture, failed("expired"));
    assert_eq!(run.telling(), None, "the money may still be reserved");
    assert_eq!(run.keys(), [key(Authorise), key(Capture), key(Void)]);
    run.outcome(Void, Fact::Voided);
    let failed = News::Failed { reason: "expired".to_owned() };
    assert_eq!(run.telling().map(|(_, news)| news), Some(failed));
    run.check_fold();
}

#[test]
fn a_void_during_a_capture_waits_for_the_capture() {
    let mut run = Run::new();
    run.outcome(Authorise, Fact::Authorised);
    run.command(&Command::Capture { asked: 9 }).expect("authorised money can be captured");
    assert_eq!(run.command(&Command::Void { asked: 10 }), Ok(Reply::Waiting));
    assert_eq!(run.keys(), [key(Authorise), key(Capture)]);
    run.outcome(Capture, Fact::Unknown);
    run.wait(EVERY_MS);
    run.looked_up(Capture, Fact::Authorised);
    assert_eq!(run.keys().last(), Some(&key(Void).as_str()), "not captured: let go instead");
    run.check_fold();
}

#[test]
fn refunds_never_share_a_cent() {
    let refund = |n, minor| Command::Refund { refund: refund_id(n), amount: brl(minor) };
    let refused = |why| Ok(Reply::Answer(Answer::Refused(why)));
    let mut run = Run::new();
    assert_eq!(run.command(&refund(1, 1)), refused(RefundRefused::NotCaptured));
    let mut run = captured();
    for (command, expected) in [
        (refund(1, 6_000), Ok(Reply::Waiting)),
        (refund(1, 6_000), Ok(Reply::Waiting)),
        (refund(1, 5_000), refused(RefundRefused::Mismatch)),
        (refund(2, 4_001), refused(RefundRefused::TooMuch)),
        (refund(2, 0), refused(RefundRefused::InvalidAmount)),
        (refund(2, -5), refused(RefundRefused::InvalidAmount)),
        (refund(0, 5), refused(RefundRefused::Mismatch)),
        (refund(3, 4_000), Ok(Reply::Waiting)),
        (refund(4, 1), refused(RefundRefused::TooMuch)),
    ] {
        assert_eq!(run.command(&command), expected, "{command:?}");
    }
    let euros = Command::Refund { refund: refund_id(9), amount: Money::new(1, Currency::EUR) };
    assert_eq!(run.command(&euros), refused(RefundRefused::InvalidAmount));
    let stranger = RefundId { order: OrderId(1), n: 9 };
    let stranger = Command::Refund { refund: stranger, amount: brl(1) };
    assert_eq!(run.command(&stranger), refused(RefundRefused::Mismatch));
    run.outcome(CallKind::Refund(1), Fact::Refunded { key: key(CallKind::Refund(1)) });
    run.notice(Fact::Refunded { key: key(CallKind::Refund(1)) });
    let told: Vec<_> =
        run.asks().into_iter().filter(|ask| ask.to == StreamId::Order(OrderId(CHECKOUT.0))).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(run.command(&refund(1, 6_000)), Ok(Reply::Answer(Answer::Refunded { refund: refund_id(1) })));
    run.answer(told[0].id, AskAnswer::Order(crate::order::Answer::Noted));
    assert_eq!(
        run.command(&refund(4, 1)),
        refused(RefundRefused::TooMuch),
        "what went back does not come again"
    );
    run.check_fold();
}

#[test]
fn a_refund_is_made_again_until_it_has_gone_through() {
    let mut run = captured();
    let (ask, _) = run.telling().expect("the checkout is told");
    run.answer(ask, AskAnswer::Checkout(checkout::Answer::Noted));
    run.command(&Command::Refund { refund: refund_id(1), amount: brl(500) }).expect("there is enough");
    let kind = CallKind::Refund(1);
    for _ in 0..3 {
        run.outcome(kind, Fact::Unknown);
        run.wait(LOOK_UP_PAUSE_MAX_MS);
        assert_eq!(run.keys().last(), Some(&look_up(kind).as_str()));
        run.looked_up(kind, Fact::Nothing);
        assert_eq!(run.keys().last(), Some(&key(kind).as_str()));
    }
    run.outcome(kind, Fact::Refunded { key: key(kind) });
    assert_eq!(run.state.look_up_at, None);
    assert_eq!(run.state.refunded_minor(), 500);
    run.check_fold();
}

#[test]
fn a_declined_refund_is_told_and_leaves_its_amount_to_another() {
    let refund = |n, minor| Command::Refund { refund: refund_id(n), amount: brl(minor) };
    let declined = Ok(Reply::Answer(Answer::Refused(RefundRefused::Declined)));
    for looked_up in [false, true] {
        let mut run = captured();
        let (ask, _) = run.telling().expect("the checkout is told");
        run.answer(ask, AskAnswer::Checkout(checkout::Answer::Noted));
        run.command(&refund(1, 9_000)).expect("there is enough");
        let kind = CallKind::Refund(1);
        if looked_up {
            run.outcome(kind, Fact::Unknown);
            run.wait(EVERY_MS);
            run.looked_up(kind, failed("account_closed"));
        } else {
            run.outcome(kind, failed("account_closed"));
        }
        let told: Vec<AskRequest> = run.asks().into_iter().map(|ask| ask.request).collect();
        let wanted = crate::order::Request::RefundFailed { refund: refund_id(1) };
        assert_eq!(told, [AskRequest::Order(wanted)]);
        assert_eq!(run.state.look_up_at, None, "nothing is tried again under a key that was declined");
        assert_eq!(run.command(&refund(1, 9_000)), declined, "whoever asks again is told the same");
        let calls = run.calls.len();
        assert_eq!(run.command(&refund(2, 9_000)), Ok(Reply::Waiting), "its amount is free again");
        assert_eq!(run.keys()[calls..], [key(CallKind::Refund(2))]);
        run.outcome(CallKind::Refund(2), Fact::Refunded { key: key(CallKind::Refund(2)) });
        assert_eq!(run.state.refunded_minor(), 9_000);
        run.check_fold();
    }
}

#[test]
fn a_refund_that_nobody_asked_for_is_tried_again_under_new_keys_and_not_for_ever() {
    let given_back = || {
        let mut run = captured();
        let (ask, _) = run.telling().expect("the checkout is told");
        run.answer(ask, AskAnswer::Checkout(checkout::Answer::Refund));
        run.outcome(CallKind::Refund(0), failed("try_later"));
        run
    };
    let mut run = given_back();
    assert!(run.state.asks.is_empty(), "nobody is told");
    let at = run.state.look_up_at.expect("it is tried again");
    run.wait(at.millis_since(run.now));
    let again = CallKind::RefundAgain(0, 2);
    assert_eq!(run.keys().last(), Some(&key(again).as_str()));
    run.outcome(again, Fact::Unknown);
    run.wait(LOOK_UP_PAUSE_MAX_MS);
    run.looked_up(again, Fact::Refunded { key: key(again) });
    assert_eq!((run.state.refunded_minor(), run.state.look_up_at), (10_000, None));
    run.check_fold();

    let mut run = given_back();
    for attempt in 2..=OWN_REFUND_TRIES_MAX {
        run.wait(LOOK_UP_PAUSE_MAX_MS);
        run.outcome(CallKind::RefundAgain(0, attempt), failed("try_later"));
    }
    assert_eq!(run.state.look_up_at, None, "now it is a person's turn");
    // It went back after all, by the first try.
    run.notice(Fact::Refunded { key: key(CallKind::Refund(0)) });
    assert!(run.state.refunds[0].done);
    run.check_fold();
}

#[test]
fn what_does_not_exist_answers_unknown() {
    let state = Payment::initial(StreamId::Payment(PAYMENT));
    let ctx = Run::new().ctx();
    let outcome = Payment::decide(&state, &Command::Void { asked: 1 }, &ctx);
    assert!(matches!(outcome, Err(Rejection::UnknownPayment)));
    assert_eq!(Payment::answer_of(&Err(Rejection::UnknownPayment)), AskAnswer::Unknown);
    assert_eq!(Payment::next_deadline(&state), None);
}

#[test]
fn what_a_provider_writes_is_cut_to_size() {
    let mut run = Run::new();
    run.outcome(Authorise, failed(&"é".repeat(100)));
    let Standing::Failed { reason } = &run.state.standing else { panic!("{:?}", run.state.standing) };
    assert_eq!(reason.chars().count(), PROVIDER_TEXT_MAX / 2);
}
