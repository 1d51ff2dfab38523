//! Rows as they were read.

use souk_core::any::{AnyOutcome, Effect};
use souk_core::ids::{Partition, Principal, StreamId};
use souk_core::journal::{AppendId, EffectId, Epoch, Origin, Recorded};
use souk_core::machine::CommandKey;
use souk_core::time::Timestamp;
use sqlx::{ColumnIndex, Database, Decode, FromRow, Row, Type};

use super::checksum::{Covered, Hash, next_chain};
use super::error::JournalError;
use super::wire;

/// An event row, column by column, nothing believed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredEvent {
    /// Column `partition`.
    pub partition: i64,
    /// Column `position`.
    pub position: i64,
    /// Column `stream`.
    pub stream: String,
    /// Column `seq`.
    pub seq: i64,
    /// Column `epoch`.
    pub epoch: i64,
    /// Column `kind`.
    pub kind: String,
    /// Column `version`.
    pub version: i64,
    /// Column `append_id`.
    pub append_id: Vec<u8>,
    /// Column `principal`.
    pub principal: String,
    /// Column `cause_stream`.
    pub cause_stream: Option<String>,
    /// Column `cause_seq`.
    pub cause_seq: Option<i64>,
    /// Column `trace`.
    pub trace: Option<Vec<u8>>,
    /// Column `recorded_at`.
    pub recorded_at: i64,
    /// Column `payload`.
    pub payload: String,
    /// Column `checksum`.
    pub checksum: Vec<u8>,
    /// Column `chain`.
    pub chain: Vec<u8>,
}

impl<'r, R> FromRow<'r, R> for StoredEvent
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    Option<Vec<u8>>: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Self::from_columns(row, 0)
    }
}

impl StoredEvent {
    /// Reads the columns of `sql::EVENT_COLUMNS`, in their order, from column `first` on.
    pub(super) fn from_columns<'r, R>(row: &'r R, first: usize) -> Result<Self, sqlx::Error>
    where
        R: Row,
        usize: ColumnIndex<R>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
        String: Decode<'r, R::Database> + Type<R::Database>,
        Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
        Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
        Option<String>: Decode<'r, R::Database> + Type<R::Database>,
        Option<Vec<u8>>: Decode<'r, R::Database> + Type<R::Database>,
        R::Database: Database,
    {
        Ok(StoredEvent {
            partition: row.try_get(first)?,
            position: row.try_get(first + 1)?,
            stream: row.try_get(first + 2)?,
            seq: row.try_get(first + 3)?,
            epoch: row.try_get(first + 4)?,
            kind: row.try_get(first + 5)?,
            version: row.try_get(first + 6)?,
            append_id: row.try_get(first + 7)?,
            principal: row.try_get(first + 8)?,
            cause_stream: row.try_get(first + 9)?,
            cause_seq: row.try_get(first + 10)?,
            trace: row.try_get(first + 11)?,
            recorded_at: row.try_get(first + 12)?,
            payload: row.try_get(first + 13)?,
            checksum: row.try_get(first + 14)?,
            chain: row.try_get(first + 15)?,
        })
    }

    /// The checksum its columns should have; `None` when a number is one that no souk writes.
    pub fn expected_checksum(&self) -> Option<Hash> {
        let cause = match (&self.cause_stream, self.cause_seq) {
            (Some(stream), Some(seq)) => Some((stream.as_str(), u64::try_from(seq).ok()?)),
            (None, None) => None,
            _ => return None,
        };
        let covered = Covered {
            partition: u16::try_from(self.partition).ok()?,
            stream: &self.stream,
            seq: u64::try_from(self.seq).ok()?,
            epoch: u64::try_from(self.epoch).ok()?,
            kind: &self.kind,
            version: u32::try_from(self.version).ok()?,
            append_id: &self.append_id,
            principal: &self.principal,
            cause,
            trace: self.trace.as_deref(),
            recorded_at: self.recorded_at,
            payload: &self.payload,
        };
        Some(covered.checksum())
    }

    /// Whether no column was changed since it was written.
    pub fn has_its_checksum(&self) -> bool {
        self.expected_checksum().is_some_and(|checksum| checksum == *self.checksum)
    }

    /// The chain it should have after `previous`; `None` when a column is of the wrong form.
    pub fn expected_chain(&self, previous: &Hash) -> Option<Hash> {
        let checksum: Hash = self.checksum.as_slice().try_into().ok()?;
        Some(next_chain(previous, u64::try_from(self.position).ok()?, &checksum))
    }

    /// What the row says.
    ///
    /// # Errors
    /// When the row does not have its checksum, or says what no souk says.
    pub fn decode(&self) -> Result<Recorded, JournalError> {
        if !self.has_its_checksum() {
            return Err(JournalError::Damaged { stream: self.stream.clone(), seq: self.seq as u64 });
        }
        let column = |column, value: String| JournalError::Column { table: "events", column, value };
        let stream = |text: &str| text.parse::<StreamId>().map_err(|_| column("stream", text.to_owned()));
        let id = |bytes: &[u8], name| {
            <[u8; 16]>::try_from(bytes).map_err(|_| column(name, format!("{} bytes", bytes.len())))
        };
        let cause = match (&self.cause_stream, self.cause_seq) {
            (Some(cause), Some(seq)) => Some((stream(cause)?, seq as u64)),
            _ => None,
        };
        let trace = self.trace.as_deref().map(|trace| id(trace, "trace")).transpose()?;
        let principal: Principal =
            self.principal.parse().map_err(|_| column("principal", self.principal.clone()))?;
        Ok(Recorded {
            partition: Partition(self.partition as u16),
            position: self.position as u64,
            stream: stream(&self.stream)?,
            seq: self.seq as u64,
            epoch: Epoch(self.epoch as u64),
            append_id: AppendId::from_bytes(id(&self.append_id, "append_id")?),
            at: Timestamp::from_millis(self.recorded_at),
            origin: Origin { principal, cause, trace: trace.map(u128::from_be_bytes) },
            event: wire::decode(&self.kind, self.version, &self.payload)?,
        })
    }
}

