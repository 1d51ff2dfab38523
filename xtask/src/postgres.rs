//! A Postgres for tests and benchmarks: the one that `SOUK_TEST_POSTGRES_URL` names, or a private one.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::packages::{self, is_root};
use crate::scratch::{Scratch, Stop, logged, tail, wait_until};
use crate::workspace::{POSTGRES_URL, output_of, outside_of_cargo, succeed, target_dir};
use crate::wrong_usage;

/// The oldest major version that souk supports.
const OLDEST: u32 = 15;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// SIGQUIT is Postgres's immediate shutdown: nothing in there is worth a checkpoint.
const STOP: Stop = Stop { pid_file: "data/postmaster.pid", signal: "QUIT" };

/// `fsync` stays on, so that what tests and benchmarks say about durability is true.
const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "max_wal_size=4GB",
    "fsync=on",
    "logging_collector=off",
    "timezone=UTC",
];

pub struct Postgres {
    pub url: String,
    pub version: String,
    private: Option<Scratch>,
}

impl Postgres {
    /// The Postgres of the environment, else a private one.
    pub fn of_environment() -> Result<Self> {
        match std::env::var(POSTGRES_URL) {
            Ok(url) if !url.is_empty() => Self::given(url),
            _ => Self::private(),
        }
    }

    fn given(url: String) -> Result<Self> {
        let psql = binaries().map_or_else(|| PathBuf::from("psql"), |folder| folder.join("psql"));
        if output_of(Command::new(&psql).arg("--version")).is_none() {
            let version = "version not checked, psql is not installed".to_owned();
            return Ok(Self { url, version, private: None });
        }
        let asked = Command::new(&psql)
            .args(["-X", "-A", "-t", "-c", "show server_version", &url])
            .env("PGCONNECT_TIMEOUT", "10")
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            asked.status.success(),
            "the Postgres that {POSTGRES_URL} names does not answer\n{}\nfix: start it, correct the URL, or unset \
             the variable to get a private one",
            String::from_utf8_lossy(&asked.stderr).trim()
        );
        let version = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        refuse_old(&version)?;
        Ok(Self { url, version: format!("{version}, given by {POSTGRES_URL}"), private: None })
    }

    pub fn private() -> Result<Self> {
        let binaries = binaries_or_install()?;
        let printed = output_of(Command::new(binaries.join("postgres")).arg("--version"))
            .with_context(|| format!("{} has no `postgres` that runs", binaries.display()))?;
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let version = printed.split_whitespace().nth(2).unwrap_or_default().to_owned();
        refuse_old(&version)?;

        let user = ServerUser::choose()?;
        let mut scratch = scratch_for(&user)?;
        let log = scratch.path().join("log");
        let data = scratch.path().join("data");
        let mut initdb = user.command(&binaries.join("initdb"), &data);
        initdb
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--pgdata"])
            .arg(&data);
        // Only glibc and musl have C.UTF-8.
        initdb.arg(if cfg!(target_os = "linux") { "--locale=C.UTF-8" } else { "--locale=C" });
        logged(&mut initdb, &log)?;
        if let Err(error) = succeed(&mut initdb) {
            bail!("initdb failed: {error:#}; its last lines:\n{}", tail(&log));
        }

        // Between finding a free port and taking it somebody else may take it.
        for tries_left in (0..3).rev() {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let mut server = user.command(&binaries.join("postgres"), &data);
            server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
            server.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
            logged(&mut server, &log)?;
            scratch.start(&mut server)?;

            if wait_until(READY_WITHIN, || is_ready(&data, port) || !scratch.server_runs().unwrap_or(false))
                && is_ready(&data, port)
            {
                let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
                return Ok(Self { url, version: format!("{version}, private"), private: Some(scratch) });
            }
            let tail = tail(&log);
            if tries_left == 0 || !tail.contains("could not bind") {
                bail!("Postgres {version} did not start; the last lines of its log:\n{tail}");
            }
        }
        unreachable!("the last try returns")
    }

    /// Blocks until a private server ends by itself, which it should not.
    fn wait(mut self) -> Result<()> {
        if let Some(scratch) = &mut self.private {
            scratch.wait_for_server()?;
            bail!(
                "Postgres ended by itself; the last lines of its log:\n{}",
                tail(&scratch.path().join("log"))
            );
        }
        Ok(())
    }
}

