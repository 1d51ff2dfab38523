//! `souk replay`: sells a real marketplace's orders through this one, and holds the books against the source's.

mod destination;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use souk_core::money::Rate;

use crate::config::{Config, Flag, Preset, Sources};
use crate::replay::AckLog;
use crate::replay::olist::drive::{self, Options, Outcomes, Progress};
use crate::replay::olist::plan::{Plan, Selection};
use crate::replay::olist::read;
use crate::replay::olist::run::{self, ACKS_FILE, Terms};
use crate::replay::olist::scarcity::Scarcity;
use crate::replay::olist::{CURRENCY, decimal};

use super::WrongUsage;
use super::settings::{Manner, Settings, SettingsArgument};
use super::{output, progress};
use destination::Destination;

/// The directory of the replays' data directories.
const DATA: &str = "souk-replay";
/// How many lost orders are named.
const LOST_NAMED_MAX: usize = 20;

/// What can be replayed.
#[derive(clap::Subcommand)]
pub(super) enum Source {
    /// A directory of the Olist form: orders, order_items, products, sellers, category translation
    ///
    /// Run it again after it was interrupted: it goes on where it was. What it must remember for that lies in the data
    /// directory: its terms in replay-olist.json, the keys of its vendors in replay-olist.keys, what it was told in
    /// replay-olist.acks. Without --data each set of terms has a directory of its own in ./souk-replay.
    Olist(Box<Arguments>),
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
    /// Over HTTP like everybody, or given to the actors directly, for measuring
    #[arg(long, value_enum, default_value = "http")]
    through: Through,
    /// A server that runs: http://HOST:PORT. It must sell in BRL to BR. Without it the replay starts one of its own
    #[arg(long, requires = "key", conflicts_with = "database")]
    url: Option<String>,
    /// An operator's key of that server
    #[arg(long, requires = "url")]
    key: Option<String>,
    /// Where to log what was acknowledged, for `souk verify --acks`; in the data directory unless named here. What it
    /// says already must be found done
    #[arg(long)]
    acks: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Through {
    Http,
    Actors,
}

impl Through {
    const fn name(self) -> &'static str {
        match self {
            Through::Http => "http",
            Through::Actors => "actors",
        }
    }
}

pub(super) async fn run(source: Source) -> anyhow::Result<ExitCode> {
    let Source::Olist(arguments) = source;
    let commission = decimal::per_cent(&arguments.commission).map_err(|error| {
        WrongUsage(format!("--commission {:?} {error}, such as 10.00", arguments.commission))
    })?;
    if arguments.through == Through::Actors && arguments.url.is_some() {
        return Err(WrongUsage::error(
            "--url is for --through http: a running server's actors cannot be reached",
        ));
    }
    let into = Destination::of(&arguments)?;
    let source = read::read(&arguments.dir)?;
    let mut sources = sources(&arguments);
    let config = Config::load(sources.clone())?;
    let terms = Terms {
        source: run::hash(&source),
        orders: arguments.orders.map_or_else(|| "all".to_owned(), |orders| orders.to_string()),
        scarcity: arguments.scarcity.to_string(),
        commission_basis_points: commission.0,
        through: arguments.through.name().to_owned(),
        place: into.place(&config.config)?,
        key: into.key_id(),
    };
    // Above the default, below what anybody has said.
    let folder = Path::new(DATA).join(terms.folder()).display().to_string();
    sources.presets.push(Preset { key: "database.data_dir", value: folder });
    let settings = Settings::of(sources)?;
    let goes_on = begin_or_resume(&terms, &into, &settings).await?;
    let plan = Plan::new(&source, Selection { orders: arguments.orders, scarcity: arguments.scarcity });
    drop(source);
    let acks = arguments.acks.clone().unwrap_or_else(|| settings.data_dir().join(ACKS_FILE));
    let acks = AckLog::open(&acks)?;
    output::note(format_args!(
        "{} in {}, acknowledgements in {}",
        if goes_on { "goes on where it was" } else { "begins" },
        settings.data_dir().display(),
        acks.path().display()
    ));
    let outcomes = replay(&arguments, &settings, into, plan, (commission, acks)).await?;
    if arguments.json {
        output::line(serde_json::to_string_pretty(&outcomes.report)?)?;
    } else {
        output::print(&outcomes.report)?;
    }
    let faults = faults(&outcomes);
    for fault in &faults {
        output::note(format_args!("not as it must be: {fault}"));
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything that is wrong with what came of it.
fn faults(outcomes: &Outcomes) -> Vec<String> {
    let Outcomes { report, expected, lost } = outcomes;
    let mut faults: Vec<String> = report.refused_in_vain(expected).into_iter().collect();
    faults.extend(report.check_against(expected).iter().map(ToString::to_string));
    if !lost.is_empty() {
        let named: Vec<String> = lost.iter().take(LOST_NAMED_MAX).map(ToString::to_string).collect();
        let more = lost.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        faults.push(format!("orders that were acknowledged as placed are not: {}{more}", named.join(", ")));
    }
    faults
}

/// Whether it goes on with what an earlier run began.
async fn begin_or_resume(terms: &Terms, into: &Destination, settings: &Settings) -> anyhow::Result<bool> {
    let dir = settings.data_dir();
    if terms.resumes(dir)? {
        return Ok(true);
    }
    // What a running server holds is its operator's business.
    if !matches!(into, Destination::Server(_)) {
        run::refuse_other_market(&settings.roles()?.engine, dir).await?;
    }
    terms.begin(dir)?;
    Ok(false)
}

/// A market like the source's, whatever the settings say of it, and a bank that does not think long.
fn sources(arguments: &Arguments) -> Sources {
    let market = |key, value: &str| Flag { flag: "replay olist", key, value: value.to_owned() };
    let flags = vec![
        market("market.countries", "BR"),
        market("market.currency", CURRENCY.code()),
        market("market.locale", "pt-BR"),
        market("market.prices_include_tax", "true"),
        market("market.tax_rate", ""),
        market("market.tax_jurisdiction", ""),
    ];
    let mut sources = arguments.settings.sources(Manner::Once, flags);
    for key in ["payments.test_bank_delay_ms", "payments.notice_delay_ms"] {
        sources.presets.push(Preset { key, value: "0".to_owned() });
    }
    sources
}

async fn replay(
    arguments: &Arguments,
    settings: &Settings,
    into: Destination,
    plan: Plan,
    (commission, acks): (Rate, AckLog),
) -> anyhow::Result<Outcomes> {
    let (shop, open) = into.open(settings).await?;
    let progress = Arc::new(Progress::default());
    let bar = progress::replay(Arc::clone(&progress));
    let options = Options { concurrency: usize::from(arguments.concurrency), commission, acks };
    let outcomes = drive::run(shop, plan, options, progress).await;
    drop(bar);
    open.close().await?;
    outcomes
}
