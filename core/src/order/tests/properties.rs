//! What holds of an order whatever is asked of it and whatever it is answered.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::ask::AskRequest;
use crate::ledger::Account;
use crate::order::fixture::{line, order_of, payment};
use crate::payment;

/// What a test does next.
#[derive(Clone, Debug)]
enum Step {
    Command(Command),
    /// The n-th open ask (or one that was closed) gets an answer.
    Answer(usize, u8),
    /// The payment says that the n-th refund went through.
    Moved(u32),
    /// The payment says that the provider declined it.
    Failed(u32),
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        Just(HIGH),
        Just(LOW),
        Just(STRANGER),
        Just(Actor::Operator),
        Just(Actor::Operator),
        Just(Actor::Buyer)
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![(0..6u32).prop_map(Scope::Line), (0..4u32).prop_map(Scope::VendorOrder), Just(Scope::Order)]
}

fn step() -> impl Strategy<Value = Step> {
    let lines = proptest::option::of(proptest::collection::vec(0..6u32, 0..3));
    prop_oneof![
        (actor(), 0..4u32).prop_map(|(by, n)| Step::Command(Command::Accept { by, vendor_order: n })),
        (actor(), 0..4u32, 0..5u128, lines)
            .prop_map(|(by, n, parcel, lines)| Step::Command(ship(by, n, parcel, lines))),
        (actor(), 0..5u128).prop_map(|(by, n)| Step::Command(Command::Deliver { by, parcel: ParcelId(n) })),
        (actor(), scope()).prop_map(|(by, scope)| Step::Command(cancel(by, scope))),
        (0..6usize, 0..8u8).prop_map(|(n, kind)| Step::Answer(n, kind)),
        (0..5u32).prop_map(Step::Moved),
        (0..5u32).prop_map(Step::Failed),
        (actor(), 0..7u32).prop_map(|(by, refund)| Step::Command(Command::RetryRefund { by, refund })),
    ]
}

/// An answer to this ask: good ones, bad ones, and ones that make no sense.
fn answer(ask: &Ask, kind: u8) -> AskAnswer {
    match (&ask.request, kind) {
        (_, 0) => AskAnswer::Waiting,
        (_, 1) => AskAnswer::Stale,
        (_, 2) => AskAnswer::Unknown,
        (AskRequest::Stock(_), 3) => {
            AskAnswer::Stock(inventory::Answer::Refused(inventory::Rejection::WrongState))
        }
        (AskRequest::Payment(_), 3) => AskAnswer::Payment(payment::Answer::Refused(RefundRefused::TooMuch)),
        (AskRequest::Payment(payment::Request::Refund { refund, .. }), 4 | 5) => {
            AskAnswer::Payment(payment::Answer::Refunded { refund: *refund })
        }
        (AskRequest::Stock(_), _) => done(),
        _ => AskAnswer::Payment(payment::Answer::Is(payment::News::Captured)),
    }
}

fn orders() -> impl Strategy<Value = PlacedOrder> {
    proptest::collection::vec((any::<bool>(), 1..4u32), 1..5).prop_map(|lines| {
        let lines: Vec<OrderLine> = lines
            .into_iter()
            .zip(1..)
            .map(|((high, quantity), number)| {
                line(number, if high { HIGH_VENDOR } else { LOW_VENDOR }, quantity)
            })
            .collect();
        let total: i64 = lines.iter().map(|line| line.charged().unwrap().minor).sum();
        let parts = Money::new(total, crate::money::Currency::BRL).split(&[3, 1]);
        order_of(lines, vec![(payment(1), parts[0]), (payment(2), parts[1])])
    })
}

fn run_step(run: &mut Run, asked: &mut Vec<Ask>, step: &Step) {
    match step {
        Step::Command(command) => {
            let _ = run.does(command.clone());
        }
        Step::Answer(n, kind) => {
            if let Some(ask) = asked.get(*n).cloned() {
                run.answers(&ask, answer(&ask, *kind));
            }
        }
        Step::Moved(n) => {
            // Of one that was replaced that would be more than is owed: the provider's mistake, told by the verifier.
            let replaced = |refund: &Refund| matches!(refund.stage, RefundStage::Replaced { .. });
            if !run.state.refunds.get(n).is_some_and(replaced) {
                let _ = run.does(Command::RefundMoved { refund: RefundId { order: ORDER, n: *n } });
            }
        }
        Step::Failed(n) => {
            let _ = run.does(Command::RefundFailed { refund: RefundId { order: ORDER, n: *n } });
        }
    }
    for ask in run.open_asks() {
        if asked.iter().all(|known| known.id != ask.id) {
            asked.push(ask);
        }
    }
}

