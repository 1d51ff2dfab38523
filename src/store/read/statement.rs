//! Writing: statements as data, so that one list of them serves both backends.

use std::future::Future;

use sqlx::Connection as _;

use crate::journal::{JournalError, Pool, in_time};

use super::failed;

/// A value to bind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(Some(text))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(Some(text.to_owned()))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Value::Text(text)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Value::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Value::Number(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Number(Some(number as i64))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Number(Some(i64::from(number)))
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Value::Number(Some(i64::from(yes)))
    }
}

/// Makes a list of values to bind out of anything that can be one.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::read::statement::Value::from($value)),*] };
}
pub(super) use values;

/// The same write in both dialects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Texts {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl From<&'static str> for Texts {
    fn from(text: &'static str) -> Self {
        Texts { sqlite: text, postgres: text }
    }
}

/// One write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Statement {
    texts: Texts,
    values: Vec<Value>,
    /// What follows when it changed a row.
    then: Vec<Statement>,
    /// When it changes fewer rows, the whole transaction is given up.
    required: u64,
}

impl Statement {
    pub(super) fn new(texts: impl Into<Texts>, values: Vec<Value>) -> Self {
        Statement { texts: texts.into(), values, then: Vec::new(), required: 0 }
    }

    pub(super) fn then(mut self, statements: Vec<Statement>) -> Self {
        self.then = statements;
        self
    }

    pub(super) fn required(self) -> Self {
        self.required_rows(1)
    }

    pub(super) fn required_rows(mut self, rows: u64) -> Self {
        self.required = rows;
        self
    }
}

/// Runs them in order in one transaction. `false` when one changed fewer rows than it must; then none of them did. Over a
/// network each has its time.
pub(super) async fn run(
    pool: &Pool,
    doing: &'static str,
    statements: Vec<Statement>,
) -> Result<bool, JournalError> {
    run_within(pool, doing, statements, matches!(pool, Pool::Postgres(_))).await
}

/// The same for what may rightly take long, as dropping all rows of a table does.
pub(super) async fn run_at_length(
    pool: &Pool,
    doing: &'static str,
    statements: Vec<Statement>,
) -> Result<bool, JournalError> {
    run_within(pool, doing, statements, false).await
}

async fn run_within(
    pool: &Pool,
    doing: &'static str,
    statements: Vec<Statement>,
    has_its_time: bool,
) -> Result<bool, JournalError> {
    macro_rules! run_on {
        ($pool:expr, $dialect:ident) => {{
            let mut connection = waited(has_its_time, $pool.acquire()).await.map_err(failed(doing))?;
            let ran = async {
                let mut transaction =
                    waited(has_its_time, connection.begin()).await.map_err(failed(doing))?;
                let mut waiting = statements;
                waiting.reverse();
                while let Some(Statement { texts, values, then, required }) = waiting.pop() {
                    let mut query = sqlx::query(texts.$dialect);
                    for value in values {
                        query = match value {
                            Value::Text(text) => query.bind(text),
                            Value::Number(number) => query.bind(number),
                        };
                    }
                    let done =
                        waited(has_its_time, query.execute(&mut *transaction)).await.map_err(failed(doing))?;
                    if done.rows_affected() < required {
                        waited(has_its_time, transaction.rollback()).await.map_err(failed(doing))?;
                        return Ok(false);
                    }
                    if done.rows_affected() > 0 {
                        waiting.extend(then.into_iter().rev());
                    }
                }
                waited(has_its_time, transaction.commit()).await.map_err(failed(doing))?;
                Ok(true)
            }
            .await;
            if ran.is_err() {
                // A BEGIN that was given up before its answer came may have begun something: whoever took this connection
                // next would write into it.
                connection.close_on_drop();
            }
            ran
        }};
    }
    match pool {
        Pool::Sqlite(pool) => run_on!(pool, sqlite),
        Pool::Postgres(pool) => run_on!(pool, postgres),
    }
}

async fn waited<T>(
    has_its_time: bool,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    if has_its_time { in_time(statement).await } else { statement.await }
}
