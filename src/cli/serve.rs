//! `souk serve`: opens the shop and its doors, until it is told to stop.

use std::cell::Cell;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
#[cfg(unix)]
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

#[cfg(unix)]
use crate::app::{Predecessor, Succession};
use crate::app::{ShopOptions, serve};
use crate::clock::Clock;
use crate::config::{Config, Flag};
#[cfg(unix)]
use crate::http::Opening;

use super::output;
use super::settings::{Manner, Settings, SettingsArgument};

/// The file with the server's process number, in the data directory.
const PID_FILE: &str = "souk.pid";
/// What the server before this one may take after its requests have been drained: actors, journal, index.
#[cfg(unix)]
const AFTER_THE_DRAIN: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where to listen: IP address and port
    #[arg(long)]
    addr: Option<String>,
    #[command(flatten)]
    settings: SettingsArgument,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let addr = arguments.addr.map(|value| Flag { flag: "--addr", key: "server.addr", value });
    let sources = arguments.settings.sources(Manner::Server, addr.into_iter().collect());
    let settings = Settings::of(sources)?;
    let config = &settings.config;
    let mut options = ShopOptions::of(config);
    let listener = listener(config, &mut options).await?;
    let stops = stops(&listener)?;
    let number_said = Cell::new(false);
    let stop = async {
        stops.await;
        if number_said.get() {
            forget_number(&config.database.data_dir);
        }
    };
    let listens = format!("souk listens on http://{}", listener.local_addr()?);
    let opened = || {
        number_said.set(say_number(&config.database.data_dir));
        // A shop that is open is not closed because nobody reads this.
        let _ = output::line(&listens);
    };
    serve(config, Clock::system(), options, listener, opened, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Leaves this process's number where whoever tells it something finds it; a successor replaces it. Says whether it did.
fn say_number(data_dir: &Path) -> bool {
    let path = data_dir.join(PID_FILE);
    let written = std::fs::write(&path, format!("{}\n", std::process::id()));
    if let Err(error) = &written {
        tracing::warn!(%error, path = %path.display(), "the number of this process could not be written");
    }
    written.is_ok()
}

/// Takes the number away when this process, which has put it there, begins to end: as long as it holds the shop no
/// successor has put its own there. A standby has put none, and in a container its number may be the owner's.
fn forget_number(data_dir: &Path) {
    let path = data_dir.join(PID_FILE);
    let own = std::process::id().to_string();
    if std::fs::read_to_string(&path).is_ok_and(|number| number.trim() == own) {
        // What is left names nobody, and nobody is there to be told.
        let _ = std::fs::remove_file(&path);
    }
}

/// Listens, before anything is opened: a port that is taken is told at once. A successor takes the socket of the server
/// before it, and tells that one to end.
async fn listener(config: &Config, options: &mut ShopOptions) -> anyhow::Result<TcpListener> {
    #[cfg(unix)]
    if let Some((predecessor, listener)) = Predecessor::find()? {
        options.opening = Opening::of_successor(config.server.park_ms.duration());
        options.journal.lock_patience = config.server.drain_timeout_ms.duration() + AFTER_THE_DRAIN;
        let listener = TcpListener::from_std(listener).context("cannot take over the listening socket")?;
        predecessor.may_end()?;
        return Ok(listener);
    }
    let addr = config.server.addr;
    TcpListener::bind(addr).await.with_context(|| {
        format!("cannot listen on {addr}: stop what uses the port, or choose another with --addr")
    })
}

/// When the server is to end; until then it may be succeeded.
#[cfg(unix)]
fn stops(listener: &TcpListener) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let (stop, succession) = (told_to_stop()?, Succession::on_signal(listener)?);
    Ok(async move {
        stop.await;
        succession.is_over();
    })
}

/// When the server is to end.
#[cfg(not(unix))]
fn stops(_: &TcpListener) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    told_to_stop()
}

/// SIGTERM, as process managers send it, or Ctrl-C.
#[cfg(unix)]
pub(super) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
