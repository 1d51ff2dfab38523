//! `cargo xtask bench`: one benchmark in a release build, or all of them and one table.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::figures;
use crate::packages;
use crate::postgres::Postgres;
use crate::workspace::{POSTGRES_URL, cargo, root, succeed, target_dir};
use crate::wrong_usage;

/// Names the file that benchmarks write their figures into.
const FIGURES: &str = "SOUK_BENCH_FIGURES";
/// All of them, in the order of the table, and how often each is run: once, where it measures in rounds itself or
/// counts what must not vary.
const TABLE: [(&str, u32); 9] = [
    ("hot_sku", RUNS),
    ("checkouts", RUNS),
    ("doors", 1),
    ("overload", RUNS),
    ("idle_checkouts", RUNS),
    ("passivation", 1),
    ("growth", 1),
    ("restart", 1),
    ("scopes", 1),
];
const RUNS: u32 = 5;

pub fn run(args: &[String]) -> Result<ExitCode> {
    let (embedded, args) = match args.split_first() {
        Some((first, rest)) if first == "--embedded" => (true, rest),
        _ => (false, args),
    };
    let Some((name, bench_args)) = args.split_first() else {
        return table(embedded);
    };
    let known = benchmarks()?;
    if !known.contains(name) {
        return Ok(wrong_usage(&format!("there is no benchmark `{name}`, only {}", known.join(", "))));
    }
    let postgres = postgres(embedded)?;
    bench(name, bench_args, postgres.as_ref(), None)?;
    Ok(ExitCode::SUCCESS)
}

fn postgres(embedded: bool) -> Result<Option<Postgres>> {
    if embedded {
        println!("Without Postgres, as --embedded asks.");
        return Ok(None);
    }
    let postgres = Postgres::of_environment()?;
    println!("Postgres {}", postgres.version);
    Ok(Some(postgres))
}

fn bench(name: &str, args: &[String], postgres: Option<&Postgres>, figures: Option<&Path>) -> Result<()> {
    if name == "hot_sku" {
        packages::try_to_have_redis();
    }
    // Some benchmarks start the real server: cargo builds the package's program for them, too.
    let mut bench = cargo(&["bench", "--locked", "--bench", name, "--"]);
    bench.args(args).env_remove(POSTGRES_URL).env_remove(FIGURES);
    if let Some(postgres) = postgres {
        bench.env(POSTGRES_URL, &postgres.url);
    }
    if let Some(figures) = figures {
        bench.env(FIGURES, figures);
    }
    succeed(&mut bench).with_context(|| format!("cargo bench --bench {name}"))
}

/// Runs all of them, as often as each must be, and prints what came of it as one table. A goal that is missed makes a
/// benchmark fail and stops nothing.
fn table(embedded: bool) -> Result<ExitCode> {
    let file = target_dir().join("bench-figures.txt");
    fs::create_dir_all(target_dir())?;
    fs::write(&file, "").with_context(|| format!("cannot write {}", file.display()))?;
    let postgres = postgres(embedded)?;
    let mut failed = Vec::new();
    for (name, runs) in TABLE {
        for run in 1..=runs {
            println!("\n── {name}, {run} of {runs} ──");
            if let Err(error) = bench(name, &[], postgres.as_ref(), Some(&file)) {
                println!("{error:#}");
                failed.push(format!("{name} ({run})"));
            }
        }
    }
    let lines = fs::read_to_string(&file)?;
    if lines.is_empty() {
        bail!("nothing was measured");
    }
    println!("\n{}", figures::table(&lines));
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("ended with an error, as one does that misses a goal: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_benchmark() {
        let mut of_table = TABLE.map(|(name, _)| name.to_owned());
        of_table.sort();
        assert_eq!(benchmarks().unwrap(), of_table);
    }
}
