//! Stored replies survive their rows and stay short.

use souk_core::any::AnyOutcome;
use souk_core::checkout::LINES_MAX;
use souk_core::ids::{CredentialId, FamilyId, KeyId, ProductId, QuoteId, SubjectId, UserId, VariantId};
use souk_core::money::{AMOUNT_MAX, Currency, Rate};
use souk_core::payment::{News, PROVIDER_TEXT_MAX, RefundId, RefundRefused};
use souk_core::time::Timestamp;
use souk_core::{checkout, family, inventory, order, payment, person, product, vendor};

use super::super::{OUTCOME_BYTES_MAX, decode_outcome, encode_outcome};
use super::events::stock_refusals;
use super::{LOCATION, MOST, ORDER, PAYMENT, SKU, VENDOR, eur};

/// The longest that a point in time is written.
const WHEN: Timestamp = Timestamp::from_millis(i64::MIN);

fn stored(outcome: &AnyOutcome) -> AnyOutcome {
    let row = encode_outcome(outcome).unwrap();
    assert!(row.len() <= OUTCOME_BYTES_MAX, "{} bytes: {row}", row.len());
    decode_outcome(&row).unwrap()
}

fn survives(outcome: AnyOutcome) {
    assert_eq!(stored(&outcome), outcome);
}

#[test]
fn of_a_shard() {
    use inventory::Reply;
    for reply in [
        Reply::Stock { available: i64::MIN },
        Reply::Held { location: LOCATION, deadline: WHEN },
        Reply::Pinned,
        Reply::Unpinned,
        Reply::Committed { location: LOCATION },
        Reply::Undone,
        Reply::Shipped,
    ] {
        survives(AnyOutcome::Stock(Ok(reply)));
    }
    for refusal in stock_refusals() {
        survives(AnyOutcome::Stock(Err(refusal)));
    }
}

#[test]
fn of_a_vendor() {
    use vendor::{Answer, Field, Rejection, Reply, Role, Status};
    let statuses = [Status::Applied, Status::Active, Status::Suspended, Status::Closed];
    for status in statuses {
        survives(AnyOutcome::Vendor(Ok(Reply::Vendor { vendor: VENDOR, status, version: u64::MAX })));
        survives(AnyOutcome::Vendor(Err(Rejection::WrongState { status })));
    }
    survives(AnyOutcome::Vendor(Ok(Reply::Answer(Answer::Terms {
        active: false,
        commission: Rate(u32::MAX),
        rule: "x".repeat(vendor::RULE_MAX),
        settlement: Currency::BRL,
        seller_of_record: false,
        version: u64::MAX,
    }))));
    let (person, version) = (UserId(u128::MAX), u64::MAX);
    survives(AnyOutcome::Vendor(Ok(Reply::Invited { vendor: VENDOR, invitation: u32::MAX, version })));
    for role in [None, Some(Role::Owner), Some(Role::Manager), Some(Role::Packer), Some(Role::Accountant)] {
        survives(AnyOutcome::Vendor(Ok(Reply::Member { vendor: VENDOR, person, role, version })));
    }
    for made_at in [None, Some(Timestamp::from_millis(i64::MAX))] {
        let key = KeyId(u128::MAX);
        survives(AnyOutcome::Vendor(Ok(Reply::Key { vendor: VENDOR, key, made_at, version })));
    }
    for rejection in [
        Rejection::NoSuchKey,
        Rejection::InvalidScopes,
        Rejection::InvalidTime,
        Rejection::KeyRolled,
        Rejection::TooManyKeys,
        Rejection::NotFound,
        Rejection::AlreadyExists,
        Rejection::InvalidRate,
        Rejection::NotAllowed,
        Rejection::NoSuchMember,
        Rejection::NoSuchInvitation,
        Rejection::InvitationOver,
        Rejection::AlreadyMember,
        Rejection::LastOwner,
        Rejection::TeamFull,
    ] {
        survives(AnyOutcome::Vendor(Err(rejection)));
    }
    for field in [
        Field::Name,
        Field::LegalName,
        Field::Country,
        Field::TaxId,
        Field::Series,
        Field::Rule,
        Field::Reason,
    ] {
        survives(AnyOutcome::Vendor(Err(Rejection::Invalid { field })));
    }
}

