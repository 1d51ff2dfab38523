//! Ids of everything in the demo market, each a function of the seed and of what it names.

use sha2::{Digest as _, Sha256};
use souk_core::ids::StreamId;
use souk_core::machine::CommandId;

/// 128 bits of a hash without a key: the same on every machine, and no two things share them.
pub(super) fn hash(seed: u64, kind: &str, name: &str) -> u128 {
    let digest = Sha256::digest(format!("souk demo/{seed}/{kind}/{name}"));
    digest.iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte))
}

/// Names a command, so that a founding that goes on gives the same one again.
pub(super) fn command(seed: u64, stream: StreamId, step: &str) -> CommandId {
    CommandId(hash(seed, "command", &format!("{stream}/{step}")))
}

/// The id of the API key of this name. Ids of keys are no secrets; their secrets come from the server's own.
pub fn key_id(seed: u64, name: &str) -> u128 {
    hash(seed, "key", name)
}
