//! Money: I17 to I20.

use super::*;

#[test]
fn postings_that_do_not_balance_break_i17_and_i18() {
    let damage = |journal: &mut Vec<Recorded>| {
        in_placed(journal, |placed| placed.sale.postings[0].amount.minor += 1);
    };
    breaks(Invariant::I17, ORD, damage);
    breaks(Invariant::I18, ORD, damage);
}

#[test]
fn postings_that_balance_and_are_wrong_break_i19() {
    let report = breaks(Invariant::I19, ORD, |journal| {
        change!(journal, Order(order::Event::Cancelled { transaction, .. }) => {
            *transaction = Transaction::default();
        });
    });
    assert!(report.violations.iter().all(|at| at.invariant == Invariant::I19), "{:?}", report.violations);
    breaks(Invariant::I19, ORD, |journal| {
        in_placed(journal, |placed| {
            for posting in &mut placed.sale.postings {
                if posting.account == Account::Commission {
                    posting.account = Account::ProviderFees;
                }
            }
        });
    });
}

/// Ten units of money from the one vendor's payable to the other's: everything still balances.
#[test]
fn money_of_one_vendor_in_anothers_account_breaks_i19() {
    let shift = |transaction: &mut Transaction| {
        let payable =
            transaction.postings.iter_mut().filter(|at| matches!(at.account, Account::VendorPayable(_)));
        for (posting, minor) in payable.zip([1_000, -1_000]) {
            posting.amount.minor += minor;
        }
    };
    let report = breaks(Invariant::I19, ORD, |journal| in_placed(journal, |placed| shift(&mut placed.sale)));
    assert!(report.violations.iter().all(|at| at.invariant == Invariant::I19), "{:?}", report.violations);
    let mut world = placed(2);
    cancel(&mut world, Scope::Order);
    breaks_in(world.journal, Invariant::I19, ORD, |journal| {
        change!(journal, Order(order::Event::Cancelled { transaction, .. }) => { shift(transaction); });
    });
}

/// Sold at 10 %, and the marketplace got nothing of it: quote, order and postings agree with each other.
#[test]
fn a_commission_of_nothing_breaks_i15_and_i19() {
    let nothing = |journal: &mut Vec<Recorded>| {
        change!(journal, Checkout(checkout::Event::Quoted(quote)) => {
            quote.lines[0].commission.amount.minor = 0;
        });
        in_placed(journal, |placed| {
            let line = &mut placed.lines[0];
            let share = std::mem::replace(&mut line.commission.amount.minor, 0);
            for posting in &mut placed.sale.postings {
                match posting.account {
                    Account::Commission => posting.amount.minor += share,
                    Account::VendorPayable(vendor) if vendor == line.vendor => posting.amount.minor -= share,
                    _ => {}
                }
            }
        });
    };
    breaks_in(placed(2).journal, Invariant::I15, CHK, nothing);
    breaks_in(placed(2).journal, Invariant::I19, ORD, nothing);
}

#[test]
fn a_refund_that_posts_another_amount_breaks_i19() {
    breaks(Invariant::I19, ORD, |journal| {
        change!(journal, Order(order::Event::Refunded { transaction, .. }) => {
            for posting in &mut transaction.postings {
                posting.amount.minor *= 2;
            }
        });
    });
}

#[test]
fn refunds_that_nobody_owes_break_i20() {
    breaks(Invariant::I20, pay(), |journal| twice(journal, is!(Payment::payment::RefundStarted)));
    breaks(Invariant::I20, pay(), |journal| twice(journal, is!(Payment::payment::Refunded)));
    breaks(Invariant::I20, pay(), |journal| without(journal, is!(Order::order::Cancelled)));
    breaks(Invariant::I20, pay(), |journal| {
        change!(journal, Payment(payment::Event::RefundStarted { amount, .. }) => { amount.minor *= 10; });
    });
    breaks(Invariant::I20, ORD, |journal| twice(journal, is!(Order::order::Refunded)));
    breaks(Invariant::I20, ORD, |journal| twice(journal, is!(Order::order::Cancelled)));
    breaks(Invariant::I20, ORD, |journal| {
        change!(journal, Order(order::Event::Cancelled { refunds, .. }) => { refunds[0].amount.minor -= 1; });
    });
    breaks(Invariant::I20, ORD, |journal| without(journal, is!(Payment::payment::Refunded)));
}

/// As [`history`], with a refund that was declined and then made by another.
fn retried() -> Vec<Recorded> {
    let mut world = placed(2);
    world.bank.mood = Some(Mood::KeepsMoney);
    cancel(&mut world, Scope::Line(1));
    world.bank.mood = None;
    order(&mut world, order::Command::RetryRefund { by: order::Actor::Operator, refund: 1 }).unwrap();
    world.journal
}

#[test]
fn refunds_that_stand_for_others_and_are_not_the_same_break_i20() {
    assert_eq!(read(&retried()).violations, []);
    breaks_in(retried(), Invariant::I20, ORD, |journal| {
        change!(journal, Order(order::Event::RefundRetried { part, .. }) => { part.amount.minor += 1; });
    });
    breaks_in(retried(), Invariant::I14, ORD, |journal| {
        without(journal, is!(Order::order::RefundRefused));
    });
    breaks_in(retried(), Invariant::I20, pay(), |journal| {
        without(journal, is!(Payment::payment::RefundFailed));
    });
    breaks_in(retried(), Invariant::I20, pay(), |journal| {
        without(journal, is!(Order::order::RefundRetried));
    });
    // It went back after all, and so did the one that stands for it.
    breaks_in(retried(), Invariant::I20, ORD, |journal| {
        let at = find(journal, is!(Order::order::Refunded));
        let mut first = journal[at].clone();
        change!(std::slice::from_mut(&mut first), Order(order::Event::Refunded { refund, .. }) => { refund.n = 1; });
        journal.insert(at, first);
    });
}
