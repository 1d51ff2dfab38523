//! A directory for a private server, and the promise that both are gone when this process is.
//!
//! The promise is kept by a guard: a small shell that reads from a pipe whose other end only this process holds. The
//! kernel closes that end however we end (return, panic, Ctrl-C, SIGTERM, kill -9); the guard then stops the server
//! that the pid file names and removes the directory. The guard and the server have process groups of their own, so
//! that a Ctrl-C at the terminal does not reach them.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, process, thread};

use anyhow::{Context, Result, bail};

/// How long a server may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// `$1` directory, `$2` pid file in it, `$3` signal that stops the server. The loop has the bound `STOP_WITHIN`.
const GUARD: &str = r#"
trap '' HUP INT TERM
read -r _
server=$(head -n 1 "$1/$2" 2>/dev/null)
if [ -n "$server" ] && kill -s "$3" "$server" 2>/dev/null; then
    tries=0
    while kill -0 "$server" 2>/dev/null && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    [ "$tries" -lt 100 ] || kill -s KILL "$server" 2>/dev/null
fi
rm -rf -- "$1"
"#;

/// How to stop the server that lives in a scratch directory.
pub struct Stop {
    pub pid_file: &'static str,
    pub signal: &'static str,
}

pub struct Scratch {
    path: PathBuf,
    pid_file: PathBuf,
    guard: Child,
    lifeline: Option<ChildStdin>,
    server: Option<Child>,
}

impl Scratch {
    /// Makes `PARENT/PREFIX<our pid>`, after removing what dead runs left beside it.
    pub fn new(parent: &Path, prefix: &str, stop: &Stop) -> Result<Self> {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        sweep(parent, prefix);
        let path = parent.join(format!("{prefix}{}", process::id()));
        let made = fs::create_dir(&path)
            // The server may run as another user; what must stay closed to others, it closes itself.
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
        made.with_context(|| format!("cannot make {}", path.display()))?;

        let guard = Command::new("sh")
            .args(["-c", GUARD, "souk-guard"])
            .args([path.as_os_str(), stop.pid_file.as_ref(), stop.signal.as_ref()])
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut guard = guard.inspect_err(|_| drop(fs::remove_dir_all(&path))).context("cannot run `sh`")?;
        let lifeline = guard.stdin.take();
        let pid_file = path.join(stop.pid_file);
        Ok(Self { path, pid_file, guard, lifeline, server: None })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts the server; it is stopped when the scratch directory goes.
    pub fn start(&mut self, command: &mut Command) -> Result<()> {
        let program = command.get_program().to_string_lossy().into_owned();
        let server = command.process_group(0).spawn().with_context(|| format!("cannot run `{program}`"))?;
        self.server = Some(server);
        Ok(())
    }

    pub fn server_runs(&mut self) -> io::Result<bool> {
        match &mut self.server {
            None => Ok(false),
            Some(server) => Ok(server.try_wait()?.is_none()),
        }
    }

    /// Blocks until the server ends by itself.
    pub fn wait_for_server(&mut self) -> io::Result<()> {
        if let Some(server) = &mut self.server {
            server.wait()?;
        }
        Ok(())
    }

    /// Sends the server a signal and waits until it has ended, and says how.
    pub fn stop_server(&mut self, signal: &str, within: Duration) -> Result<ExitStatus> {
        let server = self.server.as_mut().context("no server was started")?;
        // A pid that was waited for may be another process's by now.
        if server.try_wait()?.is_none() {
            let pid = server.id().to_string();
            let killed = Command::new("kill").args(["-s", signal, &pid]).status();
            killed.context("cannot run `kill`")?;
        }
        if !wait_until(within, || !matches!(server.try_wait(), Ok(None))) {
            bail!("the server still runs {} s after SIG{signal}", within.as_secs());
        }
        // The guard must not signal whoever has that pid next.
        drop(fs::remove_file(&self.pid_file));
        Ok(server.wait()?)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        if let Some(server) = &mut self.server {
            // Also reaps it, which the guard waits for. It must be killed here if it never wrote its pid file.
            if !wait_until(STOP_WITHIN, || !matches!(server.try_wait(), Ok(None))) {
                drop(server.kill());
                drop(server.wait());
            }
        }
        drop(self.guard.wait());
    }
}

/// Polls `done` until it holds; false if it still does not after `limit`.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if done() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Everything that `command` says goes to the end of a file.
pub fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let opened = File::options().create(true).append(true).open(log);
    let file = opened.with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    Ok(())
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Removes our directories whose process is dead: those of runs whose guard was killed with them. A server that
/// should still run in one of them ends by itself when it misses its files; its pid may long be somebody else's.
fn sweep(parent: &Path, prefix: &str) {
    let ours = fs::symlink_metadata("/proc/self").map(|own| own.uid()).ok();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse::<u32>().ok()) else {
            continue;
        };
        let foreign = match (entry.metadata(), ours) {
            (Ok(there), Some(ours)) => there.uid() != ours,
            (Ok(_), None) => false,
            (Err(_), _) => true,
        };
        // A directory that bears our own pid is from an earlier life of that pid.
        if !foreign && (pid == process::id() || !is_alive(pid)) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn is_alive(pid: u32) -> bool {
    if Path::new("/proc/self").exists() {
        return Path::new("/proc").join(pid.to_string()).exists();
    }
    let probe = Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: Stop = Stop { pid_file: "pid", signal: "TERM" };

    fn parent(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("souk-xtask-test-{name}-{}", process::id()))
    }

