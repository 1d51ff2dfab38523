//! A server as a process of its own on one core, so that who asks does not take it from who answers.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// The core of servers.
const SERVERS: &str = "0";
/// The core of who asks.
const ASKS: &str = "1";
/// Clock ticks a second in `/proc`, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Keeps this process on its core; to be called before threads are started.
pub fn keep_to_own_core() -> anyhow::Result<()> {
    ensure!(
        std::thread::available_parallelism()?.get() > 1,
        "the asking and the answering need a core each, and this machine has one"
    );
    let pid = std::process::id().to_string();
    let done = Command::new("taskset").args(["-pc", ASKS, &pid]).stdout(Stdio::null()).status();
    ensure!(done.context("taskset (util-linux) is needed")?.success(), "taskset failed");
    Ok(())
}

/// A server; killed when it is dropped.
pub struct Program {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    pub fn start(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut process = Command::new("taskset")
            .args(["-c", SERVERS, program])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let stdout = BufReader::new(process.stdout.take().context("piped")?);
        Ok(Program { process, stdout })
    }

    /// Reads what it prints until a line holds this; the line.
    pub fn until_it_says(&mut self, what: &str) -> anyhow::Result<String> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line)? > 0 {
            if line.contains(what) {
                return Ok(line.trim().to_owned());
            }
            line.clear();
        }
        bail!("it ended without saying {what:?}")
    }

    /// Seconds of a core that it has used.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let rest = stat.rsplit_once(')').context("no stat")?.1;
        let mut fields = rest.split_whitespace().skip(11);
        let mut ticks = || -> anyhow::Result<f64> { Ok(fields.next().context("no figure")?.parse()?) };
        Ok((ticks()? + ticks()?) / TICKS_PER_SECOND)
    }

    /// Bytes of it in memory.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kib * 1024)
    }

    /// As a process manager ends it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let told = Command::new("kill").arg(self.process.id().to_string()).status()?;
        ensure!(told.success(), "kill failed");
        for _ in 0..1_200 {
            if let Some(status) = self.process.try_wait()? {
                ensure!(status.success(), "{status}");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("it does not end")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
