//! A Redis of the bench's own, driven by redis-benchmark.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// Takes one unit if there is one: the least that a shop would do.
const TAKE: &str =
    "if redis.call('decr', KEYS[1]) < 0 then redis.call('incr', KEYS[1]) return 0 end return 1";
const STARTS_WITHIN: Duration = Duration::from_secs(10);
/// Some seconds' worth.
const REQUESTS: u32 = 300_000;

/// Ends when it is dropped.
pub struct Redis {
    process: Child,
    port: String,
}

impl Redis {
    /// One that says nothing before it is on disk. `None`, said aloud, when there is none on this machine.
    pub fn start(dir: &Path) -> anyhow::Result<Option<Self>> {
        let there = |program: &str| {
            Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok()
        };
        if !there("redis-server") || !there("redis-benchmark") {
            println!("\nSKIPPED Redis: redis-server and redis-benchmark were not found");
            return Ok(None);
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let process = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--dir"])
            .arg(dir)
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server")?;
        let redis = Redis { process, port };
        let deadline = Instant::now() + STARTS_WITHIN;
        while redis.told(&["ping"])?.trim() != "PONG" {
            ensure!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        redis.told(&["set", "stock:1", "1000000000"])?;
        Ok(Some(redis))
    }

    /// How many units a second so many connections take.
    pub fn take_units(&self, connections: u32) -> anyhow::Result<f64> {
        let script = self.told(&["script", "load", TAKE])?;
        let before: u64 = self.told(&["get", "stock:1"])?.trim().parse().context("no stock")?;
        let output = Command::new("redis-benchmark")
            .args(["-p", &self.port, "-c", &connections.to_string(), "-n", &REQUESTS.to_string(), "--csv"])
            .args(["evalsha", script.trim(), "1", "stock:1"])
            .output()
            .context("redis-benchmark")?;
        ensure!(output.status.success(), "redis-benchmark: {}", String::from_utf8_lossy(&output.stderr));
        let left: u64 = self.told(&["get", "stock:1"])?.trim().parse().context("no stock")?;
        ensure!(
            left + u64::from(REQUESTS) == before,
            "{before} units, and {left} after {REQUESTS} were taken"
        );
        let text = String::from_utf8(output.stdout)?;
        // "test","rps",… and then the figures, all in quotes.
        let figure = text.lines().last().and_then(|line| line.split("\",\"").nth(1));
        figure
            .and_then(|rps| rps.trim_matches('"').parse().ok())
            .with_context(|| format!("no figure in {text}"))
    }

    fn told(&self, command: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("redis-cli").args(["-p", &self.port]).args(command).output();
        let output = output.context("redis-cli")?;
        let text = String::from_utf8(output.stdout)?;
        if text.starts_with("ERR") || text.starts_with("NOSCRIPT") {
            bail!("redis-cli {command:?}: {text}");
        }
        Ok(text)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
