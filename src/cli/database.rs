//! The `--database` argument, the same wherever a command needs one.

use std::path::PathBuf;

use crate::journal::{Database, Journal, JournalError};

#[derive(clap::Args, Clone, Debug)]
pub(super) struct DatabaseArgument {
    /// Where the data lives: sqlite:DIRECTORY or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "SOUK_DATABASE__URL", hide_env_values = true)]
    database: Option<Database>,
    /// The data directory, when no database is named
    #[arg(long, default_value = "./souk-data")]
    data: PathBuf,
}

impl DatabaseArgument {
    pub(super) fn database(&self) -> Database {
        self.database.clone().unwrap_or_else(|| Database::Sqlite { dir: self.data.clone() })
    }

    /// Opens the journal for writing: migrates, takes the leases, starts the writer.
    pub(super) async fn open(&self) -> Result<Journal, JournalError> {
        Journal::open(&self.database()).await
    }
}
