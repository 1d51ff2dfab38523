//! The checksum of an event row, and the chain that ties a partition's rows together.
//!
//! Both are recomputed by `souk verify`, so what goes in, and in which form, never changes.

use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// The chain before a partition's first event.
pub const CHAIN_START: Hash = [0; 32];

/// Everything an event's checksum covers: every stored column but the position, and the chain itself.
#[derive(Clone, Copy, Debug)]
pub struct Covered<'a> {
    /// Column `partition`.
    pub partition: u16,
    /// Column `stream`.
    pub stream: &'a str,
    /// Column `seq`.
    pub seq: u64,
    /// Column `epoch`.
    pub epoch: u64,
    /// Column `kind`.
    pub kind: &'a str,
    /// Column `version`.
    pub version: u32,
    /// Column `append_id`.
    pub append_id: &'a [u8],
    /// Column `principal`.
    pub principal: &'a str,
    /// Columns `cause_stream` and `cause_seq`.
    pub cause: Option<(&'a str, u64)>,
    /// Column `trace`.
    pub trace: Option<&'a [u8]>,
    /// Column `recorded_at`.
    pub recorded_at: i64,
    /// Column `payload`.
    pub payload: &'a str,
}

impl Covered<'_> {
    /// The checksum. Every part has its length before it or a fixed one, so that no two rows frame alike.
    pub fn checksum(&self) -> Hash {
        let mut frame = Frame { bytes: Vec::with_capacity(320) };
        frame.bytes.extend_from_slice(b"souk-event-1");
        frame.bytes.extend_from_slice(&self.partition.to_be_bytes());
        frame.part(self.stream.as_bytes());
        frame.number(self.seq);
        frame.number(self.epoch);
        frame.part(self.kind.as_bytes());
        frame.bytes.extend_from_slice(&self.version.to_be_bytes());
        frame.part(self.append_id);
        frame.part(self.principal.as_bytes());
        match self.cause {
            None => frame.bytes.push(0),
            Some((stream, seq)) => {
                frame.bytes.push(1);
                frame.part(stream.as_bytes());
                frame.number(seq);
            }
        }
        match self.trace {
            None => frame.bytes.push(0),
            Some(trace) => {
                frame.bytes.push(1);
                frame.part(trace);
            }
        }
        frame.bytes.extend_from_slice(&self.recorded_at.to_be_bytes());
        frame.part(self.payload.as_bytes());
        Sha256::digest(&frame.bytes).into()
    }
}

struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    fn part(&mut self, part: &[u8]) {
        self.number(part.len() as u64);
        self.bytes.extend_from_slice(part);
    }

    fn number(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_be_bytes());
    }
}

/// The chain after an event: over the chain before it, its position and its checksum.
pub fn next_chain(previous: &Hash, position: u64, checksum: &Hash) -> Hash {
    let mut framed = [0u8; 72];
    framed[..32].copy_from_slice(previous);
    framed[32..40].copy_from_slice(&position.to_be_bytes());
    framed[40..].copy_from_slice(checksum);
    Sha256::digest(framed).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Covered<'static> {
        Covered {
            partition: 7,
            stream: "stock-007",
            seq: 3,
            epoch: 2,
            kind: "stock.held",
            version: 1,
            append_id: &[9; 16],
            principal: "system",
            cause: Some(("chk_x", 4)),
            trace: Some(&[1; 16]),
            recorded_at: 1_700_000_000_000,
            payload: "{}",
        }
    }

    #[test]
    fn every_column_counts() {
        let whole = row().checksum();
        let others = [
            Covered { partition: 8, ..row() },
            Covered { stream: "stock-008", ..row() },
            Covered { seq: 4, ..row() },
            Covered { epoch: 3, ..row() },
            Covered { kind: "stock.pinned", ..row() },
            Covered { version: 2, ..row() },
            Covered { append_id: &[8; 16], ..row() },
            Covered { principal: "key_0", ..row() },
            Covered { cause: None, ..row() },
            Covered { cause: Some(("chk_x", 5)), ..row() },
            Covered { trace: None, ..row() },
            Covered { recorded_at: 0, ..row() },
            Covered { payload: "[]", ..row() },
        ];
        for other in others {
            assert_ne!(other.checksum(), whole, "{other:?}");
        }
    }

    #[test]
    fn the_forms_are_what_they_were() {
        // Either value changing means that every journal ever written fails its verification.
        let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(row().checksum()), "95ecd22c6c088b9736a9f48972f3c4f3821ac3f003a25db10433dc8fb513662e");
        assert_eq!(
            hex(next_chain(&CHAIN_START, 1, &[5; 32])),
            "2cdcb157c7663f079074f47bee50172abe05f3ef8c06987aeb2f1d8bcc1c8221"
        );
    }
}
