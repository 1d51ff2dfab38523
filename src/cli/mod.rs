//! The command line: parses, calls, prints. Exit codes stand in `failure.rs` and under every `--help`.

// They panic when the reader has gone: see `output.rs`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod backup;
mod completions;
mod config;
mod demo;
mod drive;
mod failure;
mod keys;
mod migrate;
mod openapi;
mod output;
mod progress;
mod rebuild;
mod replay;
mod serve;
mod settings;
mod verify;
mod welcome;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use failure::WrongUsage;

#[derive(Parser)]
#[command(name = "souk", version, about = "A marketplace server: many vendors, one storefront, one till")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look around: found a small market made by code, and serve it
    Demo(demo::Arguments),
    /// Open the shop: serve the API
    Serve(serve::Arguments),
    /// Show or check the settings
    #[command(subcommand)]
    Config(config::Action),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(keys::Action),
    /// Bring a database's tables up to date
    Migrate(migrate::Arguments),
    /// Read the journal and check every invariant
    Verify(verify::Arguments),
    /// Drop a read model and fill it from the journal again
    Rebuild(rebuild::Arguments),
    /// Print the description of the API: OpenAPI 3.1
    Openapi,
    /// Copy what cannot be made again, while the shop may run
    Backup(backup::Arguments),
    /// Replay a real marketplace's orders through this one
    #[command(subcommand)]
    Replay(replay::Source),
    /// Print what a shell needs to complete commands and flags
    Completions(completions::Arguments),
    /// Drive a stock shard with an in-process load client
    #[command(hide = true)]
    Drive(drive::Arguments),
}

/// The exit codes under the help of a command and of all below it, after what it has to say itself.
fn with_exit_codes(command: clap::Command) -> clap::Command {
    let after = match command.get_after_help() {
        Some(own) => format!("{own}\n\n{}", failure::EXIT_CODES),
        None => failure::EXIT_CODES.to_owned(),
    };
    command.after_help(after).mut_subcommands(with_exit_codes)
}

/// After how many tasks of its own a worker looks at what other threads have woken: the database's answers come from those,
/// and whoever waits for one was admitted, and holds up others. Tokio's own measure is several times as long when most tasks
/// are short, as refusals are.
const GLOBAL_QUEUE_INTERVAL: u32 = 5;

/// Runs the program.
pub fn run() -> ExitCode {
    let given = with_exit_codes(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&given).unwrap_or_else(|error| error.exit());
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .global_queue_interval(GLOBAL_QUEUE_INTERVAL)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(format_args!("error: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Config(action) => config::run(action),
            Command::Keys(action) => keys::run(action).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Verify(arguments) => verify::run(arguments).await,
            Command::Rebuild(arguments) => rebuild::run(arguments).await,
            Command::Openapi => openapi::run(),
            Command::Backup(arguments) => backup::run(arguments).await,
            Command::Replay(source) => replay::run(source).await,
            Command::Completions(arguments) => completions::run(&arguments),
            Command::Drive(arguments) => drive::run(arguments).await,
        }
    });
    outcome.unwrap_or_else(|error| failure::told(&error))
}
