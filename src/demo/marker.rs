//! The file that says that a data directory holds a demo market, of which seed, and whether it is all there.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FILE: &str = "demo.json";

/// What the file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// What the market is made from.
    pub seed: u64,
    /// Whether all of it is there; else the founding was cut short and goes on.
    pub founded: bool,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MarkerError {
    /// It cannot be read or written.
    #[error("cannot {doing} {}: {source}. Check that this user may read and write there", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It says something else.
    #[error("{} does not say which demo market this is: restore it, or choose another data directory", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
}

impl Marker {
    /// What the data directory says; `None` when it holds no demo market.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(data_dir: &Path) -> Result<Option<Marker>, MarkerError> {
        let path = data_dir.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(marker) => Ok(Some(marker)),
                Err(_) => Err(MarkerError::Content { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MarkerError::File { doing: "read", path, source }),
        }
    }

    /// Says so, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(self, data_dir: &Path) -> Result<(), MarkerError> {
        let path = data_dir.join(FILE);
        let text = format!("{{\"seed\":{},\"founded\":{}}}\n", self.seed, self.founded);
        let unfinished = path.with_extension("part");
        let written = (|| {
            let mut file = fs::File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            fs::File::open(data_dir)?.sync_all()
        })();
        written.map_err(|source| MarkerError::File { doing: "write", path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Marker::read(dir.path()).unwrap(), None);
        for founded in [false, true] {
            let marker = Marker { seed: u64::MAX, founded };
            marker.write(dir.path()).unwrap();
            assert_eq!(Marker::read(dir.path()).unwrap(), Some(marker));
        }
        fs::write(dir.path().join(FILE), "{}").unwrap();
        assert!(matches!(Marker::read(dir.path()), Err(MarkerError::Content { .. })));
    }
}
