//! Histories damaged by hand, each in one place: the invariant it breaks is named, with stream and seq.

use std::collections::BTreeMap;

use super::super::*;
use super::bank::Mood;
use super::sales::{cancel, order, placed, ship};
use super::world::*;
use crate::ids::{CheckoutId, HoldId, LocationId, OrderId, PaymentId};
use crate::journal::Epoch;
use crate::ledger::{Account, Transaction};
use crate::money::Money;
use crate::order::{self, PlacedOrder, Scope};
use crate::payment;
use crate::time::Timestamp;
use crate::{checkout, inventory};

/// Everything that can be in a history: two lines, one sent, the other cancelled and refunded.
fn history() -> Vec<Recorded> {
    let mut world = placed(2);
    ship(&mut world, 2, 1);
    cancel(&mut world, Scope::Line(1));
    world.journal
}

fn read(journal: &[Recorded]) -> Report {
    let mut verifier = Verifier::new();
    for recorded in journal {
        verifier.event(recorded);
    }
    verifier.finish()
}

/// After something was taken out or put in: seqs and positions without gaps again.
fn renumber(journal: &mut [Recorded]) {
    let mut seqs: BTreeMap<StreamId, u64> = BTreeMap::new();
    let mut positions: BTreeMap<Partition, u64> = BTreeMap::new();
    for recorded in journal {
        let seq = seqs.entry(recorded.stream).or_default();
        *seq += 1;
        recorded.seq = *seq;
        let position = positions.entry(recorded.partition).or_default();
        *position += 1;
        recorded.position = *position;
    }
}

/// Reads the history after `damage`, and checks that this invariant is named, in this stream.
fn breaks(invariant: Invariant, stream: StreamId, damage: impl FnOnce(&mut Vec<Recorded>)) -> Report {
    breaks_in(history(), invariant, stream, damage)
}

/// The same, in another history.
fn breaks_in(
    mut journal: Vec<Recorded>,
    invariant: Invariant,
    stream: StreamId,
    damage: impl FnOnce(&mut Vec<Recorded>),
) -> Report {
    damage(&mut journal);
    renumber(&mut journal);
    let report = read(&journal);
    let mut named = report.violations.iter().filter(|violation| violation.invariant == invariant);
    assert!(
        named.any(|violation| violation.stream == stream && violation.seq > 0),
        "{invariant} in {stream} is not named: {:#?}",
        report.violations
    );
    report
}

fn find(journal: &[Recorded], wanted: impl Fn(&AnyEvent) -> bool) -> usize {
    journal.iter().position(|recorded| wanted(&recorded.event)).unwrap()
}

/// Takes out the first event like this.
fn without(journal: &mut Vec<Recorded>, wanted: impl Fn(&AnyEvent) -> bool) {
    journal.remove(find(journal, wanted));
}

/// Tells the first event like this a second time.
fn twice(journal: &mut Vec<Recorded>, wanted: impl Fn(&AnyEvent) -> bool) {
    let at = find(journal, wanted);
    journal.insert(at, journal[at].clone());
}

macro_rules! is {
    ($machine:ident :: $module:ident :: $variant:ident) => {
        |event: &AnyEvent| matches!(event, AnyEvent::$machine($module::Event::$variant { .. }))
    };
}

macro_rules! change {
    ($journal:expr, $machine:ident ( $pattern:pat ) => $change:block) => {
        for recorded in $journal.iter_mut() {
            if let AnyEvent::$machine($pattern) = &mut recorded.event {
                $change
                break;
            }
        }
    };
}

const CHK: StreamId = StreamId::Checkout(CHECKOUT);
const ORD: StreamId = StreamId::Order(ORDER);

fn pay() -> StreamId {
    StreamId::Payment(payment_id(1))
}

/// The shard of the first SKU.
fn shard() -> StreamId {
    StreamId::Stock(SKUS[0].shard())
}

fn in_placed(journal: &mut [Recorded], damage: impl FnOnce(&mut PlacedOrder)) {
    let at = find(journal, is!(Order::order::Placed));
    if let AnyEvent::Order(order::Event::Placed(placed)) = &mut journal[at].event {
        damage(placed);
    }
}

#[test]
fn the_whole_history_is_green() {
    let report = read(&history());
    assert_eq!((report.violations, report.pending), (Vec::new(), Vec::new()));
}

#[test]
fn every_invariant_says_what_it_promises() {
    let promises: std::collections::BTreeSet<&str> =
        Invariant::ALL.iter().map(|invariant| invariant.promise()).collect();
    assert_eq!(promises.len(), Invariant::ALL.len());
    let told = include_str!("../../../../docs/INVARIANTS.md");
    for invariant in Invariant::ALL {
        assert!(told.contains(&format!("\n| {invariant} |")), "{invariant} has no row in docs/INVARIANTS.md");
    }
}

