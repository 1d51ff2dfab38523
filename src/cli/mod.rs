//! The command line: parses, calls, prints. Exit codes: 0 done, 1 not as it should be (a violated invariant, a
//! failed run), 2 wrong usage.

mod database;
mod demo;
mod drive;
mod keys;
mod migrate;
mod rebuild;
mod replay;
mod serve;
mod verify;
mod welcome;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(keys::Action),
    /// Bring a database's tables up to date
    Migrate(migrate::Arguments),
    /// Read the journal and check every invariant
    Verify(verify::Arguments),
    /// Drop a read model and fill it from the journal again
    Rebuild(rebuild::Arguments),
    /// Replay a real marketplace's orders through this one
    #[command(subcommand)]
    Replay(replay::Source),
    /// Drive a stock shard with an in-process load client
    #[command(hide = true)]
    Drive(drive::Arguments),
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    start_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Keys(action) => keys::run(action).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Verify(arguments) => verify::run(arguments).await,
            Command::Rebuild(arguments) => rebuild::run(arguments).await,
            Command::Replay(source) => replay::run(source).await,
            Command::Drive(arguments) => drive::run(arguments).await,
        }
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
