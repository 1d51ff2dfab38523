//! Orders to the outside world, and answers to requests from there.

use souk_core::any::{AnyOutcome, Effect, Mail, MailTemplate};
use souk_core::checkout::{self, PayingStep, Step};
use souk_core::ids::SubjectId;
use souk_core::payment::{CallKind, Method, Operation, ProviderCall};
use souk_core::{inventory, order, payment, product, vendor};

use super::{AT, LOCATION, ORDER, PAYMENT, PRODUCT, SKU, VENDOR, eur};

/// One effect of every kind.
pub fn effects() -> [Effect; 2] {
    let method = Method::Card { token: "tok_visa".to_owned() };
    let operation = Operation::Authorise { amount: eur(4_470), method };
    let call = ProviderCall { payment: PAYMENT, key: CallKind::Authorise.key(PAYMENT), operation };
    let mail = Mail { template: MailTemplate::OrderPlaced, to: SubjectId(42), order: ORDER };
    [Effect::Payment(call), Effect::Mail(mail)]
}

/// A yes and a no of every machine, named by its file.
pub fn outcomes() -> [(&'static str, AnyOutcome); 12] {
    let held = inventory::Reply::Held { location: LOCATION, deadline: AT };
    let active = vendor::Reply::Vendor { vendor: VENDOR, status: vendor::Status::Active, version: 2 };
    let offer = product::Reply::Offer { product: PRODUCT, sku: SKU, for_sale: true, version: 9 };
    let placed = checkout::Reply::Placed { order: ORDER, total: eur(4_470) };
    let at = Step::Paying(PayingStep::Authorising);
    let cancelled = order::Reply::Cancelled { lines: vec![1, 2, 3, 7], refunded: eur(4_470) };
    [
        ("stock.v1-yes", AnyOutcome::Stock(Ok(held))),
        ("stock.v1-no", AnyOutcome::Stock(Err(inventory::Rejection::OutOfStock { available: 1 }))),
        ("vendor.v1-yes", AnyOutcome::Vendor(Ok(active))),
        ("vendor.v1-no", AnyOutcome::Vendor(Err(vendor::Rejection::Invalid { field: vendor::Field::TaxId }))),
        ("product.v1-yes", AnyOutcome::Product(Ok(offer))),
        ("product.v1-no", AnyOutcome::Product(Err(product::Rejection::SameOffer { sku: SKU }))),
        ("checkout.v1-yes", AnyOutcome::Checkout(Ok(placed))),
        ("checkout.v1-no", AnyOutcome::Checkout(Err(checkout::Rejection::Incomplete { step: at }))),
        ("payment.v1-yes", AnyOutcome::Payment(Ok(payment::Reply::Waiting))),
        ("payment.v1-no", AnyOutcome::Payment(Err(payment::Rejection::Stale))),
        ("order.v1-yes", AnyOutcome::Order(Ok(cancelled))),
        ("order.v1-no", AnyOutcome::Order(Err(order::Rejection::AlreadyShipped { line: 2 }))),
    ]
}
