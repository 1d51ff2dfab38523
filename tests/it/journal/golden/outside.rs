//! Orders to the outside world, and answers to requests from there.

use souk_core::any::{
    AnyOutcome, Effect, Mail, OrderMail, OrderTemplate, PersonMail, PersonTemplate, VendorMail,
    VendorTemplate,
};
use souk_core::checkout::{self, PayingStep, Step};
use souk_core::ids::{CredentialId, FamilyId, SubjectId, UserId};
use souk_core::payment::{CallKind, Method, Operation, ProviderCall};
use souk_core::{family, inventory, order, payment, person, product, vendor};

use super::{AT, LOCATION, ORDER, PAYMENT, PRODUCT, SKU, VENDOR, eur};

/// One effect of every kind.
pub fn effects() -> [Effect; 4] {
    let method = Method::Card { token: "tok_visa".to_owned() };
    let operation = Operation::Authorise { amount: eur(4_470), method };
    let call = ProviderCall { payment: PAYMENT, key: CallKind::Authorise.key(PAYMENT), operation };
    let (to, person) = (SubjectId(42), UserId(40));
    let of_order = OrderMail { template: OrderTemplate::OrderPlaced, to, order: ORDER };
    let of_person = PersonMail { template: PersonTemplate::ResetPassword { token: 2 }, to, person };
    let template = VendorTemplate::Invitation { invitation: 3 };
    let of_vendor = VendorMail { template, to, vendor: VENDOR };
    [
        Effect::Payment(call),
        Effect::Mail(Mail::Order(of_order)),
        Effect::Mail(Mail::Person(of_person)),
        Effect::Mail(Mail::Vendor(of_vendor)),
    ]
}

/// A yes and a no of every machine, named by its file.
pub fn outcomes() -> [(&'static str, AnyOutcome); 16] {
    let held = inventory::Reply::Held { location: LOCATION, deadline: AT };
    let active = vendor::Reply::Vendor { vendor: VENDOR, status: vendor::Status::Active, version: 2 };
    let offer = product::Reply::Offer { product: PRODUCT, sku: SKU, for_sale: true, version: 9 };
    let placed = checkout::Reply::Placed { order: ORDER, total: eur(4_470) };
    let at = Step::Paying(PayingStep::Authorising);
    let (mail, password) = (SubjectId(42), Some(CredentialId(41)));
    let (operator, second) = (None, None);
    let account = person::Standing { person: UserId(40), mail, password, round: 1, operator, second };
    let live = family::Reply::Live { family: FamilyId(43), generation: 7, good_until: AT };
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
        ("person.v1-yes", AnyOutcome::Person(Ok(person::Reply::Account(account)))),
        ("person.v1-no", AnyOutcome::Person(Err(person::Rejection::TooSoon { next_at: AT }))),
        ("family.v1-yes", AnyOutcome::Family(Ok(live))),
        ("family.v1-no", AnyOutcome::Family(Err(family::Rejection::UnknownGeneration))),
        ("order.v1-no", AnyOutcome::Order(Err(order::Rejection::AlreadyShipped { line: 2 }))),
    ]
}
