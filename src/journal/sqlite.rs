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
use rows::{COMMIT, Checks, Statements, Texts};

/// How long the writer itself waits for the write lock before it says that it is degraded.
const BUSY: Duration = Duration::from_millis(250);

/// Takes the write lock, under which plain reads are enough. Returns (0, partition) for those of `$1` (a JSON object of
/// partition and epoch) whose epoch is another, and (1, how many) of the (stream, seq) of `$2` (a JSON list of pairs)
/// exist.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE; SELECT 0, CAST(j.key AS INTEGER) FROM json_each($1) j \
     LEFT JOIN leases l ON l.partition = CAST(j.key AS INTEGER) WHERE l.epoch IS NULL OR l.epoch <> j.value \
     UNION ALL SELECT 1, COUNT(*) FROM json_each($2) j JOIN events e \
     ON e.stream = json_extract(j.value, '$[0]') AND e.seq = json_extract(j.value, '$[1]')";
const FENCED: i64 = 0;
/// Pages that the writer keeps: 8 MiB. Its rows go to random places of several trees, whose inner pages it would otherwise
/// read from the file again and again as the journal grows. With more, every commit would cost more: when pages of a tree were
/// put in order, SQLite goes through a table as large as all pages that it keeps.
const CACHE: &str = "-8192";
/// Pages of the write-ahead log before it is carried into the file, 16 MiB: a page that is written by many groups is carried
/// over once.
const CHECKPOINT_PAGES: &str = "4000";
/// Prepared statements, of which a group that is one text has several: one for each shape of a group.
const STATEMENTS_MAX: usize = 512;

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
                    .pragma("cache_size", CACHE)
                    .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
                    .statement_cache_capacity(STATEMENTS_MAX);
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

/// One transaction, in as few texts as can be: each is handed to the connection's thread and back. With a fault it says
/// whether the connection can be used again: SQLite ends a transaction by itself on some errors, and a fresh connection has
/// no doubt about it.
async fn transact(
    connection: &mut SqliteConnection,
    checks: Checks,
    statements: Statements,
) -> Result<(), (Fault, bool)> {
    let Err(fault) = write_rows(connection, checks, statements).await else { return Ok(()) };
    let rolled_back = sqlx::query("ROLLBACK").execute(connection).await;
    Err((fault, rolled_back.is_ok()))
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
    statements: Statements,
) -> Result<(), Fault> {
    let failed = |error: sqlx::Error| classify(&error, false);
    let ended = |error: sqlx::Error| classify(&error, true);
    let seen: Vec<(i64, i64)> = sqlx::query_as(BEGIN)
        .bind(checks.leases)
        .bind(checks.stated)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let fenced = seen.iter().filter(|(part, _)| *part == FENCED);
    let fenced: Vec<Partition> = fenced.map(|(_, partition)| Partition(*partition as u16)).collect();
    if !fenced.is_empty() {
        return Err(Fault::Fenced(fenced));
    }
    let confirmed = seen.iter().find(|(part, _)| *part != FENCED).map(|(_, confirmed)| *confirmed);
    let confirmed = confirmed.ok_or_else(|| Fault::failed("the connection's thread has ended"))?;
    if confirmed != checks.expected {
        return Err(Fault::Conflict("a stream is not where its host says".to_owned()));
    }
    let statements = match statements {
        Statements::Whole((text, arguments)) => {
            sqlx::query_with(text, arguments).fetch_one(connection).await.map_err(ended)?;
            return Ok(());
        }
        Statements::Each(statements) => statements,
    };
    for (text, arguments) in statements {
        sqlx::query_with(text, arguments).execute(&mut *connection).await.map_err(failed)?;
    }
    sqlx::query(COMMIT).fetch_one(connection).await.map_err(ended)?;
    Ok(())
}
