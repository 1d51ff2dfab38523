//! `souk migrate`: brings a database's tables up to date.

use std::process::ExitCode;

use serde_json::json;

use crate::journal::migrate;

use super::output;
use super::settings::SettingsArgument;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: SettingsArgument,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = arguments.settings.load()?;
    let roles = settings.roles()?;
    migrate::run(&roles).await?;
    let database = roles.migrator;
    let newest = migrate::MIGRATIONS.last().map(|file| file.number);
    if arguments.json {
        output::line(json!({ "database": database.to_string(), "migration": newest }))?;
    } else {
        output::line(format_args!("{database} is up to date"))?;
    }
    Ok(ExitCode::SUCCESS)
}
