//! The usual ways, driven by pgbench: a stronger client than any pool in front of them.

use std::path::PathBuf;
use std::process::Command as Process;

use anyhow::{Context, ensure};

/// Pool sizes of which the best counts.
const POOLS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// What a script reached.
pub struct Reached {
    /// What was run, and in how many connections or at the best pool.
    pub name: String,
    /// In how many connections.
    pub connections: u32,
    /// Transactions a second; a script that holds two counts once for both.
    pub per_second: f64,
}

/// A pgbench that was found, and the server it drives.
pub struct Pgbench {
    program: PathBuf,
    url: String,
    seconds: u64,
    scratch: tempfile::TempDir,
}

impl Pgbench {
    /// `None`, said aloud, when there is none.
    pub fn find(url: &str, seconds: u64) -> anyhow::Result<Option<Self>> {
        let Some(program) = program() else {
            println!("SKIPPED the usual ways: pgbench was not found");
            return Ok(None);
        };
        Ok(Some(Pgbench { program, url: url.to_owned(), seconds, scratch: tempfile::tempdir()? }))
    }

    /// Runs a script in so many connections.
    pub fn run(&self, name: &str, script: &str, connections: u32) -> anyhow::Result<Reached> {
        let path = self.scratch.path().join("script.sql");
        std::fs::write(&path, script)?;
        let output = Process::new(&self.program)
            .args([
                "-n",
                "-M",
                "prepared",
                "-j",
                &connections.min(2).to_string(),
                "-c",
                &connections.to_string(),
            ])
            .args(["-T", &self.seconds.to_string()])
            .arg("-f")
            .arg(&path)
            .arg(&self.url)
            .output()?;
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let line = text.lines().find(|line| line.starts_with("tps = ")).context("pgbench printed no tps")?;
        let tps = line.split_whitespace().nth(2).context("pgbench printed no tps")?;
        let name = format!("{name}, {connections} connections");
        Ok(Reached { name, connections, per_second: tps.parse().context("pgbench printed an odd tps")? })
    }

    /// Runs a script at every pool size; the best of them.
    pub fn best(&self, name: &str, script: &str) -> anyhow::Result<Reached> {
        let mut best = self.run(name, script, POOLS[0])?;
        for connections in &POOLS[1..] {
            let reached = self.run(name, script, *connections)?;
            if reached.per_second > best.per_second {
                best = reached;
            }
        }
        best.name = format!("{name}, the best pool");
        Ok(best)
    }
}

fn program() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten();
    let mut found: Vec<PathBuf> = debian
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin/pgbench"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    let on_path = std::env::var_os("PATH")?;
    found
        .pop()
        .or_else(|| std::env::split_paths(&on_path).map(|dir| dir.join("pgbench")).find(|path| path.exists()))
}
