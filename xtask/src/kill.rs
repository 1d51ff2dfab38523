//! `cargo xtask kill`: every magic card, and a kill at every step of placing an order.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::workspace::{cargo, succeed};
use crate::wrong_usage;

/// What the test asks for: everything, or one cell as a failure prints it.
const WANTED: &str = "SOUK_TEST_KILL";

pub fn run(args: &[String]) -> Result<ExitCode> {
    let wanted = match args {
        [] => None,
        [flag] if flag == "--all" => Some("all".to_owned()),
        [token, point] => Some(format!("{token} {point}")),
        _ => return Ok(wrong_usage("`cargo xtask kill` takes `--all`, a card and a place, or nothing")),
    };
    let mut test = cargo(&["test", "--locked", "--test", "it", "kill_points::", "--", "--nocapture"]);
    test.env_remove(WANTED);
    if let Some(wanted) = wanted {
        test.env(WANTED, wanted);
    }
    succeed(&mut test).context("cargo test")?;
    Ok(ExitCode::SUCCESS)
}
