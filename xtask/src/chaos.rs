//! `cargo xtask chaos`: real servers under load while something goes wrong, and a table of how it went.

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::packages;
use crate::postgres::Postgres;
use crate::workspace::{POSTGRES_URL, SKIPS, cargo, target_dir};
use crate::wrong_usage;

/// What the tests are told; see `tests/it/chaos/scenario.rs`.
const LENGTH: &str = "SOUK_TEST_CHAOS_LENGTH";
const CYCLES: &str = "SOUK_TEST_CHAOS_CYCLES";
const BACKEND: &str = "SOUK_TEST_CHAOS_BACKEND";
const TABLE: &str = "SOUK_TEST_CHAOS_TABLE";

/// A scenario, and the tests it is made of.
const SCENARIOS: [(&str, &str); 18] = [
    ("kill", "chaos::kill::"),
    ("kill_points", "kill_points::"),
    ("standby", "chaos::standby::"),
    ("postgres_stop", "chaos::postgres_stop::"),
    ("connection", "a_connection_that_is_lost"),
    ("blackhole", "a_database_that_falls_silent"),
    ("second_server", "chaos::second_server::"),
    ("sync_fails", "a_disk_that_cannot_force_to_disk"),
    ("all_syncs_fail", "a_disk_that_cannot_force_anything"),
    ("write_fails", "a_disk_that_cannot_write"),
    ("no_space", "a_disk_that_is_full_for_a_few"),
    ("disk_full", "chaos::disk_full::"),
    ("slow_disk", "a_slow_disk"),
    ("hang_up", "clients_that_hang_up"),
    ("bank", "a_bank_that_does_not_answer"),
    ("full", "doors_that_are_full"),
    ("clock", "a_clock_that_jumps"),
    ("panics", "panics::"),
];

pub const HELP: &str = "\
Scenarios of `chaos`:
    kill           kill -9 at random moments           second_server  a second one on the same SQLite files
    kill_points    killed at every step of a sale      sync_fails     fsync fails with EIO at the n-th call
    standby        the owner frozen past its lease     write_fails    the same of writes
    postgres_stop  pg_ctl stop -m immediate, start     no_space       writes fail with ENOSPC for a while
    connection     cut before, at and after COMMIT     disk_full      a small disk runs full, and has space again
    blackhole      the database falls silent           slow_disk      every fsync takes 50 ms to 2 s
    hang_up        clients hang up at any moment       clock          the server's clock jumps to and fro
    bank           the bank does not answer            panics         every kind of actor panics
    full           admission is full                   all_syncs_fail fsync of any file fails with EIO
";

#[derive(Default)]
struct Wanted {
    backend: Option<String>,
    scenario: Option<&'static (&'static str, &'static str)>,
    cycles: Option<u32>,
    short: bool,
}

impl Wanted {
    fn of(args: &[String]) -> Result<Self, String> {
        let (mut wanted, mut rest) = (Wanted::default(), args.iter());
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or(format!("`{arg}` needs a value"));
            match arg.as_str() {
                "--short" => wanted.short = true,
                "--cycles" => {
                    let number = value()?.parse().ok().filter(|cycles| *cycles > 0);
                    wanted.cycles = Some(number.ok_or("`--cycles` takes a number from 1")?);
                }
                "--backend" => match value()?.as_str() {
                    "both" => wanted.backend = None,
                    one @ ("sqlite" | "postgres") => wanted.backend = Some(one.to_owned()),
                    other => return Err(format!("there is no backend `{other}`")),
                },
                "--scenario" => {
                    let name = value()?;
                    let found = SCENARIOS.iter().find(|(known, _)| known == name);
                    wanted.scenario = Some(found.ok_or(format!("there is no scenario `{name}`"))?);
                }
                other => return Err(format!("`cargo xtask chaos` knows no `{other}`")),
            }
        }
        Ok(wanted)
    }
}

/// A line of the table, as a scenario leaves it.
struct Row<'a>([&'a str; 8]);

impl<'a> Row<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        columns.try_into().ok().map(Row)
    }

    fn failed(&self) -> bool {
        self.0[5] == "FAILED"
    }

    /// What does the same again.
    fn repeat(&self, wanted: &Wanted) -> String {
        let [name, _, backend, ..] = self.0;
        let short = if wanted.short { " --short" } else { "" };
        let cycles = wanted.cycles.map_or(String::new(), |cycles| format!(" --cycles {cycles}"));
        format!("cargo xtask chaos --scenario {name} --backend {backend}{short}{cycles}")
    }
}

