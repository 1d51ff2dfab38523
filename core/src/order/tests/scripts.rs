//! What an order does, case by case.

use super::*;
use crate::ask::{AskId, AskRequest};
use crate::ids::{OrderId, ShardNo};
use crate::order::fixture::{CHECKOUT, brl, line, order_of, payment};
use crate::payment;

#[test]
fn placing_creates_the_stream_with_one_event_and_a_mail() {
    let creation = place(two_vendors());
    assert_eq!(creation.stream, StreamId::Order(ORDER));
    assert_eq!(creation.events, vec![AnyEvent::Order(Event::Placed(two_vendors()))]);
    assert_eq!(creation.outbox().count(), 1);
}

#[test]
fn an_order_number_can_be_read_out() {
    let number = ORDER.number();
    assert_eq!(number.len(), 11);
    assert!(
        number.chars().all(|letter| letter == '-' || letter.is_ascii_digit() || letter.is_ascii_uppercase())
    );
    assert!(!number.contains(['I', 'L', 'O', 'U']));
    assert_ne!(number, OrderId(CHECKOUT.0 + 1).number());
}

#[test]
fn vendor_orders_are_numbered_by_vendor_id() {
    let run = Run::new(two_vendors());
    let parts: Vec<_> =
        run.state.vendor_orders.iter().map(|(n, part)| (*n, part.vendor, part.lines.clone())).collect();
    assert_eq!(parts, vec![(1, LOW_VENDOR, vec![2]), (2, HIGH_VENDOR, vec![1, 3])]);
}

#[test]
fn nothing_is_known_of_an_order_that_was_never_placed() {
    let nowhere = Run { state: State::default(), seq: 0, log: Vec::new(), effects: Vec::new() };
    let refused = nowhere.decide(&Command::Accept { by: Actor::Operator, vendor_order: 1 });
    assert_eq!(refused.map(|_| ()), Err(Rejection::UnknownOrder));
}

#[test]
fn a_vendor_order_goes_from_placed_to_delivered() {
    let mut run = Run::new(two_vendors());
    let status = |run: &Run| {
        let at_a_glance = summary(&run.state).unwrap();
        (at_a_glance.status, at_a_glance.vendor_orders[1].status)
    };
    assert_eq!(status(&run), (Status::Placed, Status::Placed));
    assert_eq!(run.does(Command::Accept { by: HIGH, vendor_order: 2 }), Ok(Reply::Accepted));
    assert_eq!(status(&run), (Status::Placed, Status::Accepted));
    assert_eq!(run.does(ship(HIGH, 2, 1, Some(vec![3]))), Ok(Reply::Shipped { number: 1, lines: vec![3] }));
    assert_eq!(status(&run), (Status::PartlyShipped, Status::PartlyShipped));
    assert_eq!(run.does(ship(HIGH, 2, 2, None)), Ok(Reply::Shipped { number: 2, lines: vec![1] }));
    assert_eq!(status(&run), (Status::PartlyShipped, Status::Shipped));
    assert_eq!(run.does(Command::Deliver { by: HIGH, parcel: ParcelId(1) }), Ok(Reply::Delivered));
    assert_eq!(run.does(Command::Deliver { by: HIGH, parcel: ParcelId(2) }), Ok(Reply::Delivered));
    assert_eq!(status(&run), (Status::PartlyShipped, Status::Delivered));
    // Shipping accepts, too.
    assert_eq!(run.does(ship(LOW, 1, 3, None)), Ok(Reply::Shipped { number: 3, lines: vec![2] }));
    assert!(run.state.vendor_orders[&1].accepted);
    assert_eq!(run.does(Command::Deliver { by: Actor::Operator, parcel: ParcelId(3) }), Ok(Reply::Delivered));
    assert_eq!(status(&run), (Status::Delivered, Status::Delivered));
    let mails = run.effects.iter().filter(|effect| matches!(effect, any::Effect::Mail(_))).count();
    assert_eq!(mails, 3);
}

