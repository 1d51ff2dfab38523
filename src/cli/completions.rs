//! `souk completions`: what a shell needs to complete commands and flags.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which shell; put what is printed where it looks for completions
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Into memory first: the generator panics when a pipe is closed early, as `| head` does.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Cli::command(), "souk", &mut script);
    match std::io::stdout().write_all(&script) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
