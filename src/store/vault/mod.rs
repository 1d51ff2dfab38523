//! The vault: names, addresses and mails, sealed with a key per subject.
//!
//! Events hold a [`SubjectId`] and nothing else of a person, so the journal can be kept for ever and a person can
//! still be forgotten: [`Vault::erase`] drops the row and with it the only key.
//!
//! A row is put *before* the event that names its subject, and says which stream that will be. If the event never
//! came (a crash, a refusal), nobody would ever ask for the row, so a sweeper (`src/actors/sweeper.rs`) takes
//! [`Vault::forgotten_candidates`], reads each one's stream from the journal, and calls [`Vault::keep`] or
//! [`Vault::forget`].
//!
//! What a subject holds never changes. A new address is a new subject: otherwise whoever repeats an old request with
//! another body could redirect an order that was placed before.

mod address;
mod error;
mod keys;
mod puts;
mod rows;
mod seal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use souk_core::ids::{StreamId, SubjectId};
use souk_core::time::Timestamp;

use crate::clock::Clock;
use crate::journal::Database;

pub use address::{Address, Pii};
pub use error::{KeyFileError, VaultError};
pub use keys::VaultKeys;
pub use rows::Forgotten;

use rows::{Rows, Sealed, Wrapped};
use seal::{Key, Purpose, new_key, seal};

/// Rows that are wrapped anew between two reads.
const REWRAP_BATCH: u32 = 500;

/// How often a row may be swept away between our finding it and our touching it, before something else is wrong.
const PUT_TRIES: u32 = 3;

/// Personal data. Clones share connections and keys.
#[derive(Clone, Debug)]
pub struct Vault {
    rows: Rows,
    keys: Arc<VaultKeys>,
    clock: Clock,
}

impl Vault {
    /// Connects to the vault, with connections of its own, and tries the keys on it.
    ///
    /// # Errors
    /// When the database cannot be reached, or the keys are not those that sealed what is there.
    pub async fn open(
        database: &Database,
        keys: VaultKeys,
        clock: Clock,
        connections: u32,
    ) -> Result<Self, VaultError> {
        let rows = Rows::connect(database, connections).await?;
        let vault = Vault { rows, keys: Arc::new(keys), clock };
        // Better no start than a second first version whose rows nobody can tell from the others.
        for sample in vault.rows.samples().await? {
            let key = vault.wrapping_key(sample.key_version)?;
            if seal::unwrap(key, sample.subject, sample.key_version, &sample.key).is_none() {
                return Err(VaultError::WrongKey { version: sample.key_version });
            }
        }
        Ok(vault)
    }

    /// Ends its connections.
    pub async fn close(&self) {
        self.rows.close().await;
    }

    /// Keeps an address for a subject that `stream` will name. Putting the same again is fine, and makes the row as
    /// new for the sweeper.
    ///
    /// # Errors
    /// [`VaultError::Occupied`] when the subject holds something else, or is to be named by another stream.
    pub async fn put(
        &self,
        subject: SubjectId,
        stream: StreamId,
        address: &Address,
    ) -> Result<(), VaultError> {
        let row = self.seal(subject, stream, address)?;
        for _ in 0..PUT_TRIES {
            if self.rows.insert(subject, self.clock.now(), row.clone()).await? {
                return Ok(());
            }
            // Gone again: the sweeper came between.
            let Some(known) = self.rows.find(subject).await? else { continue };
            if known.stream != stream || self.unseal(subject, &known)? != *address {
                return Err(VaultError::Occupied { subject });
            }
            if self.rows.touch(subject, self.clock.now(), &known.wrapped_key).await? {
                return Ok(());
            }
        }
        // Whoever takes the row away each time also writes here; better refused than put beside another's.
        Err(VaultError::Occupied { subject })
    }

    /// What the subject holds; `None` when it was erased, or never put.
    ///
    /// # Errors
    /// When the row cannot be read or does not open.
    pub async fn get(&self, subject: SubjectId) -> Result<Option<Address>, VaultError> {
        let row = self.rows.find(subject).await?;
        row.map(|row| self.unseal(subject, &row)).transpose()
    }

