//! The table of API keys: plain, not rebuildable.

use std::str::FromStr;

use souk_core::ids::VendorId;
use souk_core::time::Timestamp;

use crate::journal::{JournalError, Pool, on_pool};
use crate::tenants::keys::SecretHash;
use crate::tenants::{KeyId, KeyRecord, OperatorScope, Role};

/// The most keys that one page of a list holds.
pub const PAGE_MAX: u32 = 500;

const CREATE: &str = "INSERT INTO api_keys (id, role, vendor, name, secret_hash, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6)";
/// Of two that store the same key at the same time one finds the other's.
const CREATE_ONCE: &str = "INSERT INTO api_keys (id, role, vendor, name, secret_hash, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";
const FIND: &str =
    "SELECT id, role, vendor, name, secret_hash, created_at, revoked_at FROM api_keys WHERE id = $1";
const LIST: &str = "SELECT id, role, vendor, name, secret_hash, created_at, revoked_at FROM api_keys \
     WHERE created_at > $1 OR (created_at = $1 AND id > $2) ORDER BY created_at, id LIMIT $3";
/// The first revocation stands; a repeat keeps its time.
const REVOKE: &str =
    "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1 RETURNING revoked_at";

type Row = (String, String, Option<String>, String, Vec<u8>, i64, Option<i64>);

/// What became of a wish to revoke a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revocation {
    /// It is revoked since then; longer, if it had been before.
    Since(Timestamp),
    /// There is no such key.
    Unknown,
}

/// Stores a new key. The pool must be one that writes the plain tables.
///
/// # Errors
/// When the database refuses.
pub async fn create(pool: &Pool, _: &OperatorScope, key: &KeyRecord) -> Result<(), JournalError> {
    insert(pool, CREATE, key).await.map(|_| ())
}

/// Stores a key whose id derives from the request that makes it; `false` when it is there already.
///
/// # Errors
/// When the database refuses.
pub async fn create_once(pool: &Pool, _: &OperatorScope, key: &KeyRecord) -> Result<bool, JournalError> {
    insert(pool, CREATE_ONCE, key).await.map(|rows| rows > 0)
}

async fn insert(pool: &Pool, text: &'static str, key: &KeyRecord) -> Result<u64, JournalError> {
    let (role, vendor) = match key.role {
        Role::Operator => ("operator", None),
        Role::Vendor(vendor) => ("vendor", Some(vendor.to_string())),
    };
    on_pool!(pool, pool => sqlx::query(text)
        .bind(key.id.to_string())
        .bind(role)
        .bind(vendor)
        .bind(&key.name)
        .bind(key.secret_hash.0.as_slice())
        .bind(key.created_at.as_millis())
        .execute(pool)
        .await
        .map(|done| done.rows_affected()))
    .map_err(failed("store an API key"))
}

/// One key, revoked or not. Takes no scope: this is what scopes are made from.
///
/// # Errors
/// When the database cannot be read, or the row was damaged.
pub async fn find(pool: &Pool, id: KeyId) -> Result<Option<KeyRecord>, JournalError> {
    let row: Option<Row> =
        on_pool!(pool, pool => sqlx::query_as(FIND).bind(id.to_string()).fetch_optional(pool).await)
            .map_err(failed("read an API key"))?;
    row.map(record).transpose()
}

/// Keys from the oldest on, revoked ones too, behind the last key of the page before; at most [`PAGE_MAX`].
///
/// # Errors
/// As [`find`].
pub async fn list(
    pool: &Pool,
    _: &OperatorScope,
    after: Option<(Timestamp, KeyId)>,
    limit: u32,
) -> Result<Vec<KeyRecord>, JournalError> {
    let (created_at, id) = match after {
        Some((created_at, id)) => (created_at.as_millis(), id.to_string()),
        None => (i64::MIN, String::new()),
    };
    let limit = i64::from(limit.min(PAGE_MAX));
    let rows: Vec<Row> = on_pool!(pool, pool => sqlx::query_as(LIST)
        .bind(created_at)
        .bind(id)
        .bind(limit)
        .fetch_all(pool)
        .await)
    .map_err(failed("list API keys"))?;
    rows.into_iter().map(record).collect()
}

/// Ends a key for good. The pool must be one that writes the plain tables.
///
/// # Errors
/// When the database refuses.
pub async fn revoke(
    pool: &Pool,
    _: &OperatorScope,
    id: KeyId,
    now: Timestamp,
) -> Result<Revocation, JournalError> {
    let row: Option<(i64,)> = on_pool!(pool, pool => sqlx::query_as(REVOKE)
        .bind(id.to_string())
        .bind(now.as_millis())
        .fetch_optional(pool)
        .await)
    .map_err(failed("revoke an API key"))?;
    Ok(row.map_or(Revocation::Unknown, |(at,)| Revocation::Since(Timestamp::from_millis(at))))
}

fn record(
    (id, role, vendor, name, secret_hash, created_at, revoked_at): Row,
) -> Result<KeyRecord, JournalError> {
    let role = match (role.as_str(), vendor) {
        ("operator", None) => Role::Operator,
        ("vendor", Some(vendor)) => Role::Vendor(parsed::<VendorId>("vendor", &vendor)?),
        _ => return Err(damaged("role", &role)),
    };
    // Not shown: half a hash says nothing to anybody but an attacker.
    let secret_hash = secret_hash.try_into().map_err(|_| damaged("secret_hash", "not 32 bytes"))?;
    Ok(KeyRecord {
        id: parsed("id", &id)?,
        role,
        name,
        created_at: Timestamp::from_millis(created_at),
        revoked_at: revoked_at.map(Timestamp::from_millis),
        secret_hash: SecretHash(secret_hash),
    })
}

