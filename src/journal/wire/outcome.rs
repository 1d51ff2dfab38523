//! Stored replies: what a request was answered, for its repeats.

use serde::{Deserialize, Serialize};
use souk_core::any::AnyOutcome;

use super::{WireError, inventory, read};

/// The name of a variant is machine, dot, version.
#[derive(Serialize, Deserialize)]
enum Stored {
    #[serde(rename = "stock.1")]
    Stock1(Answered<inventory::Yes, inventory::No>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answered<Y, N> {
    Yes(Y),
    No(N),
}

/// The outcome as a reply row holds it.
///
/// # Errors
/// Only when a wire type is wrong.
pub fn encode_outcome(outcome: &AnyOutcome) -> Result<String, WireError> {
    let stored = match outcome {
        AnyOutcome::Stock(Ok(reply)) => Stored::Stock1(Answered::Yes(reply.into())),
        AnyOutcome::Stock(Err(rejection)) => Stored::Stock1(Answered::No(rejection.into())),
    };
    serde_json::to_string(&stored)
        .map_err(|source| WireError::Encode { what: "a stored reply".to_owned(), source })
}

/// The outcome that a reply row holds.
///
/// # Errors
/// When the row was written by a newer souk or was damaged.
pub fn decode_outcome(outcome: &str) -> Result<AnyOutcome, WireError> {
    Ok(match read("a stored reply", "", outcome)? {
        Stored::Stock1(Answered::Yes(yes)) => AnyOutcome::Stock(Ok(yes.into())),
        Stored::Stock1(Answered::No(no)) => AnyOutcome::Stock(Err(no.into())),
    })
}
