//! Everything that reads the journal.

use souk_core::host::{KnownReply, Loaded, REPEATS_KEPT_MS};
use souk_core::ids::{Partition, StreamId};
use souk_core::journal::Recorded;
use souk_core::machine::{CommandId, Machine};
use souk_core::time::Timestamp;

use super::database::{Database, Pool, Set, in_time, on_pool};
use super::error::JournalError;
use super::meta::Meta;
use super::newest::Newest;
use super::parts::{PARTS, PartRow, Parts};
use super::stored::{EffectColumns, ReplyColumns, StoredEffect, StoredEvent, StoredReply};
use super::wire;

/// The columns of `sql::EVENT_COLUMNS`, spelled out in each text so that the texts stay constant.
macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "SELECT partition, position, stream, seq, epoch, kind, version, append_id, principal, ",
            "cause_stream, cause_seq, trace, recorded_at, payload, checksum, chain FROM events ",
            $rest
        )
    };
}

macro_rules! select_effects {
    ($rest:literal) => {
        concat!(
            "SELECT stream, seq, n, lane, kind, version, payload, attempts, next_try_at, last_error, ",
            "created_at FROM outbox ",
            $rest
        )
    };
}

pub(super) const STREAM: &str = select_events!("WHERE stream = $1 AND seq > $2 ORDER BY seq");
const WAKE: &str = "SELECT due_at FROM wakes WHERE stream = $1";
pub(super) const TAIL: &str =
    select_events!("WHERE partition = $1 AND position > $2 ORDER BY position LIMIT $3");
pub(super) const LAST_POSITION: &str = "SELECT MAX(position) FROM events WHERE partition = $1";
const PAGE: &str =
    select_events!("WHERE (partition, position) > ($1, $2) ORDER BY partition, position LIMIT $3");
pub(super) const REPLY: &str =
    "SELECT stream, command_id, fingerprint, recorded_at, outcome FROM replies WHERE command_id = $1";
const DUE_SQLITE: &str = "SELECT stream, due_at FROM wakes WHERE due_at <= $1 AND partition IN \
     (SELECT value FROM json_each($2)) ORDER BY due_at LIMIT $3";
const DUE_POSTGRES: &str = "SELECT stream, due_at FROM wakes WHERE due_at <= $1 AND partition = ANY($2) \
     ORDER BY due_at LIMIT $3";
pub(super) const EFFECTS_SQLITE: &str = select_effects!(
    "WHERE lane = $1 AND dead = 0 AND next_try_at <= $2 AND partition IN (SELECT value FROM json_each($3)) \
     ORDER BY next_try_at, stream, seq, n LIMIT $4"
);
const EFFECTS_POSTGRES: &str = select_effects!(
    "WHERE lane = $1 AND dead = 0 AND next_try_at <= $2 AND partition = ANY($3) \
     ORDER BY next_try_at, stream, seq, n LIMIT $4"
);
const DEAD: &str =
    select_effects!("WHERE dead = 1 AND (stream, seq, n) > ($1, $2, $3) ORDER BY stream, seq, n LIMIT $4");

/// A stream that must be brought back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DueWake {
    /// Which.
    pub stream: StreamId,
    /// Since when.
    pub due_at: Timestamp,
}

/// Reads the journal; cheap to clone. Needs neither lock nor lease, so it also serves `souk verify`.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) pool: Pool,
    meta: Meta,
    /// Of the writer in this process; `None` when there is none.
    pub(super) newest: Option<Newest>,
}

impl Reader {
    /// Opens an existing journal for reading only.
    ///
    /// # Errors
    /// When there is none, or it is of another form.
    pub async fn open(database: &Database, connections: u32) -> Result<Self, JournalError> {
        let pool = database.read_pool(Set::Journal, connections).await?;
        let meta = Meta::read(&pool).await?;
        Ok(Reader { pool, meta, newest: None })
    }

    /// Of the same journal as the writer that fills this.
    pub(super) fn beside(self, newest: Newest) -> Self {
        Reader { newest: Some(newest), ..self }
    }

