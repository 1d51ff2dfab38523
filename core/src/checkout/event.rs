//! What happens to a checkout.

use serde::{Deserialize, Serialize};

use crate::ask::AskId;
use crate::ids::{HoldId, LocationId, PaymentId, QuoteId, SkuId, VendorId};
use crate::inventory;
use crate::machine::CommandKey;
use crate::payment::Method;
use crate::time::Timestamp;

use super::{Address, CartLine, Offered, Opening, Paid, Quote, Terms, VoidReason, WrittenLine};

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
    /// These lines are not sold any more, although they were when they were quoted: the quote is over, too.
    NotForSale {
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
