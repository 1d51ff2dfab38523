//! Snapshots: a machine's state as JSON, with the version of its shape and a hash.

use sha2::{Digest, Sha256};
use souk_core::host::Snapshot;
use souk_core::ids::StreamId;
use souk_core::journal::Incarnation;
use souk_core::machine::Machine;

use super::WireError;

/// A snapshot ready to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedSnapshot {
    /// Whose.
    pub stream: StreamId,
    /// By which start; dropped when that is closed.
    pub incarnation: Incarnation,
    /// The last event it contains.
    pub seq: u64,
    /// The version of the state's shape.
    pub version: u32,
    /// SHA-256 over stream, seq, version and state.
    pub hash: [u8; 32],
    /// The state as JSON.
    pub state: String,
}

impl EncodedSnapshot {
    /// The snapshot as its row holds it.
    ///
    /// # Errors
    /// When the state has no JSON form, which is a mistake in the machine.
    pub fn of<M: Machine>(snapshot: &Snapshot<M>) -> Result<Self, WireError> {
        let state = serde_json::to_string(&snapshot.state).map_err(|source| WireError::Encode {
            what: format!("the snapshot of {}", snapshot.stream),
            source,
        })?;
        Ok(EncodedSnapshot {
            stream: snapshot.stream,
            incarnation: snapshot.incarnation,
            seq: snapshot.seq,
            version: M::SNAPSHOT_VERSION,
            hash: hash(snapshot.stream, snapshot.seq, M::SNAPSHOT_VERSION, &state),
            state,
        })
    }
}

/// The state a row holds; `None` when it is of another version or was damaged: a snapshot is never trusted, the
/// events can always be folded instead.
pub fn decode_state<M: Machine>(
    stream: StreamId,
    seq: u64,
    version: i64,
    stored_hash: &[u8],
    state: &str,
) -> Option<M::State> {
    if version != i64::from(M::SNAPSHOT_VERSION) {
        return None;
    }
    if hash(stream, seq, M::SNAPSHOT_VERSION, state) != *stored_hash {
        tracing::warn!(%stream, seq, "a snapshot does not have its hash; folding the stream from its first event");
        return None;
    }
    match serde_json::from_str(state) {
        Ok(state) => Some(state),
        Err(error) => {
            tracing::warn!(%stream, seq, %error, "a snapshot cannot be read; folding the stream from its first event");
            None
        }
    }
}

fn hash(stream: StreamId, seq: u64, version: u32, state: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(format!("souk-snapshot-1\n{stream}\n{seq}\n{version}\n"));
    hash.update(state);
    hash.finalize().into()
}
