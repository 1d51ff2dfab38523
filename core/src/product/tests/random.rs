//! Any orders in any order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::ask::{AskId, AskRequest};
use crate::inventory::SkuRequest;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Command(Command),
    /// Answers one of the open asks, or one that never was.
    Answer(prop::sample::Index, AskAnswer),
}

fn any_actor() -> impl Strategy<Value = Actor> {
    prop::sample::select(vec![Actor::Operator, Actor::Operator, Actor::Vendor(STEWARD), Actor::Vendor(OTHER)])
}

fn any_sku() -> impl Strategy<Value = SkuId> {
    (0u128..5).prop_map(|n| SkuId(100 + n))
}

fn any_price() -> impl Strategy<Value = (MarketId, Price)> {
    (prop::sample::select(vec!["mkt_main", "mkt_br", "bad"]), -1i64..2_000, any::<bool>()).prop_map(
        |(market, minor, brl)| {
            let currency = if brl { Currency::BRL } else { Currency::EUR };
            let price = Price { unit: Money::new(minor, currency), shipping: Money::zero(currency) };
            (MarketId(market.to_owned()), price)
        },
    )
}

fn any_offer() -> impl Strategy<Value = NewOffer> {
    let condition = prop::sample::select(vec![Condition::New, Condition::Refurbished, Condition::Used]);
    let vendor = prop::sample::select(vec![STEWARD, OTHER]);
    let prices =
        prop::collection::btree_map(any_price().prop_map(|(m, _)| m), any_price().prop_map(|(_, p)| p), 0..3);
    (any_sku(), 10u128..13, vendor, condition, prices).prop_map(
        |(sku, variant, vendor, condition, prices)| NewOffer {
            sku,
            variant: VariantId(variant),
            vendor,
            code: "C".to_owned(),
            condition,
            prices,
        },
    )
}

fn any_variant() -> impl Strategy<Value = Variant> {
    (10u128..13, prop::sample::select(vec!["red", "blue", ""])).prop_map(|(id, color)| variant(id, color))
}

fn any_command() -> impl Strategy<Value = Command> {
    let offers = prop_oneof![
        6 => (any_actor(), any_offer()).prop_map(|(by, offer)| Command::AttachOffer { by, offer }),
        3 => (any_actor(), any_sku(), any_price())
            .prop_map(|(by, sku, (market, price))| Command::SetPrice { by, sku, market, price }),
        3 => (any_actor(), any_sku()).prop_map(|(by, sku)| Command::Withhold { by, sku }),
        3 => (any_actor(), any_sku()).prop_map(|(by, sku)| Command::Resume { by, sku }),
        1 => (1u128..4, 0u64..9)
            .prop_map(|(vendor, version)| Command::CloseOffersOf { vendor: VendorId(vendor), version }),
        1 => (1u128..4, 0u64..9)
            .prop_map(|(vendor, version)| Command::ReopenOffersOf { vendor: VendorId(vendor), version }),
        1 => any_sku().prop_map(|sku| quote(sku, "mkt_main")),
    ];
    let life = prop_oneof![
        2 => Just(create()),
        2 => (any_actor(), prop::sample::select(vec!["Lamp", "Light", ""]))
            .prop_map(|(by, title)| Command::Revise { by, facts: facts(title) }),
        2 => (any_actor(), any_variant()).prop_map(|(by, variant)| Command::AddVariant { by, variant }),
        4 => any_actor().prop_map(|by| Command::Submit { by }),
        4 => any::<bool>().prop_map(|list| Command::Approve { list }),
        1 => Just(Command::Reject { reason: "no".to_owned() }),
        3 => any_actor().prop_map(|by| Command::List { by }),
        1 => any_actor().prop_map(|by| Command::Archive { by }),
    ];
    prop_oneof![offers, life]
}

fn any_step() -> impl Strategy<Value = Step> {
    let answer = prop::sample::select(vec![done(), AskAnswer::Stale, AskAnswer::Waiting, AskAnswer::Unknown]);
    prop_oneof![
        6 => any_command().prop_map(Step::Command),
        1 => (any::<prop::sample::Index>(), answer).prop_map(|(which, answer)| Step::Answer(which, answer)),
    ]
}

fn may_follow(from: Option<Status>, to: Option<Status>) -> bool {
    use Status::*;
    match (from, to) {
        (None, Some(Draft)) => true,
        (Some(Draft), Some(Submitted)) | (Some(Submitted), Some(Draft)) => true,
        (Some(Submitted), Some(Approved | Listed)) | (Some(Approved), Some(Listed)) => true,
        (Some(_), Some(Archived)) => true,
        (from, to) => from == to,
    }
}

