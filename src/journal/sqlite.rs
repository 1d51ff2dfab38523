//! The writing connection to SQLite.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::error::DatabaseError as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteError};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr, SqlStr};

use souk_core::ids::Partition;

use super::backend::{Fault, Upkeep};
use super::database::{Database, Set};
use super::offer::{FullRow, MarkRow, Offer};
use super::sql;

/// The most rows of one statement. Larger ones gain nothing, and each size is a statement in the cache.
const CHUNK_MAX: usize = 128;
/// How long the writer itself waits for the write lock before it says that it is degraded.
const BUSY: Duration = Duration::from_millis(250);

/// Returns the partitions of `$1` (a JSON object of partition and epoch) whose epoch is another.
const FENCED: &str = "SELECT CAST(j.key AS INTEGER) FROM json_each($1) j \
     LEFT JOIN leases l ON l.partition = CAST(j.key AS INTEGER) WHERE l.epoch IS NULL OR l.epoch <> j.value";
/// Counts the (stream, seq) of `$1` (a JSON list of pairs) that exist.
const CONFIRMED: &str = "SELECT COUNT(*) FROM json_each($1) j JOIN events e \
     ON e.stream = json_extract(j.value, '$[0]') AND e.seq = json_extract(j.value, '$[1]')";

/// A statement with its arguments.
type Statement = (SqlStr, SqliteArguments);

/// Adds each value to the arguments of a statement.
macro_rules! add_all {
    ($arguments:ident, $($value:expr),+ $(,)?) => {
        $($arguments.add($value).map_err(Fault::failed)?;)+
    };
}

#[derive(Debug)]
pub(super) struct SqliteWriter {
    dir: PathBuf,
    max_pages: Option<u32>,
    connection: Option<SqliteConnection>,
    texts: Texts,
}

impl SqliteWriter {
    pub(super) async fn connect(dir: PathBuf, max_pages: Option<u32>) -> Result<Self, sqlx::Error> {
        let mut writer = SqliteWriter { dir, max_pages, connection: None, texts: Texts::new() };
        writer.connection().await?;
        Ok(writer)
    }

    pub(super) async fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut options = Database::sqlite_options(&self.dir, Set::Journal)
                    .busy_timeout(BUSY)
                    .statement_cache_capacity(128);
                if let Some(pages) = self.max_pages {
                    options = options.pragma("max_page_count", pages.to_string());
                }
                options.connect().await?
            }
        };
        Ok(self.connection.insert(connection))
    }

    pub(super) async fn write(&mut self, offer: &Offer) -> Result<(), Fault> {
        self.connection().await.map_err(|error| classify(&error, false))?;
        let Some(connection) = self.connection.as_mut() else { return Err(Fault::failed("no connection")) };
        let checks = Checks::of(offer);
        // Before the lock is taken.
        let statements = self.texts.of(offer)?;
        let (fault, usable) = match transact(connection, checks, statements).await {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        if !usable {
            self.connection = None;
        }
        Err(fault)
    }

    pub(super) async fn holds(&mut self, offer: &Offer) -> Result<bool, Fault> {
        let Some(mark) = offer.mark() else { return Ok(false) };
        let failed = |error: sqlx::Error| classify(&error, false);
        let connection = self.connection().await.map_err(failed)?;
        let found: Option<(Vec<u8>,)> = match mark.row {
            MarkRow::Event { stream, seq } => sqlx::query_as(sql::MARK_EVENT).bind(stream).bind(seq as i64),
            MarkRow::Reply { command_id } => sqlx::query_as(sql::MARK_REPLY).bind(command_id.as_slice()),
            MarkRow::Outbox { stream, seq, n } => {
                sqlx::query_as(sql::MARK_OUTBOX).bind(stream).bind(seq as i64).bind(i64::from(n))
            }
        }
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
        Ok(found.is_some_and(|(append_id,)| append_id == *mark.append_id))
    }

    pub(super) async fn upkeep(&mut self, upkeep: &Upkeep) -> Result<u64, Fault> {
        let failed = |error: sqlx::Error| classify(&error, false);
        let connection = self.connection().await.map_err(failed)?;
        let query = match upkeep {
            Upkeep::NoteFailure { id, error, next_try_at, dead } => sqlx::query(sql::NOTE_FAILURE)
                .bind(id.stream.to_string())
                .bind(id.seq as i64)
                .bind(i64::from(id.n))
                .bind(error.as_str())
                .bind(next_try_at.as_millis())
                .bind(i64::from(*dead)),
            Upkeep::Revive { id, now } => sqlx::query(sql::REVIVE)
                .bind(id.stream.to_string())
                .bind(id.seq as i64)
                .bind(i64::from(id.n))
                .bind(now.as_millis()),
            Upkeep::PruneReplies { before, limit } => {
                sqlx::query(sql::PRUNE_REPLIES).bind(before.as_millis()).bind(i64::from(*limit))
            }
        };
        Ok(query.execute(connection).await.map_err(failed)?.rows_affected())
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the journal's connection did not close cleanly");
        }
    }
}

