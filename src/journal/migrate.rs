//! Brings the tables up to date.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};

use super::database::{Database, Set};
use super::error::JournalError;
use super::roles::Roles;
use super::{grants, lock};

/// One migration in both dialects.
#[derive(Clone, Copy, Debug)]
pub struct MigrationFile {
    /// Its number, unique over all sets.
    pub number: i64,
    /// Its name.
    pub name: &'static str,
    /// The tables it is about.
    pub set: Set,
    /// What SQLite runs.
    pub sqlite: &'static str,
    /// What Postgres runs.
    pub postgres: &'static str,
}

/// Names both files, so that one without its twin does not compile.
macro_rules! migration {
    ($number:literal, $digits:literal, $name:literal, $set:expr) => {
        MigrationFile {
            number: $number,
            name: $name,
            set: $set,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $digits, "_", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $digits, "_", $name, ".sql")),
        }
    };
}

/// All migrations, in order.
pub const MIGRATIONS: &[MigrationFile] = &[
    migration!(1, "0001", "journal", Set::Journal),
    migration!(2, "0002", "plain", Set::Plain),
    migration!(3, "0003", "read", Set::Read),
    migration!(4, "0004", "vault", Set::Plain),
    migration!(5, "0005", "keys", Set::Plain),
    migration!(6, "0006", "read_models", Set::Read),
    migration!(7, "0007", "standings", Set::Read),
    migration!(8, "0008", "snapshots", Set::Journal),
    migration!(9, "0009", "people", Set::Plain),
    migration!(10, "0010", "scopes", Set::Read),
    migration!(11, "0011", "more_keys", Set::Plain),
    migration!(12, "0012", "orders_of_buyers", Set::Read),
];

/// Applies what is missing, in all three sets, and lets every role do what it must. Doing it twice changes nothing.
///
/// # Errors
/// When a migration fails, was changed after it was applied, or is unknown to this program; and when there is no such
/// role.
pub async fn run(roles: impl Into<Roles>) -> Result<(), JournalError> {
    let roles = roles.into();
    let database = &roles.migrator;
    // On Postgres the migrator takes a lock of its own.
    let _lock = match database {
        Database::Sqlite { dir } => Some(lock::for_migration(dir).await?),
        Database::Postgres { .. } => None,
    };
    for set in Set::ALL {
        run_set(database, set).await?;
    }
    grants::give(&roles).await
}

async fn run_set(database: &Database, set: Set) -> Result<(), JournalError> {
    let connect = JournalError::database("connect to the database");
    let close = JournalError::database("close a connection");
    let failed = |source: MigrateError| JournalError::Migrate {
        set: set.name(),
        hint: hint(&source),
        source: Box::new(source),
    };
    match database {
        Database::Sqlite { dir } => {
            let options = Database::sqlite_options(dir, set).create_if_missing(true);
            let mut connection = options.connect().await.map_err(connect)?;
            migrator(set, |file| file.sqlite)
                .run_direct(None, &mut connection, false)
                .await
                .map_err(failed)?;
            connection.close().await.map_err(close)
        }
        Database::Postgres { .. } => {
            let mut connection = database.postgres_options(set)?.connect().await.map_err(connect)?;
            let mut migrator = migrator(set, |file| file.postgres);
            migrator.create_schema(set.name());
            migrator.run_direct(None, &mut connection, false).await.map_err(failed)?;
            connection.close().await.map_err(close)
        }
    }
}

fn migrator(set: Set, sql: fn(&MigrationFile) -> &'static str) -> Migrator {
    let files = MIGRATIONS.iter().filter(|file| file.set == set);
    Migrator::with_migrations(
        files
            .map(|file| {
                let (name, sql) = (Cow::Borrowed(file.name), sql(file).into_sql_str());
                Migration::new(file.number, name, MigrationType::Simple, sql, false)
            })
            .collect(),
    )
}

fn hint(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(number) => {
            format!("they have migration {number}, which this souk does not know; use a newer souk")
        }
        MigrateError::VersionMismatch(number) => format!(
            "migration {number} was changed after it was applied here; use the souk that created these tables, \
             and put changes into a new migration"
        ),
        MigrateError::Dirty(number) => {
            format!("migration {number} stopped half way; restore the backup made before it")
        }
        _ => "see the cause".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_and_numbered_in_order() {
        for dialect in ["sqlite", "postgres"] {
            let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
            let mut found: Vec<String> = std::fs::read_dir(dir)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            found.sort();
            let listed: Vec<String> =
                MIGRATIONS.iter().map(|file| format!("{:04}_{}.sql", file.number, file.name)).collect();
            assert_eq!(found, listed, "{dialect}");
        }
        assert!(MIGRATIONS.windows(2).all(|pair| pair[0].number < pair[1].number));
    }
}
