//! Sales: I12 to I15.

use super::*;

#[test]
fn an_order_without_its_payment_breaks_i12() {
    breaks(Invariant::I12, ORD, |journal| without(journal, is!(Payment::payment::Captured)));
    breaks(Invariant::I12, ORD, |journal| in_placed(journal, |placed| placed.payments[0].0.attempt = 2));
}

#[test]
fn one_payment_for_two_orders_breaks_i12() {
    breaks(Invariant::I12, pay(), |journal| {
        in_placed(journal, |placed| {
            let (payment, _) = placed.payments[0];
            placed.payments.push((payment, Money::zero(placed.currency)));
        });
    });
}

#[test]
fn a_payment_without_its_order_is_pending_and_then_overdue() {
    let mut journal = placed(1).journal;
    journal.retain(|recorded| {
        recorded.stream != ORD && !matches!(recorded.event, AnyEvent::Checkout(checkout::Event::Placed(_)))
    });
    renumber(&mut journal);
    let report = read(&journal);
    assert_eq!(report.violations, []);
    let far = Timestamp::from_millis(i64::MAX);
    let overdue: Vec<_> = report.overdue(far).filter(|pending| pending.invariant == Invariant::I12).collect();
    assert_eq!((overdue.len(), overdue[0].stream), (1, pay()));
    assert!(!report.is_green(far));
}

#[test]
fn units_that_are_not_the_orders_break_i13() {
    for damage in [
        (|placed| placed.lines[0].hold.location = LocationId(8)) as fn(&mut PlacedOrder),
        |placed| placed.lines[0].hold.id.n = 9,
        |placed| placed.lines[0].hold = placed.lines[1].hold,
        |placed| placed.lines[0].hold.shard = placed.lines[1].hold.shard,
    ] {
        breaks(Invariant::I13, ORD, |journal| in_placed(journal, damage));
    }
}

#[test]
fn units_that_were_not_pinned_or_committed_break_i13() {
    breaks(Invariant::I13, ORD, |journal| {
        change!(journal, Stock(inventory::Event::Held { pin, .. }) => {
            *pin = Some(PaymentId { checkout: CHECKOUT, attempt: 7 });
        });
    });
    breaks(Invariant::I13, ORD, |journal| without(journal, is!(Stock::inventory::Committed)));
}

#[test]
fn money_asked_for_or_taken_too_early_breaks_i13() {
    breaks(Invariant::I13, pay(), |journal| without(journal, is!(Checkout::checkout::HoldsTaken)));
    breaks(Invariant::I13, pay(), |journal| without(journal, is!(Checkout::checkout::CaptureAsked)));
    breaks(Invariant::I13, CHK, |journal| without(journal, is!(Checkout::checkout::HoldAnswered)));
    breaks(Invariant::I13, CHK, |journal| without(journal, is!(Checkout::checkout::LineCommitted)));
}

#[test]
fn a_placed_checkout_without_an_order_breaks_i13() {
    breaks(Invariant::I13, CHK, |journal| journal.retain(|recorded| recorded.stream != ORD));
}

#[test]
fn units_that_do_not_follow_their_line_break_i13() {
    // Shipped, said the shard, but the order cancelled that line.
    breaks(Invariant::I13, ORD, |journal| {
        let at = find(journal, is!(Stock::inventory::Deallocated));
        let AnyEvent::Stock(inventory::Event::Deallocated { hold }) = journal[at].event.clone() else {
            return;
        };
        journal[at].event = AnyEvent::Stock(inventory::Event::Shipped { hold });
    });
    // The shard has not heard of it yet: pending, and overdue one day.
    let mut journal = history();
    without(&mut journal, is!(Stock::inventory::Deallocated));
    renumber(&mut journal);
    let report = read(&journal);
    assert_eq!(report.violations, []);
    assert!(report.overdue(Timestamp::from_millis(i64::MAX)).any(|pending| pending.stream == ORD));
}

#[test]
fn a_shard_that_refuses_an_order_breaks_i13() {
    breaks(Invariant::I13, ORD, |journal| {
        change!(journal, Order(order::Event::StockAnswered { refused, .. }) => {
            *refused = Some(inventory::Rejection::UnknownHold);
        });
    });
}

#[test]
fn units_kept_for_nobody_break_i13() {
    breaks(Invariant::I13, shard(), |journal| {
        let at = find(journal, is!(Stock::inventory::Held));
        let mut stray = journal[at].clone();
        if let AnyEvent::Stock(inventory::Event::Held { hold, .. }) = &mut stray.event {
            *hold = HoldId { checkout: CHECKOUT, n: 40 };
        }
        journal.insert(at, stray);
    });
}