    /// What the journal says about itself.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Everything a host needs to come back: the newest usable snapshot, the events after it, the replies of the
    /// last ten minutes and whether there are older ones, the wake. Call it after [`super::Writer::start`] has answered.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn load<M: Machine>(
        &self,
        stream: StreamId,
        now: Timestamp,
    ) -> Result<Loaded<M>, JournalError> {
        let mut found = self.parts(stream, now.plus_millis(-REPEATS_KEPT_MS)).await?;
        let snapshot = found.snapshot.take().and_then(|row| {
            let seq = u64::try_from(row.seq).ok()?;
            Some((seq, wire::decode_state::<M>(stream, seq, row.version, &row.hash, &row.state)?))
        });
        let from = snapshot.as_ref().map_or(0, |(seq, _)| *seq);
        let mut events = match found.events.first() {
            // The snapshot is of no use to this version, and what came before it was not read.
            Some(first) if first.seq as u64 > from + 1 => self.stream(stream, 0).await?,
            _ => found.events.iter().map(StoredEvent::decode).collect::<Result<_, _>>()?,
        };
        let last = events.last().map(|event| (event.position, event.at));
        events.retain(|event| event.seq > from);
        let replies = found.replies.into_iter().map(|row| {
            let reply = StoredReply::of(row)?;
            let outcome = M::stored_outcome(&reply.outcome).ok_or(JournalError::Foreign { stream })?;
            Ok(KnownReply { key: reply.key, at: reply.at, outcome })
        });
        let replies = replies.collect::<Result<_, JournalError>>()?;
        let has_older_replies = found.has_older_replies;
        Ok(Loaded { snapshot, events, replies, has_older_replies, wake: found.wake, last })
    }

    /// One statement, so that the parts are of one moment and a sleeping host costs one round trip.
    async fn parts(&self, stream: StreamId, replies_after: Timestamp) -> Result<Parts, JournalError> {
        let rows: Vec<PartRow> = on_pool!(&self.pool, pool => {
            sqlx::query_as(PARTS)
                .bind(stream.to_string())
                .bind(replies_after.as_millis())
                .fetch_all(pool)
                .await
        })
        .map_err(JournalError::database("read a stream"))?;
        Parts::of(rows)
    }

    /// A stream's events after `seq`, in order.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn stream(&self, stream: StreamId, seq: u64) -> Result<Vec<Recorded>, JournalError> {
        let rows: Vec<StoredEvent> = on_pool!(&self.pool, pool => {
            sqlx::query_as(STREAM).bind(stream.to_string()).bind(seq as i64).fetch_all(pool).await
        })
        .map_err(JournalError::database("read a stream"))?;
        rows.iter().map(StoredEvent::decode).collect()
    }

    /// A stream's row in `wakes`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn wake(&self, stream: StreamId) -> Result<Option<Timestamp>, JournalError> {
        let row: Option<(i64,)> = on_pool!(&self.pool, pool => {
            sqlx::query_as(WAKE).bind(stream.to_string()).fetch_optional(pool).await
        })
        .map_err(JournalError::database("read a wake"))?;
        Ok(row.map(|(due_at,)| Timestamp::from_millis(due_at)))
    }

    /// A partition's events after a position, in order.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn tail(
        &self,
        partition: Partition,
        after_position: u64,
        limit: u32,
    ) -> Result<Vec<Recorded>, JournalError> {
        let rows: Vec<StoredEvent> = on_pool!(&self.pool, pool => {
            sqlx::query_as(TAIL)
                .bind(i64::from(partition.0))
                .bind(after_position as i64)
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await
        })
        .map_err(JournalError::database("follow a partition"))?;
        rows.iter().map(StoredEvent::decode).collect()
    }

    /// A partition's last position; 0 when it has no events.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_position(&self, partition: Partition) -> Result<u64, JournalError> {
        let (last,): (Option<i64>,) = on_pool!(&self.pool, pool => {
            sqlx::query_as(LAST_POSITION).bind(i64::from(partition.0)).fetch_one(pool).await
        })
        .map_err(JournalError::database("read a partition's last position"))?;
        Ok(last.unwrap_or(0) as u64)
    }

    /// Streams of these partitions whose wake has come, the longest due first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_wakes(
        &self,
        partitions: &[Partition],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueWake>, JournalError> {
        let (now, limit) = (now.as_millis(), i64::from(limit));
        let rows: Result<Vec<(String, i64)>, sqlx::Error> = match &self.pool {
            Pool::Sqlite(pool) => {
                let listed = json_list(partitions);
                sqlx::query_as(DUE_SQLITE).bind(now).bind(listed).bind(limit).fetch_all(pool).await
            }
            Pool::Postgres(pool) => {
                let listed = numbers(partitions);
                let query = sqlx::query_as(DUE_POSTGRES).bind(now).bind(listed).bind(limit);
                in_time(query.fetch_all(pool)).await
            }
        };
        rows.map_err(JournalError::database("read due wakes"))?
            .into_iter()
            .map(|(stream, due_at)| match stream.parse() {
                Ok(stream) => Ok(DueWake { stream, due_at: Timestamp::from_millis(due_at) }),
                Err(_) => Err(JournalError::Column { table: "wakes", column: "stream", value: stream }),
            })
            .collect()
    }

    /// What a request was answered, if it was and is not forgotten.
    ///
    /// # Errors
    /// When the database does not answer or the row was damaged.
    pub async fn reply(&self, command: CommandId) -> Result<Option<StoredReply>, JournalError> {
        let row: Option<ReplyColumns> = on_pool!(&self.pool, pool => {
            sqlx::query_as(REPLY).bind(command.0.to_be_bytes().to_vec()).fetch_optional(pool).await
        })
        .map_err(JournalError::database("read a stored reply"))?;
        row.map(StoredReply::of).transpose()
    }

    /// Effects of a lane that can be tried now, the longest waiting first.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn open_effects(
        &self,
        lane: &str,
        partitions: &[Partition],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredEffect>, JournalError> {
        let (now, limit) = (now.as_millis(), i64::from(limit));
        let rows: Result<Vec<EffectColumns>, sqlx::Error> = match &self.pool {
            Pool::Sqlite(pool) => {
                let query = sqlx::query_as(EFFECTS_SQLITE).bind(lane).bind(now);
                query.bind(json_list(partitions)).bind(limit).fetch_all(pool).await
            }
            Pool::Postgres(pool) => {
                let query = sqlx::query_as(EFFECTS_POSTGRES).bind(lane).bind(now);
                in_time(query.bind(numbers(partitions)).bind(limit).fetch_all(pool)).await
            }
        };
        let rows = rows.map_err(JournalError::database("read open effects"))?;
        rows.into_iter().map(StoredEffect::of).collect()
    }

    /// Effects that were given up, by name, after the one named.
    ///
    /// # Errors
    /// When the database does not answer or a row was damaged.
    pub async fn dead_effects(
        &self,
        after: Option<&StoredEffect>,
        limit: u32,
    ) -> Result<Vec<StoredEffect>, JournalError> {
        let stream = after.map_or_else(String::new, |effect| effect.id.stream.to_string());
        let (seq, n) = after.map_or((0, 0), |effect| (effect.id.seq as i64, i64::from(effect.id.n)));
        let rows: Vec<EffectColumns> = on_pool!(&self.pool, pool => {
            sqlx::query_as(DEAD)
                .bind(stream)
                .bind(seq)
                .bind(n)
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await
        })
        .map_err(JournalError::database("read dead effects"))?;
        rows.into_iter().map(StoredEffect::of).collect()
    }

    /// Every event there is, ordered by partition and position, as raw rows.
    pub fn read_all(&self) -> EventPages {
        EventPages { pool: self.pool.clone(), after: Some((-1, 0)) }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// All events, a page at a time.
#[derive(Debug)]
pub struct EventPages {
    pool: Pool,
    after: Option<(i64, i64)>,
}

impl EventPages {
    /// The next events; empty when there are no more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next_page(&mut self) -> Result<Vec<StoredEvent>, JournalError> {
        const PAGE_ROWS: i64 = 2_000;
        let Some((partition, position)) = self.after else { return Ok(Vec::new()) };
        let rows: Vec<StoredEvent> = on_pool!(&self.pool, pool => {
            sqlx::query_as(PAGE).bind(partition).bind(position).bind(PAGE_ROWS).fetch_all(pool).await
        })
        .map_err(JournalError::database("read the journal"))?;
        self.after = rows.last().map(|row| (row.partition, row.position));
        Ok(rows)
    }
}

fn json_list(partitions: &[Partition]) -> String {
    let numbers: Vec<String> = partitions.iter().map(|partition| partition.0.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

fn numbers(partitions: &[Partition]) -> Vec<i64> {
    partitions.iter().map(|partition| i64::from(partition.0)).collect()
}
