//! The shapes that pass between hosts and the journal, shared by production and the simulator.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::any::{AnyEvent, AnyOutcome, Effect};
use crate::ids::{Partition, Principal, StreamId};
use crate::machine::{CommandKey, Creation};
use crate::time::Timestamp;

/// The term of a partition's owner; a later owner has a higher one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// One start of a host. Unique over the whole life of a journal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Incarnation(pub u64);

/// Names an append: the incarnation that made it and its number therein.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AppendId {
    /// Who made it.
    pub incarnation: Incarnation,
    /// Counts that incarnation's appends, from 1.
    pub ordinal: u64,
}

impl AppendId {
    /// The 16 bytes under which the journal stores it.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.incarnation.0) << 64) | u128::from(self.ordinal)).to_be_bytes()
    }

    /// The id that these bytes spell.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let whole = u128::from_be_bytes(bytes);
        AppendId { incarnation: Incarnation((whole >> 64) as u64), ordinal: whole as u64 }
    }
}

/// Names an order to the outside world by the event that made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId {
    /// Whose order it is.
    pub stream: StreamId,
    /// The seq of the last event of the append that carried it.
    pub seq: u64,
    /// Tells the effects of one append apart.
    pub n: u16,
}

impl fmt::Debug for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}.{}", self.stream, self.seq, self.n)
    }
}

/// Where a decision came from; stored with every event it made.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Origin {
    /// Who asked.
    pub principal: Principal,
    /// The event of another stream that led here.
    pub cause: Option<(StreamId, u64)>,
    /// The trace this belongs to.
    pub trace: Option<u128>,
}

/// What happens to the stream's row in `wakes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WakeChange {
    /// It stays as it is. It may then be early, never late.
    Keep,
    /// Due then.
    Set(Timestamp),
    /// Nothing is due any more.
    Clear,
}

/// One decision on its way to the journal: all or nothing, within one partition.
#[derive(Clone, Debug)]
pub struct Append {
    /// Recognises this very append after a lost COMMIT.
    pub id: AppendId,
    /// The deciding stream's partition.
    pub partition: Partition,
    /// The owner's term when the host was started.
    pub epoch: Epoch,
    /// Who decided.
    pub stream: StreamId,
    /// The seq of the stream's last event before this append.
    pub expected_seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened; may be empty (a refusal that is stored, a wake that moves).
    pub events: Vec<AnyEvent>,
    /// Streams this append brings into being.
    pub creates: Vec<Creation>,
    /// Orders to the outside world.
    pub outbox: Vec<(EffectId, Effect)>,
    /// Orders whose outcome is recorded here.
    pub closes: Vec<EffectId>,
    /// The stream's next wake.
    pub wake: WakeChange,
    /// Answers to requests, with the requests' names.
    pub replies: Vec<(CommandKey, AnyOutcome)>,
    /// Where it came from.
    pub origin: Origin,
}

impl Append {
    /// The stream's seq after this append.
    pub fn last_seq(&self) -> u64 {
        self.expected_seq + self.events.len() as u64
    }
}

/// Why an append was refused. It and everything after it of the same incarnation did not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The partition has a newer owner.
    Fenced,
    /// The incarnation was closed: an earlier append of it failed, or the stream was started anew.
    Closed,
    /// The stream is not where the append expected it.
    WrongSeq,
}

/// An event as the journal holds it.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// Its partition.
    pub partition: Partition,
    /// Its place in the partition, gapless from 1.
    pub position: u64,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in the stream, gapless from 1.
    pub seq: u64,
    /// The owner's term under which it was written.
    pub epoch: Epoch,
    /// The append that carried it.
    pub append_id: AppendId,
    /// When it was decided.
    pub at: Timestamp,
    /// Where it came from.
    pub origin: Origin,
    /// What happened.
    pub event: AnyEvent,
}
