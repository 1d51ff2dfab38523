//! Whatever is said in whatever order: what was held is undone or sold, what was taken is wanted or sent back.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Move {
    Line(u128, u32),
    Address(u128),
    Shipping(bool),
    Quote,
    Pay,
    Abandon,
    /// Answers the n-th open ask.
    Answer(usize, Said),
    /// A payment of this many attempts ago says so.
    News(u32, News),
    Wait(i64),
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Yes,
    No,
    Waiting,
    Unknown,
    Stale,
}

fn moves() -> impl Strategy<Value = Move> {
    let news = prop_oneof![
        3 => Just(News::Authorised),
        3 => Just(News::Captured),
        1 => Just(News::Voided),
        1 => Just(News::Failed { reason: "no".to_owned() }),
        1 => Just(News::ActionNeeded { url: "u".to_owned() }),
        1 => Just(News::AwaitingPayment { reference: "r".to_owned() }),
    ];
    let said = prop_oneof![
        20 => Just(Said::Yes),
        1 => Just(Said::No),
        1 => Just(Said::Waiting),
        1 => Just(Said::Unknown),
        1 => Just(Said::Stale),
    ];
    let attempt = prop_oneof![6 => Just(0u32), 1 => 1..3u32];
    prop_oneof![
        1 => (1..4u128, 0..3u32).prop_map(|(sku, quantity)| Move::Line(sku, quantity)),
        1 => (1..3u128).prop_map(Move::Address),
        1 => any::<bool>().prop_map(Move::Shipping),
        3 => Just(Move::Quote),
        4 => Just(Move::Pay),
        1 => Just(Move::Abandon),
        20 => (0..4usize, said).prop_map(|(at, said)| Move::Answer(at, said)),
        5 => (attempt, news).prop_map(|(attempt, news)| Move::News(attempt, news)),
        2 => (0..40_000i64).prop_map(Move::Wait),
    ]
}

fn answer(request: &AskRequest, said: Said) -> AskAnswer {
    let refused = AskAnswer::Stock(inventory::Answer::Refused(inventory::Rejection::WrongState));
    match (said, request) {
        (Said::Waiting, _) => AskAnswer::Waiting,
        (Said::Unknown, _) => AskAnswer::Unknown,
        (Said::Stale, _) => AskAnswer::Stale,
        (Said::Yes, AskRequest::Product(product::Request::Offer { sku, .. })) => offer(*sku),
        (Said::No, AskRequest::Product(product::Request::Offer { sku, .. })) => {
            AskAnswer::Product(product::Answer::NotForSale { sku: *sku })
        }
        (said, AskRequest::Vendor(_)) => terms(matches!(said, Said::Yes)),
        (Said::Yes, AskRequest::Stock(inventory::Request::Hold { .. })) => held(),
        (Said::Yes, AskRequest::Stock(inventory::Request::Commit { .. })) => committed(),
        (Said::Yes, AskRequest::Stock(_)) => undone(),
        (Said::No, AskRequest::Stock(inventory::Request::Hold { .. })) => out_of_stock(),
        (Said::No, AskRequest::Stock(_)) => refused,
        // A payment tells by itself.
        (_, _) => AskAnswer::Waiting,
    }
}

/// What the world knows besides the checkout.
#[derive(Default)]
struct World {
    /// What payments have come to; money that came is not unheard.
    captured: BTreeSet<PaymentId>,
    over: BTreeSet<PaymentId>,
    refunds: BTreeSet<PaymentId>,
    asked: BTreeSet<HoldId>,
    undone: BTreeSet<HoldId>,
}

