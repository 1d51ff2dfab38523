//! Where the tables live: three SQLite files in one directory, or three schemas in one Postgres database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _};

use super::error::JournalError;

/// How every pool of connections is made.
///
/// Nobody looks after idle connections in the background. The pool's own task for that goes once over as many as it
/// counts, and that count may fall below zero for a moment, when a connection that was just given back is taken before
/// it was counted: then it goes round for ever, and starves whoever waits for one.
///
/// A connection is asked whether it is there when it is given back, not when it is taken, too: a file does not go away, and
/// to ask SQLite wakes its thread and waits for it, as long as many a query takes.
pub fn pool_options<DB: sqlx::Database>(connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// The same for connections over a network, which may fall silent without an end. Of a query that was given up by then,
/// the pool would wait for the answer for ever before it took the connection back, and its place would be lost.
pub fn network_pool_options<DB: sqlx::Database>(connections: u32) -> PoolOptions<DB> {
    pool_options(connections)
        .before_acquire(|connection, _| Box::pin(answers::<DB>(connection)))
        .after_release(|connection, _| Box::pin(answers::<DB>(connection)))
}

/// How long a connection may take to say that it is there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// How long a query of the journal may take; the longest reads a page of it.
const STATEMENT_WITHIN: Duration = Duration::from_secs(15);
/// How long the end of connections is waited for; the database finds out by itself that nobody is there any more.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// The query's answer, or that there is none. A statement that is given up may still be carried out.
pub(crate) async fn in_time<T>(
    query: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let answered = tokio::time::timeout(STATEMENT_WITHIN, query).await;
    answered.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// Whether it is there; a connection that is not is closed without a word.
async fn answers<DB: sqlx::Database>(connection: &mut DB::Connection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(ANSWERS_WITHIN, connection.ping()).await {
        Ok(answered) => answered.map(|()| true),
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// A set of tables. No transaction spans two of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Set {
    /// Events, snapshots, outbox, wakes, replies, leases.
    Journal,
    /// People, keys, vault: not rebuildable.
    Plain,
    /// Projections with their cursors: may be deleted at any time.
    Read,
}

impl Set {
    /// All of them.
    pub const ALL: [Set; 3] = [Set::Journal, Set::Plain, Set::Read];

    /// The schema's name, and the file's without its ending.
    pub const fn name(self) -> &'static str {
        match self {
            Set::Journal => "journal",
            Set::Plain => "plain",
            Set::Read => "read",
        }
    }

    /// What the policies on the tables' rows know those by who write them: see migration 10.
    const fn own_scope(self) -> Option<&'static str> {
        match self {
            Set::Journal => None,
            Set::Plain => Some("vault"),
            Set::Read => Some("engine"),
        }
    }
}

/// A marketplace's database.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// Embedded: files in this directory.
    Sqlite {
        /// The directory.
        dir: PathBuf,
    },
    /// A Postgres server.
    Postgres {
        /// `postgres://user:password@host:port/database`
        url: String,
    },
}

impl FromStr for Database {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        if let Some(dir) = text.strip_prefix("sqlite:")
            && !dir.is_empty()
        {
            return Ok(Database::Sqlite { dir: PathBuf::from(dir) });
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let database = Database::Postgres { url: text.to_owned() };
            database.postgres_options(Set::Journal)?;
            return Ok(database);
        }
        Err(JournalError::Address { url: without_password(text) })
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite { dir } => write!(f, "sqlite:{}", dir.display()),
            Database::Postgres { url } => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((login, place)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = login.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}:***@{place}")
}

/// Connections for reading, of either kind.
#[derive(Clone, Debug)]
pub enum Pool {
    /// To one SQLite file.
    Sqlite(sqlx::SqlitePool),
    /// To one Postgres schema.
    Postgres(sqlx::PgPool),
}

