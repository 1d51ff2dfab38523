//! Locks on a SQLite data directory. They end with the process, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::error::JournalError;

/// Held by the one server that uses the directory.
const SERVER: &str = "souk.lock";
/// Held by whoever brings the tables up to date; a moment only.
const MIGRATION: &str = "migrate.lock";
/// How long another process's migration is waited for.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(60);

/// Takes the directory for a server, waiting so long for the one before it.
pub(super) async fn for_server(dir: &Path, patience: Duration) -> Result<File, JournalError> {
    within(dir, SERVER, patience).await
}

/// Waits until nobody else brings these tables up to date: two that make the same table disagree.
pub(super) async fn for_migration(dir: &Path) -> Result<File, JournalError> {
    within(dir, MIGRATION, MIGRATION_PATIENCE).await
}

async fn within(dir: &Path, name: &'static str, patience: Duration) -> Result<File, JournalError> {
    let is_in_use = |error: &JournalError| matches!(error, JournalError::InUse { .. });
    crate::in_use::patiently(patience, || lock(dir, name), is_in_use).await
}

fn lock(dir: &Path, name: &'static str) -> Result<File, JournalError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| JournalError::Directory { doing, path, source }
    };
    std::fs::create_dir_all(dir).map_err(failed("create the data directory", dir))?;
    let path = dir.join(name);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed("open the lock file", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}
