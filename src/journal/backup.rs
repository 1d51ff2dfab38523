//! Copies of the tables that cannot be rebuilt, taken while a server may be writing them.

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection};

use super::database::{Database, Set};
use super::error::JournalError;

/// What a backup holds, in the order in which it must be copied: the journal first. Plain rows are written before the
/// event that names them, so whatever the copied events name is there when the plain tables are copied after them; the
/// other way round an event could name a row that came too late. Plain rows that no copied event names are what a
/// crash leaves behind as well, and are swept.
pub const KEPT: [Set; 2] = [Set::Journal, Set::Plain];

/// Copies one set of a SQLite database into a new file, as it was at one moment. Needs no lock: a server goes on
/// writing meanwhile. Returns the copy, which is on disk.
///
/// # Errors
/// When there is no such database, or the copy cannot be written.
pub async fn copy_sqlite(dir: &Path, set: Set, into: &Path) -> Result<PathBuf, JournalError> {
    if !Database::sqlite_file(dir, set).exists() {
        return Err(JournalError::Absent);
    }
    let copy = Database::sqlite_file(into, set);
    let name = copy.to_str().ok_or_else(|| JournalError::Directory {
        doing: "name a file, as its path is not UTF-8, in",
        path: into.to_owned(),
        source: std::io::ErrorKind::InvalidFilename.into(),
    })?;
    let failed = || JournalError::database("copy the database");
    let mut connection = Database::sqlite_options(dir, set).connect().await.map_err(failed())?;
    sqlx::query("VACUUM INTO $1").bind(name).execute(&mut connection).await.map_err(failed())?;
    connection.close().await.map_err(failed())?;
    // SQLite leaves the copy to the system's write-back.
    let synced = File::open(&copy).and_then(|file| file.sync_all());
    synced.map_err(|source| JournalError::Directory { doing: "write", path: copy.clone(), source })?;
    Ok(copy)
}
