//! Where things are, and how cargo is called.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The environment variable by which tests and benchmarks find their Postgres.
pub const POSTGRES_URL: &str = "SOUK_TEST_POSTGRES_URL";

/// The environment variable that names the file to which tests append `SKIPPED …` lines.
pub const SKIPS: &str = "SOUK_TEST_SKIPS";

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies inside the workspace")
}

pub fn target_dir() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target")))
}

/// `cargo` at the workspace root.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = outside_of_cargo(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root()).args(args).stdin(Stdio::null());
    command
}

/// A command that does not see what `cargo run` tells us about the xtask package in `CARGO_PKG_*` and
/// `CARGO_MANIFEST_*`. Handed on, these make build scripts that watch them (ring's does) believe that something
/// changed, and whole dependency trees are built again.
pub fn outside_of_cargo(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(key);
        }
    }
    command
}

/// Runs `command` to its end; any exit code but 0 is an error.
pub fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot run `{program}`"))?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// What `command` prints, trimmed; `None` if it cannot be run or fails.
pub fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
