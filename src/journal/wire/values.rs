//! Values that payloads of several machines hold.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use souk_core::ask::AskId;
use souk_core::ids::{OrderId, VendorId};
use souk_core::machine::{CommandId, CommandKey};
use souk_core::market::{self, MarketId};
use souk_core::money::{Currency, Money, Rate};
use souk_core::{ledger, order, payment};

use super::mirror::Mirror;

mirror! {
    struct Market = market::Market {
        id: MarketId,
        countries: Vec<String>,
        currency: Currency,
        locale: String,
        prices_include_tax: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        tax: Option<TaxRule>,
    }

    struct TaxRule = market::TaxRule { jurisdiction: String, rate: Rate }

    struct TaxLine = market::TaxLine { jurisdiction: String, rate: Rate, amount: Money, included: bool }

    struct Discount = order::Discount { rule: String, amount: Money }

    struct Commission = order::Commission { rate: Rate, rule: String, amount: Money }

    enum Method = payment::Method {
        Card { token: String },
        Instant { token: String },
        PayLater { token: String },
    }

    struct RefundId = payment::RefundId { order: OrderId, n: u32 }

    enum NoRefund = payment::RefundRefused { NotCaptured, TooMuch, Mismatch, InvalidAmount, Declined }

    struct Posting = ledger::Posting { account: Account, amount: Money }

    enum Account = ledger::Account {
        PaymentClearing,
        VendorPayable(vendor: VendorId),
        Commission,
        Tax { jurisdiction: String },
        Shipping,
        ProviderFees,
        Refunds,
        Disputes,
        Reserves,
        Payouts,
    }
}

/// A ledger transaction: its postings.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Transaction(Vec<Posting>);

impl Mirror<ledger::Transaction> for Transaction {
    fn of(core: &ledger::Transaction) -> Self {
        let ledger::Transaction { postings } = core;
        Transaction(Mirror::of(postings))
    }

    fn into_core(self) -> ledger::Transaction {
        ledger::Transaction { postings: self.0.into_core() }
    }
}

/// The name of an ask: `chk_X@12.0`, stream, seq and number.
pub(super) struct Ask(AskId);

impl Mirror<AskId> for Ask {
    fn of(core: &AskId) -> Self {
        Ask(*core)
    }

    fn into_core(self) -> AskId {
        self.0
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AskId { stream, seq, n } = self.0;
        write!(f, "{stream}@{seq}.{n}")
    }
}

impl Serialize for Ask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let parse = || {
            let (stream, rest) = text.split_once('@')?;
            let (seq, n) = rest.split_once('.')?;
            let ask = Ask(AskId { stream: stream.parse().ok()?, seq: seq.parse().ok()?, n: n.parse().ok()? });
            // No second spelling (`+1`, `01`) of the same ask.
            (ask.to_string() == *text).then_some(ask)
        };
        parse().ok_or_else(|| D::Error::custom("not the name of an ask"))
    }
}

mirror! {
    struct Key = CommandKey { id: Command, fingerprint: Hex }
}

/// 128 bits as 32 hexadecimal digits: JSON numbers of that size are safe with few readers.
pub(super) struct Hex(u128);

impl Mirror<u128> for Hex {
    fn of(core: &u128) -> Self {
        Hex(*core)
    }

    fn into_core(self) -> u128 {
        self.0
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let digits = text.len() == 32 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        let number = if digits { u128::from_str_radix(&text, 16).ok() } else { None };
        number.map(Hex).ok_or_else(|| D::Error::custom("not 32 hexadecimal digits"))
    }
}

/// The name of a request.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Command(Hex);

impl Mirror<CommandId> for Command {
    fn of(core: &CommandId) -> Self {
        Command(Hex(core.0))
    }

    fn into_core(self) -> CommandId {
        CommandId(self.0.0)
    }
}
