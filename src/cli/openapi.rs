//! `souk openapi`: prints the description of the API.

use std::process::ExitCode;

use crate::http;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    println!("{}", serde_json::to_string_pretty(&http::openapi())?);
    Ok(ExitCode::SUCCESS)
}
