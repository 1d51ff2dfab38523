use souk_core::any::AnyEvent;
use souk_core::ask::AskId;
use souk_core::checkout::{
    Address, AttemptEnded, CartLine, Check, Event, HoldAsked, Limits, Offered, Opening, Paid, Quote,
    QuoteDropped, QuoteLine, Terms, VoidReason, WrittenLine,
};
use souk_core::ids::{BuyerId, QuoteId, StreamId, SubjectId};
use souk_core::inventory::Rejection;
use souk_core::machine::{CommandId, CommandKey};
use souk_core::market::{Market, MarketId, TaxLine, TaxRule};
use souk_core::money::{Currency, Rate};
use souk_core::order::{Commission, Discount};
use souk_core::payment::Method;

use super::{AT, CHECKOUT, HOLD, LOCATION, ORDER, PAYMENT, PRODUCT, SKU, VARIANT, VENDOR, eur};

const QUOTE: QuoteId = QuoteId(40);

fn ask(seq: u64, n: u16) -> AskId {
    AskId { stream: StreamId::Checkout(CHECKOUT), seq, n }
}

fn key() -> Option<CommandKey> {
    Some(CommandKey { id: CommandId(0x00c0_ffee), fingerprint: u128::MAX })
}

fn opening() -> Opening {
    let tax = TaxRule { jurisdiction: "DE".to_owned(), rate: Rate(1_900) };
    Opening {
        market: Market {
            id: MarketId::main(),
            countries: vec!["AT".to_owned(), "DE".to_owned()],
            currency: Currency::EUR,
            locale: "de-DE".to_owned(),
            prices_include_tax: true,
            tax: Some(tax),
        },
        buyer: BuyerId(41),
        limits: Limits {
            cart_ttl_ms: 1,
            quote_ttl_ms: 2,
            hold_ttl_ms: 3,
            card_ms: 4,
            instant_ms: 5,
            pay_later_ms: 6,
            look_up_every_ms: 7,
            late_money_ms: 8,
        },
        reference: Some("A-1001".to_owned()),
    }
}

fn quote() -> Quote {
    let tax = |minor, included| TaxLine {
        jurisdiction: "DE".to_owned(),
        rate: Rate(1_900),
        amount: eur(minor),
        included,
    };
    let line = QuoteLine {
        number: 1,
        sku: SKU,
        product: PRODUCT,
        variant: VARIANT,
        vendor: VENDOR,
        quantity: 2,
        list_price: eur(1_990),
        unit_price: eur(1_790),
        discounts: vec![Discount { rule: "spring".to_owned(), amount: eur(100) }],
        goods: eur(3_480),
        shipping: eur(980),
        taxes: vec![tax(556, true), tax(10, false)],
        commission: Commission { rate: Rate(1_250), rule: "default".to_owned(), amount: eur(435) },
        seller_of_record: true,
        product_version: 9,
        vendor_version: 2,
    };
    Quote {
        id: QUOTE,
        lines: vec![line],
        goods: eur(3_480),
        shipping: vec![(VENDOR, eur(980))],
        tax_added: eur(10),
        total: eur(4_470),
        valid_until: AT,
        assisted: true,
    }
}

pub fn events() -> Vec<AnyEvent> {
    [before_paying(), paying()].concat().into_iter().map(AnyEvent::Checkout).collect()
}

fn before_paying() -> Vec<Event> {
    let offer = Offered {
        variant: VARIANT,
        vendor: VENDOR,
        unit_price: eur(1_990),
        unit_shipping: eur(490),
        version: 9,
    };
    let terms =
        Terms { commission: Rate(1_250), rule: "default".to_owned(), seller_of_record: true, version: 2 };
    vec![
        Event::Opened(opening()),
        Event::LineSet(CartLine { sku: SKU, product: PRODUCT, quantity: 2 }),
        Event::Addressed(Address { subject: SubjectId(42), country: "DE".to_owned() }),
        Event::ShippingChosen { method: "standard".to_owned() },
        Event::QuoteAsked {
            quote: QUOTE,
            written: vec![
                WrittenLine { sku: SKU, quantity: None, unit_price: eur(1_790), unit_shipping: eur(490) },
                WrittenLine { sku: SKU, quantity: Some(3), unit_price: eur(1_790), unit_shipping: eur(490) },
            ],
            until: AT,
            key: key(),
        },
        Event::OfferAnswered { ask: ask(5, 0), sku: SKU, offer: Some(offer) },
        Event::TermsAnswered { ask: ask(6, 0), vendor: VENDOR, terms: Some(terms) },
        Event::Quoted(quote()),
        Event::QuoteDropped { why: QuoteDropped::NotForSale { lines: vec![1, 3] } },
        Event::Abandoned,
        Event::Expired,
    ]
}

fn paying() -> Vec<Event> {
    vec![
        Event::PayStarted {
            payment: PAYMENT,
            method: Method::Card { token: "tok_visa".to_owned() },
            holds: vec![HoldAsked { hold: HOLD, line: 1, sku: SKU, quantity: 2 }],
            deadline: AT,
            key: key(),
        },
        Event::HoldAnswered {
            ask: ask(9, 0),
            hold: HOLD,
            answer: Err(Rejection::OutOfStock { available: 1 }),
        },
        Event::HoldsTaken {
            ask: ask(9, 1),
            hold: HOLD,
            location: LOCATION,
            check: Check::Allowed,
            until: AT,
        },
        Event::ActionNeeded { asked: 2, url: "https://bank.example/3ds?x=1&y=\"2\"".to_owned() },
        Event::AwaitingPayment { asked: 2, reference: "34191.79001".to_owned() },
        Event::CommitAsked { asked: 3, captured: false },
        Event::LineCommitted { ask: ask(11, 0), hold: HOLD },
        Event::CaptureAsked { ask: ask(11, 1), hold: HOLD },
        Event::CapturedEarly { asked: 5 },
        Event::VoidAsked { why: VoidReason::TimedOut },
        Event::AttemptEnded { why: AttemptEnded::PaymentFailed { reason: "card_declined".to_owned() } },
        Event::HoldUndone { ask: ask(13, 0) },
        Event::Placed(Paid { order: ORDER, payment: PAYMENT, total: eur(4_470) }),
    ]
}
