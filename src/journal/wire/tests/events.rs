//! What differs within a kind of event: every variant of every value.

use std::collections::BTreeMap;

use souk_core::any::AnyEvent;
use souk_core::ask::AskId;
use souk_core::checkout::{
    AttemptEnded, CartLine, HoldAsked, Limits, Offered, Opening, QuoteDropped, Terms, VoidReason, WrittenLine,
};
use souk_core::ids::{
    BuyerId, MovementId, ParcelId, ProductId, QuoteId, ShardNo, StreamId, SubjectId, VariantId,
};
use souk_core::inventory::{EndedHold, Rejection};
use souk_core::ledger::{Account, Posting, Transaction};
use souk_core::machine::{CommandId, CommandKey};
use souk_core::market::{Market, MarketId, TaxRule};
use souk_core::money::{Currency, Rate};
use souk_core::order::{Actor, CancelReason, RefundPart};
use souk_core::payment::{Intent, Method, RefundId, RefundRefused};
use souk_core::product::{Condition, Facts, NewOffer, Party, Price, Size, Variant};
use souk_core::time::Timestamp;
use souk_core::vendor::{Application, LegalEntity};
use souk_core::{checkout, inventory, order, payment, product, vendor};

use super::super::{decode, encode};
use super::{CHECKOUT, HOLD, LOCATION, ORDER, PAYMENT, SKU, VENDOR, eur};

const ASK: AskId = AskId { stream: StreamId::Checkout(CHECKOUT), seq: u64::MAX, n: 12 };
const KEY: CommandKey = CommandKey { id: CommandId(u128::MAX), fingerprint: 1 };
const REFUND: RefundId = RefundId { order: ORDER, n: 1 };

fn survives(event: impl Into<AnyEvent>) {
    let event = event.into();
    let row = encode(&event).unwrap();
    let read = decode(row.kind, i64::from(row.version), &row.payload);
    assert_eq!(read.unwrap(), event, "{} {}", row.kind, row.payload);
}

fn methods() -> [Method; 3] {
    let token = || "tok_\"1\"".to_owned();
    [Method::Card { token: token() }, Method::Instant { token: token() }, Method::PayLater { token: token() }]
}

pub(super) fn stock_refusals() -> Vec<Rejection> {
    let ended = [
        EndedHold::Released,
        EndedHold::Expired,
        EndedHold::Deallocated,
        EndedHold::Barred,
        EndedHold::Shipped,
    ];
    let mut refusals = vec![
        Rejection::OutOfStock { available: -1 },
        Rejection::NotForSale,
        Rejection::UnknownSku,
        Rejection::InvalidQuantity,
        Rejection::MovementReused,
        Rejection::OutOfRange,
        Rejection::InvalidDeadline,
        Rejection::UnknownHold,
        Rejection::Mismatch,
        Rejection::WrongState,
        Rejection::Stale,
    ];
    refusals.extend(ended.map(|how| Rejection::HoldEnded { how }));
    refusals
}

#[test]
fn holds_and_counts() {
    for pin in [None, Some(PAYMENT)] {
        survives(inventory::Event::Held {
            hold: HOLD,
            sku: SKU,
            location: LOCATION,
            quantity: u32::MAX,
            deadline: Timestamp::from_millis(i64::MIN),
            pin,
            asked: 0,
        });
    }
    for delta in [i64::MIN, i64::MAX] {
        let movement = MovementId(u128::MAX);
        survives(inventory::Event::Adjusted { movement, sku: SKU, location: LOCATION, delta });
    }
}

#[test]
fn vendors() {
    for (tax_id, contact) in [(None, None), (Some("DE 1".to_owned()), Some(SubjectId(1)))] {
        survives(vendor::Event::Applied(Application {
            name: "Ação \u{1f600} \"&\" \\".to_owned(),
            legal_entity: LegalEntity {
                name: "A".to_owned(),
                country: "BR".to_owned(),
                tax_id,
                series: "A-".to_owned(),
            },
            settlement: Currency::BRL,
            seller_of_record: contact.is_some(),
            contact,
        }));
    }
}

