//! Programs of the system that tests need, installed where that is nobody else's business: by root on Debian and its kin.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::workspace::{output_of, succeed};

pub fn is_root() -> bool {
    output_of(Command::new("id").arg("-u")).as_deref() == Some("0")
}

pub fn can_be_installed() -> bool {
    is_root() && Path::new("/etc/debian_version").exists()
}

pub fn install(package: &str) -> Result<()> {
    for args in [&["update"][..], &["install", "-y", "--no-install-recommends", package]] {
        let mut apt = Command::new("apt-get");
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        if let Err(error) = succeed(&mut apt) {
            bail!("`apt-get {}` failed: {error:#}", args.join(" "));
        }
    }
    Ok(())
}

/// strace makes system calls fail. Without it the scenarios that need it say that they are left out.
pub fn try_to_have_strace() {
    try_to_have("strace", "strace");
}

/// A rival of one benchmark. Without it the benchmark says that it is left out.
pub fn try_to_have_redis() {
    try_to_have("redis-server", "redis-server");
}

fn try_to_have(program: &str, package: &str) {
    if output_of(Command::new(program).arg("--version")).is_some() || !can_be_installed() {
        return;
    }
    println!("{program} is not installed; installing {package} with apt-get.");
    if let Err(error) = install(package) {
        println!("{package} cannot be installed: {error:#}");
    }
}