/// What a request was answered.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredReply {
    /// Who answered.
    pub stream: StreamId,
    /// The request.
    pub key: CommandKey,
    /// When.
    pub at: Timestamp,
    /// What.
    pub outcome: AnyOutcome,
}

/// Columns `stream, command_id, fingerprint, recorded_at, outcome`.
pub(super) type ReplyColumns = (String, Vec<u8>, Vec<u8>, i64, String);

impl StoredReply {
    pub(super) fn of((stream, id, fingerprint, at, outcome): ReplyColumns) -> Result<Self, JournalError> {
        let column = |column, value: String| JournalError::Column { table: "replies", column, value };
        let number = |bytes: Vec<u8>, name| {
            let bytes: Result<[u8; 16], _> = bytes.as_slice().try_into();
            bytes
                .map(u128::from_be_bytes)
                .map_err(|_| column(name, "another length than 16 bytes".to_owned()))
        };
        Ok(StoredReply {
            stream: stream.parse().map_err(|_| column("stream", stream))?,
            key: CommandKey {
                id: souk_core::machine::CommandId(number(id, "command_id")?),
                fingerprint: number(fingerprint, "fingerprint")?,
            },
            at: Timestamp::from_millis(at),
            outcome: wire::decode_outcome(&outcome)?,
        })
    }
}

/// An order to the outside world that has no recorded outcome yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredEffect {
    /// Its name.
    pub id: EffectId,
    /// The lane it is worked in.
    pub lane: String,
    /// What is ordered.
    pub kind: String,
    /// The payload's shape.
    pub version: i64,
    /// JSON.
    pub payload: String,
    /// How often it was tried and failed.
    pub attempts: i64,
    /// Not to be tried before.
    pub next_try_at: Timestamp,
    /// What the last attempt said.
    pub last_error: Option<String>,
    /// When it was ordered.
    pub created_at: Timestamp,
}

/// Columns in the order of `read::EFFECT_COLUMNS`.
pub(super) type EffectColumns =
    (String, i64, i64, String, String, i64, String, i64, i64, Option<String>, i64);

impl StoredEffect {
    pub(super) fn of(row: EffectColumns) -> Result<Self, JournalError> {
        let (stream, seq, n, lane, kind, version, payload, attempts, next_try_at, last_error, created_at) =
            row;
        let column = |column, value: String| JournalError::Column { table: "outbox", column, value };
        Ok(StoredEffect {
            id: EffectId {
                stream: stream.parse().map_err(|_| column("stream", stream))?,
                seq: u64::try_from(seq).map_err(|_| column("seq", seq.to_string()))?,
                n: u16::try_from(n).map_err(|_| column("n", n.to_string()))?,
            },
            lane,
            kind,
            version,
            payload,
            attempts,
            next_try_at: Timestamp::from_millis(next_try_at),
            last_error,
            created_at: Timestamp::from_millis(created_at),
        })
    }

    /// The order itself.
    ///
    /// # Errors
    /// When the row was written by a newer souk or was damaged.
    pub fn decode(&self) -> Result<Effect, JournalError> {
        Ok(wire::decode_effect(&self.kind, self.version, &self.payload)?)
    }
}
