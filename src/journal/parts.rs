//! What a sleeping stream left behind, read by one statement: its snapshot, the events since, the replies that
//! may be asked for again and whether there are older ones, its wake.

use souk_core::time::Timestamp;
use sqlx::{ColumnIndex, Database, Decode, FromRow, Row, Type};

use super::error::JournalError;
use super::stored::{ReplyColumns, StoredEvent};

const SNAPSHOT: i64 = 0;
const EVENT: i64 = 1;
const REPLY: i64 = 2;
const WAKE: i64 = 3;
const OLDER_REPLIES: i64 = 4;

/// Every part in the columns of an event, behind a number that says which part it is. The event that the snapshot
/// ends with is read too: it knows position and time.
pub(super) const PARTS: &str = "SELECT CAST(1 AS BIGINT) AS part, partition, position, stream, seq, epoch, kind, \
     version, append_id, principal, cause_stream, cause_seq, trace, recorded_at, payload, checksum, chain \
     FROM events WHERE stream = $1 AND seq >= COALESCE((SELECT seq FROM snapshots WHERE stream = $1), 0) \
     UNION ALL SELECT 0, partition, 0, stream, seq, 0, '', version, hash, '', NULL, NULL, NULL, 0, state, hash, \
     hash FROM snapshots WHERE stream = $1 \
     UNION ALL SELECT 2, partition, 0, stream, 0, 0, '', 0, command_id, '', NULL, NULL, NULL, recorded_at, \
     outcome, fingerprint, fingerprint FROM replies WHERE stream = $1 AND recorded_at > $2 \
     UNION ALL SELECT 3, partition, 0, stream, 0, 0, '', 0, '', '', NULL, NULL, NULL, due_at, '', '', '' \
     FROM wakes WHERE stream = $1 \
     UNION ALL SELECT 4, 0, 0, $1, 0, 0, '', 0, '', '', NULL, NULL, NULL, 0, '', '', '' \
     WHERE EXISTS (SELECT 1 FROM replies WHERE stream = $1 AND recorded_at <= $2) \
     ORDER BY part, seq, recorded_at";

/// A row of [`PARTS`].
pub(super) struct PartRow {
    part: i64,
    columns: StoredEvent,
}

impl<'r, R> FromRow<'r, R> for PartRow
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
        Ok(PartRow { part: row.try_get(0)?, columns: StoredEvent::from_columns(row, 1)? })
    }
}

/// A snapshot, nothing believed yet.
pub(super) struct SnapshotRow {
    pub(super) seq: i64,
    pub(super) version: i64,
    pub(super) hash: Vec<u8>,
    pub(super) state: String,
}

/// The rows, each with its kind.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) snapshot: Option<SnapshotRow>,
    /// In order, from the one that the snapshot ends with.
    pub(super) events: Vec<StoredEvent>,
    /// In the order in which they were given.
    pub(super) replies: Vec<ReplyColumns>,
    pub(super) has_older_replies: bool,
    pub(super) wake: Option<Timestamp>,
}

impl Parts {
    pub(super) fn of(rows: Vec<PartRow>) -> Result<Self, JournalError> {
        let mut parts = Parts::default();
        for PartRow { part, columns: row } in rows {
            match part {
                SNAPSHOT => {
                    parts.snapshot = Some(SnapshotRow {
                        seq: row.seq,
                        version: row.version,
                        hash: row.checksum,
                        state: row.payload,
                    });
                }
                EVENT => parts.events.push(row),
                REPLY => {
                    parts.replies.push((
                        row.stream,
                        row.append_id,
                        row.checksum,
                        row.recorded_at,
                        row.payload,
                    ));
                }
                OLDER_REPLIES => parts.has_older_replies = true,
                WAKE => parts.wake = Some(Timestamp::from_millis(row.recorded_at)),
                other => {
                    let value = other.to_string();
                    return Err(JournalError::Column { table: "events", column: "part", value });
                }
            }
        }
        Ok(parts)
    }
}
