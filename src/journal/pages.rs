//! Reading much at a time: for projections, which follow one kind of event through all partitions, and for
//! `souk verify`, which reads every row that stands beside the events.

use souk_core::ids::{PARTITIONS, Partition, StreamId};
use souk_core::journal::Recorded;
use souk_core::machine::Machine;

use super::database::on_pool;
use super::error::JournalError;
use super::read::Reader;
use super::stored::{EffectColumns, ReplyColumns, StoredEffect, StoredEvent, StoredReply};
use super::wire;

/// One seek per partition; a `GROUP BY` would read every row.
const ENDS: &str = "WITH RECURSIVE numbers (n) AS \
     (SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $1) \
     SELECT n, COALESCE((SELECT MAX(position) FROM events WHERE partition = n), 0) FROM numbers ORDER BY n";
const WINDOW: &str = "SELECT partition, position, stream, seq, epoch, kind, version, append_id, principal, \
     cause_stream, cause_seq, trace, recorded_at, payload, checksum, chain FROM events \
     WHERE partition = $1 AND position > $2 AND position <= $3 AND kind LIKE $4 ORDER BY position";
const EFFECTS: &str = "SELECT stream, seq, n, lane, kind, version, payload, attempts, next_try_at, last_error, \
     created_at FROM outbox WHERE (stream, seq, n) > ($1, $2, $3) ORDER BY stream, seq, n LIMIT $4";
const REPLIES: &str = "SELECT stream, command_id, fingerprint, recorded_at, outcome FROM replies \
     WHERE command_id > $1 ORDER BY command_id LIMIT $2";
const SNAPSHOTS: &str =
    "SELECT stream, seq, version, hash, state FROM snapshots WHERE stream > $1 ORDER BY stream LIMIT $2";

/// Rows read at a time.
const PAGE_ROWS: i64 = 1_000;
/// Snapshots can be large.
const SNAPSHOTS_ROWS: i64 = 16;

/// A snapshot's row, nothing believed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredSnapshot {
    /// Whose.
    pub stream: StreamId,
    /// The last event it contains.
    pub seq: u64,
    version: i64,
    hash: Vec<u8>,
    state: String,
}

impl StoredSnapshot {
    /// Whether this machine would use it. One of another version is ignored by everybody.
    pub fn is_current<M: Machine>(&self) -> bool {
        self.version == i64::from(M::SNAPSHOT_VERSION)
    }

    /// The state; `None` when it is of another version or was damaged.
    pub fn state<M: Machine>(&self) -> Option<M::State> {
        wire::decode_state::<M>(self.stream, self.seq, self.version, &self.hash, &self.state)
    }
}

impl Reader {
    /// The last position of every partition, by number; 0 for one without events.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ends(&self) -> Result<Vec<u64>, JournalError> {
        let rows: Vec<(i64, i64)> = on_pool!(&self.pool, pool => {
            sqlx::query_as(ENDS).bind(i64::from(PARTITIONS)).fetch_all(pool).await
        })
        .map_err(JournalError::database("read the partitions' ends"))?;
        Ok(rows.into_iter().map(|(_, end)| end as u64).collect())
    }

    /// A partition's events after a position up to another, in order: those whose kind begins so (`order.`,
    /// `product.offer_attached`, …).
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn window(
        &self,
        partition: Partition,
        after: u64,
        up_to: u64,
        kinds: &str,
    ) -> Result<Vec<Recorded>, JournalError> {
        let rows: Vec<StoredEvent> = on_pool!(&self.pool, pool => sqlx::query_as(WINDOW)
            .bind(i64::from(partition.0))
            .bind(after as i64)
            .bind(up_to as i64)
            .bind(format!("{kinds}%"))
            .fetch_all(pool)
            .await)
        .map_err(JournalError::database("follow a partition"))?;
        rows.iter().map(StoredEvent::decode).collect()
    }

    /// Every row of the outbox, by name, behind the one named; empty when there are no more.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn effects(&self, after: Option<&StoredEffect>) -> Result<Vec<StoredEffect>, JournalError> {
        let stream = after.map_or_else(String::new, |effect| effect.id.stream.to_string());
        let (seq, n) = after.map_or((0, 0), |effect| (effect.id.seq as i64, i64::from(effect.id.n)));
        let rows: Vec<EffectColumns> = on_pool!(&self.pool, pool => sqlx::query_as(EFFECTS)
            .bind(stream)
            .bind(seq)
            .bind(n)
            .bind(PAGE_ROWS)
            .fetch_all(pool)
            .await)
        .map_err(JournalError::database("read the outbox"))?;
        rows.into_iter().map(StoredEffect::of).collect()
    }

    /// Every stored reply, by its command, behind the one named; empty when there are no more.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn replies(&self, after: Option<&StoredReply>) -> Result<Vec<StoredReply>, JournalError> {
        let after = after.map_or_else(Vec::new, |reply| reply.key.id.0.to_be_bytes().to_vec());
        let rows: Vec<ReplyColumns> = on_pool!(&self.pool, pool => {
            sqlx::query_as(REPLIES).bind(after).bind(PAGE_ROWS).fetch_all(pool).await
        })
        .map_err(JournalError::database("read the stored replies"))?;
        rows.into_iter().map(StoredReply::of).collect()
    }

    /// Every snapshot, by its stream, behind the one named; empty when there are no more.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn snapshots(&self, after: Option<StreamId>) -> Result<Vec<StoredSnapshot>, JournalError> {
        let after = after.map_or_else(String::new, |stream| stream.to_string());
        let rows: Vec<(String, i64, i64, Vec<u8>, String)> = on_pool!(&self.pool, pool => {
            sqlx::query_as(SNAPSHOTS).bind(after).bind(SNAPSHOTS_ROWS).fetch_all(pool).await
        })
        .map_err(JournalError::database("read the snapshots"))?;
        rows.into_iter()
            .map(|(stream, seq, version, hash, state)| match stream.parse() {
                Ok(stream) => Ok(StoredSnapshot { stream, seq: seq as u64, version, hash, state }),
                Err(_) => Err(JournalError::Column { table: "snapshots", column: "stream", value: stream }),
            })
            .collect()
    }
}
