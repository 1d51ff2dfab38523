//! The machines' refusals as clients read them. Exhaustive: a new refusal does not compile until it has a code.

use souk_core::{checkout, inventory, order, product, vendor};

use super::error::{ApiError, Code};

fn say(code: Code, detail: impl Into<String>) -> ApiError {
    ApiError::new(code, detail)
}

impl From<checkout::Rejection> for ApiError {
    fn from(rejection: checkout::Rejection) -> Self {
        use checkout::Rejection as R;
        match rejection {
            R::UnknownCheckout => ApiError::not_found(),
            R::AlreadyOpen => say(Code::AlreadyExists, "open a new cart with a new Idempotency-Key"),
            R::Placed { order } => say(Code::CheckoutPlaced, "see the order; open a new cart to buy more")
                .with("order", order.to_string()),
            R::Ended => say(Code::CheckoutEnded, "open a new cart"),
            R::PaymentInProgress => {
                say(Code::PaymentInProgress, "wait for it to end, or abandon the checkout")
            }
            R::QuoteInProgress => {
                say(Code::QuoteInProgress, "wait for it, then ask again").retry_after_ms(1_000)
            }
            R::EmptyCart => say(Code::EmptyCart, "put at least one line into the cart"),
            R::TooManyLines => {
                say(Code::TooMany, format!("a cart has at most {} lines: take one out", checkout::LINES_MAX))
            }
            R::InvalidQuantity => invalid_quantity(),
            R::CountryNotServed => say(Code::CountryNotServed, "use an address in a country of this market"),
            R::InvalidText => {
                say(Code::InvalidValue, "a code, token or reference is empty, too long or not printable")
            }
            R::Incomplete { step } => {
                say(Code::Incomplete, "set the address, then the shipping method, then ask again")
                    .with("state", super::wire::CheckoutState::from(step))
            }
            R::QuoteMismatch => say(
                Code::QuoteMismatch,
                "price every unit of the cart exactly once, in the market's currency",
            ),
            R::NotForSale { lines } => {
                say(Code::NotForSale, "take these lines out and ask again").with("lines", lines)
            }
            R::TooLarge => say(Code::TooLarge, "order fewer units"),
            R::NoAnswer => {
                say(Code::NoAnswer, "nothing was charged: ask again with a new key").retry_after_ms(1_000)
            }
            R::QuoteDropped => say(Code::QuoteDropped, "ask for a quote again"),
            R::NoQuote => say(Code::NoQuote, "ask for a quote, then pay it before it expires"),
            R::QuoteChanged { quote, total } => {
                say(Code::QuoteChanged, "show the shopper this quote, then pay it with its id and total")
                    .with("quote", quote.to_string())
                    .with("total_minor", total.minor)
                    .with("currency", total.currency.code())
            }
            R::NothingToPay => say(Code::NothingToPay, "no provider takes a payment of nothing"),
            R::OutOfStock { lines } => say(
                Code::OutOfStock,
                "nothing was charged: lower the quantity of these lines, or take them out",
            )
            .with("lines", lines),
            R::PaymentFailed { reason } => say(
                Code::PaymentDeclined,
                "nothing was charged: pay with another card or method, with a new key",
            )
            .with("reason", reason),
            R::TimedOut => say(Code::PaymentTimedOut, "nothing was charged: pay again with a new key"),
            R::Abandoned => say(Code::CheckoutAbandoned, "open a new cart"),
            R::Failed => say(Code::CheckoutFailed, "what was charged goes back by itself; open a new cart"),
            R::Stale => say(Code::Superseded, "look at the checkout again"),
        }
    }
}

impl From<order::Rejection> for ApiError {
    fn from(rejection: order::Rejection) -> Self {
        use order::Rejection as R;
        match rejection {
            R::UnknownOrder | R::UnknownVendorOrder | R::UnknownLine | R::UnknownParcel | R::NotYours => {
                ApiError::not_found()
            }
            R::AlreadyShipped { line } => {
                say(Code::AlreadyShipped, "a line that has left cannot be cancelled").with("line", line)
            }
            R::AlreadyCancelled { line } => {
                say(Code::AlreadyCancelled, "it will not be sent").with("line", line)
            }
            R::NothingToShip => say(Code::NothingToShip, "every line has left or is cancelled"),
            R::ParcelMismatch => {
                say(Code::AlreadyExists, "this parcel has other lines or another tracking reference")
            }
            R::InvalidTracking => {
                say(Code::InvalidValue, "a tracking reference is 1 to 100 printable characters")
                    .with("field", "tracking")
            }
            R::UnknownRefund => ApiError::not_found(),
            R::RefundNotRefused => say(Code::WrongState, "the refund is under way or has gone through"),
            R::Unbalanced => say(Code::Unbalanced, "the order's amounts do not add up: ask the operator"),
        }
    }
}

