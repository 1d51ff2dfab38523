//! What a checkout knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ask::OpenAsks;
use crate::ids::{
    BuyerId, CheckoutId, HoldId, LocationId, OrderId, PaymentId, ProductId, QuoteId, SkuId, SubjectId,
    VendorId,
};
use crate::inventory;
use crate::machine::CommandKey;
use crate::market::Market;
use crate::money::Money;
use crate::payment::Method;
use crate::time::Timestamp;

use super::{Limits, Offered, PayingStep, Quote, Step, Terms, WrittenLine};

/// What a checkout begins with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// Where it sells: the market's facts as of now.
    pub market: Market,
    /// The shopper.
    pub buyer: BuyerId,
    /// How long things may take.
    pub limits: Limits,
    /// What the source of the order calls it, when it comes from elsewhere.
    pub reference: Option<String>,
}

/// So many of one offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CartLine {
    /// Which offer.
    pub sku: SkuId,
    /// Of which product.
    pub product: ProductId,
    /// How many.
    pub quantity: u32,
}

/// Where it goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Address {
    /// Whose name and street lie in the vault.
    pub subject: SubjectId,
    /// ISO 3166 alpha-2.
    pub country: String,
}

/// A checkout's state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Which checkout.
    pub id: CheckoutId,
    /// What it began with; `None` before the first event.
    pub opening: Option<Opening>,
    /// The cart.
    pub lines: Vec<CartLine>,
    /// Where it goes.
    pub address: Option<Address>,
    /// How it is sent: the method's code.
    pub shipping: Option<String>,
    /// When it is forgotten, unless something happens.
    pub expires_at: Timestamp,
    /// Where it is.
    pub stage: Stage,
    /// What it costs, from the quote on.
    pub quote: Option<Quote>,
    /// Attempts so far.
    pub attempts: u32,
    /// Holds ever asked for; their numbers never repeat.
    pub holds: u32,
    /// Asks without an answer.
    pub asks: OpenAsks,
}

/// The part of the way a checkout is on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Stage {
    /// A cart, with or without address and shipping method.
    Cart,
    /// A quote is being asked for.
    Quoting(Quoting),
    /// [`State::quote`] stands.
    Quoted,
    /// An attempt is under way.
    Paying(Attempt),
    /// There is an order.
    Placed(Paid),
    /// Given up or forgotten.
    Expired,
    /// It could not be.
    Failed,
}

/// A quote that is being asked for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quoting {
    /// The quote to be.
    pub quote: QuoteId,
    /// An operator's prices; empty when the list prices hold.
    pub written: Vec<WrittenLine>,
    /// When to stop waiting.
    pub until: Timestamp,
    /// The request that waits for it.
    pub key: Option<CommandKey>,
    /// What products answered; `None` for what cannot be bought.
    pub offers: BTreeMap<SkuId, Option<Offered>>,
    /// What vendors answered; `None` for those that do not sell.
    pub terms: BTreeMap<VendorId, Option<Terms>>,
}

/// One round of holds and one payment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// The payment, which exists once every hold stands.
    pub payment: PaymentId,
    /// How the shopper pays.
    pub method: Method,
    /// The claims of this round.
    pub holds: Vec<RoundHold>,
    /// The deadline the holds were asked with.
    pub deadline: Timestamp,
    /// When the attempt is given up; counts from the moment the payment exists.
    pub until: Timestamp,
    /// The request that waits for the outcome.
    pub key: Option<CommandKey>,
    /// How far it is.
    pub step: PayStep,
    /// Whether the money is here.
    pub captured: bool,
    /// The highest asking seq of the payment.
    pub heard: u64,
}

/// One claim of a round.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RoundHold {
    /// Its name.
    pub hold: HoldId,
    /// For which line of the quote.
    pub line: u32,
    /// On what.
    pub sku: SkuId,
    /// How many.
    pub quantity: u32,
    /// What the shard said.
    pub stage: HoldStage,
}

/// What a shard said of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum HoldStage {
    /// Nothing yet.
    Asked,
    /// It stands, pinned to the attempt.
    Pinned(LocationId),
    /// It cannot be.
    Refused(inventory::Rejection),
    /// It is sold.
    Committed(LocationId),
}