#[test]
fn shipping_asks_the_shard_of_each_line() {
    let mut run = Run::new(two_vendors());
    run.does(ship(HIGH, 2, 1, None)).unwrap();
    let asks = run.open_asks();
    let asked: Vec<(AskId, AskRequest)> = asks.iter().map(|ask| (ask.id, ask.request.clone())).collect();
    let stream = StreamId::Order(ORDER);
    let wanted: Vec<(AskId, AskRequest)> = [(0u16, 1u32), (1, 3)]
        .into_iter()
        .map(|(n, number)| {
            let hold = run.state.line(number).unwrap().hold.id;
            // The second event: the first one accepts.
            (AskId { stream, seq: 3, n }, AskRequest::Stock(inventory::Request::Ship { hold }))
        })
        .collect();
    assert_eq!(asked, wanted);
    assert_eq!(asks[0].to, StreamId::Stock(run.state.line(1).unwrap().hold.shard));

    assert_eq!(run.answers(&asks[0], AskAnswer::Waiting), 0);
    assert_eq!(run.answers(&asks[0], done()), 1);
    assert_eq!(run.answers(&asks[0], done()), 0, "an answer to a closed ask changes nothing");
    assert_eq!(run.answers(&asks[1], done()), 1);
    assert!(run.open_asks().is_empty());
    assert!(run.state.flags.is_empty());
}

#[test]
fn a_shard_that_refuses_flags_the_order() {
    let mut run = Run::new(two_vendors());
    run.does(ship(LOW, 1, 1, None)).unwrap();
    let why = inventory::Rejection::UnknownHold;
    let ask = run.open_asks().remove(0);
    assert_eq!(run.answers(&ask, AskAnswer::Stock(inventory::Answer::Refused(why))), 1);
    assert_eq!(run.state.flags, vec![Flag::StockRefused { line: 2, why }]);
    assert!(summary(&run.state).unwrap().flagged);
}

#[test]
fn a_parcel_is_known_by_its_id() {
    let mut run = Run::new(two_vendors());
    run.does(ship(HIGH, 2, 1, Some(vec![3, 1, 3]))).unwrap();
    let seq = run.seq;
    for same in [None, Some(vec![1, 3]), Some(vec![3, 1])] {
        assert_eq!(run.does(ship(HIGH, 2, 1, same)), Ok(Reply::Shipped { number: 1, lines: vec![1, 3] }));
    }
    assert_eq!(run.seq, seq);
    assert_eq!(run.does(ship(HIGH, 2, 1, Some(vec![1]))), Err(Rejection::ParcelMismatch));
    assert_eq!(run.does(ship(LOW, 1, 1, None)), Err(Rejection::ParcelMismatch));
    let other = Command::Ship {
        by: HIGH,
        vendor_order: 2,
        parcel: ParcelId(1),
        lines: None,
        tracking: Some("BR123".to_owned()),
    };
    assert_eq!(run.does(other), Err(Rejection::ParcelMismatch));
}

#[test]
fn nobody_touches_what_belongs_to_another() {
    let accept = |by, vendor_order| Command::Accept { by, vendor_order };
    let deliver = |by| Command::Deliver { by, parcel: ParcelId(1) };
    let mut run = Run::new(two_vendors());
    run.does(ship(LOW, 1, 1, None)).unwrap();
    for (command, why) in [
        (accept(LOW, 2), Rejection::NotYours),
        (accept(STRANGER, 1), Rejection::NotYours),
        (accept(Actor::Buyer, 1), Rejection::NotYours),
        (accept(Actor::Operator, 3), Rejection::UnknownVendorOrder),
        (ship(LOW, 2, 2, None), Rejection::NotYours),
        (ship(Actor::Buyer, 2, 2, None), Rejection::NotYours),
        // Line 2 exists, but not in this vendor order.
        (ship(HIGH, 2, 2, Some(vec![2])), Rejection::UnknownLine),
        (ship(HIGH, 2, 2, Some(vec![99])), Rejection::UnknownLine),
        (ship(HIGH, 2, 2, Some(Vec::new())), Rejection::NothingToShip),
        (deliver(HIGH), Rejection::NotYours),
        (deliver(Actor::Buyer), Rejection::NotYours),
        (Command::Deliver { by: LOW, parcel: ParcelId(9) }, Rejection::UnknownParcel),
        (cancel(LOW, Scope::Line(1)), Rejection::NotYours),
        (cancel(LOW, Scope::VendorOrder(2)), Rejection::NotYours),
        (cancel(LOW, Scope::Order), Rejection::NotYours),
        (cancel(HIGH, Scope::Line(4)), Rejection::UnknownLine),
        (cancel(HIGH, Scope::VendorOrder(0)), Rejection::UnknownVendorOrder),
    ] {
        assert_eq!(run.does(command.clone()), Err(why), "{command:?}");
    }
}

