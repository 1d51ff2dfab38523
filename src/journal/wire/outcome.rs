//! Stored replies: what a request was answered, for its repeats.
//!
//! A row holds ids, states and amounts, in at most 300 bytes ([`OUTCOME_BYTES_MAX`]) whatever was answered: line
//! numbers are written as ranges, texts that come from outside are cut, and the address a shopper is sent to is
//! left out (the state has it). Nothing else is lost.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use souk_core::any::AnyOutcome;

use super::mirror::Mirror;
use super::{WireError, checkout, family, inventory, order, payment, person, product, read, vendor};

/// The most bytes of a stored outcome, for orders of up to [`souk_core::checkout::LINES_MAX`] lines.
pub const OUTCOME_BYTES_MAX: usize = 300;

mirror! {
    /// The name of a variant is machine, dot, version.
    enum Stored = AnyOutcome {
        #[serde(rename = "stock.1")]
        Stock(outcome: Answered<inventory::Yes, inventory::No>),
        #[serde(rename = "vendor.1")]
        Vendor(outcome: Answered<vendor::Yes, vendor::No>),
        #[serde(rename = "product.1")]
        Product(outcome: Answered<product::Yes, product::No>),
        #[serde(rename = "checkout.1")]
        Checkout(outcome: Answered<checkout::Yes, checkout::No>),
        #[serde(rename = "payment.1")]
        Payment(outcome: Answered<payment::Yes, payment::No>),
        #[serde(rename = "order.1")]
        Order(outcome: Answered<order::Yes, order::No>),
        #[serde(rename = "person.1")]
        Person(outcome: Answered<person::Yes, person::No>),
        #[serde(rename = "family.1")]
        Family(outcome: Answered<family::Yes, family::No>),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answered<Y, N> {
    Yes(Y),
    No(N),
}

impl<R, J, Y: Mirror<R>, N: Mirror<J>> Mirror<Result<R, J>> for Answered<Y, N> {
    fn of(core: &Result<R, J>) -> Self {
        match core {
            Ok(reply) => Answered::Yes(Y::of(reply)),
            Err(rejection) => Answered::No(N::of(rejection)),
        }
    }

    fn into_core(self) -> Result<R, J> {
        match self {
            Answered::Yes(yes) => Ok(yes.into_core()),
            Answered::No(no) => Err(no.into_core()),
        }
    }
}

/// The outcome as a reply row holds it.
///
/// # Errors
/// Only when a wire type is wrong.
pub fn encode_outcome(outcome: &AnyOutcome) -> Result<String, WireError> {
    serde_json::to_string(&Stored::of(outcome))
        .map_err(|source| WireError::Encode { what: "a stored reply".to_owned(), source })
}

/// The outcome that a reply row holds.
///
/// # Errors
/// When the row was written by a newer souk or was damaged.
pub fn decode_outcome(outcome: &str) -> Result<AnyOutcome, WireError> {
    read::<Stored>("a stored reply", "", outcome).map(Stored::into_core)
}

/// Line numbers, ascending, as a text of numbers and ranges, `1-3,7`: at the worst, of a hundred lines two thirds,
/// 200 bytes.
pub(super) struct Lines(Vec<u32>);

impl Lines {
    /// More than any order has; a damaged row must not make an endless list.
    const NUMBERS_MAX: usize = 10_000;

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = Vec::new();
        for run in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            if first > last || (last - first) as usize >= Self::NUMBERS_MAX - numbers.len() {
                return None;
            }
            numbers.extend(first..=last);
        }
        Some(Lines(numbers))
    }
}

impl Mirror<Vec<u32>> for Lines {
    fn of(core: &Vec<u32>) -> Self {
        Lines(core.clone())
    }

    fn into_core(self) -> Vec<u32> {
        self.0
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|one, next| one.checked_add(1) == Some(*next));
        for (at, run) in runs.enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match run {
                [] => {}
                [only] => write!(f, "{only}")?,
                [first, .., last] => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Lines::parse(&text).ok_or_else(|| D::Error::custom("not line numbers"))
    }
}

/// A text that is cut, between two characters, where its JSON form would grow too long.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Short(String);

impl Short {
    const BYTES_MAX: usize = 120;
}

impl Mirror<String> for Short {
    fn of(core: &String) -> Self {
        let mut bytes = 0;
        let fitting = core.char_indices().find(|(_, char)| {
            bytes += match char {
                '"' | '\\' => 2,
                '\0'..='\u{1f}' => 6,
                _ => char.len_utf8(),
            };
            bytes > Short::BYTES_MAX
        });
        let end = fitting.map_or(core.len(), |(at, _)| at);
        Short(core[..end].to_owned())
    }

    fn into_core(self) -> String {
        self.0
    }
}

/// A text that is not written; read, it is empty.
#[derive(Default)]
pub(super) struct Unsaid;

impl Mirror<String> for Unsaid {
    fn of(_: &String) -> Self {
        Unsaid
    }

    fn into_core(self) -> String {
        String::new()
    }
}
