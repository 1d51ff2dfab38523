//! Orders about SKUs: late, doubled, overtaken.

use crate::ask::{Ask, AskAnswer, AskId, AskRequest};
use crate::ids::{Principal, ProductId, SkuId, StreamId};
use crate::machine::{self, Ctx, EventMeta, Machine};
use crate::time::Timestamp;

use super::*;

const SKU: SkuId = SkuId(5);

fn order(asked: u64, request: SkuRequest) -> Ask {
    let id = AskId { stream: StreamId::Product(ProductId(1)), seq: asked, n: 0 };
    Ask { id, to: StreamId::Stock(SKU.shard()), request: AskRequest::StockSku(request) }
}

/// Delivers an order; says what it was answered and how many events it made.
fn deliver(state: &mut State, ask: &Ask) -> (AskAnswer, usize) {
    let now = Timestamp::ZERO;
    let ctx = Ctx { stream: ask.to, now, next_seq: 1, key: None, principal: Principal::System };
    let command = Inventory::command_of_ask(ask).expect("a shard's order");
    let outcome = Inventory::decide(state, &command, &ctx);
    let events = outcome.as_ref().map_or(0, |decision| decision.events.len());
    let outcome = outcome.map(|decision| {
        for event in &decision.events {
            Inventory::apply(state, EventMeta { seq: 1, at: now }, event);
        }
        match decision.reply {
            machine::Reply::Now(reply) => reply,
            machine::Reply::Parked => panic!("a shard never parks"),
        }
    });
    (Inventory::answer_of(&outcome), events)
}

#[test]
fn the_later_order_about_a_sku_wins() {
    let open = |asked| order(asked, SkuRequest::Open { sku: SKU });
    let close = |asked| order(asked, SkuRequest::Close { sku: SKU });
    let done = || AskAnswer::Stock(Answer::Done(Reply::Stock { available: 0 }));
    for orders in [
        // order, answer, events, open afterwards
        vec![(open(3), done(), 1, true), (open(3), done(), 0, true), (close(4), done(), 1, false)],
        vec![(open(3), done(), 1, true), (close(7), done(), 1, false), (open(3), AskAnswer::Stale, 0, false)],
        // A close that overtakes its open is remembered although the SKU was never seen.
        vec![(close(7), done(), 1, false), (open(3), AskAnswer::Stale, 0, false), (open(9), done(), 1, true)],
        // An order that changes nothing leaves its seq behind.
        vec![(open(3), done(), 1, true), (open(9), done(), 1, true), (close(7), AskAnswer::Stale, 0, true)],
    ] {
        let mut state = State::default();
        for (ask, answer, events, open) in orders {
            assert_eq!(deliver(&mut state, &ask), (answer, events), "{ask:?}");
            assert_eq!(state.skus.get(&SKU).map(|sku| sku.open), Some(open), "{ask:?}");
        }
    }
}

#[test]
fn a_shard_hears_of_its_own_skus_only() {
    let elsewhere = (0..).map(SkuId).find(|sku| sku.shard() != SKU.shard()).expect("another shard's");
    let mut state = State::default();
    for request in [SkuRequest::Open { sku: elsewhere }, SkuRequest::Close { sku: elsewhere }] {
        let refused = AskAnswer::Stock(Answer::Refused(Rejection::UnknownSku));
        assert_eq!(deliver(&mut state, &order(1, request)), (refused, 0));
    }
    assert_eq!(state, State::default());
}
