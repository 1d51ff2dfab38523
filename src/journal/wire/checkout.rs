//! Events and outcomes of a checkout.

use serde::{Deserialize, Serialize};
use souk_core::checkout::{self, Event};
use souk_core::ids::{
    BuyerId, HoldId, LocationId, OrderId, PaymentId, ProductId, QuoteId, SkuId, SubjectId, VariantId,
    VendorId,
};
use souk_core::inventory::Rejection;
use souk_core::money::{Money, Rate};
use souk_core::time::Timestamp;

use super::inventory;
use super::mirror::Mirror;
use super::outcome::{Lines, Short};
use super::values::{Ask, Commission, Discount, Key, Market, Method, TaxLine};

events! {
    Event:
    "checkout.opened" 1 => Opened(opening: Opening),
    "checkout.line_set" 1 => LineSet(line: CartLine),
    "checkout.addressed" 1 => Addressed(address: Address),
    "checkout.shipping_chosen" 1 => ShippingChosen { method: String },
    "checkout.quote_asked" 2 => QuoteAsked {
        quote: QuoteId,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        written: Vec<WrittenLine>,
        until: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<Key>,
    } was 1 QuoteAskedV1,
    "checkout.offer_answered" 1 => OfferAnswered {
        ask: Ask,
        sku: SkuId,
        #[serde(skip_serializing_if = "Option::is_none")]
        offer: Option<Offered>,
    },
    "checkout.terms_answered" 1 => TermsAnswered {
        ask: Ask,
        vendor: VendorId,
        #[serde(skip_serializing_if = "Option::is_none")]
        terms: Option<Terms>,
    },
    "checkout.quoted" 1 => Quoted(quote: Quote),
    "checkout.quote_dropped" 1 => QuoteDropped { why: NoQuote },
    "checkout.pay_started" 1 => PayStarted {
        payment: PaymentId,
        method: Method,
        holds: Vec<HoldAsked>,
        deadline: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<Key>,
    },
    "checkout.hold_answered" 1 => HoldAnswered { ask: Ask, hold: HoldId, answer: HoldAnswer },
    "checkout.holds_taken" 1 => HoldsTaken {
        ask: Ask,
        hold: HoldId,
        location: LocationId,
        check: Check,
        until: Timestamp,
    },
    "checkout.action_needed" 1 => ActionNeeded { asked: u64, url: String },
    "checkout.awaiting_payment" 1 => AwaitingPayment { asked: u64, reference: String },
    "checkout.commit_asked" 1 => CommitAsked { asked: u64, captured: bool },
    "checkout.line_committed" 1 => LineCommitted { ask: Ask, hold: HoldId },
    "checkout.capture_asked" 1 => CaptureAsked { ask: Ask, hold: HoldId },
    "checkout.captured_early" 1 => CapturedEarly { asked: u64 },
    "checkout.void_asked" 1 => VoidAsked { why: VoidReason },
    "checkout.attempt_ended" 1 => AttemptEnded { why: Ending },
    "checkout.hold_undone" 1 => HoldUndone { ask: Ask },
    "checkout.placed" 1 => Placed(paid: Paid),
    "checkout.abandoned" 1 => Abandoned,
    "checkout.expired" 1 => Expired,
}