#[test]
fn products() {
    let bare =
        Variant { id: VariantId(1), options: BTreeMap::new(), barcode: None, weight_g: None, size: None };
    let full = Variant {
        options: BTreeMap::from([("color".to_owned(), "red".to_owned())]),
        barcode: Some("4006381333931".to_owned()),
        weight_g: Some(0),
        size: Some(Size { length_mm: 3, width_mm: 2, height_mm: 1 }),
        ..bare.clone()
    };
    survives(product::Event::VariantAdded { variant: bare });
    survives(product::Event::VariantAdded { variant: full });
    for description in [BTreeMap::new(), BTreeMap::from([("de".to_owned(), "zwei\nZeilen".to_owned())])] {
        let title = BTreeMap::from([("de".to_owned(), "Tasse".to_owned())]);
        survives(product::Event::Revised { facts: Facts { title, description, category: "a/b".to_owned() } });
    }
    for condition in [Condition::New, Condition::Refurbished, Condition::Used] {
        for prices in
            [BTreeMap::new(), BTreeMap::from([(MarketId::main(), Price { unit: eur(0), shipping: eur(1) })])]
        {
            let code = "A 1".to_owned();
            let offer = NewOffer { sku: SKU, variant: VariantId(1), vendor: VENDOR, code, condition, prices };
            survives(product::Event::OfferAttached { offer });
        }
    }
    for by in [Party::Vendor, Party::Operator] {
        survives(product::Event::OfferWithheld { sku: SKU, by });
        survives(product::Event::OfferResumed { sku: SKU, by });
    }
    let ask = AskId { stream: StreamId::Stock(ShardNo(7)), seq: 1, n: 0 };
    survives(product::Event::SkuAnswered { ask });
}

#[test]
fn carts_and_quotes() {
    for (tax, reference) in [
        (None, None),
        (Some(TaxRule { jurisdiction: "DE".to_owned(), rate: Rate(1_900) }), Some("R".to_owned())),
    ] {
        survives(checkout::Event::Opened(Opening {
            market: Market {
                id: MarketId::main(),
                countries: Vec::new(),
                currency: Currency::EUR,
                locale: "de-DE".to_owned(),
                prices_include_tax: tax.is_some(),
                tax,
            },
            buyer: BuyerId(0),
            limits: Limits::default(),
            reference,
        }));
    }
    survives(checkout::Event::LineSet(CartLine { sku: SKU, product: ProductId(1), quantity: 0 }));
    let line = WrittenLine { sku: SKU, quantity: None, unit_price: eur(1), unit_shipping: eur(0) };
    let part = WrittenLine { quantity: Some(2), ..line };
    for (written, key) in [(Vec::new(), None), (vec![line, part], Some(KEY))] {
        survives(checkout::Event::QuoteAsked { quote: QuoteId(1), written, until: Timestamp::ZERO, key });
    }
    let offered = Offered {
        variant: VariantId(1),
        vendor: VENDOR,
        unit_price: eur(1),
        unit_shipping: eur(0),
        version: 1,
    };
    for offer in [None, Some(offered)] {
        survives(checkout::Event::OfferAnswered { ask: ASK, sku: SKU, offer });
    }
    let terms =
        Terms { commission: Rate(1), rule: "default".to_owned(), seller_of_record: true, version: u64::MAX };
    for terms in [None, Some(terms)] {
        survives(checkout::Event::TermsAnswered { ask: ASK, vendor: VENDOR, terms });
    }
    for why in [
        QuoteDropped::NotForSale { lines: vec![2, 1] },
        QuoteDropped::TooLarge,
        QuoteDropped::NoAnswer,
        QuoteDropped::Expired,
    ] {
        survives(checkout::Event::QuoteDropped { why });
    }
}