#[test]
fn of_a_person() {
    use person::factors::SecondFactor;
    use person::{OperatorRole, Rejection, Reply, Standing};
    for password in [None, Some(CredentialId(u128::MAX))] {
        let (person, mail) = (UserId(u128::MAX), SubjectId(u128::MAX));
        let id = CredentialId(u128::MAX);
        let second = password.map(|_| SecondFactor { totp: id, codes: id, codes_left: u32::MAX });
        let roles =
            [OperatorRole::Chief, OperatorRole::Curator, OperatorRole::Support, OperatorRole::Finance];
        for operator in roles.map(Some).into_iter().chain([None]) {
            let standing = Standing { person, mail, password, round: u32::MAX, operator, second };
            survives(AnyOutcome::Person(Ok(Reply::Account(standing))));
        }
    }
    for rejection in [
        Rejection::NotFound,
        Rejection::AlreadyExists,
        Rejection::TokenSpent,
        Rejection::TooSoon { next_at: WHEN },
        Rejection::PasswordChanged,
        Rejection::NotVerified,
        Rejection::TooManyBuyers,
        Rejection::Locked { until: WHEN },
        Rejection::CodeNeeded,
        Rejection::CodeSpent,
        Rejection::NoFactor,
        Rejection::FactorExists,
        Rejection::Exhausted,
    ] {
        survives(AnyOutcome::Person(Err(rejection)));
    }
}

#[test]
fn of_a_family() {
    use family::{EndReason, Rejection, Reply};
    let live = Reply::Live { family: FamilyId(u128::MAX), generation: u32::MAX, good_until: WHEN };
    survives(AnyOutcome::Family(Ok(live)));
    for reason in [EndReason::SignedOut, EndReason::Reused, EndReason::Revoked] {
        survives(AnyOutcome::Family(Ok(Reply::Over { reason })));
    }
    for rejection in [
        Rejection::NotFound,
        Rejection::AlreadyExists,
        Rejection::Expired,
        Rejection::UnknownGeneration,
        Rejection::InvalidTime,
    ] {
        survives(AnyOutcome::Family(Err(rejection)));
    }
}

#[test]
fn of_a_product() {
    use product::{Answer, Rejection, Reply, Status};
    // More events than a product will ever have.
    let (product, variant, version) = (ProductId(1), VariantId(2), 1 << 40);
    for status in [Status::Draft, Status::Submitted, Status::Approved, Status::Listed, Status::Archived] {
        survives(AnyOutcome::Product(Ok(Reply::Product { product, status, version })));
        survives(AnyOutcome::Product(Err(Rejection::WrongState { status })));
    }
    let offer = Answer::Offer {
        sku: SKU,
        variant,
        vendor: VENDOR,
        unit_price: eur(AMOUNT_MAX),
        unit_shipping: eur(AMOUNT_MAX),
        version,
    };
    for reply in [
        Reply::Variant { product, variant, version },
        Reply::Offer { product, sku: SKU, for_sale: false, version },
        Reply::Answer(offer),
        Reply::Answer(Answer::NotForSale { sku: SKU }),
        Reply::Noted,
    ] {
        survives(AnyOutcome::Product(Ok(reply)));
    }
    for rejection in [
        Rejection::NotFound,
        Rejection::AlreadyExists,
        Rejection::NotYours,
        Rejection::NoVariant,
        Rejection::UnknownVariant,
        Rejection::UnknownOffer,
        Rejection::SameOptions { variant },
        Rejection::SameOffer { sku: SKU },
        Rejection::InvalidPrice,
        Rejection::CurrencyMismatch { expected: Currency::EUR },
        Rejection::Stale,
    ] {
        survives(AnyOutcome::Product(Err(rejection)));
    }
}

