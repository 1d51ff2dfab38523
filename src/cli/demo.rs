//! `souk demo`: a market to look around in, founded at the first start and opened again at every later one.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::{Doors, Preparing, ShopOptions, serve_prepared};
use crate::clock::Clock;
use crate::config::{Config, Flag};
use crate::demo::{self, Ground, Opened, Progress, key_id};
use crate::http::Services;
use crate::store::keys;
use crate::tenants::{OperatorScope, Role};

use super::output;
use super::serve::told_to_stop;
use super::settings::{Manner, Settings, SettingsArgument};
use super::welcome::{Key, Welcome};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where to listen: IP address and port
    #[arg(long)]
    addr: Option<String>,
    #[command(flatten)]
    settings: SettingsArgument,
    /// What the market is made from: another number is another market
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// How long lists and the search index are waited for before everything is said to be there.
const CATCH_UP: Duration = Duration::from_secs(10);
/// The setting that links begin with.
const PUBLIC_URL: &str = "server.public_url";

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let addr = arguments.addr.map(|value| Flag { flag: "--addr", key: "server.addr", value });
    let settings = Settings::of(arguments.settings.sources(Manner::Once, addr.into_iter().collect()))?;
    let mut config = settings.config.clone();
    let addr = config.server.addr;
    let listener = TcpListener::bind(addr).await.with_context(|| {
        format!("cannot listen on {addr}: stop what uses the port, or choose another with --addr")
    })?;
    if !settings.is_given(PUBLIC_URL) {
        // Links must lead here although --addr names another port, or none.
        let listens = listener.local_addr()?;
        config.server.public_url = if listens.ip().is_loopback() || listens.ip().is_unspecified() {
            format!("http://localhost:{}", listens.port())
        } else {
            format!("http://{listens}")
        };
    }
    let stop = told_to_stop()?;
    let (started, is_terminal) = (Instant::now(), std::io::stdout().is_terminal());
    let (seed, settings) = (arguments.seed, config.clone());
    let welcome = |(opened, keys): (Opened, Vec<Key>)| {
        let welcome = Welcome {
            opened: &opened,
            keys: &keys,
            url: config.server.public_url.trim_end_matches('/'),
            data_dir: &config.database.data_dir,
            took: started.elapsed(),
            is_terminal,
        };
        // A market that is open is not closed because nobody reads this.
        let _ = output::print(welcome);
    };
    let options = ShopOptions::of(&config);
    let served = serve_prepared(
        &config,
        Clock::system(),
        options,
        listener,
        move |doors| prepare(doors, settings, seed),
        welcome,
        stop,
    );
    if !served.await? {
        output::note("stopped before the market was complete; start again to go on");
    }
    Ok(ExitCode::SUCCESS)
}

fn prepare(doors: &Doors, config: Config, seed: Option<u64>) -> Preparing<'_, (Opened, Vec<Key>)> {
    Box::pin(async move {
        let found = found(&doors.services, &config, seed).await?;
        // So that whoever tries at once finds everything.
        doors.caught_up(CATCH_UP).await?;
        Ok(found)
    })
}

/// The market, and keys to it.
async fn found(
    services: &Services,
    config: &Config,
    seed: Option<u64>,
) -> anyhow::Result<(Opened, Vec<Key>)> {
    let ground = Ground {
        node: Arc::clone(&services.node),
        vault: Arc::clone(&services.vault),
        market: services.market.clone(),
        limits: services.limits,
        commission: services.commission,
    };
    let progress = Arc::new(Progress::default());
    let line = std::io::stderr().is_terminal().then(|| Line::of(Arc::clone(&progress)));
    let opened = demo::open(&ground, &config.database.data_dir, seed, &progress).await;
    drop(line);
    let opened = opened?;
    let keys = match &opened {
        Opened::Demo { seed, vendor: (vendor, name), .. } => vec![
            key(services, *seed, "operator", Role::Operator, "operator").await?,
            key(services, *seed, "vendor", Role::Vendor(*vendor), name).await?,
        ],
        Opened::Another => Vec::new(),
    };
    Ok((opened, keys))
}

/// A key that can be shown again at every start: its secret is a function of the server's own.
async fn key(services: &Services, seed: u64, kind: &str, role: Role, whose: &str) -> anyhow::Result<Key> {
    let now = services.node.clock().now();
    let (text, record) = services.server_key.issue(key_id(seed, kind), role, &format!("demo {kind}"), now)?;
    let known = keys::find(&services.plain, record.id).await?;
    let is_revoked = known.as_ref().is_some_and(|known| known.revoked_at.is_some());
    if known.is_none() {
        keys::create(&services.plain, &OperatorScope::of_console(), &record).await?;
    }
    Ok(Key { whose: whose.to_owned(), text: (!is_revoked).then_some(text), role })
}

/// The line of progress, until this is dropped: also by somebody who does not wait for the founding.
struct Line(JoinHandle<()>);

impl Line {
    fn of(progress: Arc<Progress>) -> Self {
        Line(tokio::spawn(show(progress)))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.abort();
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
}

/// One line that is written over, for whoever watches.
async fn show(progress: Arc<Progress>) {
    loop {
        let (phase, done, total) = progress.now();
        if total > 0 {
            let _ = write!(std::io::stderr(), "\r\x1b[K  founding the demo market: {phase} {done}/{total}");
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}