fn money_adds_up(run: &Run) {
    let placed = run.state.placed.as_ref().unwrap();
    let mut balances: BTreeMap<Account, i64> = BTreeMap::new();
    for (_, event) in &run.log {
        let transaction = match event {
            Event::Placed(placed) => &placed.sale,
            Event::Cancelled { transaction, .. } | Event::Refunded { transaction, .. } => transaction,
            _ => continue,
        };
        assert!(transaction.imbalance().is_empty(), "{transaction:?}");
        for posting in &transaction.postings {
            *balances.entry(posting.account.clone()).or_default() += posting.amount.minor;
        }
    }
    let sum = |stage: &[RefundStage], of: Option<PaymentId>| -> i64 {
        let matching = run.state.refunds.values().filter(|refund| stage.contains(&refund.stage));
        matching
            .filter(|refund| of.is_none_or(|of| of == refund.part.payment))
            .map(|r| r.part.amount.minor)
            .sum()
    };
    let all = [RefundStage::Pending, RefundStage::Done, RefundStage::Refused];
    for (payment, captured) in &placed.payments {
        assert!(sum(&all, Some(*payment)) <= captured.minor);
    }
    let cancelled: i64 = placed
        .lines
        .iter()
        .filter(|line| run.state.lines[&line.number].stage == LineStage::Cancelled)
        .map(|line| line.charged().unwrap().minor)
        .sum();
    assert_eq!(sum(&all, None), cancelled);
    let underway = sum(&[RefundStage::Pending, RefundStage::Refused], None);
    assert_eq!(balances.get(&Account::Refunds).copied().unwrap_or_default(), -underway);
    let captured: i64 = placed.payments.iter().map(|(_, amount)| amount.minor).sum();
    let there = captured - sum(&[RefundStage::Done], None);
    assert_eq!(balances.get(&Account::PaymentClearing).copied().unwrap_or_default(), there);
}

/// Each hold is shipped or undone, once, and only as its line says.
fn holds_follow_lines(run: &Run, asked: &[Ask]) {
    let mut seen = BTreeSet::new();
    for ask in asked {
        let AskRequest::Stock(request) = &ask.request else { continue };
        assert!(seen.insert(request.hold()), "{request:?} is asked twice");
        let line = run.state.line_of_ask(ask).unwrap();
        let cancelled = run.state.lines[&line].stage == LineStage::Cancelled;
        assert_eq!(cancelled, matches!(request, inventory::Request::Undo { .. }));
    }
    let gone = run.state.lines.values().filter(|line| line.stage != LineStage::Open).count();
    assert_eq!(seen.len(), gone);
}

fn stages_only_go_forward(before: &State, after: &State) {
    for (number, line) in &before.lines {
        let to = after.lines[number].stage;
        match line.stage {
            LineStage::Open => {}
            LineStage::Shipped(parcel) => {
                assert!(to == line.stage || to == LineStage::Delivered(parcel));
            }
            LineStage::Delivered(_) | LineStage::Cancelled => assert_eq!(to, line.stage),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_breaks_an_order(placed in orders(), steps in proptest::collection::vec(step(), 0..30)) {
        let mut run = Run::new(placed);
        let mut asked = Vec::new();
        for step in &steps {
            let before = run.state.clone();
            run_step(&mut run, &mut asked, step);
            stages_only_go_forward(&before, &run.state);
            money_adds_up(&run);
            holds_follow_lines(&run, &asked);
        }

        let mut folded = Order::initial(StreamId::Order(ORDER));
        for (meta, event) in &run.log {
            Order::apply(&mut folded, *meta, event);
        }
        prop_assert_eq!(&folded, &run.state);
        let json = serde_json::to_string(&run.state).unwrap();
        prop_assert_eq!(serde_json::from_str::<State>(&json).unwrap(), folded);
    }

    /// Whatever a command did, doing it again right away does nothing more.
    #[test]
    fn repeats_change_nothing(placed in orders(), steps in proptest::collection::vec(step(), 1..20)) {
        let mut run = Run::new(placed);
        let mut asked = Vec::new();
        for step in &steps {
            run_step(&mut run, &mut asked, step);
            let (state, effects) = (run.state.clone(), run.effects.len());
            // Shipping "all that is left" under a new name is a new wish, but the name is not new the second time.
            run_step(&mut run, &mut asked, step);
            prop_assert_eq!(&run.state, &state);
            prop_assert_eq!(run.effects.len(), effects);
        }
    }
}
