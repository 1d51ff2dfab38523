//! A checkout session: cart → address → shipping → quote → hold → pay → placed. The cart is its open phase.
//!
//! The checkout is the one that knows what belongs together: which holds make a round, which payment makes an
//! attempt, and whether an attempt still counts. Shards and payments only carry out. So every way out of an
//! attempt passes here, and there are two: placed, with every hold committed and the money captured; or given up,
//! with every hold that was ever asked for undone and the money let go or given back.

mod answers;
mod assisted;
mod cart;
mod decide;
mod event;
mod fold;
mod machine;
mod news;
mod outcome;
mod paying;
mod placing;
mod quote;
mod quoting;
mod state;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::ask::{AskAnswer, AskId};
use crate::ids::{PaymentId, QuoteId};
use crate::money::Money;
use crate::payment::{Method, News};

pub use assisted::AssistedLine;
pub use event::{AttemptEnded, Check, Event, HoldAsked, QuoteDropped};
pub use machine::Checkout;
pub use outcome::{PayingStep, Rejection, Reply, Step};
pub use quote::{Offered, Quote, QuoteLine, Terms, WrittenLine};
pub use state::{
    Address, Attempt, CartLine, HoldStage, Opening, Paid, PayStep, Quoting, RoundHold, Stage, State,
    VoidReason,
};

/// The most lines of one cart.
pub const LINES_MAX: usize = 100;
/// The longest reference of an order that comes from elsewhere, in characters.
pub const REFERENCE_MAX: usize = 64;
/// The most line numbers that a refusal names: it is stored with its request, and stays short.
pub const NAMED_LINES_MAX: usize = 50;
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
    /// How long a payment that never reached the provider is asked about all the same.
    pub late_money_ms: i64,
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
            late_money_ms: 3 * DAY,
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
        /// One for every line of the cart, or one for each part of it.
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
