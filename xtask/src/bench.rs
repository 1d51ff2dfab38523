//! `cargo xtask bench`: one benchmark in a release build.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::postgres::Postgres;
use crate::workspace::{POSTGRES_URL, cargo, root, succeed};
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

    let known = benchmarks()?;
    if !known.contains(name) {
        return Ok(wrong_usage(&format!("there is no benchmark `{name}`, only {}", known.join(", "))));
    }

    // Some benchmarks start the real server: cargo builds the package's program for them, too.
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

/// The names of all benchmarks: each is a file.
fn benchmarks() -> Result<Vec<String>> {
    let dir = root().join("benches");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
