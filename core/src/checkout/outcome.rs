//! What a checkout says: where it is, its yes and its no.

use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, PaymentId, QuoteId};
use crate::money::Money;
use crate::time::Timestamp;

use super::Answer;

/// Where a checkout is: one list for code, API and pages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Step {
    /// A cart.
    Open,
    /// It is known where it goes.
    Addressed,
    /// It is known how it is sent.
    ShippingChosen,
    /// It is known what it costs.
    Quoted,
    /// Every line is being held.
    Holding,
    /// The fraud check looks at it. Passed at once while that check is a port that allows.
    Checking,
    /// The money is being taken.
    Paying(PayingStep),
    /// There is an order.
    Placed,
    /// Given up or forgotten.
    Expired,
    /// It could not be: see [`AttemptEnded::CommitRefused`](super::AttemptEnded::CommitRefused).
    Failed,
}

/// Where a payment under way is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum PayingStep {
    /// Holds are being pinned. Passed at once when they are asked for pinned.
    Pinning,
    /// The provider is asked for the money.
    Authorising,
    /// The shopper must act (3-D Secure).
    ActionNeeded,
    /// The shopper pays elsewhere.
    AwaitingPayment,
    /// Holds are being committed.
    Committing,
    /// The money is being taken.
    Capturing,
    /// The attempt is given up and the money let go.
    Voiding,
}

/// A checkout's yes. Short: it is stored with the request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Done; this is where the checkout is now.
    At {
        /// Where.
        step: Step,
    },
    /// This is what it costs; the lines are in the state.
    Quoted {
        /// The quote.
        quote: QuoteId,
        /// What is to be paid.
        total: Money,
        /// Until when.
        valid_until: Timestamp,
    },
    /// The shopper must act; the address is in the state.
    ActionNeeded {
        /// For which attempt.
        payment: PaymentId,
    },
    /// The shopper pays elsewhere; what to pay with is in the state.
    AwaitingPayment {
        /// For which attempt.
        payment: PaymentId,
    },
    /// There is an order.
    Placed {
        /// Which.
        order: OrderId,
        /// What was paid.
        total: Money,
    },
    /// To a payment: this is to be done.
    Told(Answer),
    /// To a payment: it is not decided yet.
    Waiting,
    /// Seen.
    Noted,
}

/// A checkout's no.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    /// There is no such checkout.
    UnknownCheckout,
    /// It exists with other facts.
    AlreadyOpen,
    /// It was placed.
    Placed {
        /// As this order.
        order: OrderId,
    },
    /// It has ended without an order.
    Ended,
    /// A payment is under way.
    PaymentInProgress,
    /// A quote is being asked for.
    QuoteInProgress,
    /// Nothing is in the cart.
    EmptyCart,
    /// More than [`LINES_MAX`](super::LINES_MAX) lines.
    TooManyLines,
    /// Above what one line may have.
    InvalidQuantity,
    /// The market does not deliver there.
    CountryNotServed,
    /// A code, token or reference that is empty, too long or not printable.
    InvalidText,
    /// The address or the shipping method is missing.
    Incomplete {
        /// Where the checkout is.
        step: Step,
    },
    /// An operator's quote does not price exactly the lines of the cart, in the market's currency.
    QuoteMismatch,
    /// These lines cannot be bought.
    NotForSale {
        /// Their numbers, from 1; the first [`NAMED_LINES_MAX`](super::NAMED_LINES_MAX) of them.
        lines: Vec<u32>,
    },
    /// The sum is larger than souk handles.
    TooLarge,
    /// Somebody who was asked did not answer in time.
    NoAnswer,
    /// The cart was changed while the quote was asked for.
    QuoteDropped,
    /// There is no quote, or it has expired.
    NoQuote,
    /// The shopper saw another quote or another total.
    QuoteChanged {
        /// The quote as it is.
        quote: QuoteId,
        /// Its total.
        total: Money,
    },
    /// The total is zero: no provider takes that.
    NothingToPay,
    /// These lines could not be held.
    OutOfStock {
        /// Their numbers, from 1; the first [`NAMED_LINES_MAX`](super::NAMED_LINES_MAX) of them.
        lines: Vec<u32>,
    },
    /// The provider said no.
    PaymentFailed {
        /// Its code.
        reason: String,
    },
    /// It took too long; nothing was charged.
    TimedOut,
    /// The shopper gave up meanwhile.
    Abandoned,
    /// The sale could not be completed; what was charged goes back.
    Failed,
    /// The payment has told something later since.
    Stale,
}