fn parsed<T: FromStr>(column: &'static str, text: &str) -> Result<T, JournalError> {
    text.parse().map_err(|_| damaged(column, text))
}

fn damaged(column: &'static str, value: &str) -> JournalError {
    JournalError::Column { table: "api_keys", column, value: value.to_owned() }
}

fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> JournalError {
    move |source| JournalError::Database { doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Database, Set};
    use crate::tenants::keys::{PresentedKey, issue};

    const SQLITE: &str = include_str!("../../migrations/sqlite/0005_keys.sql");
    const POSTGRES: &str = include_str!("../../migrations/postgres/0005_keys.sql");

    async fn sqlite() -> (tempfile::TempDir, Pool) {
        let dir = tempfile::tempdir().unwrap();
        let options = Database::sqlite_options(dir.path(), Set::Plain).create_if_missing(true);
        let pool =
            sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        sqlx::raw_sql(SQLITE).execute(&pool).await.unwrap();
        (dir, Pool::Sqlite(pool))
    }

    async fn a_key_s_life(pool: &Pool) {
        let operator = OperatorScope::of_console();
        let at = |millis| Timestamp::from_millis(millis);
        let (text, key) = issue(Role::Vendor(VendorId(7)), "shop's till", at(1)).unwrap();
        assert_eq!(find(pool, key.id).await.unwrap(), None);
        create(pool, &operator, &key).await.unwrap();
        assert_eq!(find(pool, key.id).await.unwrap(), Some(key.clone()));
        let presented: PresentedKey = text.expose().parse().unwrap();
        let access = find(pool, presented.id()).await.unwrap().unwrap().admit(&presented);
        assert_eq!(access.unwrap().vendor().unwrap().vendor(), VendorId(7));
        assert!(create(pool, &operator, &key).await.is_err(), "an id is given once");
        assert!(!create_once(pool, &operator, &key).await.unwrap(), "it is there");
        let (_, other) = issue(Role::Operator, "once", at(1)).unwrap();
        let (one, two) =
            tokio::join!(create_once(pool, &operator, &other), create_once(pool, &operator, &other));
        assert_eq!(u32::from(one.unwrap()) + u32::from(two.unwrap()), 1, "one of two stores it");

        let mut keys = vec![key.clone(), other];
        for (name, millis) in [("c", 2), ("d", 3)] {
            let (_, key) = issue(Role::Operator, name, at(millis)).unwrap();
            create(pool, &operator, &key).await.unwrap();
            keys.push(key);
        }
        keys.sort_by_key(|key| (key.created_at, key.id));
        assert_eq!(list(pool, &operator, None, PAGE_MAX).await.unwrap(), keys);
        let first = list(pool, &operator, None, 2).await.unwrap();
        let last = first.last().map(|key| (key.created_at, key.id));
        let second = list(pool, &operator, last, 2).await.unwrap();
        assert_eq!([first, second].concat(), keys);

        assert_eq!(revoke(pool, &operator, key.id, at(10)).await.unwrap(), Revocation::Since(at(10)));
        assert_eq!(revoke(pool, &operator, key.id, at(20)).await.unwrap(), Revocation::Since(at(10)));
        assert_eq!(revoke(pool, &operator, KeyId(1), at(20)).await.unwrap(), Revocation::Unknown);
        let revoked = find(pool, key.id).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(at(10)));
        assert!(revoked.admit(&presented).is_err());
    }

    #[tokio::test]
    async fn a_key_s_life_on_sqlite() {
        let (_dir, pool) = sqlite().await;
        a_key_s_life(&pool).await;
        pool.close().await;
    }

    /// In a schema of its own, on the server that `cargo xtask test` names.
    #[tokio::test]
    async fn a_key_s_life_on_postgres() {
        let Ok(url) = std::env::var("SOUK_TEST_POSTGRES_URL") else {
            let line = "SKIPPED store::keys on Postgres: SOUK_TEST_POSTGRES_URL is not set\n";
            match std::env::var_os("SOUK_TEST_SKIPS") {
                Some(path) => {
                    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
                    std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
                }
                None => print!("{line}"),
            }
            return;
        };
        let schema = format!("keys_{}", std::process::id());
        let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
        let options = options.options([("search_path", schema.as_str())]);
        let pool =
            sqlx::postgres::PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let run = async |sql: String| sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        run(format!("CREATE SCHEMA {schema}")).await;
        run(POSTGRES.to_owned()).await;
        a_key_s_life(&Pool::Postgres(pool.clone())).await;
        run(format!("DROP SCHEMA {schema} CASCADE")).await;
        pool.close().await;
    }

    #[tokio::test]
    async fn a_damaged_row_is_told_without_its_hash() {
        let (_dir, pool) = sqlite().await;
        let (_, key) = issue(Role::Operator, "a", Timestamp::ZERO).unwrap();
        create(&pool, &OperatorScope::of_console(), &key).await.unwrap();
        let Pool::Sqlite(direct) = &pool else { panic!("not SQLite") };
        sqlx::query("UPDATE api_keys SET role = 'vendor', vendor = 'ven_x'").execute(direct).await.unwrap();
        let error = find(&pool, key.id).await.unwrap_err().to_string();
        assert!(error.contains("api_keys.vendor holds \"ven_x\""), "{error}");
        pool.close().await;
    }
}
