//! What a journal says about itself: written once, compared at every start.

use souk_core::ids::{PARTITIONS, PLACEMENT_HASH, STOCK_SHARDS};
use souk_core::time::Timestamp;

use super::database::{Pool, on_pool};
use super::error::JournalError;
use super::sql;

/// The form of the rows themselves. A journal of another form is not opened.
pub const FORMAT: i64 = 1;

/// The journal's own data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    /// Names the journal; a cursor of another journal is worth nothing.
    pub journal_id: String,
    /// When it was created.
    pub created_at: Timestamp,
}

type MetaRow = (String, i64, i64, i64, String, i64);

impl Meta {
    pub(super) fn compare(row: Option<MetaRow>) -> Result<Meta, JournalError> {
        let (journal_id, format, partitions, stock_shards, hash, created_at) =
            row.ok_or(JournalError::Absent)?;
        let number = |what, stored: i64, expected: i64| {
            if stored == expected {
                return Ok(());
            }
            let (stored, expected) = (stored.to_string(), expected.to_string());
            Err(JournalError::Mismatch { what, stored, expected })
        };
        number("format", format, FORMAT)?;
        number("partition count", partitions, i64::from(PARTITIONS))?;
        number("stock shard count", stock_shards, i64::from(STOCK_SHARDS))?;
        if hash != PLACEMENT_HASH {
            let expected = PLACEMENT_HASH.to_owned();
            return Err(JournalError::Mismatch { what: "placement hash", stored: hash, expected });
        }
        Ok(Meta { journal_id, created_at: Timestamp::from_millis(created_at) })
    }

    pub(super) async fn read(pool: &Pool) -> Result<Meta, JournalError> {
        let row: Result<Option<MetaRow>, sqlx::Error> =
            on_pool!(pool, pool => sqlx::query_as(sql::META).fetch_optional(pool).await);
        match row {
            Ok(row) => Meta::compare(row),
            Err(error) if is_missing_table(&error) => Err(JournalError::Absent),
            Err(error) => Err(JournalError::database("read what the journal says about itself")(error)),
        }
    }
}

/// Whether the tables are not there at all: nobody has migrated, or somebody has dropped them.
pub(crate) fn is_missing_table(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    error.code().as_deref() == Some("42P01") || error.message().contains("no such table")
}

/// Writes the row and the leases if there are none yet, and counts this start. Runs the same on both kinds of
/// connection; `$id` is a query that makes up an id.
macro_rules! begin_start {
    ($connection:expr, $id:literal) => {{
        let (id,): (String,) = sqlx::query_as($id).fetch_one(&mut *$connection).await?;
        sqlx::query(crate::journal::sql::CREATE_META)
            .bind(id)
            .bind(crate::journal::meta::FORMAT)
            .bind(i64::from(souk_core::ids::PARTITIONS))
            .bind(i64::from(souk_core::ids::STOCK_SHARDS))
            .bind(souk_core::ids::PLACEMENT_HASH)
            .bind(crate::journal::now().as_millis())
            .execute(&mut *$connection)
            .await?;
        for partition in 0..i64::from(souk_core::ids::PARTITIONS) {
            sqlx::query(crate::journal::sql::CREATE_LEASE).bind(partition).execute(&mut *$connection).await?;
        }
        sqlx::query_as::<_, (i64,)>(crate::journal::sql::NEXT_START).fetch_one(&mut *$connection).await
    }};
}
pub(super) use begin_start;