    /// Forgets a person: drops the wrapped key and everything it sealed. Returns whether there was anything.
    ///
    /// Backups made before still hold the row, and need the key file too to be read.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn erase(&self, subject: SubjectId) -> Result<bool, VaultError> {
        let erased = self.rows.erase(subject).await?;
        self.scrub().await?;
        Ok(erased)
    }

    /// Rows put before `older_than` that no stream was seen to name, oldest first, behind the one named. Each leaves the
    /// list by [`Vault::keep`] or [`Vault::forget`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn forgotten_candidates(
        &self,
        older_than: Timestamp,
        after: Option<&Forgotten>,
        limit: u32,
    ) -> Result<Vec<Forgotten>, VaultError> {
        self.rows.forgotten(older_than, after, limit).await
    }

    /// The rows' streams name these subjects: they are never looked at again.
    ///
    /// # Errors
    /// When the database refuses; none of them is marked then.
    pub async fn keep(&self, subjects: &[SubjectId]) -> Result<(), VaultError> {
        self.rows.named(subjects).await
    }

    /// The row's stream does not name the subject: drops it, unless it was put again meanwhile. Returns whether it
    /// did. [`Vault::scrub`] once after many of these.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget(&self, row: &Forgotten) -> Result<bool, VaultError> {
        self.rows.forget(row).await
    }

    /// Removes what dropped rows leave in SQLite's write-ahead log; nothing to do on Postgres.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn scrub(&self) -> Result<(), VaultError> {
        self.rows.scrub().await
    }

    /// Wraps every subject's key by this version of the key file, and returns how many were not yet. What is sealed
    /// stays as it is. May run beside everything else, and again after a crash.
    ///
    /// # Errors
    /// When the key file lacks a version, or a row does not open; every other row is wrapped anew all the same.
    pub async fn rewrap(&self, to_version: u32) -> Result<u64, VaultError> {
        let new = self.wrapping_key(to_version)?;
        let (mut count, mut after, mut first_error) = (0, None, None);
        loop {
            let rows = self.rows.other_versions(to_version, after, REWRAP_BATCH).await?;
            let Some(last) = rows.last() else { return first_error.map_or(Ok(count), Err) };
            after = Some(last.subject);
            for row in &rows {
                let data_key = match self.unwrap(row) {
                    Ok(data_key) => data_key,
                    Err(error) => {
                        first_error = first_error.or(Some(error));
                        continue;
                    }
                };
                let wrapped = seal(new, row.subject, Purpose::DataKey(to_version), data_key.as_slice())?;
                count += u64::from(self.rows.rewrap(row, to_version, &wrapped).await?);
            }
        }
    }

    fn seal(&self, subject: SubjectId, stream: StreamId, address: &Address) -> Result<Sealed, VaultError> {
        let key_version = self.keys.newest();
        let data_key = new_key()?;
        let plain = address.encode().map_err(VaultError::Encode)?;
        let wrapping_key = self.wrapping_key(key_version)?;
        let wrapped_key = seal(wrapping_key, subject, Purpose::DataKey(key_version), data_key.as_slice())?;
        let address = seal(&data_key, subject, Purpose::Address, &plain)?;
        Ok(Sealed { stream, key_version, wrapped_key, address })
    }

    fn unseal(&self, subject: SubjectId, row: &Sealed) -> Result<Address, VaultError> {
        let wrapped = Wrapped { subject, key_version: row.key_version, key: row.wrapped_key.clone() };
        let data_key = self.unwrap(&wrapped)?;
        let plain = seal::open(&data_key, subject, Purpose::Address, &row.address);
        let address = plain.and_then(|plain| Address::decode(&plain).ok());
        address.ok_or(VaultError::Damaged { subject })
    }

    fn unwrap(&self, row: &Wrapped) -> Result<Key, VaultError> {
        let key = self.wrapping_key(row.key_version)?;
        let subject = row.subject;
        seal::unwrap(key, subject, row.key_version, &row.key).ok_or(VaultError::Damaged { subject })
    }

    fn wrapping_key(&self, version: u32) -> Result<&Key, VaultError> {
        self.keys.get(version).ok_or(VaultError::NoKey { version })
    }
}
