//! The table of publishable keys: plain, not rebuildable.

use std::str::FromStr;

use souk_core::ids::PublishableKeyId;
use souk_core::market::MarketId;
use souk_core::time::Timestamp;

use crate::journal::{JournalError, Pool, on_pool};
use crate::tenants::{OperatorScope, PublishableKey};

const CREATE_ONCE: &str = "INSERT INTO publishable_keys (id, name, market, origins, created_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";
const ALL: &str = "SELECT id, name, market, origins, created_at, revoked_at FROM publishable_keys \
     ORDER BY created_at, id";
/// The first revocation stands; a repeat keeps its time.
const REVOKE: &str = "UPDATE publishable_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1";

type Row = (String, String, String, String, i64, Option<i64>);

/// Stores a key whose id derives from the request that makes it; `false` when it is there already.
///
/// # Errors
/// When the database refuses.
pub async fn create_publishable(
    pool: &Pool,
    _: &OperatorScope,
    key: &PublishableKey,
) -> Result<bool, JournalError> {
    let origins: Vec<&str> = key.origins.iter().map(|origin| origin.as_str()).collect();
    let origins = serde_json::Value::from(origins).to_string();
    on_pool!(pool, pool => sqlx::query(CREATE_ONCE)
        .bind(key.id.to_string())
        .bind(&key.name)
        .bind(&key.market.0)
        .bind(&origins)
        .bind(key.created_at.as_millis())
        .execute(pool)
        .await
        .map(|done| done.rows_affected() > 0))
    .map_err(failed("store a publishable key"))
}

/// All keys, revoked ones too, the oldest first. There are few. Takes no scope: they are for everybody to see.
///
/// # Errors
/// When the database cannot be read, or a row was damaged.
pub async fn all(pool: &Pool) -> Result<Vec<PublishableKey>, JournalError> {
    let rows: Vec<Row> = on_pool!(pool, pool => sqlx::query_as(ALL).fetch_all(pool).await)
        .map_err(failed("list publishable keys"))?;
    rows.into_iter().map(key).collect()
}

/// Ends a key for good; `false` when there is none.
///
/// # Errors
/// When the database refuses.
pub async fn revoke_publishable(
    pool: &Pool,
    _: &OperatorScope,
    id: PublishableKeyId,
    now: Timestamp,
) -> Result<bool, JournalError> {
    on_pool!(pool, pool => sqlx::query(REVOKE)
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(pool)
        .await
        .map(|done| done.rows_affected() > 0))
    .map_err(failed("revoke a publishable key"))
}

fn key((id, name, market, origins, created_at, revoked_at): Row) -> Result<PublishableKey, JournalError> {
    let texts: Vec<String> = serde_json::from_str(&origins).map_err(|_| damaged("origins", &origins))?;
    Ok(PublishableKey {
        id: parsed("id", &id)?,
        name,
        market: MarketId(market),
        origins: texts.iter().map(|text| parsed("origins", text)).collect::<Result<_, _>>()?,
        created_at: Timestamp::from_millis(created_at),
        revoked_at: revoked_at.map(Timestamp::from_millis),
    })
}

fn parsed<T: FromStr>(column: &'static str, text: &str) -> Result<T, JournalError> {
    text.parse().map_err(|_| damaged(column, text))
}

fn damaged(column: &'static str, value: &str) -> JournalError {
    JournalError::Column { table: "publishable_keys", column, value: value.to_owned() }
}

fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> JournalError {
    move |source| JournalError::Database { doing, source }
}