#[test]
fn of_a_product_about_a_field() {
    use product::{Field, Rejection};
    for field in [
        Field::Title,
        Field::Description,
        Field::Category,
        Field::Variants,
        Field::Options,
        Field::Barcode,
        Field::Offers,
        Field::Code,
        Field::Market,
        Field::Reason,
    ] {
        survives(AnyOutcome::Product(Err(Rejection::TooMany { field })));
        survives(AnyOutcome::Product(Err(Rejection::Invalid { field })));
    }
}

#[test]
fn of_a_checkout() {
    use checkout::{Answer, PayingStep, Reply, Step};
    let paying = [
        PayingStep::Pinning,
        PayingStep::Authorising,
        PayingStep::ActionNeeded,
        PayingStep::AwaitingPayment,
        PayingStep::Committing,
        PayingStep::Capturing,
        PayingStep::Voiding,
    ];
    let steps = [
        Step::Open,
        Step::Addressed,
        Step::ShippingChosen,
        Step::Quoted,
        Step::Holding,
        Step::Checking,
        Step::Placed,
        Step::Expired,
        Step::Failed,
    ];
    for step in steps.into_iter().chain(paying.map(Step::Paying)) {
        survives(AnyOutcome::Checkout(Ok(Reply::At { step })));
        survives(AnyOutcome::Checkout(Err(checkout::Rejection::Incomplete { step })));
    }
    for reply in [
        Reply::Quoted { quote: QuoteId(1), total: MOST, valid_until: WHEN },
        Reply::ActionNeeded { payment: PAYMENT },
        Reply::AwaitingPayment { payment: PAYMENT },
        Reply::Placed { order: ORDER, total: MOST },
        Reply::Told(Answer::Noted),
        Reply::Told(Answer::Refund),
        Reply::Waiting,
        Reply::Noted,
    ] {
        survives(AnyOutcome::Checkout(Ok(reply)));
    }
}

#[test]
fn of_a_checkout_that_refuses() {
    use checkout::Rejection;
    for rejection in [
        Rejection::UnknownCheckout,
        Rejection::AlreadyOpen,
        Rejection::Placed { order: ORDER },
        Rejection::Ended,
        Rejection::PaymentInProgress,
        Rejection::QuoteInProgress,
        Rejection::EmptyCart,
        Rejection::TooManyLines,
        Rejection::InvalidQuantity,
        Rejection::CountryNotServed,
        Rejection::InvalidText,
        Rejection::QuoteMismatch,
        Rejection::TooLarge,
        Rejection::NoAnswer,
        Rejection::QuoteDropped,
        Rejection::NoQuote,
        Rejection::QuoteChanged { quote: QuoteId(1), total: MOST },
        Rejection::NothingToPay,
        Rejection::PaymentFailed { reason: "\"".repeat(60) },
        Rejection::PaymentFailed { reason: "x".repeat(PROVIDER_TEXT_MAX) },
        Rejection::TimedOut,
        Rejection::Abandoned,
        Rejection::Failed,
        Rejection::Stale,
    ] {
        survives(AnyOutcome::Checkout(Err(rejection)));
    }
}

