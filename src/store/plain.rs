//! Connections to the plain tables: keys and credentials. The vault has its own.

use crate::journal::{Database, JournalError, Pool, Set, network_pool_options, pool_options};

/// Rows are small and read by their key.
const CONNECTIONS: u32 = 6;

/// Connections that read and write the plain tables: keys are made while a server runs on them. They must exist.
///
/// # Errors
/// When there is no such database, or it cannot be reached.
pub async fn open(database: &Database) -> Result<Pool, JournalError> {
    let failed = |source| JournalError::Database { doing: "open the tables of keys and people", source };
    match database {
        Database::Sqlite { dir } => {
            if !Database::sqlite_file(dir, Set::Plain).exists() {
                return Err(JournalError::Absent);
            }
            // Of what is removed nothing stays in the file.
            let options = Database::sqlite_options(dir, Set::Plain).pragma("secure_delete", "ON");
            let pool = pool_options(CONNECTIONS).connect_with(options);
            pool.await.map(Pool::Sqlite).map_err(failed)
        }
        Database::Postgres { .. } => {
            let options = database.postgres_options(Set::Plain)?;
            let pool = network_pool_options(CONNECTIONS).connect_with(options);
            pool.await.map(Pool::Postgres).map_err(failed)
        }
    }
}
