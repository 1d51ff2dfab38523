//! A server as a process of its own on one core, so that who asks does not take it from who answers.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// The core of servers.
const SERVERS: &str = "0";
/// The core of who asks.
const ASKS: &str = "1";

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
        super::cpu_seconds(&self.process.id().to_string())
    }

    /// Bytes of it in memory.
    pub fn resident(&self) -> anyhow::Result<u64> {
        super::resident(&self.process.id().to_string())
    }

    /// As `kill -9` does.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
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

/// `souk demo` on one core: its small market, where it listens, and the keys it shows.
pub struct Demo {
    pub server: Program,
    pub addr: String,
    pub vendor: String,
    pub operator: String,
}

impl Demo {
    pub fn open(souk: &str, data: &str, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let arguments = ["demo", "--addr", "127.0.0.1:0", "--data", data];
        let mut server = Program::start(souk, &arguments, settings)?;
        let line = server.until_it_says("products   ")?;
        let addr = line.split("://").nth(1).and_then(|rest| rest.split('/').next()).context("no address")?;
        let addr = addr.replace("localhost", "127.0.0.1");
        let mut key = |of: &str| -> anyhow::Result<String> {
            let line = server.until_it_says(of)?;
            Ok(format!("Bearer {}", line.split_whitespace().last().context("no key")?))
        };
        let (operator, vendor) = (key("operator   ")?, key("vendor     ")?);
        Ok(Demo { server, addr, vendor, operator })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