impl From<product::Rejection> for ApiError {
    fn from(rejection: product::Rejection) -> Self {
        use product::Rejection as R;
        match rejection {
            R::NotFound | R::NotYours | R::UnknownVariant | R::UnknownOffer => ApiError::not_found(),
            R::AlreadyExists => say(Code::AlreadyExists, "it exists with other facts"),
            R::WrongState { status } => {
                say(Code::WrongState, "the product does not stand where this can be done")
                    .with("state", super::wire::ProductState::from(status))
            }
            R::NoVariant => say(Code::Incomplete, "add at least one variant first"),
            R::SameOptions { variant } => {
                say(Code::AlreadyExists, "another variant is the same choice of options")
                    .with("variant", variant.to_string())
            }
            R::SameOffer { sku } => {
                say(Code::AlreadyExists, "you already sell that variant in that condition")
                    .with("sku", sku.to_string())
            }
            R::TooMany { field } => {
                say(Code::TooMany, "one more would be too many").with("field", product_field(field))
            }
            R::Invalid { field } => {
                say(Code::InvalidValue, "the field is empty, too long, or not written as it must be")
                    .with("field", product_field(field))
            }
            R::InvalidPrice => {
                say(Code::InvalidPrice, "a price and its shipping are from zero, in one currency")
            }
            R::CurrencyMismatch { expected } => {
                say(Code::CurrencyMismatch, "give the price in the currency of that market")
                    .with("currency", expected.code())
            }
            R::Stale => say(Code::Superseded, "look at the product again"),
        }
    }
}

fn product_field(field: product::Field) -> &'static str {
    use product::Field as F;
    match field {
        F::Title => "title",
        F::Description => "description",
        F::Category => "category",
        F::Variants => "variants",
        F::Options => "options",
        F::Barcode => "barcode",
        F::Offers => "offers",
        F::Code => "code",
        F::Market => "market",
        F::Reason => "reason",
    }
}

impl From<vendor::Rejection> for ApiError {
    fn from(rejection: vendor::Rejection) -> Self {
        use vendor::{Field as F, Rejection as R};
        match rejection {
            R::NotFound => ApiError::not_found(),
            R::AlreadyExists => say(Code::AlreadyExists, "it exists with other facts"),
            R::WrongState { status } => {
                say(Code::WrongState, "the vendor does not stand where this can be done")
                    .with("state", super::wire::VendorState::from(status))
            }
            R::Invalid { field } => {
                let field = match field {
                    F::Name => "name",
                    F::LegalName => "legal_entity.name",
                    F::Country => "legal_entity.country",
                    F::TaxId => "legal_entity.tax_id",
                    F::Series => "legal_entity.series",
                    F::Rule => "rule",
                    F::Reason => "reason",
                };
                say(Code::InvalidValue, "the field is empty, too long, or not written as it must be")
                    .with("field", field)
            }
            R::NotAllowed => say(Code::WrongRole, "an owner of the vendor or an operator decides that"),
            R::NoSuchMember | R::NoSuchInvitation | R::NoSuchKey => ApiError::not_found(),
            R::InvalidScopes => {
                say(Code::InvalidValue, "a key has at least one scope, and each once").with("field", "scopes")
            }
            R::InvalidTime => say(
                Code::InvalidValue,
                "a key lasts at most two years, and goes on at most thirty days beside its successor",
            ),
            R::KeyRolled => say(Code::WrongState, "another key takes its place already: roll that one"),
            R::TooManyKeys => say(
                Code::TooMany,
                format!(
                    "a vendor has at most {} good keys and makes at most {} within a day: revoke one, or wait",
                    vendor::keys::KEYS_MAX,
                    vendor::keys::KEYS_A_DAY_MAX
                ),
            ),
            R::InvitationOver => say(
                Code::TokenSpent,
                "it was used, withdrawn, or has had its week: ask for another invitation",
            ),
            R::AlreadyMember => {
                say(Code::AlreadyExists, "whoever is in the team already gets another role from an owner")
            }
            R::LastOwner => say(Code::WrongState, "make somebody else an owner first: a team always has one"),
            R::TeamFull => say(
                Code::TooMany,
                format!("a team has at most {} members and open invitations", vendor::team::MEMBERS_MAX),
            ),
            R::InvalidRate => say(Code::InvalidValue, "a commission is 0 to 10000 basis points")
                .with("field", "commission_basis_points"),
        }
    }
}

impl From<inventory::Rejection> for ApiError {
    fn from(rejection: inventory::Rejection) -> Self {
        use inventory::Rejection as R;
        match rejection {
            R::UnknownSku => say(Code::UnknownSku, "units of this offer have never been received"),
            R::InvalidQuantity => invalid_quantity(),
            R::MovementReused => say(
                Code::AlreadyExists,
                "this movement was booked with another quantity or place: give the new one a name of its own",
            ),
            R::OutOfRange => say(
                Code::InvalidQuantity,
                "the count would fall below what is promised to shoppers, or above what one place holds",
            ),
            R::OutOfStock { available } => {
                say(Code::OutOfStock, "no place has that many units").with("available", available)
            }
            R::NotForSale => say(Code::NotForSale, "the offer is closed"),
            // About holds, which no route gives orders about.
            R::InvalidDeadline
            | R::UnknownHold
            | R::HoldEnded { .. }
            | R::Mismatch
            | R::WrongState
            | R::Stale => say(Code::Superseded, "look at the stock again"),
        }
    }
}

/// The same words wherever a quantity comes in.
pub(super) fn invalid_quantity() -> ApiError {
    say(Code::InvalidQuantity, format!("a quantity is a whole number from 1 to {}", inventory::QUANTITY_MAX))
        .with("field", "quantity")
}
