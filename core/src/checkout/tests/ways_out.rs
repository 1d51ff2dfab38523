//! Every way an attempt can end, and that none leaves a hold or a cent behind.

use super::*;

/// The holds whose undo is asked for.
fn undos(run: &Run) -> Vec<u32> {
    let undo = |request: &AskRequest| match request {
        AskRequest::Stock(inventory::Request::Undo { hold, .. }) => Some(hold.n),
        _ => None,
    };
    run.requests().iter().filter_map(undo).collect()
}

fn failed(reason: &str) -> News {
    News::Failed { reason: reason.to_owned() }
}

fn refund() -> AskAnswer {
    AskAnswer::Checkout(Answer::Refund)
}

fn noted() -> AskAnswer {
    AskAnswer::Checkout(Answer::Noted)
}

#[test]
fn a_round_is_not_done_until_all_have_answered() {
    let mut run = Run::quoted(&[line(7, 1), line(8, 1), line(9, 1)]);
    run.pay();
    let asks = run.asks();
    run.answer(&asks[1], out_of_stock());
    run.answer(&asks[0], held());
    assert_eq!(run.state.step(), Step::Holding);
    assert_eq!(run.told(), None);
    run.answer(&asks[2], held());
    assert_eq!(run.told(), Some(&Err(Rejection::OutOfStock { lines: vec![2] })));
    assert_eq!(run.state.step(), Step::Quoted);
    assert_eq!(undos(&run), [1, 2, 3], "whatever was answered");
    assert!(run.created.is_empty(), "no money was asked for");
    // The next round has names of its own.
    run.pay();
    let holds: Vec<u32> =
        run.state.attempt().map(|a| a.holds.iter().map(|hold| hold.hold.n).collect()).unwrap_or_default();
    assert_eq!(holds, [4, 5, 6]);
    assert_eq!(run.payment().attempt, 2);
    assert_eq!(undos(&run), [1, 2, 3], "an undo is asked until it is answered");
    for ask in run.asks() {
        let undo = matches!(ask.request, AskRequest::Stock(inventory::Request::Undo { .. }));
        run.answer(&ask, if undo { undone() } else { held() });
    }
    assert_eq!(run.state.step(), Step::Paying(PayingStep::Authorising));
    assert!(run.asks().is_empty());
    run.check_fold();
}

#[test]
fn what_was_closed_since_it_was_quoted_ends_the_quote() {
    let closed = |why| AskAnswer::Stock(inventory::Answer::Refused(why));
    for answer in [
        closed(inventory::Rejection::NotForSale),
        closed(inventory::Rejection::UnknownSku),
        AskAnswer::Unknown,
    ] {
        let mut run = Run::quoted(&[line(7, 1), line(8, 1), line(9, 1)]);
        run.pay();
        let asks = run.asks();
        run.answer(&asks[1], answer);
        run.answer(&asks[0], held());
        // A lack of stock beside it is no second reason: the next quote is asked for without the closed line.
        run.answer(&asks[2], out_of_stock());
        assert_eq!(run.told(), Some(&Err(Rejection::NotForSale { lines: vec![2] })));
        assert_eq!((run.state.step(), &run.state.quote), (Step::ShippingChosen, &None));
        assert_eq!(undos(&run), [1, 2, 3]);
        run.ok(Command::SetLine(line(8, 0)));
        run.send(Command::RequestQuote);
        for _ in 0..2 {
            run.answer_all(|request| match request {
                AskRequest::Product(product::Request::Offer { sku, .. }) => offer(*sku),
                AskRequest::Vendor(_) => terms(true),
                _ => undone(),
            });
        }
        assert_eq!(run.state.step(), Step::Quoted);
        run.check_fold();
    }
}

#[test]
fn a_round_that_takes_too_long_is_given_up() {
    let mut run = Run::quoted(&[line(7, 1), line(8, 1)]);
    run.pay();
    let asks = run.asks();
    run.answer(&asks[0], held());
    run.wait(limits().hold_ttl_ms);
    assert_eq!(run.told(), Some(&Err(Rejection::NoAnswer)));
    assert_eq!(undos(&run), [1, 2]);
    run.answer(&asks[1], held());
    assert_eq!(run.state.step(), Step::Quoted, "an answer to a closed ask changes nothing");
    // The quote ended while nobody looked: both ends are told at once.
    let mut run = Run::quoted(&[line(7, 1)]);
    run.pay();
    run.wait(limits().quote_ttl_ms);
    assert_eq!(run.state.step(), Step::ShippingChosen);
    assert_eq!(run.told(), Some(&Err(Rejection::NoAnswer)));
    run.check_fold();
}

