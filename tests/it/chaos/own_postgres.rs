//! A Postgres of the test's own, which it may stop as hard as it likes.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use tempfile::TempDir;

const STARTS_WITHIN: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// Runs the server and ends it when the other end of the pipe is closed, however that end goes. An immediate shutdown
/// leaves nothing behind.
const GUARD: &str = r#"
"$@" &
server=$!
trap 'kill -QUIT $server 2>/dev/null; wait $server' EXIT
read -r _ || true
"#;

pub struct OwnPostgres {
    binaries: PathBuf,
    /// Postgres refuses to run as root.
    user: Option<(u32, u32)>,
    dir: TempDir,
    port: u16,
    running: Option<Child>,
}

impl OwnPostgres {
    /// Makes a cluster and starts it; the reason when there cannot be one here.
    pub fn start() -> Result<Self, String> {
        let binaries = binaries().ok_or("the Postgres server is not installed")?;
        let user = if id("-u", None) == Some(0) { Some(unprivileged()?) } else { None };
        let dir = tempfile::tempdir().expect("a directory");
        // Another user works in it.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).expect("opened");
        let data = dir.path().join("data");
        std::fs::create_dir(&data).expect("a directory");
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&data, Some(uid), Some(gid)).expect("given away");
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut postgres = OwnPostgres { binaries, user, dir, port, running: None };
        let mut initdb = postgres.command("initdb");
        initdb
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--pgdata"])
            .arg(&data);
        let made = initdb.output().map_err(|error| error.to_string())?;
        if !made.status.success() {
            return Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr)));
        }
        postgres.start_again();
        Ok(postgres)
    }

    /// `postgres://…`, without a database's name.
    pub fn server(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// Starts it and waits until it can be talked to.
    pub fn start_again(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.dir.path().join("log"));
        let log = log.expect("a log");
        let port = self.port.to_string();
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "timezone=UTC"];
        let mut server = self.command("sh");
        server.args(["-c", GUARD, "postgres-guard"]).arg(self.binaries.join("postgres"));
        server.args(["-p", &port, "-D"]).arg(self.data());
        server.args(settings.iter().flat_map(|setting| ["-c", setting]));
        server.stdin(Stdio::piped()).stdout(log.try_clone().expect("a log")).stderr(log);
        self.running = Some(server.spawn().expect("postgres can be started"));
        let deadline = Instant::now() + STARTS_WITHIN;
        while !self.answers() {
            assert!(Instant::now() < deadline, "Postgres does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As `pg_ctl stop -m immediate`: every connection is dropped, nothing is written out; the next start recovers.
    pub fn stop_immediately(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-w", "-D"]).arg(self.data());
        let stopped = stop.output().expect("pg_ctl can be run");
        assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
        self.end();
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn answers(&self) -> bool {
        let url = format!("{}/postgres", self.server());
        // Also called from within a runtime, so on a thread of its own.
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let connect = async { sqlx::PgConnection::connect(&url).await?.close().await };
                runtime.expect("a runtime").block_on(connect).is_ok()
            });
            asked.join().expect("no panic")
        })
    }

    fn command(&self, program: &str) -> Command {
        let path = if program == "sh" { PathBuf::from(program) } else { self.binaries.join(program) };
        let mut command = Command::new(path);
        command.current_dir(self.data()).env("LC_ALL", "C").stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Closes the pipe and waits for the guard.
    fn end(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        drop(running.stdin.take());
        let deadline = Instant::now() + ENDS_WITHIN;
        while matches!(running.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = running.kill();
        let _ = running.wait();
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        self.end();
    }
}

/// The folder with `initdb` and `postgres`: Debian's newest, else the PATH's.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = versions.into_iter().map(|(_, folder)| folder).chain(std::env::split_paths(&path));
    let has = |folder: &Path, name: &str| folder.join(name).is_file();
    folders.find(|folder| ["initdb", "postgres", "pg_ctl"].iter().all(|name| has(folder, name)))
}

fn unprivileged() -> Result<(u32, u32), String> {
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| Some((id("-u", Some(name))?, id("-g", Some(name))?)))
        .ok_or_else(|| "Postgres refuses to run as root, and there is no user `postgres`".to_owned())
}

fn id(kind: &str, name: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(kind).args(name).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
