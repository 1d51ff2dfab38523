//! The writing connection to Postgres.

mod rows;

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgSeverity};
use sqlx::{ConnectOptions, Connection};

use super::backend::{Fault, Upkeep};
use super::offer::{MarkRow, Offer};
use super::sql;
use rows::{Seen, fenced, statement};

const WHO_AM_I: &str =
    "SELECT pid::bigint, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";
/// Ends a session if it is still the one it was.
const TERMINATE: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";
const IS_THERE: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";
/// How often to look whether a terminated session is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A server process, named so that a later one under the same number is not mistaken for it.
#[derive(Clone, Debug)]
struct Session {
    pid: i64,
    started: String,
}

#[derive(Debug)]
pub(super) struct PostgresWriter {
    options: PgConnectOptions,
    connection: Option<(PgConnection, Session)>,
    /// A connection was lost; its server process may still be writing, and must be gone before anything is
    /// offered again: half open, it would keep the lease rows and our own keys locked.
    lost: Option<Session>,
    /// How long any one step may take before the connection counts as lost.
    patience: Duration,
}

impl PostgresWriter {
    /// Connects when there is something to write. `patience` must be below half a lease.
    pub(super) fn new(options: PgConnectOptions, patience: Duration) -> Self {
        let millis = patience.as_millis();
        // Well before the client gives up, so that it hears of it: the connection goes on then, and nothing is in doubt.
        let for_a_lock = (patience * 2 / 3).as_millis();
        let options = options
            .options([
                ("idle_in_transaction_session_timeout", millis),
                ("tcp_user_timeout", millis),
                ("lock_timeout", for_a_lock),
            ])
            // A role or database may have it off, and would say yes before anything is on disk.
            .options([("synchronous_commit", "on")])
            // The same few statements for ever, all by key: plan each once, whatever the tables hold by then.
            .options([("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off")]);
        PostgresWriter { options, connection: None, lost: None, patience }
    }

    /// A connection, once no earlier one can still be writing.
    async fn ready(&mut self) -> Result<&mut PgConnection, Fault> {
        let (connection, session) = match self.connection.take() {
            Some(open) => open,
            None => {
                let opened = open(&self.options, self.lost.as_ref());
                let opened = tokio::time::timeout(self.patience, opened).await;
                let opened = opened.map_err(|_| Fault::failed("the database server does not answer"))?;
                opened.map_err(Fault::failed)?
            }
        };
        self.lost = None;
        Ok(&mut self.connection.insert((connection, session)).0)
    }

    fn lose(&mut self) {
        if let Some((connection, session)) = self.connection.take() {
            drop(connection);
            self.lost = Some(session);
        }
    }

    /// What an error means; the connection is dropped unless the server is known to have rolled back.
    fn judge(&mut self, error: &Trouble, at_commit: bool) -> Fault {
        let (fault, usable) = classify(error, at_commit);
        if !usable {
            self.lose();
        }
        fault
    }

    pub(super) async fn write(&mut self, offer: &Offer) -> Result<(), Fault> {
        let patience = self.patience;
        let (text, arguments) = statement(offer).map_err(Fault::failed)?;
        let connection = self.ready().await?;
        let query = sqlx::query_as_with::<_, Seen, _>(text, arguments);
        let seen = within(patience, async { Ok(query.fetch_all(connection).await?) }).await;
        // The statement commits, so that whatever becomes of its answer, the rows may be there.
        let seen = seen.map_err(|trouble| self.judge(&trouble, true))?;
        let fenced = fenced(offer, &seen);
        if !fenced.is_empty() {
            return Err(Fault::Fenced(fenced));
        }
        let (confirmed, passed) =
            seen.first().map_or((0, 0), |(.., confirmed, passed)| (*confirmed, *passed));
        if confirmed != offer.unconfirmed().count() as i64 {
            return Err(Fault::Conflict("a stream is not where its host says".to_owned()));
        }
        if passed == 1 {
            Ok(())
        } else {
            Err(Fault::Fatal("the database wrote nothing and says not why".to_owned()))
        }
    }