#[test]
fn tracking_references_are_checked() {
    let run = Run::new(two_vendors());
    for bad in ["", " x", "x\n", "\u{7}", &"x".repeat(TRACKING_MAX + 1)] {
        let tracking = Some(bad.to_owned());
        let command = Command::Ship { by: LOW, vendor_order: 1, parcel: ParcelId(1), lines: None, tracking };
        assert_eq!(run.decide(&command).map(|_| ()), Err(Rejection::InvalidTracking), "{bad:?}");
    }
}

#[test]
fn what_is_decided_first_about_a_line_wins() {
    let mut run = Run::new(two_vendors());
    run.does(cancel(Actor::Buyer, Scope::Line(1))).unwrap();
    assert_eq!(run.does(ship(HIGH, 2, 1, Some(vec![1]))), Err(Rejection::AlreadyCancelled { line: 1 }));
    assert_eq!(run.does(ship(HIGH, 2, 1, None)), Ok(Reply::Shipped { number: 1, lines: vec![3] }));
    assert_eq!(run.does(cancel(Actor::Buyer, Scope::Line(3))), Err(Rejection::AlreadyShipped { line: 3 }));
    assert_eq!(run.does(ship(HIGH, 2, 2, Some(vec![3]))), Err(Rejection::AlreadyShipped { line: 3 }));
    assert_eq!(run.does(ship(HIGH, 2, 2, None)), Err(Rejection::NothingToShip));
    // Each hold was asked about once.
    assert_eq!(run.open_asks().len(), 3);
}

#[test]
fn cancelling_sends_units_and_money_back() {
    let mut run = Run::new(two_vendors());
    let reply = run.does(cancel(HIGH, Scope::VendorOrder(2)));
    assert_eq!(reply, Ok(Reply::Cancelled { lines: vec![1, 3], refunded: brl(2_150 + 1_150) }));
    let part =
        RefundPart { refund: RefundId { order: ORDER, n: 1 }, payment: payment(1), amount: brl(3_300) };
    let Event::Cancelled { lines, by, refunds, transaction, .. } = run.last() else {
        panic!("{:?}", run.last())
    };
    assert_eq!((lines, *by, refunds), (&vec![1, 3], HIGH, &vec![part]));
    assert!(transaction.imbalance().is_empty());

    let asks = run.open_asks();
    assert_eq!(asks.len(), 3);
    assert!(matches!(asks[0].request, AskRequest::Stock(inventory::Request::Undo { .. })));
    let wanted = payment::Request::Refund { refund: part.refund, amount: part.amount };
    assert_eq!(
        (asks[2].to, asks[2].request.clone()),
        (StreamId::Payment(payment(1)), AskRequest::Payment(wanted))
    );

    let again = run.does(cancel(HIGH, Scope::VendorOrder(2)));
    assert_eq!(again, Ok(Reply::Cancelled { lines: vec![1, 3], refunded: brl(0) }));
    assert_eq!(run.open_asks().len(), 3);
    let at_a_glance = summary(&run.state).unwrap();
    assert_eq!(
        (at_a_glance.status, at_a_glance.vendor_orders[1].status),
        (Status::Placed, Status::Cancelled)
    );
    assert_eq!((at_a_glance.refund_pending, at_a_glance.refunded), (brl(3_300), brl(0)));
}

#[test]
fn a_refund_that_one_payment_cannot_give_is_split() {
    let mut run = Run::new(two_vendors());
    run.does(cancel(Actor::Operator, Scope::Line(1))).unwrap();
    run.does(cancel(Actor::Operator, Scope::Order)).unwrap();
    let parts: Vec<_> =
        run.state.refunds.values().map(|refund| (refund.part.payment, refund.part.amount)).collect();
    assert_eq!(parts, vec![(payment(1), brl(2_150)), (payment(1), brl(1_850)), (payment(2), brl(440))]);
    assert_eq!(summary(&run.state).unwrap().status, Status::Cancelled);
    assert_eq!(
        run.does(Command::Accept { by: LOW, vendor_order: 1 }),
        Err(Rejection::AlreadyCancelled { line: 2 })
    );
}