#[test]
fn a_refused_card_gives_the_units_back_and_another_may_be_tried() {
    let mut run = Run::authorising(&[line(7, 1), line(8, 1)]);
    assert_eq!(run.news(failed("declined")), noted());
    assert_eq!(run.told(), Some(&Err(Rejection::PaymentFailed { reason: "declined".to_owned() })));
    assert_eq!((run.state.step(), undos(&run)), (Step::Quoted, vec![1, 2]));
    run.pay();
    assert_eq!(run.payment().attempt, 2);
    // The first one took the money after all: nobody waits for it.
    let first = PaymentId { attempt: 1, ..run.payment() };
    let events = run.events.len();
    assert_eq!(run.news_of(first, News::Captured), refund());
    assert_eq!(run.news_of(first, News::Authorised), noted());
    assert_eq!(run.events.len(), events);
    run.check_fold();
}

#[test]
fn three_d_secure_is_told_and_then_goes_on() {
    let mut run = Run::authorising(&[line(7, 1)]);
    let payment = run.payment();
    let needed = News::ActionNeeded { url: "https://bank.example".to_owned() };
    assert_eq!(run.news(needed.clone()), noted());
    assert_eq!(run.told(), Some(&Ok(Reply::ActionNeeded { payment })));
    assert_eq!(run.state.parked(), None);
    assert_eq!(run.news(News::Authorised), AskAnswer::Waiting);
    assert_eq!(run.news(needed), noted(), "late");
    assert_eq!(run.state.step(), Step::Paying(PayingStep::Committing));
}

#[test]
fn a_shopper_who_never_comes_back_is_voided_first_and_released_after() {
    let mut run = Run::authorising(&[line(7, 1)]);
    run.news(News::ActionNeeded { url: "https://bank.example".to_owned() });
    run.wait(limits().card_ms - 1);
    assert_eq!(run.state.step(), Step::Paying(PayingStep::ActionNeeded));
    run.wait(1);
    assert_eq!(run.requests(), [AskRequest::Payment(payment::Request::Void)], "nothing is released yet");
    run.answer_all(|_| AskAnswer::Waiting);
    assert_eq!(run.news(News::Authorised), AskAnswer::Waiting, "too late");
    assert_eq!(run.state.step(), Step::Paying(PayingStep::Voiding));
    assert_eq!(run.news(News::Voided), noted());
    assert_eq!((run.state.step(), undos(&run)), (Step::Quoted, vec![1]));
    run.answer_all(|_| undone());
    assert!(run.asks().is_empty());
    run.check_fold();
}

#[test]
fn the_newest_address_at_the_bank_is_the_one_to_go_to() {
    let mut run = Run::authorising(&[line(7, 1)]);
    let at = |url: &str| News::ActionNeeded { url: url.to_owned() };
    for (url, events) in [("b", 1), ("b", 0), ("a", 1)] {
        let before = run.events.len();
        assert_eq!(run.news(at(url)), noted());
        assert_eq!(run.events.len() - before, events);
        let attempt = run.state.attempt().expect("it is being paid");
        assert_eq!(attempt.step, PayStep::ActionNeeded { url: url.to_owned() });
    }
    run.check_fold();
}

#[test]
fn what_is_paid_at_the_last_moment_is_sold() {
    let mut run = Run::authorising(&[line(7, 1)]);
    run.wait(limits().card_ms);
    assert_eq!(run.news(News::Captured), AskAnswer::Waiting, "not decided before the units are");
    assert_eq!(run.state.step(), Step::Paying(PayingStep::Committing));
    run.answer_all(|_| committed());
    assert_eq!(run.state.step(), Step::Placed);
    assert_eq!(run.news(News::Captured), noted());
    assert_eq!(run.told(), Some(&Ok(Reply::Placed { order: OrderId(CHECKOUT.0), total: brl(77) })));
    run.check_fold();
}

#[test]
fn the_answer_to_a_void_may_be_the_news() {
    let news: [(News, Step); 3] = [
        (News::Voided, Step::Quoted),
        (failed("never_reached"), Step::Quoted),
        (News::Captured, Step::Paying(PayingStep::Committing)),
    ];
    for (news, step) in news {
        let mut run = Run::authorising(&[line(7, 1)]);
        run.wait(limits().card_ms);
        run.answer_all(|_| AskAnswer::Payment(payment::Answer::Is(news.clone())));
        assert_eq!(run.state.step(), step);
        run.check_fold();
    }
}

#[test]
fn money_that_is_taken_at_once_needs_no_capture() {
    let mut run = Run::authorising(&[line(7, 1), line(8, 1)]);
    assert_eq!(run.news(News::Captured), AskAnswer::Waiting);
    run.answer_all(|_| committed());
    assert_eq!(run.state.step(), Step::Placed);
    assert!(!run.events.iter().any(|(_, event)| matches!(event, Event::CaptureAsked { .. })));
    assert_eq!(run.news(News::Captured), noted());
    assert_eq!(run.orders(), 1);
}

#[test]
fn a_capture_notice_while_committing_is_recorded_and_used() {
    let mut run = Run::authorising(&[line(7, 1), line(8, 1)]);
    run.news(News::Authorised);
    let asks = run.asks();
    run.answer(&asks[0], committed());
    assert_eq!(run.news(News::Captured), AskAnswer::Waiting);
    assert_eq!(run.news(News::Captured), AskAnswer::Waiting);
    run.answer(&asks[1], committed());
    assert_eq!(run.state.step(), Step::Placed);
    run.check_fold();
}

