//! One attempt to be paid: created → authorised → captured → refunded | voided | failed | unknown.
//!
//! The stream is created by its checkout, in the checkout's own append, together with the outbox row of the first
//! call: the provider key is journalled before anybody calls the provider, and never regenerated.
//!
//! What the provider says is a set of facts, and a payment's standing is the furthest of them ([`Standing`]). So
//! the same facts, in any order and any number, lead to the same state; and money that came is never overlooked,
//! whatever was believed before.

mod decide;
mod facts;
mod machine;
mod refunds;
mod state;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::any::{AnyEvent, Effect};
use crate::ask::{AskAnswer, AskId};
use crate::ids::{OrderId, PaymentId, StreamId};
use crate::journal::EffectId;
use crate::machine::Creation;
use crate::money::Money;
use crate::time::Timestamp;

pub use machine::Payment;
pub use state::{Call, CallKind, Intent, Refund, Standing, State};

/// The longest code or reference of a provider that is kept.
pub const PROVIDER_TEXT_MAX: usize = 64;
/// The longest address a shopper is sent to.
pub const PROVIDER_URL_MAX: usize = 2_048;
/// The longest pause between look-ups; it doubles from [`Limits::look_up_every_ms`].
pub const LOOK_UP_PAUSE_MAX_MS: i64 = 60 * 60 * 1000;
/// The same while only a call that was believed lost is watched for: nobody waits for its outcome.
pub const LATE_LOOK_UP_PAUSE_MAX_MS: i64 = 6 * 60 * 60 * 1000;

/// How often a refund that no order asked for is tried: with the pauses between look-ups, for most of a day. Then it
/// is a person's turn.
pub const OWN_REFUND_TRIES_MAX: u32 = 24;

/// How the shopper wants to pay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Method {
    /// A card, by the provider's token for it. Authorised, then captured by souk.
    Card {
        /// The provider's token; never a card number.
        token: String,
    },
    /// A method whose money is taken in one step.
    Instant {
        /// The provider's token.
        token: String,
    },
    /// A method that is paid later, elsewhere (a bank slip): the provider sends a notice when the money is there.
    PayLater {
        /// The provider's token.
        token: String,
    },
}

/// Names one refund of an order (or of a payment that has none), so that a repeat is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RefundId {
    /// The order.
    pub order: OrderId,
    /// Counts its refunds, from 1. Zero is the refund a payment makes by itself when no order wants its money.
    pub n: u32,
}

/// What another machine may ask a payment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request {
    /// The checkout: its stock is committed, take the money.
    Capture,
    /// The checkout: the attempt is over, let the money go.
    Void,
    /// The order: give this much back.
    Refund {
        /// Names it.
        refund: RefundId,
        /// How much.
        amount: Money,
    },
}

/// What a payment answers at once. What takes time is answered `Waiting` and told later by an ask of its own
/// ([`crate::checkout::Request::PaymentMoved`], [`crate::order::Request::RefundMoved`]).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is so already.
    Is(News),
    /// The refund has gone through already.
    Refunded {
        /// Which.
        refund: RefundId,
    },
    /// It cannot be.
    Refused(RefundRefused),
}

/// Why a refund cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RefundRefused {
    /// Nothing was captured.
    NotCaptured,
    /// More than what is left of the captured amount.
    TooMuch,
    /// The name was used for another amount.
    Mismatch,
    /// Not a positive amount of the payment's currency.
    InvalidAmount,
    /// The provider said no, for good: the same refund asked for again would be told the same.
    Declined,
}

/// What has become of a payment, as its checkout needs to know it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum News {
    /// The money is reserved.
    Authorised,
    /// The shopper must do something at the provider's (3-D Secure).
    ActionNeeded {
        /// Where.
        url: String,
    },
    /// The shopper pays later, elsewhere.
    AwaitingPayment {
        /// What to pay with.
        reference: String,
    },
    /// The money is here.
    Captured,
    /// The provider said no.
    Failed {
        /// Its code.
        reason: String,
    },
    /// The money was let go.
    Voided,
}

/// A call to the payment provider, journalled before it is made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProviderCall {
    /// For which payment.
    pub payment: PaymentId,
    /// The provider's idempotency key: the same in every repetition, another for every operation.
    pub key: String,
    /// What to do.
    pub operation: Operation,
}

/// What the provider is asked to do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Operation {
    /// Reserve the money (or take it, for methods that do so in one step).
    Authorise {
        /// How much.
        amount: Money,
        /// How.
        method: Method,
    },
    /// Take what was reserved.
    Capture {
        /// How much.
        amount: Money,
    },
    /// Let go what was reserved.
    Void,
    /// Give back.
    Refund {
        /// How much.
        amount: Money,
    },
    /// Ask what has become of a call: after an unknown outcome, and when no notice comes. For the calls that
    /// make, take or let go a reservation the answer is what the payment has come to; for a refund it is what
    /// has become of that refund. The call's own key is the looked up one with `/lookup` behind it, and may
    /// repeat: looking changes nothing.
    LookUp {
        /// The key of the call.
        of: String,
    },
}

