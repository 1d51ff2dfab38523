//! `cargo xtask sim`: simulated histories by the thousand, in a build made for them, on all cores.

use std::num::NonZero;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::workspace::{cargo, succeed, target_dir};
use crate::wrong_usage;

/// Link-time optimisation: a third more histories a second.
const PROFILE: &str = "histories";

pub fn run(args: &[String]) -> Result<ExitCode> {
    let (mut seeds, mut from) = (None, 1_u64);
    let mut rest = args;
    while let [flag, value, others @ ..] = rest {
        let Ok(number) = value.parse() else { return Ok(wrong_usage(&format!("{value} is not a number"))) };
        match flag.as_str() {
            "--seeds" => seeds = Some(number),
            "--from" => from = number,
            _ => return Ok(wrong_usage(&format!("`cargo xtask sim` takes no {flag}"))),
        }
        rest = others;
    }
    let (Some(seeds), []) = (seeds, rest) else {
        return Ok(wrong_usage(
            "`cargo xtask sim` takes --seeds N, and --from A if it should not begin at 1",
        ));
    };
    let seeds: u64 = seeds;
    succeed(&mut cargo(&["build", "--profile", PROFILE, "--locked", "-p", "souk-sim"]))?;
    let jobs = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut simulator = Command::new(target_dir().join(PROFILE).join("souk-sim"));
    simulator.args(["seeds", "--from", &from.to_string(), "--count", &seeds.to_string()]);
    simulator.args(["--jobs", &jobs.to_string(), "--tapes"]).arg(target_dir().join("sim"));
    let status = simulator.status().context("cannot run souk-sim")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
