//! `souk migrate`: brings a database's tables up to date.

use std::process::ExitCode;

use super::database::DatabaseArgument;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    database: DatabaseArgument,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let database = arguments.database.database();
    crate::journal::migrate::run(&database).await?;
    println!("{database} is up to date");
    Ok(ExitCode::SUCCESS)
}
