//! Who connects to the database for what.

use super::database::Database;
use super::error::JournalError;

/// The database, as each of the four roles reaches it. On SQLite, and on a Postgres with one login, they are all the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roles {
    /// Owns the tables and changes them.
    pub migrator: Database,
    /// Writes the journal and fills the read models; cannot change an event.
    pub engine: Database,
    /// Reads for handlers, and only what their scope reaches.
    pub app: Database,
    /// Keeps keys, credentials and the vault.
    pub vault: Database,
}

impl Roles {
    /// By their addresses.
    ///
    /// # Errors
    /// When one is none.
    pub fn parse(migrator: &str, engine: &str, app: &str, vault: &str) -> Result<Self, JournalError> {
        Ok(Roles {
            migrator: migrator.parse()?,
            engine: engine.parse()?,
            app: app.parse()?,
            vault: vault.parse()?,
        })
    }
}

impl From<Database> for Roles {
    fn from(database: Database) -> Self {
        Roles { migrator: database.clone(), engine: database.clone(), app: database.clone(), vault: database }
    }
}

impl From<&Database> for Roles {
    fn from(database: &Database) -> Self {
        Roles::from(database.clone())
    }
}

impl From<&Roles> for Roles {
    fn from(roles: &Roles) -> Self {
        roles.clone()
    }
}
