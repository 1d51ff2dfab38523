//! The `--database` argument, the same wherever a command needs one.

use std::path::{Path, PathBuf};

use crate::app::{Shop, ShopOptions};
use crate::clock::Clock;
use crate::journal::Database;

#[derive(clap::Args, Clone, Debug)]
pub(super) struct DatabaseArgument {
    /// Where the data lives: sqlite:DIRECTORY or postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "SOUK_DATABASE__URL", hide_env_values = true)]
    database: Option<Database>,
    /// The data directory: keys, the test bank's log, letters, and the database when none is named
    #[arg(long, default_value = "./souk-data")]
    data: PathBuf,
}

impl DatabaseArgument {
    pub(super) fn database(&self) -> Database {
        self.database.clone().unwrap_or_else(|| Database::Sqlite { dir: self.data.clone() })
    }

    /// Where what is not in the database lies. Beside it, when it is SQLite in a directory of its own.
    pub(super) fn data_dir(&self) -> &Path {
        &self.data
    }

    /// Opens the whole shop on it.
    pub(super) async fn open(&self, options: ShopOptions) -> anyhow::Result<Shop> {
        Shop::open(&self.database(), &self.data, Clock::system(), options).await
    }
}
