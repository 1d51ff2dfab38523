//! Reading for handlers. Nothing else hands out connections for it, and none without a scope.
//!
//! On Postgres a read is a transaction that only reads and in which the scope is set; the policies of migration 10 compare
//! rows with it, and without one they show nothing. The scope goes with the transaction. Whoever comes next must never
//! find one, so a connection is rolled back before the pool takes it again, whatever became of it; and one that was given
//! up in the middle (its future was dropped, something failed) is closed.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Executor as _, FromRow, PgPool, Postgres, Sqlite};

use crate::journal::{Database, JournalError, Pool, Set, in_time, pool_options};

use super::failed;
use super::predicate::{Scope, within};
use super::statement::{Texts, Value};

#[cfg(test)]
mod tests;

/// How long a connection may take to begin or end a transaction.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// The handlers' connections.
#[derive(Clone, Debug)]
pub(super) struct Reads(Pool);

impl Reads {
    /// Connects, on Postgres as the role that may only read, and only what its scope reaches.
    pub(super) async fn open(app: &Database, connections: u32) -> Result<Self, JournalError> {
        let Database::Postgres { .. } = app else {
            return app.read_pool(Set::Read, connections).await.map(Reads);
        };
        let options = app.handler_options(Set::Read)?;
        let pool = pool_options::<Postgres>(connections)
            .after_release(|connection, _| Box::pin(is_rolled_back(connection)))
            .connect_with(options);
        pool.await.map(|pool| Reads(Pool::Postgres(pool))).map_err(failed("connect to the read models"))
    }

    pub(super) async fn close(&self) {
        self.0.close().await;
    }

    /// A connection on which this scope is set. `function` is the one that asks.
    pub(super) async fn within<'a>(
        &self,
        scope: &'a dyn Scope,
        function: &'static str,
    ) -> Result<Asking<'a>, JournalError> {
        let lent = match &self.0 {
            Pool::Sqlite(pool) => pool.acquire().await.map(Lent::Sqlite),
            Pool::Postgres(pool) => lend(pool, &scope.name()).await.map(Lent::Postgres),
        };
        let lent = lent.map_err(failed("begin to read"))?;
        Ok(Asking { scope, function, lent })
    }
}

/// Takes a connection and sets the scope on it. That it answers is also how it is known to be there: those that died while
/// nobody used them are as many as there are at the most, and the next one is new.
async fn lend(pool: &PgPool, scope: &str) -> Result<Transaction, sqlx::Error> {
    // One journey for both. No id has a quote in it.
    let begin =
        format!("BEGIN READ ONLY; SELECT set_config('souk.scope', '{}', true)", scope.replace('\'', "''"));
    let mut dead = 0;
    loop {
        let connection = in_time(pool.acquire()).await?;
        let mut transaction = Transaction { connection, is_whole: false };
        let begun = transaction.connection.execute(sqlx::raw_sql(AssertSqlSafe(begin.as_str())));
        match answered(begun).await {
            Ok(_) => return Ok(transaction),
            Err(error) if dead == pool.options().get_max_connections() => return Err(error),
            Err(_) => dead += 1,
        }
    }
}

/// Ends whatever was under way, and with it the scope. A connection that does not answer is closed by the pool.
async fn is_rolled_back(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    answered(connection.execute("ROLLBACK")).await.map(|_| true)
}

async fn answered<T>(said: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let answered = tokio::time::timeout(ANSWERS_WITHIN, said).await;
    answered.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// A transaction with a scope. Unless it was read to its end its connection is not used again.
#[derive(Debug)]
struct Transaction {
    connection: PoolConnection<Postgres>,
    is_whole: bool,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_whole {
            self.connection.close_on_drop();
        }
    }
}

#[derive(Debug)]
enum Lent {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(Transaction),
}

/// Columns that either backend fills.
pub(super) trait Columns:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Columns for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// Questions that one query function asks, one after another, within one scope.
pub(super) struct Asking<'a> {
    scope: &'a dyn Scope,
    function: &'static str,
    lent: Lent,
}

impl Asking<'_> {
    /// All rows of the scope's that the question is about.
    pub(super) async fn all<T: Columns>(
        &mut self,
        doing: &'static str,
        texts: impl Into<Texts>,
        values: Vec<Value>,
    ) -> Result<Vec<T>, JournalError> {
        let texts = texts.into();
        macro_rules! asked {
            ($text:expr, $connection:expr) => {{
                let (text, values) = within($text, values, self.scope, self.function);
                let mut query = sqlx::query_as(AssertSqlSafe(text));
                for value in values {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::Number(number) => query.bind(number),
                    };
                }
                query.fetch_all($connection).await
            }};
        }
        let rows = match &mut self.lent {
            Lent::Sqlite(connection) => asked!(texts.sqlite, &mut **connection),
            Lent::Postgres(transaction) => {
                in_time(async { asked!(texts.postgres, &mut *transaction.connection) }).await
            }
        };
        rows.map_err(failed(doing))
    }

    /// One of them, if there is any.
    pub(super) async fn one<T: Columns>(
        &mut self,
        doing: &'static str,
        texts: impl Into<Texts>,
        values: Vec<Value>,
    ) -> Result<Option<T>, JournalError> {
        Ok(self.all(doing, texts, values).await?.into_iter().next())
    }

    /// Everything was asked and answered. Nothing was written, so nobody waits for the end of the transaction: the pool
    /// sees to it.
    pub(super) fn end(self) {
        if let Lent::Postgres(mut transaction) = self.lent {
            transaction.is_whole = true;
        }
    }
}
