use super::*;

fn attached(sku: SkuId, for_sale: bool, version: u64) -> Outcome {
    Ok(Reply::Offer { product: ID, sku, for_sale, version })
}

fn told(live: &mut Live, sku: SkuId, market: &str) -> Answer {
    match live.run(&quote(sku, market)) {
        Ok(Reply::Answer(answer)) => answer,
        other => panic!("a question is answered, not {other:?}"),
    }
}

fn sold(sku: SkuId, vendor: VendorId, price: Price, version: u64) -> Answer {
    Answer::Offer {
        sku,
        variant: VARIANT,
        vendor,
        unit_price: price.unit,
        unit_shipping: price.shipping,
        version,
    }
}

fn not_for_sale(sku: SkuId) -> Answer {
    Answer::NotForSale { sku }
}

#[test]
fn offers_are_attached_once() {
    let mut live = Live::draft();
    let second = SkuId(101);
    script(
        &mut live,
        [
            (attach(STEWARD, offer(SKU, STEWARD)), attached(SKU, false, 2)),
            (attach(STEWARD, offer(SKU, STEWARD)), attached(SKU, false, 2)),
            // Prices move; the offer stays the same one.
            (attach(STEWARD, NewOffer { prices: [].into(), ..offer(SKU, STEWARD) }), attached(SKU, false, 2)),
            (
                attach(STEWARD, NewOffer { code: "X".to_owned(), ..offer(SKU, STEWARD) }),
                Err(Rejection::AlreadyExists),
            ),
            (attach(STEWARD, offer(second, STEWARD)), Err(Rejection::SameOffer { sku: SKU })),
            (
                attach(STEWARD, NewOffer { condition: Condition::Used, ..offer(second, STEWARD) }),
                attached(second, false, 3),
            ),
            (
                attach(STEWARD, NewOffer { variant: VariantId(99), ..offer(SkuId(102), STEWARD) }),
                Err(Rejection::UnknownVariant),
            ),
            (
                attach(STEWARD, NewOffer { code: String::new(), ..offer(SkuId(102), STEWARD) }),
                Err(Rejection::Invalid { field: Field::Code }),
            ),
        ],
    );
}

#[test]
fn other_vendors_attach_from_the_approval_on() {
    let theirs = || attach(OTHER, offer(SkuId(200), OTHER));
    let mut live = Live::draft();
    script(
        &mut live,
        [
            (theirs(), Err(Rejection::NotYours)),
            (Command::Submit { by: Actor::Vendor(STEWARD) }, stands(Status::Submitted, 2)),
            (theirs(), Err(Rejection::NotYours)),
            (Command::Approve { list: true }, stands(Status::Listed, 4)),
            (theirs(), attached(SkuId(200), true, 5)),
            (
                Command::AttachOffer { by: Actor::Operator, offer: offer(SkuId(300), VendorId(3)) },
                attached(SkuId(300), true, 6),
            ),
            (Command::Archive { by: Actor::Operator }, stands(Status::Archived, 7)),
            (
                attach(OTHER, NewOffer { condition: Condition::Used, ..offer(SkuId(201), OTHER) }),
                wrong(Status::Archived),
            ),
        ],
    );
}

#[test]
fn a_product_has_room_for_so_many_offers() {
    let mut live = Live::listed();
    for n in 1..OFFERS_MAX as u128 {
        let vendor = VendorId(1_000 + n);
        live.run(&attach(vendor, offer(SkuId(1_000 + n), vendor))).expect("still room");
    }
    let outcome = live.run(&attach(OTHER, offer(SkuId(5), OTHER)));
    assert_eq!(outcome, Err(Rejection::TooMany { field: Field::Offers }));
}

#[test]
fn prices_are_in_the_currency_of_their_market() {
    let by = Actor::Vendor(STEWARD);
    let brl = |minor| Money::new(minor, Currency::BRL);
    let set =
        |market: &str, price| Command::SetPrice { by, sku: SKU, market: MarketId(market.to_owned()), price };
    let mut live = Live::listed();
    let version = live.version();
    let next = live.events.len() as u64 + 1;
    script(
        &mut live,
        [
            (set("mkt_main", eur(1_999, 499)), attached(SKU, true, version)),
            (set("mkt_main", eur(2_099, 0)), attached(SKU, true, next)),
            (set("mkt_main", eur(0, 0)), attached(SKU, true, next + 1)),
            (set("mkt_main", eur(-1, 0)), Err(Rejection::InvalidPrice)),
            (set("mkt_main", eur(1, -1)), Err(Rejection::InvalidPrice)),
            (set("mkt_main", eur(i64::MAX, 0)), Err(Rejection::InvalidPrice)),
            (set("main", eur(1, 0)), Err(Rejection::Invalid { field: Field::Market })),
            (
                set("mkt_main", Price { unit: brl(1), shipping: brl(0) }),
                Err(Rejection::CurrencyMismatch { expected: Currency::EUR }),
            ),
            (
                set("mkt_br", Price { unit: brl(1), shipping: Money::zero(Currency::EUR) }),
                Err(Rejection::CurrencyMismatch { expected: Currency::BRL }),
            ),
            (set("mkt_br", Price { unit: brl(1), shipping: brl(0) }), attached(SKU, true, next + 2)),
            (set("mkt_br", eur(1, 0)), Err(Rejection::CurrencyMismatch { expected: Currency::BRL })),
            (
                Command::SetPrice { by, sku: SkuId(0), market: MarketId::main(), price: eur(1, 0) },
                Err(Rejection::UnknownOffer),
            ),
        ],
    );
    // Another vendor's offer cannot bring a second currency either.
    let mut theirs = offer(SkuId(200), OTHER);
    theirs.prices = [(MarketId::main(), Price { unit: brl(5), shipping: brl(0) })].into();
    let outcome = live.run(&attach(OTHER, theirs));
    assert_eq!(outcome, Err(Rejection::CurrencyMismatch { expected: Currency::EUR }));
    for n in 2..MARKETS_MAX {
        live.run(&set(&format!("mkt_{n}"), eur(1, 0))).expect("still room");
    }
    assert_eq!(live.run(&set("mkt_more", eur(1, 0))), Err(Rejection::TooMany { field: Field::Market }));
}