/// `cargo xtask postgres [-- COMMAND ARGS…]`
pub fn run(args: &[String]) -> Result<ExitCode> {
    let command = match args.split_first() {
        None => None,
        Some((dashes, rest)) if dashes == "--" && !rest.is_empty() => rest.split_first(),
        Some(_) => return Ok(wrong_usage("`cargo xtask postgres` takes nothing, or `-- COMMAND ARGS…`")),
    };
    let postgres = Postgres::private()?;
    let Some((program, args)) = command else {
        println!("Postgres {}\n{POSTGRES_URL}={}\nCtrl-C stops it.", postgres.version, postgres.url);
        postgres.wait()?;
        return Ok(ExitCode::SUCCESS);
    };
    let status = outside_of_cargo(program).args(args).env(POSTGRES_URL, &postgres.url).status();
    let status = status.with_context(|| format!("cannot run `{program}`"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What `pg_ctl` looks at: the eighth line of the pid file. The connect makes sure that it is our port.
fn is_ready(data: &Path, port: u16) -> bool {
    let pid_file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    pid_file.lines().nth(7).is_some_and(|status| status.trim() == "ready")
        && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn refuse_old(version: &str) -> Result<()> {
    let major = major(version).with_context(|| format!("cannot read the Postgres version `{version}`"))?;
    ensure!(
        major >= OLDEST,
        "Postgres {version} is too old\nfix: install Postgres {OLDEST} or newer, set {POSTGRES_URL}, or pass --embedded"
    );
    Ok(())
}

/// `15.18`, `17beta2` and `15.18 (Debian …)` are all understood.
fn major(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

// ── finding the server ──

fn binaries_or_install() -> Result<PathBuf> {
    if let Some(found) = binaries() {
        return Ok(found);
    }
    let fix = format!("install the Postgres {OLDEST} server, set {POSTGRES_URL}, or pass --embedded");
    if !packages::can_be_installed() {
        bail!("no Postgres server is installed\nfix: {fix}");
    }
    println!("No Postgres server is installed; installing it with apt-get.");
    packages::install("postgresql").with_context(|| format!("fix: {fix}"))?;
    binaries().with_context(|| format!("the package `postgresql` brought no server\nfix: {fix}"))
}

/// The folder with `initdb` and `postgres`: Debian's newest, else what `pg_config` names, else the PATH's.
fn binaries() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    let configured = || output_of(Command::new("pg_config").arg("--bindir")).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = versions
        .into_iter()
        .map(|(_, folder)| folder)
        .chain(std::iter::once_with(configured).flatten())
        .chain(std::env::split_paths(&path));
    folders.find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

// ── running it ──

/// Who runs the server. Postgres refuses to run as root.
enum ServerUser {
    Ourselves,
    Other { uid: u32, gid: u32 },
}

impl ServerUser {
    fn choose() -> Result<Self> {
        if !is_root() {
            return Ok(Self::Ourselves);
        }
        let id = |kind, name| output_of(Command::new("id").args([kind, name]))?.parse().ok();
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some(Self::Other { uid: id("-u", name)?, gid: id("-g", name)? }))
            .context("Postgres refuses to run as root, and there is neither a user `postgres` nor `nobody`")
    }

    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("PG") {
                command.env_remove(key);
            }
        }
        // The log is read by us and by people who ask for help.
        command.current_dir(folder).env("LC_ALL", "C").stdin(Stdio::null());
        if let Self::Other { uid, gid } = self {
            // Supplementary groups go with the uid; see `std::os::unix::process::CommandExt::uid`.
            command.uid(*uid).gid(*gid);
        }
        command
    }
}

/// A directory in which `user` can work: under the target directory, else (it lies in somebody's closed home) under
/// the system's temporary one.
fn scratch_for(user: &ServerUser) -> Result<Scratch> {
    let places = [(target_dir().join("xtask"), "postgres-"), (std::env::temp_dir(), "souk-postgres-")];
    for (parent, prefix) in places {
        let scratch = Scratch::new(&parent, prefix, &STOP)?;
        let data = scratch.path().join("data");
        fs::create_dir(&data)?;
        if let ServerUser::Other { uid, gid } = user {
            std::os::unix::fs::chown(&data, Some(*uid), Some(*gid))?;
        }
        // Entering the directory already fails if a parent is closed.
        if output_of(user.command(Path::new("test"), &data).args(["-w", "."])).is_some() {
            return Ok(scratch);
        }
    }
    bail!(
        "the user that runs Postgres can write neither under target/ nor under {}",
        std::env::temp_dir().display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_old_ones_refused() {
        assert_eq!(major("15.18"), Some(15));
        assert_eq!(major("17beta2"), Some(17));
        assert_eq!(major("16.3 (Debian 16.3-1)"), Some(16));
        assert_eq!(major(""), None);
        assert!(refuse_old("15.0").is_ok());
        let refusal = refuse_old("14.12").unwrap_err().to_string();
        assert!(refusal.contains("too old") && refusal.contains("--embedded"), "{refusal}");
    }
}