/// One transaction. With a fault it says whether the connection can be used again: SQLite ends a transaction by
/// itself on some errors, and a fresh connection has no doubt about it.
async fn transact(
    connection: &mut SqliteConnection,
    checks: Checks,
    statements: Vec<Statement>,
) -> Result<(), (Fault, bool)> {
    let begun = connection.begin_with("BEGIN IMMEDIATE").await;
    let mut transaction = begun.map_err(|error| (classify(&error, false), false))?;
    match write_rows(&mut transaction, checks, statements).await {
        Ok(()) => transaction.commit().await.map_err(|error| (classify(&error, true), false)),
        Err(fault) => Err((fault, transaction.rollback().await.is_ok())),
    }
}

/// What an error means for the transaction it happened in.
fn classify(error: &sqlx::Error, at_commit: bool) -> Fault {
    let reason = error.to_string();
    let sqlx::Error::Database(database) = error else {
        return Fault::Failed { doubtful: at_commit, reason };
    };
    let code = database.try_downcast_ref::<SqliteError>().and_then(|error| error.code());
    let extended: i32 = code.and_then(|code| code.parse().ok()).unwrap_or_default();
    match extended & 0xff {
        // IOERR, CORRUPT, NOTADB
        10 | 11 | 26 => Fault::Fatal(reason),
        // TOOBIG, CONSTRAINT, MISMATCH
        18..=20 => Fault::Conflict(reason),
        _ => Fault::Failed { doubtful: false, reason },
    }
}