#[test]
fn edges_that_do_not_exist_break_i14() {
    breaks(Invariant::I14, CHK, |journal| twice(journal, is!(Checkout::checkout::PayStarted)));
    breaks(Invariant::I14, CHK, |journal| without(journal, is!(Checkout::checkout::CommitAsked)));
    breaks(Invariant::I14, CHK, |journal| {
        // Out of a void without the money being there.
        let at = find(journal, is!(Checkout::checkout::CommitAsked));
        let mut void = journal[at].clone();
        void.event = AnyEvent::Checkout(checkout::Event::VoidAsked { why: checkout::VoidReason::TimedOut });
        journal.insert(at, void);
    });
    breaks(Invariant::I14, CHK, |journal| {
        // The shopper gave up: money that comes then goes back.
        let at = find(journal, is!(Checkout::checkout::CommitAsked));
        let mut void = journal[at].clone();
        void.event = AnyEvent::Checkout(checkout::Event::VoidAsked { why: checkout::VoidReason::Abandoned });
        journal.insert(at, void);
        change!(journal, Checkout(checkout::Event::CommitAsked { captured, .. }) => { *captured = true; });
    });
    for event in [
        payment::Event::VoidRequested { asked: 1 },
        payment::Event::VoidStarted { key: "void".to_owned() },
        payment::Event::CaptureRefused { reason: "no".to_owned() },
        payment::Event::NeverReached,
        payment::Event::NeverCame,
    ] {
        // All of them come too late.
        breaks(Invariant::I14, pay(), |journal| {
            let at = find(journal, is!(Payment::payment::Captured));
            let late = Recorded { event: AnyEvent::Payment(event), ..journal[at].clone() };
            journal.insert(at + 1, late);
        });
    }
    for event in [
        payment::Event::VoidStarted { key: "void".to_owned() },
        payment::Event::CaptureRefused { reason: "no".to_owned() },
        payment::Event::NeverCame,
    ] {
        // And these come unasked.
        breaks(Invariant::I14, pay(), |journal| {
            let at = find(journal, is!(Payment::payment::Authorised));
            let early = Recorded { event: AnyEvent::Payment(event), ..journal[at].clone() };
            journal.insert(at + 1, early);
        });
    }
    breaks(Invariant::I14, pay(), |journal| twice(journal, is!(Payment::payment::Captured)));
    breaks(Invariant::I14, pay(), |journal| without(journal, is!(Payment::payment::Created)));
    breaks(Invariant::I14, ORD, |journal| without(journal, is!(Order::order::Accepted)));
    breaks(Invariant::I14, ORD, |journal| twice(journal, is!(Order::order::Shipped)));
    breaks(Invariant::I14, ORD, |journal| twice(journal, is!(Order::order::Placed)));
    breaks(Invariant::I14, ORD, |journal| {
        change!(journal, Order(order::Event::Cancelled { lines, .. }) => { *lines = vec![2]; });
    });
}

#[test]
fn another_price_than_the_quoted_one_breaks_i15() {
    breaks(Invariant::I15, CHK, |journal| {
        change!(journal, Checkout(checkout::Event::Quoted(quote)) => { quote.total.minor -= 1; });
    });
    breaks(Invariant::I15, CHK, |journal| {
        change!(journal, Checkout(checkout::Event::Placed(paid)) => { paid.total.minor -= 1; });
    });
    breaks(Invariant::I15, pay(), |journal| {
        change!(journal, Payment(payment::Event::Created(intent)) => { intent.amount.minor -= 1; });
    });
    breaks(Invariant::I15, ORD, |journal| in_placed(journal, |placed| placed.lines[0].unit_price.minor -= 1));
    breaks(Invariant::I15, ORD, |journal| in_placed(journal, |placed| placed.lines[0].list_price.minor -= 1));
    breaks(Invariant::I15, ORD, |journal| {
        in_placed(journal, |placed| placed.lines[0].seller_of_record ^= true)
    });
    for damage in [
        (|quote| quote.lines[0].commission.amount.minor = 0) as fn(&mut checkout::Quote),
        |quote| quote.lines[0].taxes[0].amount.minor += 1,
        |quote| quote.lines[0].taxes[0].rate.0 += 1,
        |quote| quote.lines[0].taxes[0].included = true,
        |quote| drop(quote.lines[0].taxes.pop()),
        |quote| quote.lines[0].goods.minor += 1,
        |quote| quote.lines[0].list_price.minor += 1,
    ] {
        breaks(Invariant::I15, CHK, |journal| {
            change!(journal, Checkout(checkout::Event::Quoted(quote)) => { damage(quote); });
        });
    }
    breaks(Invariant::I15, ORD, |journal| in_placed(journal, |placed| drop(placed.lines.pop())));
}