#[test]
fn cancelling_the_whole_order_leaves_what_has_left() {
    let mut run = Run::new(two_vendors());
    run.does(ship(LOW, 1, 1, None)).unwrap();
    let reply = run.does(cancel(Actor::Buyer, Scope::Order));
    assert_eq!(reply, Ok(Reply::Cancelled { lines: vec![1, 3], refunded: brl(3_300) }));
    assert_eq!(
        run.does(cancel(Actor::Buyer, Scope::Order)),
        Ok(Reply::Cancelled { lines: vec![1, 3], refunded: brl(0) })
    );
    assert_eq!(run.does(cancel(LOW, Scope::VendorOrder(1))), Err(Rejection::AlreadyShipped { line: 2 }));
    assert_eq!(summary(&run.state).unwrap().status, Status::Shipped);
}

#[test]
fn free_lines_need_no_refund() {
    let mut free = line(1, LOW_VENDOR, 1);
    free.unit_price = brl(0);
    free.shipping = brl(0);
    free.commission.amount = brl(0);
    let mut run = Run::new(order_of(vec![free], vec![]));
    let reply = run.does(cancel(Actor::Buyer, Scope::Order));
    assert_eq!(reply, Ok(Reply::Cancelled { lines: vec![1], refunded: brl(0) }));
    assert_eq!(run.open_asks().len(), 1);
}

#[test]
fn money_that_was_never_taken_cannot_go_back() {
    let run = Run::new(order_of(vec![line(1, LOW_VENDOR, 1)], vec![(payment(1), brl(1))]));
    let refused = run.decide(&cancel(Actor::Buyer, Scope::Order)).map(|_| ());
    assert_eq!(refused, Err(Rejection::Unbalanced));
}

#[test]
fn a_refund_is_posted_once_whoever_says_that_it_moved() {
    let refund = RefundId { order: ORDER, n: 1 };
    let ask_of_payment = Ask {
        id: AskId { stream: StreamId::Payment(payment(1)), seq: 9, n: 0 },
        to: StreamId::Order(ORDER),
        request: AskRequest::Order(Request::RefundMoved { refund }),
    };
    let moved = Order::command_of_ask(&ask_of_payment).unwrap();
    let answer = AskAnswer::Payment(payment::Answer::Refunded { refund });
    for by_ask in [true, false] {
        let mut run = Run::new(two_vendors());
        run.does(cancel(Actor::Buyer, Scope::Line(2))).unwrap();
        let ask = run.open_asks().remove(1);
        if by_ask {
            assert_eq!(run.answers(&ask, AskAnswer::Waiting), 0);
            assert_eq!(run.does(moved.clone()), Ok(Reply::Noted));
            assert_eq!(run.answers(&ask, answer.clone()), 0);
        } else {
            assert_eq!(run.answers(&ask, answer.clone()), 1);
            let seq = run.seq;
            assert_eq!(run.does(moved.clone()), Ok(Reply::Noted));
            assert_eq!(run.seq, seq);
        }
        let Event::Refunded { transaction, .. } = run.last() else { panic!("{:?}", run.last()) };
        assert!(transaction.imbalance().is_empty());
        assert_eq!(run.state.refunds[&1].stage, RefundStage::Done);
        assert_eq!(summary(&run.state).unwrap().refunded, brl(1_140));
        assert_eq!(run.open_asks().len(), 1, "the shard has not answered");
    }
    let outcome = Ok(Reply::Noted);
    assert_eq!(Order::answer_of(&outcome), AskAnswer::Order(Answer::Noted));
}

#[test]
fn a_refused_refund_flags_the_order_and_may_still_go_through() {
    let mut run = Run::new(two_vendors());
    run.does(cancel(Actor::Buyer, Scope::Line(2))).unwrap();
    let ask = run.open_asks().remove(1);
    let refund = RefundId { order: ORDER, n: 1 };
    let why = RefundRefused::TooMuch;
    assert_eq!(run.answers(&ask, AskAnswer::Payment(payment::Answer::Refused(why))), 1);
    assert_eq!(run.state.flags, vec![Flag::RefundRefused { refund, why: Some(why) }]);
    assert_eq!(run.state.refunds[&1].stage, RefundStage::Refused);
    assert!(!run.state.asks.contains(&ask.id));
    assert_eq!(run.does(Command::RefundMoved { refund }), Ok(Reply::Noted));
    assert_eq!(run.state.refunds[&1].stage, RefundStage::Done);
}

