//! `souk openapi`: prints the description of the API.

use std::process::ExitCode;

use crate::http;

use super::output;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    output::line(format_args!("{:#}", http::openapi()))?;
    Ok(ExitCode::SUCCESS)
}
