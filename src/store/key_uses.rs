//! When service keys were last used. Nothing depends on it but what is told to whoever looks after keys.

use souk_core::ids::KeyId;
use souk_core::time::Timestamp;

use crate::journal::{JournalError, Pool, on_pool};

/// Two that write at the same time leave the later time.
const NOTE: &str = "INSERT INTO key_uses (key, used_at) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE \
     SET used_at = excluded.used_at WHERE key_uses.used_at < excluded.used_at";
const FIND: &str = "SELECT used_at FROM key_uses WHERE key = $1";

/// The key was used.
///
/// # Errors
/// When the database refuses.
pub async fn note(pool: &Pool, key: KeyId, now: Timestamp) -> Result<(), JournalError> {
    on_pool!(pool, pool => sqlx::query(NOTE)
        .bind(key.to_string())
        .bind(now.as_millis())
        .execute(pool)
        .await
        .map(|_| ()))
    .map_err(failed("note that a key was used"))
}

/// When a key was used, about a minute exactly; `None` when it never was.
///
/// # Errors
/// When the database does not answer.
pub async fn last(pool: &Pool, key: KeyId) -> Result<Option<Timestamp>, JournalError> {
    let row: Option<(i64,)> =
        on_pool!(pool, pool => sqlx::query_as(FIND).bind(key.to_string()).fetch_optional(pool).await)
            .map_err(failed("read when a key was used"))?;
    Ok(row.map(|(used_at,)| Timestamp::from_millis(used_at)))
}

fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> JournalError {
    move |source| JournalError::Database { doing, source }
}