/// What must be true of any product at any time.
fn check(live: &Live) -> Result<(), TestCaseError> {
    let Some(known) = &live.state.known else {
        prop_assert!(live.events.is_empty() && live.state.asks.is_empty());
        return Ok(());
    };
    let choices: BTreeSet<_> = known.variants.values().map(|variant| &variant.options).collect();
    prop_assert_eq!(choices.len(), known.variants.len(), "each variant is another choice");
    let wishes: BTreeSet<_> =
        known.offers.values().map(|offer| (offer.variant, offer.vendor, offer.condition)).collect();
    prop_assert_eq!(wishes.len(), known.offers.len(), "nobody offers the same twice");
    for offer in known.offers.values() {
        prop_assert!(known.variants.contains_key(&offer.variant));
        for (market, price) in &offer.prices {
            prop_assert!(price.unit.minor >= 0 && price.shipping.minor >= 0);
            prop_assert_eq!(Some(&price.unit.currency), known.currencies.get(market));
            prop_assert_eq!(price.unit.currency, price.shipping.currency);
        }
        prop_assert!(known.status == Status::Listed || !known.is_for_sale(offer));
    }
    prop_assert!(
        known.status == Status::Draft || known.rejected.is_none() || known.status == Status::Archived
    );
    Ok(())
}

/// What the shards will have been told last, once every open ask has been answered, is what is for sale.
fn check_asks(live: &Live, told: &mut BTreeMap<SkuId, (AskId, bool)>) -> Result<(), TestCaseError> {
    let mut asked = BTreeSet::new();
    for ask in live.open_asks() {
        let AskRequest::StockSku(request) = &ask.request else { panic!("a product asks shards only") };
        prop_assert!(asked.insert(request.sku()), "at most one open ask about a SKU");
        let open = matches!(request, SkuRequest::Open { .. });
        let newest = told.get(&request.sku()).is_none_or(|(id, _)| id.seq <= ask.id.seq);
        prop_assert!(newest, "a later ask has a higher seq");
        told.insert(request.sku(), (ask.id, open));
    }
    let Some(known) = &live.state.known else { return Ok(()) };
    for (sku, offer) in &known.offers {
        let open = told.get(sku).is_some_and(|(_, open)| *open);
        prop_assert_eq!(open, known.is_for_sale(offer), "{} as last told", sku);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_sequence_of_orders_breaks_a_product(steps in prop::collection::vec(any_step(), 0..60)) {
        let mut live = Live::new();
        let mut told = BTreeMap::new();
        for step in steps {
            let before = (live.state.clone(), live.version());
            let command = match step {
                Step::Command(command) => command,
                Step::Answer(which, answer) => {
                    let open = live.open_asks();
                    let never = AskId { stream: STREAM, seq: 0, n: 0 };
                    let id = if open.is_empty() { never } else { open[which.index(open.len())].id };
                    Command::Answered { id, answer }
                }
            };
            let outcome = live.run(&command);
            if outcome.is_err() {
                prop_assert_eq!(&before.0, &live.state, "a refusal changes nothing");
            }
            let from = before.0.known.as_ref().map(|known| known.status);
            prop_assert!(may_follow(from, live.status()), "{:?} after {:?}", live.status(), from);
            prop_assert!(live.version() >= before.1);
            check(&live)?;
            check_asks(&live, &mut told)?;
            check_reply(&live, &outcome)?;
        }
        let mut folded = Product::initial(STREAM);
        for (seq, event) in (1..).zip(&live.events) {
            Product::apply(&mut folded, EventMeta { seq, at: Timestamp::ZERO }, event);
        }
        prop_assert_eq!(&folded, &live.state);
        let json = serde_json::to_string(&folded).expect("plain data");
        prop_assert_eq!(serde_json::from_str::<State>(&json).expect("what was written"), folded);
    }
}

/// A reply says what the state says after it.
fn check_reply(live: &Live, outcome: &Outcome) -> Result<(), TestCaseError> {
    let Some(known) = &live.state.known else { return Ok(()) };
    match outcome {
        Ok(Reply::Product { status, version, .. }) => {
            prop_assert_eq!((*status, *version), (known.status, known.version));
        }
        Ok(Reply::Variant { version, .. }) => prop_assert_eq!(*version, known.version),
        Ok(Reply::Offer { sku, for_sale, version, .. }) => {
            let now = known.offers.get(sku).is_some_and(|offer| known.is_for_sale(offer));
            prop_assert_eq!((*for_sale, *version), (now, known.version));
        }
        Ok(Reply::Answer(_) | Reply::Noted) | Err(_) => {}
    }
    Ok(())
}
