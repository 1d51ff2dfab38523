//! Orders to the outside world, as outbox rows hold them.

use souk_core::any::Effect;

use super::{WireError, unknown};

/// An effect as its outbox row holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedEffect {
    /// The lane it is worked in; a lane that stands still delays no other.
    pub lane: String,
    /// What is ordered.
    pub kind: String,
    /// The payload's shape.
    pub version: u32,
    /// JSON.
    pub payload: String,
}

/// The effect as its row holds it.
///
/// # Errors
/// Only when a wire type is wrong.
pub fn encode_effect(effect: &Effect) -> Result<EncodedEffect, WireError> {
    match *effect {}
}

/// The effect that a row holds.
///
/// # Errors
/// When the kind or version is unknown or the payload is not of its shape.
pub fn decode_effect(kind: &str, version: i64, _payload: &str) -> Result<Effect, WireError> {
    Err(unknown("effect", kind, version))
}