impl RoundHold {
    /// Where the units lie, when the claim stands.
    pub fn location(&self) -> Option<LocationId> {
        match self.stage {
            HoldStage::Pinned(location) | HoldStage::Committed(location) => Some(location),
            HoldStage::Asked | HoldStage::Refused(_) => None,
        }
    }
}

/// How far an attempt is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum PayStep {
    /// The holds are asked for.
    Holding,
    /// The provider is asked for the money.
    Authorising,
    /// The shopper must act.
    ActionNeeded {
        /// Where.
        url: String,
    },
    /// The shopper pays elsewhere.
    AwaitingPayment {
        /// With what.
        reference: String,
    },
    /// The holds are being committed.
    Committing,
    /// The money is being taken.
    Capturing,
    /// The money is being let go.
    Voiding {
        /// Why.
        why: VoidReason,
    },
}

/// Why the money is let go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum VoidReason {
    /// The attempt took too long.
    TimedOut,
    /// The shopper gave up.
    Abandoned,
    /// A shard would not commit.
    CommitRefused,
}

/// What an order was paid with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Paid {
    /// The order.
    pub order: OrderId,
    /// The payment.
    pub payment: PaymentId,
    /// How much.
    pub total: Money,
}

impl State {
    /// A checkout before its first event.
    pub fn new(id: CheckoutId) -> Self {
        State {
            id,
            opening: None,
            lines: Vec::new(),
            address: None,
            shipping: None,
            expires_at: Timestamp::ZERO,
            stage: Stage::Cart,
            quote: None,
            attempts: 0,
            holds: 0,
            asks: OpenAsks::default(),
        }
    }

    /// Where the checkout is.
    pub fn step(&self) -> Step {
        match &self.stage {
            Stage::Cart | Stage::Quoting(_) => match (&self.address, &self.shipping) {
                (None, _) => Step::Open,
                (Some(_), None) => Step::Addressed,
                (Some(_), Some(_)) => Step::ShippingChosen,
            },
            Stage::Quoted => Step::Quoted,
            Stage::Paying(attempt) => match attempt.step {
                PayStep::Holding => Step::Holding,
                PayStep::Authorising => Step::Paying(PayingStep::Authorising),
                PayStep::ActionNeeded { .. } => Step::Paying(PayingStep::ActionNeeded),
                PayStep::AwaitingPayment { .. } => Step::Paying(PayingStep::AwaitingPayment),
                PayStep::Committing => Step::Paying(PayingStep::Committing),
                PayStep::Capturing => Step::Paying(PayingStep::Capturing),
                PayStep::Voiding { .. } => Step::Paying(PayingStep::Voiding),
            },
            Stage::Placed(_) => Step::Placed,
            Stage::Expired => Step::Expired,
            Stage::Failed => Step::Failed,
        }
    }

    /// The attempt under way.
    pub fn attempt(&self) -> Option<&Attempt> {
        match &self.stage {
            Stage::Paying(attempt) => Some(attempt),
            _ => None,
        }
    }

    /// The request that waits for a later decision.
    pub(super) fn parked(&self) -> Option<CommandKey> {
        match &self.stage {
            Stage::Quoting(quoting) => quoting.key,
            Stage::Paying(attempt) => attempt.key,
            _ => None,
        }
    }

    /// When something happens although nobody says anything. Whoever waits for an ask needs no deadline of his
    /// own: the ask is repeated until it is answered.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.opening.as_ref()?;
        match &self.stage {
            Stage::Cart => Some(self.expires_at),
            Stage::Quoting(quoting) => Some(quoting.until.min(self.expires_at)),
            Stage::Quoted => {
                let valid_until = self.quote.as_ref().map(|quote| quote.valid_until);
                Some(valid_until.map_or(self.expires_at, |until| until.min(self.expires_at)))
            }
            Stage::Paying(attempt) => match attempt.step {
                PayStep::Holding => Some(attempt.deadline),
                PayStep::Authorising | PayStep::ActionNeeded { .. } | PayStep::AwaitingPayment { .. } => {
                    Some(attempt.until)
                }
                PayStep::Committing | PayStep::Capturing | PayStep::Voiding { .. } => None,
            },
            Stage::Placed(_) | Stage::Expired | Stage::Failed => None,
        }
    }
}
