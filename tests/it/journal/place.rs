//! A database of the test's own, with a side door.

use std::future::Future;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use souk::journal::{Database, Journal, Set, Settings};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::servers::{Backend, skipped};

/// Nothing a test waits for takes longer, or the test has failed.
pub const BOUND: Duration = Duration::from_secs(30);

/// Where a test's journal lives.
pub struct Place {
    pub database: Database,
    _backend: Backend,
}

/// Declares each test twice: on SQLite and on Postgres.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $name() { crate::journal::place::run_on_sqlite(super::$name) })+
        }
        mod on_postgres {
            $(#[test] fn $name() { crate::journal::place::run_on_postgres(super::$name) })+
        }
    };
}
pub(super) use on_both;

pub fn run_on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Place) -> F) {
    run(Backend::sqlite(), test);
}

pub fn run_on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Place) -> F) {
    static SAID: Once = Once::new();
    if std::env::var_os("SOUK_TEST_POSTGRES_URL").is_none() {
        SAID.call_once(|| skipped("journal conformance on Postgres", "SOUK_TEST_POSTGRES_URL is not set"));
        return;
    }
    let Some(backend) = Backend::postgres("journal conformance on Postgres") else { return };
    run(backend, test);
}

fn run<F: Future<Output = ()>>(backend: Backend, test: impl FnOnce(Place) -> F) {
    let database = backend.url().parse().unwrap();
    let place = Place { database, _backend: backend };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(4 * BOUND, test(place)).await.expect("the test ends in time");
    });
}

/// Short leases, so that take-overs need not be waited for long.
pub fn settings() -> Settings {
    Settings { lease: Duration::from_secs(2), read_connections: 4, ..Settings::default() }
}

impl Place {
    pub async fn open(&self) -> Journal {
        let journal = Journal::open_with(&self.database, settings()).await.unwrap();
        tokio::time::timeout(BOUND, journal.lease().wait_until_owner()).await.expect("the leases are taken");
        journal
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.database, Database::Sqlite { .. })
    }

    pub fn sqlite_file(&self) -> PathBuf {
        match &self.database {
            Database::Sqlite { dir } => Database::sqlite_file(dir, Set::Journal),
            Database::Postgres { .. } => unreachable!("this test is about SQLite"),
        }
    }

    /// A connection of the test's own to the journal's tables.
    pub async fn side_door(&self) -> SideDoor {
        match &self.database {
            Database::Sqlite { dir } => {
                let options = Database::sqlite_options(dir, Set::Journal);
                SideDoor::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
            Database::Postgres { url } => {
                let options = PgConnectOptions::from_str(url).unwrap().options([("search_path", "journal")]);
                SideDoor::Postgres(PgConnection::connect_with(&options).await.unwrap())
            }
        }
    }

    pub async fn number(&self, sql: &str) -> i64 {
        self.side_door().await.number(sql).await
    }
}

pub enum SideDoor {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl SideDoor {
    pub async fn execute(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            SideDoor::Sqlite(connection) => connection.execute(sqlx::raw_sql(sql)).await.map(|_| ()),
            SideDoor::Postgres(connection) => connection.execute(sqlx::raw_sql(sql)).await.map(|_| ()),
        }
        .unwrap();
    }

    pub async fn number(&mut self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        let (number,): (Option<i64>,) = match self {
            SideDoor::Sqlite(connection) => sqlx::query_as(sql).fetch_one(connection).await,
            SideDoor::Postgres(connection) => sqlx::query_as(sql).fetch_one(connection).await,
        }
        .unwrap();
        number.unwrap_or(0)
    }

    pub async fn begin(&mut self) {
        let begin = match self {
            SideDoor::Sqlite(_) => "BEGIN IMMEDIATE",
            SideDoor::Postgres(_) => "BEGIN",
        };
        self.execute(begin).await;
    }

    /// Keeps the writer from writing until the transaction ends.
    pub async fn block_writes(&mut self) {
        self.begin().await;
        if let SideDoor::Postgres(_) = self {
            self.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE").await;
        }
    }
}

/// Waits until it is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let waited = tokio::time::timeout(BOUND, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within the bound: {what}");
}