#[test]
fn news_that_was_overtaken_is_stale() {
    let mut run = Run::authorising(&[line(7, 1)]);
    let payment = run.payment();
    run.run(&Command::PaymentMoved { asked: 9, payment, news: News::Captured }, None);
    let late = run.run(&Command::PaymentMoved { asked: 8, payment, news: News::Authorised }, None);
    assert_eq!(late, Some(Err(Rejection::Stale)));
    assert_eq!(Checkout::answer_of(&Err(Rejection::Stale)), AskAnswer::Stale);
    let stranger = PaymentId { checkout: CheckoutId(1), attempt: 1 };
    assert_eq!(run.news_of(stranger, News::Captured), AskAnswer::Unknown);
}

#[test]
fn a_commit_that_can_never_succeed_fails_the_checkout() {
    let refused = || AskAnswer::Stock(inventory::Answer::Refused(inventory::Rejection::UnknownHold));
    // Reserved money is let go before anything is released.
    let mut run = Run::authorising(&[line(7, 1), line(8, 1)]);
    run.news(News::Authorised);
    let asks = run.asks();
    run.answer(&asks[0], committed());
    run.answer(&asks[1], refused());
    assert_eq!(run.requests(), [AskRequest::Payment(payment::Request::Void)]);
    assert_eq!(run.news(News::Voided), noted());
    assert_eq!((run.state.step(), undos(&run)), (Step::Failed, vec![1, 2]));
    assert_eq!(run.told(), Some(&Err(Rejection::Failed)));
    run.check_fold();
    // Taken money goes back.
    let mut run = Run::authorising(&[line(7, 1)]);
    run.news(News::Captured);
    run.answer_all(|_| refused());
    assert_eq!((run.state.step(), undos(&run)), (Step::Failed, vec![1]));
    assert_eq!(run.news(News::Captured), refund());
    // So does money that comes while it is being let go.
    let mut run = Run::authorising(&[line(7, 1)]);
    run.news(News::Authorised);
    run.answer_all(|_| refused());
    assert_eq!(run.news(News::Captured), refund());
    assert_eq!((run.state.step(), undos(&run)), (Step::Failed, vec![1]));
    assert_eq!(run.orders(), 0);
}

#[test]
fn a_capture_that_is_refused_takes_the_units_back() {
    let mut run = Run::authorising(&[line(7, 1)]);
    run.news(News::Authorised);
    run.answer_all(|_| committed());
    assert_eq!(run.news(failed("expired")), noted());
    assert_eq!((run.state.step(), undos(&run)), (Step::Quoted, vec![1]));
    run.check_fold();
}

#[test]
fn a_shopper_may_give_up_until_the_money_is_promised() {
    let gone = Some(Ok(Reply::At { step: Step::Expired }));
    let mut run = Run::quoted(&[line(7, 1)]);
    assert_eq!(run.send(Command::Abandon), gone);
    assert_eq!(run.send(Command::Abandon), gone);
    let mut run = Run::quoted(&[line(7, 1)]);
    run.pay();
    assert_eq!(run.send(Command::Abandon), gone);
    assert_eq!(run.told(), Some(&Err(Rejection::Abandoned)));
    assert_eq!(undos(&run), [1]);
    run.answer_all(|_| undone());
    assert!(run.asks().is_empty(), "an ended checkout still hears what it asked");
    // While money is asked for, it is let go first.
    for (news, answer) in [(News::Voided, noted()), (News::Captured, refund())] {
        let mut run = Run::authorising(&[line(7, 1)]);
        let voiding = Step::Paying(PayingStep::Voiding);
        assert_eq!(run.send(Command::Abandon), Some(Ok(Reply::At { step: voiding })));
        assert_eq!(run.news(news), answer);
        assert_eq!((run.state.step(), undos(&run)), (Step::Expired, vec![1]));
        assert_eq!(run.told(), Some(&Err(Rejection::Abandoned)));
        run.check_fold();
    }
    let mut run = Run::authorising(&[line(7, 1)]);
    run.news(News::Authorised);
    assert_eq!(run.send(Command::Abandon), Some(Err(Rejection::PaymentInProgress)));
}

#[test]
fn what_is_placed_stays_placed() {
    let mut run = Run::authorising(&[line(7, 1)]);
    run.news(News::Captured);
    run.answer_all(|_| committed());
    let events = run.events.len();
    let placed = Some(Err(Rejection::Placed { order: OrderId(CHECKOUT.0) }));
    for command in [
        Command::SetLine(line(7, 2)),
        Command::SetAddress(address()),
        Command::RequestQuote,
        Command::Abandon,
        Command::Pay { quote: QuoteId(1), total: brl(1), method: card() },
    ] {
        assert_eq!(run.send(command), placed);
    }
    for news in [News::Captured, News::Voided, News::Authorised, failed("x")] {
        assert_eq!(run.news(news), noted());
    }
    run.wait(limits().cart_ttl_ms * 2);
    assert_eq!(run.events.len(), events);
}
