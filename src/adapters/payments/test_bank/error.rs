//! What can go wrong with the bank's log, said with cause and fix.

use std::path::PathBuf;

/// A log that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// Another process has it.
    #[error(
        "the test bank's log {} is in use by another souk server: stop that one, or give this one a directory of its own",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("cannot {doing} {}: check that the path exists and that this user may write there", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is no record.
    #[error(
        "line {line} of the test bank's log {} is no record: the file was damaged or edited, restore it together with \
         the journal's backup",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl BankError {
    /// Whether another process has the log.
    pub fn is_in_use(&self) -> bool {
        matches!(self, BankError::InUse { .. })
    }

    pub(super) fn file(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> BankError {
        let path = path.to_owned();
        move |source| BankError::File { doing, path, source }
    }
}
