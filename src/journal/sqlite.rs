//! The writing connection to SQLite.

mod rows;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::error::DatabaseError as _;
use sqlx::sqlite::{SqliteConnection, SqliteError};
use sqlx::{ConnectOptions, Connection};

use souk_core::ids::Partition;

use super::backend::{Fault, Upkeep};
use super::database::{Database, Set};
use super::offer::{MarkRow, Offer};
use super::sql;
use rows::{Checks, Statement, Texts};

/// How long the writer itself waits for the write lock before it says that it is degraded.
const BUSY: Duration = Duration::from_millis(250);

/// Returns the partitions of `$1` (a JSON object of partition and epoch) whose epoch is another.
const FENCED: &str = "SELECT CAST(j.key AS INTEGER) FROM json_each($1) j \
     LEFT JOIN leases l ON l.partition = CAST(j.key AS INTEGER) WHERE l.epoch IS NULL OR l.epoch <> j.value";
/// Counts the (stream, seq) of `$1` (a JSON list of pairs) that exist.
const CONFIRMED: &str = "SELECT COUNT(*) FROM json_each($1) j JOIN events e \
     ON e.stream = json_extract(j.value, '$[0]') AND e.seq = json_extract(j.value, '$[1]')";

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
