//! Whatever is said in whatever order: nothing is lost, nothing is invented.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Move {
    Capture(u64),
    Void(u64),
    Refund(u32, i64),
    /// By which call (or as a notice), which fact.
    Fact(Option<(CallKind, bool)>, ProviderFact),
    /// Answers the n-th open ask.
    Answer(usize, AskAnswer),
    Wait(i64),
}

fn kinds() -> impl Strategy<Value = CallKind> {
    prop_oneof![
        Just(CallKind::Authorise),
        Just(CallKind::Capture),
        Just(CallKind::Void),
        (0..4u32).prop_map(CallKind::Refund),
    ]
}

fn facts() -> impl Strategy<Value = ProviderFact> {
    prop_oneof![
        Just(ProviderFact::Authorised),
        Just(ProviderFact::Captured),
        Just(ProviderFact::Voided),
        Just(ProviderFact::Nothing),
        Just(ProviderFact::Unknown),
        "[ab]".prop_map(|reason| ProviderFact::Failed { reason }),
        "[ab]".prop_map(|url| ProviderFact::ActionNeeded { url }),
        "[ab]".prop_map(|reference| ProviderFact::AwaitingPayment { reference }),
        (0..4u32).prop_map(|n| ProviderFact::Refunded { key: key(CallKind::Refund(n)) }),
    ]
}

fn answers() -> impl Strategy<Value = AskAnswer> {
    prop_oneof![
        Just(AskAnswer::Checkout(checkout::Answer::Noted)),
        Just(AskAnswer::Checkout(checkout::Answer::Refund)),
        Just(AskAnswer::Order(crate::order::Answer::Noted)),
        Just(AskAnswer::Waiting),
        Just(AskAnswer::Stale),
        Just(AskAnswer::Unknown),
    ]
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        1 => (1..9u64).prop_map(Move::Capture),
        1 => (1..9u64).prop_map(Move::Void),
        2 => (0..4u32, -1..7_000i64).prop_map(|(n, minor)| Move::Refund(n, minor)),
        8 => (prop::option::of((kinds(), any::<bool>())), facts()).prop_map(|(by, fact)| Move::Fact(by, fact)),
        2 => (0..3usize, answers()).prop_map(|(at, answer)| Move::Answer(at, answer)),
        2 => (0..5_000i64).prop_map(Move::Wait),
    ]
}

fn make(run: &mut Run, step: Move) {
    match step {
        Move::Capture(asked) => drop(run.command(&Command::Capture { asked })),
        Move::Void(asked) => drop(run.command(&Command::Void { asked })),
        Move::Refund(n, minor) => {
            drop(run.command(&Command::Refund { refund: refund_id(n), amount: brl(minor) }));
        }
        Move::Fact(None, fact) => run.notice(fact),
        Move::Fact(Some((kind, false)), fact) => run.outcome(kind, fact),
        Move::Fact(Some((kind, true)), fact) => run.looked_up(kind, fact),
        Move::Answer(at, answer) => {
            if let Some(ask) = run.asks().get(at) {
                run.answer(ask.id, answer);
            }
        }
        Move::Wait(millis) => run.wait(millis),
    }
}

/// What must hold after every step.
fn check(run: &Run, before: &State) {
    let state = &run.state;
    let (now, then) = (&state.standing, &before.standing);
    assert!(now.is_as_far_as(then) || now > then, "from {:?} back to {:?}", before.standing, state.standing);
    let captured = if state.is_captured() { 10_000 } else { 0 };
    // What a provider gives back although it had declined to comes on top of what was ordered in its place.
    let unexpected =
        state.refunds.iter().filter(|refund| refund.done && refund.failed.is_some() && refund.id.n > 0);
    let unexpected: i128 = unexpected.map(|refund| i128::from(refund.amount.minor)).sum();
    let ordered = state.refunded_minor() - unexpected;
    assert!(ordered <= captured, "{ordered} of {captured} go back");
    assert!(state.refunds.iter().all(|refund| refund.amount.minor > 0));
    run.telling();
    let owed = state.is_unsettled() || state.is_watched() || state.has_refund_to_see_to();
    assert_eq!(state.look_up_at.is_some(), owed, "whoever waits for the provider looks up");
    if state.is_captured() && !before.is_captured() {
        assert!(matches!(run.telling(), Some((_, News::Captured))), "money that came is told");
    }
}

