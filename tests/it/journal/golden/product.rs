use std::collections::BTreeMap;

use souk_core::any::AnyEvent;
use souk_core::ask::AskId;
use souk_core::ids::StreamId;
use souk_core::market::MarketId;
use souk_core::product::{Condition, Event, Facts, NewOffer, Party, Price, Size, Variant};

use super::{PRODUCT, SKU, VARIANT, VENDOR, eur};

fn texts<const N: usize>(texts: [(&str, &str); N]) -> BTreeMap<String, String> {
    texts.map(|(key, text)| (key.to_owned(), text.to_owned())).into()
}

pub fn events() -> Vec<AnyEvent> {
    let facts = Facts {
        title: texts([("de", "Becher, groß"), ("pt-BR", "Caneca grande")]),
        description: texts([("de", "Von Hand gedreht.")]),
        category: "kitchen/mugs".to_owned(),
    };
    let variant = Variant {
        id: VARIANT,
        options: texts([("color", "blue"), ("size", "l")]),
        barcode: Some("4006381333931".to_owned()),
        weight_g: Some(420),
        size: Some(Size { length_mm: 130, width_mm: 110, height_mm: 95 }),
    };
    let price = Price { unit: eur(1_990), shipping: eur(490) };
    let offer = NewOffer {
        sku: SKU,
        variant: VARIANT,
        vendor: VENDOR,
        code: "B-17".to_owned(),
        condition: Condition::New,
        prices: BTreeMap::from([(MarketId::main(), price)]),
    };
    let events = [
        Event::Created { steward: VENDOR, facts: facts.clone(), variants: vec![variant.clone()] },
        Event::Revised { facts },
        Event::VariantAdded { variant },
        Event::OfferAttached { offer },
        Event::PriceSet { sku: SKU, market: MarketId::main(), price },
        Event::OfferWithheld { sku: SKU, by: Party::Vendor },
        Event::OfferResumed { sku: SKU, by: Party::Operator },
        Event::OffersClosed { vendor: VENDOR, version: 3 },
        Event::OffersReopened { vendor: VENDOR, version: 4 },
        Event::Submitted,
        Event::Approved,
        Event::Rejected { reason: "No picture.".to_owned() },
        Event::Listed,
        Event::Archived,
        Event::SkuAnswered { ask: AskId { stream: StreamId::Product(PRODUCT), seq: 9, n: 1 } },
    ];
    events.map(AnyEvent::Product).into()
}
