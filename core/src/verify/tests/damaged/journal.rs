//! The journal itself and what stands beside it: I6 to I11, I24.

use super::*;

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
