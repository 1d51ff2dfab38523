//! `souk rebuild`: drops a projection's rows and cursors and fills it from the journal again.

use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use crate::actors::projectors::{Indexer, Projector};
use crate::adapters::search::Search;
use crate::app::SEARCH_INDEX;
use crate::journal::{Reader, migrate};
use crate::store::read::{Projection, ReadModels};

use super::settings::SettingsArgument;
use super::{output, progress};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which projection: vendors, catalogue, orders, ledger, search, or all of them
    #[arg(value_name = "NAME|all")]
    name: Which,
    #[command(flatten)]
    settings: SettingsArgument,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug)]
struct Which {
    projections: Vec<Projection>,
    search: bool,
}

impl std::str::FromStr for Which {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Which { projections: Projection::ALL.to_vec(), search: true }),
            "search" => Ok(Which { projections: Vec::new(), search: true }),
            name => match name.parse() {
                Ok(projection) => Ok(Which { projections: vec![projection], search: false }),
                Err(error) => Err(format!("{error}; and search")),
            },
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
    let roles = settings.roles()?;
    // Says that there is no journal before a migration makes an empty one.
    let reader = Reader::open(&roles.engine, 2).await?;
    migrate::run(&roles).await?;
    let models = ReadModels::open(&roles, 2).await?;
    let mut filled = Vec::new();
    for projection in arguments.name.projections {
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
    if arguments.name.search {
        let market = settings.config.market.facts().id;
        let search = Search::embedded_anew(&settings.data_dir().join(SEARCH_INDEX), &market)?;
        let mut indexer = Indexer::new(reader, search.clone());
        while indexer.step().await.context("the search index could not be filled")? {}
        filled.push(Filled { projection: "search", table: "documents", rows: search.count().await? });
    }
    if arguments.json {
        output::line(serde_json::to_string_pretty(&filled)?)?;
    } else {
        for Filled { projection, table, rows } in &filled {
            output::line(format_args!("{projection:<10} {table:<16} {rows:>9} rows"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
