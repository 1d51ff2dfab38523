//! A checkout session: cart → address → shipping → quote → hold → pay → placed. The cart is its open phase.
//!
//! The checkout is the one that knows what belongs together: which holds make a round, which payment makes an
//! attempt, and whether an attempt still counts. Shards and payments only carry out. So every way out of an
//! attempt passes here, and there are two: placed, with every hold committed and the money captured; or given up,
//! with every hold that was ever asked for undone and the money let go or given back.

mod answers;
mod cart;
mod decide;
mod fold;
mod machine;
mod news;
mod paying;
mod placing;
mod quote;
mod quoting;
mod state;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::ask::{AskAnswer, AskId};
use crate::ids::{HoldId, LocationId, OrderId, PaymentId, QuoteId, SkuId, VendorId};
use crate::inventory;
use crate::machine::CommandKey;
use crate::money::Money;
use crate::payment::{Method, News};
use crate::time::Timestamp;

pub use machine::Checkout;
pub use quote::{Offered, Quote, QuoteLine, Terms, WrittenLine};
pub use state::{
    Address, Attempt, CartLine, HoldStage, Opening, Paid, PayStep, Quoting, RoundHold, Stage, State, VoidReason,
};

/// The most lines of one cart.
pub const LINES_MAX: usize = 100;
/// The longest reference of an order that comes from elsewhere, in characters.
pub const REFERENCE_MAX: usize = 64;
/// The longest code of a shipping method.
pub const SHIPPING_CODE_MAX: usize = 32;
/// The longest token of a payment provider.
pub const TOKEN_MAX: usize = 255;

/// What another machine may ask a checkout.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// A payment of this checkout has moved.
    PaymentMoved {
        /// Which attempt.
        payment: PaymentId,
        /// What it has come to.
        news: News,
    },
}

/// What a checkout answers. Until it can tell, it answers `Waiting`: money that has come is neither accepted nor
/// sent back before the order is placed or given up, and the payment asks again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Seen; nothing more is needed of the payment for this news.
    Noted,
    /// This attempt is not wanted any more: give the money back.
    Refund,
}

/// How long things may take; copied into the checkout when it opens, so that a change of configuration does not
/// reach back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// A cart that nobody touches.
    pub cart_ttl_ms: i64,
    /// A quote.
    pub quote_ttl_ms: i64,
    /// A round of holds until all are answered; also how long a hold's name stays barred after an undo.
    pub hold_ttl_ms: i64,
    /// An attempt by card, 3-D Secure included.
    pub card_ms: i64,
    /// An attempt by a method that takes the money in one step.
    pub instant_ms: i64,
    /// An attempt that is paid later, elsewhere.
    pub pay_later_ms: i64,
    /// The pause between look-ups of a payment at the provider.
    pub look_up_every_ms: i64,
}

