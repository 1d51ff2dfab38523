//! `souk rebuild`: drops a projection's rows and cursors and fills it from the journal again.

use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use crate::actors::projectors::Projector;
use crate::journal::{Reader, migrate};
use crate::store::read::{Projection, ReadModels};

use super::progress;
use super::settings::SettingsArgument;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which projection: vendors, catalogue, orders, ledger, or all of them
    #[arg(value_name = "NAME|all")]
    name: Which,
    #[command(flatten)]
    settings: SettingsArgument,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug)]
struct Which(Vec<Projection>);

impl std::str::FromStr for Which {
    type Err = crate::store::read::UnknownProjection;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Which(Projection::ALL.to_vec())),
            name => name.parse().map(|projection| Which(vec![projection])),
        }
    }
}

/// A table and how many rows it has now.
#[derive(Serialize)]
struct Filled {
    projection: &'static str,
    table: &'static str,
    rows: u64,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = arguments.settings.load()?;
    let database = settings.database()?;
    // Says that there is no journal before a migration makes an empty one.
    let reader = Reader::open(&database, 2).await?;
    migrate::run(&database).await?;
    let models = ReadModels::open(&database, 2).await?;
    let mut filled = Vec::new();
    for projection in arguments.name.0 {
        let mut projector = Projector::new(projection, reader.clone(), models.clone());
        projector.reset().await?;
        let bar = progress::counting("pages of events");
        while projector.step().await.with_context(|| format!("{projection} could not be filled"))? {
            bar.add(1);
        }
        drop(bar);
        for (table, rows) in models.counts(projection).await? {
            filled.push(Filled { projection: projection.name(), table, rows });
        }
    }
    models.close().await;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&filled)?);
    } else {
        for Filled { projection, table, rows } in &filled {
            println!("{projection:<10} {table:<16} {rows:>9} rows");
        }
    }
    Ok(ExitCode::SUCCESS)
}