/// Runs the same statement on whichever pool it is. Over a network it has its time: an actor that reads its stream, a loop
/// that reads what is due, or the one task that fills a table must not wait for ever where nothing comes any more.
macro_rules! on_pool {
    ($pool:expr, $name:ident => $body:expr) => {
        match $pool {
            $crate::journal::Pool::Sqlite($name) => $body,
            $crate::journal::Pool::Postgres($name) => $crate::journal::in_time(async { $body }).await,
        }
    };
}
pub(crate) use on_pool;

impl Pool {
    /// Waits for its connections to end, but not for ever for one that has fallen silent.
    pub async fn close(&self) {
        let closed = async {
            match self {
                Pool::Sqlite(pool) => pool.close().await,
                Pool::Postgres(pool) => pool.close().await,
            }
        };
        if tokio::time::timeout(ENDS_WITHIN, closed).await.is_err() {
            tracing::warn!("connections to the database do not answer and are left to end by themselves");
        }
    }
}

impl Database {
    /// The file of a set, when it is SQLite.
    pub fn sqlite_file(dir: &Path, set: Set) -> PathBuf {
        dir.join(set.name()).with_extension("db")
    }

    /// How to connect to a set's SQLite file.
    pub fn sqlite_options(dir: &Path, set: Set) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(Self::sqlite_file(dir, set))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging()
    }

    /// How to connect to a set's Postgres schema, for whoever fills its tables or looks after them.
    ///
    /// # Errors
    /// When the URL makes no sense, or this is not Postgres.
    pub fn postgres_options(&self, set: Set) -> Result<PgConnectOptions, JournalError> {
        let options = self.options_without_scope(set)?;
        Ok(match set.own_scope() {
            Some(scope) => options.options([("souk.scope", scope)]),
            None => options,
        })
    }

    /// How to connect to it for handlers that read: nothing is shown until a transaction has a scope.
    ///
    /// # Errors
    /// As [`Database::postgres_options`].
    pub fn handler_options(&self, set: Set) -> Result<PgConnectOptions, JournalError> {
        let options = self.options_without_scope(set)?;
        Ok(options.options([
            ("default_transaction_read_only", "on"),
            ("statement_timeout", "60s"),
            // Of a process that was frozen in the middle of a read.
            ("idle_in_transaction_session_timeout", "60s"),
        ]))
    }

    fn options_without_scope(&self, set: Set) -> Result<PgConnectOptions, JournalError> {
        let refuse = || JournalError::Address { url: self.to_string() };
        let Database::Postgres { url } = self else { return Err(refuse()) };
        let options = PgConnectOptions::from_str(url).map_err(|_| refuse())?;
        Ok(options
            .application_name("souk")
            .options([("search_path", set.name())])
            .disable_statement_logging())
    }

    /// A pool that only reads, on the tables of one set.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn read_pool(&self, set: Set, connections: u32) -> Result<Pool, JournalError> {
        let connect = JournalError::database("connect to the database");
        match self {
            Database::Sqlite { dir } => {
                if !Self::sqlite_file(dir, set).exists() {
                    return Err(JournalError::Absent);
                }
                let options = Self::sqlite_options(dir, set).pragma("query_only", "ON");
                let pool = pool_options(connections).connect_with(options).await;
                pool.map(Pool::Sqlite).map_err(connect)
            }
            Database::Postgres { .. } => {
                let options = self
                    .postgres_options(set)?
                    .options([("default_transaction_read_only", "on"), ("statement_timeout", "60s")]);
                let pool = network_pool_options(connections).connect_with(options).await;
                pool.map(Pool::Postgres).map_err(connect)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let database: Database = "postgres://shop:s3cr@t@db:5432/souk".parse().unwrap();
        assert_eq!(format!("{database:?}"), "postgres://shop:***@db:5432/souk");
        let wrong = "mysql://shop:secret@db/souk".parse::<Database>().unwrap_err();
        assert!(!wrong.to_string().contains("secret"), "{wrong}");
    }

    #[test]
    fn an_address_names_its_kind() {
        assert_eq!("sqlite:x/y".parse::<Database>().unwrap(), Database::Sqlite { dir: "x/y".into() });
        assert!("x/y".parse::<Database>().is_err());
        assert!("sqlite:".parse::<Database>().is_err());
    }
}