#[test]
fn a_refused_refund_is_tried_again_for_the_same_debt_under_a_new_name() {
    let retry = |by, refund| Command::RetryRefund { by, refund };
    let refund = |n| RefundId { order: ORDER, n };
    for by_ask in [false, true] {
        let mut run = Run::new(two_vendors());
        run.does(cancel(Actor::Buyer, Scope::Line(2))).unwrap();
        let owed = run.state.refunds[&1].part;
        assert_eq!(run.does(retry(Actor::Operator, 1)), Err(Rejection::RefundNotRefused), "it is under way");
        let ask = run.open_asks().remove(1);
        let why = RefundRefused::Declined;
        if by_ask {
            assert_eq!(run.does(Command::RefundFailed { refund: refund(1) }), Ok(Reply::Noted));
        }
        let more = run.answers(&ask, AskAnswer::Payment(payment::Answer::Refused(why)));
        assert_eq!(more, usize::from(!by_ask), "told once");
        assert_eq!(run.state.flags, vec![Flag::RefundRefused { refund: refund(1), why: Some(why) }]);
        for by in [Actor::Buyer, LOW, HIGH] {
            assert_eq!(run.does(retry(by, 1)), Err(Rejection::NotYours));
        }
        assert_eq!(run.does(retry(Actor::Operator, 7)), Err(Rejection::UnknownRefund));
        let reply = Ok(Reply::RefundRetried { refund: refund(2) });
        assert_eq!(run.does(retry(Actor::Operator, 1)), reply);
        assert_eq!(run.state.flags, Vec::new(), "a person has seen to it");
        let seq = run.seq;
        assert_eq!(run.does(retry(Actor::Operator, 1)), reply, "again is once");
        assert_eq!(run.seq, seq);
        let part = run.state.refunds[&2].part;
        assert_eq!((part.payment, part.amount), (owed.payment, owed.amount));
        let asked = run.open_asks().into_iter().filter_map(|ask| match ask.request {
            AskRequest::Payment(payment::Request::Refund { refund, amount }) => Some((refund, amount)),
            _ => None,
        });
        assert_eq!(asked.collect::<Vec<_>>(), [(refund(2), owed.amount)]);
        assert_eq!(run.does(Command::RefundMoved { refund: refund(2) }), Ok(Reply::Noted));
        assert_eq!(run.does(retry(Actor::Operator, 2)), Err(Rejection::RefundNotRefused));
        let at_a_glance = summary(&run.state).unwrap();
        assert_eq!((at_a_glance.refund_pending.minor, at_a_glance.refunded), (0, owed.amount));
        // What was replaced takes nothing from what can still go back.
        run.does(cancel(Actor::Buyer, Scope::Order)).unwrap();
    }
}

#[test]
fn refunds_of_others_are_unknown() {
    let mut run = Run::new(two_vendors());
    run.does(cancel(Actor::Buyer, Scope::Line(2))).unwrap();
    for (order, n) in [(ORDER, 2), (ORDER, 0), (OrderId(1), 1)] {
        let refused = run.does(Command::RefundMoved { refund: RefundId { order, n } });
        assert_eq!(refused, Err(Rejection::UnknownRefund));
    }
    assert_eq!(Order::answer_of(&Err(Rejection::UnknownRefund)), AskAnswer::Unknown);
}

#[test]
fn an_unknown_payment_is_a_refusal_without_a_reason() {
    let mut run = Run::new(two_vendors());
    run.does(cancel(Actor::Buyer, Scope::Line(2))).unwrap();
    let asks = run.open_asks();
    assert_eq!(run.answers(&asks[1], AskAnswer::Unknown), 1);
    assert_eq!(run.last(), &Event::RefundRefused { refund: RefundId { order: ORDER, n: 1 }, why: None });
    assert_eq!(run.answers(&asks[0], AskAnswer::Stale), 1);
    assert_eq!(run.state.flags.len(), 2);
}

#[test]
fn holds_are_asked_about_at_the_shard_the_line_names() {
    let mut placed = two_vendors();
    placed.lines[0].hold.shard = ShardNo(200);
    let mut run = Run::new(placed);
    run.does(ship(HIGH, 2, 1, Some(vec![1]))).unwrap();
    assert_eq!(run.open_asks()[0].to, StreamId::Stock(ShardNo(200)));
}