#[test]
fn of_a_payment() {
    use payment::{Answer, Rejection, Reply};
    let refused = [
        RefundRefused::NotCaptured,
        RefundRefused::TooMuch,
        RefundRefused::Mismatch,
        RefundRefused::InvalidAmount,
    ];
    let news = [
        News::Authorised,
        News::AwaitingPayment { reference: "x".repeat(PROVIDER_TEXT_MAX) },
        News::Captured,
        News::Failed { reason: "x".repeat(PROVIDER_TEXT_MAX) },
        News::Voided,
    ];
    let refunded = Answer::Refunded { refund: RefundId { order: ORDER, n: u32::MAX } };
    let answers = news.map(Answer::Is).into_iter().chain(refused.map(Answer::Refused)).chain([refunded]);
    for reply in answers.map(Reply::Answer).chain([Reply::Waiting, Reply::Noted]) {
        survives(AnyOutcome::Payment(Ok(reply)));
    }
    for rejection in [Rejection::UnknownPayment, Rejection::Stale] {
        survives(AnyOutcome::Payment(Err(rejection)));
    }
}

#[test]
fn of_an_order() {
    use order::{Rejection, Reply};
    for reply in [Reply::Accepted, Reply::Delivered, Reply::Noted] {
        survives(AnyOutcome::Order(Ok(reply)));
    }
    for rejection in [
        Rejection::UnknownOrder,
        Rejection::UnknownVendorOrder,
        Rejection::UnknownLine,
        Rejection::UnknownParcel,
        Rejection::NotYours,
        Rejection::AlreadyShipped { line: u32::MAX },
        Rejection::AlreadyCancelled { line: u32::MAX },
        Rejection::NothingToShip,
        Rejection::ParcelMismatch,
        Rejection::InvalidTracking,
        Rejection::UnknownRefund,
        Rejection::Unbalanced,
    ] {
        survives(AnyOutcome::Order(Err(rejection)));
    }
}

#[test]
fn line_numbers_fit_whichever_they_are() {
    let all = 1..=LINES_MAX as u32;
    // Runs of so many lines with one line missing between them, from each beginning.
    for run in 1..=5 {
        for shift in 0..=run {
            let lines: Vec<u32> = all.clone().filter(|line| (line + shift) % (run + 1) != 0).collect();
            lines_survive(lines);
        }
    }
    lines_survive(Vec::new());
    lines_survive(all.collect());
    lines_survive(vec![3, 2, 2, 1, u32::MAX]);
}

fn lines_survive(lines: Vec<u32>) {
    let shipped = order::Reply::Shipped { number: 100, lines: lines.clone() };
    survives(AnyOutcome::Order(Ok(shipped)));
    let cancelled = order::Reply::Cancelled { lines: lines.clone(), refunded: MOST };
    survives(AnyOutcome::Order(Ok(cancelled)));
    survives(AnyOutcome::Checkout(Err(checkout::Rejection::NotForSale { lines: lines.clone() })));
    survives(AnyOutcome::Checkout(Err(checkout::Rejection::OutOfStock { lines })));
}

#[test]
fn texts_are_cut_between_characters() {
    for (text, kept) in [
        ("\"".repeat(64), 60),
        ("\u{1}".repeat(64), 20),
        ("\u{1f600}".repeat(64), 30),
        ("x".repeat(500), 120),
        ("x".repeat(120), 120),
    ] {
        let kept: String = text.chars().take(kept).collect();
        let told = |reason| AnyOutcome::Checkout(Err(checkout::Rejection::PaymentFailed { reason }));
        assert_eq!(stored(&told(text)), told(kept));
    }
    let terms = |rule| {
        AnyOutcome::Vendor(Ok(vendor::Reply::Answer(vendor::Answer::Terms {
            active: false,
            commission: Rate(u32::MAX),
            rule,
            settlement: Currency::BRL,
            seller_of_record: false,
            version: u64::MAX,
        })))
    };
    assert_eq!(stored(&terms("\u{1f600}".repeat(vendor::RULE_MAX))), terms("\u{1f600}".repeat(30)));
}

#[test]
fn an_address_is_not_kept() {
    let told = |url| {
        AnyOutcome::Payment(Ok(payment::Reply::Answer(payment::Answer::Is(News::ActionNeeded { url }))))
    };
    assert_eq!(stored(&told("https://bank.example/".repeat(99))), told(String::new()));
}
