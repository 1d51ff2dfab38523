//! The bank's log, one record per line: everything it has to remember. A file of an older souk must stay readable,
//! so these are types of their own.

use serde::{Deserialize, Serialize};
use souk_core::ids::PaymentId;
use souk_core::money::Money;
use souk_core::payment::{Method, Operation, ProviderFact};
use souk_core::time::Timestamp;

use super::token::{Kind, Token};

/// Stands for every token that is none of the magic ones: somebody may have typed a real card's number.
const UNKNOWN_TOKEN: &str = "unknown";

/// Something the bank must not forget.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A call was carried out. Its key has this answer for ever.
    Answered {
        /// When.
        at: Timestamp,
        /// For which payment.
        payment: PaymentId,
        /// The call's key.
        key: String,
        /// What was asked.
        request: Request,
        /// What was answered.
        said: Said,
        /// The money that moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effect: Option<Effect>,
    },
    /// A call was lost on its way: a provider would not know it, the test bank must, to lose it only once.
    Lost {
        /// When.
        at: Timestamp,
        /// For which payment.
        payment: PaymentId,
        /// The call's key.
        key: String,
    },
    /// The shopper has acted at the bank's page.
    Acted {
        /// When.
        at: Timestamp,
        /// For which payment.
        payment: PaymentId,
        /// The key of the call that asked for it.
        key: String,
        /// Whether the shopper passed.
        ok: bool,
        /// The money that moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effect: Option<Effect>,
    },
    /// The shopper has paid a slip.
    Paid {
        /// When.
        at: Timestamp,
        /// For which payment.
        payment: PaymentId,
        /// The key of the call that issued the slip.
        key: String,
        /// The money that moved.
        effect: Effect,
    },
    /// A delivery of a notice was acknowledged.
    Acknowledged {
        /// The number of the record that the notice tells.
        notice: u64,
        /// Which of its copies.
        copy: u8,
    },
}

impl Record {
    /// The money that moved, and under which key.
    pub fn effect(&self) -> Option<(PaymentId, &str, Effect)> {
        match self {
            Record::Answered { payment, key, effect: Some(effect), .. }
            | Record::Acted { payment, key, effect: Some(effect), .. }
            | Record::Paid { payment, key, effect, .. } => Some((*payment, key, *effect)),
            _ => None,
        }
    }

    /// When it happened; an acknowledgement does not say.
    pub(super) fn at(&self) -> Option<Timestamp> {
        match self {
            Record::Answered { at, .. }
            | Record::Lost { at, .. }
            | Record::Acted { at, .. }
            | Record::Paid { at, .. } => Some(*at),
            Record::Acknowledged { .. } => None,
        }
    }
}

/// What a call asks: its body, which may never change under the same key.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Reserve, or take in one step.
    Authorise {
        /// How much.
        amount: Money,
        /// By which method.
        method: MethodKind,
        /// The magic token's name.
        token: String,
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
}

impl Request {
    /// The request of a call that moves something; `None` for a look-up.
    pub(super) fn of(operation: &Operation) -> Option<Self> {
        Some(match operation {
            Operation::Authorise { amount, method } => {
                let (method, token) = match method {
                    Method::Card { token } => (MethodKind::Card, token),
                    Method::Instant { token } => (MethodKind::Instant, token),
                    Method::PayLater { token } => (MethodKind::PayLater, token),
                };
                let name = Token::named(token).map_or(UNKNOWN_TOKEN, |token| token.name);
                Request::Authorise { amount: *amount, method, token: name.to_owned() }
            }
            Operation::Capture { amount } => Request::Capture { amount: *amount },
            Operation::Void => Request::Void,
            Operation::Refund { amount } => Request::Refund { amount: *amount },
            Operation::LookUp { .. } => return None,
        })
    }

    /// The token it is paid with.
    pub(super) fn token(&self) -> Option<&'static Token> {
        match self {
            Request::Authorise { token, .. } => Token::named(token),
            _ => None,
        }
    }
}

/// A method, without its token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// A card.
    Card,
    /// Money taken in one step.
    Instant,
    /// A slip that is paid later.
    PayLater,
}

impl MethodKind {
    pub(super) fn takes(self, token: &Token) -> bool {
        matches!(
            (self, token.kind),
            (MethodKind::Card, Kind::Card)
                | (MethodKind::Instant, Kind::Instant)
                | (MethodKind::PayLater, Kind::PayLater)
        )
    }
}

/// What the bank says, and where a payment stands with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The shopper must act.
    ActionNeeded {
        /// Where.
        url: String,
    },
    /// The shopper pays later.
    AwaitingPayment {
        /// With what.
        reference: String,
    },
    /// The money is reserved.
    Authorised,
    /// The money was taken.
    Captured,
    /// The money was let go.
    Voided,
    /// No.
    Failed {
        /// Why.
        reason: String,
    },
    /// A refund went through.
    Refunded {
        /// The key of its call.
        key: String,
    },
}

impl Said {
    pub(super) fn failed(reason: &str) -> Self {
        Said::Failed { reason: reason.to_owned() }
    }

    pub(super) fn fact(&self) -> ProviderFact {
        match self.clone() {
            Said::ActionNeeded { url } => ProviderFact::ActionNeeded { url },
            Said::AwaitingPayment { reference } => ProviderFact::AwaitingPayment { reference },
            Said::Authorised => ProviderFact::Authorised,
            Said::Captured => ProviderFact::Captured,
            Said::Voided => ProviderFact::Voided,
            Said::Failed { reason } => ProviderFact::Failed { reason },
            Said::Refunded { key } => ProviderFact::Refunded { key },
        }
    }
}

/// Money that moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Effect {
    /// How.
    pub kind: EffectKind,
    /// How much.
    pub amount: Money,
}

/// How money moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// It was reserved.
    Authorise,
    /// It was taken.
    Capture,
    /// The reservation was let go; zero when nothing was reserved yet.
    Void,
    /// It was given back.
    Refund,
}
