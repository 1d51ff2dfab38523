use souk_core::any::AnyEvent;
use souk_core::ask::AskId;
use souk_core::ids::{BuyerId, ParcelId, ShardNo, StreamId, SubjectId};
use souk_core::inventory::{EndedHold, Rejection};
use souk_core::ledger::{Account, Posting, Transaction};
use souk_core::market::{MarketId, TaxLine};
use souk_core::money::{Currency, Rate};
use souk_core::order::{
    Actor, CancelReason, Commission, Discount, Event, LineHold, OrderLine, PlacedOrder, RefundPart,
};
use souk_core::payment::{RefundId, RefundRefused};

use super::{CHECKOUT, HOLD, LOCATION, ORDER, PAYMENT, PRODUCT, SKU, VARIANT, VENDOR, eur};

const REFUND: RefundId = RefundId { order: ORDER, n: 1 };

fn transaction<const N: usize>(postings: [(Account, i64); N]) -> Transaction {
    let posting = |(account, minor)| Posting { account, amount: eur(minor) };
    Transaction { postings: postings.map(posting).into() }
}

fn tax() -> Account {
    Account::Tax { jurisdiction: "DE".to_owned() }
}

fn line() -> OrderLine {
    let tax = |minor, included| TaxLine {
        jurisdiction: "DE".to_owned(),
        rate: Rate(1_900),
        amount: eur(minor),
        included,
    };
    OrderLine {
        number: 1,
        sku: SKU,
        product: PRODUCT,
        variant: Some(VARIANT),
        vendor: VENDOR,
        quantity: 2,
        list_price: eur(1_890),
        unit_price: eur(1_790),
        discounts: vec![Discount { rule: "spring".to_owned(), amount: eur(100) }],
        taxes: vec![tax(556, true), tax(10, false)],
        shipping: eur(980),
        commission: Commission { rate: Rate(1_250), rule: "default".to_owned(), amount: eur(435) },
        seller_of_record: true,
        hold: LineHold { id: HOLD, shard: ShardNo(84), location: LOCATION },
    }
}

fn placed() -> PlacedOrder {
    let sale = transaction([
        (Account::PaymentClearing, 4_470),
        (Account::VendorPayable(VENDOR), -3_469),
        (Account::Commission, -435),
        (tax(), -566),
    ]);
    PlacedOrder {
        checkout: CHECKOUT,
        buyer: BuyerId(41),
        subject: SubjectId(42),
        country: "DE".to_owned(),
        market: MarketId::main(),
        currency: Currency::EUR,
        lines: vec![line()],
        payments: vec![(PAYMENT, eur(4_470))],
        sale,
        number: "7KM-2Q4-XZ9".to_owned(),
        reference: Some("A-1001".to_owned()),
        assisted: true,
    }
}

pub fn events() -> Vec<AnyEvent> {
    let cancellation = transaction([
        (Account::VendorPayable(VENDOR), 3_469),
        (Account::Commission, 435),
        (tax(), 566),
        (Account::Refunds, -4_470),
    ]);
    let refund = transaction([(Account::PaymentClearing, -4_470), (Account::Refunds, 4_470)]);
    let events = [
        Event::Placed(placed()),
        Event::Accepted { vendor_order: 1 },
        Event::Shipped {
            parcel: ParcelId(43),
            vendor_order: 1,
            lines: vec![1],
            tracking: Some("00340434161094042557".to_owned()),
        },
        Event::Delivered { parcel: ParcelId(43) },
        Event::Cancelled {
            lines: vec![1],
            by: Actor::Vendor(VENDOR),
            reason: CancelReason::NotAvailable,
            refunds: vec![RefundPart { refund: REFUND, payment: PAYMENT, amount: eur(4_470) }],
            transaction: cancellation,
        },
        Event::Refunded { refund: REFUND, transaction: refund },
        Event::RefundRefused { refund: REFUND, why: Some(RefundRefused::TooMuch) },
        Event::RefundRetried {
            part: RefundPart {
                refund: RefundId { order: ORDER, n: 2 },
                payment: PAYMENT,
                amount: eur(4_470),
            },
            replaces: REFUND,
        },
        Event::StockAnswered {
            ask: AskId { stream: StreamId::Order(ORDER), seq: 3, n: 0 },
            line: 1,
            refused: Some(Rejection::HoldEnded { how: EndedHold::Shipped }),
        },
    ];
    events.map(AnyEvent::Order).into()
}
