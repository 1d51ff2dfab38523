//! `souk replay`: sells a real marketplace's orders through this one, and holds the books against the source's.

use std::fs::File;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Context;

use crate::app::ShopOptions;
use crate::replay::olist::drive::{self, Options, Outcomes, Progress};
use crate::replay::olist::plan::{Plan, Selection};
use crate::replay::olist::scarcity::Scarcity;
use crate::replay::olist::{decimal, read};

use super::settings::SettingsArgument;

/// What can be replayed.
#[derive(clap::Subcommand)]
pub(super) enum Source {
    /// A directory of the Olist form: orders, order_items, products, sellers, category translation
    Olist(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The directory; files end in .csv or .csv.zst
    dir: PathBuf,
    #[command(flatten)]
    settings: SettingsArgument,
    /// Only the first so many orders, by time of purchase
    #[arg(long)]
    orders: Option<usize>,
    /// Orders under way at the same time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    concurrency: u16,
    /// The share of the stock that arrives, from 0 to 1
    #[arg(long, default_value = "1")]
    scarcity: Scarcity,
    /// What the marketplace keeps of the goods, in per cent
    #[arg(long, default_value = "10.00")]
    commission: String,
    /// Where to log what was acknowledged, for `souk verify --acks`
    #[arg(long)]
    acks: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(source: Source) -> anyhow::Result<ExitCode> {
    let Source::Olist(arguments) = source;
    let commission = decimal::per_cent(&arguments.commission)
        .with_context(|| format!("--commission {:?} is no percentage such as 10.00", arguments.commission))?;
    let source = read::read(&arguments.dir)?;
    let plan = Plan::new(&source, Selection { orders: arguments.orders, scarcity: arguments.scarcity });
    drop(source);
    let acks = match &arguments.acks {
        None => None,
        Some(path) => {
            let file = File::options().create(true).append(true).open(path);
            Some(file.with_context(|| format!("cannot write {}", path.display()))?)
        }
    };
    // Nobody reads letters about orders of years ago.
    let settings = arguments.settings.load()?;
    let shop = settings.open_shop(ShopOptions { letters: false, ..ShopOptions::default() }).await?;
    let progress = Arc::new(Progress::default());
    let bar = std::io::stderr().is_terminal().then(|| tokio::spawn(show(Arc::clone(&progress))));
    let options = Options { concurrency: usize::from(arguments.concurrency), commission, acks };
    let outcomes = drive::run(Arc::clone(&shop.node), Arc::clone(&shop.vault), plan, options, progress).await;
    if let Some(bar) = bar {
        bar.abort();
        eprintln!();
    }
    shop.close().await;
    let Outcomes { report, expected } = outcomes?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    let differences = report.check_against(&expected);
    for difference in &differences {
        eprintln!("not as it must be: {difference}");
    }
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line that is written over, for whoever watches.
async fn show(progress: Arc<Progress>) {
    loop {
        let phase = *progress.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, total) = (progress.done.load(Ordering::Relaxed), progress.total.load(Ordering::Relaxed));
        eprint!("\r\x1b[K{phase}: {done} of {total}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
