//! The vault's table, on either backend. Knows rows and nothing of what is sealed in them.

use souk_core::ids::{StreamId, SubjectId};
use souk_core::time::Timestamp;
use sqlx::QueryBuilder;

use crate::journal::{Database, Pool, Set, network_pool_options, on_pool, pool_options};

use super::error::VaultError;
use super::puts::Puts;

const FIND: &str = "SELECT stream, key_version, wrapped_key, address FROM vault WHERE subject = $1";
const TOUCH: &str = "UPDATE vault SET put_at = $2 WHERE subject = $1 AND wrapped_key = $3";
const NAMED: &str = "UPDATE vault SET named = 1 WHERE subject IN (";
const FORGOTTEN: &str = "SELECT subject, stream, put_at FROM vault WHERE named = 0 AND put_at < $1 \
     AND (put_at, subject) > ($2, $3) ORDER BY put_at, subject LIMIT $4";
const FORGET: &str = "DELETE FROM vault WHERE subject = $1 AND named = 0 AND put_at = $2";
const ERASE: &str = "DELETE FROM vault WHERE subject = $1";
/// One row of every version in use.
const SAMPLES: &str = "SELECT v.subject, v.key_version, v.wrapped_key FROM vault v \
     JOIN (SELECT MIN(subject) AS subject FROM vault GROUP BY key_version) s ON s.subject = v.subject";
const OTHER_VERSIONS: &str = "SELECT subject, key_version, wrapped_key FROM vault \
     WHERE key_version <> $1 AND subject > $2 ORDER BY subject LIMIT $3";
/// Only what was read is replaced: a row that was erased and put again meanwhile has a key of its own.
const REWRAP: &str =
    "UPDATE vault SET key_version = $2, wrapped_key = $3 WHERE subject = $1 AND wrapped_key = $4";
/// Pages that were freed are zeroed by `secure_delete`, and then lie in the write-ahead log until this.
const TRUNCATE_WAL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// A row without what names it.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub stream: StreamId,
    pub key_version: u32,
    pub wrapped_key: Vec<u8>,
    pub address: Vec<u8>,
}

/// A row's key.
#[derive(Debug)]
pub(super) struct Wrapped {
    pub subject: SubjectId,
    pub key_version: u32,
    pub key: Vec<u8>,
}

/// A row that no stream was seen to name yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forgotten {
    /// Whose.
    pub subject: SubjectId,
    /// The stream that was to name it.
    pub stream: StreamId,
    /// When it was last put.
    pub put_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Rows {
    pool: Pool,
    puts: Puts,
}

impl Rows {
    pub async fn connect(database: &Database, connections: u32) -> Result<Self, VaultError> {
        let connect = VaultError::database("connect to the vault's database");
        let pool = match database {
            Database::Sqlite { dir } => {
                let options = Database::sqlite_options(dir, Set::Plain).pragma("secure_delete", "ON");
                let pool = pool_options(connections).connect_with(options).await;
                Pool::Sqlite(pool.map_err(connect)?)
            }
            Database::Postgres { .. } => {
                let options = database.postgres_options(Set::Plain)?;
                let pool = network_pool_options(connections).connect_with(options).await;
                Pool::Postgres(pool.map_err(connect)?)
            }
        };
        Ok(Rows { puts: Puts::spawn(pool.clone()), pool })
    }

    #[cfg(test)]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Whether the row is new.
    pub async fn insert(&self, subject: SubjectId, now: Timestamp, row: Sealed) -> Result<bool, VaultError> {
        self.puts.put(subject, now, row).await
    }

    pub async fn find(&self, subject: SubjectId) -> Result<Option<Sealed>, VaultError> {
        let row: Option<(String, i64, Vec<u8>, Vec<u8>)> = on_pool!(&self.pool, pool =>
            sqlx::query_as(FIND).bind(subject.to_string()).fetch_optional(pool).await)
        .map_err(VaultError::database("read the vault"))?;
        row.map(|(stream, version, wrapped_key, address)| {
            Ok(Sealed {
                stream: parsed("stream", stream)?,
                key_version: narrow(version)?,
                wrapped_key,
                address,
            })
        })
        .transpose()
    }

