//! What is wrong with the settings, said with the place, the cause and what would be right.

use std::fmt;
use std::path::PathBuf;

use super::value::Origin;

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; check the path given with --config, \
         and that this user may read it", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not TOML.
    #[error("{} line {line}: this is not TOML: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// There is no such key.
    #[error("{origin}: there is no setting {given}; the nearest is {nearest}")]
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// As it was given.
        given: String,
        /// The nearest one there is, spelled as its place needs it.
        nearest: String,
    },
    /// A value is not what its key takes.
    #[error("{origin}: {key} is {given}; expected {expected}")]
    Value {
        /// Where it stands.
        origin: Origin,
        /// Its key.
        key: &'static str,
        /// The value, unless it may hold a secret.
        given: String,
        /// What it takes, with an example.
        expected: String,
    },
    /// Two values do not go together.
    #[error("{what}: {why}; change one of them")]
    Conflict {
        /// Which, with their values and origins.
        what: String,
        /// Why not.
        why: &'static str,
    },
}

/// All that is wrong.
#[derive(Debug)]
pub struct ConfigErrors(Vec<Fault>);

impl ConfigErrors {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        ConfigErrors(faults)
    }

    /// One by one; never none.
    pub fn faults(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [fault] => write!(f, "the settings are wrong: {fault}"),
            faults => {
                write!(f, "the settings are wrong in {} places:", faults.len())?;
                for fault in faults {
                    write!(f, "\n  {fault}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigErrors {}