async fn write_rows(
    connection: &mut SqliteConnection,
    checks: Checks,
    statements: Vec<Statement>,
) -> Result<(), Fault> {
    let failed = |error: sqlx::Error| classify(&error, false);
    // `BEGIN IMMEDIATE` holds the one write lock, so plain reads are enough.
    let fenced: Vec<(i64,)> =
        sqlx::query_as(FENCED).bind(checks.leases).fetch_all(&mut *connection).await.map_err(failed)?;
    if !fenced.is_empty() {
        return Err(Fault::Fenced(fenced.into_iter().map(|(it,)| Partition(it as u16)).collect()));
    }
    if let Some(stated) = checks.stated {
        let (confirmed,): (i64,) =
            sqlx::query_as(CONFIRMED).bind(stated).fetch_one(&mut *connection).await.map_err(failed)?;
        if confirmed != checks.expected {
            return Err(Fault::Conflict("a stream is not where its host says".to_owned()));
        }
    }
    for (text, arguments) in statements {
        sqlx::query_with(text, arguments).execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

/// What must be true before anything is written.
struct Checks {
    /// JSON object of partition and epoch.
    leases: String,
    /// JSON list of stream and seq, when there are any.
    stated: Option<String>,
    expected: i64,
}

impl Checks {
    fn of(offer: &Offer) -> Self {
        let mut leases = String::with_capacity(offer.leases.len() * 10 + 2);
        leases.push('{');
        for (partition, epoch) in &offer.leases {
            let comma = if leases.len() == 1 { "" } else { "," };
            let _ = write!(leases, "{comma}\"{}\":{}", partition.0, epoch.0);
        }
        leases.push('}');
        let mut stated = String::from("[");
        let mut expected = 0;
        for (stream, seq) in offer.unconfirmed() {
            let comma = if expected == 0 { "" } else { "," };
            let _ = write!(stated, "{comma}[\"{stream}\",{seq}]");
            expected += 1;
        }
        stated.push(']');
        Checks { leases, stated: (expected > 0).then_some(stated), expected }
    }
}

fn add_event(arguments: &mut SqliteArguments, row: &FullRow<'_>) -> Result<(), Fault> {
    let (append, event) = (row.append, row.event);
    add_all!(
        arguments,
        i64::from(append.partition.0),
        row.position as i64,
        event.stream.clone(),
        event.seq as i64,
        append.epoch.0 as i64,
        event.kind,
        i64::from(event.version),
        append.append_id.as_slice(),
        append.principal.clone(),
        append.cause.as_ref().map(|(stream, _)| stream.clone()),
        append.cause.as_ref().map(|(_, seq)| *seq as i64),
        append.trace.as_ref().map(<[u8; 16]>::as_slice),
        append.at.as_millis(),
        event.payload.clone(),
        event.checksum.as_slice(),
        row.chain.as_slice(),
    );
    Ok(())
}

/// The largest power of two that is neither more than is left nor more than a statement takes: few statements,
/// and always the same ones.
fn chunk_of(left: usize) -> usize {
    1 << left.min(CHUNK_MAX).max(1).ilog2()
}

/// One statement per chunk of rows.
fn each_chunk<T>(
    statements: &mut Vec<Statement>,
    sizes: &Sizes,
    rows: impl Iterator<Item = T>,
    mut add: impl FnMut(&mut SqliteArguments, T) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut rows: std::collections::VecDeque<T> = rows.collect();
    while !rows.is_empty() {
        let chunk = chunk_of(rows.len());
        let mut arguments = SqliteArguments::default();
        for row in rows.drain(..chunk) {
            add(&mut arguments, row)?;
        }
        statements.push((sizes.of(chunk), arguments));
    }
    Ok(())
}

/// The same statement for 1, 2, 4 … rows.
#[derive(Debug)]
struct Sizes(Vec<SqlStr>);

impl Sizes {
    fn new(head: &str, row: &str, tail: &str) -> Self {
        let sizes = (0..=CHUNK_MAX.ilog2()).map(|power| {
            let mut text = format!("{head} {row}");
            for _ in 1..1usize << power {
                text.push(',');
                text.push_str(row);
            }
            text.push(' ');
            text.push_str(tail);
            // Made of constants only; shared, so that no offer copies it.
            AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
        });
        Sizes(sizes.collect())
    }

    fn of(&self, rows: usize) -> SqlStr {
        self.0[rows.ilog2() as usize].clone()
    }
}

#[derive(Debug)]
struct Texts {
    events: Sizes,
    replies: Sizes,
    wakes: Sizes,
    wakes_gone: Sizes,
    outbox: Sizes,
    closes: Sizes,
}

impl Texts {
    fn new() -> Self {
        Texts {
            events: Sizes::new(
                &format!("INSERT INTO events ({}) VALUES", sql::EVENT_COLUMNS),
                "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                "",
            ),
            replies: Sizes::new(
                "INSERT INTO replies (command_id, partition, stream, append_id, fingerprint, outcome, \
                 recorded_at) VALUES",
                "(?,?,?,?,?,?,?)",
                "",
            ),
            wakes: Sizes::new(
                "INSERT INTO wakes (stream, partition, due_at) VALUES",
                "(?,?,?)",
                "ON CONFLICT (stream) DO UPDATE SET due_at = excluded.due_at",
            ),
            wakes_gone: Sizes::new("DELETE FROM wakes WHERE stream IN (", "?", ")"),
            outbox: Sizes::new(
                "INSERT INTO outbox (stream, seq, n, partition, append_id, lane, kind, version, payload, \
                 next_try_at, created_at, attempts, dead) VALUES",
                "(?,?,?,?,?,?,?,?,?,?,?,0,0)",
                "",
            ),
            closes: Sizes::new("DELETE FROM outbox WHERE (stream, seq, n) IN (VALUES", "(?,?,?)", ")"),
        }
    }

    /// Everything that is to be written.
    fn of(&self, offer: &Offer) -> Result<Vec<Statement>, Fault> {
        let mut statements = Vec::new();
        let mut rows = offer.events();
        while rows.len() > 0 {
            let chunk = chunk_of(rows.len());
            let mut arguments = SqliteArguments::default();
            arguments.reserve(chunk * 16, 0);
            for row in rows.by_ref().take(chunk) {
                add_event(&mut arguments, &row)?;
            }
            statements.push((self.events.of(chunk), arguments));
        }
        let replies = offer.appends().flat_map(|append| append.replies.iter().map(move |row| (append, row)));
        each_chunk(&mut statements, &self.replies, replies, |arguments, (append, reply)| {
            add_all!(
                arguments,
                reply.command_id.as_slice(),
                i64::from(append.partition.0),
                append.stream_text.clone(),
                append.append_id.as_slice(),
                reply.fingerprint.as_slice(),
                reply.outcome.clone(),
                append.at.as_millis(),
            );
            Ok(())
        })?;
        let set = offer.wakes.iter().filter_map(|wake| wake.due_at.map(|due_at| (wake, due_at)));
        each_chunk(&mut statements, &self.wakes, set, |arguments, (wake, due_at)| {
            add_all!(arguments, wake.stream.clone(), i64::from(wake.partition.0), due_at.as_millis());
            Ok(())
        })?;
        let gone = offer.wakes.iter().filter(|wake| wake.due_at.is_none());
        each_chunk(&mut statements, &self.wakes_gone, gone, |arguments, wake| {
            add_all!(arguments, wake.stream.clone());
            Ok(())
        })?;
        let effects = offer.appends().flat_map(|append| append.outbox.iter().map(move |row| (append, row)));
        each_chunk(&mut statements, &self.outbox, effects, |arguments, (append, row)| {
            add_all!(
                arguments,
                row.stream.clone(),
                row.id.seq as i64,
                i64::from(row.id.n),
                i64::from(append.partition.0),
                append.append_id.as_slice(),
                row.effect.lane.as_str(),
                row.effect.kind.as_str(),
                i64::from(row.effect.version),
                row.effect.payload.as_str(),
                append.at.as_millis(),
                append.at.as_millis(),
            );
            Ok(())
        })?;
        let closes = offer.appends().flat_map(|append| &append.closes);
        each_chunk(&mut statements, &self.closes, closes, |arguments, (stream, id)| {
            add_all!(arguments, stream.clone(), id.seq as i64, i64::from(id.n));
            Ok(())
        })?;
        for snapshot in &offer.snapshots {
            let arguments = &mut SqliteArguments::default();
            add_all!(
                arguments,
                snapshot.stream.to_string(),
                i64::from(snapshot.stream.partition().0),
                snapshot.seq as i64,
                i64::from(snapshot.version),
                snapshot.hash.as_slice(),
                snapshot.state.as_str(),
            );
            statements.push((sql::PUT_SNAPSHOT.into_sql_str(), std::mem::take(arguments)));
        }
        Ok(statements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_powers_of_two_and_leave_nothing_out() {
        let mut left = 300;
        let mut sizes = Vec::new();
        while left > 0 {
            sizes.push(chunk_of(left));
            left -= chunk_of(left);
        }
        assert_eq!(sizes, [128, 128, 32, 8, 4]);
    }
}