    /// Whether the row was still the one with this wrapped key.
    pub async fn touch(
        &self,
        subject: SubjectId,
        now: Timestamp,
        wrapped: &[u8],
    ) -> Result<bool, VaultError> {
        let done = on_pool!(&self.pool, pool => sqlx::query(TOUCH)
            .bind(subject.to_string())
            .bind(now.as_millis())
            .bind(wrapped)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()));
        Ok(done.map_err(VaultError::database("put a row into the vault again"))? == 1)
    }

    /// Marks them in one statement: most rows are kept in the end, and each would be a write of its own.
    pub async fn named(&self, subjects: &[SubjectId]) -> Result<(), VaultError> {
        if subjects.is_empty() {
            return Ok(());
        }
        let marked = on_pool!(&self.pool, pool => {
            let mut statement = QueryBuilder::new(NAMED);
            let mut list = statement.separated(", ");
            for subject in subjects {
                list.push_bind(subject.to_string());
            }
            statement.push(")");
            statement.build().execute(pool).await.map(|_| ())
        });
        marked.map_err(VaultError::database("mark rows of the vault"))
    }

    pub async fn forgotten(
        &self,
        older_than: Timestamp,
        after: Option<&Forgotten>,
        limit: u32,
    ) -> Result<Vec<Forgotten>, VaultError> {
        let (put_at, subject) =
            after.map_or((i64::MIN, String::new()), |row| (row.put_at.as_millis(), row.subject.to_string()));
        let rows: Vec<(String, String, i64)> = on_pool!(&self.pool, pool => sqlx::query_as(FORGOTTEN)
            .bind(older_than.as_millis())
            .bind(put_at)
            .bind(subject)
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await)
        .map_err(VaultError::database("look for forgotten rows in the vault"))?;
        rows.into_iter()
            .map(|(subject, stream, put_at)| {
                Ok(Forgotten {
                    subject: parsed("subject", subject)?,
                    stream: parsed("stream", stream)?,
                    put_at: Timestamp::from_millis(put_at),
                })
            })
            .collect()
    }

    pub async fn forget(&self, row: &Forgotten) -> Result<bool, VaultError> {
        let done = on_pool!(&self.pool, pool => sqlx::query(FORGET)
            .bind(row.subject.to_string())
            .bind(row.put_at.as_millis())
            .execute(pool)
            .await
            .map(|done| done.rows_affected()));
        Ok(done.map_err(VaultError::database("sweep a forgotten row from the vault"))? == 1)
    }

    pub async fn erase(&self, subject: SubjectId) -> Result<bool, VaultError> {
        let done = on_pool!(&self.pool, pool => sqlx::query(ERASE)
            .bind(subject.to_string())
            .execute(pool)
            .await
            .map(|done| done.rows_affected()));
        Ok(done.map_err(VaultError::database("erase a row from the vault"))? == 1)
    }

    /// Empties SQLite's write-ahead log, in which older states of rows lie. Postgres keeps its own for as long as its
    /// archive is set to.
    pub async fn scrub(&self) -> Result<(), VaultError> {
        if let Pool::Sqlite(pool) = &self.pool {
            let scrubbed = sqlx::query(TRUNCATE_WAL).execute(pool).await;
            scrubbed.map_err(VaultError::database("scrub the vault's write-ahead log"))?;
        }
        Ok(())
    }

    pub async fn samples(&self) -> Result<Vec<Wrapped>, VaultError> {
        let rows: Vec<(String, i64, Vec<u8>)> = on_pool!(&self.pool, pool =>
            sqlx::query_as(SAMPLES).fetch_all(pool).await)
        .map_err(VaultError::database("read the vault"))?;
        rows.into_iter().map(wrapped).collect()
    }

    /// Rows behind `after` whose key is wrapped by another version than this one.
    pub async fn other_versions(
        &self,
        version: u32,
        after: Option<SubjectId>,
        limit: u32,
    ) -> Result<Vec<Wrapped>, VaultError> {
        let after = after.map_or_else(String::new, |subject| subject.to_string());
        let rows: Vec<(String, i64, Vec<u8>)> = on_pool!(&self.pool, pool => sqlx::query_as(OTHER_VERSIONS)
            .bind(i64::from(version))
            .bind(&after)
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await)
        .map_err(VaultError::database("read the vault"))?;
        rows.into_iter().map(wrapped).collect()
    }

    pub async fn rewrap(&self, old: &Wrapped, version: u32, key: &[u8]) -> Result<bool, VaultError> {
        let done = on_pool!(&self.pool, pool => sqlx::query(REWRAP)
            .bind(old.subject.to_string())
            .bind(i64::from(version))
            .bind(key)
            .bind(old.key.as_slice())
            .execute(pool)
            .await
            .map(|done| done.rows_affected()));
        Ok(done.map_err(VaultError::database("wrap a key of the vault anew"))? == 1)
    }
}

fn wrapped((subject, version, key): (String, i64, Vec<u8>)) -> Result<Wrapped, VaultError> {
    Ok(Wrapped { subject: parsed("subject", subject)?, key_version: narrow(version)?, key })
}

fn parsed<T: std::str::FromStr>(column: &'static str, value: String) -> Result<T, VaultError> {
    value.parse().map_err(|_| VaultError::Column { column, value })
}

fn narrow(version: i64) -> Result<u32, VaultError> {
    u32::try_from(version)
        .map_err(|_| VaultError::Column { column: "key_version", value: version.to_string() })
}
