//! The rows by which people are found and known again: mail addresses, password hashes, secrets of sign-ins
//! and of second factors. Plain, not
//! rebuildable.
//!
//! A row is put *before* the event that names it, and says which stream that will be; a row that no event came to name is
//! swept by `src/actors/sweeper.rs`, as those of the vault are. Of two that put the same key at the same time one finds the
//! other's: that is what makes a mail address unique.

use std::fmt;

use souk_core::ids::StreamId;
use souk_core::time::Timestamp;
use zeroize::Zeroizing;

use crate::journal::{JournalError, Pool, on_pool};

const TABLE: &str = "credentials";
const PUT: &str = "INSERT INTO credentials (kind, key, stream, content, put_at, named) \
     VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (kind, key) DO NOTHING";
const FIND: &str = "SELECT stream, content FROM credentials WHERE kind = $1 AND key = $2";
const OF_STREAM: &str = "SELECT key, content FROM credentials WHERE stream = $1 AND kind = $2 ORDER BY key";
const OF_KIND: &str = "SELECT stream FROM credentials WHERE kind = $1 ORDER BY key LIMIT $2";
const TOUCH: &str = "UPDATE credentials SET put_at = $3 WHERE kind = $1 AND key = $2";
const DROP: &str = "DELETE FROM credentials WHERE kind = $1 AND key = $2";
/// What was put later may be about to be named.
const DROP_OLDER: &str = "DELETE FROM credentials WHERE kind = $1 AND stream = $2 AND key <> $3 \
     AND put_at <= (SELECT put_at FROM credentials WHERE kind = $1 AND key = $3)";
const DROP_OLD: &str = "DELETE FROM credentials WHERE kind = $1 AND named = 1 AND put_at < $2";
const UNNAMED: &str = "SELECT kind, key, stream, put_at FROM credentials WHERE named = 0 AND put_at < $1 \
     AND (put_at, kind, key) > ($2, $3, $4) ORDER BY put_at, kind, key LIMIT $5";
const KEEP: &str = "UPDATE credentials SET named = 1 WHERE kind = $1 AND key = $2";
const FORGET: &str = "DELETE FROM credentials WHERE kind = $1 AND key = $2 AND named = 0 AND put_at = $3";

/// What a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A mail address: the key is its keyed hash, the content the subject that has it in the vault.
    Mail,
    /// A password: the key is its `crd_` id, the content its hash.
    Password,
    /// A sign-in: the key is its `fam_` id, the content half of its secret.
    Family,
    /// A service key: the key is its `key_` id, the content the hash of its secret and its name.
    Key,
    /// Somebody who may be an operator: the key is the `usr_` id, the content says the same.
    Operator,
    /// A shopper whom a person has shown to have been: the key is the `buy_` id, which is what makes it one person's.
    Buyer,
    /// An authenticator: the key is its `crd_` id, the content half of its secret.
    Totp,
    /// Recovery codes: the key is their `crd_` id, the content a keyed hash of each.
    Recovery,
}

impl Kind {
    const fn text(self) -> &'static str {
        match self {
            Kind::Mail => "mail",
            Kind::Password => "password",
            Kind::Family => "family",
            Kind::Key => "key",
            Kind::Operator => "operator",
            Kind::Buyer => "buyer",
            Kind::Totp => "totp",
            Kind::Recovery => "recovery",
        }
    }

    fn parse(text: &str) -> Result<Self, JournalError> {
        let kinds = [
            Kind::Mail,
            Kind::Password,
            Kind::Family,
            Kind::Key,
            Kind::Operator,
            Kind::Buyer,
            Kind::Totp,
            Kind::Recovery,
        ];
        kinds.into_iter().find(|kind| kind.text() == text).ok_or_else(|| damaged("kind", text))
    }
}

/// What a row holds. Never printed; wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(Zeroizing<Vec<u8>>);

impl Content {
    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Content(Zeroizing::new(bytes.to_vec()))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(***)")
    }
}

/// A row without what finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// The stream that names it, or will.
    pub stream: StreamId,
    /// What it holds.
    pub content: Content,
}

/// A row that no stream was seen to name yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unnamed {
    /// What it is.
    pub kind: Kind,
    /// What finds it.
    pub key: String,
    /// The stream that was to name it.
    pub stream: StreamId,
    /// When it was last put.
    pub put_at: Timestamp,
}

/// Puts a row unless there is one; whether it is new.
///
/// # Errors
/// When the database refuses.
pub async fn put(
    pool: &Pool,
    kind: Kind,
    key: &str,
    row: &Credential,
    now: Timestamp,
) -> Result<bool, JournalError> {
    on_pool!(pool, pool => sqlx::query(PUT)
        .bind(kind.text())
        .bind(key)
        .bind(row.stream.to_string())
        .bind(row.content.expose())
        .bind(now.as_millis())
        .execute(pool)
        .await
        .map(|done| done.rows_affected() > 0))
    .map_err(failed("put a credential"))
}

/// One row.
///
/// # Errors
/// When the database cannot be read, or the row was damaged.
pub async fn find(pool: &Pool, kind: Kind, key: &str) -> Result<Option<Credential>, JournalError> {
    let row: Option<(String, Vec<u8>)> = on_pool!(pool, pool =>
        sqlx::query_as(FIND).bind(kind.text()).bind(key).fetch_optional(pool).await)
    .map_err(failed("read a credential"))?;
    row.map(|(stream, content)| {
        Ok(Credential { stream: parsed(stream)?, content: Content(Zeroizing::new(content)) })
    })
    .transpose()
}

