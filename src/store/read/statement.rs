//! Writing: statements as data, so that one list of them serves both backends.

use crate::journal::{JournalError, Pool};

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

/// One write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Statement {
    text: &'static str,
    values: Vec<Value>,
    /// What follows when it changed a row.
    then: Vec<Statement>,
    /// Without a change the whole transaction is given up.
    required: bool,
}

impl Statement {
    pub(super) fn new(text: &'static str, values: Vec<Value>) -> Self {
        Statement { text, values, then: Vec::new(), required: false }
    }

    pub(super) fn then(mut self, statements: Vec<Statement>) -> Self {
        self.then = statements;
        self
    }

    pub(super) fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// Runs them in order in one transaction. `false` when one that is required changed nothing; then none of them did.
pub(super) async fn run(
    pool: &Pool,
    doing: &'static str,
    statements: Vec<Statement>,
) -> Result<bool, JournalError> {
    macro_rules! run_on {
        ($pool:expr) => {{
            let mut transaction = $pool.begin().await.map_err(failed(doing))?;
            let mut waiting = statements;
            waiting.reverse();
            while let Some(Statement { text, values, then, required }) = waiting.pop() {
                let mut query = sqlx::query(text);
                for value in values {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::Number(number) => query.bind(number),
                    };
                }
                let done = query.execute(&mut *transaction).await.map_err(failed(doing))?;
                if done.rows_affected() > 0 {
                    waiting.extend(then.into_iter().rev());
                } else if required {
                    transaction.rollback().await.map_err(failed(doing))?;
                    return Ok(false);
                }
            }
            transaction.commit().await.map_err(failed(doing))?;
            Ok(true)
        }};
    }
    match pool {
        Pool::Sqlite(pool) => run_on!(pool),
        Pool::Postgres(pool) => run_on!(pool),
    }
}
