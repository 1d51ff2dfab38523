//! The table of the keys that sign access tokens: plain, not rebuildable. Each row is half of a key.

use souk_core::time::Timestamp;

use crate::journal::{JournalError, Pool, on_pool};
use crate::tenants::access_tokens::SigningKeyRecord;

const CREATE: &str = "INSERT INTO signing_keys (id, salt, made_at) VALUES ($1, $2, $3)";
const LIST: &str = "SELECT id, salt, made_at FROM signing_keys ORDER BY made_at, id";
const REMOVE: &str = "DELETE FROM signing_keys WHERE id = $1";

/// Stores a new key.
///
/// # Errors
/// When the database refuses.
pub async fn create(pool: &Pool, key: &SigningKeyRecord) -> Result<(), JournalError> {
    on_pool!(pool, pool => sqlx::query(CREATE)
        .bind(&key.id)
        .bind(key.salt.as_slice())
        .bind(key.made_at.as_millis())
        .execute(pool)
        .await
        .map(|_| ()))
    .map_err(failed("store a signing key"))
}

/// All of them, the newest last.
///
/// # Errors
/// When the database cannot be read, or a row was damaged.
pub async fn list(pool: &Pool) -> Result<Vec<SigningKeyRecord>, JournalError> {
    let rows: Vec<(String, Vec<u8>, i64)> =
        on_pool!(pool, pool => sqlx::query_as(LIST).fetch_all(pool).await)
            .map_err(failed("read the signing keys"))?;
    rows.into_iter()
        .map(|(id, salt, made_at)| {
            // Not shown: it is half a key.
            let salt = salt.try_into().map_err(|_| JournalError::Column {
                table: "signing_keys",
                column: "salt",
                value: "not 32 bytes".to_owned(),
            })?;
            Ok(SigningKeyRecord { id, salt, made_at: Timestamp::from_millis(made_at) })
        })
        .collect()
}

/// Takes a key away: what it signed is refused from then on.
///
/// # Errors
/// When the database refuses.
pub async fn remove(pool: &Pool, id: &str) -> Result<(), JournalError> {
    on_pool!(pool, pool => sqlx::query(REMOVE).bind(id).execute(pool).await.map(|_| ()))
        .map_err(failed("remove a signing key"))
}

fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> JournalError {
    move |source| JournalError::Database { doing, source }
}