/// Makes a row as new for the sweeper; whether it was still there.
///
/// # Errors
/// When the database refuses.
pub async fn touch(pool: &Pool, kind: Kind, key: &str, now: Timestamp) -> Result<bool, JournalError> {
    on_pool!(pool, pool => sqlx::query(TOUCH)
        .bind(kind.text())
        .bind(key)
        .bind(now.as_millis())
        .execute(pool)
        .await
        .map(|done| done.rows_affected() > 0))
    .map_err(failed("put a credential again"))
}

/// The rows of a stream, in the order of their keys.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_stream(
    pool: &Pool,
    kind: Kind,
    stream: StreamId,
) -> Result<Vec<(String, Content)>, JournalError> {
    let rows: Vec<(String, Vec<u8>)> = on_pool!(pool, pool => sqlx::query_as(OF_STREAM)
        .bind(stream.to_string())
        .bind(kind.text())
        .fetch_all(pool)
        .await)
    .map_err(failed("list credentials"))?;
    Ok(rows.into_iter().map(|(key, content)| (key, Content(Zeroizing::new(content)))).collect())
}

/// The streams of all rows of a kind of which there are few.
///
/// # Errors
/// When the database cannot be read, or a row was damaged.
pub async fn of_kind(pool: &Pool, kind: Kind, limit: u32) -> Result<Vec<StreamId>, JournalError> {
    let rows: Vec<(String,)> = on_pool!(pool, pool => sqlx::query_as(OF_KIND)
        .bind(kind.text())
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await)
    .map_err(failed("list credentials"))?;
    rows.into_iter().map(|(stream,)| parsed(stream)).collect()
}

/// Takes a row away, named or not.
///
/// # Errors
/// When the database refuses.
pub async fn remove(pool: &Pool, kind: Kind, key: &str) -> Result<(), JournalError> {
    on_pool!(pool, pool => sqlx::query(DROP).bind(kind.text()).bind(key).execute(pool).await.map(|_| ()))
        .map_err(failed("remove a credential"))
}

/// Takes away what the stream had of this kind before the row of this key.
///
/// # Errors
/// When the database refuses.
pub async fn remove_older(pool: &Pool, kind: Kind, stream: StreamId, key: &str) -> Result<(), JournalError> {
    on_pool!(pool, pool => sqlx::query(DROP_OLDER)
        .bind(kind.text())
        .bind(stream.to_string())
        .bind(key)
        .execute(pool)
        .await
        .map(|_| ()))
    .map_err(failed("remove old credentials"))
}

/// Takes away what is of this kind and was put before, and returns how many there were.
///
/// # Errors
/// When the database refuses.
pub async fn remove_before(pool: &Pool, kind: Kind, before: Timestamp) -> Result<u64, JournalError> {
    on_pool!(pool, pool => sqlx::query(DROP_OLD)
        .bind(kind.text())
        .bind(before.as_millis())
        .execute(pool)
        .await
        .map(|done| done.rows_affected()))
    .map_err(failed("remove old credentials"))
}

/// Rows put before `older_than` that no stream was seen to name, oldest first, behind the one given. Each leaves the list by
/// [`keep`] or [`forget`].
///
/// # Errors
/// When the database cannot be read, or a row was damaged.
pub async fn unnamed(
    pool: &Pool,
    older_than: Timestamp,
    after: Option<&Unnamed>,
    limit: u32,
) -> Result<Vec<Unnamed>, JournalError> {
    let (put_at, kind, key) = match after {
        Some(row) => (row.put_at.as_millis(), row.kind.text(), row.key.as_str()),
        None => (i64::MIN, "", ""),
    };
    let rows: Vec<(String, String, String, i64)> = on_pool!(pool, pool => sqlx::query_as(UNNAMED)
        .bind(older_than.as_millis())
        .bind(put_at)
        .bind(kind)
        .bind(key)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await)
    .map_err(failed("look for forgotten credentials"))?;
    rows.into_iter()
        .map(|(kind, key, stream, put_at)| {
            let put_at = Timestamp::from_millis(put_at);
            Ok(Unnamed { kind: Kind::parse(&kind)?, key, stream: parsed(stream)?, put_at })
        })
        .collect()
}

/// The row's stream names it: it is never looked at again.
///
/// # Errors
/// When the database refuses.
pub async fn keep(pool: &Pool, row: &Unnamed) -> Result<(), JournalError> {
    on_pool!(pool, pool => sqlx::query(KEEP).bind(row.kind.text()).bind(&row.key).execute(pool).await.map(|_| ()))
        .map_err(failed("mark a credential"))
}

/// The row's stream does not name it: drops it, unless it was put again meanwhile. Whether it did.
///
/// # Errors
/// When the database refuses.
pub async fn forget(pool: &Pool, row: &Unnamed) -> Result<bool, JournalError> {
    on_pool!(pool, pool => sqlx::query(FORGET)
        .bind(row.kind.text())
        .bind(&row.key)
        .bind(row.put_at.as_millis())
        .execute(pool)
        .await
        .map(|done| done.rows_affected() > 0))
    .map_err(failed("forget a credential"))
}

fn parsed(stream: String) -> Result<StreamId, JournalError> {
    stream.parse().map_err(|_| damaged("stream", &stream))
}

fn damaged(column: &'static str, value: &str) -> JournalError {
    JournalError::Column { table: TABLE, column, value: value.to_owned() }
}

fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> JournalError {
    move |source| JournalError::Database { doing, source }
}
