//! Databases for tests: each test has its own.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, Executor};
use tempfile::TempDir;

/// Where `cargo xtask test` says which Postgres to use.
const POSTGRES_URL: &str = "SOUK_TEST_POSTGRES_URL";
/// The file in which suites that were left out are named.
const SKIPS: &str = "SOUK_TEST_SKIPS";

/// Says that a suite was left out, where the run's last lines will repeat it.
pub fn skipped(suite: &str, reason: &str) {
    let line = format!("SKIPPED {suite}: {reason}\n");
    match std::env::var_os(SKIPS) {
        Some(path) => {
            let mut file =
                std::fs::File::options().create(true).append(true).open(path).expect("skips can be noted");
            file.write_all(line.as_bytes()).expect("skips can be noted");
        }
        None => print!("{line}"),
    }
}

/// A database that nobody else uses.
pub struct Backend {
    url: String,
    /// What is not in the database; removed with the test.
    dir: TempDir,
}

impl Backend {
    /// Files in a directory of the test's own.
    pub fn sqlite() -> Self {
        let dir = tempfile::tempdir().expect("a directory for the test");
        Backend { url: format!("sqlite:{}", dir.path().join("data").display()), dir }
    }

    /// A fresh database on the Postgres of this run; `None`, and said so, when there is none.
    pub fn postgres(suite: &str) -> Option<Self> {
        let Ok(server) = std::env::var(POSTGRES_URL) else {
            skipped(suite, &format!("{POSTGRES_URL} is not set"));
            return None;
        };
        Some(Self::on_postgres(&server))
    }

    /// A fresh database on the Postgres that this address names, with any database of it.
    pub fn on_postgres(server: &str) -> Self {
        Self::like(server, "template1")
    }

    /// Another one with the same in it. Nobody may use this one meanwhile.
    pub fn copy(&self) -> Self {
        let copy = match self.url.split_once("://") {
            None => Self::sqlite(),
            Some((server, name)) => {
                let (host, name) = name.rsplit_once('/').expect("the address names a database");
                Self::like(&format!("{server}://{host}/postgres"), name)
            }
        };
        copy_files(self.dir.path(), copy.dir.path());
        copy
    }

    fn like(server: &str, template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let create = async {
            let mut connection = sqlx::PgConnection::connect(server).await?;
            let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
            connection.execute(sqlx::AssertSqlSafe(create)).await?;
            connection.close().await
        };
        // Also called from within a runtime, so on a thread of its own.
        std::thread::scope(|scope| {
            let created = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(create)
            });
            created.join().expect("no panic").expect("a database for the test");
        });
        let (host, _) = server.rsplit_once('/').expect("the address names a database");
        let dir = tempfile::tempdir().expect("a directory for the test");
        Backend { url: format!("{host}/{name}"), dir }
    }

    /// For keys, letters and the test bank's log.
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// The address, as `--database` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let place = to.join(entry.file_name());
        if entry.file_type().expect("a kind").is_dir() {
            std::fs::create_dir_all(&place).expect("a directory");
            copy_files(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).expect("copied");
        }
    }
}
