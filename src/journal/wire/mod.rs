//! What the journal's rows hold: versioned types of their own, so that the rules may change their types freely.
//!
//! A payload is JSON with a fixed field order. Once written, a kind and version are read for ever: a change of
//! shape is a new version beside the old, and the old one is brought up to date when it is decoded.
//! `tests/golden` holds one payload of every kind and version.

#[macro_use]
mod mirror;

mod checkout;
mod effect;
mod family;
mod inventory;
mod order;
mod outcome;
mod payment;
mod person;
mod product;
mod snapshot;
#[cfg(test)]
mod tests;
mod values;
mod vendor;

use souk_core::any::AnyEvent;

pub use effect::{EncodedEffect, MAIL_LANE, PAYMENT_LANE, decode_effect, encode_effect};
pub use outcome::{OUTCOME_BYTES_MAX, decode_outcome, encode_outcome};
pub use snapshot::{EncodedSnapshot, decode_state};

/// An event as its row holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// What happened: machine, dot, event.
    pub kind: &'static str,
    /// The payload's shape.
    pub version: u32,
    /// JSON.
    pub payload: String,
}

/// A row that cannot be read, or a value that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No reader for this kind and version.
    #[error("{what} {kind:?} version {version} is unknown: it was written by a newer souk, use that one")]
    Unknown {
        /// What sort of row.
        what: &'static str,
        /// Its kind.
        kind: String,
        /// Its version.
        version: i64,
    },
    /// The payload is not what its kind and version say.
    #[error("the payload of {what} cannot be read: the row was damaged or edited, restore it from a backup")]
    Payload {
        /// What sort of row.
        what: String,
        /// What the reader said.
        source: serde_json::Error,
    },
    /// A value has no JSON form. A mistake in the wire types.
    #[error("{what} has no JSON form: its wire type is wrong, please report it")]
    Encode {
        /// What sort of row.
        what: String,
        /// What the writer said.
        source: serde_json::Error,
    },
}

/// The event as its row holds it.
///
/// # Errors
/// Only when a wire type is wrong.
pub fn encode(event: &AnyEvent) -> Result<Encoded, WireError> {
    match event {
        AnyEvent::Stock(event) => inventory::encode(event),
        AnyEvent::Vendor(event) => vendor::encode(event),
        AnyEvent::Product(event) => product::encode(event),
        AnyEvent::Checkout(event) => checkout::encode(event),
        AnyEvent::Payment(event) => payment::encode(event),
        AnyEvent::Order(event) => order::encode(event),
        AnyEvent::Person(event) => person::encode(event),
        AnyEvent::Family(event) => family::encode(event),
    }
}

/// The event that a row holds, of whatever version.
///
/// # Errors
/// When the kind or version is unknown or the payload is not of its shape.
pub fn decode(kind: &str, version: i64, payload: &str) -> Result<AnyEvent, WireError> {
    match kind.split_once('.') {
        Some(("stock", _)) => inventory::decode(kind, version, payload).map(AnyEvent::Stock),
        Some(("vendor", _)) => vendor::decode(kind, version, payload).map(AnyEvent::Vendor),
        Some(("product", _)) => product::decode(kind, version, payload).map(AnyEvent::Product),
        Some(("checkout", _)) => checkout::decode(kind, version, payload).map(AnyEvent::Checkout),
        Some(("payment", _)) => payment::decode(kind, version, payload).map(AnyEvent::Payment),
        Some(("order", _)) => order::decode(kind, version, payload).map(AnyEvent::Order),
        Some(("person", _)) => person::decode(kind, version, payload).map(AnyEvent::Person),
        Some(("family", _)) => family::decode(kind, version, payload).map(AnyEvent::Family),
        _ => Err(unknown("event", kind, version)),
    }
}

/// Every kind of event, with the version that is written today.
pub fn event_kinds() -> impl Iterator<Item = (&'static str, u32)> {
    let machines = [
        inventory::KINDS,
        vendor::KINDS,
        product::KINDS,
        checkout::KINDS,
        payment::KINDS,
        order::KINDS,
        person::KINDS,
        family::KINDS,
    ];
    machines.into_iter().flatten().copied()
}

fn unknown(what: &'static str, kind: &str, version: i64) -> WireError {
    WireError::Unknown { what, kind: kind.to_owned(), version }
}

fn write(kind: &'static str, version: u32, value: &impl serde::Serialize) -> Result<Encoded, WireError> {
    let payload =
        serde_json::to_string(value).map_err(|source| WireError::Encode { what: kind.to_owned(), source })?;
    Ok(Encoded { kind, version, payload })
}

fn read<'a, T: serde::Deserialize<'a>>(what: &str, kind: &str, payload: &'a str) -> Result<T, WireError> {
    serde_json::from_str(payload)
        .map_err(|source| WireError::Payload { what: format!("{what} {kind:?}"), source })
}
