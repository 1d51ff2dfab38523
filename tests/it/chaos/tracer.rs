//! strace, which makes system calls of a server fail or take long. The server is our child all the same; the tracer hides
//! behind it and ends with it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a server is run by.
pub struct Tracer {
    /// The program and its arguments, in front of the server's.
    pub by: Vec<String>,
}

impl Tracer {
    /// `fault` as strace's `inject` takes it, like `fsync,fdatasync:error=EIO:when=7`, for calls about these files; about
    /// all of them when none is named.
    pub fn of(fault: &str, files: &[PathBuf]) -> Self {
        let (calls, _) = fault.split_once(':').expect("calls and what becomes of them");
        let mut by: Vec<String> =
            ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e"].map(str::to_owned).into();
        by.extend([format!("trace={calls}"), "-e".to_owned(), format!("inject={fault}")]);
        for file in files {
            by.extend(["-P".to_owned(), file.display().to_string()]);
        }
        Tracer { by }
    }
}

/// Why nothing can be traced here; `None` when it can.
pub fn is_missing() -> Option<String> {
    let by = Tracer::of("fsync:delay_exit=1", &[]).by;
    let tried = Command::new(&by[0]).args(&by[1..]).arg("true").output();
    match tried {
        Err(error) => Some(format!("strace cannot be run ({error}); it is the package `strace`")),
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Some(format!("strace cannot trace here: {said}"))
        }
    }
}

/// The journal's file and the log in front of it.
pub fn journal_files(dir: &Path) -> Vec<PathBuf> {
    let dir = dir.join("data");
    vec![dir.join("journal.db"), dir.join("journal.db-wal")]
}
