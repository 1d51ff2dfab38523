//! A backup: what of a shop cannot be made again, in a directory of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;

use crate::adapters::payments::test_bank::LOG_FILE;
use crate::journal::{Database, backup};

use super::dump;

/// What was copied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Backup {
    /// Where it is.
    pub dir: PathBuf,
    /// Its files.
    pub files: Vec<BackupFile>,
}

/// A file of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BackupFile {
    /// Its name in the directory.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
}

/// Copies a shop, running or not, into `target`, which must be empty or absent. It appears there whole or not at all:
/// everything is written into a directory beside it, which is renamed at the end.
///
/// Read models are left out, since they are rebuilt; so are letters, which were sent; so are the keys, since whoever
/// has a copy with its keys has everybody's address.
///
/// # Errors
/// When `target` is in use, there is no shop, or something cannot be copied; the message says what to do.
pub async fn back_up(database: &Database, data_dir: &Path, target: &Path) -> anyhow::Result<Backup> {
    refuse_what_is_in_use(target)?;
    let draft = Draft::beside(target)?;
    match database {
        Database::Sqlite { dir } => {
            for set in backup::KEPT {
                backup::copy_sqlite(dir, set, &draft.dir).await?;
            }
        }
        Database::Postgres { url } => dump::dump(url, &draft.dir).await?,
    }
    // Last, as the bank is the outside world and never goes back: every call that the copied journal has made is in
    // its log then, and one that is still open is asked again under the same key and told the same. Copied first, the
    // log would lack money that the journal has seen move. What only the log knows happened after the copy.
    copy_log(&data_dir.join(LOG_FILE), &draft.dir.join(LOG_FILE))?;
    draft.finish(target)
}

fn refuse_what_is_in_use(target: &Path) -> anyhow::Result<()> {
    let first = match fs::read_dir(target) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map(|mut entries| entries.next()).with_context(|| {
            format!(
                "cannot write a backup to {}: name a directory that is empty or not there",
                target.display()
            )
        })?,
    };
    if first.is_some() {
        bail!(
            "{} is not empty: name another directory; a backup is never written over something else",
            target.display()
        );
    }
    Ok(())
}

/// The lines of the bank's log that are whole; a bank that was never asked has none.
fn copy_log(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = match fs::read(from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        read => read.with_context(|| format!("cannot read {}", from.display()))?,
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    File::create_new(to)
        .and_then(|mut file| file.write_all(&bytes[..whole]).and_then(|()| file.sync_all()))
        .with_context(|| format!("cannot write {}", to.display()))
}

/// The directory that becomes the backup; removed when it does not.
struct Draft {
    dir: PathBuf,
}

impl Draft {
    fn beside(target: &Path) -> anyhow::Result<Draft> {
        let mut name: OsString = match target.file_name() {
            Some(name) => name.to_owned(),
            None => bail!("{} names no directory: give the backup a name", target.display()),
        };
        name.push(format!(".partial-{}", std::process::id()));
        let dir = target.with_file_name(name);
        let cannot = || format!("cannot create {}: check that this user may write there", dir.display());
        if let Some(parent) = dir.parent() {
            fs::create_dir_all(parent).with_context(cannot)?;
        }
        let mut builder = fs::DirBuilder::new();
        // The hashes of keys and sealed addresses are nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir).with_context(cannot)?;
        Ok(Draft { dir })
    }

    fn finish(self, target: &Path) -> anyhow::Result<Backup> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push(BackupFile { name, bytes: entry.metadata()?.len() });
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        sync_directory(&self.dir)?;
        // An empty directory gives way to a rename on some systems only.
        if target.is_dir() {
            fs::remove_dir(target).with_context(|| format!("cannot replace {}", target.display()))?;
        }
        fs::rename(&self.dir, target)
            .with_context(|| format!("cannot rename {} to {}", self.dir.display(), target.display()))?;
        match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent)?,
            _ => sync_directory(Path::new("."))?,
        }
        Ok(Backup { dir: target.to_owned(), files })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left under this name.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A file is only there for good when its directory's entry is.
fn sync_directory(dir: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot write the directory {}", dir.display()))?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
