//! `cargo xtask bench`: one benchmark in a release build.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::postgres::Postgres;
use crate::workspace::{POSTGRES_URL, cargo, succeed};
use crate::wrong_usage;

pub fn run(args: &[String]) -> Result<ExitCode> {
    let (embedded, args) = match args.split_first() {
        Some((first, rest)) if first == "--embedded" => (true, rest),
        _ => (false, args),
    };
    let Some((name, bench_args)) = args.split_first().filter(|(name, _)| !name.starts_with('-')) else {
        return Ok(wrong_usage(
            "`cargo xtask bench [--embedded] NAME [ARGS…]` needs the name of a benchmark",
        ));
    };

    // Some benchmarks start the real server, so it is built first, in the same profile.
    succeed(&mut cargo(&["build", "--release", "--locked"])).context("cargo build --release")?;

    let mut bench = cargo(&["bench", "--locked", "--bench", name, "--"]);
    bench.args(bench_args).env_remove(POSTGRES_URL);
    let postgres = if embedded { None } else { Some(Postgres::of_environment()?) };
    match &postgres {
        None => println!("Without Postgres, as --embedded asks."),
        Some(postgres) => {
            println!("Postgres {}", postgres.version);
            bench.env(POSTGRES_URL, &postgres.url);
        }
    }
    succeed(&mut bench).with_context(|| format!("cargo bench --bench {name}"))?;
    Ok(ExitCode::SUCCESS)
}
