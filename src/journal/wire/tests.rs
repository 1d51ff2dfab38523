//! Every value that a payload can hold survives it. Every kind of event as a whole, and the very bytes, are
//! compared in `tests/it/journal/golden.rs`.

mod effects;
mod events;
mod outcomes;
mod refused;

use souk_core::ids::{CheckoutId, HoldId, LocationId, OrderId, PaymentId, SkuId, VendorId};
use souk_core::money::{AMOUNT_MAX, Currency, Money};

const CHECKOUT: CheckoutId = CheckoutId(0x0189_abcd);
const ORDER: OrderId = OrderId(CHECKOUT.0);
const PAYMENT: PaymentId = PaymentId { checkout: CHECKOUT, attempt: 2 };
const HOLD: HoldId = HoldId { checkout: CHECKOUT, n: 3 };
const SKU: SkuId = SkuId(11);
const LOCATION: LocationId = LocationId(5);
const VENDOR: VendorId = VendorId(7);

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

/// The longest that money is written.
const MOST: Money = Money::new(-AMOUNT_MAX, Currency::EUR);
