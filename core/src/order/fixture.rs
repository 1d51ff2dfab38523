//! Orders for tests: two vendors, taxes of both kinds, a discount, two payments.

use crate::ids::{
    BuyerId, CheckoutId, HoldId, LocationId, OrderId, PaymentId, ProductId, SkuId, SubjectId, VendorId,
};
use crate::market::{MarketId, TaxLine};
use crate::money::{Currency, Money, Rate};

use super::{Commission, Discount, LineHold, OrderLine, PlacedOrder, sale};

pub(crate) const CHECKOUT: CheckoutId = CheckoutId(0x0189_abcd);
pub(crate) const ORDER: OrderId = OrderId(CHECKOUT.0);
pub(crate) const LOW_VENDOR: VendorId = VendorId(7);
pub(crate) const HIGH_VENDOR: VendorId = VendorId(9);

pub(crate) fn brl(minor: i64) -> Money {
    Money::new(minor, Currency::BRL)
}

pub(crate) fn payment(attempt: u32) -> PaymentId {
    PaymentId { checkout: CHECKOUT, attempt }
}

fn tax(amount: i64, included: bool) -> TaxLine {
    let jurisdiction = if included { "BR".to_owned() } else { "BR-SP".to_owned() };
    TaxLine { jurisdiction, rate: Rate(1_000), amount: brl(amount), included }
}

/// A line of `quantity` units at 10.00, shipping 1.50, commission 10 %.
pub(crate) fn line(number: u32, vendor: VendorId, quantity: u32) -> OrderLine {
    let sku = SkuId(u128::from(number) * 1_000 + 1);
    OrderLine {
        number,
        sku,
        product: ProductId(u128::from(number)),
        variant: None,
        vendor,
        quantity,
        list_price: brl(1_000),
        unit_price: brl(1_000),
        discounts: Vec::new(),
        taxes: Vec::new(),
        shipping: brl(150),
        commission: Commission {
            rate: Rate(1_000),
            rule: "default".to_owned(),
            amount: brl(100 * i64::from(quantity)),
        },
        seller_of_record: true,
        hold: LineHold {
            id: HoldId { checkout: CHECKOUT, n: number },
            shard: sku.shard(),
            location: LocationId::MAIN,
        },
    }
}

pub(crate) fn order_of(lines: Vec<OrderLine>, payments: Vec<(PaymentId, Money)>) -> PlacedOrder {
    PlacedOrder {
        checkout: CHECKOUT,
        buyer: BuyerId(3),
        subject: SubjectId(4),
        country: "BR".to_owned(),
        market: MarketId::main(),
        currency: Currency::BRL,
        sale: sale(Currency::BRL, &lines).unwrap(),
        number: ORDER.number(),
        reference: None,
        assisted: false,
        lines,
        payments,
    }
}

/// Three lines: 1 and 3 are of the vendor with the higher id, so their vendor order is `-2`.
/// Line 1: 2 × 10.00 + 1.50 = 21.50. Line 2: 10.00 − 1.00 + 1.50 + 0.90 tax = 11.40, 0.30 more tax included.
/// Line 3: 10.00 + 1.50 = 11.50. Together 44.40, paid 40.00 and 4.40.
pub(crate) fn two_vendors() -> PlacedOrder {
    let mut second = line(2, LOW_VENDOR, 1);
    second.discounts = vec![Discount { rule: "spring".to_owned(), amount: brl(100) }];
    second.taxes = vec![tax(90, false), tax(30, true)];
    let lines = vec![line(1, HIGH_VENDOR, 2), second, line(3, HIGH_VENDOR, 1)];
    order_of(lines, vec![(payment(1), brl(4_000)), (payment(2), brl(440))])
}
