//! The checkout's refusals under the codes that the API tells for them, so that both ways report alike.

use souk_core::checkout::Rejection;

use super::Refused;

/// The code that the API tells for a refusal.
pub(super) fn refused(rejection: &Rejection) -> Refused {
    let code = match rejection {
        Rejection::UnknownCheckout => "not_found",
        Rejection::AlreadyOpen => "already_exists",
        Rejection::Placed { .. } => "checkout_placed",
        Rejection::Ended => "checkout_ended",
        Rejection::PaymentInProgress => "payment_in_progress",
        Rejection::QuoteInProgress => "quote_in_progress",
        Rejection::EmptyCart => "empty_cart",
        Rejection::TooManyLines => "too_many",
        Rejection::InvalidQuantity => "invalid_quantity",
        Rejection::CountryNotServed => "country_not_served",
        Rejection::InvalidText => "invalid_value",
        Rejection::Incomplete { .. } => "checkout_incomplete",
        Rejection::QuoteMismatch => "quote_mismatch",
        Rejection::NotForSale { .. } => "not_for_sale",
        Rejection::TooLarge => "amount_too_large",
        Rejection::NoAnswer => "no_answer",
        Rejection::QuoteDropped => "quote_dropped",
        Rejection::NoQuote => "no_quote",
        Rejection::QuoteChanged { .. } => "quote_changed",
        Rejection::NothingToPay => "nothing_to_pay",
        Rejection::OutOfStock { .. } => "out_of_stock",
        Rejection::PaymentFailed { .. } => "payment_declined",
        Rejection::TimedOut => "payment_timed_out",
        Rejection::Abandoned => "checkout_abandoned",
        Rejection::Failed => "checkout_failed",
        Rejection::Stale => "superseded",
    };
    Refused(code.to_owned())
}