#[test]
fn units_that_never_came_break_i1_i2_i3() {
    let fewer = |journal: &mut Vec<Recorded>| {
        change!(journal, Stock(inventory::Event::Received(movement)) => { movement.quantity = 1; });
    };
    breaks(Invariant::I2, shard(), fewer);
    breaks_in(placed(1).journal, Invariant::I3, shard(), fewer);
    let other = StreamId::Stock(SKUS[1].shard());
    breaks(Invariant::I1, other, |journal| {
        let second = |event: &AnyEvent| matches!(event, AnyEvent::Stock(inventory::Event::Received(movement)) if movement.sku == SKUS[1]);
        without(journal, second);
    });
}

/// The shards' own books are right; two orders were made of one unit all the same.
#[test]
fn more_sold_than_ever_came_breaks_i3() {
    breaks_in(placed(1).journal, Invariant::I3, shard(), |journal| {
        in_placed(journal, |placed| placed.lines[0].quantity = 6);
    });
}

#[test]
fn a_movement_that_is_booked_twice_breaks_i1() {
    breaks(Invariant::I1, shard(), |journal| twice(journal, is!(Stock::inventory::Received)));
    let adjusted = |delta| {
        move |journal: &mut Vec<Recorded>| {
            let at = find(journal, is!(Stock::inventory::Received));
            let mut again = journal[at].clone();
            again.event = AnyEvent::Stock(inventory::Event::Adjusted {
                movement: crate::ids::MovementId(SKUS[0].0),
                sku: SKUS[0],
                location: LocationId::MAIN,
                delta,
            });
            journal.insert(at + 1, again);
        }
    };
    breaks(Invariant::I1, shard(), adjusted(1));
    // However damaged, it is told and not a panic.
    breaks(Invariant::I1, shard(), adjusted(i64::MAX));
    breaks(Invariant::I1, shard(), adjusted(i64::MIN));
}

#[test]
fn a_sku_in_a_foreign_shard_breaks_i5() {
    for event in [is!(Stock::inventory::Received), is!(Stock::inventory::Opened)] {
        let stranger = StreamId::Stock(SKUS[1].shard());
        breaks(Invariant::I5, stranger, |journal| {
            let at = find(journal, event);
            journal[at].stream = stranger;
            journal[at].partition = stranger.partition();
        });
    }
}

#[test]
fn what_the_machine_and_the_books_see_differently_breaks_i11() {
    // An event of another machine.
    breaks(Invariant::I11, CHK, |journal| {
        let (at, of) =
            (find(journal, is!(Checkout::checkout::Quoted)), find(journal, is!(Payment::payment::Captured)));
        journal[at].event = journal[of].event.clone();
    });
    // A commit that the books do not allow a second time moves the machine's units once more.
    breaks(Invariant::I11, shard(), |journal| twice(journal, is!(Stock::inventory::Committed)));
    breaks(Invariant::I11, pay(), |journal| {
        let at = find(journal, is!(Payment::payment::Captured));
        let mut late = journal[at].clone();
        late.event = AnyEvent::Payment(payment::Event::Authorised);
        journal.insert(at + 1, late);
    });
}

#[test]
fn a_partition_that_was_read_needs_no_memory_and_no_less_care() {
    let mut journal = history();
    journal.sort_by_key(|recorded| (recorded.partition, recorded.position));
    let mut verifier = Verifier::new();
    let mut last = None;
    for recorded in &journal {
        if let Some(read) = last.replace(recorded.partition).filter(|read| *read != recorded.partition) {
            verifier.partition_was_read(read);
        }
        verifier.event(recorded);
    }
    let report = verifier.finish();
    assert_eq!(report.violations, []);
    // Each event is its machine's own and folds to what the books say.
    assert_eq!(report.facts[&Invariant::I11], 2 * journal.len() as u64);
}

#[test]
fn a_hold_that_ends_twice_breaks_i4() {
    breaks(Invariant::I4, shard(), |journal| twice(journal, is!(Stock::inventory::Deallocated)));
}

#[test]
fn a_gap_breaks_i6_and_an_old_owner_i7() {
    let mut journal = history();
    let removed = journal.remove(find(&journal, is!(Payment::payment::Authorised)));
    let report = read(&journal);
    assert!(report.violations.iter().any(|at| at.invariant == Invariant::I6 && at.stream == removed.stream));
    breaks(Invariant::I7, CHK, |journal| {
        let at = find(journal, is!(Checkout::checkout::Quoted));
        journal[at].epoch = Epoch(0);
    });
}