mirror! {
    struct Opening = checkout::Opening {
        market: Market,
        buyer: BuyerId,
        limits: Limits,
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    }

    struct Limits = checkout::Limits {
        cart_ttl_ms: i64,
        quote_ttl_ms: i64,
        hold_ttl_ms: i64,
        card_ms: i64,
        instant_ms: i64,
        pay_later_ms: i64,
        look_up_every_ms: i64,
        late_money_ms: i64,
    }

    struct CartLine = checkout::CartLine { sku: SkuId, product: ProductId, quantity: u32 }

    struct Address = checkout::Address { subject: SubjectId, country: String }

    struct WrittenLine = checkout::WrittenLine {
        sku: SkuId,
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity: Option<u32>,
        unit_price: Money,
        unit_shipping: Money,
    }

    struct Offered = checkout::Offered {
        variant: VariantId,
        vendor: VendorId,
        unit_price: Money,
        unit_shipping: Money,
        version: u64,
    }

    struct Terms = checkout::Terms { commission: Rate, rule: String, seller_of_record: bool, version: u64 }

    struct Quote = checkout::Quote {
        id: QuoteId,
        lines: Vec<QuoteLine>,
        goods: Money,
        shipping: Vec<(VendorId, Money)>,
        tax_added: Money,
        total: Money,
        valid_until: Timestamp,
        assisted: bool,
    }

    struct QuoteLine = checkout::QuoteLine {
        number: u32,
        sku: SkuId,
        product: ProductId,
        variant: VariantId,
        vendor: VendorId,
        quantity: u32,
        list_price: Money,
        unit_price: Money,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        discounts: Vec<Discount>,
        goods: Money,
        shipping: Money,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        taxes: Vec<TaxLine>,
        commission: Commission,
        seller_of_record: bool,
        product_version: u64,
        vendor_version: u64,
    }

    enum NoQuote = checkout::QuoteDropped {
        NotForSale { lines: Vec<u32> },
        TooLarge,
        NoAnswer,
        Expired,
    }

    struct HoldAsked = checkout::HoldAsked { hold: HoldId, line: u32, sku: SkuId, quantity: u32 }

    enum Check = checkout::Check { Allowed }

    enum VoidReason = checkout::VoidReason { TimedOut, Abandoned, CommitRefused }

    enum Ending = checkout::AttemptEnded {
        OutOfStock { lines: Vec<u32> },
        NotForSale { lines: Vec<u32> },
        HoldsTimedOut,
        PaymentFailed { reason: String },
        TimedOut,
        Abandoned,
        CommitRefused,
    }

    struct Paid = checkout::Paid { order: OrderId, payment: PaymentId, total: Money }

    /// A checkout's yes, as a stored reply holds it.
    enum Yes = checkout::Reply {
        At { step: Step },
        Quoted { quote: QuoteId, total: Money, valid_until: Timestamp },
        ActionNeeded { payment: PaymentId },
        AwaitingPayment { payment: PaymentId },
        Placed { order: OrderId, total: Money },
        Told(answer: Answer),
        Waiting,
        Noted,
    }

    enum Answer = checkout::Answer { Noted, Refund }

    enum Step = checkout::Step {
        Open,
        Addressed,
        ShippingChosen,
        Quoted,
        Holding,
        Checking,
        Paying(step: PayingStep),
        Placed,
        Expired,
        Failed,
    }

    enum PayingStep = checkout::PayingStep {
        Pinning,
        Authorising,
        ActionNeeded,
        AwaitingPayment,
        Committing,
        Capturing,
        Voiding,
    }

    /// A checkout's no, as a stored reply holds it.
    enum No = checkout::Rejection {
        UnknownCheckout,
        AlreadyOpen,
        Placed { order: OrderId },
        Ended,
        PaymentInProgress,
        QuoteInProgress,
        EmptyCart,
        TooManyLines,
        InvalidQuantity,
        CountryNotServed,
        InvalidText,
        Incomplete { step: Step },
        QuoteMismatch,
        NotForSale { lines: Lines },
        TooLarge,
        NoAnswer,
        QuoteDropped,
        NoQuote,
        QuoteChanged { quote: QuoteId, total: Money },
        NothingToPay,
        OutOfStock { lines: Lines },
        PaymentFailed { reason: Short },
        TimedOut,
        Abandoned,
        Failed,
        Stale,
    }
}

/// Before an offer could be priced in parts: every line was of all units in the cart.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuoteAskedV1 {
    quote: QuoteId,
    #[serde(default)]
    written: Vec<WrittenLineV1>,
    until: Timestamp,
    key: Option<Key>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLineV1 {
    sku: SkuId,
    unit_price: Money,
    unit_shipping: Money,
}

impl From<QuoteAskedV1> for Event {
    fn from(old: QuoteAskedV1) -> Event {
        let whole = |line: WrittenLineV1| {
            let WrittenLineV1 { sku, unit_price, unit_shipping } = line;
            checkout::WrittenLine { sku, quantity: None, unit_price, unit_shipping }
        };
        let QuoteAskedV1 { quote, written, until, key } = old;
        let written = written.into_iter().map(whole).collect();
        Event::QuoteAsked { quote, written, until, key: key.into_core() }
    }
}

/// What a shard answered to a claim.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HoldAnswer {
    Held(LocationId),
    Refused(inventory::No),
}

impl Mirror<Result<LocationId, Rejection>> for HoldAnswer {
    fn of(core: &Result<LocationId, Rejection>) -> Self {
        match core {
            Ok(location) => HoldAnswer::Held(*location),
            Err(rejection) => HoldAnswer::Refused(Mirror::of(rejection)),
        }
    }

    fn into_core(self) -> Result<LocationId, Rejection> {
        match self {
            HoldAnswer::Held(location) => Ok(location),
            HoldAnswer::Refused(rejection) => Err(rejection.into_core()),
        }
    }
}
