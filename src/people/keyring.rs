//! The keys that sign access tokens: the newest signs, older ones are known as long as a token of theirs may be about.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use souk_core::time::Timestamp;
use tokio::time::Instant;

use crate::journal::Pool;
use crate::store::signing_keys;
use crate::tenants::ServerKey;
use crate::tenants::access_tokens::{AccessKey, SIGNS_FOR_MS, SigningKeyRecord};

use super::PeopleError;

/// How long a key is kept after it has signed its last token: much longer than any of them is good.
const KEPT_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;
/// How old what is known of the table may be: a key that was taken away there signs and opens nothing after that.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// How often the table is read again at most because of a key that is not known: anybody may name one.
const LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Keyring {
    rows: Pool,
    server_key: ServerKey,
    /// The newest last.
    known: RwLock<Vec<(SigningKeyRecord, AccessKey)>>,
    looked_at: Mutex<Instant>,
    /// Held while a new key is made.
    making: tokio::sync::Mutex<()>,
}

impl Keyring {
    pub(super) async fn open(rows: Pool, server_key: ServerKey, now: Timestamp) -> Result<Self, PeopleError> {
        let keyring = Keyring {
            rows,
            server_key,
            known: RwLock::default(),
            looked_at: Mutex::new(Instant::now()),
            making: tokio::sync::Mutex::default(),
        };
        keyring.load().await?;
        keyring.signing(now).await?;
        Ok(keyring)
    }

    /// The key that signs now.
    pub(super) async fn signing(&self, now: Timestamp) -> Result<AccessKey, PeopleError> {
        self.look(KNOWN_FOR).await?;
        if let Some(key) = self.newest(now) {
            return Ok(key);
        }
        let _one_at_a_time = self.making.lock().await;
        if let Some(key) = self.newest(now) {
            return Ok(key);
        }
        let record = SigningKeyRecord::new(now)?;
        signing_keys::create(&self.rows, &record).await?;
        tracing::info!(key = record.id, "a new key signs access tokens");
        for old in self.over(now) {
            signing_keys::remove(&self.rows, &old).await?;
        }
        self.load().await?;
        Ok(self.server_key.access_key(&record))
    }

    /// The key of this name. Another server on the same database may have made it a moment ago.
    pub(super) async fn named(&self, id: &str) -> Result<Option<AccessKey>, PeopleError> {
        self.look(KNOWN_FOR).await?;
        if let Some(key) = self.find(id) {
            return Ok(Some(key));
        }
        self.look(LOOK_EVERY).await?;
        Ok(self.find(id))
    }

    /// Reads the table again, unless that was done a shorter time ago.
    async fn look(&self, known_for: Duration) -> Result<(), PeopleError> {
        {
            let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            if looked_at.elapsed() < known_for {
                return Ok(());
            }
            *looked_at = Instant::now();
        }
        self.load().await
    }

    fn find(&self, id: &str) -> Option<AccessKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(record, _)| record.id == id).map(|(_, key)| key.clone())
    }

    fn newest(&self, now: Timestamp) -> Option<AccessKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.last().filter(|(record, _)| !record.is_due(now)).map(|(_, key)| key.clone())
    }

    fn over(&self, now: Timestamp) -> Vec<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_over = |record: &SigningKeyRecord| {
            now >= record.made_at.plus_millis(SIGNS_FOR_MS).plus_millis(KEPT_AFTER_MS)
        };
        known.iter().filter(|(record, _)| is_over(record)).map(|(record, _)| record.id.clone()).collect()
    }

    async fn load(&self) -> Result<(), PeopleError> {
        let records = signing_keys::list(&self.rows).await?;
        let keys = records.into_iter().map(|record| {
            let key = self.server_key.access_key(&record);
            (record, key)
        });
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = keys.collect();
        Ok(())
    }
}
