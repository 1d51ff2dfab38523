//! A database and a key file for one test.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;

use super::*;
use crate::journal::{Pool, migrate};

pub struct Home {
    pub database: Database,
    pub dir: TempDir,
    pub clock: Clock,
}

impl Home {
    /// One on every backend there is: SQLite, and the Postgres that the run names.
    pub async fn each() -> Vec<Home> {
        let mut homes = vec![Home::sqlite().await];
        match std::env::var("SOUK_TEST_POSTGRES_URL") {
            Ok(server) => homes.push(Home::postgres(&server).await),
            Err(_) => skipped("SKIPPED the vault on Postgres: SOUK_TEST_POSTGRES_URL is not set\n"),
        }
        homes
    }

    pub async fn sqlite() -> Home {
        let dir = tempfile::tempdir().expect("a directory");
        Home::new(Database::Sqlite { dir: dir.path().join("data") }, dir).await
    }

    async fn postgres(server: &str) -> Home {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vault_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut connection = sqlx::PgConnection::connect(server).await.expect("the server answers");
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(create).await.expect("a database for the test");
        connection.close().await.expect("closed");
        let (host, _) = server.rsplit_once('/').expect("the address names a database");
        let dir = tempfile::tempdir().expect("a directory");
        Home::new(Database::Postgres { url: format!("{host}/{name}") }, dir).await
    }

    async fn new(database: Database, dir: TempDir) -> Home {
        migrate::run(&database).await.expect("migrated");
        Home { database, dir, clock: Clock::system() }
    }

    pub fn key_file(&self) -> PathBuf {
        self.dir.path().join("vault.key")
    }

    pub async fn open(&self) -> Result<Vault, VaultError> {
        let keys = VaultKeys::load_or_create(&self.key_file()).expect("a key file");
        self.open_with(keys).await
    }

    pub async fn open_with(&self, keys: VaultKeys) -> Result<Vault, VaultError> {
        Vault::open(&self.database, keys, self.clock.clone(), 4).await
    }

    /// Does to the table what no souk does.
    pub async fn tamper(&self, vault: &Vault, sql: &'static str) {
        match &vault.rows.pool() {
            Pool::Sqlite(pool) => drop(pool.execute(sql).await.expect("done")),
            Pool::Postgres(pool) => drop(pool.execute(sql).await.expect("done")),
        }
    }

    /// Everything that SQLite has on disk.
    pub fn bytes(&self) -> Vec<u8> {
        let Database::Sqlite { dir } = &self.database else { return Vec::new() };
        let files = std::fs::read_dir(dir).expect("the data directory");
        files.flat_map(|file| std::fs::read(file.expect("a file").path()).expect("readable")).collect()
    }
}

/// Says that a suite was left out, where the run's last lines will repeat it.
fn skipped(line: &str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| match std::env::var_os("SOUK_TEST_SKIPS") {
        Some(path) => {
            let file = std::fs::File::options().create(true).append(true).open(path);
            file.and_then(|mut file| file.write_all(line.as_bytes())).expect("skips can be noted");
        }
        None => print!("{line}"),
    });
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
