//! What can go wrong with the vault, said with cause and fix, and never with anything it holds.

use std::path::PathBuf;
use std::sync::Arc;

use souk_core::ids::SubjectId;

use crate::journal::JournalError;

use super::seal::NoRandomness;

/// A vault that cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The database address does not fit.
    #[error(transparent)]
    Address(#[from] JournalError),
    /// The database refused or could not be reached.
    #[error(
        "cannot {doing}: check that the database is reachable and was brought up to date with `souk migrate`"
    )]
    Database {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        source: Arc<sqlx::Error>,
    },
    /// The subject has other data already.
    #[error(
        "{subject} already holds other data: what a subject holds never changes, put it under a new subject"
    )]
    Occupied {
        /// Whose.
        subject: SubjectId,
    },
    /// A row does not open with its key.
    #[error("the vault's row of {subject} does not open: it was damaged or edited, restore it from a backup")]
    Damaged {
        /// Whose.
        subject: SubjectId,
    },
    /// A column holds what no souk writes.
    #[error("vault.{column} holds {value:?}, which no souk writes: the row was damaged or edited")]
    Column {
        /// The column; never one that holds personal data.
        column: &'static str,
        /// What it holds.
        value: String,
    },
    /// The key file lacks a version that rows were sealed with.
    #[error(
        "the vault's key file has no version {version}, which rows need: restore the key file from its backup"
    )]
    NoKey {
        /// Which.
        version: u32,
    },
    /// The key file has another key under this version than the one that sealed.
    #[error(
        "version {version} of the vault's key file does not open this vault's rows: it belongs to another database, \
         or was made anew after the old one was lost; restore the one that belongs here"
    )]
    WrongKey {
        /// Which.
        version: u32,
    },
    /// No random numbers.
    #[error(
        "the operating system gives no random numbers: nothing can be sealed; check /dev/urandom or the sandbox"
    )]
    NoRandomness,
    /// Something that can be held cannot be written; never happens.
    #[error("an address cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
}

impl From<NoRandomness> for VaultError {
    fn from(_: NoRandomness) -> Self {
        VaultError::NoRandomness
    }
}

impl VaultError {
    pub(super) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> VaultError {
        move |source| VaultError::Database { doing, source: Arc::new(source) }
    }
}

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("cannot {doing} the vault's key file {}: check that the path exists and belongs to this user", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else may read it.
    #[error(
        "the vault's key file {0} can be read by others (mode {mode:03o}): run `chmod 600 {0}`, and put a new version \
         into it if others had access",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It does not hold keys.
    #[error(
        "line {line} of the vault's key file {}: {what}; restore the file from its backup",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong; never what stands there.
        what: &'static str,
    },
    /// It holds no key at all.
    #[error(
        "the vault's key file {} holds no key: restore it from its backup, or remove it if nothing was ever sealed",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No random numbers.
    #[error(
        "the operating system gives no random numbers: no key can be made; check /dev/urandom or the sandbox"
    )]
    NoRandomness,
}

impl From<NoRandomness> for KeyFileError {
    fn from(_: NoRandomness) -> Self {
        KeyFileError::NoRandomness
    }
}
