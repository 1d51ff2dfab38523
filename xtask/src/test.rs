//! `cargo xtask test`: everything that must hold before a change is taken.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::parts::Parts;
use crate::postgres::Postgres;
use crate::workspace::{POSTGRES_URL, SKIPS, cargo, succeed, target_dir};
use crate::wrong_usage;

pub fn run(args: &[String]) -> Result<ExitCode> {
    let embedded = match args {
        [] => false,
        [flag] if flag == "--embedded" => true,
        _ => return Ok(wrong_usage("`cargo xtask test` takes `--embedded` or nothing")),
    };
    let skips = target_dir().join("test-skips.txt");
    fs::create_dir_all(target_dir())?;
    fs::write(&skips, "").with_context(|| format!("cannot write {}", skips.display()))?;

    let mut parts = Parts::default();
    let mut tally = Tally::default();

    // First, so that a missing server is said at once and not after the lints.
    let mut postgres = None;
    if embedded {
        parts.skip("postgres", "left out by --embedded");
    } else {
        parts.run("postgres", || {
            let started = Postgres::of_environment()?;
            println!("Postgres {}", started.version);
            Ok(postgres.insert(started).version.clone())
        });
    }
    packages::try_to_have_strace();
    parts.run("format", || plain(&["fmt", "--all", "--check"]));
    parts.run("lints", || {
        plain(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    });
    parts.run("cluster feature", || plain(&["check", "-p", "souk", "--features", "cluster", "--locked"]));
    parts.run("tests", || {
        let mut tests = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
        tests.env(SKIPS, &skips).env_remove(POSTGRES_URL);
        if let Some(postgres) = &postgres {
            tests.env(POSTGRES_URL, &postgres.url);
        }
        tally.of_run(&mut tests, &mut std::io::stdout())?;
        Ok(String::new())
    });
    // Of its own, so that the switches for planted bugs are never compiled into the server that the tests start.
    parts.run("planted bugs", || {
        let mut planted = cargo(&["test", "-p", "souk-sim", "--locked"]);
        planted.args(["--features", "planted", "--test", "planted"]);
        tally.of_run(&mut planted, &mut std::io::stdout())?;
        Ok(String::new())
    });
    // And so are these: query functions that forget their filter.
    parts.run("mutants", || {
        let mut mutants =
            cargo(&["test", "-p", "souk", "--locked", "--features", "plant", "--test", "mutants"]);
        mutants.args(["--", "--nocapture"]).env(SKIPS, &skips).env_remove(POSTGRES_URL);
        if let Some(postgres) = &postgres {
            mutants.env(POSTGRES_URL, &postgres.url);
        }
        tally.of_run(&mut mutants, &mut std::io::stdout())?;
        Ok(String::new())
    });
    drop(postgres);

    // Again, behind everything else: whoever reads only the end of a long output sees why.
    print!("{}", tally.failures);
    println!("\n{}", parts.table());
    print_skipped(&parts, &tally, &fs::read_to_string(&skips)?);
    let failed = parts.failed();
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plain(args: &[&str]) -> Result<String> {
    succeed(&mut cargo(args)).with_context(|| format!("cargo {}", args[0]))?;
    Ok(String::new())
}

fn print_skipped(parts: &Parts, tally: &Tally, of_tests: &str) {
    let mut lines: Vec<String> = of_tests
        .lines()
        .map(|line| line.strip_prefix("SKIPPED ").unwrap_or(line).trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    lines.sort();
    lines.dedup();
    lines.splice(0..0, parts.skipped().map(|(name, reason)| format!("{name}: {reason}")));
    if tally.ignored > 0 {
        lines.push(format!("{} tests are marked #[ignore]", tally.ignored));
    }
    println!("\nskipped:{}", if lines.is_empty() { " nothing" } else { "" });
    for line in lines {
        println!("  {line}");
    }
}

/// The sums over the `test result:` lines of all test binaries, and why which failed.
#[derive(Default, Debug, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// What the tests that failed have printed.
    failures: String,
    /// Whether what comes is of that kind.
    in_failures: bool,
}

impl Tally {
    /// Runs `cargo test`, passing its output on to `out` line by line.
    fn of_run(&mut self, tests: &mut Command, out: &mut impl Write) -> Result<()> {
        let mut child = tests.stdout(Stdio::piped()).spawn().context("cannot run `cargo test`")?;
        let output = child.stdout.take().context("the output of `cargo test` is a pipe")?;
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line)? > 0 {
            out.write_all(&line)?;
            self.add(&String::from_utf8_lossy(&line));
            line.clear();
        }
        out.flush()?;
        let status = child.wait()?;
        if !status.success() {
            // A test binary that does not compile or dies has no result line, and is a failure all the same.
            self.failed = self.failed.max(1);
            bail!("cargo test: {status}");
        }
        Ok(())
    }

    fn add(&mut self, line: &str) {
        // "failures:" comes before what they printed, and once more before their names.
        self.in_failures = (self.in_failures || line.trim_end() == "failures:") && !line.starts_with(RESULT);
        if self.in_failures {
            self.failures.push_str(line);
        }
        // "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s"
        let Some((_, counts)) = line.strip_prefix(RESULT).and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(number), Some(kind)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match kind {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

const RESULT: &str = "test result: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_summed_and_others_left_alone() {
        let mut tally = Tally::default();
        for line in [
            "running 7 tests",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            "test scores::test result: ok. 9 passed ... ok",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.25s\n",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { passed: 7, failed: 3, ignored: 1, ..Tally::default() });
    }

    #[test]
    fn a_run_without_result_lines_that_fails_counts_as_one_failure() {
        let mut tally = Tally::default();
        let dies = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; exit 101";
        let mut out = Vec::new();
        assert!(tally.of_run(Command::new("sh").args(["-c", dies]), &mut out).is_err());
        assert_eq!(out, b"test result: ok. 2 passed; 0 failed; 0 ignored\n");
        assert_eq!(tally, Tally { passed: 2, failed: 1, ..Tally::default() });
    }

    #[test]
    fn what_failing_tests_printed_is_kept_for_the_end() {
        let mut tally = Tally::default();
        let of_one = "failures:\n\n---- a stdout ----\nwhy it failed\n\nfailures:\n    a\n\n";
        let all =
            format!("test a ... FAILED\n{of_one}test result: FAILED. 0 passed; 1 failed\nrunning 2 tests\n");
        for line in all.split_inclusive('\n') {
            tally.add(line);
        }
        assert_eq!((tally.failures.as_str(), tally.failed), (of_one, 1));
    }
}
