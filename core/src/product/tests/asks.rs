//! What a product asks of the shards, and that the shards end up where it wants them, whatever the way.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::ask::{AskId, AskRequest};
use crate::ids::ShardNo;
use crate::inventory::{Inventory, SkuRequest};

use super::*;

fn asked(live: &Live) -> Vec<(u64, u16, SkuRequest)> {
    live.open_asks()
        .into_iter()
        .map(|ask| match ask.request {
            AskRequest::StockSku(request) => {
                assert_eq!(ask.id.stream, STREAM);
                assert_eq!(ask.to, StreamId::Stock(request.sku().shard()));
                (ask.id.seq, ask.id.n, request)
            }
            other => panic!("a product asks shards only, not {other:?}"),
        })
        .collect()
}

fn open(sku: SkuId) -> SkuRequest {
    SkuRequest::Open { sku }
}

fn close(sku: SkuId) -> SkuRequest {
    SkuRequest::Close { sku }
}

#[test]
fn listing_opens_and_archiving_closes_every_offer() {
    let second = SkuId(200);
    let mut live = Live::draft();
    live.run(&attach(STEWARD, offer(SKU, STEWARD))).expect("its own draft");
    let theirs = Command::AttachOffer { by: Actor::Operator, offer: offer(second, OTHER) };
    live.run(&theirs).expect("the operator may");
    live.run(&Command::Submit { by: Actor::Operator }).expect("a draft");
    assert_eq!(asked(&live), [], "nothing is for sale yet");
    live.run(&Command::Approve { list: true }).expect("submitted");
    let listed = live.events.len() as u64;
    assert_eq!(asked(&live), [(listed, 0, open(SKU)), (listed, 1, open(second))]);

    // Attached to a listed product, an offer is opened by itself.
    let third = SkuId(300);
    live.run(&attach(VendorId(3), offer(third, VendorId(3)))).expect("listed");
    assert_eq!(asked(&live)[2], (listed + 1, 0, open(third)));
    live.answer_all();
    assert_eq!(asked(&live), []);

    live.run(&Command::Archive { by: Actor::Operator }).expect("listed");
    let archived = live.events.len() as u64;
    let all = [(archived, 0, close(SKU)), (archived, 1, close(second)), (archived, 2, close(third))];
    assert_eq!(asked(&live), all);
}

#[test]
fn only_what_changes_is_asked() {
    let mut live = Live::listed();
    let seq = live.events.len() as u64;
    live.run(&Command::Withhold { by: Actor::Operator, sku: SKU }).expect("listed");
    assert_eq!(asked(&live), [(seq + 1, 0, close(SKU))]);
    live.run(&Command::CloseOffersOf { vendor: STEWARD, version: 1 }).expect("always");
    assert_eq!(asked(&live), [(seq + 1, 0, close(SKU))], "it was withheld already");
    live.run(&Command::Resume { by: Actor::Operator, sku: SKU }).expect("withheld");
    assert_eq!(asked(&live), [(seq + 1, 0, close(SKU))], "the vendor is suspended still");
    live.run(&Command::ReopenOffersOf { vendor: STEWARD, version: 2 }).expect("always");
    assert_eq!(asked(&live), [(seq + 4, 0, open(SKU))], "the newer word replaces the older");
}

#[test]
fn an_answer_closes_its_ask_and_no_other() {
    let mut live = Live::listed();
    live.run(&Command::Withhold { by: Actor::Operator, sku: SKU }).expect("listed");
    let id = live.open_asks()[0].id;
    let events = live.events.len();
    let refused = AskAnswer::Stock(inventory::Answer::Refused(inventory::Rejection::UnknownSku));
    for (id, answer) in [
        (id, AskAnswer::Waiting),
        (id, AskAnswer::Unknown),
        (id, refused),
        (AskId { seq: 1, ..id }, done()),
        (AskId { n: 1, ..id }, AskAnswer::Stale),
    ] {
        assert_eq!(live.run(&Command::Answered { id, answer }), Ok(Reply::Noted));
        assert_eq!(live.open_asks().len(), 1);
    }
    assert_eq!(live.events.len(), events);
    for _ in 0..2 {
        assert_eq!(live.run(&Command::Answered { id, answer: AskAnswer::Stale }), Ok(Reply::Noted));
        assert_eq!(live.events.len(), events + 1, "the second answer changes nothing");
    }
    assert_eq!(live.events.last(), Some(&Event::SkuAnswered { ask: id }));
}

