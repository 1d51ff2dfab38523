//! What a command says. The standard macros panic when whoever reads has gone, as in `souk openapi | head`.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

use anyhow::Context as _;

/// Prints what came of the command. A reader that has gone has read enough: the command goes on, and its exit code says
/// what it would have said.
pub(super) fn print(text: impl fmt::Display) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// The same, and ends the line.
pub(super) fn line(text: impl fmt::Display) -> anyhow::Result<()> {
    print(format_args!("{text}\n"))
}

/// Says something beside the result, on standard error. When nobody can hear it there is nobody to tell.
pub(super) fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