fn make(run: &mut Run, world: &mut World, step: Move) {
    match step {
        Move::Line(sku, quantity) => drop(run.send(Command::SetLine(line(sku, quantity)))),
        Move::Address(subject) => {
            drop(run.send(Command::SetAddress(Address { subject: SubjectId(subject), ..address() })));
        }
        Move::Shipping(express) => {
            let method = if express { "express" } else { "standard" };
            drop(run.send(Command::ChooseShipping { method: method.to_owned() }));
        }
        Move::Quote => drop(run.send(Command::RequestQuote)),
        Move::Pay => {
            let quote = run.state.quote.as_ref().map(|quote| (quote.id, quote.total));
            let (quote, total) = quote.unwrap_or((QuoteId(0), brl(0)));
            drop(run.send(Command::Pay { quote, total, method: card() }));
        }
        Move::Abandon => drop(run.send(Command::Abandon)),
        Move::Answer(at, said) => {
            if let Some(ask) = run.asks().get(at) {
                run.answer(ask, answer(&ask.request, said));
            }
        }
        Move::News(back, news) => say(run, world, back, news),
        Move::Wait(millis) => run.wait(millis),
    }
}

/// A payment only tells what can be: it exists, and what is over stays over unless money comes after all.
fn say(run: &mut Run, world: &mut World, back: u32, news: News) {
    let Some(intent) = run.intents().into_iter().rev().nth(back as usize) else { return };
    let payment = intent.payment;
    if world.captured.contains(&payment) && news != News::Captured {
        return;
    }
    if world.over.contains(&payment) && !matches!(news, News::Captured) {
        return;
    }
    match news {
        News::Captured => drop(world.captured.insert(payment)),
        News::Voided | News::Failed { .. } => drop(world.over.insert(payment)),
        _ => {}
    }
    if run.news_of(payment, news) == AskAnswer::Checkout(Answer::Refund) {
        world.refunds.insert(payment);
    }
}

fn check(run: &Run, world: &mut World, before: &Stage) {
    let state = &run.state;
    if matches!(before, Stage::Placed(_) | Stage::Expired | Stage::Failed) {
        assert_eq!(before, &state.stage, "what has ended stays so");
    }
    let events = run.events.iter().map(|(_, event)| event);
    let mut rounds: BTreeMap<PaymentId, Vec<HoldId>> = BTreeMap::new();
    let mut current = None;
    for event in events {
        match event {
            Event::PayStarted { payment, holds, .. } => {
                let names: Vec<_> = holds.iter().map(|hold| hold.hold).collect();
                rounds.insert(*payment, names);
                current = Some(*payment);
            }
            Event::AttemptEnded { .. } | Event::Placed(_) => current = None,
            _ => {}
        }
    }
    assert_eq!(current, state.attempt().map(|attempt| attempt.payment));
    let names: Vec<HoldId> = rounds.values().flatten().copied().collect();
    let unique: BTreeSet<HoldId> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len(), "names of holds never repeat");
    for ask in state.asks.iter() {
        match &ask.request {
            AskRequest::Stock(inventory::Request::Undo { hold, .. }) => drop(world.undone.insert(*hold)),
            AskRequest::Stock(request) => drop(world.asked.insert(request.hold())),
            _ => {}
        }
    }
    let sold = match &state.stage {
        Stage::Placed(paid) => Some(paid.payment),
        _ => None,
    };
    for (payment, holds) in &rounds {
        let kept = Some(*payment) == current || Some(*payment) == sold;
        for hold in holds {
            assert_eq!(!kept, world.undone.contains(hold), "{hold} of {payment}");
        }
        assert!(!(kept && world.refunds.contains(payment)), "{payment} is refunded and used");
    }
    if let Some(payment) = sold {
        assert!(world.captured.contains(&payment), "sold and not paid");
    }
    assert_eq!(run.orders(), usize::from(sold.is_some()));
    assert_eq!(run.parked.len() - run.resolved.len(), usize::from(state.parked().is_some()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_be_said(script in prop::collection::vec(moves(), 0..120)) {
        let mut run = Run::new();
        let mut world = World::default();
        run.shop(&[line(1, 1), line(2, 2)]);
        for step in script {
            let before = run.state.stage.clone();
            make(&mut run, &mut world, step);
            check(&run, &mut world, &before);
        }
        run.check_fold();
        // Money that came and is not wanted goes back as soon as its payment asks.
        let sold = run.orders() > 0;
        if !sold && run.state.attempt().is_none() {
            for payment in world.captured {
                prop_assert_eq!(run.news_of(payment, News::Captured), AskAnswer::Checkout(Answer::Refund));
            }
        }
    }
}