pub fn run(args: &[String]) -> Result<ExitCode> {
    let wanted = match Wanted::of(args) {
        Ok(wanted) => wanted,
        Err(what) => return Ok(wrong_usage(&what)),
    };
    let (table, skips) = (target_dir().join("chaos-table.txt"), target_dir().join("chaos-skips.txt"));
    fs::create_dir_all(target_dir())?;
    for path in [&table, &skips] {
        fs::write(path, "").with_context(|| format!("cannot write {}", path.display()))?;
    }
    packages::try_to_have_strace();
    let postgres = match wanted.backend.as_deref() {
        Some("sqlite") => None,
        _ => Some(Postgres::of_environment()?),
    };
    let mut tests = cargo(&["test", "--locked", "--test", "it", "--", "--nocapture", "--test-threads=1"]);
    match wanted.scenario {
        Some((_, filter)) => tests.arg(filter),
        None => tests.args(SCENARIOS.map(|(_, filter)| filter)),
    };
    tests.env(TABLE, &table).env(SKIPS, &skips);
    for variable in [LENGTH, CYCLES, BACKEND, POSTGRES_URL] {
        tests.env_remove(variable);
    }
    if !wanted.short {
        tests.env(LENGTH, "long");
    }
    if let Some(cycles) = wanted.cycles {
        tests.env(CYCLES, cycles.to_string());
    }
    if let Some(backend) = &wanted.backend {
        tests.env(BACKEND, backend);
    }
    if let Some(postgres) = &postgres {
        tests.env(POSTGRES_URL, &postgres.url);
    }
    let began = Instant::now();
    let status = tests.status().context("cannot run `cargo test`")?;
    drop(postgres);

    let text = fs::read_to_string(&table)?;
    let rows: Vec<Row<'_>> = text.lines().filter_map(Row::of).collect();
    print!("\n{}", shown(&rows, began.elapsed()));
    for row in rows.iter().filter(|row| row.failed()) {
        println!("failed; to repeat it: {}", row.repeat(&wanted));
    }
    if rows.is_empty() {
        println!("nothing was run: the scenario has no such backend, or is left out of a short run");
    }
    let good = status.success() && !rows.iter().any(Row::failed) && !rows.is_empty();
    if !good && !rows.iter().any(Row::failed) {
        println!("failed outside of a scenario: see above");
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shown(rows: &[Row<'_>], took: Duration) -> String {
    let head = Row(["scenario", "what is injected", "backend", "cycles", "facts", "result", "s", "remark"]);
    let width = |n: usize| rows.iter().chain([&head]).map(|row| row.0[n].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.0.len()).map(width).collect();
    let mut text = String::new();
    for row in [&head].into_iter().chain(rows) {
        let cells = row.0.iter().zip(&widths).enumerate().map(|(n, (cell, width))| match n {
            // Numbers end where those above end.
            3 | 4 | 6 => format!("{cell:>width$}"),
            _ => format!("{cell:width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text.push_str(&format!("{} scenarios in {} s\n", rows.len(), took.as_secs()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(args: &[&str]) -> Result<Wanted, String> {
        Wanted::of(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_read_and_wrong_ones_named() {
        let read = wanted(&["--backend", "sqlite", "--scenario", "kill", "--cycles", "7"]).ok().unwrap();
        assert_eq!((read.backend.as_deref(), read.cycles, read.short), (Some("sqlite"), Some(7), false));
        assert_eq!(read.scenario.unwrap().0, "kill");
        assert!(wanted(&["--backend", "both"]).ok().unwrap().backend.is_none());
        for wrong in
            [&["--backend", "mysql"][..], &["--scenario", "nap"], &["--cycles", "0"], &["--cycles"], &["x"]]
        {
            assert!(wanted(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_failure_names_the_command_that_repeats_it() {
        let text = "kill\tkill -9\tsqlite\t3\t12\tok\t5\t\nclock\tjumps\tpostgres\t\t\tFAILED\t9\t\nnonsense";
        let rows: Vec<Row<'_>> = text.lines().filter_map(Row::of).collect();
        assert_eq!(rows.len(), 2);
        let failed: Vec<_> = rows.iter().filter(|row| row.failed()).collect();
        let repeat = failed[0].repeat(&wanted(&["--cycles", "9"]).ok().unwrap());
        assert_eq!(repeat, "cargo xtask chaos --scenario clock --backend postgres --cycles 9");
        let table = shown(&rows, Duration::from_secs(14));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert!(lines[1].starts_with("kill      kill -9           sqlite         3     12  ok"), "{table}");
        assert_eq!(lines[3], "2 scenarios in 14 s");
    }
}
