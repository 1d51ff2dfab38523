//! Events and outcomes of a payment, and its calls to the provider.

use souk_core::ids::PaymentId;
use souk_core::money::Money;
use souk_core::payment::{self, Event};
use souk_core::time::Timestamp;

use super::outcome::{Short, Unsaid};
use super::values::{Ask, Method, NoRefund, RefundId};

events! {
    Event:
    "payment.created" 1 => Created(intent: Intent),
    "payment.action_needed" 1 => ActionNeeded { url: String },
    "payment.awaiting_payment" 1 => AwaitingPayment { reference: String },
    "payment.authorised" 1 => Authorised,
    "payment.capture_started" 1 => CaptureStarted { key: String, asked: u64 },
    "payment.capture_refused" 1 => CaptureRefused { reason: String },
    "payment.captured" 1 => Captured,
    "payment.failed" 1 => Failed { reason: String },
    "payment.void_requested" 1 => VoidRequested { asked: u64 },
    "payment.void_started" 1 => VoidStarted { key: String },
    "payment.voided" 1 => Voided,
    "payment.never_reached" 1 => NeverReached,
    "payment.never_came" 1 => NeverCame,
    "payment.outcome_unknown" 1 => OutcomeUnknown { key: String },
    "payment.look_up_started" 1 => LookUpStarted { keys: Vec<String> },
    "payment.call_repeated" 1 => CallRepeated { key: String },
    "payment.refund_started" 1 => RefundStarted { refund: RefundId, amount: Money, key: String },
    "payment.refunded" 1 => Refunded { refund: RefundId },
    "payment.refund_failed" 1 => RefundFailed { refund: RefundId, reason: String },
    "payment.refund_retried" 1 => RefundRetried { refund: RefundId, key: String },
    "payment.told" 1 => Told { ask: Ask },
}

mirror! {
    struct Intent = payment::Intent { payment: PaymentId, amount: Money, method: Method, limits: Limits }

    struct Limits = payment::Limits { attempt_until: Timestamp, look_up_every_ms: i64, late_money_ms: i64 }

    /// A call to the provider, as its outbox row holds it.
    struct ProviderCall = payment::ProviderCall { payment: PaymentId, key: String, operation: Operation }

    enum Operation = payment::Operation {
        Authorise { amount: Money, method: Method },
        Capture { amount: Money },
        Void,
        Refund { amount: Money },
        LookUp { of: String },
    }

    /// A payment's yes, as a stored reply holds it.
    enum Yes = payment::Reply {
        Answer(answer: Answer),
        Waiting,
        Noted,
    }

    enum Answer = payment::Answer {
        Is(news: News),
        Refunded { refund: RefundId },
        Refused(why: NoRefund),
    }

    /// Without the address a shopper is sent to: it is long, may let others act for him, and is in the state.
    enum News = payment::News {
        Authorised,
        ActionNeeded {
            #[serde(skip)]
            url: Unsaid,
        },
        AwaitingPayment { reference: Short },
        Captured,
        Failed { reason: Short },
        Voided,
    }

    /// A payment's no, as a stored reply holds it.
    enum No = payment::Rejection { UnknownPayment, Stale }
}
