//! Reading much at a time: for projections, which follow one kind of event through all partitions, and for
//! `souk verify`, which reads every row that stands beside the events.

use souk_core::ids::{PARTITIONS, Partition, StreamId};
use souk_core::journal::Recorded;
use souk_core::machine::Machine;

use super::database::{Pool, in_time, on_pool};
use super::error::JournalError;
use super::newest::Newest;
use super::read::Reader;
use super::stored::{EffectColumns, ReplyColumns, StoredEffect, StoredEvent, StoredReply};
use super::wire;

/// One seek per partition; a `GROUP BY` would read every row.
pub(super) const ENDS: &str = "WITH RECURSIVE numbers (n) AS \
     (SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $1) \
     SELECT n, COALESCE((SELECT MAX(position) FROM events WHERE partition = n), 0) FROM numbers ORDER BY n";
macro_rules! event_columns {
    () => {
        "e.partition, e.position, e.stream, e.seq, e.epoch, e.kind, e.version, e.append_id, e.principal, \
         e.cause_stream, e.cause_seq, e.trace, e.recorded_at, e.payload, e.checksum, e.chain"
    };
}
/// The order of the joins is fixed: a seek per window. Each window is read once, and not for every event in it.
pub(super) const WINDOWS_SQLITE: &str = concat!(
    "WITH w (partition, after, up_to, kinds) AS MATERIALIZED \
     (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1)) SELECT ",
    event_columns!(),
    " FROM w CROSS JOIN events e WHERE e.partition = w.partition AND e.position > w.after \
     AND e.position <= w.up_to AND e.kind LIKE w.kinds ORDER BY e.partition, e.position"
);
const WINDOWS_POSTGRES: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS w(partition, after, up_to, kinds) \
     CROSS JOIN LATERAL (SELECT * FROM events WHERE events.partition = w.partition AND position > w.after \
     AND position <= w.up_to AND kind LIKE w.kinds ORDER BY position) e ORDER BY e.partition, e.position"
);
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

/// A part of a partition: what lies behind one position, up to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Of which partition.
    pub partition: Partition,
    /// Behind this position.
    pub after: u64,
    /// Up to this one.
    pub up_to: u64,
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

    /// The same, for those who follow the journal: while this process writes all of it, its writer knows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ends_to_follow(&self) -> Result<Vec<u64>, JournalError> {
        match self.newest.as_ref().and_then(Newest::ends) {
            Some(ends) => Ok(ends),
            None => self.ends().await,
        }
    }

    /// The events of these windows, by partition and position: those whose kind begins in one of these ways (`order.`,
    /// `product.offer_attached`, …). One round trip, and none for what this process has just written itself.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn windows(&self, windows: &[Window], kinds: &[&str]) -> Result<Vec<Recorded>, JournalError> {
        let (mut rows, mut asked) = (Vec::new(), Vec::new());
        for window in windows {
            match self.newest.as_ref().and_then(|newest| newest.within(window, kinds)) {
                Some(known) => rows.extend(known),
                None => asked.push(*window),
            }
        }
        if !asked.is_empty() {
            rows.extend(self.read_windows(&asked, kinds).await?);
        }
        rows.sort_by_key(|row| (row.partition, row.position));
        rows.iter().map(StoredEvent::decode).collect()
    }

    async fn read_windows(
        &self,
        windows: &[Window],
        kinds: &[&str],
    ) -> Result<Vec<StoredEvent>, JournalError> {
        let each =
            || windows.iter().flat_map(|window| kinds.iter().map(move |kinds| (window, format!("{kinds}%"))));
        let rows: Result<Vec<StoredEvent>, sqlx::Error> = match &self.pool {
            Pool::Sqlite(pool) => {
                let listed: Vec<_> = each()
                    .map(|(window, kinds)| (window.partition.0, window.after, window.up_to, kinds))
                    .collect();
                let listed = serde_json::to_string(&listed).map_err(|error| JournalError::Column {
                    table: "events",
                    column: "kind",
                    value: error.to_string(),
                })?;
                sqlx::query_as(WINDOWS_SQLITE).bind(listed).fetch_all(pool).await
            }
            Pool::Postgres(pool) => {
                let numbers = |number: fn(&Window) -> i64| -> Vec<i64> {
                    each().map(|(window, _)| number(window)).collect()
                };
                let query = sqlx::query_as(WINDOWS_POSTGRES)
                    .bind(numbers(|window| i64::from(window.partition.0)))
                    .bind(numbers(|window| window.after as i64))
                    .bind(numbers(|window| window.up_to as i64))
                    .bind(each().map(|(_, kinds)| kinds).collect::<Vec<String>>());
                in_time(query.fetch_all(pool)).await
            }
        };
        rows.map_err(JournalError::database("follow the journal"))
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
