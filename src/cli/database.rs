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

    /// Opens the journal for writing: migrates, starts the writer, waits for the leases.
    pub(super) async fn open(&self) -> Result<Journal, JournalError> {
        let journal = Journal::open(&self.database()).await?;
        if !journal.lease().is_owner() {
            eprintln!("another server holds the leases, or ended without giving them up; waiting for them to lapse");
            journal.lease().wait_until_owner().await;
        }
        Ok(journal)
    }
}