/// What the provider said, to a call or by a notice. The same facts in any order and number lead to the same
/// state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ProviderFact {
    /// The money is reserved.
    Authorised,
    /// The shopper must act.
    ActionNeeded {
        /// Where.
        url: String,
    },
    /// It will be paid elsewhere.
    AwaitingPayment {
        /// With what.
        reference: String,
    },
    /// The money was taken.
    Captured,
    /// The provider said no, for good: a try that the shopper can still repeat at the provider's is not told.
    Failed {
        /// Its code.
        reason: String,
    },
    /// The reservation was let go.
    Voided,
    /// A refund went through.
    Refunded {
        /// The key of the refund's call.
        key: String,
    },
    /// The provider knows of no such thing: the call never reached it.
    Nothing,
    /// The call ended without an answer: it may or may not have happened.
    Unknown,
}

/// When a payment's limits end, by configuration; chosen when it is created.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// The whole attempt, until it is voided.
    pub attempt_until: Timestamp,
    /// The pause between look-ups of an unknown outcome.
    pub look_up_every_ms: i64,
    /// How long the provider is asked on after it had never heard of the payment: the call may lie in a queue of
    /// its own and take the money after all, and the notice of that may be lost.
    pub late_money_ms: i64,
}

/// An order to a payment.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Its checkout: take the money. `asked` orders it against [`Command::Void`].
    Capture {
        /// The asking seq.
        asked: u64,
    },
    /// Its checkout: let the money go.
    Void {
        /// The asking seq.
        asked: u64,
    },
    /// Its order: give this much back.
    Refund {
        /// Names it.
        refund: RefundId,
        /// How much.
        amount: Money,
    },
    /// What the provider said.
    Provider {
        /// The outbox row whose outcome this is; `None` for a notice.
        effect: Option<EffectId>,
        /// The key of the call it is about ([`ProviderCall::key`]); empty when a notice names none.
        key: String,
        /// What it said.
        fact: ProviderFact,
    },
    /// One of this payment's own asks was answered.
    Answered {
        /// Which.
        ask: AskId,
        /// What.
        answer: AskAnswer,
    },
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The attempt begins; its first call is in the outbox.
    Created(Intent),
    /// The shopper must act at the provider's.
    ActionNeeded {
        /// Where.
        url: String,
    },
    /// It will be paid elsewhere.
    AwaitingPayment {
        /// With what.
        reference: String,
    },
    /// The money is reserved.
    Authorised,
    /// The money will be taken: the call is in the outbox.
    CaptureStarted {
        /// Its key.
        key: String,
        /// The seq of the checkout's ask.
        asked: u64,
    },
    /// The provider would not take what it had reserved.
    CaptureRefused {
        /// Its code.
        reason: String,
    },
    /// The money is here.
    Captured,
    /// The provider said no.
    Failed {
        /// Its code.
        reason: String,
    },
    /// The attempt is over as far as the checkout is concerned: whatever is reserved, or comes to be, is let go.
    VoidRequested {
        /// The seq of the checkout's ask.
        asked: u64,
    },
    /// What is reserved will be let go: the call is in the outbox.
    VoidStarted {
        /// Its key.
        key: String,
    },
    /// It was let go.
    Voided,
    /// The provider has never heard of the payment, and nobody will call again: nothing is reserved. It is asked on
    /// for a while ([`Limits::late_money_ms`]): what was sent may still arrive.
    NeverReached,
    /// Asked for long enough, the provider has still never heard of it: nobody asks any more.
    NeverCame,
    /// A call ended without an answer (or, for a void or a refund, with a no): only a look-up can tell.
    OutcomeUnknown {
        /// The call's key.
        key: String,
    },
    /// The provider is asked what has become of calls.
    LookUpStarted {
        /// Their keys.
        keys: Vec<String>,
    },
    /// A call that did not happen is made again, under the same key.
    CallRepeated {
        /// Its key.
        key: String,
    },
    /// Money will be given back: the amount is taken from what can be given back, the call is in the outbox.
    RefundStarted {
        /// Names it.
        refund: RefundId,
        /// How much.
        amount: Money,
        /// The call's key.
        key: String,
    },
    /// A refund went through.
    Refunded {
        /// Which.
        refund: RefundId,
    },
    /// The provider will not give this back, for good: repeated under its key it would be told the same. Its amount
    /// can be given back by another refund.
    RefundFailed {
        /// Which.
        refund: RefundId,
        /// The provider's code.
        reason: String,
    },
    /// A refund that this payment makes by itself had failed and is tried once more, under a key of its own.
    RefundRetried {
        /// Which.
        refund: RefundId,
        /// The new call's key.
        key: String,
    },
    /// One of this payment's own asks was answered and needs nothing more.
    Told {
        /// Which.
        ask: AskId,
    },
}

/// A payment's yes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// It is so already, or cannot be.
    Answer(Answer),
    /// Under way; told later.
    Waiting,
    /// Seen.
    Noted,
}

/// A payment's no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rejection {
    /// There is no such payment.
    UnknownPayment,
    /// The checkout has asked for something else since.
    Stale,
}

/// The first events of a payment and its first call, for the checkout's own append.
pub fn first(intent: Intent) -> Creation {
    let call = ProviderCall {
        payment: intent.payment,
        key: CallKind::Authorise.key(intent.payment),
        operation: Operation::Authorise { amount: intent.amount, method: intent.method.clone() },
    };
    Creation {
        stream: StreamId::Payment(intent.payment),
        events: vec![AnyEvent::Payment(Event::Created(intent))],
        effects: vec![Effect::Payment(call)],
    }
}