#[test]
fn a_quote_says_what_holds_now() {
    let mut live = Live::draft();
    live.run(&attach(STEWARD, offer(SKU, STEWARD))).expect("its own draft");
    assert_eq!(told(&mut live, SKU, "mkt_main"), not_for_sale(SKU), "a draft");
    live.run(&Command::Submit { by: Actor::Operator }).expect("a draft");
    live.run(&Command::Approve { list: false }).expect("submitted");
    assert_eq!(told(&mut live, SKU, "mkt_main"), not_for_sale(SKU), "approved, not shown");
    live.run(&Command::List { by: Actor::Operator }).expect("approved");
    let version = live.version();
    assert_eq!(told(&mut live, SKU, "mkt_main"), sold(SKU, STEWARD, eur(1_999, 499), version));
    live.answer_all();
    let same = sold(SKU, STEWARD, eur(1_999, 499), version);
    assert_eq!(told(&mut live, SKU, "mkt_main"), same, "a shard's answer is no news to a buyer");
    assert_eq!(told(&mut live, SKU, "mkt_br"), not_for_sale(SKU), "no price there");
    assert_eq!(told(&mut live, SkuId(0), "mkt_main"), not_for_sale(SkuId(0)), "no such offer");

    let price = eur(1_500, 0);
    live.run(&Command::SetPrice { by: Actor::Operator, sku: SKU, market: MarketId::main(), price })
        .expect("a price");
    assert_eq!(told(&mut live, SKU, "mkt_main"), sold(SKU, STEWARD, price, version + 2));
    live.run(&Command::Archive { by: Actor::Operator }).expect("ends");
    assert_eq!(told(&mut live, SKU, "mkt_main"), not_for_sale(SKU), "archived");
}

#[test]
fn a_question_about_no_product_is_answered_unknown() {
    let mut live = Live::new();
    let outcome = live.run(&quote(SKU, "mkt_main"));
    assert_eq!(Product::answer_of(&outcome), AskAnswer::Unknown);
    let mut live = Live::listed();
    let outcome = live.run(&quote(SKU, "mkt_br"));
    assert_eq!(Product::answer_of(&outcome), AskAnswer::Product(not_for_sale(SKU)));
}

#[test]
fn an_offer_is_sold_when_nobody_withholds_it() {
    let vendor = Actor::Vendor(STEWARD);
    let withhold = |by| Command::Withhold { by, sku: SKU };
    let resume = |by| Command::Resume { by, sku: SKU };
    let mut live = Live::listed();
    let version = live.version();
    let next = live.events.len() as u64 + 1;
    script(
        &mut live,
        [
            (resume(vendor), attached(SKU, true, version)),
            (withhold(vendor), attached(SKU, false, next)),
            (withhold(vendor), attached(SKU, false, next)),
            (withhold(Actor::Operator), attached(SKU, false, next + 1)),
            // The vendor cannot take the operator's word back, nor the operator the vendor's.
            (resume(vendor), attached(SKU, false, next + 2)),
            (withhold(vendor), attached(SKU, false, next + 3)),
            (resume(Actor::Operator), attached(SKU, false, next + 4)),
            (resume(vendor), attached(SKU, true, next + 5)),
            (Command::Withhold { by: vendor, sku: SkuId(0) }, Err(Rejection::UnknownOffer)),
        ],
    );
}

#[test]
fn a_suspended_vendor_sells_nothing_and_others_go_on() {
    let theirs = SkuId(200);
    let close = |version| Command::CloseOffersOf { vendor: STEWARD, version };
    let reopen = |version| Command::ReopenOffersOf { vendor: STEWARD, version };
    let mut live = Live::listed();
    live.run(&attach(OTHER, offer(theirs, OTHER))).expect("listed");
    let sells = |live: &Live| -> Vec<bool> {
        let known = live.state.known.as_ref().expect("listed");
        known.offers.values().map(|offer| known.is_for_sale(offer)).collect()
    };
    let version = live.version();
    let next = live.events.len() as u64 + 1;
    script(&mut live, [(reopen(3), stands(Status::Listed, version))]);
    script(&mut live, [(close(4), stands(Status::Listed, next)), (close(4), stands(Status::Listed, next))]);
    assert_eq!(sells(&live), [false, true]);
    // What comes meanwhile is not for sale either.
    let used = NewOffer { condition: Condition::Used, ..offer(SkuId(101), STEWARD) };
    script(&mut live, [(attach(STEWARD, used), attached(SkuId(101), false, next + 1))]);
    script(
        &mut live,
        [
            (Command::Withhold { by: Actor::Vendor(STEWARD), sku: SKU }, attached(SKU, false, next + 2)),
            (reopen(6), stands(Status::Listed, next + 3)),
        ],
    );
    assert_eq!(sells(&live), [false, true, true], "what the vendor withholds stays withheld");
    script(
        &mut live,
        [
            // The walker starts again from an old place.
            (close(4), Err(Rejection::Stale)),
            (reopen(6), stands(Status::Listed, next + 3)),
            (close(8), stands(Status::Listed, next + 4)),
        ],
    );
    assert_eq!(sells(&live), [false, false, true]);
}