    #[test]
    fn the_server_and_the_directory_go_with_the_scratch() {
        let parent = parent("drop");
        let mut scratch = Scratch::new(&parent, "it-", &STOP).unwrap();
        let path = scratch.path().to_owned();
        scratch
            .start(Command::new("sh").args(["-c", "echo $$ > pid && exec sleep 600"]).current_dir(&path))
            .unwrap();
        let pid = || fs::read_to_string(path.join("pid")).unwrap_or_default().trim().parse::<u32>();
        assert!(wait_until(STOP_WITHIN, || pid().is_ok()));
        let pid = pid().unwrap();
        assert!(scratch.server_runs().unwrap() && is_alive(pid));

        drop(scratch);
        assert!(!path.exists());
        assert!(!is_alive(pid));
        fs::remove_dir(&parent).unwrap();
    }

    #[test]
    fn a_server_can_be_told_to_end_and_says_how_it_did() {
        let parent = parent("stop");
        let mut scratch = Scratch::new(&parent, "it-", &STOP).unwrap();
        let path = scratch.path().to_owned();
        let server = "trap 'exit 7' TERM; echo $$ > pid; while :; do sleep 0.05; done";
        scratch.start(Command::new("sh").args(["-c", server]).current_dir(&path)).unwrap();
        assert!(wait_until(STOP_WITHIN, || path.join("pid").exists()));

        let status = scratch.stop_server("TERM", STOP_WITHIN).unwrap();
        assert_eq!(status.code(), Some(7));
        assert!(!path.join("pid").exists());
        assert_eq!(scratch.stop_server("TERM", STOP_WITHIN).unwrap().code(), Some(7));
        drop(scratch);
        fs::remove_dir(&parent).unwrap();
    }

    #[test]
    fn leftovers_of_dead_runs_are_removed_and_nothing_else() {
        let parent = parent("sweep");
        let mut ended = Command::new("true").spawn().unwrap();
        let dead = ended.id();
        ended.wait().unwrap();
        for name in [format!("it-{dead}"), "it-1".into(), "it-notes".into(), format!("other-{dead}")] {
            fs::create_dir_all(parent.join(name)).unwrap();
        }

        drop(Scratch::new(&parent, "it-", &STOP).unwrap());
        let mut left: Vec<_> =
            fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            ["it-1".into(), "it-notes".into(), format!("other-{dead}")].map(std::ffi::OsString::from)
        );
        fs::remove_dir_all(&parent).unwrap();
    }
}