    pub(super) async fn holds(&mut self, offer: &Offer) -> Result<bool, Fault> {
        let Some(mark) = offer.mark() else { return Ok(false) };
        let patience = self.patience;
        let connection = self.ready().await?;
        let query = match mark.row {
            MarkRow::Event { stream, seq } => sqlx::query_as(sql::MARK_EVENT).bind(stream).bind(seq as i64),
            MarkRow::Reply { command_id } => sqlx::query_as(sql::MARK_REPLY).bind(command_id.as_slice()),
            MarkRow::Outbox { stream, seq, n } => {
                sqlx::query_as(sql::MARK_OUTBOX).bind(stream).bind(seq as i64).bind(i64::from(n))
            }
        };
        let found: Result<Option<(Vec<u8>,)>, Trouble> =
            within(patience, async { Ok(query.fetch_optional(connection).await?) }).await;
        match found {
            Ok(found) => Ok(found.is_some_and(|(append_id,)| append_id == *mark.append_id)),
            Err(trouble) => Err(self.judge(&trouble, false)),
        }
    }

    pub(super) async fn upkeep(&mut self, upkeep: &Upkeep) -> Result<u64, Fault> {
        let patience = self.patience;
        let connection = self.ready().await?;
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
        match within(patience, async { Ok(query.execute(connection).await?) }).await {
            Ok(done) => Ok(done.rows_affected()),
            Err(trouble) => Err(self.judge(&trouble, false)),
        }
    }

    pub(super) async fn close(self) {
        if let Some((connection, _)) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the journal's connection did not close cleanly");
        }
    }
}

/// What stopped a step.
#[derive(Debug)]
enum Trouble {
    Sql(sqlx::Error),
    Late,
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Trouble::Sql(error)
    }
}

/// Bounds a step. A step that is cut off leaves its connection in the middle of something: it must be dropped.
async fn within<T>(patience: Duration, step: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::time::timeout(patience, step).await.unwrap_or(Err(Trouble::Late))
}

/// Opens a connection and, on it, makes sure that the lost one is gone.
async fn open(
    options: &PgConnectOptions,
    lost: Option<&Session>,
) -> Result<(PgConnection, Session), sqlx::Error> {
    let mut connection = options.connect().await?;
    let (pid, started) = sqlx::query_as(WHO_AM_I).fetch_one(&mut connection).await?;
    if let Some(lost) = lost {
        loop {
            let (there,): (i64,) = sqlx::query_as(IS_THERE)
                .bind(lost.pid)
                .bind(&lost.started)
                .fetch_one(&mut connection)
                .await?;
            if there == 0 {
                break;
            }
            sqlx::query(TERMINATE).bind(lost.pid).bind(&lost.started).fetch_all(&mut connection).await?;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        tracing::info!(pid = lost.pid, "the server process of the lost connection is gone");
    }
    Ok((connection, Session { pid, started }))
}

/// Returns the meaning of an error, and whether the connection can still be used.
fn classify(trouble: &Trouble, at_commit: bool) -> (Fault, bool) {
    let lost = |reason: String| (Fault::Failed { doubtful: at_commit, reason }, false);
    let error = match trouble {
        Trouble::Late => return lost("the database server does not answer".to_owned()),
        Trouble::Sql(error) => error,
    };
    let reason = error.to_string();
    let sqlx::Error::Database(database) = error else { return lost(reason) };
    let Some(postgres) = database.try_downcast_ref::<PgDatabaseError>() else { return lost(reason) };
    // Damaged data or index, an I/O error of the server: what it says is on disk may not be.
    if matches!(postgres.code(), "XX001" | "XX002" | "58030") || postgres.severity() == PgSeverity::Panic {
        return (Fault::Fatal(reason), false);
    }
    if postgres.severity() == PgSeverity::Fatal {
        return lost(reason);
    }
    match postgres.code().get(..2) {
        // The data itself was not acceptable, or a constraint was violated.
        Some("22" | "23") => (Fault::Conflict(reason), true),
        _ => (Fault::Failed { doubtful: false, reason }, true),
    }
}