#[test]
fn an_acknowledged_order_that_is_gone_breaks_i8() {
    let journal = history();
    let mut verifier = Verifier::new();
    journal.iter().for_each(|recorded| verifier.event(recorded));
    verifier.acknowledged(&Told::Placed(ORDER));
    // An undo of a hold that was never seen leaves no trace once its deadline is over: nothing of it is there.
    verifier.acknowledged(&Told::Undone(HoldId { checkout: CHECKOUT, n: 99 }));
    assert_eq!(verifier.violations(), []);
    verifier.acknowledged(&Told::Placed(OrderId(1)));
    let [violation] = verifier.violations() else { panic!("{:?}", verifier.violations()) };
    assert_eq!((violation.invariant, violation.stream), (Invariant::I8, StreamId::Order(OrderId(1))));
}

#[test]
fn a_row_twice_or_a_foreign_key_in_the_outbox_breaks_i10() {
    let mut world = placed(1);
    let report = |world: &World| {
        let mut verifier = Verifier::new();
        // The outbox may be read first.
        for (id, effect) in &world.outbox {
            verifier.effect(*id, effect);
        }
        world.journal.iter().for_each(|recorded| verifier.event(recorded));
        verifier.cursor(CHK.partition(), world.journal.len() as u64 + 1);
        verifier.finish().violations
    };
    let found = report(&world);
    assert_eq!(found.len(), 1, "a cursor ahead of the journal: {found:?}");
    assert_eq!(found[0].invariant, Invariant::I10);

    world.outbox.push(world.outbox[0].clone());
    assert!(report(&world).len() > 1, "a row twice");
    world.outbox.pop();
    for (_, effect) in &mut world.outbox {
        if let Effect::Payment(call) = effect {
            call.key.push('x');
        }
    }
    assert!(report(&world).len() > 1, "a key that no event names");
}

#[test]
fn a_provider_key_for_two_operations_breaks_i10() {
    breaks(Invariant::I10, pay(), |journal| {
        change!(journal, Payment(payment::Event::CaptureStarted { key, .. }) => {
            *key = payment::CallKind::Authorise.key(payment_id(1));
        });
    });
}

#[test]
fn a_snapshot_that_is_not_the_fold_breaks_i11() {
    let mut verifier = Verifier::new();
    verifier.snapshot(CHK, 4, true);
    verifier.snapshot(CHK, 9, false);
    let report = verifier.finish();
    assert_eq!(report.facts[&Invariant::I11], 2);
    let [violation] = report.violations.as_slice() else { panic!("{:?}", report.violations) };
    assert_eq!((violation.invariant, violation.stream, violation.seq), (Invariant::I11, CHK, 9));
}

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

#[test]
fn two_replies_to_one_command_break_i24() {
    let report = replied(&[(1, CHK, Some(3), yes()), (2, CHK, Some(4), yes()), (1, CHK, Some(5), yes())]);
    let [violation] = report.violations.as_slice() else { panic!("{:?}", report.violations) };
    assert_eq!((violation.invariant, violation.stream, violation.seq), (Invariant::I24, CHK, 5));
}

#[test]
fn replies_that_the_journal_does_not_bear_out_break_i24() {
    let total = Money::zero(crate::money::Currency::BRL);
    let placed = |order| AnyOutcome::Checkout(Ok(checkout::Reply::Placed { order, total }));
    let nowhere = StreamId::Checkout(CheckoutId(1));
    let unknown = || AnyOutcome::Checkout(Err(checkout::Rejection::UnknownCheckout));
    for (holds, stream, seq, outcome) in [
        (true, CHK, None, yes()),
        (true, CHK, None, placed(ORDER)),
        (true, nowhere, None, unknown()),
        (false, nowhere, None, yes()),
        (false, nowhere, Some(1), unknown()),
        (false, CHK, Some(1_000), yes()),
        (false, CHK, None, placed(OrderId(1))),
        (false, nowhere, None, AnyOutcome::Checkout(Err(checkout::Rejection::Placed { order: ORDER }))),
        (false, ORD, None, yes()),
    ] {
        let report = replied(&[(1, stream, seq, outcome.clone())]);
        let named: Vec<_> = report.violations.iter().map(|at| (at.invariant, at.stream)).collect();
        let wanted = if holds { Vec::new() } else { vec![(Invariant::I24, stream)] };
        assert_eq!(named.first(), wanted.first(), "{stream} {seq:?} {outcome:?}: {:?}", report.violations);
    }
}

fn yes() -> AnyOutcome {
    AnyOutcome::Checkout(Ok(checkout::Reply::Noted))
}

/// The history with these replies beside it, which are read first.
fn replied(replies: &[(u128, StreamId, Option<u64>, AnyOutcome)]) -> Report {
    let mut verifier = Verifier::new();
    for (id, stream, seq, outcome) in replies {
        verifier.reply(CommandId(*id), *stream, *seq, outcome);
    }
    history().iter().for_each(|recorded| verifier.event(recorded));
    verifier.finish()
}