#[test]
fn attempts() {
    let holds = vec![HoldAsked { hold: HOLD, line: 1, sku: SKU, quantity: 1 }];
    for (method, key) in methods().into_iter().zip([None, Some(KEY), None]) {
        let deadline = Timestamp::ZERO;
        survives(checkout::Event::PayStarted {
            payment: PAYMENT,
            method,
            holds: holds.clone(),
            deadline,
            key,
        });
    }
    survives(checkout::Event::HoldAnswered { ask: ASK, hold: HOLD, answer: Ok(LOCATION) });
    for refusal in stock_refusals() {
        survives(checkout::Event::HoldAnswered { ask: ASK, hold: HOLD, answer: Err(refusal) });
    }
    for captured in [false, true] {
        survives(checkout::Event::CommitAsked { asked: 1, captured });
    }
    for why in [VoidReason::TimedOut, VoidReason::Abandoned, VoidReason::CommitRefused] {
        survives(checkout::Event::VoidAsked { why });
    }
    for why in [
        AttemptEnded::OutOfStock { lines: vec![1] },
        AttemptEnded::NotForSale { lines: vec![1] },
        AttemptEnded::HoldsTimedOut,
        AttemptEnded::PaymentFailed { reason: "card_declined".to_owned() },
        AttemptEnded::TimedOut,
        AttemptEnded::Abandoned,
        AttemptEnded::CommitRefused,
    ] {
        survives(checkout::Event::AttemptEnded { why });
    }
}

#[test]
fn payments() {
    for method in methods() {
        let limits =
            payment::Limits { attempt_until: Timestamp::ZERO, look_up_every_ms: 1, late_money_ms: 2 };
        survives(payment::Event::Created(Intent { payment: PAYMENT, amount: eur(1), method, limits }));
    }
    for keys in [Vec::new(), vec!["a".to_owned(), "b".to_owned()]] {
        survives(payment::Event::LookUpStarted { keys });
    }
}

#[test]
fn orders() {
    let accounts = [
        Account::PaymentClearing,
        Account::VendorPayable(VENDOR),
        Account::Commission,
        Account::Tax { jurisdiction: "DE".to_owned() },
        Account::Shipping,
        Account::ProviderFees,
        Account::Refunds,
        Account::Disputes,
        Account::Reserves,
        Account::Payouts,
    ];
    let postings = accounts.map(|account| Posting { account, amount: eur(-1) }).into();
    let transaction = Transaction { postings };
    survives(order::Event::Refunded { refund: REFUND, transaction: transaction.clone() });

    let refunds = vec![RefundPart { refund: REFUND, payment: PAYMENT, amount: eur(1) }];
    for (by, refunds) in [
        (Actor::Vendor(VENDOR), Vec::new()),
        (Actor::Operator, refunds.clone()),
        (Actor::Buyer, [refunds.clone(), refunds].concat()),
    ] {
        for reason in [
            CancelReason::BuyerChangedMind,
            CancelReason::NotAvailable,
            CancelReason::Undeliverable,
            CancelReason::WrongPrice,
            CancelReason::SuspectedFraud,
            CancelReason::Other,
        ] {
            let (refunds, transaction) = (refunds.clone(), transaction.clone());
            survives(order::Event::Cancelled { lines: vec![1, 3], by, reason, refunds, transaction });
        }
    }
    for tracking in [None, Some("00340434161094042557".to_owned())] {
        let lines = vec![1];
        survives(order::Event::Shipped { parcel: ParcelId(1), vendor_order: 1, lines, tracking });
    }
    for why in [
        None,
        Some(RefundRefused::NotCaptured),
        Some(RefundRefused::TooMuch),
        Some(RefundRefused::Mismatch),
        Some(RefundRefused::InvalidAmount),
        Some(RefundRefused::Declined),
    ] {
        survives(order::Event::RefundRefused { refund: REFUND, why });
    }
    for refused in stock_refusals().into_iter().map(Some).chain([None]) {
        survives(order::Event::StockAnswered { ask: ASK, line: 1, refused });
    }
}