impl Limits {
    /// How long an attempt by this method may last.
    pub fn attempt_ms(&self, method: &Method) -> i64 {
        match method {
            Method::Card { .. } => self.card_ms,
            Method::Instant { .. } => self.instant_ms,
            Method::PayLater { .. } => self.pay_later_ms,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        const MINUTE: i64 = 60 * 1000;
        const DAY: i64 = 24 * 60 * MINUTE;
        Limits {
            cart_ttl_ms: 30 * DAY,
            quote_ttl_ms: 15 * MINUTE,
            hold_ttl_ms: 2 * MINUTE,
            card_ms: 15 * MINUTE,
            instant_ms: 15 * MINUTE,
            pay_later_ms: 4 * DAY,
            look_up_every_ms: 30 * 1000,
        }
    }
}

/// An order to a checkout.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Begin.
    Open(Opening),
    /// So many of this offer; zero takes it out. One offer set twice is one line.
    SetLine(CartLine),
    /// Where it goes.
    SetAddress(Address),
    /// How it is sent.
    ChooseShipping {
        /// The method's code.
        method: String,
    },
    /// Ask every product and vendor: what does it cost?
    RequestQuote,
    /// An operator says what it costs, line by line. Products and vendors are asked all the same: who sells, at
    /// which commission, is not the operator's to say.
    WriteQuote {
        /// One for every line of the cart.
        lines: Vec<WrittenLine>,
    },
    /// The shopper pays what was quoted.
    Pay {
        /// The quote that was seen.
        quote: QuoteId,
        /// The total that was seen.
        total: Money,
        /// How.
        method: Method,
    },
    /// The shopper gives up.
    Abandon,
    /// One of this checkout's asks was answered.
    Answered {
        /// Which.
        ask: AskId,
        /// What.
        answer: AskAnswer,
    },
    /// A payment of this checkout has moved.
    PaymentMoved {
        /// The payment's asking seq.
        asked: u64,
        /// Which attempt.
        payment: PaymentId,
        /// What it has come to.
        news: News,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A cart was opened.
    Opened(Opening),
    /// A line was set; a quantity of zero took it out. Whatever was quoted is void.
    LineSet(CartLine),
    /// The address was set; the shipping method is to be chosen anew, whatever was quoted is void.
    Addressed(Address),
    /// The shipping method was chosen; whatever was quoted is void.
    ShippingChosen {
        /// Its code.
        method: String,
    },
    /// Every product is asked for its offer.
    QuoteAsked {
        /// The quote to be.
        quote: QuoteId,
        /// An operator's prices, line by line; empty when the list prices hold.
        written: Vec<WrittenLine>,
        /// When to stop waiting.
        until: Timestamp,
        /// The request that waits for it.
        key: Option<CommandKey>,
    },
    /// A product answered, not as the last; its vendor is asked for its terms unless it has been.
    OfferAnswered {
        /// Which ask.
        ask: AskId,
        /// About which offer.
        sku: SkuId,
        /// What; `None` when it cannot be bought.
        offer: Option<Offered>,
    },
    /// A vendor answered, not as the last.
    TermsAnswered {
        /// Which ask.
        ask: AskId,
        /// Who.
        vendor: VendorId,
        /// What; `None` when it does not sell.
        terms: Option<Terms>,
    },
    /// All have answered: this is what it costs.
    Quoted(Quote),
    /// There will be no quote, or the one there was is over.
    QuoteDropped {
        /// Why.
        why: QuoteDropped,
    },
    /// The shopper pays: the shards are asked to hold every line, pinned to this attempt.
    PayStarted {
        /// The attempt.
        payment: PaymentId,
        /// How.
        method: Method,
        /// The claims.
        holds: Vec<HoldAsked>,
        /// Until when the holds must stand.
        deadline: Timestamp,
        /// The request that waits for the outcome.
        key: Option<CommandKey>,
    },
    /// A hold was answered, not as the last.
    HoldAnswered {
        /// Which ask.
        ask: AskId,
        /// Which hold.
        hold: HoldId,
        /// Where the units lie, or why there are none.
        answer: Result<LocationId, inventory::Rejection>,
    },
    /// The last hold stands, and nothing speaks against the sale: the payment is created.
    HoldsTaken {
        /// Which ask was answered last.
        ask: AskId,
        /// Which hold.
        hold: HoldId,
        /// Where its units lie.
        location: LocationId,
        /// What the fraud check said.
        check: Check,
        /// When the attempt is given up.
        until: Timestamp,
    },
    /// The shopper must act at the provider's.
    ActionNeeded {
        /// The payment's asking seq.
        asked: u64,
        /// Where.
        url: String,
    },
    /// The shopper pays later, elsewhere.
    AwaitingPayment {
        /// The payment's asking seq.
        asked: u64,
        /// With what.
        reference: String,
    },
    /// The money is reserved, or here already: the shards are asked to commit every hold.
    CommitAsked {
        /// The payment's asking seq.
        asked: u64,
        /// Whether it is here already.
        captured: bool,
    },
    /// A hold was committed, not as the last.
    LineCommitted {
        /// Which ask.
        ask: AskId,
        /// Which hold.
        hold: HoldId,
    },
    /// The last hold was committed: the payment is asked to take the money.
    CaptureAsked {
        /// Which ask was answered last.
        ask: AskId,
        /// Which hold.
        hold: HoldId,
    },
    /// The money came while the holds are still being committed.
    CapturedEarly {
        /// The payment's asking seq.
        asked: u64,
    },
    /// The payment is asked to let the money go; nothing is released before it has.
    VoidAsked {
        /// Why.
        why: VoidReason,
    },
    /// The attempt is over: every hold it asked for is undone.
    AttemptEnded {
        /// Why.
        why: AttemptEnded,
    },
    /// A shard confirmed that a hold is gone.
    HoldUndone {
        /// Which ask.
        ask: AskId,
    },
    /// The order exists.
    Placed(Paid),
    /// The shopper gave up before paying.
    Abandoned,
    /// Nobody touched it for too long.
    Expired,
}

/// One claim of a round, as it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HoldAsked {
    /// Its name.
    pub hold: HoldId,
    /// For which line of the quote.
    pub line: u32,
    /// On what.
    pub sku: SkuId,
    /// How many.
    pub quantity: u32,
}

/// What the fraud check said. There is none yet: the port allows, and records that it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Check {
    /// Go on.
    Allowed,
}

/// Why there is no quote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum QuoteDropped {
    /// These lines cannot be bought.
    NotForSale {
        /// Their numbers, from 1.
        lines: Vec<u32>,
    },
    /// The sum is larger than souk handles.
    TooLarge,
    /// Somebody did not answer in time.
    NoAnswer,
    /// It was valid until now.
    Expired,
}

/// Why an attempt is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AttemptEnded {
    /// These lines could not be held.
    OutOfStock {
        /// Their numbers.
        lines: Vec<u32>,
    },
    /// Not all shards answered in time.
    HoldsTimedOut,
    /// The provider said no.
    PaymentFailed {
        /// Its code.
        reason: String,
    },
    /// It took too long and was voided.
    TimedOut,
    /// The shopper gave up.
    Abandoned,
    /// A shard would not commit a pinned hold: the checkout has failed, the money goes back.
    CommitRefused,
}

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
    /// It could not be: see [`AttemptEnded::CommitRefused`].
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
    /// More than [`LINES_MAX`] lines.
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
        /// Their numbers, from 1.
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
        /// Their numbers, from 1.
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