/// Every call was journalled under its key before, and a call is repeated only when it is known not to be under
/// way any more.
fn check_calls(run: &Run) {
    let mut journalled = vec![key(CallKind::Authorise)];
    for (_, event) in &run.events {
        match event {
            Event::CaptureStarted { key, .. }
            | Event::VoidStarted { key }
            | Event::RefundStarted { key, .. }
            | Event::RefundRetried { key, .. } => {
                assert!(!journalled.contains(key), "{key} is started twice");
                journalled.push(key.clone());
            }
            _ => {}
        }
    }
    for call in &run.calls {
        let of = call.key.strip_suffix("/lookup").unwrap_or(&call.key);
        assert!(journalled.iter().any(|key| key == of), "{} is not in the journal", call.key);
    }
    let count = |of: &str| run.calls.iter().filter(|call| call.key == of).count();
    for key in &journalled {
        let repeats =
            run.events.iter().filter(|(_, event)| *event == Event::CallRepeated { key: key.clone() });
        assert_eq!(count(key), 1 + repeats.count(), "{key}");
    }
    let failed = |key: &str| {
        let declined = run.state.refunds.iter().filter(|refund| !refund.is_open());
        declined.into_iter().any(|refund| refund.failed.is_some() && refund.was_called(PAYMENT, key))
            || run
                .state
                .refunds
                .iter()
                .any(|refund| refund.was_called(PAYMENT, key) && refund.kind().key(PAYMENT) != key)
    };
    let refunded: i64 = run
        .calls
        .iter()
        .filter_map(|call| match &call.operation {
            Operation::Refund { amount } if !failed(&call.key) => Some((&call.key, amount.minor)),
            _ => None,
        })
        .collect::<std::collections::BTreeMap<_, _>>()
        .values()
        .sum();
    assert!(refunded <= 10_000, "{refunded} minor are called back");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_be_said(script in prop::collection::vec(moves(), 0..60)) {
        let mut run = Run::new();
        for step in script {
            let before = run.state.clone();
            make(&mut run, step);
            check(&run, &before);
        }
        check_calls(&run);
        run.check_fold();
    }

    #[test]
    fn the_order_of_notices_does_not_matter(
        said in prop::collection::vec(facts(), 0..8),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        shuffled in Just(()).prop_perturb(|(), mut rng| rng.random::<u64>()),
    ) {
        let mut forth = Run::new();
        for fact in &said {
            forth.notice(fact.clone());
        }
        let mut order: Vec<ProviderFact> = said.clone();
        if !said.is_empty() {
            order.extend(again.iter().map(|index| index.get(&said).clone()));
        }
        // Any order will do: sorted by a keyed mix of the position.
        let mut keyed: Vec<(u64, ProviderFact)> = (1u64..)
            .map(|at| (at ^ shuffled).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23))
            .zip(order)
            .collect();
        keyed.sort_by_key(|(mix, _)| *mix);
        let mut back = Run::new();
        for (_, fact) in keyed {
            back.notice(fact);
        }
        let rank = |run: &Run| match &run.state.standing {
            Standing::Failed { .. } => Standing::Failed { reason: String::new() },
            // Which address is the newest, only a look-up can tell.
            Standing::ActionNeeded { .. } => Standing::ActionNeeded { url: String::new() },
            Standing::AwaitingPayment { .. } => Standing::AwaitingPayment { reference: String::new() },
            other => other.clone(),
        };
        prop_assert_eq!(rank(&forth), rank(&back));
        let news = |run: &Run| run.state.news().map(|news| match news {
            News::Failed { .. } => News::Failed { reason: String::new() },
            News::ActionNeeded { .. } => News::ActionNeeded { url: String::new() },
            News::AwaitingPayment { .. } => News::AwaitingPayment { reference: String::new() },
            other => other,
        });
        prop_assert_eq!(news(&forth), news(&back));
        prop_assert_eq!(forth.state.is_unsettled(), back.state.is_unsettled());
    }
}