/// The shards' side: real ones, with the asks on their way to them.
#[derive(Default)]
struct Shards {
    states: BTreeMap<ShardNo, (inventory::State, u64)>,
    /// Every ask ever made; any of them may be delivered at any time, any number of times.
    on_the_way: Vec<Ask>,
}

impl Shards {
    fn deliver(&mut self, ask: &Ask) -> AskAnswer {
        let StreamId::Stock(shard) = ask.to else { panic!("a product asks shards only") };
        let (state, seq) = self.states.entry(shard).or_default();
        let now = Timestamp::ZERO;
        let ctx = Ctx { stream: ask.to, now, next_seq: *seq + 1, key: None, principal: Principal::System };
        let command = Inventory::command_of_ask(ask).expect("a shard's order");
        let outcome = Inventory::decide(state, &command, &ctx).map(|decision| {
            for event in &decision.events {
                *seq += 1;
                Inventory::apply(state, EventMeta { seq: *seq, at: now }, event);
            }
            match decision.reply {
                machine::Reply::Now(reply) => reply,
                machine::Reply::Parked => panic!("a shard never parks"),
            }
        });
        Inventory::answer_of(&outcome)
    }

    fn is_open(&self, sku: SkuId) -> bool {
        self.states.get(&sku.shard()).and_then(|(state, _)| state.skus.get(&sku)).is_some_and(|sku| sku.open)
    }
}

/// One step of the world around a product.
#[derive(Clone, Debug)]
enum Step {
    Command(Command),
    /// Delivers one of the asks ever made, and its answer unless that is lost.
    Deliver {
        which: prop::sample::Index,
        lost: bool,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let sku = || prop::sample::select(vec![SKU, SkuId(200)]);
    let by = || prop::sample::select(vec![Actor::Operator, Actor::Vendor(STEWARD), Actor::Vendor(OTHER)]);
    prop_oneof![
        4 => (by(), sku()).prop_map(|(by, sku)| Step::Command(Command::Withhold { by, sku })),
        4 => (by(), sku()).prop_map(|(by, sku)| Step::Command(Command::Resume { by, sku })),
        2 => (0u64..20).prop_map(|version| Step::Command(Command::CloseOffersOf { vendor: STEWARD, version })),
        2 => (0u64..20).prop_map(|version| Step::Command(Command::ReopenOffersOf { vendor: STEWARD, version })),
        1 => Just(Step::Command(attach(OTHER, offer(SkuId(200), OTHER)))),
        8 => (any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(which, lost)| Step::Deliver { which, lost }),
    ]
}

proptest! {
    /// However asks are delayed, doubled and overtaken: once all are answered, a shard sells exactly what the
    /// product has for sale.
    #[test]
    fn shards_end_up_where_the_product_wants_them(
        steps in prop::collection::vec(any_step(), 0..60),
        archive in any::<bool>(),
    ) {
        let mut live = Live::draft();
        let mut shards = Shards::default();
        for command in [
            attach(STEWARD, offer(SKU, STEWARD)),
            Command::Submit { by: Actor::Operator },
            Command::Approve { list: true },
        ] {
            live.run(&command).expect("a product is listed");
        }
        let last = archive.then_some(Step::Command(Command::Archive { by: Actor::Operator }));
        for step in steps.into_iter().chain(last) {
            match step {
                Step::Command(command) => {
                    let _ = live.run(&command);
                }
                Step::Deliver { which, lost } => {
                    let Some(ask) = shards.on_the_way.get(which.index(shards.on_the_way.len().max(1))).cloned()
                    else { continue };
                    let answer = shards.deliver(&ask);
                    if !lost {
                        live.run(&Command::Answered { id: ask.id, answer }).expect("always heard");
                    }
                }
            }
            let known: Vec<AskId> = shards.on_the_way.iter().map(|ask| ask.id).collect();
            shards.on_the_way.extend(live.open_asks().into_iter().filter(|ask| !known.contains(&ask.id)));
        }
        // The host asks again until everything is answered; then old asks turn up once more, the first one last.
        for ask in live.open_asks() {
            let answer = shards.deliver(&ask);
            live.run(&Command::Answered { id: ask.id, answer }).expect("always heard");
        }
        prop_assert_eq!(live.open_asks(), []);
        for ask in shards.on_the_way.clone().iter().rev() {
            shards.deliver(ask);
        }
        let known = live.state.known.as_ref().expect("created");
        for (sku, offer) in &known.offers {
            prop_assert_eq!(shards.is_open(*sku), known.is_for_sale(offer), "{}", sku);
        }
    }
}
